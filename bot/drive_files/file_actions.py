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
from bot.delivery.conversation import argument_of, message_of
from bot.delivery.messages import say, show_instead
from bot.drive_files import file_texts
from bot.drive_files.explaining import explained, show, tapped
from bot.drive_files.file_texts import FolderGone, FolderInBin, card_of
from bot.texts import file_keyboards, questions
from bot.texts.filenames import clean_name, new_name
from drive import Drive, DriveFolder, folders_in

RENAMING: Final = "rename"
_log = structlog.get_logger()


def _file_of(update: Update) -> str:
    """The file that was tapped, or that the answered question is about."""
    if update.callback_query is not None:
        return argument_of(update.callback_query).partition(":")[0]
    return questions.answer_in(message_of(update))[0]


_explained = explained(about=_file_of)


@_explained
async def back(update: Update, context: BotContext) -> None:
    """Show the file again."""
    file_id, _ = await tapped(update)
    await _show_card(update, context, file_id)


@_explained
async def ask_name(update: Update, context: BotContext) -> None:
    """Rename: the new name is the answer to a question."""
    file_id, _ = await tapped(update)
    name = await _name_of(context, file_id)
    base_url = context.services.options.link_base_url
    await say(
        update,
        context,
        context.t.tr(
            "{sign} What shall <b>{name}</b> be called? Reply to this message with the new name.",
            sign=questions.sign(context.bot, base_url, "✏️", RENAMING, file_id),
            name=name,
        ),
        questions.box(name),
    )


@_explained
async def rename(update: Update, context: BotContext) -> None:
    """Rename the file as the answer to `ask_name` says."""
    file_id, wanted = questions.answer_in(message_of(update))
    if not clean_name(wanted.replace("\n", " "), ""):
        await say(update, context, context.t.tr("🤔 That cannot be a file's name."))
        return

    def work(drive: Drive) -> None:
        found = card_of(drive, file_id)
        drive.rename(file_id, new_name(wanted, found.file.name))

    note = context.t.tr("✏️ It has its new name.")
    await _show_card(update, context, file_id, work, note, result="renamed")


@_explained
async def look_inside(update: Update, context: BotContext) -> None:
    """Move: the bot's folders, level by level."""
    file_id, key = await tapped(update)
    card, folders = await context.core.drives.run(
        context.owner, lambda drive: (card_of(drive, file_id), drive.all_folders())
    )
    here = _by_key(folders, key)
    by_id = {folder.id: folder for folder in folders}
    parents = {folder.parent_id for folder in folders}
    around = here.id if here else ""
    offered = [(folder, folder.id in parents) for folder in folders_in(folders, around)]
    # Where it lies already is no place to go, unless there are others inside.
    inside = [
        (to, has_more) for to, has_more in offered if has_more or to.id != card.file.folder_id
    ]
    text = context.t.tr("📁 Where shall <b>{name}</b> go?", name=clean_name(card.file.name))
    if here is not None:
        text += "\n" + context.t.tr("Inside “{folder}”", folder=clean_name(here.name))
    elif not inside:
        text += "\n\n" + context.t.tr("I have made no other folder yet: /folder makes one.")
    if len(inside) > file_keyboards.MOST_FOLDERS:
        text += "\n" + context.t.tr(
            "These are the first {count} folders.", count=file_keyboards.MOST_FOLDERS
        )
    above = by_id.get(here.parent_id) if here else None
    markup = file_keyboards.destinations(context.t, file_id, here, above, inside)
    await show_instead(update, context, text, markup)


@_explained
async def move(update: Update, context: BotContext) -> None:
    """Into the chosen folder."""
    file_id, key = await tapped(update)

    def work(drive: Drive) -> None:
        folder = _by_key(drive.all_folders(), key)
        if folder is None:
            raise FolderGone("there is no such folder any more")
        drive.move(file_id, folder.id)

    note = context.t.tr("📁 It has been moved.")
    await _show_card(update, context, file_id, work, note, result="moved")


@_explained
async def ask_share(update: Update, context: BotContext) -> None:
    """Share asks first."""
    file_id, _ = await tapped(update)
    text = context.t.tr(
        "🔗 Share <b>{name}</b>?\n\nAnyone who has the link can then open it, without signing "
        "in, until you stop sharing.",
        name=await _name_of(context, file_id),
    )
    yes = context.t.label("Yes, share it")
    markup = file_keyboards.sure(context.t, file_id, "file-share-yes", yes)
    await show_instead(update, context, text, markup)


@_explained
async def share(update: Update, context: BotContext) -> None:
    """The person has said yes: whoever has the link may open the file."""
    file_id, _ = await tapped(update)
    await _show_card(update, context, file_id, lambda drive: drive.share(file_id), result="shared")


@_explained
async def unshare(update: Update, context: BotContext) -> None:
    """The link opens for its owner alone again."""
    file_id, _ = await tapped(update)
    note = context.t.tr("🔒 The link no longer opens for others.")
    await _show_card(
        update, context, file_id, lambda drive: drive.unshare(file_id), note, result="unshared"
    )


@_explained
async def ask_delete(update: Update, context: BotContext) -> None:
    """Delete asks first."""
    file_id, _ = await tapped(update)
    name = await _name_of(context, file_id)
    text = context.t.tr("🗑 Put <b>{name}</b> into your Drive's bin?", name=name)
    yes = context.t.label("Yes, into the bin")
    markup = file_keyboards.sure(context.t, file_id, "file-bin-yes", yes)
    await show_instead(update, context, text, markup)


@_explained
async def delete(update: Update, context: BotContext) -> None:
    """The person has said yes: into the bin, which can be undone."""
    file_id, _ = await tapped(update)
    await _show_card(update, context, file_id, lambda drive: drive.trash(file_id), result="trashed")


@_explained
async def undelete(update: Update, context: BotContext) -> None:
    """Out of the bin again."""
    file_id, _ = await tapped(update)

    def work(drive: Drive) -> None:
        if drive.untrash(file_id).trashed:
            raise FolderInBin("its folder is in the bin")

    note = context.t.tr("↩️ It is out of the bin again.")
    await _show_card(update, context, file_id, work, note, result="restored")


async def _name_of(context: BotContext, file_id: str) -> str:
    found = await context.core.drives.run(context.owner, lambda drive: card_of(drive, file_id))
    return clean_name(found.file.name)


async def _show_card(
    update: Update,
    context: BotContext,
    file_id: str,
    work: Callable[[Drive], object] = lambda _: None,
    note: str = "",
    *,
    result: str = "",
) -> None:
    """Do something with the file, and show how it stands then.

    Args:
        note: what has been done, for the person.
        result: what has been done, for the log; "": nothing.
    """

    def both(drive: Drive) -> file_texts.Card:
        work(drive)
        return card_of(drive, file_id)

    found = await context.core.drives.run(context.owner, both)
    if result:
        _log.info("file_changed", owner=context.owner, result=result)
    await show(update, context, *file_texts.card(found, context.t, note))


def _by_key(folders: list[DriveFolder], key: str) -> DriveFolder | None:
    return next((f for f in folders if file_keyboards.folder_key(f.id) == key), None)
