"""What can go wrong with a credential, told apart by what must follow.

Each class stands for one row of the table "Errors" in the design. `code` is a result code out of
`security.log_schema.RESULTS`: the only part of an error that is ever logged. Messages are for
operators: they name settings and key fingerprints, never a secret, an id or a path.
"""

from __future__ import annotations


class CustodyError(Exception):
    """Base of every error the core raises on purpose."""

    default_code = "failed"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        self.code = code or self.default_code


class TransientFault(CustodyError):
    """Google or the network failed for now: the credential is kept, and it is tried again."""

    default_code = "unavailable"

    def __init__(
        self, message: str, *, code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after = retry_after
        """Seconds the server asked to wait, where it did."""


class OperatorFault(CustodyError):
    """An error no user can mend (wrong client secret, unknown key, full disk).

    It never quarantines anybody.
    """

    default_code = "operator_fault"


class ConsentRequired(CustodyError):
    """The owner must connect again: revoked, refused, or never connected."""

    default_code = "consent_required"


class CorruptCredential(CustodyError):
    """The stored bytes are not this owner's credential: unreadable, cut, tampered, or swapped."""

    default_code = "corrupt"


class GenerationConflict(CustodyError):
    """A save was based on a credential that is no longer the newest; it was refused."""

    default_code = "superseded"


class RestoreRefused(CustodyError):
    """There is nothing to restore, or it would take the place of something newer."""

    default_code = "superseded"
