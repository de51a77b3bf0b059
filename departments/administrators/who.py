"""Who administers: people by their Telegram ids, and operators by a name of their own."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.@-]{0,39}")
_OPERATOR: Final = "operator:"
_USER: Final = "user:"


def user(telegram_id: int) -> str:
    """The administrator with this Telegram id."""
    return f"{_USER}{telegram_id}"


def operator(name: str) -> str:
    """Whoever an operator made a link for, on the machine.

    Raises:
        ValueError: it is no name: letters, digits, blanks and _ . @ -, 40 characters at most.
    """
    if not _NAME.fullmatch(name):
        raise ValueError("a name has letters, digits, blanks and _ . @ -, 40 characters at most")
    return f"{_OPERATOR}{name}"


def is_operator(administrator: str) -> bool:
    """Whether they came by a command, and not by their Telegram."""
    return administrator.startswith(_OPERATOR)


def name_of(administrator: str) -> str:
    """What they are called among administrators: the operator's name, or the Telegram id."""
    return administrator.partition(":")[2]


def may_enter(administrator: str, user_ids: Collection[int]) -> bool:
    """Whether they administer still.

    Args:
        user_ids: ADMIN_USER_IDS. An operator is none of these.
    """
    return is_operator(administrator) or name_of(administrator) in map(str, user_ids)
