"""What stands in people's chats: each button, question, link and command does what it did.

The bot itself sends the old message, with a button of that data or a question of that purpose, as
an earlier version has; somebody taps it, or replies; the first thing that is said is compared.
"""

from __future__ import annotations

import base64
import html
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import blake2s
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest
from telegram import Bot, InlineKeyboardButton, InlineKeyboardMarkup
from telegram.ext import CallbackQueryHandler

from tests.fixtures import RunningBot, StartBot
from tests.frozen import product
from tests.frozen.golden import hold
from tests.frozen.product import GoogleControls, Group, Message, Person, TelegramControls
from tests.journeys import ask_device_code, ask_link, claim_code, connect, open_page, until

People = Callable[..., Person]
# What is said does not depend on how it is kept.
pytestmark = pytest.mark.encryption("off")

AMY, BEN = "amy@example.com", "ben@example.com"
CONNECTED: Final = (
    *("connect", "consent-cancel", "consent-yes:none", "consent-no:none"),
    *("uploads", "uploads-cancel:{done}", "uploads-retry:{done}", "uploads-cancel:601-0"),
    *("upload-cancel:{done}", "upload-retry:{done}", "upload-rename:{done}", "upload-keep:{done}"),
    *("upload-again:{done}", "upload-again:{twice}", "upload-cancel:601-0", "upload-retry:601-0"),
    *("upload-rename:601-0", "upload-keep:601-0", "upload-again:601-0", "group-link:601-0"),
    *("upload-cancel:{waiting}", "uploads-cancel:{waiting}", "uploads-retry:{waiting}"),
    *("upload-retry:{failed 0}", "uploads-retry:{failed 1}", "upload-cancel:{failed 2}"),
    *("upload-rename:{failed 3}", "upload-keep:{failed 3}", "group-link:{done}"),
    *("files", "files:0:", "files:1:", "files:0:a.t", "files:0:nothing", "files-search"),
    *("file:{file}", "file-back:{file}", "file-name:{file}", "file-in:{file}", "file-in:{file}:"),
    *("file-in:{file}:{key}", "file-in:{file}:none", "file-to:{file}:none", "file-send:{file}"),
    *("file-to:{file}:{key}", "file-share:{file}", "file-share-yes:{file}", "file-unshare:{file}"),
    *("file-bin:{file}", "file-bin-yes:{file}", "file-unbin:{file}", "file:none"),
    *("album:601-0", "album:{done}", "album-back:{done}", "album-back:{done}:1"),
    *("album-share:{done}", "album-share-yes:{done}", "album-unshare:{done}"),
    *("album-in:{done}", "album-in:{done}:", "album-in:{done}:{key}", "album-to:{done}:none"),
    *("album-to:{done}:{key}", "album-named:{done}", "upload-named:601-0", "upload-named:{done}"),
    *("folder", "folder:", "folder:{folder}", "folder:{folder}:1", "folder::1", "folder:none"),
    *("folder-new:", "folder-new:{folder}", "folder-use:{folder}", "folder-use:none"),
    *("folder-date:{folder}:year", "folder-date::month", "folder-date::off", "folder-date::none"),
    *("language:zh_Hant", "language:zh_Hans", "language:en", "language:none", "health"),
    *(
        "nothing",
        "nothing:{file}",
        "file-",
        "files2",
        "upload",
        "Connect",
        "connect-",
        "folder_use",
    ),
    *("disconnect", "disconnect:ask", "disconnect:no", "erase:ask", "erase:no", "erase:none"),
    *("disconnect:none", "disconnect:yes", "erase:yes"),
)
"""Taps of somebody connected, in this order."""
STRANGER: Final = (
    *("connect", "consent-yes:none", "consent-no:none", "consent-cancel", "consent-cancel"),
    *("connect-keep", "my-data"),
    *("upload-rename:{waiting}", "upload-keep:{waiting}", "upload-retry:{waiting}"),
    *("uploads-cancel:{waiting}", "upload-cancel:{waiting too}", "uploads", "quarantine:new"),
    *("files", "files-search", "file:none", "file-send:none", "folder", "folder-new:", "erase:ask"),
    *("disconnect:ask", "disconnect:yes", "erase:yes", "language:en", "cancel-all"),
)
"""Taps of somebody who is not connected."""
ADMINISTRATOR: Final = (
    *("health", "quarantine", "quarantine:new", "quarantine:page:0", "quarantine:page:9"),
    *("quarantine:open:{entry}", "quarantine:purge:{entry}", "quarantine:restore:{entry}"),
    *("quarantine:open:none", "quarantine:restore:none", "quarantine:purge-yes:none"),
    *("hold:ask", "hold:no", "hold:yes", "quarantine:purge-yes:{other entry}", "hold:none"),
    "alarm:fine:none",
)
"""Taps of an administrator: Dora's credential is in quarantine, Eve's on hold."""
GROUP: Final = (
    *(
        "group-link:{done}",
        "upload-cancel:{done}",
        "upload-retry:{done}",
        "upload-cancel:{waiting}",
    ),
    *("connect", "files", "uploads", "file-send:{file}", "upload-rename:{done}", "nothing"),
)
"""Taps in a group, where others read along."""
REPLIES: Final = (
    *(("folder={folder}", "Taxes"), ("folder=", "Letters"), ("folder=none", "Letters")),
    *(("folder={folder}", "{year}/{month}"), ("folder={folder}", "...")),
    *(("name={done}", "b"), ("name=601-0", "b"), ("name={done}", "...")),
    *(("rename={file}", "c"), ("rename=none", "c"), ("rename={file}", "...")),
    *(("search=", "c"), ("search=", "nothing"), ("get=", "nothing"), ("get=", "c.txt")),
    *(("search", "c"), ("nothing=", "c"), ("", "c"), ("", "#name d")),
)
"""Replies to the bot's questions of old: what the question is for, and what is answered."""
WRITTEN: Final = (
    *(
        "/start",
        "/start anything",
        "/start@drivekeeper_sandbox_bot",
        "/help",
        "/status",
        "/uploads",
    ),
    *("/files", "/files c", "/get", "/get nothing", "/folder", "/folder Taxes/2026", "/folder ..."),
    *(
        "/privacy",
        "/language",
        "/cancel",
        "/connect",
        "/cancel",
        "/health",
        "/quarantine",
        "/nothing",
    ),
    *("/START", "hello", "#name d", "http://localhost/?state=s&code=c", "/disconnect"),
)
BY_ADMINISTRATORS: Final = ("/help", "/health", "/quarantine", "/nothing")
_ENDS: Final[dict[str, Callable[[Message], bool]]] = {
    "upload starts in a moment": lambda message: "is in your Drive" in message.text,
    "⏳ Sending": lambda message: message.media is not None,
}
"""What goes on behind the next message, and how its end is seen."""


@dataclass
class Chat:
    """Somebody, and the bot; what is said between the two."""

    bot: RunningBot
    old: Bot
    """The bot as an earlier version sent messages; nothing slows it down."""
    person: Person
    places: dict[str, str]
    """What stands for "{file}" and its like."""
    end: Message
    """Has a button that nobody knows."""

    @classmethod
    async def of(
        cls, bot: RunningBot, old: Bot, person: Person, places: dict[str, str] | None = None
    ) -> Chat:
        """With somebody who has found the bot."""
        await person.open()
        sent = await old.send_message(person.id, "…", reply_markup=button("the end", "the-end"))
        end = await person.wait_for(lambda m: m.id == sent.message_id, since=0)
        return cls(bot, old, person, places or {}, end)

    def filled(self, text: str) -> str:
        """With what is there in this run."""
        for name, value in self.places.items():
            text = text.replace("{" + name + "}", value)
        return text

    async def tap(self, data: str) -> dict[str, Any]:
        """On a button with this data, in a message of the bot's."""
        markup = button("old", self.filled(data))
        sent = await self.old.send_message(self.person.id, "old", reply_markup=markup)
        message = await self.person.wait_for(lambda m: m.id == sent.message_id, since=0)
        answer = await self.person.tap("old", message)
        says = await self.first_said(self.person.mark)
        return {"answer": plain(answer.text), "alert": answer.show_alert, **says}

    async def tap_in(self, group: Group, data: str) -> dict[str, Any]:
        """The same in a group; what is said there is not looked at."""
        markup = button("old", self.filled(data))
        sent = await self.old.send_message(group.id, "old", reply_markup=markup)
        message = await group.wait_for(lambda m: m.id == sent.message_id, since=0)
        answer = await group.by(self.person).tap("old", message)
        return {"answer": plain(answer.text), "alert": answer.show_alert}

    async def reply(self, purpose: str, text: str) -> dict[str, Any]:
        """To a question of this purpose."""
        head, is_one, tail = self.filled(purpose).partition("=")
        base, name = self.bot.settings.telegram_link_base_url, self.old.username
        link = html.escape(f"{base}/{name}#{head}{is_one}{quote(tail, safe='')}")
        sent = await self.old.send_message(
            self.person.id, f'<a href="{link}">❓</a> an old question', parse_mode="HTML"
        )
        await self.person.wait_for(lambda m: m.id == sent.message_id, since=0)
        await self.person.send(text, reply_to=sent.message_id)
        return await self.first_said(self.person.mark)

    async def write(self, text: str) -> dict[str, Any]:
        """Something."""
        await self.person.send(self.filled(text))
        return await self.first_said(self.person.mark)

    async def first_said(self, since: int) -> dict[str, Any]:
        """The first line of it, with the buttons below; "": the next message was answered first."""
        # This is answered without a word. Before the first answer it had not come in, whatever that
        # takes (what asks Google is handled beside what does not); before the second it was over.
        await self.person.tap("the end", self.end)
        await until(lambda: product.is_answered(self.bot.services, self.person.id))
        await self.person.tap("the end", self.end)
        for message in [m for m in self.person.versions(since) if m.from_bot][:1]:
            for begun, ended in _ENDS.items():
                if begun in message.text:  # else the next tap's answer would have to be told apart
                    await self.person.wait_for(ended, since=since)
            kind = f"[{message.media[0]}] " if message.media else ""
            says = kind + plain(message.text.partition("\n")[0])
            below = [
                self.named(b.callback_data) if b.callback_data else "→" for b in message.buttons
            ]
            return {"says": says, "buttons": " ".join(below)}
        return {"says": ""}

    def named(self, data: str) -> str:
        """A button's data with names for what is somebody's own."""
        names = {value: "{" + name + "}" for name, value in self.places.items()}
        verb, *rest = data.split(":")
        known = re.compile(r"[A-Za-z0-9_-]{0,9}")
        shown = (one if known.fullmatch(one) else "*" for one in rest)
        words = (names.get(own, one) for own, one in zip(rest, shown, strict=True))
        return plain(":".join([verb, *words]))


def plain(text: str) -> str:
    """Without what differs from run to run."""
    return re.sub(r"[A-Z]{4}-[A-Z]{4}", "CODE", re.sub(r"\d+", "#", text))


def button(text: str, data: str) -> InlineKeyboardMarkup:
    """One button."""
    return InlineKeyboardMarkup([[InlineKeyboardButton(text, callback_data=data)]])


def as_before(bot: RunningBot) -> Bot:
    """The same bot, as an earlier version."""
    base = f"{bot.settings.telegram_api_base_url}/bot"
    return Bot(bot.application.bot.token, base_url=base)


def key_of(folder_id: str) -> str:
    """As it stands in a button for a folder."""
    return base64.urlsafe_b64encode(blake2s(folder_id.encode(), digest_size=6).digest()).decode()


async def job_of(person: Person, name: str, content: bytes, until: str) -> str:
    """Send a file; the number in its buttons once the bot says `until`."""
    sent = await person.send_document(content, name)
    await person.wait_for(lambda m: name in m.text and until in m.text)
    buttons = (b for m in person.versions(sent.seq) if m.from_bot for b in m.buttons)
    data = (button.callback_data or "" for button in buttons)
    return next(d.partition(":")[2] for d in data if d.startswith("upload-cancel:"))


async def buttons_of(person: Person, data: str, text: str) -> list[str]:
    """What comes after `data` in the buttons of the message that says `text`."""
    message = await person.wait_for(text)
    found = (b.callback_data or "" for b in message.buttons)
    return [d.removeprefix(data) for d in found if d.startswith(data)]


@asynccontextmanager
async def chats(
    start_bot: StartBot, google: GoogleControls, people: People, folder: Path
) -> AsyncIterator[dict[str, Chat]]:
    """Somebody connected with files in every state, a stranger, and an administrator."""
    for name, text in product.folder_of_before("plain").items():
        if name.startswith(("quarantine/", "maintenance/", "log_mask.key", "token_505")):
            for copy in {name, name.replace(".20261129t", ".20261128t")}:
                path = folder / copy
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                path.write_text(text, "ascii")
                path.chmod(0o600)
    ann, bob, root = people(601), people(602, "Bob"), people(900, "Root")
    async with TelegramControls(ann.base_url) as telegram:
        await ann.open()
        group = await telegram.make_group("Depot", [601], told=False)
    settings = {"ADMIN_USER_IDS": "900", "ALLOWED_CHAT_IDS": group, "WEB_PORT": 0}
    async with start_bot(TOKEN_MAINTENANCE_INTERVAL_MINUTES=0, **settings) as bot:
        await connect(ann, google, AMY)
        places = {"group": str(group), "done": await job_of(ann, "a.txt", b"one", "is in your")}
        message = await ann.wait_for("is in your Drive", since=0)
        places["file"] = next(
            str(b.callback_data).partition(":")[2] for b in message.buttons if b.callback_data
        )
        places["twice"] = await job_of(ann, "b.txt", b"one", "already")
        files = {file["name"]: file["id"] for file in await google.files(AMY)}
        places["folder"] = files["Telegram"]
        places["key"] = key_of(places["folder"])
        refusal = {"status": 403, "reason": "storageQuotaExceeded", "count": 4}
        await google.fault("google.upload.start", "status", **refusal)
        for number in range(4):
            name = f"failed {number}"
            places[name] = await job_of(ann, f"{name}.txt", b"x" * (9 + number), "is full")
        await google.clear_faults()
        await bob.start()
        await bob.wait_for("Drivekeeper")
        places["waiting"] = await job_of(bob, "e.txt", b"five", "waiting")
        places["waiting too"] = await job_of(bob, "f.txt", b"six", "waiting")
        await root.send("/quarantine")
        entries = await buttons_of(root, "quarantine:open:", "🗄")
        places["entry"], places["other entry"] = entries
        everybody = {"connected": ann, "stranger": bob, "administrator": root}
        async with as_before(bot) as old:
            yield {who: await Chat.of(bot, old, one, places) for who, one in everybody.items()}


def note(found: dict[str, Any], case: str, value: Any) -> None:
    """Under the case's name; a case that comes again has another one."""
    found[f"{case} (again)" if case in found else case] = value


@pytest.mark.one_way
async def test_every_button_of_an_old_message_does_what_it_did(
    start_bot: StartBot, google: GoogleControls, people: People, tmp_path: Path
) -> None:
    """The first answer, and the first line that is said; a button nobody knows says so."""
    async with chats(start_bot, google, people, tmp_path / "user_data") as everybody:
        ann, found = everybody["connected"], dict[str, Any]()
        async with Group(ann.person.base_url, int(ann.places["group"])) as group:
            for data in GROUP:
                note(found, data, await ann.tap_in(group, data))
        hold("buttons", "in a group", found)
        taps = {"administrator": ADMINISTRATOR, "stranger": STRANGER, "connected": CONNECTED}
        for who, those in taps.items():
            found = {}
            for data in those:
                note(found, data, await everybody[who].tap(data))
            hold("buttons", who, found)
        cleo = people(603, "Cleo")
        await cleo.start()
        await cleo.wait_for("Drivekeeper")
        stranger = await Chat.of(ann.bot, ann.old, cleo)
        hold("buttons", "no administrator", {"hold:yes": await stranger.tap("hold:yes")})
        every = {*CONNECTED, *STRANGER, *ADMINISTRATOR}
        patterns = registered_patterns(ann.bot)
        assert len(patterns) > 30
        assert [p.pattern for p in patterns if not any(map(p.match, every))] == [], "add a tap"


def registered_patterns(bot: RunningBot) -> list[re.Pattern[str]]:
    """Of the buttons that something is registered for."""
    handlers = [handler for group in bot.application.handlers.values() for handler in group]
    found = (h.pattern for h in handlers if isinstance(h, CallbackQueryHandler))
    return [pattern for pattern in found if isinstance(pattern, re.Pattern)]


@pytest.mark.one_way
async def test_every_reply_and_command_is_taken_as_it_was(
    start_bot: StartBot, google: GoogleControls, people: People, tmp_path: Path
) -> None:
    """By the question's purpose; what is unknown is said to be so."""
    async with chats(start_bot, google, people, tmp_path / "user_data") as everybody:
        found: dict[str, Any] = {}
        for purpose, text in REPLIES:
            said = await everybody["connected"].reply(purpose, text)
            note(found, f"{purpose} ← {text}", said)
        hold("messages", "replies", found)
        for who, chat in everybody.items():
            found = {}
            for text in BY_ADMINISTRATORS if who == "administrator" else WRITTEN:
                note(found, text, await chat.write(text))
            hold("messages", who, found)


async def test_the_buttons_of_a_consent_that_was_asked_for_decide(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Each names its request: no, then yes."""
    ann, found = people(), dict[str, Any]()
    await ann.start()
    async with as_before(bot) as old:
        chat = await Chat.of(bot, old, ann)
        for decision in ("consent-no", "consent-yes"):
            await google.approve_device(await ask_device_code(ann), AMY)
            [number] = await buttons_of(ann, f"{decision}:", "has approved")
            note(found, decision, await chat.tap(f"{decision}:{number}"))
            note(found, decision, await chat.tap(f"{decision}:{number}"))
    hold("buttons", "consent", found)


async def test_the_link_of_the_consent_page_is_understood(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """`/start` with its code: the asker's, spent, somebody else's, unknown, none."""
    ann, bob = people(), people(502, "Bob")
    await ann.open()
    await bob.open()
    async with start_bot(flow="callback") as bot, as_before(bot) as old:
        await ann.start()
        await bob.start()
        chat, other = await Chat.of(bot, old, ann), await Chat.of(bot, old, bob)
        _, page = await open_page(await google.consent(await ask_link(ann), AMY))
        await ann.wait_for("Google says yes")
        code = claim_code(page)
        said = {
            "form": re.sub(r"[A-Za-z0-9_-]", "x", code),
            "somebody else's": await other.write(f"/start {code}"),
            "unknown": await chat.write("/start guessed"),
            "the asker's": await chat.write(f"/start {code}"),
            "spent": await chat.write(f"/start {code}"),
            "none": await chat.write("/start"),
        }
        hold("messages", "start=", said)
