"""Every handler of the bot in one table. Order matters: in a group the first match wins."""

from __future__ import annotations

from typing import Any

from telegram import Update
from telegram.ext import (
    BaseHandler,
    CallbackQueryHandler,
    CommandHandler,
    MessageHandler,
    TypeHandler,
    filters,
)

from bot.admin import health, quarantine_admin
from bot.connecting import account, connect, whose_account
from bot.context import BotContext
from bot.drive_files import file_actions, file_list, folders
from bot.gate import gate
from bot.receiving import files, groups, other_messages, renaming, upload_list
from bot.texts.filenames import Carries
from bot.texts.questions import Answers

Handler = BaseHandler[Any, BotContext, Any]

# Edited messages are no new commands, and channels are none of ours.
_NEW = filters.UpdateType.MESSAGE


def handlers(administrators: frozenset[int]) -> list[tuple[int, Handler]]:
    """(group, handler): the gate before all others, catch-alls after what they catch.

    Args:
        administrators: their commands are unknown ones to everybody else.
    """
    commands = {
        "start": account.start,
        "connect": connect.connect,
        "uploads": upload_list.uploads,
        "files": file_list.files,
        "get": file_list.get,
        "folder": folders.folder,
        "status": account.status,
        "disconnect": account.disconnect,
        "cancel": account.cancel,
        "language": account.language,
        "privacy": account.privacy,
        "help": account.help_,
    }
    buttons = {
        "connect": connect.connect,
        "consent-cancel": connect.cancel_consent,
        "consent-yes": whose_account.confirm_account,
        "consent-no": whose_account.refuse_account,
        "disconnect": account.disconnect,
        "erase": account.erase,
        "language": account.language,
        "upload-cancel": files.cancel_upload,
        "upload-retry": files.retry_upload,
        "upload-again": files.upload_again,
        "upload-rename": renaming.ask,
        "upload-keep": renaming.keep,
        "uploads": upload_list.uploads,
        "uploads-cancel": upload_list.cancel,
        "uploads-retry": upload_list.retry,
        "files": file_list.files,
        "files-search": file_list.ask_search,
        "file": file_list.open_card,
        "file-send": file_list.send,
        "file-back": file_actions.back,
        "file-name": file_actions.ask_name,
        "file-in": file_actions.look_inside,
        "file-to": file_actions.move,
        "file-share": file_actions.ask_share,
        "file-share-yes": file_actions.share,
        "file-unshare": file_actions.unshare,
        "file-bin": file_actions.ask_delete,
        "file-bin-yes": file_actions.delete,
        "file-unbin": file_actions.undelete,
        "folder": folders.folder,
        "folder-use": folders.use,
        "folder-new": folders.ask_name,
        "folder-date": folders.by_date,
        "group-link": groups.show_link,
        # These the gate lets through for administrators alone.
        "health": health.health,
        "quarantine": quarantine_admin.quarantine,
        "hold": quarantine_admin.hold,
    }
    answers = {
        folders.NAMING: folders.make,
        renaming.NAMING: renaming.answer,
        file_actions.RENAMING: file_actions.rename,
        file_list.SEARCHING: file_list.search,
        file_list.GETTING: file_list.get_answer,
    }
    theirs = {"health": health.health, "quarantine": quarantine_admin.quarantine}
    by_them = _NEW & filters.User(administrators)
    table: list[Handler] = [
        # Before every command: of those none works where others read the answer.
        MessageHandler(_NEW & filters.ChatType.GROUPS, groups.receive),
        *(CommandHandler(name, handle, _NEW) for name, handle in commands.items()),
        *(CommandHandler(name, handle, by_them) for name, handle in theirs.items()),
        *(
            CallbackQueryHandler(handle, pattern=rf"^{verb}(:|$)")
            for verb, handle in buttons.items()
        ),
        CallbackQueryHandler(other_messages.stale_button),
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
    return [(-1, TypeHandler(Update, gate)), *((0, handler) for handler in table)]
