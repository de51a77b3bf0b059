"""No update is lost, and none answered twice: with the real client, whatever Telegram does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.updates.journal import UpdateJournal
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from sandbox.ports import free_port
from security.encryption import TokenEncryption
from tests.bot.processes import LONGEST, process
from tests.bot.test_shutdown import settings as settings  # a fixture
from tests.bot.upkeep import logged, said_to
from tests.crash.tracing import find_strace
from tests.fixtures import RunningBot, StartBot
from tests.journeys import until, until_struck
from tests.stores import storage_in

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
TRACEABLE = (
    "import ctypes, runpy\n"
    "ctypes.CDLL(None).prctl(0x59616D61, ctypes.c_ulong(-1), 0, 0, 0)\n"  # by any process: strace
    "runpy.run_module('cli', run_name='__main__')"
)
BOT_ID = 110201543


def answers(person: Person, text: str) -> list[str]:
    """What the bot has said to somebody with `text` in it."""
    return [m.text for m in person.messages() if m.from_bot and text in m.text]


def kept(folder: Path) -> set[str]:
    """The updates on disk."""
    return {path.stem for path in (folder / "updates").glob("*.json")} - {"ledger"}


def message(person: Person, number: int, text: str) -> dict[str, Any]:
    """An update as Telegram sends it."""
    user = {"id": person.id, "is_bot": False, "first_name": "Ann", "language_code": "en"}
    chat = {"id": person.id, "type": "private", "first_name": "Ann"}
    content = {"message_id": number, "date": 1_700_000_000, "chat": chat, "from": user}
    entities = [{"type": "bot_command", "offset": 0, "length": len(text)}]
    return {"update_id": number, "message": {**content, "text": text, "entities": entities}}


@pytest.mark.one_way  # two processes; what they do is in test_inbox.py, and two tests below
async def test_a_kill_loses_no_message_and_answers_none_twice(
    settings: dict[str, str], tmp_path: Path, google: GoogleControls, people: People
) -> None:
    """Handled and not acknowledged; in the midst of being handled; in line behind that one."""
    ann, bo = people(501, "Ann"), people(502, "Bo")
    folder = Path(settings["USER_DATA_DIR"])
    async with process(tmp_path, settings) as bot:
        for person in (ann, bo):
            await person.start()
            await person.wait_for("Drivekeeper")
        # One poll more brings something, all that is sent; nothing is acknowledged any more.
        held = await google.fault("telegram.getUpdates", "latency", seconds=600)
        await google.fault("telegram.getUpdates", "hang", skip=1, count=None)
        await bo.send("hello?")  # ends the poll under way
        await bo.wait_for("Send me a file")
        await until_struck(google, "telegram.getUpdates", 1)
        await google.fault("telegram.sendMessage", "hang", owner="502", count=None)
        async with asyncio.timeout(20):
            await asyncio.gather(ann.send("/help"), bo.send("/help"), bo.send("/cancel"))
            await google.clear_fault(held)
            await ann.wait_for("20 MiB")
            await until_struck(google, "telegram.sendMessage", 1)
            await until_struck(google, "telegram.getUpdates", 1)  # of those that are left
        await until(lambda: len(kept(folder)) == 2)
        await bot.kill()
    await google.clear_faults()
    async with process(tmp_path, settings) as bot:
        await bo.wait_for("nothing to cancel", since=0)
        await ann.send("/cancel")
        await ann.wait_for("nothing to cancel")
        resumed = [json.loads(line) for line in bot.log().splitlines() if "updates_resumed" in line]
        assert [line["count"] for line in resumed] == [2]
        await until(lambda: not kept(folder))
    assert len(answers(ann, "20 MiB")) == 1
    said = [text for text in answers(bo, "") if "20 MiB" in text or "nothing to cancel" in text]
    assert ["20 MiB" in text for text in said] == [True, False]


@asynccontextmanager
async def no_space(pid: int) -> AsyncIterator[None]:
    """Within, the operating system answers every write of the bot's into a file with ENOSPC."""
    strace = await asyncio.create_subprocess_exec(
        *(find_strace(), "-f", "-q", "-e", "trace=pwrite64", "-e", "signal=none"),
        *("-e", "inject=pwrite64:error=ENOSPC", "-o", "/dev/null", "-p", str(pid)),
    )
    try:
        status = Path(f"/proc/{pid}/status")
        await until(lambda: f"TracerPid:\t{strace.pid}" in status.read_text())
        yield
    finally:
        with suppress(ProcessLookupError):  # it ends with the bot
            strace.terminate()
        await strace.wait()


@pytest.mark.one_way
async def test_without_space_on_the_disk_polling_goes_on_and_nothing_is_lost(
    settings: dict[str, str], tmp_path: Path, people: People
) -> None:
    """Not ready meanwhile, and one alert; the message is answered once there is space again."""
    root, ann = people(900, "Root"), people(501, "Ann")
    port = free_port()
    settings |= {"ADMIN_USER_IDS": "900", "METRICS_PORT": str(port)}
    async with (
        process(tmp_path, settings, "-c", TRACEABLE) as bot,
        aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session,
    ):
        await root.start()
        await root.wait_for("Drivekeeper")
        async with no_space(bot.pid):
            await ann.send("/help")
            await bot.prints("update_not_saved")
            async with session.get("/readyz") as answer:
                assert answer.status == 503
                assert "updates_not_saved" in (await answer.json())["reasons"]
            await root.wait_for("updates_not_saved", since=0)
            await asyncio.sleep(1)  # it is tried again
            assert answers(ann, "20 MiB") == []
        await ann.wait_for("20 MiB")
        await root.wait_for("Over:", since=0)
        async with session.get("/readyz") as answer:
            assert (answer.status, await answer.json()) == (200, {"ready": True, "reasons": []})
        assert bot.log().count('"update_not_saved"') == 1
        assert len(answers(root, "updates_not_saved")) == 1
        # A stop meanwhile takes no longer than any other, and Telegram keeps what was not taken.
        async with no_space(bot.pid):
            await ann.send("/cancel")
            await until(lambda: bot.log().count('"update_not_saved"') == 2)
            assert await bot.stop() < LONGEST
        info = f"{settings['TELEGRAM_API_BASE_URL']}/bot{settings['TELEGRAM_BOT_TOKEN']}"
        async with session.get(f"{info}/getWebhookInfo") as answer:
            assert (await answer.json())["result"]["pending_update_count"] == 1


async def test_an_update_nobody_can_read_ends_no_polling(bot: RunningBot, people: People) -> None:
    """Skipped, and what comes after it is answered."""
    ann = people()
    await ann.start()
    async with TelegramControls(ann.base_url) as telegram:
        await telegram.inject("message", {"message_id": "not a number", "chat": "wages.pdf"})
        await ann.send("/help")
        await ann.wait_for("20 MiB")
    (skipped,) = logged(bot, "update_skipped")
    assert skipped["result"] == "unreadable"
    assert "wages" not in bot.log.getvalue()


async def test_what_an_earlier_run_left_is_answered_first_and_in_order(
    start_bot: StartBot, people: People, tmp_path: Path, keyring: TokenEncryption
) -> None:
    """Though the person has written more meanwhile."""
    ann = people()
    storage = storage_in(tmp_path / "user_data", keyring)
    storage.prepare()
    journal = UpdateJournal(storage, BOT_ID)
    for number, text in ((9, "/help"), (10, "/status"), (11, "/language")):
        journal.write(number, message(ann, number, text))
    await ann.send("/privacy")
    async with start_bot() as bot:
        await ann.wait_for("What I keep")
        await ann.wait_for("not connected to Google Drive yet", since=0)  # beside the others
        wanted = ("20 MiB", "Which language", "What I keep")
        said = [m.text for m in ann.messages() if m.from_bot and any(w in m.text for w in wanted)]
        assert [next(w for w in wanted if w in text) for text in said] == list(wanted)
        await until(lambda: not kept(bot.folder))


async def test_an_update_that_killed_three_runs_is_set_aside_and_told_once(
    start_bot: StartBot, people: People, tmp_path: Path, keyring: TokenEncryption
) -> None:
    """Everybody else is served, and nothing of it stays once its sender wants to be forgotten."""
    root, ann = people(900, "Root"), people(501, "Ann")
    await root.start()
    storage = storage_in(tmp_path / "user_data", keyring)
    storage.prepare()
    journal = UpdateJournal(storage, BOT_ID)
    journal.write(9, message(ann, 9, "/help"))
    journal.settle({"handled": [], "begun": {9: 3}, "aside": {}}, ())
    for _ in range(2):
        async with start_bot(ADMIN_USER_IDS="900") as bot:
            await root.wait_for("update_set_aside", since=0)
            assert len(await said_to(root, "update_set_aside")) == 1
    assert answers(ann, "20 MiB") == []
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        assert logged(bot, "update_set_aside") == []
        assert kept(bot.folder) == {"9"}
        await ann.send("/privacy")
        await ann.wait_for("What I keep")
        await ann.tap("Delete all my data")
        await ann.wait_for("Delete everything I keep")
        await ann.tap("Yes, delete everything")
        await ann.wait_for("deleted too")
        await until(lambda: not kept(bot.folder))


NO_NUMBERS = [10**200, -1, -(2**63), 2**63, 7.0, 1e300, True, False, "7", "", None, [], {}]


def short(number: Any) -> str:
    """For the name of a test."""
    return repr(number)[:8]


def bad(number: Any) -> dict[str, Any]:
    """An update with this number."""
    return {"update_id": number, "message": {"message_id": 1, "date": 1_700_000_000}}


@pytest.mark.parametrize("number", NO_NUMBERS, ids=short)
@pytest.mark.one_way
async def test_a_number_that_is_none_ends_no_polling_and_asks_for_nothing_else(
    bot: RunningBot, google: GoogleControls, people: People, number: Any
) -> None:
    """Passed over, without a loop; what comes with it or after it is answered."""
    ann = people()
    await ann.start()
    await ann.wait_for("Drivekeeper")
    before = (await google.calls())["counts"]["telegram.getUpdates"]
    body = {"ok": True, "result": [bad(number)]}
    await google.fault("telegram.getUpdates", "status", status=200, body=body, count=None)
    await ann.send("/language")  # the poll under way brings this, and the next ones that
    await until(lambda: bool(logged(bot, "update_skipped")))
    await asyncio.sleep(1.5)
    asked = (await google.calls())["counts"]["telegram.getUpdates"] - before
    assert asked <= 5
    assert logged(bot, "update_skipped")[0]["result"] == "unreadable"
    together = {"ok": True, "result": [bad(number), message(ann, 9, "/help")]}
    await google.clear_faults()
    await google.fault("telegram.getUpdates", "status", status=200, body=together)
    await ann.wait_for("20 MiB", since=0)
    await ann.send("/cancel")
    await ann.wait_for("nothing to cancel")
    assert logged(bot, "handler_failed") == []
    await until(lambda: not kept(bot.folder))
