"""What pages say of sheets, code by code: what is wrong with one, and what to do about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final, NamedTuple

from babel.dates import format_date
from markupsafe import Markup

from config.languages import N_, isolated
from sheets.faults import Finding
from sheets.months import Month
from web.site.sheets.views import SheetLine, Titles, What
from web.site.texts import Texts

_FINDINGS: Final[Mapping[str, tuple[str, str]]] = {
    "tab_missing": (
        N_("This month’s tab is not there"),
        N_("It is hidden from the service account, not made yet, or called otherwise."),
    ),
    "grid_too_large": (
        N_("The tab is too large"),
        N_(
            "It has over 10,000 rows, 500 columns or 200,000 cells. Delete those that nobody needs."
        ),
    ),
    "no_header": (N_("No row of titles was found"), ""),
    "no_month": (
        N_("Nothing says which month it is"),
        N_("Neither the tab’s title nor a line above the days names one, such as 115年12月."),
    ),
    "no_rows": (
        N_("There are titles, and nothing below them"),
        N_("That is what a cleared tab looks like."),
    ),
    "duplicate_people": (
        N_("The same number stands there twice"),
        N_("Nobody can tell whose the duties are. Each person has one row, or rows that follow."),
    ),
    "duplicate_codes": (
        N_("One code has two different times"),
        N_("Keep the one that is right."),
    ),
    "days_not_in_month": (
        N_("Something stands on days that the month does not have"),
        N_("Look whether a column has slipped."),
    ),
    "error_cells": (
        N_("Too many cells are errors of the spreadsheet’s"),
        N_("Such as #REF! – most likely something that they refer to was deleted."),
    ),
    "error_cells_left_out": (
        N_("A few cells are errors of the spreadsheet’s"),
        N_("Such as #REF!. What stood there before is kept."),
    ),
    "days_left_out": (
        N_("Days are missing from the row of days"),
        N_("Nobody has a duty on them here."),
    ),
    "day_without_year": (
        N_("Days stand there without a year"),
        N_("They are taken for the nearest such day."),
    ),
    "other_month": (
        N_("Days of another month are in this month’s tab"),
        N_("They are kept under the day that stands there."),
    ),
    "no_times": (
        N_("Some have no times"),
        N_("What stands there is no time, or nothing does."),
    ),
    "rows_without_number": (
        N_("Rows with duties have no number"),
        N_("They are nobody’s. Give each its number in the spreadsheet."),
    ),
    "texts_aside": (
        N_("Remarks beside the table are left out"),
        N_("They are not duties: notes, sums, signatures."),
    ),
    "cells_cut": (
        N_("Some cells are too long"),
        N_("Of each the first 1,000 characters are kept."),
    ),
}
_OTHER_FINDING: Final = (N_("Something in it is wrong"), N_("docs/sheets.md says more."))
_TROUBLES: Final[Mapping[str, tuple[str, str]]] = {
    "sheet_not_shared": (
        N_("The spreadsheet is not shared with the service account"),
        N_("In Google Sheets press “Share” and add this address as a viewer:"),
    ),
    "sheet_not_found": (
        N_("Google knows no spreadsheet of this address"),
        N_(
            "It was deleted, or its address in SHEETS_FILE is wrong. Take the address anew from "
            "the browser, and share it with this address as a viewer:"
        ),
    ),
    "sheets_disabled": (
        N_("The Google Sheets API is not enabled"),
        N_("Enable it in the Google Cloud project of the service account:"),
    ),
    "sheet_not_google": (
        N_("It is no spreadsheet of Google Sheets"),
        N_(
            "It is an Excel file, perhaps. Save it as Google Sheets, put the address of that one "
            "into SHEETS_FILE, and share it with this address as a viewer:"
        ),
    ),
    "sheet_too_large": (
        N_("The tabs are too large to be read"),
        N_("Delete rows and columns that nobody needs, or move the tabs elsewhere."),
    ),
    "key_missing": (
        N_("The department has no service account"),
        N_("Set its key, and restart: docs/service-accounts.md says how."),
    ),
    "invalid_request": (
        N_("Google does not understand what it was asked"),
        N_("Look at the tab and the address in SHEETS_FILE."),
    ),
}
_SHARES: Final = frozenset(
    {"sheet_not_shared", "sheet_not_found", "sheets_disabled", "sheet_not_google"}
)
_OTHER_TROUBLE: Final = (
    N_("It cannot be read"),
    N_("<code>drivekeeper sheets check</code> says why."),
)
_PASSING: Final = (
    N_("Google does not answer just now"),
    N_("It is asked again by itself, less and less often. What was read last stays."),
)
_DAYS_TITLE: Final = N_("the days from 1 on")
_KEYS: Final[Mapping[str, str]] = {
    "days": _DAYS_TITLE,
    "date": N_("the day"),
    "code": N_("the code"),
}
_DAY: Final = {"en": "d MMM (EEE)", "zh_Hant": "MM/dd（EEEEE）", "zh_Hans": "MM/dd（EEEEE）"}
_MONTH: Final = {"en": "MMMM y", "zh_Hant": "y 年 M 月", "zh_Hans": "y 年 M 月"}
_MONTH_ALONE: Final = {"en": "MMMM", "zh_Hant": "M 月", "zh_Hans": "M 月"}
_WEEKDAY: Final = {"en": "EEEEEE", "zh_Hant": "EEEEE", "zh_Hans": "EEEEE"}
_MOST_PLACES: Final = 6
_MOST_TEXTS: Final = 10
_DAY_MINUTES: Final = 1440


class Said(NamedTuple):
    """About one thing that is wrong."""

    title: Markup
    meaning: Markup
    where: Markup = Markup()
    """Where it is; "": that is not known, or everywhere."""
    shares: bool = False
    """Whether the service account's address belongs below it."""


class SheetWords:
    """In one language."""

    def __init__(self, texts: Texts) -> None:
        self._t = texts

    def finding(self, one: Finding, titles: Titles | None = None) -> Said:
        """What was noticed about a tab.

        Args:
            titles: what the settings look for; None: no more is said than what it is.
        """
        title, meaning = _FINDINGS.get(one.code, _OTHER_FINDING)
        said = self._t.tr(meaning) if meaning else Markup()
        if titles is not None and one.code == "no_header":
            said = self._no_header(titles)
        if titles is not None and one.code == "tab_missing" and titles.tab:
            named = self._t.tr("It has to be called “{tab}”.", tab=titles.tab)
            said = self._t.tr("{first} {second}", first=named, second=said)
        return Said(self._t.tr(title), said, self._where(one, titles))

    def trouble(self, code: str, *, is_lasting: bool) -> Said:
        """Why a sheet is not read."""
        if not is_lasting:
            return Said(self._t.tr(_PASSING[0]), self._t.tr(_PASSING[1]))
        title, meaning = _TROUBLES.get(code, _OTHER_TROUBLE)
        return Said(self._t.tr(title), self._t.tr(meaning), shares=code in _SHARES)

    def number(self, what: What, number: int) -> Markup:
        """24 people."""
        if what == "people":
            return self._t.plural("{number} person", "{number} people", number)
        if what == "codes":
            return self._t.plural("{number} code", "{number} codes", number)
        return self._t.plural("{number} row", "{number} rows", number)

    def cells(self, number: int) -> Markup:
        """465 cells."""
        return self._t.plural("{number} cell", "{number} cells", number)

    def listed(self, names: Iterable[object]) -> Markup:
        """Several, with the language's comma."""
        held = (name if isinstance(name, Markup) else isolated(str(name)) for name in names)
        return self._t.tr(", ").join(map(Markup.escape, held))

    def titles(self, lines: Iterable[SheetLine]) -> Markup:
        """“班表”, “勤務表”."""
        return self.listed(self._t.tr("“{title}”", title=line.title) for line in lines)

    def month(self, month: str) -> str:
        """December 2026."""
        return self._formatted(Month.parse(month).first, _MONTH)

    def month_alone(self, month: str, beside: str) -> str:
        """December; with its year where that is another than of `beside`."""
        is_near = abs(int(month[:4]) - int(beside[:4])) < 2
        return self._formatted(Month.parse(month).first, _MONTH_ALONE if is_near else _MONTH)

    def day(self, day: date) -> str:
        """12/03（四）."""
        return self._formatted(day, _DAY)

    def weekday(self, day: date) -> str:
        """As shortly as can be."""
        return self._formatted(day, _WEEKDAY)

    def clock(self, minutes: int | None) -> Markup:
        """05:05, next day 00:30."""
        if minutes is None:
            return Markup("–")
        said = f"{minutes // 60 % 24:02}:{minutes % 60:02}"
        if minutes < _DAY_MINUTES:
            return Markup.escape(said)
        return self._t.tr("next day {clock}", clock=said)

    def _formatted(self, day: date, patterns: Mapping[str, str]) -> str:
        language = self._t.language
        return str(format_date(day, format=patterns[language], locale=language))

    def _where(self, one: Finding, titles: Titles | None) -> Markup:
        if one.code == "no_header":
            return self._nearest(one, titles)
        said = []
        if one.texts:
            said.append(self.listed(one.texts[:_MOST_TEXTS]))
        if one.places:
            places = self.listed(one.places[:_MOST_PLACES])
            more = one.count - min(len(one.places), _MOST_PLACES)
            if more > 0:
                rest = self._t.plural("and {number} more", "and {number} more", more)
                places = places + " " + rest
            said.append(places)
        elif one.count:
            said.append(self._t.tr("{number} of {of}", number=one.count, of=one.of))
        return Markup(" · ").join(said)

    def _no_header(self, titles: Titles) -> Markup:
        t = self._t
        wanted = [self._quoted(each) for each in titles.needed]
        if titles.is_month_grid:
            wanted.append(t.tr(_DAYS_TITLE))
        if not wanted:
            return t.tr("Its titles are in none of the first 30 rows.")
        said = self.listed(wanted)
        return t.tr("One row has to have {titles}. None does.", titles=said)

    def _nearest(self, one: Finding, titles: Titles | None) -> Markup:
        if one.row is None:
            return Markup()
        missing = self.listed(self._title(key, titles) for key in one.missing)
        if not missing:
            return self._t.tr("Row {row} comes closest.", row=one.row)
        return self._t.tr(
            "Row {row} comes closest: it has no {missing}.", row=one.row, missing=missing
        )

    def _title(self, key: str, titles: Titles | None) -> Markup:
        known = dict(titles.by_key) if titles is not None else {}
        if key in known:
            return self._quoted(known[key])
        return self._t.tr(_KEYS[key]) if key in _KEYS else Markup.escape(key)

    def _quoted(self, titles: tuple[str, ...]) -> Markup:
        """“編號” or “員編”."""
        quoted = [self._t.tr("“{title}”", title=title) for title in titles[:_MOST_PLACES]]
        return self._t.tr(" or ").join(quoted)
