"""A group that is told how many changes there were: an administrator says so in it."""

from __future__ import annotations

from typing import Final

import structlog
from telegram import Update

from bot.context import BotContext
from bot.delivery.conversation import conversation_of, message_of
from bot.delivery.messages import say
from bot.duty.own import name_of, services_of
from security.storage.events import Event

_CHANGES: Final = frozenset({"changes", "變動", "变动"})
_OFF: Final = frozenset({"off", "關", "关", "停"})
_log = structlog.get_logger()


async def was_meant(update: Update, context: BotContext, said: str) -> bool:
    """Whether it was about what the chat is told, and has been dealt with."""
    words = said.split()
    if not words or words[0].casefold() not in _CHANGES:
        return False
    if not context.is_admin(context.owner):
        _log.warning("access_denied", owner=context.owner, result="not_allowed")
        if context.services.refusals.is_due(context.owner):
            await context.core.record(Event("denied", context.owner, "not_allowed"))
        await say(update, context, context.t.tr("Only administrators of this bot decide that."))
        return True
    await say(update, context, await _decided(update, context, words[1:]))
    return True


async def _decided(update: Update, context: BotContext, words: list[str]) -> str:
    core, t, here = context.core, context.t, conversation_of(message_of(update))
    people = services_of(core).people
    if words and words[0].casefold() in _OFF:
        if await core.workers.run(people.chats.end, here.chat_id):
            return t.tr("👌 This chat is told of no more changes.")
        return t.tr("This chat is told of no changes.")
    found = [core.alerts.departments.find(word) for word in words]
    known = [each.slug for each in found if each and each.slug in people.rosters.departments]
    if len(known) != len(words):
        names = ", ".join(name_of(core, slug) for slug in people.rosters.departments)
        return t.tr("I know no such department. There are: {departments}", departments=names)
    await core.workers.run(
        people.chats.subscribe, here.chat_id, here.topic_id, known, context.t.language
    )
    names = ", ".join(name_of(core, slug) for slug in known or people.rosters.departments)
    return t.tr(
        "👌 From now on this chat is told how much changes, and of nobody in particular: "
        "{departments}.",
        departments=names,
    )
