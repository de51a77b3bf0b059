"""What answers about sheets look like. They are written without these, for they may be long."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.config import JsonDict

VERSION = "20261130-055012"
_DUTY: JsonDict = {
    "kind": "shift",
    "text": "R/0905G(+2)",
    "code": "0905G",
    "rest": "R",
    "overtime": 120,
}
HEAD: JsonDict = {"department": "tanhae", "sheet": "roster", "title": "班表", "period": "2026-12"}
READ: JsonDict = {"version": VERSION, "read_at": "2026-11-30T05:50:12Z"}
_TIMES: JsonDict = {"start": "2026-12-01T09:05:00+08:00", "end": "2026-12-01T17:35:00+08:00"}


class Answer(BaseModel):
    """Fields that say nothing are left out."""


class Duty(Answer):
    """What one cell says."""

    kind: Literal["shift", "rest", "leave", "note", "unknown", "error"] = Field(
        description="`note`: a text that the settings know; `unknown`: one that they do not; "
        "`error`: the spreadsheet's own, such as `#REF!`."
    )
    text: str = Field(description="The cell, normalised.")
    code: str | None = None
    overtime: int | None = Field(None, description="Minutes after the end.")
    rest: str | None = Field(
        None, description="The kind of a day of rest, also of one on which there is a shift."
    )
    leave: str | None = Field(None, description="The kind of a leave, in full.", examples=["特休"])
    start: str | None = Field(
        None,
        description="`HH:MM` of that day, where the sheet itself says it; from 24:00 on it is the "
        "next one's.",
    )
    end: str | None = Field(None, description="The same.")
    route: str | None = None


class Person(Answer):
    """One row of a roster."""

    number: str
    name: str
    days: dict[date, list[Duty]] = Field(description="Those on which there is anything.")


class Crew(Answer):
    """So many have the same shift."""

    code: str = Field(description="Empty where the sheet says times, and no code.")
    people: int
    start: datetime | None = Field(None, description="Of `…/shifts` alone.")
    end: datetime | None = Field(None, description="The same; nobody's overtime is in it.")
    route: str | None = None


class CrewDay(Answer):
    """One day of a roster, without its people."""

    day: date
    crews: list[Crew] = Field(description="By their times, then by their codes.")
    off: int = Field(description="How many rest or are on leave.")
    other: int = Field(description="How many cells say anything else.")


class Code(Answer):
    """One row of a table of codes."""

    code: str
    start: str | None = Field(None, description="`HH:MM`")
    end: str | None = Field(None, description="`HH:MM`; from 24:00 on it is the next day's.")
    minutes: int | None = Field(None, description="Of work.")
    route: str | None = None


class Head(Answer):
    """Which sheet, which month of it, and which version."""

    department: str = Field(description="The slug.")
    sheet: str = Field(description="Its name in the settings.")
    title: str = Field(description="What people call it.")
    period: str | None = Field(None, description="`YYYY-MM`; left out of what is of no month.")
    version: str = Field(description="When it was read, in UTC: `YYYYMMDD-HHMMSS`.")
    read_at: datetime


class SheetAnswer(Head):
    """A sheet as it counts, or counted. Of `people`, `days`, `codes` and `rows` it has one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **HEAD,
                    **READ,
                    "kind": "roster",
                    "people": [
                        {"number": "1011", "name": "林以晴", "days": {"2026-12-02": [_DUTY]}}
                    ],
                }
            ]
        }
    )

    kind: Literal["roster", "codes", "rows"]
    people: list[Person] | None = Field(None, description="Of a roster, for administrators.")
    days: list[CrewDay] | None = Field(None, description="Of a roster, for computers.")
    codes: list[Code] | None = Field(None, description="Of a table of codes.")
    columns: list[str] | None = Field(None, description="Of any other table.")
    rows: list[list[str]] | None = Field(None, description="Of any other table.")


class CodesUsed(Answer):
    """By which table of codes times are."""

    sheet: str
    version: str


class Shift(Answer):
    """One duty of one person, with its times."""

    number: str
    name: str
    day: date = Field(description="On which it begins.")
    kind: Literal["shift", "rest", "leave", "note", "unknown", "error"]
    text: str = Field(description="The cell, normalised.")
    code: str | None = None
    start: datetime | None = Field(None, description="Left out where no table says when.")
    end: datetime | None = Field(None, description="With the overtime.")
    minutes: int | None = Field(None, description="Of work, with the overtime.")
    overtime: int | None = None
    rest: str | None = None
    leave: str | None = Field(None, description="The kind of a leave, in full.")
    route: str | None = None
    is_known: bool = Field(
        description="Whether the settings, or the table of codes, know what the cell says."
    )


class ShiftsAnswer(Head):
    """A month of duties with their times. Of `shifts` and `days` it has one."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **HEAD,
                    **READ,
                    "zone": "Asia/Taipei",
                    "codes": {"sheet": "codes", "version": VERSION},
                    "shifts": [
                        {
                            **{"number": "1011", "name": "林以晴", "day": "2026-12-01"},
                            **{"kind": "shift", "text": "0905G", "code": "0905G"},
                            **{**_TIMES, "minutes": 510, "route": "藍線", "is_known": True},
                        }
                    ],
                }
            ]
        }
    )

    zone: str | None = Field(
        None,
        description="Where the times are; without one there are none.",
        examples=["Asia/Taipei"],
    )
    codes: CodesUsed | None = Field(
        None, description="Left out where the sheet names no table, or that was never read."
    )
    shifts: list[Shift] | None = Field(
        None, description="For administrators: by person in the sheet's order, then by day."
    )
    days: list[CrewDay] | None = Field(None, description="For computers.")
