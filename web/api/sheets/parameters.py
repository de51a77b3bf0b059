"""What routes of sheets are told by their address."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Final, Literal

from fastapi import Path, Query
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from departments.names import LONGEST

PATH: Final = "/api/sheets/{department}/{name}"
VERSION: Final = "^[0-9]{8}-[0-9]{6}$"
MONTH: Final = "^[0-9]{4}-(0[1-9]|1[0-2])$"
_MOMENT: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,9})?)?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _moment(value: object) -> datetime:
    # A plus that is not escaped comes as a blank.
    text = str(value).replace(" ", "+")
    try:
        if _MOMENT.fullmatch(text):
            return datetime.fromisoformat(text.upper())
    except ValueError:
        pass
    raise PydanticCustomError("moment", "no moment")


DepartmentInPath = Annotated[
    str, Path(description="Slug or name.", examples=["tanhae", "淡海"], max_length=LONGEST)
]
SheetName = Annotated[
    str,
    Path(
        description="Its name in the settings.",
        examples=["roster"],
        pattern="^[a-z][a-z0-9-]{0,30}$",
    ),
]
Month = Annotated[
    str | None,
    Query(
        description="`YYYY-MM`. Without it: this month, or else the last one before it that there "
        "is, or the first after it.",
        pattern=MONTH,
        examples=["2026-12"],
    ),
]
At = Annotated[
    datetime | None,
    BeforeValidator(lambda value: None if value is None else _moment(value)),
    Query(
        description="What counted at that moment, with its offset; a version that was held counts "
        "from when it was accepted. Without it: now.",
        examples=["2026-11-30T12:00:00Z"],
    ),
]
Form = Annotated[
    Literal["json", "csv"] | None,
    Query(
        description="Without it the header Accept says (`text/csv`); JSON, where that says nothing."
    ),
]
