"""Why a file waits, and for how long: what the page says is one sentence for each."""

from __future__ import annotations

import errno
from dataclasses import dataclass, replace
from typing import Final, Literal

from desktop.sending.cloud import CloudRefused
from drive import DriveRefused
from security.errors import (
    ConsentRequired,
    CustodyError,
    OperatorFault,
    RefusedByOrganisation,
    TransientFault,
)
from security.google.jitter import jittered

Why = Literal[
    "offline",  # nobody answers
    "asleep",  # the host answers, and the cloud behind it does not yet
    "consent",  # the department is not authorised
    "key",  # the computer's key opens nothing any more
    "blocked",  # an alarm has blocked it
    "unpaired",  # there is no key for this department here
    "quota",  # the Drive is full
    "limit",  # a limit of the day, or of the cloud's
    "policy",  # the organisation forbids it
    "drive",  # Drive says no otherwise
    "cloud",  # something in the cloud is for whoever runs it
    "disk",  # this machine's takes nothing
    "here",  # something else on this machine
]
_FIRST_SECONDS: Final = 2.0
_LONGEST_SECONDS: Final = 60.0
_LONGEST_ASKED_SECONDS: Final = 3600.0
"""Some proxies ask for a day, and nobody would know why nothing moves."""
_SECONDS: Final[dict[Why, float]] = {
    "consent": 30.0,
    "key": 120.0,
    "blocked": 60.0,
    "unpaired": 3600.0,
    "quota": 600.0,
    "limit": 600.0,
    "policy": 600.0,
    "drive": 600.0,
    "cloud": 30.0,
}
"""What trying often would not mend; others double from two seconds to a minute."""
_CODES: Final[dict[str, Why]] = {
    **dict.fromkeys(("consent_required", "not_connected", "invalid_grant"), "consent"),
    **dict.fromkeys(("wrong_key", "key_revoked", "other_department", "token_not_allowed"), "key"),
    "key_blocked": "blocked",
    **dict.fromkeys(("quota_exceeded", "shared_drive_full", "too_many_items"), "quota"),
    **dict.fromkeys(("daily_limit", "rate_limited", "too_many_uploads"), "limit"),
    **dict.fromkeys(("org_policy", "org_internal", "policy_forbidden"), "policy"),
    **dict.fromkeys(("folder_refused", "too_deep", "drive_refused"), "drive"),
}
_OF_ALL: Final = frozenset({"consent", "key", "blocked"})
_DISK: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM})
_DISK_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Wait:
    """Why, and until when by the monotonic clock."""

    why: Why
    until: float
    """0.0: something has changed since."""

    @property
    def is_of_all(self) -> bool:
        """Whether all of the department wait for the same."""
        return self.why in _OF_ALL

    @property
    def is_over(self) -> bool:
        """Whether it may be true no more, and its turn has come."""
        return self.is_of_all and not self.until

    @property
    def ended(self) -> Wait:
        """The same, once something has changed."""
        return replace(self, until=0.0)


def wait_for(fault: CustodyError, attempt: int, now: float) -> Wait:
    """What follows from a fault that may pass.

    Args:
        attempt: how many have failed in a row, this one included.
    """
    why = _why(fault)
    seconds = _SECONDS.get(why)
    if seconds is None:
        seconds = jittered(min(_FIRST_SECONDS * 2 ** min(attempt - 1, 10), _LONGEST_SECONDS))
    asked = min(getattr(fault, "retry_after", None) or 0.0, _LONGEST_ASKED_SECONDS)
    if why == "limit" and asked:
        seconds = _FIRST_SECONDS
    return Wait(why, now + max(seconds, asked))


def wait_here(fault: Exception, now: float) -> Wait:
    """What follows from what is nobody else's fault."""
    if isinstance(fault, OSError) and fault.errno in _DISK:
        return Wait("disk", now + _DISK_SECONDS)
    return Wait("here", now + _LONGEST_SECONDS)


def concerns_all(fault: CustodyError) -> bool:
    """Whether the cloud has said it of the key, or of its department, and not of one file."""
    is_limit = fault.code == "rate_limited"
    return isinstance(fault, CloudRefused) and (is_limit or _why(fault) in _OF_ALL)


def _why(fault: CustodyError) -> Why:
    if fault.code in _CODES:
        return _CODES[fault.code]
    match fault:
        case CloudRefused():
            return "cloud"
        case TransientFault(code="not_json"):
            return "asleep"
        case TransientFault():
            return "offline"
        case ConsentRequired():
            return "consent"
        case RefusedByOrganisation():
            return "policy"
        case DriveRefused():
            return "drive"
        case OperatorFault():
            return "cloud"
        case _:
            return "here"
