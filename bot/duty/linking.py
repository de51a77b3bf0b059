"""Somebody says which number on the roster is theirs; administrators decide, once."""

from __future__ import annotations

from functools import partial
from typing import Final

import structlog
from telegram import InlineKeyboardMarkup, Update
from telegram.error import TelegramError
from telegram.ext import ExtBot

from bot.context import BotContext
from bot.core import Core
from bot.delivery.conversation import Conversation, argument_of
from bot.delivery.messages import (
    REFUSALS,
    Sent,
    acknowledge,
    deliver,
    edit,
    note_refusal,
    say,
    send,
    show_instead,
    tolerated,
)
from bot.duty.buttons import Buttons
from bot.duty.days import month_of
from bot.duty.own import name_of, services_of
from bot.duty.questions import Question, decision_shown, question_of, question_shown
from bot.services import Services
from bot.texts.catalogue import Html
from security.credential import Owner
from sheets.months import Month
from sheets.people.asks import Ask, Decided, Decider, TooManyAsks
from sheets.versions.notices import is_day

_LONGEST_NAME: Final = 64
_log = structlog.get_logger()


async def ask(update: Update, context: BotContext, number: str) -> None:
    """The same answer whether there is such a number or not."""
    core, t, owner = context.core, context.t, context.owner
    if not context.services.options.admin_user_ids:
        text = t.tr("Nobody can confirm that here: this bot has no administrators.")
        await say(update, context, text)
        return
    user = update.effective_user
    name = (user.full_name if user else "")[:_LONGEST_NAME]
    try:
        _, is_new = await core.workers.run(services_of(core).people.asks.ask, owner, number, name)
    except TooManyAsks:
        text = t.tr("You have asked often enough for today. Speak to an administrator.")
        await say(update, context, text)
        return
    if is_new:
        _log.info("roster_link_changed", owner=owner, result="roster_asked")
    text = t.tr("Sent to the administrators. I will tell you once it is confirmed.")
    await say(update, context, text)
    context.beside(put_questions(context.bot, context.services), name="roster asks")


async def put_questions(bot: ExtBot[int], services: Services) -> None:
    """Ask administrators what they were not asked yet; the next look asks what fails now."""
    core = services.core
    asks = services_of(core).people.asks

    def untold() -> list[Ask]:
        open = [one for one in asks.open() if not one.record.is_put]
        return [one for one in open if not one.is_again or _is_day(core, one.record.department)]

    if not services.options.admin_user_ids or not await core.workers.read(untold):
        return
    async with services.telling() as may_tell:
        for one in await core.workers.read(untold):
            if not may_tell():
                return
            question = await core.workers.read(question_of, core, one)
            sent, is_put_off = await _put(bot, services, question)
            if not sent and is_put_off:
                continue
            await core.workers.run(asks.note_put, one, sent)
            if one.is_again:
                await _tell_paused(bot, services, one)


def _is_day(core: Core, department: str) -> bool:
    """Whether people of a department are told what they have not asked for. Blocks."""
    rosters, now = services_of(core).people.rosters, core.storage.now()
    theirs = (one for one in rosters.sheets.values() if one.department == department)
    return all(is_day(rosters.local(sheet, now)) for sheet in theirs)


async def _put(
    bot: ExtBot[int], services: Services, question: Question
) -> tuple[tuple[tuple[int, int], ...], bool]:
    """The messages, and whether somebody who was not reached may be another time."""
    sent, is_put_off = [], False
    for user_id in sorted(services.options.admin_user_ids):
        owner = Owner.user(user_id)
        t = await services.core.preferences.texts(owner)
        try:
            text, markup = question_shown(question, services.core, t)
            done = await send(bot, Conversation(user_id), text, markup)
            sent.append((done.to.chat_id, done.message_id))
        except REFUSALS as refusal:
            note_refusal(refusal, owner, has_written=False)
            _log.warning("administrator_not_reached", owner=owner)
        except (TelegramError, RuntimeError):
            _log.info("message_not_sent", owner=owner)
            is_put_off = True
    return tuple(sent), is_put_off


async def decide(update: Update, context: BotContext) -> None:
    """An administrator has tapped."""
    query, core, t = update.callback_query, context.core, context.t
    await acknowledge(query)
    answer, _, rest = argument_of(query).partition(":")
    id, _, rest = rest.partition(":")
    department, _, mark = rest.partition(":")
    asks = services_of(core).people.asks
    found = await core.workers.read(asks.find, id)
    if found is None:
        await _show_over(update, context)
        return
    question = await core.workers.read(question_of, core, found)
    user = update.effective_user
    by = Decider(context.owner, (user.full_name if user else "")[:_LONGEST_NAME])
    named = next((one for one in question.named if one.department == department), None)
    is_yes = answer == "yes"
    # The number has gone from the roster meanwhile, or has another name than they have seen.
    is_other = (is_yes or found.is_again) and mark != question.mark(department)
    if found.is_open and (is_other or (is_yes and named is None)):
        await show_instead(update, context, *question_shown(question, core, t))
        return
    if is_yes:
        number = found.record.number if named is None else named.number
        names = question.names.get(department, ())
        done = await core.workers.run(asks.confirm, id, department, number, by, names)
    else:
        done = await core.workers.run(asks.refuse, id, by)
    if done is None:
        await _show_over(update, context)
        return
    await _show_decided(update, context, question, done)
    if done.is_new:
        result = "roster_linked" if done.ask.record.state == "confirmed" else "roster_refused"
        _log.info("roster_link_changed", owner=done.ask.owner, result=result)
        context.beside(_tell(context, done, department), name="roster decided")


async def _show_over(update: Update, context: BotContext) -> None:
    text = context.t.tr("That is over: whoever asked has taken it back, or it is long ago.")
    await show_instead(update, context, text)


async def _show_decided(
    update: Update, context: BotContext, question: Question, done: Decided
) -> None:
    """In every message to somebody who still is an administrator: who has decided, and when. The
    buttons go."""
    core, query = context.core, update.callback_query
    message = query.message if query is not None else None
    here = (message.chat.id, message.message_id) if message is not None else None
    await show_instead(update, context, decision_shown(question, done.ask, core, context.t))
    if not done.is_new:
        return
    administrators = context.services.options.admin_user_ids
    for chat, message_id in done.ask.record.told:
        if (chat, message_id) != here and chat in administrators:
            owner = Owner.user(chat)
            text = decision_shown(question, done.ask, core, await context.texts_for(owner))
            with tolerated(owner):
                await edit(context.bot, Sent(Conversation(chat), message_id), text)


async def _tell(context: BotContext, done: Decided, department: str) -> None:
    """Whoever has asked, and whoever had the number until now."""
    core, record, owner = context.core, done.ask.record, done.ask.owner
    t = await context.texts_for(owner)
    markup: InlineKeyboardMarkup | None = None
    if record.state == "confirmed":
        text = t.tr(
            "✅ An administrator has confirmed it: you are {number} on the roster of {department}.",
            number=done.number,
            department=name_of(core, department),
        )
        markup = Buttons(owner, t).only_next()
    elif record.month:
        text = t.tr(
            "An administrator has not confirmed that {number} is you in {month}: I do not show "
            "that month. If that is wrong, speak to them.",
            number=record.number,
            month=Html(month_of(Month.parse(record.month), t)),
        )
    else:
        text = t.tr(
            "An administrator has not confirmed that you are {number}. If that is wrong, speak to "
            "them.",
            number=record.number,
        )
    await deliver(context.bot, owner, text, markup)
    if record.state == "refused" and done.ask.is_again and not record.month:
        await _end(core, owner)
    for other in done.displaced:
        await _end(core, other)
        t = await context.texts_for(other)
        text = t.tr(
            "You are no longer linked to {number} on the roster: an administrator has linked "
            "somebody else. If that is wrong, speak to them.",
            number=done.number,
        )
        await deliver(context.bot, other, text, None)


async def _end(core: Core, owner: Owner) -> None:
    """What else goes with a link that an administrator has ended."""
    people = services_of(core).people
    if not await core.workers.read(people.links.of, owner):
        await core.workers.run(people.unlink, owner)  # with the addresses of their calendar
    _log.info("roster_link_changed", owner=owner, result="roster_unlinked")


async def _tell_paused(bot: ExtBot[int], services: Services, asked: Ask) -> None:
    """Whoever sees nothing of a number, or of a month of it, until it is confirmed again."""
    core, owner, record = services.core, asked.owner, asked.record
    _log.info("roster_link_changed", owner=owner, result="roster_asked")
    t = await core.preferences.texts(owner)
    department = name_of(core, record.department)
    if record.month:
        text = t.tr(
            "⚠ On the roster of {department}, {number} does not have the name in {month} with "
            "which it was confirmed to be you. Administrators are asked whether it is; until then "
            "I do not show that month.",
            department=department,
            number=record.number,
            month=Html(month_of(Month.parse(record.month), t)),
        )
    else:
        text = t.tr(
            "⚠ On the roster of {department}, {number} does not have the name any more with which "
            "it was confirmed to be you. Administrators are asked whether it still is; until then "
            "I show nothing of it.",
            department=department,
            number=record.number,
        )
    if services.options.members.may_use(owner):
        await deliver(bot, owner, text, None)


async def unlink(context: BotContext) -> str:
    """Whoever asks is on no roster any more; what they are told of it."""
    people = services_of(context.core).people
    if await context.core.workers.run(partial(people.unlink, context.owner)):
        _log.info("roster_link_changed", owner=context.owner, result="roster_unlinked")
        return context.t.tr("👋 You are linked to no roster any more.")
    return context.t.tr("You are linked to no roster.")
