"""Each handler that asks Google, by the table of them: with Google silent it ends all the same."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from telegram.ext import CallbackQueryHandler, CommandHandler, MessageHandler

from bot.core import IN_EARNEST, Timing
from bot.handlers import Attended, Handler, handlers
from bot.texts.file_keyboards import folder_key
from bot.updates.queued_update import Needs
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.bot.test_waiting import AMY, silence, threads_at_work
from tests.fixtures import StartBot
from tests.journeys import connect, forge_tap, until

People = Callable[..., Person]


def name_of(handler: Handler) -> str:
    """What it is for: a command, the beginning of a button's data, or a question's purpose."""
    if isinstance(handler, CommandHandler):
        return f"/{min(handler.commands)}{' words' if handler.has_args else ''}"
    if isinstance(handler, CallbackQueryHandler):
        assert isinstance(handler.pattern, re.Pattern)
        return handler.pattern.pattern.removeprefix("^").removesuffix("(:|$)")
    assert isinstance(handler, MessageHandler)
    found = re.search(r"answers to (\w+)", repr(handler.filters))
    assert found, "say here what it is asked by"
    return found[1]


ASKING = {
    name_of(handler): handler
    for handler in handlers(frozenset({501}))
    if isinstance(handler.callback, Attended) and handler.callback.needs is not Needs.NOTHING
}
MAY_BE_DONE = frozenset(
    {
        *("file-to", "file-share-yes", "file-unshare", "file-bin-yes", "file-unbin"),
        *("folder-use", "folder-date", "disconnect:yes", "erase:yes"),
        *("rename", "folder", "upload-named"),
        *("album-share-yes", "album-unshare", "album-to", "album-named"),
    }
)
"""They change something: it may have been done though nobody heard of it."""


@dataclass
class Asking:
    """Somebody connected, with a file in a folder, and the questions they may answer."""

    person: Person
    file_id: str
    folder_id: str
    questions: dict[str, int]
    job_id: str
    """Of the upload that found the file there, under another name."""

    async def use(self, name: str) -> None:
        """What this handler is for."""
        if name.startswith("/"):
            await self.person.send(name)
        elif name in self.questions:
            await self.person.send("b", reply_to=self.questions[name])
        else:
            abouts = {"folder": self.folder_id, "upload": self.job_id, "album": self.job_id}
            about = abouts.get(name.partition("-")[0], self.file_id)
            special = {
                **dict.fromkeys(("file-to", "album-to"), f"{about}:{folder_key(self.folder_id)}"),
                "folder-date": f"{about}:year",
                **dict.fromkeys(("disconnect:yes", "erase:yes", "connect"), ""),
            }
            argument = special.get(name, about)
            await forge_tap(self.person, f"{name}:{argument}" if argument else name)


async def prepared(person: Person, google: GoogleControls) -> Asking:
    """All of that, while Google still answers."""
    await connect(person, google, AMY)
    await person.send_document(b"one", "a.txt")
    await person.wait_for("is in your Drive")
    files = {file["name"]: file["id"] for file in await google.files(AMY)}
    await person.send_document(b"one", "b.txt")
    there = await person.wait_for("is there already")
    data = (button.callback_data or "" for button in there.buttons)
    job_id = next(one for one in data if one.startswith("upload-named")).partition(":")[2]
    asking = Asking(person, files["a.txt"], files["Telegram"], {}, job_id)
    for answers, tap, question in (
        ("rename", f"file-name:{asking.file_id}", "What shall"),
        ("folder", f"folder-new:{asking.folder_id}", "What shall the new folder"),
        ("search", "files-search", "What is it called"),
    ):
        await forge_tap(person, tap)
        asking.questions[answers] = (await person.wait_for(question)).id
    await person.send("/get")
    asking.questions["get"] = (await person.wait_for("Which file shall I send")).id
    return asking


@pytest.mark.one_way("on")
@pytest.mark.timing(answer=0.3, busy_after=0.02, same_request=0)
async def test_every_question_to_google_of_the_table_ends_in_time_with_a_sentence(
    start_bot: StartBot, google: GoogleControls, people: People, timing: Timing
) -> None:
    """A new one is among them by itself. Where something may have been done it says how to look."""
    ann = people()
    async with start_bot(WEB_PORT=0, timing=replace(timing, answer=IN_EARNEST.answer)):
        asking = await prepared(ann, google)
    async with start_bot(WEB_PORT=0, ADMIN_USER_IDS="501") as bot:
        await silence(google)
        last = ("disconnect:yes", "erase:yes")  # afterwards they are not connected any more
        assert len(ASKING) > 25
        for name in [*(name for name in ASKING if name not in last), *last]:
            await ann.send("/language")
            mark, began = (await ann.wait_for("Which language")).seq, time.monotonic()
            ann.mark = mark
            await asking.use(name)
            said = await ann.wait_for(lambda m: bool(m.text), since=mark)
            assert time.monotonic() - began < 15, name  # of the 30 that Google has
            if "does not answer" in said.text:
                # Twice where the action for /language reached Telegram later than its answer;
                # and the question's own may still be on its way.
                await until(lambda: ann.actions() != [])
                assert set(ann.actions()) == {"typing"}, name
            if name in MAY_BE_DONE:
                assert all(words in said.text for words in ("may have", "/")), (name, said.text)
        assert bot.log.getvalue().count('"handler_failed"') == 0
        await until(lambda: threads_at_work() == [])
        await google.clear_faults()  # what goes on by itself says how it ended
        await ann.wait_for("Everything else I kept about you is deleted too", since=0)
