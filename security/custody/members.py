"""Whom the operator lets use this installation: one answer for fronts, sweeps and commands."""

from __future__ import annotations

from dataclasses import dataclass

from security.credential import Owner


@dataclass(frozen=True, slots=True)
class Members:
    """As ALLOWED_USER_IDS and ADMIN_USER_IDS say. Departments are no concern of theirs."""

    allowed: frozenset[int] = frozenset()
    """Telegram ids; none: everybody."""
    administrators: frozenset[int] = frozenset()
    """Telegram ids; whoever administers may use it as well."""

    def may_use(self, owner: Owner) -> bool:
        """Whether `owner` is served: otherwise nothing is begun or refreshed for them."""
        user_id = owner.telegram_id
        return user_id is None or not self.allowed or user_id in self.allowed | self.administrators
