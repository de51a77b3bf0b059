"""A look at stored credentials that says how each of them is, and nothing that is in it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from security.credential import DRIVE_FILE_SCOPE, Credential, Owner
from security.encryption import is_encrypted, kid_of
from security.errors import CustodyError
from security.recovery.owner_state import read_state
from security.token_store import TokenStore

State = Literal["active", "leaving", "ended", "damaged", "locked"]
STATES: Final[dict[State, str]] = {
    "active": "In use.",
    "leaving": "Its owner is disconnecting; the next start of the bot finishes that.",
    "ended": "No newer than its owner's tombstone: it counts as none.",
    "damaged": "Not this owner's credential, or not readable as one.",
    "locked": "Not readable for a reason of the operator's: its key, or the disk.",
}
FINDINGS: Final[dict[str, str]] = {
    "unknown_client": "Its OAuth client is not configured.",
    "scope_missing": "It was granted without access to Drive.",
    "no_refresh_token": "It has no refresh token.",
    "looser_mode": "Other users of the machine can reach the file.",
}
"""What can be wrong with a credential besides the result codes of errors that reading it raised."""


@dataclass(frozen=True, slots=True)
class TokenFacts:
    """One owner's credential, as it was found. Times are aware, in UTC; None: not known."""

    owner: Owner
    state: State
    encrypted: bool
    kid: str | None
    """Which key it is encrypted under, where it names one."""
    private: bool
    """Whether nobody else on the machine can reach it."""
    credential: Credential | None
    """None where it could not be read, or counts as none."""
    findings: tuple[str, ...]
    """What wants attention: result codes, and keys of `FINDINGS`."""

    @property
    def generation(self) -> int | None:
        """The credential's, where it can be read."""
        return self.credential.generation if self.credential else None

    def minutes_left(self, now: datetime) -> float | None:
        """Until the access token expires; negative: since then."""
        expires_at = self.credential.expires_at if self.credential else None
        return None if expires_at is None else (expires_at - now).total_seconds() / 60


def inspect(store: TokenStore, owner: Owner, client_ids: Collection[str]) -> TokenFacts | None:
    """Open the owner's credential and look at everything in it; None: there is none.

    Takes no lease and changes nothing. What is wrong is in the answer, never raised.

    Args:
        client_ids: of the OAuth clients that are configured.
    """
    try:
        now = read_state(store.storage, owner)
    except CustodyError as fault:
        return TokenFacts(owner, "locked", False, None, True, None, (fault.code,))
    if now.stored is None:
        return None
    state: State = now.credential.state if now.credential else "ended"
    if now.fault is not None:
        state = "damaged" if now.is_damaged else "locked"
    findings = [] if now.fault is None else [now.fault]
    if not now.stored.is_private:
        findings.append("looser_mode")
    if now.credential is not None:
        findings += _faults_of(now.credential, client_ids)
    return TokenFacts(
        owner=owner,
        state=state,
        encrypted=is_encrypted(now.stored.raw),
        kid=kid_of(now.stored.raw),
        private=now.stored.is_private,
        credential=now.credential,
        findings=tuple(findings),
    )


def inspect_all(store: TokenStore, client_ids: Collection[str]) -> Iterator[TokenFacts]:
    """Everybody with a stored credential, in the owners' order.

    Raises:
        OperatorFault: they cannot be listed.
    """
    yield from filter(None, (inspect(store, owner, client_ids) for owner in store.owners()))


def _faults_of(credential: Credential, client_ids: Collection[str]) -> list[str]:
    faults = {
        "unknown_client": credential.client_id not in client_ids,
        "scope_missing": DRIVE_FILE_SCOPE not in credential.scopes,
        "no_refresh_token": credential.refresh_token is None,
    }
    return [code for code, holds in faults.items() if holds]
