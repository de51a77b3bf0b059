"""What somebody sees of their duties: the next ones, a month, or why there is nothing to see."""

from __future__ import annotations

from telegram import InlineKeyboardMarkup

from bot.context import BotContext
from bot.duty import days
from bot.duty.buttons import Buttons, about
from bot.duty.month import looks, month_view, not_there
from bot.duty.next_duties import OLD_SECONDS, Titled, next_duties, put_right
from bot.duty.own import (
    Mine,
    mine_of,
    month_button,
    name_of,
    part_of,
    services_of,
    this_month,
)
from bot.texts.buttons import Shown
from bot.texts.catalogue import Html, Texts
from bot.uploads import keyboards
from sheets.months import Month


async def next_shown(context: BotContext, *, in_group: bool) -> Shown:
    """The next duties, with their buttons."""
    mine = await mine_of(context, context.owner)
    why = nothing(context, mine, in_group=in_group)
    if why is not None:
        return why
    t, listed, now = context.t, mine.listed, mine.now
    # Whoever asks has it looked at: what is older than an interval could not be read.
    old = max(OLD_SECONDS, 1.5 * services_of(context.core).mirror.interval)
    text = next_duties(listed, now, t, old_seconds=old)
    if not in_group:
        text = "\n".join([text, *_absent(mine, t)])
    this = [month_button(one.own, this_month(one, now), now) for one in listed]
    after = [month_button(one.own, this_month(one, now).plus(1), now) for one in listed]
    markup = Buttons(context.owner, t).after_next(
        next(filter(None, this), ""),
        next(filter(None, after), ""),
        calendar=not in_group and has_calendar(context),
        changes=None if in_group else mine.tells_changes,
    )
    return text, markup


async def month_shown(
    context: BotContext, mark: str, month: Month, *, in_group: bool
) -> Shown | None:
    """A month of the roster that a button means; None: there is none such any more."""
    mine = await mine_of(context, context.owner, month)
    one = mine.marked(mark)
    if one is None:
        return nothing(context, mine, in_group=in_group) if not mine.links else None
    t, own = context.t, one.own
    buttons, part = Buttons(context.owner, t), part_of(own, month)
    if part is None:
        return _missing(context, mine, one, month)
    if not part.is_listed:
        linked = mine.link_to(own.sheet)
        number = "" if in_group or linked is None else linked.number
        text = is_anothers(number, t) if part.is_anothers and number else gone_from(number, t)
        return text, buttons.only_next()
    others = [other for other in mine.rosters if other is not one and _shows(other, month)]
    title = one.title if others else ""
    before, after = (
        (said, each) if (said := month_button(own, each, mine.now)) else None
        for each in (month.plus(-1), month.plus(1))
    )
    rows = [buttons.other(other.title, about(other.own.sheet.id, month)) for other in others]
    warning = put_right(own, part, mine.now, t)
    text = month_view(own, part, month, t, title=title, warning=warning)
    return text, buttons.after_month(before, after, rows)


def nothing(context: BotContext, mine: Mine, *, in_group: bool) -> Shown | None:
    """Why there is nothing to be seen; None: there is something."""
    t, buttons = context.t, Buttons(context.owner, context.t)
    if not mine.links:
        return not_linked(context, in_group=in_group)
    if not mine.rosters:
        department = name_of(context.core, mine.links[0].department)
        text = t.tr(
            "No roster of {department} is read here any more. Ask an administrator.",
            department=department,
        )
        return text, None if in_group else buttons.unlink()
    if not any(one.own.parts for one in mine.rosters):
        return t.tr("⏳ The roster has not been read yet. Please try again in a minute."), None
    if not mine.listed:
        if in_group:
            return gone_from("", t), private_chat(context)
        return "\n".join(_absent(mine, t)), buttons.unlink()
    return None


def not_linked(context: BotContext, *, in_group: bool) -> Shown:
    """How one is linked; in a group nobody is to write their number."""
    t = context.t
    lines = [
        t.tr("I do not know yet who you are on the roster."),
        t.tr("Send your staff number with it, for example: {example}", example=Html("/duty A1001")),
        t.tr("You see it once an administrator has confirmed: a roster is personal."),
    ]
    if in_group:
        return "\n".join([lines[0], lines[2]]), private_chat(context)
    return "\n".join(lines), None


def private_chat(context: BotContext) -> InlineKeyboardMarkup:
    """Out of a group, to where nobody else reads."""
    return keyboards.private_chat(context.t, context.private_address)


def gone_from(number: str, t: Texts) -> str:
    """That somebody is on the roster no more; without a number, where others read it."""
    if not number:
        return t.tr("I do not find you on the roster any more. Write to me in our private chat.")
    return t.tr(
        "{number} is no longer on the roster. The number may have changed: ask an administrator.",
        number=number,
    )


def is_anothers(number: str, t: Texts) -> str:
    """That a number has another name than was confirmed, or none."""
    return t.tr(
        "⚠ {number} does not have the name there with which it was confirmed to be you, so I show "
        "nothing of it. If it is you, speak to an administrator.",
        number=number,
    )


def _is_hidden(number: str, month: Month, t: Texts) -> str:
    """The same of one month."""
    return t.tr(
        "⚠ {number} does not have the name in {month} with which it was confirmed to be you, so I "
        "do not show that month. If it is you, speak to an administrator.",
        number=number,
        month=Html(days.month_of(month, t)),
    )


def _absent(mine: Mine, t: Texts) -> list[str]:
    """Of each number what keeps it from being shown."""
    return [
        *(gone_from(one.number, t) for one in mine.gone),
        *(is_anothers(one.number, t) for one in mine.paused),
        *(_is_hidden(one.number, month, t) for one, month in mine.hidden),
    ]


def has_calendar(context: BotContext) -> bool:
    """Whether pages are served where a calendar's address leads."""
    return context.core.links is not None and context.services.options.public_url is not None


def _missing(context: BotContext, mine: Mine, one: Titled, month: Month) -> Shown:
    t, own, now = context.t, one.own, mine.now
    buttons, here = Buttons(context.owner, t), this_month(one, now)
    this = month_button(own, here, now) if month != here else ""
    if not own.is_looked_for(month, own.local(now).date()):
        text = t.tr("There is no roster of {month}.", month=Html(days.month_of(month, t)))
        return text, buttons.missing("", this, may_wait=False)
    linked = mine.link_to(own.sheet)
    wait = own.sheet.id, str(month)
    if linked is not None and wait in linked.waits_for:
        lines = [not_there(own, month, t), t.tr("Right: I will tell you.")]
        return "\n".join(lines), buttons.missing("", this, may_wait=False)
    minutes = services_of(context.core).mirror.interval / 60
    lines = [not_there(own, month, t), looks(minutes, t)]
    return "\n".join(lines), buttons.missing(about(own.sheet.id, month), this, may_wait=True)


def _shows(other: Titled, month: Month) -> bool:
    part = part_of(other.own, month)
    return part is not None and part.is_listed
