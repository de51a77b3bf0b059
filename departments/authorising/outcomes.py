"""What became of consents on the web: kept for ten minutes, for whoever loads the page again.

Each is kept under the keyed hash of its state, and is for the session that asked alone.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import structlog
from pydantic import Field

from departments.authorising.accounts import Account, LastAccounts
from departments.documents import Kept, Shelf
from departments.kinds import OUTCOMES
from departments.secret import AccessSecret
from security.consent.approvals import LIFETIME
from security.consent.pending import PendingConsent
from security.storage.protocol import Conflict, Storage

SAVED: Final = "ok"
ASK: Final = "ask"
UNDER_WAY: Final = "under_way"
DECLINED: Final = "declined"
_NAME: Final = re.compile(r"[0-9a-f]{64}")
_LAPSED: Final = frozenset({"expired", "superseded"})
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a browser that comes back from Google is told."""

    department: str
    """The slug."""
    result: str
    """`ok`: saved. `ask`: another account has approved than before, and waits to be confirmed.
    `under_way`: Google has not answered yet, and it goes on by itself. `declined`: the account of
    before was kept. Else the result code of what was refused."""


class KeptOutcome(Kept):
    """As it stands in a document."""

    department: str
    result: str
    session: str = Field(repr=False)
    """The id of the session that asked."""
    at: float

    @property
    def outcome(self) -> Outcome:
        """For that session."""
        return Outcome(self.department, self.result)

    def is_over(self, now: float) -> bool:
        """Whether nobody is told any more."""
        return now - self.at >= LIFETIME.total_seconds()


class Outcomes:
    """Outcomes, and with them the accounts that were saved. Every method blocks.

    `now` is in Unix seconds, by the storage's clock.

    Raises, each of them:
        OperatorFault: the storage does not answer.
    """

    def __init__(self, storage: Storage, secret: AccessSecret) -> None:
        self.accounts = LastAccounts(storage)
        self._now = storage.now
        self._secret = secret
        self._shelf = Shelf(storage, OUTCOMES, KeptOutcome)

    def name_of(self, state: str) -> str:
        """What the outcome of this state is kept under; it gives nothing of the state away."""
        return self._secret.digest(OUTCOMES.name, state)

    def note(self, pending: PendingConsent, code: str) -> None:
        """Keep what became of a request (see `ConsentParts.on_over`). What is kept first stays."""
        if not pending.session:
            return
        department = pending.owner.key
        kept = KeptOutcome(
            department=department, result=code, session=pending.session, at=self._now()
        )
        if code == SAVED:
            self.accounts.note(department, Account.of(pending))
        with suppress(Conflict):
            self._shelf.add(self.name_of(pending.state.get_secret_value()), kept)
            if code not in (SAVED, DECLINED):  # which are logged where they are done
                event = "consent_lapsed" if code in _LAPSED else "consent_refused"
                _log.info(event, owner=pending.owner, result=code)

    def find(self, name: str, now: float) -> KeptOutcome | None:
        """What is kept under a name, whoever says it; None: nothing, or not any more."""
        held = self._shelf.find(name) if _NAME.fullmatch(name) else None
        return None if held is None or held.content.is_over(now) else held.content

    def latest(self, department: str, session: str, now: float) -> KeptOutcome | None:
        """The newest of a department's that this session has asked for."""
        found = (held.content for held in self._shelf.all())
        theirs = [
            one
            for one in found
            if (one.department, one.session) == (department, session) and not one.is_over(now)
        ]
        return max(theirs, key=lambda one: one.at, default=None)

    def clear_expired(self, now: float) -> None:
        """Forget what nobody is told any more."""
        for held in self._shelf.all():
            if held.content.is_over(now):
                self._shelf.drop(held.name)
