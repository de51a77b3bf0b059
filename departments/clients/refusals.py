"""Why a computer's request goes no further. Each is a result code, in the log and in the answer."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING

from security.errors import CustodyError

if TYPE_CHECKING:
    from departments.clients.clients import Client


class Refused(CustodyError):
    """A request of a computer was refused, and that is in the log."""

    def __init__(self, message: str, *, code: str, client: Client | None = None) -> None:
        super().__init__(message, code=code)
        self.client = client
        """Whose request it was, where its key is one."""


class WrongKey(Refused):
    """No key that opens anything: nobody's (`wrong_key`), revoked or blocked (`key_revoked`,
    `key_blocked`); or no pairing code that holds (`wrong_code`)."""


class NotAllowed(Refused):
    """A key that holds, for something else: `other_department`, `token_not_allowed`,
    `administrators_only`."""


class TooOften(Refused):
    """More than is let through in a while (`rate_limited`), or at once (`too_many_uploads`)."""

    def __init__(
        self, seconds: float, *, code: str = "rate_limited", client: Client | None = None
    ) -> None:
        super().__init__("too many requests", code=code, client=client)
        self.retry_after = max(ceil(seconds), 1)
        """In seconds."""
