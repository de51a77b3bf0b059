"""/duty and its buttons: for one person each, in a group only what is their own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from telegram import Update
from telegram.error import TelegramError

from bot.context import BotContext
from bot.delivery.conversation import argument_of, asked_in, message_of
from bot.delivery.messages import acknowledge, say, show_buttons, show_instead
from bot.duty import chats, linking
from bot.duty.buttons import IN_GROUPS, Buttons, about, action_of, month_in
from bot.duty.own import mine_of, services_of
from bot.duty.showing import has_calendar, month_shown, next_shown, not_linked, private_chat
from bot.texts.buttons import Shown
from security.storage.events import Event
from sheets.people.calendars import address_of
from sheets.people.numbers import is_same, number_in

_log = structlog.get_logger()


async def duty(update: Update, context: BotContext) -> None:
    """/duty, and /duty with a staff number."""
    said = _said(update)
    if not said:
        await say(update, context, *await next_shown(context, in_group=False))
        return
    number = number_in(said)
    if number is None:
        await say(update, context, *not_linked(context, in_group=False))
    elif await _is_own(context, number):
        await say(update, context, *await next_shown(context, in_group=False))
    else:
        await linking.ask(update, context, number)


async def in_group(update: Update, context: BotContext) -> None:
    """The same where others read the answer; and what an administrator says about the chat."""
    said = _said(update)
    if await chats.was_meant(update, context, said):
        return
    if said and not await _is_own(context, said):
        await _refuse(update, context)
        return
    await say(update, context, *await next_shown(context, in_group=True))


async def tap(update: Update, context: BotContext) -> None:
    """A button under duties. The gate has seen to it that it is theirs."""
    query = update.callback_query
    action, about_what = action_of(argument_of(query))
    here = asked_in(update)
    is_private = here is not None and here.is_private
    does: Callable[[Update, BotContext, str], Awaitable[None]] | None = _ACTIONS.get(action)
    if does is None or not (is_private or action in IN_GROUPS):
        await stale(update, context)
        return
    await does(update, context, about_what)


async def stale(update: Update, context: BotContext) -> None:
    """A button that nothing is behind any more."""
    text = context.t.label("This button no longer works. /help shows what I can do.")
    await acknowledge(update.callback_query, text)


async def _next(update: Update, context: BotContext, _: str) -> None:
    await acknowledge(update.callback_query)
    shown = await next_shown(context, in_group=_is_group(update))
    await show_instead(update, context, *shown)


async def _month(update: Update, context: BotContext, about_what: str) -> None:
    wanted = month_in(about_what)
    shown = (
        None if wanted is None else await month_shown(context, *wanted, in_group=_is_group(update))
    )
    if shown is None:  # the sheet is called otherwise by now, or is no more
        await stale(update, context)
        return
    await acknowledge(update.callback_query)
    await show_instead(update, context, *shown)


async def _changes(update: Update, context: BotContext, about_what: str) -> None:
    """The switch under the next duties."""
    await acknowledge(update.callback_query)
    await _tell_changes(context, tell=about_what == "1")
    await show_instead(update, context, *await next_shown(context, in_group=False))


async def _no_more(update: Update, context: BotContext, _: str) -> None:
    """Under what has changed, which stays as it is."""
    await _tell_changes(context, tell=False)
    await acknowledge(update.callback_query, context.t.label("👌 I tell you no more changes."))
    markup = Buttons(context.owner, context.t).only_next()
    await show_buttons(update, context, markup, context.owner)


async def _tell_changes(context: BotContext, *, tell: bool) -> None:
    links, owner = services_of(context.core).people.links, context.owner

    def switch() -> None:
        for link in links.of(owner):
            links.tell_changes(owner, link.department, tell=tell)

    await context.core.workers.run(switch)


async def _wait(update: Update, context: BotContext, about_what: str) -> None:
    """To be told once a month is there."""
    wanted = month_in(about_what)
    mine = None if wanted is None else await mine_of(context, context.owner, wanted[1], looks=False)
    one = None if mine is None or wanted is None else mine.marked(wanted[0])
    if mine is None or one is None or wanted is None:
        await stale(update, context)
        return
    sheet, month = one.own.sheet, wanted[1]
    if one.own.is_looked_for(month, one.own.local(mine.now).date()):
        links = services_of(context.core).people.links
        await context.core.workers.run(
            links.wait_for, context.owner, sheet.department, sheet.id, str(month)
        )
    await _month(update, context, about(sheet.id, month))


async def _calendar(update: Update, context: BotContext, _: str) -> None:
    """An address of their calendar, in a message of its own."""
    people, t, owner = services_of(context.core).people, context.t, context.owner
    base = context.services.options.public_url
    if base is None or not has_calendar(context):
        await stale(update, context)
        return
    await acknowledge(update.callback_query)
    if not await context.core.workers.read(people.links.of, owner):
        await show_instead(update, context, *not_linked(context, in_group=False))
        return
    made = await context.core.workers.run(people.calendars.issue, owner, t.language)
    _log.info("roster_link_changed", owner=owner, result="calendar_issued")
    text = t.tr("This address is yours alone; do not pass it on. Revoked, it stops at once.")
    address = t.link(address_of(base, made.secret), address_of(base, made.secret))
    try:
        await say(update, context, f"{text}\n\n{address}", Buttons(owner, t).revoke(made.id))
    except TelegramError:  # nobody has it: it opens nothing
        await context.core.workers.run(people.calendars.revoke, owner, made.id)
        raise


async def _revoke(update: Update, context: BotContext, id: str) -> None:
    calendars = services_of(context.core).people.calendars
    if await context.core.workers.run(calendars.revoke, context.owner, id):
        _log.info("roster_link_changed", owner=context.owner, result="calendar_revoked")
    await acknowledge(update.callback_query)
    text = context.t.tr("Revoked: this address leads nowhere any more.")
    await show_instead(update, context, text)


async def _unlink(update: Update, context: BotContext, answer: str) -> None:
    await acknowledge(update.callback_query)
    t, markup = context.t, None
    if answer == "yes":
        text = await linking.unlink(context)
    elif answer == "no":
        text = t.tr("👌 Everything stays as it is.")
    else:
        text = t.tr(
            "Unlink you from the roster?\n\nThen /duty shows you nothing, no change is told, and "
            "the addresses of your calendar stop at once."
        )
        markup = Buttons(context.owner, t).confirm_unlink()
    await show_instead(update, context, text, markup)


async def _refuse(update: Update, context: BotContext) -> None:
    """Somebody else's, or whoever else that may be: in a group it is not even asked for."""
    _log.warning("access_denied", owner=context.owner, result="not_yours")
    if context.services.refusals.is_due(context.owner):
        await context.core.record(Event("denied", context.owner, "not_yours"))
    shown: Shown = context.t.tr("Here everybody sees only their own."), private_chat(context)
    await say(update, context, *shown)


async def _is_own(context: BotContext, number: str) -> bool:
    links = services_of(context.core).people.links
    mine = await context.core.workers.read(links.of, context.owner)
    return any(is_same(link.number, number) for link in mine)


def _said(update: Update) -> str:
    """What stands after the command."""
    _, *said = (message_of(update).text or "").split(maxsplit=1) or ("",)
    return said[0].strip() if said else ""


def _is_group(update: Update) -> bool:
    here = asked_in(update)
    return here is None or not here.is_private


_ACTIONS: dict[str, Callable[[Update, BotContext, str], Awaitable[None]]] = {
    "n": _next,
    "m": _month,
    "c": _changes,
    "x": _no_more,
    "w": _wait,
    "a": _calendar,
    "r": _revoke,
    "u": _unlink,
}
"""By what a button's data say after whom it serves."""
