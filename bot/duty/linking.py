"""Somebody says which number on the roster is theirs; administrators decide, once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
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
from bot.duty.days import is_wide, shown
from bot.duty.own import name_of, services_of
from bot.services import Services
from bot.texts.buttons import Row, Shown, button, keyboard
from bot.texts.catalogue import Texts
from security.credential import Owner
from sheets.people.asks import Ask, Decided, Decider, TooManyAsks
from sheets.people.rosters import Named

VERB: Final = "roster"
"""Of the administrators' buttons: the gate refuses them from anybody else."""
_LONGEST_NAME: Final = 64
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Question:
    """What administrators are asked, with what they have to know."""

    ask: Ask
    named: Sequence[Named]
    """Who has this number, in each department."""
    taken: frozenset[str]
    """Departments where somebody else is linked to it."""
    other: Sequence[str]
    """Numbers to which whoever asks is linked now."""
    zone: tzinfo | None
    """Where the roster's times are."""


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
        return [one for one in asks.open() if not one.record.is_put]

    if not services.options.admin_user_ids or not await core.workers.read(untold):
        return
    async with services.telling() as may_tell:
        for one in await core.workers.read(untold):
            if not may_tell():
                return
            question = await core.workers.read(question_of, core, one)
            sent, is_put_off = await _put(bot, services, question)
            if sent or not is_put_off:
                await core.workers.run(asks.note_put, one, sent)


async def _put(
    bot: ExtBot[int], services: Services, question: Question
) -> tuple[tuple[tuple[int, int], ...], bool]:
    """The messages, and whether somebody who was not reached may be another time."""
    sent, is_put_off = [], False
    for user_id in sorted(services.options.admin_user_ids):
        owner = Owner.user(user_id)
        t = await services.core.preferences.texts(owner)
        try:
            text, markup = _asked(question, services.core, t)
            done = await send(bot, Conversation(user_id), text, markup)
            sent.append((done.to.chat_id, done.message_id))
        except REFUSALS as refusal:
            note_refusal(refusal, owner, has_written=False)
            _log.warning("administrator_not_reached", owner=owner)
        except (TelegramError, RuntimeError):
            _log.info("message_not_sent", owner=owner)
            is_put_off = True
    return tuple(sent), is_put_off


def question_of(core: Core, asked: Ask) -> Question:
    """What administrators have to know. Blocks."""
    people = services_of(core).people
    named = people.rosters.named(asked.record.number, core.storage.now())
    taken = frozenset(
        one.department
        for one in named
        if any(link.owner != asked.owner for link in people.links.whose(one.department, one.number))
    )
    sheets = people.rosters.sheets.values()
    departments = {one.department for one in named}
    mine = [sheet for sheet in sheets if sheet.department in departments] or [*sheets]
    zone = people.rosters.zone(mine[0]) if mine else None
    other = [one.number for one in people.links.of(asked.owner)]
    return Question(asked, named, taken, other, zone)


async def decide(update: Update, context: BotContext) -> None:
    """An administrator has tapped."""
    query, core, t = update.callback_query, context.core, context.t
    await acknowledge(query)
    answer, _, rest = argument_of(query).partition(":")
    id, _, department = rest.partition(":")
    asks = services_of(core).people.asks
    found = await core.workers.read(asks.find, id)
    if found is None:
        text = t.tr("That is over: whoever asked has taken it back, or it is long ago.")
        await show_instead(update, context, text)
        return
    question = await core.workers.read(question_of, core, found)
    user = update.effective_user
    by = Decider(context.owner, (user.full_name if user else "")[:_LONGEST_NAME])
    if answer == "yes":
        named = next((one for one in question.named if one.department == department), None)
        if named is None and found.is_open:  # the number has gone from the roster meanwhile
            await show_instead(update, context, *_asked(question, core, t))
            return
        number = found.record.number if named is None else named.number
        done = await core.workers.run(asks.confirm, id, department, number, by)
    else:
        done = await core.workers.run(asks.refuse, id, by)
    if done is None:
        return
    await _show_decided(update, context, question, done)
    if done.is_new:
        result = "roster_linked" if done.ask.record.state == "confirmed" else "roster_refused"
        _log.info("roster_link_changed", owner=done.ask.owner, result=result)
        context.beside(_tell(context, done, department), name="roster decided")


async def _show_decided(
    update: Update, context: BotContext, question: Question, done: Decided
) -> None:
    """In every administrator's message: who has decided, and when. The buttons go."""
    core, query = context.core, update.callback_query
    message = query.message if query is not None else None
    here = (message.chat.id, message.message_id) if message is not None else None
    await show_instead(update, context, _after(question, done.ask, core, context.t))
    if not done.is_new:
        return
    for chat, message_id in done.ask.record.told:
        if (chat, message_id) != here:
            owner = Owner.user(chat)
            text = _after(question, done.ask, core, await context.texts_for(owner))
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
    else:
        text = t.tr(
            "An administrator has not confirmed that you are {number}. If that is wrong, speak to "
            "them.",
            number=record.number,
        )
    await deliver(context.bot, owner, text, markup)
    people = services_of(core).people
    for other in done.displaced:
        if not await core.workers.read(people.links.of, other):
            await core.workers.run(people.unlink, other)  # with the addresses of their calendar
        _log.info("roster_link_changed", owner=other, result="roster_unlinked")
        t = await context.texts_for(other)
        text = t.tr(
            "You are no longer linked to {number} on the roster: an administrator has linked "
            "somebody else. If that is wrong, speak to them.",
            number=done.number,
        )
        await deliver(context.bot, other, text, None)


async def unlink(context: BotContext) -> str:
    """Whoever asks is on no roster any more; what they are told of it."""
    people = services_of(context.core).people
    if await context.core.workers.run(partial(people.unlink, context.owner)):
        _log.info("roster_link_changed", owner=context.owner, result="roster_unlinked")
        return context.t.tr("👋 You are linked to no roster any more.")
    return context.t.tr("You are linked to no roster.")


def _asked(question: Question, core: Core, t: Texts) -> Shown:
    """The question, and its buttons: one yes for each department."""
    id, named = question.ask.id, question.named
    rows: list[Row] = []
    for one in named:
        label = (
            t.label("Yes, link")
            if len(named) == 1
            else t.label("Yes, link ({department})", department=name_of(core, one.department))
        )
        rows.append([button(label, f"{VERB}:yes:{id}:{one.department}")])
    no = button(t.label("No"), f"{VERB}:no:{id}")
    markup = keyboard([*rows[0], no]) if len(rows) == 1 else keyboard(*rows, [no])
    return _said(question, core, t), markup


def _said(question: Question, core: Core, t: Texts) -> str:
    record, owner = question.ask.record, question.ask.owner
    who = t.link(record.name or "?", f"tg://user?id={owner.key}")
    first = t.tr(
        "{name} (their name in Telegram) says they are {number}.", name=who, number=record.number
    )
    lines = [_on_rosters(question, first, core, t)]
    if question.taken:
        lines.append(t.tr("⚠ Somebody else is linked to it already: a yes ends that link."))
    if question.other:
        lines.append(t.tr("They are linked to {numbers} now.", numbers=", ".join(question.other)))
    return "\n".join(lines)


def _on_rosters(question: Question, first: str, core: Core, t: Texts) -> str:
    """王小明…說自己是 A1001。班表上的 A1001 是「王小明」。"""
    named, between = question.named, "" if is_wide(t) else " "
    if not named:
        return first + between + t.tr("No roster has this number.")
    if len(named) == 1:
        return first + between + _named(named[0], t)
    several = [f"{shown(name_of(core, one.department))}: {_named(one, t)}" for one in named]
    return "\n".join([first, *several])


def _named(one: Named, t: Texts) -> str:
    if not one.name:
        return t.tr("On the roster {number} has no name.", number=one.number)
    return t.tr("On the roster {number} is “{name}”.", number=one.number, name=one.name)


def _after(question: Question, decided: Ask, core: Core, t: Texts) -> str:
    record = decided.record
    moment = datetime.fromtimestamp(record.decided_at or 0.0, question.zone or UTC)
    when = t.moment(moment) if question.zone is None else moment.strftime("%Y-%m-%d %H:%M")
    who = record.decided_name or "?"
    match record.state:
        case "confirmed":
            end = t.tr("✅ Linked by {who}, {when}.", who=who, when=when)
        case "refused":
            end = t.tr("✖️ Not linked: {who}, {when}.", who=who, when=when)
        case _:
            end = t.tr("They have asked for another number since.")
    first = t.tr(
        "{name} (their name in Telegram) says they are {number}.",
        name=t.link(record.name or "?", f"tg://user?id={decided.owner.key}"),
        number=record.number,
    )
    return _on_rosters(question, first, core, t) + "\n\n" + end
