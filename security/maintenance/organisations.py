"""Whom their organisations do not let use this app, and who of them has been told.

Their credentials stay as they are. Each is told once what is forbidden and whom to ask; the telling
is over when a refresh works, or they connect anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from security.credential import Owner


class Organisations:
    """Refusals by owner."""

    def __init__(self) -> None:
        self._refusals: dict[Owner, tuple[str, bool]] = {}
        self.changed: set[Owner] = set()
        """Of whom something else is to be kept than before."""

    def owners(self) -> set[Owner]:
        """Who is refused."""
        return set(self._refusals)

    def refuse(self, owner: Owner, code: str) -> None:
        """Google says so again, or for the first time. `code` is a result code."""
        known = self._refusals.get(owner)
        if known is None or known[0] != code:
            self._refusals[owner] = (code, False)
            self.changed.add(owner)

    def clear(self, owner: Owner) -> None:
        """It works, or is gone."""
        if self._refusals.pop(owner, None) is not None:
            self.changed.add(owner)

    def untold(self) -> list[tuple[Owner, str]]:
        """Who does not know, with the result code."""
        return [(owner, code) for owner, (code, told) in self._refusals.items() if not told]

    def mark_told(self, owner: Owner, *, told: bool = True) -> None:
        """They know; or, after all, they could not be reached."""
        known = self._refusals.get(owner)
        if known is not None and known[1] is not told:
            self._refusals[owner] = (known[0], told)
            self.changed.add(owner)

    def entry_of(self, owner: Owner) -> dict[str, Any]:
        """What is kept of an owner over a restart."""
        refusal = self._refusals.get(owner)
        return {} if refusal is None else {"organisation": list(refusal)}

    def load_entry(self, owner: Owner, kept: Mapping[str, Any]) -> None:
        """What `entry_of` gave; anything else is left out."""
        match kept.get("organisation"):
            case [str(code), bool(told)]:
                self._refusals[owner] = (code, told)
