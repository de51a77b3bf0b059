"""Every handler of the bot in one table. Order matters: the first match wins."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from telegram import Update
from telegram.ext import (
    BaseHandler,
    CallbackQueryHandler,
    CommandHandler,
    MessageHandler,
    filters,
)

from bot.admin import client_alarms, console, health, quarantine_admin
from bot.connecting import account, connect, connected, whose_account
from bot.context import BotContext
from bot.drive_files import album_actions, file_actions, file_list, folders
from bot.privacy import data_file
from bot.receiving import files, groups, other_messages, renaming, upload_list
from bot.texts.filenames import Carries
from bot.texts.questions import Answers
from bot.updates.queued_update import Needs
from security.custody.deadline import NotWanted

Handle = Callable[[Update, BotContext], Coroutine[Any, Any, None]]
Handles = Mapping[str, Handle]
Handler = BaseHandler[Any, BotContext, Any]

# Edited messages are no new commands, and channels are none of ours.
_NEW = filters.UpdateType.MESSAGE


@dataclass(frozen=True, slots=True)
class Attended:
    """A handler around which the person sees that it goes on, and waits for Google so long only."""

    handle: Handle
    needs: Needs = Needs.NOTHING

    async def __call__(self, update: Update, context: BotContext) -> None:
        """As python-telegram-bot calls it."""
        async with context.services.attention.paid(update, context.owner) as deadline:
            context.number, context.deadline = update.update_id, deadline
            with suppress(NotWanted):  # /cancel has said so
                await self.handle(update, context)


def asks(handle: Handle) -> Attended:
    """It asks Google: what the same person wants beside it, and needs no Google, does not wait."""
    return Attended(handle, Needs.GOOGLE)


def decides(handle: Handle) -> Attended:
    """It asks Google, and decides where files go: those sent after it are taken in after it."""
    return Attended(handle, Needs.DECIDES)


def needs_of(table: Sequence[Handler], update: Update) -> Needs:
    """What handling an update will take, if the gate lets it pass. Any thread may ask."""
    try:
        for handler in table:
            # As python-telegram-bot finds the one that it calls.
            if handler.check_update(update) not in (None, False):
                return (
                    handler.callback.needs
                    if isinstance(handler.callback, Attended)
                    else Needs.NOTHING
                )
    except Exception:  # noqa: S110 - the library will meet the same, and the person be told
        pass
    return Needs.NOTHING


def handlers(administrators: frozenset[int], *, has_rosters: bool = False) -> list[Handler]:
    """All that stand behind the gate: catch-alls after what they catch.

    Args:
        administrators: their commands are unknown ones to everybody else.
        has_rosters: whether there is /duty.
    """
    commands: Handles = {
        "start": account.start,
        "connect": decides(connect.connect),
        "uploads": upload_list.uploads,
        "files": asks(whose_account.answered_first(file_list.files)),
        "get": file_list.get,
        "folder": asks(whose_account.answered_first(folders.folder)),
        "status": asks(account.status),
        "disconnect": account.disconnect,
        "cancel": account.cancel,
        "language": account.language,
        "privacy": account.privacy,
        "help": account.help_,
    }
    with_words: Handles = {
        "start": decides(account.start),  # the code of the page that Google's leads to
        "get": asks(whose_account.answered_first(file_list.get)),
        "folder": decides(whose_account.answered_first(folders.folder)),
    }
    buttons: Handles = {
        "connect": decides(connect.connect),
        "connect-keep": connected.keep,
        "consent-cancel": connect.cancel_consent,
        "consent-yes": decides(whose_account.confirm_account),
        "consent-no": asks(whose_account.refuse_account),
        "disconnect:yes": decides(account.disconnect),
        "disconnect": account.disconnect,
        "erase:yes": decides(account.erase),
        "erase": account.erase,
        "my-data": data_file.send,
        "language": account.language,
        "upload-cancel": files.cancel_upload,
        "upload-retry": files.retry_upload,
        "upload-again": files.upload_again,
        "upload-rename": renaming.ask,
        "upload-keep": renaming.keep,
        "upload-named": asks(renaming.use_sent_name),
        "uploads": upload_list.uploads,
        "uploads-cancel": upload_list.cancel,
        "cancel-all": upload_list.cancel_all,
        "uploads-retry": upload_list.retry,
        "files": asks(file_list.files),
        "files-search": file_list.ask_search,
        "file": asks(file_list.open_card),
        "file-send": asks(file_list.send),
        "file-back": asks(file_actions.back),
        "file-name": asks(file_actions.ask_name),
        "file-in": asks(file_actions.look_inside),
        "file-to": asks(file_actions.move),
        "file-share": asks(file_actions.ask_share),
        "file-share-yes": asks(file_actions.share),
        "file-unshare": asks(file_actions.unshare),
        "file-bin": asks(file_actions.ask_delete),
        "file-bin-yes": asks(file_actions.delete),
        "file-unbin": asks(file_actions.undelete),
        "album": asks(album_actions.open_album),
        "album-back": asks(album_actions.back),
        "album-share": asks(album_actions.ask_share),
        "album-share-yes": asks(album_actions.share),
        "album-unshare": asks(album_actions.unshare),
        "album-in": asks(album_actions.look_inside),
        "album-to": asks(album_actions.move),
        "album-named": asks(album_actions.use_sent_names),
        "folder": asks(folders.folder),
        "folder-use": decides(folders.use),
        "folder-new": asks(folders.ask_name),
        "folder-date": decides(folders.by_date),
        "group-link": groups.show_link,
        # These the gate lets through for administrators alone.
        "health": health.health,
        "quarantine:restore": asks(quarantine_admin.quarantine),
        "quarantine": quarantine_admin.quarantine,
        "hold": asks(quarantine_admin.hold),
        "alarm": client_alarms.decide,
    }
    answers: Handles = {
        folders.NAMING: asks(folders.make),
        renaming.NAMING: renaming.answer,
        file_actions.RENAMING: asks(file_actions.rename),
        file_list.SEARCHING: asks(file_list.search),
        file_list.GETTING: asks(file_list.get_answer),
    }
    theirs: Handles = {
        "health": health.health,
        "quarantine": quarantine_admin.quarantine,
        "console": console.console,
    }
    by_them = _NEW & filters.User(administrators)
    in_groups: list[Handler] = []
    if has_rosters:
        # Whoever has no sheets need not wait for what reads them.
        from bot.duty import commands as duties
        from bot.duty import linking, questions

        commands = {**commands, "duty": asks(duties.duty)}
        buttons = {**buttons, "duty": asks(duties.tap), questions.VERB: linking.decide}
        here = _NEW & filters.ChatType.GROUPS
        in_groups.append(CommandHandler("duty", asks(duties.in_group), here))
    table: list[Handler] = [
        *in_groups,
        # Before every command: of those none works where others read the answer.
        MessageHandler(_NEW & filters.ChatType.GROUPS, groups.receive),
        *(CommandHandler(name, handle, _NEW, has_args=True) for name, handle in with_words.items()),
        *(CommandHandler(name, handle, _NEW) for name, handle in commands.items()),
        *(CommandHandler(name, handle, by_them) for name, handle in theirs.items()),
        *(
            CallbackQueryHandler(handle, pattern=rf"^{verb}(:|$)")
            for verb, handle in buttons.items()
        ),
        CallbackQueryHandler(other_messages.stale_button),
        # "/2026" is no command where a folder's name is asked for.
        MessageHandler(_NEW & filters.COMMAND & Answers(folders.NAMING), folders.make),
        MessageHandler(_NEW & filters.COMMAND, other_messages.unknown_command),
        MessageHandler(_NEW & Carries(), files.receive),
        *(
            MessageHandler(_NEW & filters.TEXT & Answers(purpose), handle)
            for purpose, handle in answers.items()
        ),
        MessageHandler(_NEW & filters.TEXT & filters.REPLY, renaming.reply),
        MessageHandler(_NEW & filters.TEXT, other_messages.text),
        # Service messages ("pinned", "auto-delete timer") want no answer.
        MessageHandler(_NEW & ~filters.StatusUpdate.ALL, other_messages.unsupported),
    ]
    for handler in table:
        if not isinstance(handler.callback, Attended):
            handler.callback = Attended(handler.callback)
    return table
