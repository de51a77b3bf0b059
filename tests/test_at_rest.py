"""What lies under the data folder: with a key nothing in plaintext, without one files that
google-auth itself loads; and nothing that other users of the machine could read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import stat
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import aiohttp
import google_auth_httplib2
import pytest
from google.oauth2.credentials import Credentials
from googleapiclient import discovery_cache
from googleapiclient.discovery import build_from_document
from googleapiclient.http import build_http
from pydantic import SecretStr

from bot.uploads.jobs import UploadJob
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.server import Sandbox
from security.credential import Owner
from security.encryption import TokenEncryption, is_encrypted
from tests.canaries import Canaries, MarkedWorld
from tests.fixtures import RunningBot, StartBot
from tests.journeys import DEVICE_CODE, ask_to_connect, confirm
from tests.running import in_rest
from tests.stores import uploads_in

NO_DOCUMENTS: Final = frozenset({".lock", ".key"})
"""Empty files, and the key of the log's masks."""


@pytest.fixture
def canaries() -> Canaries:
    """The marked secrets of this run."""
    return Canaries()


@pytest.fixture
def world(canaries: Canaries, tmp_path: Path) -> MarkedWorld:
    """A sandbox's settings, marked."""
    return MarkedWorld(canaries, tmp_path)


@pytest.fixture
async def sandbox(world: MarkedWorld) -> AsyncIterator[Sandbox]:
    """Telegram and Google on loopback, marked. Takes the place of conftest's."""
    async with Sandbox(world.config) as running:
        world.watch(running)
        yield running


@pytest.fixture
def careless_umask() -> Iterator[None]:
    """Private files are private whatever the process was started with."""
    before = os.umask(0)
    yield
    os.umask(before)


class Visitor:
    """Connects people in whichever flow the bot uses, as far as it is wanted."""

    def __init__(self, world: MarkedWorld, google: GoogleControls, bot: RunningBot) -> None:
        self.world = world
        self.google = google
        self.bot = bot
        self.flow = bot.settings.google_oauth_flow

    async def ask(self, person: Person) -> str:
        """/connect; the code or the address to approve."""
        wanted = {
            "device": "Enter this code",
            "callback": "Back to Telegram",
            "paste": "Copy that page's whole address",
        }
        message = await ask_to_connect(person, wanted[self.flow])
        pending = await self.bot.services.core.consents.latest(Owner.user(person.id))
        assert pending is not None
        for name in ("state", "code_verifier"):
            if secret := getattr(pending, name).get_secret_value():
                self.world.canaries.add(name, secret)
        if self.flow == "device":
            found = DEVICE_CODE.search(message.text)
            assert found
            return found[0]
        return person.button_url("Open Google's page", message)

    async def approve(self, person: Person, account: str) -> str:
        """Ask and approve; what it takes to finish."""
        asked = await self.ask(person)
        if self.flow == "device":
            await self.google.approve_device(asked, account)
            await person.wait_for("has approved")
            return "Yes, that is mine"
        redirected = await self.google.consent(asked, account)
        if self.flow == "paste":
            return redirected
        async with aiohttp.ClientSession() as session, session.get(redirected) as response:
            found = re.search(r'href="([^"]+)"', await response.text())
        assert found
        claim_code = parse_qs(urlsplit(unescape(found[1])).query)["start"][0]
        self.world.canaries.add("claim code", claim_code)
        return claim_code

    async def connect(self, person: Person) -> str:
        """From /connect to "Connected"; the account."""
        account = self.world.account()
        last = await self.approve(person, account)
        if self.flow == "device":
            await person.tap(last)
            await person.wait_for("Connected as")
            return account
        await (person.start(last) if self.flow == "callback" else person.send(last))
        await confirm(person, account)
        return account


def documents(folder: Path) -> dict[Path, bytes]:
    """Every file that holds something about somebody."""
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in NO_DOCUMENTS
    }


def everything(folder: Path) -> list[Path]:
    """The folder, and whatever is in it."""
    return [folder, *folder.rglob("*")]


def check_modes(paths: Iterable[Path]) -> None:
    """Files 0600, folders 0700, and nothing half written."""
    for path in paths:
        mode = stat.S_IMODE(path.lstat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path.name
        assert path.is_dir() or path.is_file(), path.name
        assert path.suffix != ".tmp", path.name


async def at_rest(folder: Path) -> dict[Path, bytes]:
    """The documents of a bot that runs, seen in a moment in which it writes none."""
    async with asyncio.timeout(10):
        while True:
            with contextlib.suppress(FileNotFoundError):
                files, paths = documents(folder), everything(folder)
                if not any(path.suffix == ".tmp" for path in paths):
                    check_modes(paths)
                    return files
            await asyncio.sleep(0.05)


def who_is(path: Path, root: str) -> str:
    """Whose Drive google-auth and Google's client reach with this file, and nothing else."""
    credentials = Credentials.from_authorized_user_file(path)  # type: ignore[no-untyped-call]
    assert credentials.valid
    assert credentials.refresh_token
    document: dict[str, Any] = json.loads(discovery_cache.get_static_doc("drive", "v3"))
    document |= {"rootUrl": f"{root}/", "baseUrl": f"{root}/{document['servicePath']}"}
    http = google_auth_httplib2.AuthorizedHttp(credentials, http=build_http())
    try:
        drive = build_from_document(document, http=http)
        answer = drive.about().get(fields="user").execute()
    finally:
        http.close()
    return str(answer["user"]["emailAddress"])


STATES: Final = (
    *("ann", "bo", "asking", "approved", "waiting", "failed", "ended"),
    "damaged",
)
"""People, by what becomes of them."""


async def live(
    visitor: Visitor, people: dict[str, Person], damage: Callable[[Person], None]
) -> list[str]:
    """Somebody in every state that there is; the accounts of the first two.

    Args:
        damage: cuts somebody's credential.
    """
    world, google, name = visitor.world, visitor.google, visitor.world.file_name

    async def finished(person: Person) -> str:
        account = await visitor.connect(person)
        await person.send_document(b"done", name("pdf"), caption=world.new("caption"))
        await person.wait_for("is in your Drive")
        return account

    async def failed(person: Person) -> None:
        await google.set_quota(await visitor.connect(person), limit=1)
        await person.send_document(b"too much", name("pdf"))
        await person.wait_for("Free some space")

    async def waiting(person: Person) -> None:
        await person.send_document(b"waiting", name("pdf"))
        await person.wait_for("is waiting")

    async def ended(person: Person) -> None:
        await google.revoke(await visitor.connect(person))
        await person.send("/status")
        await person.wait_for("has stopped working")

    async def speaks(person: Person) -> None:
        await person.send("/language")
        await person.wait_for("Which language?")
        await person.tap("language:en")
        await waiting(person)

    async def damaged(person: Person) -> None:
        await visitor.connect(person)
        await asyncio.to_thread(damage, person)
        await person.send("/status")
        await person.wait_for("has stopped working")

    accounts = await asyncio.gather(
        finished(people["ann"]),
        finished(people["bo"]),
        visitor.ask(people["asking"]),
        visitor.approve(people["approved"], world.account()),
        speaks(people["waiting"]),
        failed(people["failed"]),
        ended(people["ended"]),
        damaged(people["damaged"]),
    )
    return [str(account) for account in accounts[:2]]


async def all_but_two_end(uploads: Callable[[], list[UploadJob]]) -> None:
    """It is noted as done after the person knows."""
    async with asyncio.timeout(10):
        while sum(not job.has_ended for job in uploads()) != 2:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


def check_found(world: MarkedWorld, flow: str, opened: Iterable[bytes]) -> None:
    """Everything was there to be found: tokens, codes, names, in each kind of document."""
    found = {leak.name for data in opened for leak in world.canaries.find(data)}
    assert {"access token", "refresh token", "Google address", "file name", "Telegram id"} <= found
    secrets = {"device": {"device code", "user code"}, "callback": {"state", "claim code"}}
    assert secrets.get(flow, {"state", "code_verifier"}) <= found


@pytest.mark.parametrize("flow", ["device", *in_rest("callback", "paste")])
async def test_what_lies_under_the_data_folder(
    start_bot: StartBot,
    sandbox: Sandbox,
    world: MarkedWorld,
    google: GoogleControls,
    encryption_keys: tuple[SecretStr, ...],
    tmp_path: Path,
    careless_umask: None,
    flow: str,
) -> None:
    """With people in every state there is: while the bot runs, and after it has ended."""
    people = {state: world.person(sandbox.url) for state in STATES}
    folder = tmp_path / "user_data"

    def damage(person: Person) -> None:
        file = folder / f"token_{person.id}.json"
        file.write_bytes(file.read_bytes()[:-20])

    try:
        async with start_bot(flow=flow, USER_DATA_DIR=folder) as bot:
            accounts = await live(Visitor(world, google, bot), people, damage)
            keyring = TokenEncryption(encryption_keys)
            await all_but_two_end(lambda: uploads_in(folder, keyring))
            files = await at_rest(folder)
            for state, account in zip(("ann", "bo"), accounts, strict=True):
                path = folder / f"token_{people[state].id}.json"
                if not encryption_keys:
                    assert await asyncio.to_thread(who_is, path, sandbox.url) == account
    finally:
        for person in people.values():
            await person.close()
    check_modes(everything(folder))
    world.harvest()
    opened = {
        path: data
        if path.parent.name == "quarantine" and not is_encrypted(data)
        else _open(keyring, data)
        for path, data in files.items()
    }
    kinds = {path.relative_to(folder).parts[0] for path in files}
    assert {"consents", "uploads", "quarantine", "preferences", "tombstones"} <= kinds
    check_found(world, flow, opened.values())
    for data in (*files.values(), *documents(folder).values()):
        leaks = world.canaries.find(data)
        # No file needs these, encrypted or not.
        assert not {leak.name for leak in leaks} & {"bot token", "Google client secret"}
        assert not encryption_keys or leaks == []
    if encryption_keys:
        # The trail is plain, and holds nothing but masks (no canary was found in it, above).
        plain = [path for path, data in files.items() if not is_encrypted(data)]
        assert [path.name for path in plain if path.parent.name != "audit"] == []


def _open(keyring: TokenEncryption, data: bytes) -> bytes:
    """The document as it was before it was sealed."""
    return keyring.decrypt(data) if is_encrypted(data) else data
