"""What the bot has put into a person's Drive: /files lists it, /get brings it back."""

from __future__ import annotations

from typing import Final

import structlog
from telegram import Update

from bot.context import BotContext
from bot.delivery.conversation import message_of
from bot.delivery.file_sender import NotTaken, Order, Stopped
from bot.delivery.messages import edit_or_send, say
from bot.drive_files import file_texts
from bot.drive_files.explaining import explained, show, tapped
from bot.drive_files.file_texts import card_of
from bot.texts import file_keyboards, questions
from bot.texts.buttons import Shown
from bot.texts.catalogue import Texts
from bot.texts.filenames import shown_text
from drive import Drive, DriveFile, DriveRefused
from drive.uploading.names import clean_name
from security.errors import CustodyError

SEARCHING: Final = "search"
GETTING: Final = "get"
_PAGE: Final = 8
_MOST: Final = 1000
_AHEAD: Final = 100
"""Files asked for beyond a page, in the same request, to know how many pages there are."""
_log = structlog.get_logger()


@explained()
async def files(update: Update, context: BotContext) -> None:
    """/files and /files words: the first page; its buttons: another one."""
    number, wanted = tapped(update)
    wanted = wanted or " ".join(context.args or ())
    await _show_page(update, context, int(number) if number.isdecimal() else 0, wanted)


@explained()
async def ask_search(update: Update, context: BotContext) -> None:
    """The Search button."""
    text = context.t.tr(
        "{sign} What is it called? Reply to this message with the beginning of a word of its name.",
        sign=context.sign("🔎", SEARCHING),
    )
    await say(update, context, text, questions.box())


@explained()
async def search(update: Update, context: BotContext) -> None:
    """Show the files that match what somebody has replied to `ask_search`."""
    _, wanted = questions.answer_in(message_of(update))
    await _show_page(update, context, 0, " ".join(wanted.split()))


@explained(anew=True, of_file=True)
async def open_card(update: Update, context: BotContext) -> None:
    """A file of the list: its card in a message of its own, so that the list stays."""
    file_id, _ = tapped(update)
    found = await context.on_drive(lambda drive: card_of(drive, file_id))
    await say(update, context, *file_texts.card(found, context.t))


@explained()
async def get(update: Update, context: BotContext) -> None:
    """/get name; without a name it is asked for."""
    if context.args:
        await _get(update, context, " ".join(context.args))
        return
    text = context.t.tr(
        "{sign} Which file shall I send? Reply to this message with its name, or how it begins.",
        sign=context.sign("⬇️", GETTING),
    )
    await say(update, context, text, questions.box())


@explained()
async def get_answer(update: Update, context: BotContext) -> None:
    """Send the file that somebody has named in reply to `get`."""
    await _get(update, context, questions.answer_in(message_of(update))[1])


@explained(anew=True, of_file=True)
async def send(update: Update, context: BotContext) -> None:
    """The button "Send here"."""
    file_id, _ = tapped(update)
    found = await context.on_drive(lambda drive: _file(drive, file_id))
    await _send(update, context, found)


async def _get(update: Update, context: BotContext, wanted: str) -> None:
    texts = context.t
    found = await context.on_drive(
        lambda drive: drive.files(page_size=_PAGE + 1, search=wanted).files
    )
    if len(found) == 1:
        await _send(update, context, found[0])
    elif not found:
        await say(update, context, file_texts.no_files(shown_text(wanted), texts))
    else:
        text = texts.tr("⬇️ Which one shall I send?")
        if len(found) > _PAGE:
            text += "\n" + texts.tr(
                "These are the {count} newest; write more of the name for others.", count=_PAGE
            )
        await say(update, context, text, file_keyboards.offers(texts, found[:_PAGE]))


async def _send(update: Update, context: BotContext, file: DriveFile) -> None:
    owner, texts, sender = context.owner, context.t, context.services.sender
    if (file.size or 0) > sender.limit:
        _log.info("file_not_sent", owner=owner, size=file.size or 0, result="too_big")
        await say(update, context, *file_texts.too_big_to_send(file, sender.limit, texts))
        return
    if file.size == 0:
        await say(update, context, *file_texts.empty_to_send(file, texts))
        return
    match sender.obstacle(owner, file.id):
        case "already":
            text = texts.tr("⏳ <b>{name}</b> is on its way already.", name=clean_name(file.name))
            await say(update, context, text)
            return
        case "too_many":
            text = texts.tr(
                "✋ I am still sending other files to you. Ask for <b>{name}</b> again when they "
                "are here.",
                name=clean_name(file.name),
            )
            await say(update, context, text, file_keyboards.unsent(texts, file))
            return
    notice = await say(
        update,
        context,
        texts.tr(
            "⏳ Sending <b>{name}</b> ({size}) … If nothing comes, tap “Try again”.",
            name=clean_name(file.name),
            size="?" if file.size is None else texts.size(file.size),
        ),
        file_keyboards.unsent(texts, file),  # for when a kill comes in between
    )

    async def ended(error: CustodyError | None) -> None:
        if error is None:
            await context.bot.delete_message(notice.to.chat_id, notice.message_id)
            return
        await edit_or_send(context.bot, *notice, *_unsent(error, file, sender.limit, texts))

    sender.begin(Order(owner, notice.to, file, ended))


def _unsent(error: CustodyError, file: DriveFile, limit: int, texts: Texts) -> Shown:
    match error:
        case NotTaken(code="too_big"):
            return file_texts.too_big_to_send(file, limit, texts)
        case Stopped(code="cancelled"):
            text = texts.tr("⏹ <b>{name}</b> was cancelled.", name=clean_name(file.name))
        case NotTaken() | Stopped():
            text = texts.tr(
                "⚠️ <b>{name}</b> did not get through to Telegram. Tap “Try again”.",
                name=clean_name(file.name),
            )
        case _:
            text, markup = file_texts.trouble(error, texts)
            if markup is None:
                name = texts.tr("📄 <b>{name}</b>", name=clean_name(file.name))
                text = "\n".join((name, text))
            if markup is not None or isinstance(error, DriveRefused):
                return text, markup
    return text, file_keyboards.unsent(texts, file)


async def _show_page(update: Update, context: BotContext, number: int, wanted: str) -> None:
    texts = context.t
    found, are_all = await context.on_drive(lambda drive: _files(drive, number, wanted))
    pages = -(-len(found) // _PAGE)
    if are_all:
        number = min(number, max(pages - 1, 0))
    first = number * _PAGE
    shown, more = found[first : first + _PAGE], len(found) > first + _PAGE
    if not shown and not number:
        markup = file_keyboards.page(texts, (), 0, wanted, more=False) if wanted else None
        await show(update, context, file_texts.no_files(shown_text(wanted), texts), markup)
        return
    text = (
        texts.tr("🔎 Files with “{search}”, newest first", search=shown_text(wanted))
        if wanted
        else texts.tr("🗂 Your files, newest first")
    )
    if are_all and pages > 1:
        text += "\n" + texts.tr("Page {number} of {pages}", number=number + 1, pages=pages)
    elif not are_all:
        text += "\n" + texts.tr(
            "Page {number} of more than {pages}", number=number + 1, pages=pages - 1
        )
    markup = file_keyboards.page(texts, shown, number, wanted, more=more)
    await show(update, context, text, markup)


def _files(drive: Drive, number: int, wanted: str) -> tuple[list[DriveFile], bool]:
    """The files up to this page's and some more, and whether they are all.

    Counted from the beginning each time: Drive's own marks of a page expire, and are too long for a
    button. A thousand files are one request.
    """
    first, token = number * _PAGE, None
    found: list[DriveFile] = []
    while (lacking := first + _PAGE + 1 - len(found)) > 0:
        page = drive.files(token, min(lacking + _AHEAD, _MOST), wanted)
        found += page.files
        if (token := page.next_page) is None:
            return found, True
    return found, False


def _file(drive: Drive, file_id: str) -> DriveFile:
    found = drive.find(file_id)
    if found is None or found.trashed or found.is_folder:
        raise DriveRefused("there is no such file", code="file_gone")
    return found
