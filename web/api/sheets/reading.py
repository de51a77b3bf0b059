"""Kept sheets read for an answer: which version is meant, what is in it, and in which form."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

from fastapi import Request
from fastapi.responses import Response

from sheets.keeping.forms import SheetState, VersionRecord
from sheets.keeping.services import SheetServices
from sheets.keeping.versions import Opened, Version
from sheets.kinds.contents import Codes, Roster, Rows
from sheets.nobodys import FEWEST, on_duty
from sheets.shapes.models import CodeTable
from sheets.timing import zone_of
from sheets.versions.difference import difference
from web.api.sheets import answers, said, standing, tables
from web.api.sheets.asked import Wish
from web.gate.problems import Problem, denied

_MOST_TAGS: Final = 1000
Said = dict[str, Any]


class Tags:
    """Which content an answer had last: who has it already costs no more than a look at what
    counts."""

    def __init__(self) -> None:
        self._known = OrderedDict[tuple[object, ...], str]()

    def get(self, key: tuple[object, ...]) -> str:
        """The tag; empty: it is not known."""
        return self._known.get(key, "")

    def keep(self, key: tuple[object, ...], tag: str) -> None:
        """Know it from now on."""
        self._known[key] = tag
        while len(self._known) > _MOST_TAGS:
            self._known.popitem(last=False)


class Reading:
    """Every method blocks, and raises Problem where there is nothing to answer.

    Imported only where there are sheets: whoever has none need not wait for what reads them.
    """

    def __init__(self, sheets: SheetServices) -> None:
        self._sheets = sheets
        self._ask = sheets.asking
        self._tags = Tags()

    def sheet(self, request: Request, wish: Wish) -> Response:
        """A version as it is."""
        _, version = self._meant(wish, wish.period)
        key = ("sheet", version, wish.form, wish.asker.sees_people)

        def read() -> tuple[bytes, dict[str, str]]:
            opened = self._opened(wish, version)
            self._refuse_personal(wish, opened)
            found = said.contents(wish.sheet, opened.contents, with_people=wish.asker.sees_people)
            if wish.form == answers.CSV:
                rows = tables.of_contents(opened.contents, found)
                return answers.as_table(rows, _file_of(version))
            return answers.as_object({**said.head(wish.sheet, opened), **found})

        return self._answered(request, wish, key, read)

    def shifts(self, request: Request, wish: Wish) -> Response:
        """Its duties, with their times."""
        if wish.person and not wish.asker.sees_people:
            raise _denied(wish)
        state, version = self._meant(wish, wish.period, or_all=True)
        codes = self._ask.codes_for(wish.sheet, version.period, wish.at)
        month = wish.period or ""
        key = (
            *("shifts", version, None if codes is None else codes.version, month, wish.person),
            *(wish.form, wish.asker.sees_people),
        )

        def read() -> tuple[bytes, dict[str, str]]:
            opened = self._opened(wish, version)
            roster, table = opened.contents, None if codes is None else codes.contents
            if not isinstance(roster, Roster):
                raise Problem(404, "no_shifts")
            self._refuse_personal(wish, opened)
            if wish.person and wish.person not in roster.people:
                raise Problem(404, "no_person")
            zone = zone_of(wish.sheet.shape, state.zone)
            table = table if isinstance(table, Codes) else None
            found: Said = (
                {"shifts": said.shifts(wish.sheet, roster, table, zone, month, wish.person)}
                if wish.asker.sees_people
                else {"days": said.crews(roster, table, zone, month)}
            )
            if wish.form == answers.CSV:
                return answers.as_table(tables.of_shifts(found), f"{_file_of(version)}-shifts")
            head = said.head(wish.sheet, opened)
            if zone is not None:
                head["zone"] = str(zone)
            if codes is not None:
                name = codes.version.sheet.partition(".")[2]
                head["codes"] = {"sheet": name, "version": codes.version.id}
            return answers.as_object({**head, **found})

        return self._answered(request, wish, key, read)

    def diff(self, wish: Wish, old: str | None, new: str | None) -> Response:
        """How two versions differ.

        Args:
            old: None: the one that counted before the other.
            new: None: the one that counts.
        """
        state, version = self._meant(wish, wish.period)
        if new is not None:
            version = Version(wish.sheet.id, version.period, new)
        if old is None:
            found = self._ask.before(version)
            if found is None:
                raise Problem(404, "no_version")
            old = found.id
        sides = [self._one(wish, state, version.period, id) for id in (old, version.id)]
        before, after = sides
        if type(before.contents) is not type(after.contents):
            raise Problem(409, "other_kind")
        for opened in sides:
            self._refuse_personal(wish, opened)
        change = difference(before.contents, after.contents)
        period = {"period": version.period} if version.period else {}
        both = before.contents, after.contents
        return _object(
            {
                **{**said.named(wish.sheet), **period},
                **{"from": said.side(before), "to": said.side(after)},
                **said.changes(wish.sheet, *both, change, with_people=wish.asker.sees_people),
            }
        )

    def versions(self, wish: Wish, before: str | None, limit: int) -> Response:
        """Those that there are, with how the sheet stands.

        Args:
            before: where the page before has ended; None: the first page.
        """
        state = self._ask.state(wish.sheet.id)
        every = self._sheets.versions.of(wish.sheet.id, wish.period)
        if not wish.asker.sees_people:
            every = [one for one in every if not standing.is_held(state, one)]
        by_cursor = sorted(((standing.cursor(one), one) for one in every), reverse=True)
        rest = [one for cursor, one in by_cursor if before is None or cursor < before]
        page = rest[:limit]
        found: Said = standing.standing(wish.sheet, state, in_full=wish.asker.sees_people)
        records = dict(self._sheets.versions.records(page))
        counted = None if wish.asker.sees_people else self._counted(wish, records)
        found["versions"] = [
            standing.version(one, record, state, counted) for one, record in records.items()
        ]
        if len(rest) > limit:
            found["next"] = standing.cursor(page[-1])
        return _object(found)

    def _counted(self, wish: Wish, records: Mapping[Version, VersionRecord]) -> set[Version]:
        """Of which of these, and of those that counted before them, a computer is told how much is
        in them: of those that it may read."""
        before = [replace(one, id=record.before) for one, record in records.items()]
        others = self._sheets.versions.records([one for one in before if one not in records])
        shape = wish.sheet.shape
        are_open = isinstance(shape, CodeTable) or not getattr(shape, "persons", True)
        return {
            one
            for one, record in (*records.items(), *others)
            if (are_open if record.on_duty is None else record.on_duty >= FEWEST)
        }

    def _meant(
        self, wish: Wish, period: str | None, *, or_all: bool = False
    ) -> tuple[SheetState, Version]:
        """How the sheet stands, and the version that is meant.

        Args:
            or_all: whether what is of no month will do: there are days of each in it.
        """
        state = self._ask.state(wish.sheet.id)
        there = {} if state is None else state.periods
        if state is None or not any(one.current for one in there.values()):
            raise Problem(409, "never_synced")
        month = self._ask.month(wish.sheet, state) if period is None else period
        if month is not None and month not in there and or_all and "" in there:
            month = ""
        if month is None or month not in there:
            raise Problem(404, "no_period")
        version = self._ask.version_at(wish.sheet.id, month, wish.at)
        if version is None:
            raise Problem(404, "no_version")
        return state, version

    def _opened(self, wish: Wish, version: Version) -> Opened:
        opened = self._sheets.versions.open(version)
        if opened is not None:
            return opened
        if wish.at is not None:
            raise Problem(404, "no_version")
        # It went while it was asked for, and another counts.
        again = self._ask.open_at(wish.sheet.id, version.period)
        if again is None:
            raise Problem(404, "no_version")
        return again

    def _one(self, wish: Wish, state: SheetState, period: str, id: str) -> Opened:
        version = Version(wish.sheet.id, period, id)
        if not wish.asker.sees_people and standing.is_held(state, version):
            raise Problem(404, "no_version")
        opened = self._sheets.versions.open(version)
        if opened is None:
            raise Problem(404, "no_version")
        return opened

    def _refuse_personal(self, wish: Wish, opened: Opened) -> None:
        """Refuse a computer what may be of a person."""
        if wish.asker.sees_people:
            return
        people = on_duty(opened.contents)
        is_personal = (
            isinstance(opened.contents, Rows) and getattr(wish.sheet.shape, "persons", True)
            if people is None
            else people < FEWEST
        )
        if is_personal:
            raise _denied(wish)

    def _answered(
        self,
        request: Request,
        wish: Wish,
        key: tuple[object, ...],
        read: Callable[[], tuple[bytes, Mapping[str, str]]],
    ) -> Response:
        keeping = {"Cache-Control": answers.PERSONAL if wish.asker.sees_people else answers.NOBODYS}
        known = self._tags.get(key)
        if known and answers.has(request, known):
            return answers.unchanged(known, keeping)
        body, headers = read()
        tag = answers.tag_of(body)
        self._tags.keep(key, tag)
        return answers.answer(request, tag, body, {**keeping, **headers})


def _denied(wish: Wish) -> Problem:
    owner = None if wish.asker.department is None else wish.asker.department.owner
    return denied(403, "personal", owner=owner)


def _object(found: Said) -> Response:
    body, headers = answers.as_object(found)
    return Response(body, 200, headers)


def _file_of(version: Version) -> str:
    """What a file of it is called."""
    month = f"-{version.period}" if version.period else ""
    return f"{version.sheet.replace('.', '-')}{month}"
