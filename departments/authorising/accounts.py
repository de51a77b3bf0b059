"""Which Google account each department was connected with last: another one is asked about first.

It outlives the credential: whoever revokes and authorises again is to use the same account, or to
say that it shall be another.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import SecretStr

from departments.documents import Kept, Shelf
from departments.kinds import ACCOUNTS
from security.consent.pending import PendingConsent, Secret
from security.credential import Credential
from security.storage.protocol import DocumentStore

_UNKNOWN = SecretStr("")


@dataclass(frozen=True, slots=True)
class Account:
    """A Google account; "" where it is not known."""

    address: SecretStr
    id: SecretStr
    """Drive's permissionId: it stays when the address changes."""

    @classmethod
    def of(cls, known: Credential | PendingConsent) -> Account:
        """Whose a credential is, or who has approved."""
        return cls(known.account or _UNKNOWN, known.account_id or _UNKNOWN)

    def is_same(self, other: Account) -> bool:
        """Whether it is the other account, as far as can be told."""
        if self.id.get_secret_value() and other.id.get_secret_value():
            return self.id == other.id
        ours, theirs = (one.address.get_secret_value().lower() for one in (self, other))
        return bool(ours) and ours == theirs


@dataclass(frozen=True, slots=True)
class Revocation:
    """That an administrator took an authorisation back. `at` in Unix seconds."""

    at: float
    by: str
    """See `administrators/who.py`; "": not known."""


class _Account(Kept):
    address: Secret
    id: Secret
    revoked_at: float | None = None
    revoked_by: str = ""


class LastAccounts:
    """The accounts, one a department, by its slug. Every method blocks."""

    def __init__(self, storage: DocumentStore) -> None:
        self._shelf = Shelf(storage, ACCOUNTS, _Account)

    def of(self, department: str) -> Account | None:
        """The one that was noted last; None: none was.

        Raises:
            OperatorFault: it cannot be read.
        """
        held = self._shelf.find(department)
        return None if held is None else Account(held.content.address, held.content.id)

    def note(self, department: str, account: Account) -> None:
        """Keep it.

        Raises:
            OperatorFault: it cannot be kept.
        """
        self._shelf.write(department, _Account(address=account.address, id=account.id))

    def note_revoked(self, department: str, revocation: Revocation) -> None:
        """The department has it no more, until one is noted again.

        Raises:
            OperatorFault: it cannot be kept.
        """
        update = {"revoked_at": revocation.at, "revoked_by": revocation.by}
        self._shelf.change(department, lambda last: last and last.model_copy(update=update))

    def revoked(self, department: str) -> Revocation | None:
        """When and by whom it was revoked; None: it was not, or not by these services.

        Raises:
            OperatorFault: it cannot be read.
        """
        held = self._shelf.find(department)
        if held is None or held.content.revoked_at is None:
            return None
        return Revocation(held.content.revoked_at, held.content.revoked_by)
