"""How sheets stand, for pages that show it beside other things; whether there are any or none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from web.site.sheets.views import SheetLine

Lines = Mapping[str, Sequence[SheetLine]]
"""Those of each department, by its slug."""


async def _nothing() -> None:
    """There is nothing to look at."""


@dataclass(frozen=True, slots=True)
class SheetStanding:
    """Where there are none, an empty one does."""

    lines: Callable[[], Lines] = dict
    """Blocks."""
    catch_up: Callable[[], Awaitable[None]] = _nothing
    """Looks at what was not looked at for long, as on a host that has slept; soon over."""
    is_any: bool = False
    """Whether there are any sheets."""


NO_SHEETS = SheetStanding()
