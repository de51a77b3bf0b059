"""A file in Drive, by its buttons: renamed, moved, shared, put into the bin, and back.

Each shows what came of it in the message whose button was tapped. Buttons name the file by Drive's
identifier and act on the Drive of whoever taps: on somebody else's buttons there is no such file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog
from telegram import Update

from bot.context import BotContext
from bot.delivery.conversation import message_of
from bot.delivery.messages import say, show_instead
from bot.drive_files import file_texts, moving
from bot.drive_files.explaining import explained, show, tapped
from bot.drive_files.file_texts import FolderGone, FolderInBin, card_of
from bot.texts import file_keyboards, questions
from bot.texts.filenames import new_name
from drive import Drive
from drive.uploading.names import clean_name

RENAMING: Final = "rename"
_log = structlog.get_logger()


def _file_of(update: Update) -> str:
    """The file that was tapped, or that the answered question is about."""
    if update.callback_query is not None:
        return tapped(update)[0]
    return questions.answer_in(message_of(update))[0]


_explained = explained(about=_file_of, of_file=True)
_changing = explained(about=_file_of, of_file=True, look="/files")


@_explained
async def back(update: Update, context: BotContext) -> None:
    """Show the file again."""
    await _show_card(update, context)


@_explained
async def ask_name(update: Update, context: BotContext) -> None:
    """Rename: the new name is the answer to a question."""
    name = await _name_of(update, context)
    await say(
        update,
        context,
        context.t.tr(
            "{sign} What shall <b>{name}</b> be called? Reply to this message with the new name.",
            sign=context.sign("✏️", RENAMING, _file_of(update)),
            name=name,
        ),
        questions.box(name),
    )


@_changing
async def rename(update: Update, context: BotContext) -> None:
    """Rename the file as the answer to `ask_name` says."""
    _, wanted = questions.answer_in(message_of(update))
    if not clean_name(wanted.replace("\n", " "), ""):
        await say(update, context, context.t.tr("🤔 That cannot be a file's name."))
        return

    def work(drive: Drive, file_id: str) -> None:
        found = card_of(drive, file_id)
        drive.rename(file_id, new_name(wanted, found.file.name))

    await _show_card(update, context, work, context.t.tr("✏️ It has its new name."), "renamed")


@_explained
async def look_inside(update: Update, context: BotContext) -> None:
    """Move: the bot's folders, level by level."""
    file_id, key = tapped(update)
    card, folders = await context.on_drive(
        lambda drive: (card_of(drive, file_id), drive.all_folders())
    )
    level = moving.level(folders, key, lies_in=card.file.folder_id)
    text = context.t.tr("📁 Where shall <b>{name}</b> go?", name=clean_name(card.file.name))
    markup = file_keyboards.destinations(context.t, file_id, level.here, level.above, level.inside)
    await show_instead(update, context, moving.described(text, level, context.t), markup)


@_changing
async def move(update: Update, context: BotContext) -> None:
    """Into the chosen folder."""
    _, key = tapped(update)

    def work(drive: Drive, file_id: str) -> None:
        folder = moving.by_key(drive.all_folders(), key)
        if folder is None:
            raise FolderGone("there is no such folder any more")
        drive.move(file_id, folder.id)

    await _show_card(update, context, work, context.t.tr("📁 It has been moved."), "moved")


@_explained
async def ask_share(update: Update, context: BotContext) -> None:
    """Share asks first."""
    text = context.t.tr(
        "🔗 Share <b>{name}</b>?\n\nAnyone who has the link can then open it, without signing "
        "in, until you stop sharing.",
        name=await _name_of(update, context),
    )
    await _make_sure(update, context, text, "file-share-yes", context.t.label("Yes, share it"))


@_changing
async def share(update: Update, context: BotContext) -> None:
    """The person has said yes: whoever has the link may open the file."""
    await _show_card(update, context, Drive.share, result="shared")


@_changing
async def unshare(update: Update, context: BotContext) -> None:
    """The link opens for its owner alone again."""
    note = context.t.tr("🔒 The link no longer opens for others.")
    await _show_card(update, context, Drive.unshare, note, "unshared")


@_explained
async def ask_delete(update: Update, context: BotContext) -> None:
    """Delete asks first."""
    name = await _name_of(update, context)
    text = context.t.tr("🗑 Put <b>{name}</b> into your Drive's bin?", name=name)
    await _make_sure(update, context, text, "file-bin-yes", context.t.label("Yes, into the bin"))


@_changing
async def delete(update: Update, context: BotContext) -> None:
    """The person has said yes: into the bin, which can be undone."""
    await _show_card(update, context, Drive.trash, result="trashed")


@_changing
async def undelete(update: Update, context: BotContext) -> None:
    """Out of the bin again."""

    def work(drive: Drive, file_id: str) -> None:
        if drive.untrash(file_id).trashed:
            raise FolderInBin("its folder is in the bin")

    note = context.t.tr("↩️ It is out of the bin again.")
    await _show_card(update, context, work, note, "restored")


async def _name_of(update: Update, context: BotContext) -> str:
    file_id = _file_of(update)
    found = await context.on_drive(lambda drive: card_of(drive, file_id))
    return clean_name(found.file.name)


async def _make_sure(update: Update, context: BotContext, text: str, verb: str, yes: str) -> None:
    """Ask whether to go on; `verb`: of the button that says yes."""
    markup = file_keyboards.sure(context.t, _file_of(update), verb, yes)
    await show_instead(update, context, text, markup)


async def _show_card(
    update: Update,
    context: BotContext,
    work: Callable[[Drive, str], object] = lambda *_: None,
    note: str = "",
    result: str = "",
) -> None:
    """Do something with the file, and show how it stands then.

    Args:
        work: given the person's Drive and the file's identifier.
        note: what has been done, for the person.
        result: what has been done, for the log; "": nothing.
    """
    file_id = _file_of(update)

    def both(drive: Drive) -> file_texts.Card:
        work(drive, file_id)
        return card_of(drive, file_id)

    found = await context.on_drive(both)
    if result:
        _log.info("file_changed", owner=context.owner, result=result)
    await show(update, context, *file_texts.card(found, context.t, note))
