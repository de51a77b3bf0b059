"""Who may pass: the first handler of all, in group -1. Every refusal is logged."""

from __future__ import annotations

import contextlib
from typing import Final

import structlog
from telegram import CallbackQuery, Update
from telegram.constants import ChatMemberStatus, ChatType
from telegram.error import TelegramError
from telegram.ext import ApplicationHandlerStop

from bot.admin.admin_keyboards import VERBS
from bot.commands import show_menu
from bot.context import BotContext
from bot.delivery.conversation import owner_of
from bot.delivery.messages import acknowledge, say
from bot.maintenance import came_by
from bot.receiving import groups
from bot.texts.catalogue import Texts
from bot.uploads.jobs import belongs_to
from config.languages import language_of
from security.credential import Owner
from security.storage.events import Event

_OF_JOBS: Final = ("upload-", "uploads-", "album")
"""Verbs of buttons whose argument begins with a job's id."""
_log = structlog.get_logger()


async def gate(update: Update, context: BotContext) -> None:
    """Let people through, if they are allowed: in their private chats, and in groups where they
    mean the bot. Stop everything else.
    """
    chat, query = update.effective_chat, update.callback_query
    if update.my_chat_member is not None:
        await _came_or_went(update, context)
        raise ApplicationHandlerStop
    in_group = chat is not None and chat.id in context.services.options.allowed_chat_ids
    if in_group and not await groups.is_meant(update, context):
        await groups.moved(update, context)
        raise ApplicationHandlerStop
    verdict = await context.services.access.of(update)
    if verdict == "anonymous_sender":
        _log.info("access_denied", result=verdict)
        if in_group:
            await groups.refuse_anonymous(update, context)
        raise ApplicationHandlerStop
    owner = owner_of(update)
    if verdict == "not_private":
        _log.info("access_denied", owner=owner, result=verdict)
        if query is not None:  # in a group that has moved, or was taken off
            texts = await context.texts_for(owner)
            gone = texts.label("This button no longer works. /help shows what I can do.")
            await acknowledge(query, gone)
        raise ApplicationHandlerStop
    is_admin = context.is_admin(owner)
    is_allowed = verdict in ("pass", "leave")
    is_theirs = query is None or (
        groups.may_tap(query, owner) if in_group else _names_own_job(query, owner)
    )
    if is_allowed and not is_theirs and query is not None:
        _log.info("access_denied", owner=owner, result="not_yours")
        texts = await context.texts_for(owner)
        await acknowledge(query, texts.label("This button is not yours."))
        raise ApplicationHandlerStop
    if not is_allowed or (not is_admin and _is_for_administrators(update)):
        _log.warning("access_denied", owner=owner, result="not_allowed")
        try:
            if context.services.refusals.is_due(owner):
                # As seldom as it is answered: a flood must not push others out of the trail.
                await context.core.record(Event("denied", owner, "not_allowed"))
                await _refuse(update, context, owner, is_allowed=is_allowed)
        finally:
            # Whatever became of the answer: an error here must not open the gate.
            raise ApplicationHandlerStop
    is_new = False
    if verdict == "pass":  # of whoever may but leave nothing else is noted
        await came_by(context, owner)
        code = update.effective_user.language_code if update.effective_user else None
        is_new = await context.core.preferences.note_language(owner, code)
    context.owner, context.t = owner, await context.texts_for(owner)
    if is_new:
        await show_menu(context, owner, context.t)


async def _came_or_went(update: Update, context: BotContext) -> None:
    member = update.my_chat_member
    if member is None or member.chat.type != ChatType.PRIVATE:
        await groups.came_or_went(update, context)
    elif member.new_chat_member.status == ChatMemberStatus.BANNED:
        _log.info("user_blocked_bot", owner=owner_of(update))


def _names_own_job(query: CallbackQuery, owner: Owner) -> bool:
    """Not somebody else's upload or duties, at least: any client can send any button's data."""
    verb, _, argument = (query.data or "").partition(":")
    if verb == groups.DUTY:
        return argument.partition(":")[0] == owner.key
    return not verb.startswith(_OF_JOBS) or belongs_to(argument.partition(":")[0], owner)


def _is_for_administrators(update: Update) -> bool:
    """Whether it is a tap on one of their buttons: nobody else was ever shown one."""
    query = update.callback_query
    return query is not None and (query.data or "").partition(":")[0] in VERBS


async def _refuse(update: Update, context: BotContext, owner: Owner, *, is_allowed: bool) -> None:
    user = update.effective_user
    texts = Texts(language_of(user.language_code if user else None))
    if update.callback_query is not None:
        private, others = (
            texts.label("This bot is private."),
            texts.label("This button is not yours."),
        )
        await acknowledge(update.callback_query, others if is_allowed else private, alert=True)
    elif update.message is not None:
        text = texts.tr("This bot is private.")  # whose id it is concerns nobody else in a group
        if update.message.chat.type == ChatType.PRIVATE:
            text = texts.tr(
                "🔒 This bot is private. If you think you should have access, send your "
                "Telegram ID to whoever runs it: <code>{id}</code>",
                id=owner.key,
            )
            if await context.core.custodian.keeps(owner):
                text += "\n\n" + texts.tr(
                    "I still keep your connection to Google Drive: /disconnect ends it, and "
                    "/privacy deletes everything."
                )
        with contextlib.suppress(TelegramError):
            await say(update, context, text)
