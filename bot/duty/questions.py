"""What administrators are asked about a number on the roster: who says it, and who stands there."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Final

from bot.core import Core
from bot.duty.days import NOTHING, is_wide, month_of, shown
from bot.duty.own import name_of, services_of
from bot.texts.buttons import Row, Shown, button, keyboard
from bot.texts.catalogue import Html, Texts
from sheets.months import Month
from sheets.people.asks import Ask
from sheets.people.rosters import Named

VERB: Final = "roster"
"""Of the administrators' buttons: the gate refuses them from anybody else."""
_MARK: Final = 8


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
    names: dict[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    """By department, keyed hashes of the names beside the number there."""

    def mark(self, department: str) -> str:
        """Of what is seen of a department's roster: a button that was made for other names means
        nothing any more."""
        return hashlib.sha256(repr(self.names.get(department)).encode()).hexdigest()[:_MARK]


def question_of(core: Core, asked: Ask) -> Question:
    """What administrators have to know. Blocks."""
    people, where = services_of(core).people, asked.record.department
    record, now = asked.record, core.storage.now()
    found = people.rosters.named(record.number, now, record.month)
    named = [one for one in found if not asked.is_again or one.department == where]
    taken = frozenset(
        one.department
        for one in named
        if any(link.owner != asked.owner for link in people.links.whose(one.department, one.number))
    )
    sheets = people.rosters.sheets.values()
    departments = {one.department for one in named}
    mine = [sheet for sheet in sheets if sheet.department in departments] or [*sheets]
    zone = people.rosters.zone(mine[0]) if mine else None
    other = [] if asked.is_again else [one.number for one in people.links.of(asked.owner)]
    names = {one.department: people.names.hashes(asked.owner, one.names) for one in named}
    return Question(asked, named, taken, other, zone, names)


def question_shown(question: Question, core: Core, t: Texts) -> Shown:
    """The question, and its buttons: one yes for each department."""
    id, named = question.ask.id, question.named
    rows: list[Row] = []
    for one in named:
        label = (
            t.label("Yes, link")
            if len(named) == 1
            else t.label("Yes, link ({department})", department=name_of(core, one.department))
        )
        data = f"{VERB}:yes:{id}:{one.department}:{question.mark(one.department)}"
        rows.append([button(label, data)])
    where = question.ask.record.department
    seen = f":{where}:{question.mark(where)}" if question.ask.is_again else ""
    no = button(t.label("No"), f"{VERB}:no:{id}{seen}")
    markup = keyboard([*rows[0], no]) if len(rows) == 1 else keyboard(*rows, [no])
    return _said(question, core, t), markup


def _said(question: Question, core: Core, t: Texts) -> str:
    lines = [_on_rosters(question, _says(question.ask, core, t), core, t)]
    if question.ask.record.month:
        lines.append(t.tr("Is that them? Only after a yes they see that month; a no ends no link."))
    elif question.ask.is_again:
        lines.append(t.tr("Is that still them? Until a yes they see nothing of it; a no ends it."))
    if question.taken:
        lines.append(t.tr("⚠ Somebody else is linked to it already: a yes ends that link."))
    if question.other:
        lines.append(t.tr("They are linked to {numbers} now.", numbers=", ".join(question.other)))
    return "\n".join(lines)


def _says(asked: Ask, core: Core, t: Texts) -> str:
    """Who it is about, and which number."""
    record = asked.record
    who = t.link(record.name or asked.owner.key, f"tg://user?id={asked.owner.key}")
    department = name_of(core, record.department)
    if record.month:
        return t.tr(
            "{name} is linked to {number} of {department}. In {month} it does not have the name "
            "that was confirmed.",
            name=who,
            number=record.number,
            department=department,
            month=Html(month_of(Month.parse(record.month), t)),
        )
    if asked.is_again:
        return t.tr(
            "{name} is linked to {number} of {department}. It does not have the name any more that "
            "was confirmed.",
            name=who,
            number=record.number,
            department=department,
        )
    return t.tr(
        "{name} (their name in Telegram) says they are {number}.", name=who, number=record.number
    )


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
    if not any(one.names):
        return t.tr("On the roster {number} has no name.", number=one.number)
    name = " · ".join(name or NOTHING for name in one.names)
    return t.tr("On the roster {number} is “{name}”.", number=one.number, name=name)


def decision_shown(question: Question, decided: Ask, core: Core, t: Texts) -> str:
    """The same once it is decided: by whom, and when."""
    record = decided.record
    moment = datetime.fromtimestamp(record.decided_at or 0.0, question.zone or UTC)
    when = t.moment(moment) if question.zone is None else moment.strftime("%Y-%m-%d %H:%M")
    who = record.decided_name or "?"
    match record.state:
        case "confirmed":
            end = t.tr("✅ Linked by {who}, {when}.", who=who, when=when)
        case "refused" if record.month:
            end = t.tr("✖️ That month is not shown to them: {who}, {when}.", who=who, when=when)
        case "refused":
            end = t.tr("✖️ Not linked: {who}, {when}.", who=who, when=when)
        case _:
            end = t.tr("They have asked for another number since.")
    return _on_rosters(question, _says(decided, core, t), core, t) + "\n\n" + end
