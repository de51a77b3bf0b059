"""The sandbox's two halves, people who have connected a Drive each, and the bot between them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from bench.child import Child, Json
from bench.owners import write_settings
from bench.report import Site, Wrong
from bench.uploads.content import Content
from bench.uploads.servers import account_of
from bench.world import BOT_TOKEN

LIMIT: Final = 40_000_000
"""Bytes a second on either leg, where they are limited."""
LATENCY: Final = 0.05
"""Seconds, before every answer of Drive's, where the legs are limited."""


class NoCurl(Exception):
    """Uploads are compared to curl's, and it is not here."""


def curl() -> str:
    """Where it is.

    Raises:
        NoCurl: nowhere.
    """
    found = shutil.which("curl")
    if found is None:
        raise NoCurl("uploads are compared to curl's: please install curl")
    return found


def whole_at(google: Child, account: str, name: str, content: Content) -> float:
    """When Drive had all of a file (Unix time).

    Raises:
        Wrong: there is none, or more than one, or another one.
    """
    files = google.ask("arrived", account=account, name=name)["files"]
    if [(file["md5"], file["size"]) for file in files] != [(content.md5, content.size)]:
        raise Wrong(f"what has arrived is not what was sent, once: {files}")
    return float(files[0]["completed"])


@dataclass(frozen=True, slots=True)
class Sent:
    """A file that somebody sent to the bot, and that is in Drive."""

    seconds: float
    """From sending it to having its link."""
    seconds_to_drive: float
    """From sending it to Drive having all of it."""


class Installation:
    """Everything but who is measured; a context manager."""

    def __init__(self, site: Site, name: str, people: int, *, telegram: Literal["cloud", "local"]):
        """
        Args:
            people: who will send files to the bot, from number 1 on. Number 0 has a Drive and no
                bot: it is where the peers upload.
        """
        self.site = site
        self.folder = site.folder / name
        self.folder.mkdir()
        self._people_count = people
        self._mode = telegram
        self._stack = ExitStack()
        self._known = 0

    def __enter__(self) -> Self:
        data = self.folder / "user_data"
        with ExitStack() as stack:
            self.google = stack.enter_context(
                self.site.beside(
                    "bench.uploads.servers",
                    *("google", self.folder / "google", data, self._people_count + 1),
                )
            )
            self.telegram = stack.enter_context(
                self.site.beside(
                    "bench.uploads.servers", "telegram", self.folder / "telegram", self._mode
                )
            )
            self.url, self.telegram_url = self.google.hello["url"], self.telegram.hello["url"]
            self.tokens: list[str] = self.google.hello["tokens"]
            self.settings = write_settings(
                self.folder / "bot.env",
                data,
                self.url,
                TELEGRAM_BOT_TOKEN=BOT_TOKEN,
                TELEGRAM_API_BASE_URL=self.telegram_url,
                TELEGRAM_LINK_BASE_URL=self.telegram_url,
                TELEGRAM_LOCAL_MODE=str(self._mode == "local").lower(),
                TELEGRAM_FILES_DIR=(self.folder / "telegram" / "telegram" / "local").resolve(),
                TOKEN_MAINTENANCE_INTERVAL_MINUTES=0,
            )
            self._people = stack.enter_context(
                self.site.beside("bench.uploads.people", self.telegram_url)
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def peer(self, kind: Literal["curl", "client"]) -> Child:
        """curl, or Google's client."""
        path = curl() if kind == "curl" else self.folder / "spool"
        return self.site.measured("bench.uploads.peers", kind, self.url, self.tokens[0], path)

    def bot(self) -> Child:
        """The bot's own process, fresh; the people have greeted it, this time or before."""
        temporary = self.temporary
        temporary.mkdir(exist_ok=True)
        child = self.site.measured("bench.bot", self.settings, TMPDIR=str(temporary))
        try:
            if not self._known:
                self._known = self._people_count
                self._people.ask("greet", people=list(range(1, self._known + 1)))
        except BaseException:
            child.close()
            raise
        return child

    @property
    def temporary(self) -> Path:
        """Where the bot's temporary files would be."""
        return self.folder / "tmp"

    def limit(self, on: bool) -> None:
        """Limit both legs, or neither."""
        rate = LIMIT if on else None
        self.telegram.ask("limit", bytes_per_second=rate, latency=0)
        self.google.ask("limit", bytes_per_second=rate, latency=LATENCY if on else 0)

    def known_to_telegram(self, content: Content, name: str) -> Json:
        """Telegram has the file: its `blob`, to be sent, and its `file_id`, to be got."""
        return self.telegram.ask("file", path=str(content.path), name=name)

    def send(self, content: Content, blob: str, name: str, people: Sequence[int]) -> list[Sent]:
        """All these people send the file to the bot at once.

        Raises:
            Wrong: one did not arrive, or not whole, or twice.
        """
        files = [{"person": person, "blob": blob, "name": name} for person in people]
        found = []
        answers = self._people.ask("send", files=files)["sent"]
        for person, answer in zip(people, answers, strict=True):
            if answer["refusal"]:
                raise Wrong(f"a file was not uploaded: {answer['refusal']}")
            complete = self.arrived(account_of(person), name, content)
            found.append(Sent(answer["seconds"], complete - answer["at"]))
        return found

    def arrived(self, account: str, name: str, content: Content) -> float:
        """As `whole_at`."""
        return whole_at(self.google, account, name, content)

    def curl_up(self, curl: Child, content: Content, name: str) -> float:
        """Seconds in which curl uploads the file.

        Raises:
            Wrong: as above.
        """
        done = curl.ask("up", path=str(content.path), name=name)
        self.arrived(account_of(0), name, content)
        return float(done["seconds"])
