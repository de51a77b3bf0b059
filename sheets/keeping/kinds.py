"""The kinds of documents that mirrored sheets need. None is any one owner's: a name says which
sheet, which month and when, and nothing of anybody who is in it."""

from __future__ import annotations

from functools import partial
from typing import Final

from security.storage.catalogue import Kind

_kind = partial(
    Kind, owner_of=lambda name: None, reported_as="sheets", is_seldom=True, in_use=False
)

SHEETS: Final = _kind("sheets")
"""One of each sheet, by its id (`tanhae.roster`): when it was looked at, and what is current."""
VERSIONS: Final = _kind("sheet_versions")
"""One of each version, and more of one that is too large for that: `<sheet>.<period>.<when>`."""
CHANGES: Final = _kind("sheet_changes")
"""One of each sheet, by its id: changes of people's days that nobody was told of yet."""
KINDS: Final = (SHEETS, VERSIONS, CHANGES)
EVERY_SECONDS: Final = 30.0
"""How often a process sees whether a look is due, at least."""
STOPPED: Final = "sheet_stopped"
"""The incident while any sheet is not taken over as it stands: a fault, or a change that is
held."""
