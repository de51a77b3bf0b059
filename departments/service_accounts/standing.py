"""How a department's service account stands: plain data, for whoever shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from departments.names import Department

REMIND_DAYS: Final = 75
REPLACE_DAYS: Final = 90
"""As Google advises for keys that are downloaded:
https://docs.cloud.google.com/iam/docs/best-practices-for-managing-service-account-keys
"""

KeyState = Literal["missing", "ok", "old_soon", "old"]
"""No key is set; it is fine; it is to be replaced soon; it should have been."""


@dataclass(frozen=True, slots=True, repr=False)
class KeyStanding:
    """One department's."""

    department: Department
    address: str = ""
    """Whom spreadsheets are shared with. Empty: no key is set."""
    key: str = ""
    """The last four characters of the key's id, by which Google's console lists it."""
    days: int | None = None
    """At least so many days old: since it was first seen here, as the file has no date. None: that
    is not known."""

    @property
    def state(self) -> KeyState:
        """What is to be done, if anything."""
        if not self.address:
            return "missing"
        if self.days is None or self.days < REMIND_DAYS:
            return "ok"
        return "old_soon" if self.days < REPLACE_DAYS else "old"

    @property
    def days_left(self) -> int | None:
        """Until it should be replaced; 0: now."""
        return None if self.days is None else max(0, REPLACE_DAYS - self.days)
