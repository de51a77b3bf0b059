"""The bot on folders that the first commit has written, and that commit's bot on what this wrote.

Everything that was under way goes on: the messages in everybody's chats are those that the first
commit's own bot has written when it was started on the same folder.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, Final

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from sandbox.server import Sandbox
from tests.frozen.kit import (
    SANDBOX_MARK,
    WEB_MARK,
    Kind,
    as_both_say,
    ask,
    base_version,
    compare,
    document,
    mask,
    version_under_test,
)
from tests.frozen.stage import HALF, NEWCOMERS, SMALL, Stage, set_the_stage, write_both_halves
from tests.journeys import ask_link, claim_code, open_page

pytestmark = pytest.mark.timeout(110)
Says = list[dict[str, Any]]
HELD: Final = (511, 512, 513)
REFRESHED: Final = (502, 552, 553)
LISTS: Final = (["tokens", "list", "--json"], ["quarantine", "list", "--json"])
LATER: Final = 240.0
"""Seconds from the writing of the folder to the start of who comes second."""


@pytest.fixture
def kind(encryption_keys: tuple[object, ...]) -> Kind:
    """Which of the two folders."""
    return "sealed" if encryption_keys else "plain"


@pytest.fixture
def world(kind: Kind, tmp_path: Path) -> None:
    """What Google and Telegram know, before the sandbox starts."""
    write_both_halves(kind, tmp_path / "world")


@pytest.fixture
async def sandbox(world: None, sandbox: Sandbox) -> Sandbox:
    """Telegram and Google, who know the folder's people."""
    return sandbox


@pytest.fixture
async def stage(
    kind: Kind,
    sandbox: Sandbox,
    google: GoogleControls,
    people: Callable[..., Person],
    tmp_path: Path,
) -> AsyncIterator[Stage]:
    """The folder, and all around it."""
    async with TelegramControls(sandbox.url) as telegram:
        made = await set_the_stage(kind, sandbox, google, telegram, people, tmp_path)
        try:
            yield made
        finally:
            await made.group.close()


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first commit's program."""
    return base_version(tmp_path_factory.mktemp("base"))


def arrived(name: str) -> Callable[[Message], bool]:
    """The message that says so of this file."""
    return lambda message: name in message.text and "is in your Drive" in message.text


async def approve(stage: Stage, number: int) -> str:
    """On Google's page, for the request in the folder; where Google sends the browser then."""
    marks = {SANDBOX_MARK: stage.sandbox.url, WEB_MARK: stage.settings["PUBLIC_URL"]}
    asked = document(stage.kind, f"consents/token_{number}.json", marks)
    return await stage.google.consent(asked["address"], f"person{number}@example.com")


async def come_back(person: Person, redirected: str) -> None:
    """callback: by the button of the page that the browser shows."""
    status, page = await open_page(redirected)
    assert status == 200, page
    await person.start(claim_code(page))


async def confirm(person: Person) -> None:
    """The account that is shown is theirs."""
    await person.wait_for("has approved", since=0)
    await person.tap("Yes, that is mine")
    await person.wait_for("Connected", since=0)


async def connect_anew(stage: Stage, person: Person, account: str) -> None:
    """From /connect to the end."""
    await come_back(person, await stage.google.consent(await ask_link(person), account))
    await person.wait_for("has approved")
    await person.tap("Yes, that is mine")
    await person.wait_for("Connected")


async def disconnect(person: Person) -> None:
    """And be sure of it."""
    await person.send("/disconnect")
    await person.wait_for("Disconnect your Google Drive?")
    await person.tap("Yes, disconnect")
    await person.wait_for("Disconnected")


async def speak_chinese(person: Person) -> None:
    """From now on."""
    await person.send("/language")
    await person.wait_for(lambda message: bool(message.buttons))
    await person.tap("繁體中文")


@pytest.mark.one_way
async def test_everything_under_way_goes_on(stage: Stage) -> None:
    """Requests in each flow and stage, uploads, updates, notices, holds, and who was leaving."""
    google, people = stage.google, stage.people
    forbids = {"error": "admin_policy_enforced", "count": 0}
    for number in (552, 553):
        owner = f"person{number}@example.com"
        await google.fault("google.token.refresh", "oauth_error", owner=owner, **forbids)
    async with stage.bot(version_under_test()):
        await google.approve_device("BCDF-GHJK", "person531")
        for number in (535, 541):  # the button of the page that was shown then
            await people[number].start(f"c{number}".ljust(22, "c"))
        await come_back(people[534], await approve(stage, 534))
        await asyncio.gather(
            *(confirm(people[number]) for number in (531, 532, 533, 534, 535, 536, 538)),
            people[541].wait_for("Connected", since=0),
            people[539].wait_for("used already", since=0),
            people[501].wait_for(arrived("half.bin"), since=0),
            people[531].wait_for(arrived("waits.pdf"), since=0),
            people[562].wait_for(arrived("left.pdf"), since=0),
            people[563].wait_for(arrived("unnamed.pdf"), since=0),
            people[561].wait_for("2 of 2 files", since=0),
            stage.group.wait_for("An album of 2 files", since=0),
        )
        for number in (521, 523, 524, 527, 552):
            await people[number].wait_for(lambda m: True, since=0)
        await people[501].send("/folder")
        await people[502].send("/uploads")
        for number in (501, 502):  # her choice, and his language, as they were
            await people[number].wait_for(lambda m: bool(m.buttons))
        await people[570].wait_for(
            "Code: unknown_key" if stage.kind == "sealed" else "Over", since=0
        )
        await people[570].send("/quarantine")
        await people[570].wait_for("Quarantine")
        if stage.kind == "plain":
            await people[540].wait_for("has expired", since=0)
    compare(f"{stage.kind}, resumed", stage.said(sorted(people)))
    listed = await asyncio.to_thread(ask, version_under_test(), LISTS, stage.settings, LATER)
    compare(f"{stage.kind}, resumed and listed", listed)
    assert await stage.sessions_begun(501) == 1  # the one that half of the file is in
    sent = await google.files("person501@example.com")
    assert [file["md5"] for file in sent if file["name"] == "half.bin"] == [
        hashlib.md5(HALF, usedforsecurity=False).hexdigest()
    ]


@pytest.mark.one_way
async def test_an_address_is_pasted(stage: Stage) -> None:
    """For the request that was asked for before; the code in it stays in nobody's chat."""
    stage.settings["GOOGLE_OAUTH_FLOW"] = "paste"
    yan = stage.people[537]
    async with stage.bot(version_under_test()):
        await yan.send(await approve(stage, 537))
        await confirm(yan)
    compare(f"{stage.kind}, pasted", stage.said([537]))


@pytest.mark.one_way
async def test_the_first_commit_goes_on_with_what_this_version_has_begun(
    stage: Stage, base: Path, tmp_path: Path
) -> None:
    """A roll back: half an upload, a request in each stage, who was taken in and who has left."""
    google, people = stage.google, stage.people
    ann, asked, approved, shown, newcomer = (people[n] for n in (501, *NEWCOMERS))
    drives = [f"person{n}@example.com" for n in NEWCOMERS]
    async with stage.bot(version_under_test()):
        await ann.wait_for(arrived("half.bin"), since=0)  # what was left is done
        await google.rate("google.upload.chunk", 40_000)
        await ann.send_document(HALF + b" and more", "next.bin")
        links = await asyncio.gather(*map(ask_link, (asked, approved, shown)))
        _, page = await open_page(await google.consent(links[1], drives[1]))
        await come_back(shown, await google.consent(links[2], drives[2]))
        await newcomer.send_document(SMALL, "waits.txt")
        await asyncio.gather(
            disconnect(people[504]),
            speak_chinese(people[541]),
            shown.wait_for("has approved"),
            newcomer.wait_for("waits.txt"),
        )
        while await stage.sessions_begun(501) < 2:  # noqa: ASYNC110 - the sandbox tells nobody
            await asyncio.sleep(0.05)
    listed = await asyncio.to_thread(ask, version_under_test(), LISTS, stage.settings)
    older = await asyncio.to_thread(ask, base, LISTS, stage.settings)
    older, listed = as_both_say(older, listed)
    assert older == listed
    await google.rate("google.upload.chunk", None)
    async with stage.bot(base, LATER):
        await come_back(asked, await google.consent(links[0], drives[0]))
        await approved.start(claim_code(page))
        await people[504].send("/status")
        await people[541].send("/privacy")
        await asyncio.gather(
            *map(confirm, (asked, approved, shown)),
            connect_anew(stage, newcomer, drives[3]),
            ann.wait_for(arrived("next.bin"), since=0),
            people[504].wait_for("not connected"),
            people[541].wait_for("我保存了哪些"),
        )
        await newcomer.wait_for(arrived("waits.txt"), since=0)
    assert await stage.sessions_begun(501) == 2  # this version's goes on
    tokens, copies = await asyncio.to_thread(ask, base, LISTS, stage.settings)
    there = {one["owner"] for one in tokens["says"]["credentials"]}
    assert {mask(stage.kind, number) for number in REFRESHED} <= there
    # Who is on hold stands in `maintenance/`, which the first commit begins anew: in their place,
    # or set aside once more.
    aside = {one["owner"] for one in copies["says"]["quarantined"]}
    assert {mask(stage.kind, number) for number in HELD} <= there | aside
    assert mask(stage.kind, 504) not in there
