"""The shapes of sheets as models: one for each kind, checked key by key."""

from __future__ import annotations

import re
import zoneinfo
from typing import Annotated, Any, Final, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    WithJsonSchema,
    model_validator,
)
from pydantic.config import JsonDict

from sheets.months import LONGEST as LONGEST_TITLE
from sheets.months import fault_of as fault_of_title
from sheets.months import is_monthly
from sheets.shapes import patterns

SPREADSHEET: Final = (
    r"^(https://docs\.google\.com/(a/[^/]+/)?spreadsheets/(u/[0-9]+/)?d/)?"
    r"[A-Za-z0-9_-]{10,128}([/?#].*)?$"
)
_ID: Final = re.compile(r"(?:.*/d/)?([A-Za-z0-9_-]{10,128})(?:[/?#].*)?")
NAME: Final = r"^[a-z][a-z0-9-]{0,30}$"
REFERENCE: Final = r"^[a-z][a-z0-9]{0,30}\.[a-z][a-z0-9-]{0,30}$"
_ONE_LINE: Final = r"^[^\x00-\x1f\x7f]*$"


def id_in(spreadsheet: str) -> str:
    """The id of a spreadsheet, out of it or of its address."""
    match = _ID.fullmatch(spreadsheet)
    return match[1] if match else spreadsheet


def _zone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no zone of IANA's, such as Asia/Taipei") from None
    return value


def _tab(value: str) -> str:
    if fault := fault_of_title(value):
        raise ValueError(fault)
    return value


def _checked_for(purpose: str) -> AfterValidator:
    def check(value: tuple[str, ...]) -> tuple[str, ...]:
        for place, pattern in enumerate(value, start=1):
            if fault := patterns.fault_of(pattern, purpose):
                raise ValueError(f"pattern {place} {fault}" if len(value) > 1 else fault)
        return value

    return AfterValidator(check)


def _as_list(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


Word = Annotated[str, Field(min_length=1, max_length=60, pattern=_ONE_LINE)]
Aliases = Annotated[tuple[Word, ...], Field(min_length=1, max_length=40)]
Pattern = Annotated[str, Field(min_length=1, max_length=patterns.LONGEST)]
Whole = Annotated[int, Strict()]
MOST_PATTERNS: Final = 40
_a_pattern: Final = {"type": "string", "minLength": 1, "maxLength": patterns.LONGEST}
_some_patterns: Final = {"type": "array", "maxItems": MOST_PATTERNS, "items": _a_pattern}
_one_or_more: Final = {"anyOf": [_a_pattern, _some_patterns]}


_a_tab: Final = {
    "type": "string",
    "minLength": 1,
    "maxLength": LONGEST_TITLE,
    "pattern": r"^([^{}\x00-\x1f\x7f]|\{(yyyy|yy|roc|m|mm)\})*$",
}


class _Table(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, hide_input_in_errors=True, use_attribute_docstrings=True
    )


_Patterns = Annotated[
    tuple[Pattern, ...],
    BeforeValidator(_as_list),
    WithJsonSchema(_one_or_more),
    Field(max_length=MOST_PATTERNS),
]


class Cell(_Table):
    """What cells say, as patterns with named groups; each has to match the whole of a cell, after
    full-width characters became plain ones. One pattern, or several of which the first counts."""

    shift: Annotated[_Patterns, _checked_for("shift")] = (
        r"(?P<rest>R(\(國\))?/)?(?P<code>\d{4}[A-Z]?)(\(\+(?P<overtime>\d(\.\d)?)\))?",
    )
    leave: Annotated[_Patterns, _checked_for("leave")] = (r"\((?P<leave>[^()]{1,2})\)",)
    rest: Annotated[_Patterns, _checked_for("rest")] = (r"(?P<rest>休|例|R|R\(國\)|OFF)",)
    note: Annotated[_Patterns, _checked_for("note")] = ()


LEAVES: Final = {"特": "特休", "假": "例假", "公": "公假", "病": "病假", "事": "事假"}


_ONE_PLACE: Final[JsonDict] = {"oneOf": [{"required": ["tab"]}, {"required": ["gid"]}]}


class Shape(_Table):
    """What every kind of sheet has."""

    model_config = ConfigDict(json_schema_extra=_ONE_PLACE)

    title: Word | None = None
    """For people; without one, the sheet's name."""
    spreadsheet: Annotated[str, Field(pattern=SPREADSHEET, max_length=500)] | None = None
    """Its id, or the address that a browser shows. A table of codes may leave it out: it is then
    in the spreadsheet of the sheet that names it."""
    tab: (
        Annotated[
            str,
            Field(min_length=1, max_length=LONGEST_TITLE, pattern=_ONE_LINE),
            WithJsonSchema(_a_tab),
            AfterValidator(_tab),
        ]
        | None
    ) = None
    """Its title; {yyyy} {yy} {roc} {m} {mm} stand for a month."""
    gid: Annotated[Whole, Field(ge=0, le=2**31 - 1)] | None = None
    """By which Google knows a tab, however it is called; it ends the address: #gid=…"""
    months: Annotated[
        tuple[Annotated[Whole, Field(ge=-12, le=12)], ...], Field(min_length=1, max_length=13)
    ] = (0,)
    """Which months' tabs: 0 is this one, 1 the next. One that is not there yet is no fault but of
    this month."""
    header: Literal["auto"] | Annotated[Whole, Field(ge=1, le=1000)] = "auto"
    """The row of the column titles (of the days, in a month-grid); "auto": it is looked for."""
    zone: (
        Annotated[
            str,
            Field(pattern=r"^[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+)*$", max_length=60),
            AfterValidator(_zone),
        ]
        | None
    ) = None
    """Where its times are; without one, the spreadsheet's own."""

    @model_validator(mode="after")
    def _tab_or_gid(self) -> Shape:
        if (self.tab is None) == (self.gid is None):
            raise ValueError("wants a tab or a gid, and not both")
        if "months" in self.model_fields_set and not is_monthly(self.tab or ""):
            raise ValueError("has months, but no {m} or {mm} in a tab")
        return self


class _OfPeople(Shape):
    person: Aliases = ("編號", "員編", "工號", "員工編號")
    """Titles that the column of staff numbers may have."""
    person_name: Aliases = ("姓名",)
    person_form: Pattern | None = None
    """A pattern of staff numbers; rows with another text there are no person's."""
    codes: Annotated[str, Field(pattern=REFERENCE)] | None = None
    """Which sheet has the times of the codes: "department.sheet"."""
    cell: Cell = Cell()
    leaves: Annotated[dict[Word, Word], Field(max_length=60)] = LEAVES
    """What a kind of leave is called in full."""

    @model_validator(mode="after")
    def _form(self) -> _OfPeople:
        if self.person_form is not None:
            try:
                patterns.compiled(self.person_form)
            except ValueError as fault:
                raise ValueError(f"person_form {fault}") from None
        return self


class MonthGrid(_OfPeople):
    """People in rows, the days of a month in columns."""

    kind: Literal["month-grid"]


class Long(_OfPeople):
    """A row for each person and day."""

    kind: Literal["long"]
    date: Aliases = ("日期", "出勤日期", "date")
    code: Aliases = ("代碼", "班別", "勤務", "勤務代碼")
    start: Aliases = ("報到", "上班", "開始", "start")
    end: Aliases = ("收班", "下班", "結束", "end")
    route: Aliases = ("路線", "route")


class CodeTable(Shape):
    """A row for each code: when it begins and ends."""

    kind: Literal["code-table"]
    code: Aliases = ("代碼", "勤務代碼", "班別")
    start: Aliases = ("報到", "上班", "開始")
    end: Aliases = ("收班", "下班", "結束")
    minutes: Aliases = ("分鐘", "工時")
    route: Aliases = ("路線",)


class Table(Shape):
    """Any table: a row of titles, and rows."""

    kind: Literal["table"]
    key: Annotated[tuple[Word, ...], Field(max_length=10)] = ()
    """Titles of the columns by which a row is known again; none: by its place."""
    persons: Annotated[bool, Strict()] = True
    """Whether it may say anything of persons; false: departments' computers may read it."""


AnyShape = Annotated[MonthGrid | CodeTable | Long | Table, Field(discriminator="kind")]
KINDS: Final = ("month-grid", "code-table", "long", "table")
MODEL_OF: Final[dict[str, type[Shape]]] = dict(
    zip(KINDS, (MonthGrid, CodeTable, Long, Table), strict=True)
)
