"""A department that is authorised, and what its computers need: Google, the cloud, and codes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.child import Child
from bench.owners import CLIENT_ID, CLIENT_SECRET, new_key, write_settings
from bench.report import Site
from bench.uploads.content import Content
from bench.uploads.installation import curl, whole_at
from bench.uploads.servers import account_of
from bench.web.process import first_answer, settings_at, sign_in_link, web_process
from bench.web.visiting import ACCOUNT, visitor
from sandbox.ports import free_port

_LINE: Final = 2_500_000
"""Bytes a second: 20 Mbit/s."""
_LATENCY: Final = 0.05
"""Seconds, before every answer of Google's."""


@dataclass(frozen=True, slots=True)
class Office:
    """What stands ready."""

    cloud: str
    """The address of `drivekeeper web`."""
    codes: Sequence[str]
    """To pair a computer with, one for each of the rights that were asked for."""
    settings: Path
    """Of the computers."""
    google: Child
    curl: Child
    """It uploads for somebody else, to the same Google."""

    def limit(self) -> None:
        """From here on bytes go to Google as slowly as on the line."""
        self.google.ask("limit", bytes_per_second=_LINE, latency=_LATENCY)

    def arrived(self, name: str, content: Content) -> float:
        """When the department had all of the file; as `whole_at`."""
        return whole_at(self.google, ACCOUNT, name, content)

    def curl_up(self, content: Content, name: str) -> float:
        """Seconds in which curl uploads the file."""
        done = self.curl.ask("up", path=str(content.path), name=name)
        whole_at(self.google, account_of(0), name, content)
        return float(done["seconds"])


@contextmanager
def office(site: Site, rights: Sequence[Sequence[str]]) -> Iterator[Office]:
    """Everything but the desktops.

    Args:
        rights: what each of the computers may.
    """
    folder = site.folder / "office"
    folder.mkdir()
    server = "google", folder / "google", folder / "somebody", 1
    with site.beside("bench.uploads.servers", *server) as google:
        url, port = google.hello["url"], free_port()
        settings = _settings(folder, url, port)
        desks = write_settings(folder / "desk.env", folder / "none", url)
        up = "curl", url, google.hello["tokens"][0], curl()
        with (
            web_process(settings, folder / "web.log", site.other_core),
            site.measured("bench.uploads.peers", *up) as peer,
        ):
            first_answer(port, "/healthz")
            link = sign_in_link(settings, "Ops")
            cloud = f"http://localhost:{port}"
            codes = asyncio.run(_prepare(cloud, url, link, rights))
            yield Office(cloud, codes, desks, google, peer)


def _settings(folder: Path, google: str, port: int) -> Path:
    database = folder / "cloud.db"
    database.touch()  # the product makes none by itself
    return write_settings(
        *(folder / "cloud.env", folder / "cloud", google),
        **settings_at(port),
        DATABASE_URL=f"sqlite:///{database}",
        TOKEN_ENCRYPTION_KEY=new_key(),
        WEB_GOOGLE_CLIENT_ID=CLIENT_ID,
        WEB_GOOGLE_CLIENT_SECRET=CLIENT_SECRET,
    )


async def _prepare(
    cloud: str, google: str, link: str, rights: Sequence[Sequence[str]]
) -> list[str]:
    """Have the department authorised, and make the codes."""
    async with visitor(cloud, google) as visits:
        await visits.sign_in(link)
        await visits.authorise()
        return [await visits.pairing_code(may) for may in rights]
