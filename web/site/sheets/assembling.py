"""What the page of a sheet shows, from what is kept of it: no network, no clock, no storage."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Final

from departments.administrators.who import name_of as name_of_administrator
from sheets.faults import Finding
from sheets.keeping.forms import Period, Seen, SheetState, VersionRecord
from sheets.keeping.versions import Version
from sheets.kinds.contents import Codes, Contents, Roster, Rows
from sheets.months import Month
from sheets.shapes.file import Sheet
from sheets.wanted import wanted
from web.site.sheets.differences import differences_of
from web.site.sheets.lines import line_of, months_kept, what_of
from web.site.sheets.parts import Counts, VersionLine
from web.site.sheets.rosters import grid_of, leaves_of, legend_of, months_of, name_of, unknown_of
from web.site.sheets.tables import code_table_of, table_of
from web.site.sheets.titles import titles_of
from web.site.sheets.views import HeldVersion, News, SheetPage

_MOST_GONE: Final = 200


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a request's address asks to be shown. It may hold anything."""

    month: str = ""
    since: str = ""
    """The version that another is compared with."""
    until: str = ""
    """The version that is shown; "": the one that counts."""
    page: int = 1
    """Which part of what is too long for one page."""
    older: str = ""
    """The version from which the list of versions goes on."""


@dataclass(frozen=True, slots=True, repr=False)
class Kept:
    """One version, as it was read from the storage."""

    id: str
    record: VersionRecord
    contents: Contents | None = None
    """None: it was not opened, or cannot be read."""


@dataclass(frozen=True, slots=True, repr=False)
class Found:
    """What is kept of a sheet, as far as a page needs it."""

    sheet: Sheet
    state: SheetState | None
    """None: it was never looked at."""
    today: date
    """Where its times are."""
    department: str = ""
    """Its name."""
    service_account: str = ""
    period: str = ""
    """Whose versions these are."""
    month: str = ""
    """What of them is shown."""
    shown: Kept | None = None
    before: Kept | None = None
    codes: Codes | None = None
    listed: Sequence[Kept] = ()
    """Its versions, the newest first."""
    older: str = ""
    others: Sequence[Kept] = ()
    """Further ones that can be compared."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """The names of those who have gone from what is held, by number."""
    is_damaged: bool = False
    """Whether the version that is shown cannot be read."""
    no_version: bool = False
    """Whether a version was asked for that is not there."""
    cannot_compare: bool = False
    """Whether the one that it was to be compared with cannot be."""


def page_of(found: Found, wishes: Wishes, now: float, news: News = "") -> SheetPage:
    """The page of one sheet."""
    sheet, state = found.sheet, found.state or SheetState()
    period = state.periods.get(found.period, Period())
    current = _record(found, period.current)
    line = line_of(sheet, found.state, found.today, current)
    # Of this month; another one's change is none of it.
    line = replace(line, changed_at=None if current is None else current.at)
    page = SheetPage(
        now,
        line,
        found.department,
        news or ("no_version" if found.no_version else ""),
        month=found.month,
        no_month=bool(found.month) and wishes.month not in ("", found.month),
        period=found.period,
        service_account=found.service_account,
        titles=titles_of(sheet, found.month),
        has_codes=sheet.codes is not None,
    )
    page = _with_months(page, found, state)
    seen = _seen(state, found.period or found.month)
    versions = _told_apart([_version_line(one, period) for one in found.listed])
    page = replace(
        page,
        findings=_findings(found, seen, period),
        tab="" if seen is None else seen.title,
        versions=versions,
        older=found.older,
        chosen=_chosen(versions, tuple(_version_line(one, period) for one in found.others)),
        is_unreadable=found.is_damaged,
        cannot_compare=found.cannot_compare,
        held=_held(found, period),
    )
    if found.shown is None:
        return page
    page = replace(page, shown=_version_line(found.shown, period))
    page = replace(page, tab=page.tab or found.shown.record.tab)
    return _with_contents(page, found, wishes)


def _record(found: Found, current: str) -> VersionRecord | None:
    """Of what counts, whatever is shown."""
    shown = () if found.shown is None else (found.shown,)
    every = (*found.listed, *found.others, *shown)
    return next((one.record for one in every if one.id == current), None)


def _with_months(page: SheetPage, found: Found, state: SheetState) -> SheetPage:
    if not page.month:
        return page
    contents = found.shown.contents if found.shown is not None else None
    there = months_kept(state)
    if not found.period and isinstance(contents, Roster):
        there |= {*months_of(contents)}
    earlier = max((month for month in there if month < page.month), default="")
    later = min((month for month in there if month > page.month), default="")
    absent = ""
    if not later:
        following = str(Month.parse(page.month).plus(1))
        asked = {one.period for one in wanted(found.sheet, found.today)}
        absent = following if following in asked and state.raw else ""
    elsewhere = {month for month in state.held if month} | {
        seen.period or asked
        for asked, seen in state.seen.items()
        if seen.is_fault and (seen.period or asked)
    }
    elsewhere.discard(page.month)
    return replace(
        page, earlier=earlier, later=later, absent=absent, elsewhere=tuple(sorted(elsewhere))
    )


def _seen(state: SheetState, month: str) -> Seen | None:
    """The tab of this month as it was seen last; of what is of no month, the only one there is."""
    for asked, one in state.seen.items():
        if month in (one.period or asked, asked):
            return one
    return next(iter(state.seen.values())) if len(state.seen) == 1 and "" in state.seen else None


def _findings(found: Found, seen: Seen | None, period: Period) -> tuple[Finding, ...]:
    """What is wrong with the tab as it is now, and what is odd about the version that is shown."""
    latest = () if seen is None else seen.findings
    faults = tuple(each for each in latest if each.is_fault)
    if found.shown is None or (found.shown.id == period.current and not faults and not period.held):
        return latest
    return (*faults, *found.shown.record.warnings)


def _version_line(kept: Kept, period: Period) -> VersionLine:
    counts = kept.record.counts
    return VersionLine(
        kept.id,
        kept.record.at,
        None if counts is None else Counts(counts.changed, counts.came, counts.went),
        is_current=kept.id == period.current,
        is_held=kept.id == period.held,
        counted_from=_counted_from(kept),
        accepted_by=name_of_administrator(kept.record.accepted_by),
    )


def _counted_from(kept: Kept) -> str:
    read = Version("", "", kept.id).at.timestamp()
    since = math.ceil(max(read, kept.record.accepted_at or 0.0))
    return f"{datetime.fromtimestamp(since, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _chosen(
    versions: tuple[VersionLine, ...], others: tuple[VersionLine, ...]
) -> tuple[VersionLine, ...]:
    known = {one.id: one for one in (*versions, *others)}
    return _told_apart([known[id] for id in sorted(known, reverse=True)])


def _told_apart(versions: Sequence[VersionLine]) -> tuple[VersionLine, ...]:
    minutes = Counter(one.at // 60 for one in versions)
    return tuple(
        replace(one, seconds=f":{int(one.at) % 60:02}") if minutes[one.at // 60] > 1 else one
        for one in versions
    )


def _held(found: Found, period: Period) -> HeldVersion | None:
    if not period.held:
        return None
    gone = period.gone
    there = {one.id: one.record.at for one in (*found.listed, *found.others)}
    who = tuple(found.gone.get(number) or number for number in (gone.who if gone else ()))
    return HeldVersion(
        period.held,
        period.held_at or 0.0,
        there.get(period.current),
        what_of(found.sheet.shape),
        gone.people if gone else 0,
        gone.of_people if gone else 0,
        gone.cells if gone else 0,
        gone.of_cells if gone else 0,
        who[:_MOST_GONE],
    )


def _with_contents(page: SheetPage, found: Found, wishes: Wishes) -> SheetPage:
    if found.shown is None or found.shown.contents is None or page.shown is None:
        return page
    contents, before = found.shown.contents, None
    old = found.before.contents if found.before is not None else None
    if found.before is not None and old is not None:
        period = (
            Period() if found.state is None else found.state.periods.get(found.period, Period())
        )
        pair = (_version_line(found.before, period), old), (page.shown, contents)
        before = differences_of(*pair, found.sheet.shape)
        page = replace(page, differences=before, cannot_compare=before is None)
    match contents:
        case Roster():
            return _with_roster(page, found, contents, old, wishes)
        case Codes():
            codes = code_table_of(contents, wishes.page, old if isinstance(old, Codes) else None)
            return replace(page, codes=codes)
        case Rows():
            table = table_of(contents, wishes.page, old if isinstance(old, Rows) else None)
            return replace(page, table=table)


def _with_roster(
    page: SheetPage, found: Found, roster: Roster, old: Contents | None, wishes: Wishes
) -> SheetPage:
    unknown, left_out = unknown_of(roster, found.codes)
    before = old if isinstance(old, Roster) else None
    grid = None
    if page.month:
        grid = grid_of(roster, page.month, wishes.page, before=before, codes=found.codes)
    return replace(
        page,
        grid=grid,
        unknown=unknown,
        unknown_left_out=left_out,
        legend=legend_of(roster, found.codes),
        leaves=leaves_of(roster, getattr(found.sheet.shape, "leaves", {})),
    )


def names_of(contents: Contents | None, numbers: Sequence[str]) -> dict[str, str]:
    """What these are called in a version; of codes and rows nothing but themselves."""
    if not isinstance(contents, Roster):
        return {}
    return {number: name_of(contents, number) for number in numbers}
