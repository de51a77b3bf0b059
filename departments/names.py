"""The departments of an installation, as DEPARTMENTS names them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from security.credential import Owner

LONGEST: Final = 64
"""Characters; nothing longer is any department's slug or name."""


@dataclass(frozen=True, slots=True)
class Department:
    """One department."""

    slug: str
    """Of a-z and 0-9: in addresses, commands and variables."""
    name: str
    """What people call it; never translated."""

    @property
    def owner(self) -> Owner:
        """Whose credential it has."""
        return Owner.parse(f"department:{self.slug}")


class Departments:
    """Every department there is, in the setting's order."""

    def __init__(self, pairs: Iterable[str]) -> None:
        """
        Args:
            pairs: `slug=name` of each.
        """
        found = (Department(*pair.split("=", 1)) for pair in pairs)
        self._by_slug = {department.slug: department for department in found}

    def __iter__(self) -> Iterator[Department]:
        return iter(self._by_slug.values())

    def find(self, text: str) -> Department | None:
        """The department of this slug or name; None: there is none."""
        if text in self._by_slug:
            return self._by_slug[text]
        return next((one for one in self if one.name == text), None)
