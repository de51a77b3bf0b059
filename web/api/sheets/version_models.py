"""What answers about a sheet's standing, its versions and its changes look like."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Literal

from pydantic import ConfigDict, Field

from web.api.sheets.models import HEAD, READ, Answer, Code, CrewDay, Duty

SheetState = Literal["never", "unread", "fault", "held", "fine"]
STATE_SAYS: Final = (
    "`unread`: Google does not let it be read; `fault`: what is in it cannot be taken over; "
    "`held`: a version waits for an administrator. In each case the last good version counts."
)


class Counts(Answer):
    """How much is different."""

    changed: int
    came: int = Field(description="People, codes or rows; whole people count once.")
    went: int


class VersionAnswer(Answer):
    """One version."""

    version: str
    period: str | None = None
    read_at: datetime
    state: Literal["current", "held", "earlier"] = Field(
        description="`held`: it counts once an administrator accepts it; computers are told of "
        "none."
    )
    tab: str
    difference: Counts | None = Field(
        None,
        description="From the one that counted before; left out of the first, and for computers "
        "where they may not read one of the two.",
    )
    people_or_rows: int | None = Field(
        None,
        description="For computers left out of what they may not read: a roster of fewer than "
        "three people, a table that may be of persons.",
    )
    cells: int | None = Field(None, description="The same.")
    accepted_at: datetime | None = Field(
        None, description="Of one that was held: since when it counts."
    )
    accepted_by: str | None = Field(None, description="For administrators: who had it count.")


class Fault(Answer):
    """What keeps a tab from being taken over."""

    code: str
    count: int
    places: list[str] = Field(description="The first of them, such as `11512班表!C5`.")


class HeldVersion(Answer):
    """A version of which over half has gone."""

    version: str
    period: str | None = None
    read_at: datetime | None = None
    people_or_rows_gone: int | None = None
    of_people_or_rows: int | None = None
    cells_gone: int | None = None
    of_cells: int | None = None


class StandingAnswer(Answer):
    """How a sheet stands."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **{"department": "tanhae", "sheet": "roster", "title": "班表"},
                    **{"state": "held", "looked_at": "2026-11-30T06:20:10Z"},
                    **{"changed_at": "2026-11-30T05:50:12Z", "faults": []},
                    "held": [
                        {
                            **{"version": "20261130-062010", "period": "2026-12"},
                            "read_at": "2026-11-30T06:20:10Z",
                            **{"people_or_rows_gone": 15, "of_people_or_rows": 24},
                            **{"cells_gone": 465, "of_cells": 744},
                        }
                    ],
                }
            ]
        }
    )

    department: str
    sheet: str
    title: str
    state: SheetState = Field(description=STATE_SAYS)
    looked_at: datetime | None = Field(None, description="When the last answered look began.")
    changed_at: datetime | None = Field(None, description="When there was a new version last.")
    trouble: str | None = Field(None, description="With `unread`, for administrators: which.")
    because: str | None = Field(None, description="The same in a sentence, in English.")
    faults: list[Fault] | None = Field(None, description="For administrators.")
    held: list[HeldVersion] | None = Field(None, description="For administrators.")


class Decided(Answer):
    """What was decided."""

    department: str
    sheet: str
    title: str
    period: str | None = None
    version: str
    outcome: Literal["accepted", "kept"]


class VersionsAnswer(StandingAnswer):
    """How a sheet stands, and its versions, the newest first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **{"department": "tanhae", "sheet": "roster", "title": "班表"},
                    **{"state": "fine", "looked_at": "2026-11-30T06:00:10Z"},
                    "versions": [
                        {
                            **{**READ, "period": "2026-12", "state": "current"},
                            **{"tab": "11512班表", "people_or_rows": 24, "cells": 744},
                            "difference": {"changed": 5, "came": 0, "went": 0},
                        }
                    ],
                }
            ]
        }
    )

    versions: list[VersionAnswer]
    next: str | None = Field(
        None, description="There are older ones: ask with `before` set to this."
    )


class Side(Answer):
    """One of two versions."""

    version: str
    read_at: datetime


class ChangedPerson(Answer):
    """Who came, went, or is called otherwise."""

    number: str
    old: str | None = Field(None, description="The name; left out of who was not there.")
    new: str | None = Field(None, description="The same of who is there no longer.")


class ChangedDay(Answer):
    """A person's day."""

    number: str
    name: str
    day: date
    old: list[Duty]
    new: list[Duty]


class ChangedCode(Answer):
    """A code."""

    code: str
    old: Code | None = None
    new: Code | None = None


class ChangedRow(Answer):
    """A row, by its key."""

    key: str
    old: list[str] | None = None
    new: list[str] | None = None


class ChangedCrew(Answer):
    """A day of a roster, without its people, on which other numbers have shifts than before."""

    day: date
    old: CrewDay | None = None
    new: CrewDay | None = None


class DiffAnswer(Answer):
    """How two versions differ, by what stays the same: a person and a day, a code, a row's key."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **HEAD,
                    "from": {"version": "20261129-221003", "read_at": "2026-11-29T22:10:03Z"},
                    "to": READ,
                    **{"changed": 1, "came": 0, "went": 0, "people": []},
                    "days": [
                        {
                            **{"number": "1011", "name": "林以晴", "day": "2026-12-03"},
                            "old": [{"kind": "shift", "text": "0905G", "code": "0905G"}],
                            "new": [{"kind": "leave", "text": "(特)", "leave": "特休"}],
                        }
                    ],
                }
            ]
        }
    )

    department: str
    sheet: str
    title: str
    period: str | None = None
    from_: Side = Field(alias="from")
    to: Side
    changed: int
    came: int
    went: int
    people: list[ChangedPerson] | None = Field(None, description="Of a roster.")
    days: list[ChangedDay] | None = Field(None, description="Of a roster.")
    crews: list[ChangedCrew] | None = Field(
        None, description="Of a roster, for computers, instead of `people` and `days`."
    )
    codes: list[ChangedCode] | None = Field(None, description="Of a table of codes.")
    columns: list[list[str]] | None = Field(
        None, description="Of any other table, where they are others: before and after."
    )
    rows: list[ChangedRow] | None = Field(None, description="Of any other table.")
