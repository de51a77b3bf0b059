"""Patterns out of a settings file. RE2 matches each in time linear to the text, so none can hang.

https://github.com/google/re2/wiki/Syntax: no look-around, no back-references.
"""

from __future__ import annotations

import functools
import re
from typing import Any, Final

from sheets.cells.text import normal

LONGEST: Final = 500
"""Characters of a pattern."""
MEMORY: Final = 1 << 20
"""Bytes that one compiled pattern may take, its automaton with it."""
GROUPS: Final = {
    "shift": frozenset({"code", "overtime", "rest"}),
    "leave": frozenset({"leave"}),
    "rest": frozenset({"rest"}),
    "note": frozenset[str](),
}
"""What a pattern is for → the groups that it may name."""

_NAMED: Final = re.compile(r"\(\?P?<([^>]*)>")


@functools.lru_cache(maxsize=256)
def compiled(pattern: str) -> Any:
    """The pattern, ready to match.

    Raises:
        ValueError: RE2 does not read it; with why, and nothing of the pattern.
    """
    import re2  # only what reads sheets needs it

    options = re2.Options()
    options.log_errors = False
    options.max_mem = MEMORY
    try:
        return re2.compile(pattern, options)
    except re2.error as fault:
        text = fault.args[0] if fault.args else b""
        said = text.decode("utf-8", "replace") if isinstance(text, bytes) else str(text)
        why = said.partition(":")[0] or "not understood"
    except UnicodeEncodeError:
        why = "half a character"
    raise ValueError(f"is no pattern of RE2: {why}")


def fault_of(pattern: str, purpose: str) -> str | None:
    """What is wrong with a pattern for that purpose; None: nothing."""
    try:
        found = compiled(pattern)
    except ValueError as fault:
        return str(fault)
    if any(normal(char) != char for char in pattern if not char.isspace()):
        return "has a full-width character, which cells no longer have when they are matched"
    names = _NAMED.findall(pattern)
    allowed = GROUPS[purpose]
    if len(names) != len({*names}):
        return "names a group twice"
    if not {*found.groupindex} <= allowed:
        known = ", ".join(sorted(allowed)) or "none"
        return f"names a group that {purpose} does not have (it has {known})"
    if purpose in {"shift", "leave"}:
        needed = "code" if purpose == "shift" else "leave"
        if needed not in found.groupindex:
            return f"has no group (?P<{needed}>…)"
    if found.fullmatch("") is not None:
        return "matches an empty cell"
    return None
