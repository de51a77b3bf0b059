"""A file in Drive, by its buttons: renamed, moved, shared, put into the bin, and back.

Each shows what came of it in the message whose button was tapped. Buttons name the file by Drive's
identifier and act on the Drive of whoever taps: on somebody else's buttons there is no such file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import structlog
from telegram import InlineKeyboardMarkup, Update

from bot.context import BotContext
from bot.delivery.conversation import argument_of, message_of, query_of
from bot.delivery.messages import acknowledge, say, show_instead
from bot.drive_files import file_texts
from bot.drive_files.file_texts import FolderGone, FolderInBin, card_of
from bot.texts import file_keyboards, questions
from bot.texts.catalogue import Texts
from bot.texts.filenames import clean_name, new_name
from drive import Drive, DriveFolder, folders_in
from security.credential import Owner
from security.errors import ConsentRequired, CustodyError

T = TypeVar("T")
RENAMING = "rename"
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Tap:
    """A tapped button of a file."""

    update: Update
    context: BotContext
    owner: Owner
    texts: Texts
    file_id: str
    argument: str

    async def ask(self, work: Callable[[Drive], T]) -> T | None:
        """`work` on the person's Drive; None: it did not work, and that has been shown."""
        try:
            return await self.context.core.drives.run(self.owner, work)
        except CustodyError as error:
            await log_trouble(self.context, self.owner, error)
            await self.show(*file_texts.trouble(error, self.texts, self.file_id))
            return None

    async def show(self, text: str, markup: InlineKeyboardMarkup | None) -> None:
        """In the place of what was tapped."""
        await show_instead(self.update, self.context, text, markup)

    def done(self, result: str) -> None:
        """For the log."""
        _log.info("file_changed", owner=self.owner, result=result)


async def log_trouble(context: BotContext, owner: Owner, error: CustodyError) -> None:
    """Log what has kept a wish from being granted, and which the person is told of."""
    _log.info("command_handled", owner=owner, result=error.code)
    if isinstance(error, ConsentRequired):
        await context.core.note_owner_told(owner)


async def tapped(update: Update, context: BotContext) -> Tap:
    """What was tapped, acknowledged."""
    query = query_of(update)
    file_id, _, argument = argument_of(query).partition(":")
    await acknowledge(query)
    return Tap(update, context, context.owner, context.t, file_id, argument)


async def show_card(tap: Tap, work: Callable[[Drive], object] | None, note: str = "") -> bool:
    """Do something with the file, and show how it stands then; False: it did not work."""

    def both(drive: Drive) -> file_texts.Card:
        if work is not None:
            work(drive)
        return card_of(drive, tap.file_id)

    found = await tap.ask(both)
    if found is None:
        return False
    await tap.show(*file_texts.card(found, tap.texts, note))
    return True


async def back(update: Update, context: BotContext) -> None:
    """Show the file again."""
    await show_card(await tapped(update, context), None)


async def ask_name(update: Update, context: BotContext) -> None:
    """Rename: the new name is the answer to a question."""
    tap = await tapped(update, context)
    found = await tap.ask(lambda drive: card_of(drive, tap.file_id))
    if found is None:
        return
    base_url = context.services.options.link_base_url
    await say(
        update,
        context,
        tap.texts.tr(
            "{sign} What shall <b>{name}</b> be called? Reply to this message with the new name.",
            sign=questions.sign(context.bot, base_url, "✏️", RENAMING, tap.file_id),
            name=clean_name(found.file.name),
        ),
        questions.box(clean_name(found.file.name)),
    )


async def rename(update: Update, context: BotContext) -> None:
    """Rename the file as the answer to `ask_name` says."""
    file_id, wanted = questions.answer_in(message_of(update))
    if not clean_name(wanted.replace("\n", " "), ""):
        await say(update, context, context.t.tr("🤔 That cannot be a file's name."))
        return

    def work(drive: Drive) -> file_texts.Card:
        found = card_of(drive, file_id)
        drive.rename(file_id, new_name(wanted, found.file.name))
        return card_of(drive, file_id)

    try:
        card = await context.core.drives.run(context.owner, work)
    except CustodyError as error:
        await log_trouble(context, context.owner, error)
        text, markup = file_texts.trouble(error, context.t, file_id)
    else:
        _log.info("file_changed", owner=context.owner, result="renamed")
        text, markup = file_texts.card(card, context.t, context.t.tr("✏️ It has its new name."))
    await say(update, context, text, markup)


async def look_inside(update: Update, context: BotContext) -> None:
    """Move: the bot's folders, level by level."""
    tap = await tapped(update, context)
    found = await tap.ask(lambda drive: (card_of(drive, tap.file_id), drive.all_folders()))
    if found is None:
        return
    card, folders = found
    here = _by_key(folders, tap.argument)
    by_id = {folder.id: folder for folder in folders}
    parents = {folder.parent_id for folder in folders}
    around = here.id if here else ""
    offered = [(folder, folder.id in parents) for folder in folders_in(folders, around)]
    # Where it lies already is no place to go, unless there are others inside.
    inside = [
        (to, has_more) for to, has_more in offered if has_more or to.id != card.file.folder_id
    ]
    text = tap.texts.tr("📁 Where shall <b>{name}</b> go?", name=clean_name(card.file.name))
    if here is not None:
        text += "\n" + tap.texts.tr("Inside “{folder}”", folder=clean_name(here.name))
    elif not inside:
        text += "\n\n" + tap.texts.tr("I have made no other folder yet: /folder makes one.")
    if len(inside) > file_keyboards.MOST_FOLDERS:
        text += "\n" + tap.texts.tr(
            "These are the first {count} folders.", count=file_keyboards.MOST_FOLDERS
        )
    above = by_id.get(here.parent_id) if here else None
    markup = file_keyboards.destinations(tap.texts, tap.file_id, here, above, inside)
    await tap.show(text, markup)


async def move(update: Update, context: BotContext) -> None:
    """Into the chosen folder."""
    tap = await tapped(update, context)

    def work(drive: Drive) -> None:
        folder = _by_key(drive.all_folders(), tap.argument)
        if folder is None:
            raise FolderGone("there is no such folder any more")
        drive.move(tap.file_id, folder.id)

    if await show_card(tap, work, tap.texts.tr("📁 It has been moved.")):
        tap.done("moved")


async def ask_share(update: Update, context: BotContext) -> None:
    """Share asks first."""
    tap = await tapped(update, context)
    found = await tap.ask(lambda drive: card_of(drive, tap.file_id))
    if found is not None:
        text = tap.texts.tr(
            "🔗 Share <b>{name}</b>?\n\nAnyone who has the link can then open it, without signing "
            "in, until you stop sharing.",
            name=clean_name(found.file.name),
        )
        yes = tap.texts.label("Yes, share it")
        await tap.show(text, file_keyboards.sure(tap.texts, tap.file_id, "file-share-yes", yes))


async def share(update: Update, context: BotContext) -> None:
    """The person has said yes."""
    tap = await tapped(update, context)
    if await show_card(tap, lambda drive: drive.share(tap.file_id)):
        tap.done("shared")


async def unshare(update: Update, context: BotContext) -> None:
    """The link opens for its owner alone again."""
    tap = await tapped(update, context)
    note = tap.texts.tr("🔒 The link no longer opens for others.")
    if await show_card(tap, lambda drive: drive.unshare(tap.file_id), note):
        tap.done("unshared")


async def ask_delete(update: Update, context: BotContext) -> None:
    """Delete asks first."""
    tap = await tapped(update, context)
    found = await tap.ask(lambda drive: card_of(drive, tap.file_id))
    if found is not None:
        text = tap.texts.tr(
            "🗑 Put <b>{name}</b> into your Drive's bin?", name=clean_name(found.file.name)
        )
        yes = tap.texts.label("Yes, into the bin")
        await tap.show(text, file_keyboards.sure(tap.texts, tap.file_id, "file-bin-yes", yes))


async def delete(update: Update, context: BotContext) -> None:
    """The person has said yes; it can be undone."""
    tap = await tapped(update, context)
    if await show_card(tap, lambda drive: drive.trash(tap.file_id)):
        tap.done("trashed")


async def undelete(update: Update, context: BotContext) -> None:
    """Out of the bin again."""
    tap = await tapped(update, context)

    def work(drive: Drive) -> None:
        if drive.untrash(tap.file_id).trashed:
            raise FolderInBin("its folder is in the bin")

    if await show_card(tap, work, tap.texts.tr("↩️ It is out of the bin again.")):
        tap.done("restored")


def _by_key(folders: list[DriveFolder], key: str) -> DriveFolder | None:
    return next((f for f in folders if file_keyboards.folder_key(f.id) == key), None)
