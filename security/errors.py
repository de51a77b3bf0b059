"""What can go wrong with a credential, told apart by what must follow.

Each class stands for one row of the table "Errors" in the design. `code` is a result code out of
`security.logs.schema.RESULTS`: the only part of an error that is ever logged. Messages are for
operators: they name settings and key fingerprints, never a secret, an id or a path.
"""

from __future__ import annotations


class CustodyError(Exception):
    """Base of every error the core raises on purpose."""

    default_code = "failed"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code


class Fault(CustodyError):
    """Something failed that says nothing against a credential: it is kept, and its access token is
    served for as long as it lives."""


class TransientFault(Fault):
    """Google or the network failed for now: the credential is kept, and it is tried again."""

    default_code = "unavailable"

    def __init__(
        self, message: str, *, code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after
        """Seconds the server asked to wait, where it did."""


class HeldElsewhere(TransientFault):
    """Another process is at it just now, and nobody waits for that: what it does counts for all."""

    default_code = "locked"


class LeftAlone(HeldElsewhere):
    """Another process has found that this owner is not to be asked about for now."""


class OperatorFault(Fault):
    """An error no user can mend (wrong client secret, unknown key, full disk).

    It never quarantines anybody.
    """

    default_code = "operator_fault"


class ClientRefused(OperatorFault):
    """Google refuses the OAuth client itself: whoever has a credential of that client meets it."""

    default_code = "invalid_client"


class RefusedByOrganisation(Fault):
    """Whoever administers the person's Google account does not let this app use it (their company
    or school, or Advanced Protection), or the app is for another organisation's members.

    Neither the person's grant is at fault nor this installation: it is kept, and tried seldom.
    """

    default_code = "org_policy"


class ConsentRequired(CustodyError):
    """The owner must connect again: revoked, refused, or never connected."""

    default_code = "consent_required"


class DevicePending(CustodyError):
    """The person has not decided yet; `slow_down` asks for five more seconds between polls."""

    def __init__(self, *, slow_down: bool) -> None:
        super().__init__("not approved yet", code="unavailable")
        self.slow_down = slow_down


class ConsentDenied(CustodyError):
    """A request for consent has ended without one: declined, lapsed, or used up (see `code`)."""

    default_code = "access_denied"


class CorruptCredential(CustodyError):
    """The stored bytes are not this owner's credential: unreadable, cut, tampered, or swapped."""

    default_code = "corrupt"


class GenerationConflict(CustodyError):
    """A save was based on a credential that is no longer the newest; it was refused."""

    default_code = "superseded"


class RestoreRefused(CustodyError):
    """There is nothing to restore, or it would take the place of something newer."""

    default_code = "superseded"
