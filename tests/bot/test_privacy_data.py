"""/privacy as a file: all that is kept of its person, no secret, and nobody else's."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from bot.privacy.contents import SECTIONS
from bot.privacy.data_file import FORMAT, VERSION, collect
from processes.storage import KINDS
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from security.credential import Owner
from security.storage.protocol import Key, Stored
from tests.bot import upload_line
from tests.bot.upkeep import among_many, by_hand, logged, sweep
from tests.fixtures import RunningBot, StartBot
from tests.journeys import ask_device_code, connect, until

People = Callable[..., Person]
AMY, BEN = "amy@example.com", "ben@example.com"
DOCS = Path(__file__).parents[2] / "docs" / "privacy-data.md"


async def ask(bot: RunningBot, person: Person) -> dict[str, Any]:
    """The file that the button of /privacy brings."""
    await person.send("/privacy")
    await person.tap("My data as a file", await person.wait_for("What I keep about you"))
    message = await person.wait_for(is_file)
    assert message.media is not None
    assert message.media[1]["file_name"] == "drivekeeper-data.json"
    found = await bot.application.bot.get_file(message.media[1]["file_id"])
    assert found.file_path is not None
    async with httpx.AsyncClient() as http:
        data: dict[str, Any] = json.loads((await http.get(found.file_path)).content)
    return data


def is_file(message: Message) -> bool:
    """Whether it carries one."""
    return message.from_bot and message.media is not None


def fields(data: Any) -> Iterator[str]:
    """The names of all fields, at any depth."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield name
            yield from fields(value)
    elif isinstance(data, list):
        for one in data:
            yield from fields(one)


def test_no_kind_of_documents_is_forgotten() -> None:
    """Whoever adds one says what a person is given of it: in bot/privacy/contents.py."""
    assert set(SECTIONS) == set(KINDS)


async def test_a_person_gets_all_that_is_kept_of_them_and_no_secret(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Every kind there is, of one person among others, each field explained in the docs."""
    ann, ben = people(501, "Ann"), people(5012, "Ben")
    async with start_bot(WEB_PORT=0) as bot:
        by_hand(bot)
        among_many(bot)
        for person, account in ((ann, AMY), (ben, BEN)):
            await connect(person, google, account)
            name = f"of {account}.txt"
            await person.send_document(account.encode(), name, caption=f"by {account}")
            await person.wait_for("is in your Drive")
        await ann.send("/language")
        await ann.tap("English", await ann.wait_for("Which language?"))
        await ann.wait_for("From now on")
        await ann.send("/folder Work")
        await ann.tap("Use it", await ann.wait_for("I have made Work"))
        await ann.wait_for("Your files go into the folder Work")
        data = await ask(bot, ann)
        assert (data["format"], data["version"], data["telegram_id"]) == (FORMAT, VERSION, 501)
        [connection] = data["connection"]
        assert (connection["account"], connection["generation"]) == (AMY, 1)
        [upload] = data["uploads"]
        assert upload["sent_in"] == "private chat"
        assert upload["files"][0]["name"] == f"of {AMY}.txt"
        assert upload["files"][0]["description"] == f"by {AMY}"
        preferences = {name: one for found in data["preferences"] for name, one in found.items()}
        assert preferences["language"]["chosen"] == "en"
        assert preferences["folder"]["path"] == ["Work"]
        assert any("last_active" in one for one in data["maintenance"])
        assert [entry["action"] for entry in data["events"]] == ["authorised"]
        assert data["set_aside"] == data["requests"] == []
        secrets = of_secrets(bot, Owner.user(501))
        await google.revoke(AMY)
        await sweep_all(bot, ann)
        code = await ask_device_code(ann)
        secrets |= of_secrets(bot, Owner.user(501)) | {code}
        later = await ask(bot, ann)
        assert later["connection"] == []
        assert {name for one in later["set_aside"] for name in one} >= {"reason", "time", "copy"}
        [request] = later["requests"]
        assert (request["flow"], request["stage"]) == ("device", "asked")
        assert later["ended"]
        assert [line["result"] for line in logged(bot, "data_handed_out")] == ["ok", "ok"]
    for written in (json.dumps(data, ensure_ascii=False), json.dumps(later, ensure_ascii=False)):
        assert BEN not in written
        assert [secret for secret in secrets if secret in written] == []
    explained = set(re.findall(r"`([a-z_]+)`", DOCS.read_text("utf-8")))
    assert set(fields(data)) | set(fields(later)) <= explained


def of_secrets(bot: RunningBot, owner: Owner) -> set[str]:
    """Every token, code and address that is kept of somebody just now."""
    storage, found = bot.services.core.storage, set[str]()
    secret = ("token", "code", "state", "verifier", "address", "session")
    for kind in KINDS:
        for name in storage.names(kind):
            [stored] = storage.read([Key(kind, name)])
            if kind.owner_of(name) == owner and isinstance(stored, Stored) and stored.document:
                found |= {
                    value
                    for name, value in pairs(stored.document)
                    if any(word in name for word in secret) and len(value) > 12
                    if not value.startswith("https://oauth2.googleapis.com")
                }
    return found


def pairs(document: Any) -> Iterator[tuple[str, str]]:
    """Fields of text, at any depth."""
    values = document if isinstance(document, list) else []
    if isinstance(document, dict):
        yield from ((n, v) for n, v in document.items() if isinstance(v, str))
        values = list(document.values())
    for one in values:
        yield from pairs(one)


async def test_half_a_character_keeps_nobody_from_their_data(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """JSON can carry one, whoever has sent it."""
    ann = people()
    await connect(ann, google, AMY)
    job = upload_line.job(Owner.user(501), 7, person="A\ud83d", state="failed")
    await bot.services.uploads.save(job)
    data = await ask(bot, ann)
    assert [one["person"] for one in data["uploads"]] == ["A?"]


async def sweep_all(bot: RunningBot, person: Person) -> None:
    """Their revoked grant is found, and set aside."""
    await person.send("/status")
    await person.wait_for("has stopped working")
    await sweep(bot)
    await until(lambda: bot.services.core.quarantine.size() == 1)


@pytest.mark.one_way("on")
async def test_the_file_is_written_nowhere_and_brought_to_nobody_else(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Whoever may no longer use the bot may have their data still; a failure is said and logged."""
    ann = people()
    async with start_bot(WEB_PORT=0) as bot:
        await connect(ann, google, AMY)
    async with start_bot(WEB_PORT=0, ALLOWED_USER_IDS="77") as bot:
        by_hand(bot)
        await ann.send("/privacy")
        message = await ann.wait_for("What I keep about you")
        before = {path for path in bot.folder.rglob("*") if "updates" not in path.parts}
        await google.fault("telegram.sendDocument", "status", status=400, reason="x")
        await ann.tap("My data as a file", message)
        await ann.wait_for("Telegram did not take the file")
        await ann.tap("My data as a file", message)
        await until(lambda: len(logged(bot, "data_handed_out")) == 2)
        results = [line["result"] for line in logged(bot, "data_handed_out")]
        assert results == ["unavailable", "ok"]
        after = {path for path in bot.folder.rglob("*") if "updates" not in path.parts}
        assert {path.name for path in after - before} == set()


@pytest.mark.one_way("on")
async def test_what_cannot_be_read_is_said_to_be_there(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """It is kept all the same."""
    ann = people()
    await connect(ann, google, AMY)
    (bot.folder / "preferences" / "token_501.folder.json").write_text("{")
    found = collect(bot.services.core.storage, Owner.user(501), "u_aaaaaaaaaaaaaaaa")
    assert [set(one) for one in found["preferences"]] == [{"unreadable"}]
    assert found["events"] == []
