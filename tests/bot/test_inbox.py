"""The queue of updates over its files: written down first, handled once, and no poison for ever."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
import structlog
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st
from telegram import Bot, Update
from telegram.ext import ExtBot

from bot.access.policy import Access, Verdict
from bot.core import Timing
from bot.kinds import UPDATE_SET_ASIDE, UPDATES_NOT_SAVED
from bot.updates.attention import Attention
from bot.updates.inbox import Inbox
from bot.updates.journal import HandledIds, Ledger, UpdateJournal
from bot.updates.queued_update import Needs
from security.credential import Owner
from security.custody.deadline import NotWanted
from security.custody.members import Members
from security.custody.workers import Workers
from security.encryption import TokenEncryption, is_encrypted
from security.errors import OperatorFault, TransientFault
from security.maintenance.incidents import _SEEN_SECONDS, Incidents
from tests.journeys import out_of_place, until
from tests.security.kit import full_disk, new_key
from tests.stores import storage_in

BOT = Bot("110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw")
DAY = 24 * 3600


async def nothing_is_kept(owner: Owner) -> bool:
    return False


class Open(Access):
    """Lets everybody pass, wherever they write."""

    async def of(self, update: Update) -> Verdict:
        return "pass"


class Closed(Access):
    """Answers everybody that they may not use the bot."""

    async def of(self, update: Update) -> Verdict:
        return "anonymous_sender"


EVERYBODY = Open(Members(), frozenset(), nothing_is_kept)


def message(number: int, text: str = "wages.pdf", user: int = 501) -> dict[str, Any]:
    """An update, as Telegram sends it."""
    person = {"id": user, "is_bot": False, "first_name": "Ann"}
    chat = {"id": user, "type": "private", "first_name": "Ann"}
    content = {"message_id": number, "date": 1_700_000_000, "chat": chat, "from": person}
    return {"update_id": number, "message": {**content, "text": text}}


def update(number: int, text: str = "wages.pdf", user: int = 501) -> Update:
    return Update.de_json(message(number, text, user), BOT)


class Runs:
    """One run of the bot after another on the same folder; none stops in order."""

    def __init__(self, folder: Path, keyring: TokenEncryption, bot_id: int = 1) -> None:
        self.folder = folder / "updates"
        self.storage = storage_in(folder, keyring)
        self.storage.open()
        self._journal = UpdateJournal(self.storage, bot_id)
        self.log = io.StringIO()
        self.incidents = Incidents()
        self.workers = Workers()

    async def start(self, told: list[str] | None = None, access: Access = EVERYBODY) -> Inbox:
        """The next run; `told` gets an entry whenever administrators would hear of something."""
        inbox = Inbox(self._journal, self.workers, self.incidents, access, pause_seconds=0.01)
        if told is not None:
            inbox.on_trouble = lambda: told.append("trouble")
        await inbox.resume(BOT)
        return inbox

    def kept(self) -> set[str]:
        """The updates on disk."""
        return {path.stem for path in self.folder.glob("*.json")} - {"ledger"}


@pytest.fixture
async def runs(
    tmp_path: Path, keyring: TokenEncryption, restored_logging: None
) -> AsyncIterator[Runs]:
    made = Runs(tmp_path / "user_data", keyring)
    # pytest's own capture is a file, which a full disk would not take either.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(made.log))
    yield made
    await made.workers.close()


async def queued(inbox: Inbox, count: int = 1) -> list[int]:
    """The numbers of the next so many that are handed out, of different people."""
    items = [await asyncio.wait_for(inbox.get(), 30) for _ in range(count)]
    assert inbox.empty()
    return sorted(item.update_id for item in items if isinstance(item, Update))


async def handled(inbox: Inbox, count: int) -> list[int]:
    """The numbers of the next so many, handed out and handled one after another."""
    found = []
    for _ in range(count):
        item = await asyncio.wait_for(inbox.get(), 30)
        assert isinstance(item, Update)
        found.append(item.update_id)
        await handle(inbox, item.update_id)
    return found


async def is_idle(inbox: Inbox) -> bool:
    """Whether nothing more is handed out."""
    await asyncio.sleep(0.05)
    return inbox.empty()


async def handle(inbox: Inbox, number: int) -> None:
    """Handle an update to its end."""
    async with inbox.handling(update(number)):
        pass
    await inbox.settle()


@asynccontextmanager
async def killed(inbox: Inbox, number: int) -> AsyncIterator[None]:
    """Handle an update in a task that never ends, as far as the disk can tell."""
    begun = asyncio.Event()

    async def hang() -> None:
        async with inbox.handling(update(number)):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(hang())
    await asyncio.wait_for(begun.wait(), 30)
    yield
    task.cancel()


async def test_an_update_is_on_disk_before_it_is_queued_and_gone_once_handled(
    runs: Runs, keyring: TokenEncryption
) -> None:
    """Whole, for nobody else, and encrypted where there is a key."""
    inbox = await runs.start()
    await inbox.put(update(7))
    (path,) = (path for path in runs.folder.iterdir() if path.stem == "7")
    assert path.stat().st_mode & 0o777 == 0o600
    data = path.read_bytes()
    assert is_encrypted(data) is (keyring.kid is not None)
    assert Update.de_json(json.loads(keyring.decrypt(data)), BOT) == update(7)
    await handle(inbox, 7)
    assert runs.kept() == set()
    assert b"wages" not in b"".join(p.read_bytes() for p in runs.folder.iterdir())


PERSON = {"id": 501, "is_bot": False, "first_name": "安", "language_code": "zh-hant"}
GROUP = {"id": -1001, "type": "supergroup", "title": "<b>Wages</b>", "is_forum": True}
FILE = {"file_id": "AgAD", "file_unique_id": "u", "file_size": 5_000_000_000}
PHOTO = [{**FILE, "width": 90, "height": 67}, {**FILE, "width": 1280, "height": 960}]
MEMBER = {"user": {**PERSON, "id": 1, "is_bot": True}, "status": "member"}


def holds(kept: Any, original: Any) -> bool:
    """Whether all of the original is there; the library adds defaults."""
    if isinstance(original, dict):
        return all(name in kept and holds(kept[name], original[name]) for name in original)
    return bool(kept == original)


def sent(**content: Any) -> dict[str, Any]:
    """A message in a group."""
    return {"message_id": 5, "date": 1_700_000_000, "chat": GROUP, "from": PERSON, **content}


@pytest.mark.one_way("on")
@pytest.mark.parametrize(
    "content",
    [
        {"message": sent(document={**FILE, "file_name": "a/../b\x00.pdf", "mime_type": "x/y"})},
        {"message": sent(photo=PHOTO, media_group_id="77", caption="🧾 #name x")},
        {"message": sent(video={**FILE, "width": 1, "height": 1, "duration": 3}, caption="")},
        {"message": sent(voice={**FILE, "duration": 3}, reply_to_message=sent(text="before"))},
        {"message": sent(sender_chat=GROUP, new_of_telegram={"some": ["thing"]}, text="x")},
        {"callback_query": {"id": "1", "from": PERSON, "chat_instance": "2", "data": "verb:501-7:1",
                            "message": sent(text="button")}},
        {"callback_query": {"id": "1", "from": PERSON, "chat_instance": "2", "data": "verb",
                            "message": {"chat": GROUP, "message_id": 5, "date": 0}}},
        {"my_chat_member": {"chat": GROUP, "from": PERSON, "date": 1_700_000_000,
                            "old_chat_member": MEMBER,
                            "new_chat_member": {**MEMBER, "status": "left"}}},
    ],
)  # fmt: skip
async def test_what_comes_back_from_the_disk_is_what_telegram_sent(
    runs: Runs, content: dict[str, Any]
) -> None:
    """Every kind the bot asks for, and what this version does not know."""
    document = {"update_id": 7, **content}
    inbox = await runs.start()
    await inbox.put(Update.de_json(document, BOT))
    inbox = await runs.start()
    item = await asyncio.wait_for(inbox.get(), 30)
    assert isinstance(item, Update)
    assert item.to_dict() == Update.de_json(document, BOT).to_dict()
    assert holds(item.to_dict(), document)


@pytest.mark.one_way("on")
async def test_what_was_left_comes_first_in_its_order_and_once(runs: Runs) -> None:
    """After a kill, whatever Telegram sends again."""
    inbox = await runs.start()
    for number in (9, 10, 11, 8):
        await inbox.put(update(number))
    await handle(inbox, 10)
    inbox = await runs.start()
    for number in (9, 10, 11, 12):
        await inbox.put(update(number))
    assert await handled(inbox, 4) == [8, 9, 11, 12]
    inbox = await runs.start()
    for number in range(8, 13):
        await inbox.put(update(number))
    assert (await is_idle(inbox), runs.kept()) == (True, set())


@pytest.mark.one_way("on")
async def test_a_kill_between_the_ledger_and_the_removal_handles_nothing_twice(runs: Runs) -> None:
    """The document is still there, and is removed then."""
    inbox = await runs.start()
    await inbox.put(update(7))
    path = runs.folder / "7.json"
    data = path.read_bytes()
    await handle(inbox, 7)
    path.write_bytes(data)
    inbox = await runs.start()
    assert (await is_idle(inbox), runs.kept()) == (True, set())


@pytest.mark.one_way("on")
async def test_a_handler_that_fails_has_handled_and_one_that_is_cut_off_has_not(runs: Runs) -> None:
    """The error handler has told the person; nobody has told the other one."""
    inbox = await runs.start()
    for number in (7, 8):
        await inbox.put(update(number))
    with pytest.raises(ValueError, match="the handler's"):
        async with inbox.handling(update(7)):
            raise ValueError("the handler's")
    async with killed(inbox, 8):
        await inbox.settle()
    await asyncio.sleep(0)
    assert runs.kept() == {"8"}


@pytest.mark.one_way("on")
async def test_the_update_that_kills_every_run_is_set_aside_after_three_and_no_other(
    runs: Runs,
) -> None:
    """Its neighbours, begun at the same time, are handled all the same."""
    inbox = await runs.start()
    for number in (6, 7, 8):
        await inbox.put(update(number, user=494 + number))
    async with killed(inbox, 6), killed(inbox, 7), killed(inbox, 8):
        pass
    inbox = await runs.start()
    assert await queued(inbox, 3) == [6, 7, 8]
    async with killed(inbox, 6), killed(inbox, 7), killed(inbox, 8):
        pass
    for _ in range(2):
        inbox = await runs.start()
        left = await queued(inbox, len(runs.kept()))
        assert left[0] in (6, 7)
        if 6 in left:
            await handle(inbox, 6)
        async with killed(inbox, 7):
            # Number 8 waits until number 7 has ended: it is not begun.
            waiting = asyncio.create_task(handle(inbox, 8))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            waiting.cancel()
        assert not runs.incidents.open()
    told: list[str] = []
    inbox = await runs.start(told)
    assert await queued(inbox) == [8]
    await handle(inbox, 8)
    assert runs.kept() == {"7"}
    assert [incident.code for incident in runs.incidents.open()] == [UPDATE_SET_ASIDE]
    inbox = await runs.start()
    await inbox.put(update(7))
    assert await is_idle(inbox)
    await inbox.forget(Owner.user(502))
    assert runs.kept() == {"7"}
    await inbox.forget(Owner.user(501))
    await inbox.look_after()
    assert (runs.kept(), runs.incidents.open(), told) == (set(), [], ["trouble"])


@pytest.mark.one_way("on")
async def test_a_ledger_of_before_the_start_is_this_bots(runs: Runs) -> None:
    """It is written under the bot's own number, or the next start drops what waits."""
    runs.storage.prepare()
    journal = UpdateJournal(runs.storage, 1)
    journal.write(7, message(7))
    journal.settle(Ledger(bot=0).model_dump(), ())
    ledger, left = journal.load()
    assert (ledger.bot, [queued.number for queued in left]) == (1, [7])


@pytest.mark.one_way("on")
async def test_what_was_set_aside_is_kept_for_a_day(runs: Runs, keyring: TokenEncryption) -> None:
    """And then it is deleted, and the trouble over."""
    journal = UpdateJournal(runs.storage, 1)
    for number, days in ((7, 0.9), (8, 1.1)):
        journal.write(number, message(number))
        since = time.time() - days * DAY
        journal.settle({"handled": [], "begun": {number: 3}, "aside": {number: since}}, ())
        inbox = await runs.start()
        assert inbox.empty()
        assert runs.kept() == ({"7"} if number == 7 else set())
        assert len(runs.incidents.open()) == len(runs.kept())
        await inbox.forget(Owner.user(501))


@pytest.mark.encryption("on")
@pytest.mark.one_way("on")
async def test_updates_under_a_key_that_is_missing_wait_for_it(
    runs: Runs, tmp_path: Path, keyring: TokenEncryption
) -> None:
    """The bot works without them, and handles them once the key is back."""
    inbox = await runs.start()
    await inbox.put(update(7))
    other = Runs(tmp_path / "user_data", TokenEncryption([new_key()]))
    inbox = await other.start()
    await inbox.put(update(8))
    assert await queued(inbox) == [8]
    await handle(inbox, 8)
    await other.workers.close()
    assert runs.kept() == {"7"}
    inbox = await runs.start()
    assert await queued(inbox) == [7]


@pytest.mark.one_way("on")
async def test_stops_in_order_are_no_kills(runs: Runs) -> None:
    """However often one cuts off the same handler."""
    inbox = await runs.start()
    await inbox.put(update(7))
    for _ in range(5):
        inbox = await runs.start()
        assert await queued(inbox) == [7]
        async with killed(inbox, 7):
            inbox.close()
            await inbox.uncount_interrupted()


@pytest.mark.one_way("on")
async def test_another_bots_updates_are_forgotten(
    runs: Runs, tmp_path: Path, keyring: TokenEncryption
) -> None:
    """Its token is gone: nobody could be answered, and Telegram counts anew."""
    inbox = await runs.start()
    for number in (7, 8):
        await inbox.put(update(number))
    await handle(inbox, 7)
    other = Runs(tmp_path / "user_data", keyring, bot_id=2)
    inbox = await other.start()
    assert runs.kept() == set()
    await inbox.put(update(7))
    assert await queued(inbox) == [7]
    await other.workers.close()


@pytest.mark.one_way("on")
async def test_damaged_documents_are_passed_over(runs: Runs, keyring: TokenEncryption) -> None:
    """An update that cannot be read, or not as an update; a ledger that is none."""
    inbox = await runs.start()
    for number in (5, 6, 7):
        await inbox.put(update(number))
    (runs.folder / "5.json").write_bytes(b"{")
    for name, document in (
        ("6", b'{"update_id": 6, "message": {"message_id": "x"}}'),
        ("ledger", b'{"handled": "all"}'),
    ):
        (runs.folder / f"{name}.json").write_bytes(keyring.encrypt(document))
    inbox = await runs.start()
    assert await queued(inbox) == [7]
    await until(lambda: runs.kept() == {"7"})


@pytest.mark.one_way("on")
async def test_a_full_disk_holds_put_up_tells_once_and_loses_nothing(
    runs: Runs,
) -> None:
    """`put` never raises: that would end the polling."""
    told: list[str] = []
    inbox = await runs.start(told)
    await inbox.put(update(6))
    assert await queued(inbox) == [6]
    with full_disk():
        putting = asyncio.create_task(inbox.put(update(7)))
        await asyncio.sleep(0.1)
        with pytest.raises(OperatorFault):
            await inbox.accept(update(8))
        await handle(inbox, 6)
        await inbox.look_after()
        assert (putting.done(), inbox.is_failing, inbox.qsize()) == (False, True, 0)
        assert [incident.code for incident in runs.incidents.open()] == [UPDATES_NOT_SAVED]
    await asyncio.wait_for(putting, 30)
    assert (await queued(inbox), inbox.is_failing) == ([7], False)
    assert (told, runs.incidents.open()) == (["trouble", "trouble"], [])
    assert runs.log.getvalue().count("update_not_saved") == 1
    await inbox.look_after()
    assert runs.kept() == {"7"}


@pytest.mark.one_way("on")
async def test_trouble_of_a_process_that_has_died_is_over_once_it_is_silent_for_long(
    runs: Runs,
) -> None:
    """On a database: whoever takes over writes all the same, and says so at each look."""
    with freeze_time(datetime.now(UTC).replace(tzinfo=None), real_asyncio=True) as clock:
        last_seen = time.time() - _SEEN_SECONDS + 2
        runs.incidents = Incidents((UPDATES_NOT_SAVED,), process="this one")
        entry = {"since": last_seen, "owners": 0, "told": True, "until": None}
        runs.incidents.load_entry(UPDATES_NOT_SAVED, {**entry, "seen_by": {"another": last_seen}})
        told: list[str] = []
        inbox = await runs.start(told)
        assert (runs.incidents.is_open(UPDATES_NOT_SAVED), told) == (True, [])
        clock.tick(2.1)
        await inbox.look_after()
        assert (runs.incidents.is_open(UPDATES_NOT_SAVED), told) == (False, ["trouble"])


@pytest.mark.one_way("on")
async def test_a_disk_that_works_again_is_noticed_without_another_update(runs: Runs) -> None:
    """Behind a load balancer that heeds /readyz none would come."""
    inbox = await runs.start()
    with full_disk(), pytest.raises(OperatorFault):
        await inbox.accept(update(8))
    await inbox.look_after()
    assert not inbox.is_failing


@pytest.mark.one_way("on")
async def test_updates_alone_that_cannot_be_written_are_no_working_disk(runs: Runs) -> None:
    """Their folder may be another disk, or somebody else's: told once, not every half minute."""
    told: list[str] = []
    inbox = await runs.start(told)
    with out_of_place(runs.folder):
        with pytest.raises(OperatorFault):
            await inbox.accept(update(8))
        await inbox.look_after()
        assert (inbox.is_failing, told) == (True, ["trouble"])
    await inbox.look_after()
    assert (inbox.is_failing, told) == (False, ["trouble", "trouble"])


@pytest.mark.one_way("on")
async def test_a_refused_one_behind_another_that_is_handled_is_not_dropped(runs: Runs) -> None:
    """All anonymous administrators of all groups are one sender to Telegram."""
    inbox = await runs.start(access=Closed(Members(), frozenset(), nothing_is_kept))
    for number in (6, 7, 8):
        await inbox.accept(update(number))
    assert await queued(inbox) == [6]
    await handle(inbox, 6)
    assert await queued(inbox) == [7]
    await inbox.accept(update(9))
    await handle(inbox, 7)
    assert await queued(inbox) == [9]


@pytest.mark.one_way("on")
async def test_nothing_is_taken_in_before_the_start_and_after_the_stop(runs: Runs) -> None:
    """A webhook is answered so that Telegram comes again; polling is cut off in its patience."""
    inbox = await runs.start()
    inbox.close()
    with pytest.raises(TransientFault):
        await inbox.accept(update(7))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(inbox.put(update(7)), 0.1)
    assert runs.kept() == set()


@pytest.mark.one_way("on")
async def test_a_write_that_is_given_up_with_the_process_is_no_defect(runs: Runs) -> None:
    """The disk hangs: Telegram has been told nothing, and brings the update again."""
    heard, disk = list[object](), threading.Event()
    asyncio.get_running_loop().set_exception_handler(lambda _, said: heard.append(said))
    inbox = await runs.start()
    before = asyncio.all_tasks()
    hanging = [asyncio.create_task(runs.workers.run(disk.wait)) for _ in range(16)]
    coming = asyncio.create_task(inbox.accept(update(7)))
    await until(lambda: len(asyncio.all_tasks() - before) == 18)
    for task in asyncio.all_tasks() - before:
        task.cancel()
    await asyncio.wait({coming, *hanging})
    await asyncio.sleep(0)
    disk.set()
    assert coming.cancelled()
    assert (heard, runs.kept()) == ([], set())


@pytest.mark.one_way("on")
async def test_after_a_week_of_silence_a_number_of_before_is_a_new_one(runs: Runs) -> None:
    """Telegram counts anew then, anywhere; though the bot has run all the time."""
    with freeze_time(datetime.now(UTC).replace(tzinfo=None), real_asyncio=True) as clock:
        inbox = await runs.start()
        await inbox.put(update(7))
        assert await handled(inbox, 1) == [7]
        clock.tick(23 * 3600)
        await inbox.put(update(7))
        assert await is_idle(inbox)
        clock.tick(7 * DAY)
        await inbox.put(update(7))
        assert await queued(inbox) == [7]


@pytest.mark.one_way("on")
async def test_a_cancel_of_long_ago_ends_no_question_though_telegram_counts_anew(
    runs: Runs,
) -> None:
    """Of those that came before it, it ends also what had only just been handed out."""
    inbox, owner = await runs.start(), Owner.user(501)
    attention = Attention(cast("ExtBot[int]", BOT), inbox, Timing(answer=60))

    async def ask(number: int) -> None:
        async with (
            inbox.handling(update(number)),
            attention.paid(update(number), owner) as deadline,
            deadline.kept(),
        ):
            await asyncio.sleep(0.05)

    for number in (7_000_000, 7_000_001):
        await inbox.put(update(number))
        inbox.ask_google(number, Needs.GOOGLE)
    async with inbox.handling(update(7_000_001)):
        assert attention.end(owner, update(7_000_001)) == 0
    with pytest.raises(NotWanted):
        await ask(7_000_000)
    for number in (6, 7):
        await inbox.put(update(number))
        await ask(number)


@given(st.lists(st.integers(0, 40)))
def test_handled_numbers_are_those_that_were_added(numbers: list[int]) -> None:
    """Kept as runs of neighbours that neither overlap nor touch."""
    handled = HandledIds()
    for number in numbers:
        handled.add(number, 0)
    handled = HandledIds.model_validate(handled.model_dump())
    assert [number for number in range(-1, 42) if number in handled] == sorted({*numbers})
    runs = handled.root
    assert all(before[1] + 1 < after[0] for before, after in pairwise(runs))


def test_handled_numbers_are_forgotten_after_a_day() -> None:
    """By then Telegram no longer has the update, and may count somewhere else after a week."""
    handled = HandledIds()
    handled.add(7, 0)
    handled.add(8, DAY)
    handled.add(50, 0)
    handled.forget_old(DAY + 1)
    assert (7 in handled, 8 in handled, 50 in handled) == (True, True, False)
