"""What becomes of a department's request: from Google's answer to what its asker is told.

Whoever comes next goes on where somebody has stopped, in whichever process; and where nothing can
go on any more, all are told the same.
"""

from __future__ import annotations

import hmac
from typing import Final

from pydantic import SecretStr

from departments.authorising.accounts import Account
from departments.authorising.outcomes import ASK, DECLINED, SAVED, KeptOutcome, Outcome, Outcomes
from security.consent.flows import ConsentFlows
from security.consent.pending import PendingConsent
from security.credential import Credential, Owner
from security.custody.custodian import Custodian
from security.custody.workers import Workers
from security.errors import ConsentDenied, CustodyError

_OVER: Final = frozenset({"expired", "used", "superseded", "unknown_client"})
"""Refusals after which a request leads nowhere."""


class Settling:
    """Settles requests. Each method may be called any number of times, and raises a CustodyError
    where the request stays as it is: the storage does not answer, or another process is at it.
    """

    def __init__(
        self, consents: ConsentFlows, outcomes: Outcomes, custodian: Custodian, workers: Workers
    ) -> None:
        self._consents = consents
        self._outcomes = outcomes
        self._custodian = custodian
        self._workers = workers

    async def redeem(self, asked: PendingConsent, code: str | None, error: str | None) -> Outcome:
        """With what Google's redirect has brought; of several codes the first one counts."""
        try:
            if asked.stage in ("asked", "redeeming"):
                asked = await self._consents.accept_redirect(asked, code=code, error=error)
            return await self._settle(asked)
        except CustodyError as fault:
            return await self._after(asked, fault)

    async def go_on(self, answered: PendingConsent) -> Outcome:
        """Google has answered already."""
        try:
            if answered.stage == "redeeming":
                raise ConsentDenied("its code is with Google, or was", code="used")
            return await self._settle(answered)
        except CustodyError as fault:
            return await self._after(answered, fault)

    async def save(self, approved: PendingConsent) -> Outcome:
        """Whoever asked says that the account is to be used."""
        try:
            await self._consents.confirm(approved.owner, approved.id)
            return Outcome(approved.owner.key, SAVED)
        except CustodyError as fault:
            return await self._after(approved, fault)

    async def decline(self, approved: PendingConsent) -> Outcome:
        """Whoever asked says that it is not."""
        try:
            await self._consents.refuse(approved.owner, approved.id)
            return Outcome(approved.owner.key, DECLINED)
        except CustodyError as fault:
            return await self._after(approved, fault)

    async def account_before(self, owner: Owner) -> Account | None:
        """The account a department has, or had last; None: it never had one."""
        last = await self._last(owner)
        if last is not None:
            return Account.of(last)
        return await self._workers.read(self._outcomes.accounts.of, owner.key)

    async def kept(self, name: str) -> KeptOutcome | None:
        """What is over already, by the outcome's name."""
        return await self._workers.read(self._outcomes.find, name, self._custodian.clock.seconds())

    def name_of(self, pending: PendingConsent) -> str:
        """Of the outcome that a request will have."""
        return self._outcomes.name_of(pending.state.get_secret_value())

    async def _settle(self, granted: PendingConsent) -> Outcome:
        """Save what Google gave, unless somebody has to be asked first."""
        if granted.has_expired(self._custodian.clock.now()):
            raise ConsentDenied("the request's time is over", code="expired")
        approved = await self._consents.identify(granted)
        last = await self._last(approved.owner)
        if last is not None and _is_of(approved, last):
            await self._consents.end(approved, SAVED)
            return Outcome(approved.owner.key, SAVED)
        before = await self.account_before(approved.owner)
        if before is not None and not before.is_same(Account.of(approved)):
            return Outcome(approved.owner.key, ASK)
        return await self.save(approved)

    async def _after(self, asked: PendingConsent, fault: CustodyError) -> Outcome:
        """What has become of a request that could not go on; `fault`, where it still can."""
        if (kept := await self.kept(self.name_of(asked))) is not None:
            return kept.outcome
        if fault.code not in _OVER:
            raise fault
        if fault.code == "used":
            current = await self._consents.latest(asked.owner)
            is_latest = current is not None and current.id == asked.id
            # Another code of Google's was first; or a crash came while one was there.
            if current and is_latest and not await self._consents.is_interrupted(current):
                return await self.go_on(current)
        await self._consents.end(asked, fault.code)
        kept = await self.kept(self.name_of(asked))
        return Outcome(asked.owner.key, fault.code) if kept is None else kept.outcome

    async def _last(self, owner: Owner) -> Credential | None:
        """What the department is connected with, or was until it was set aside."""
        last = await self._custodian.load(owner) or await self._custodian.last_credential(owner)
        return None if last is None or last.state == "leaving" else last


def _is_of(approved: PendingConsent, saved: Credential) -> bool:
    """Whether a credential is this request's: a crash came before the request was forgotten.

    It has its refresh token, or Google has given a newer one since; but none other than its own can
    have been granted after it was asked for. What is kept knows that to the second.
    """
    was_granted_since = saved.granted_at is not None and saved.granted_at > approved.created_at
    return _are_same(saved.refresh_token, approved.refresh_token) or was_granted_since


def _are_same(one: SecretStr | None, other: SecretStr | None) -> bool:
    if one is None or other is None:
        return one is other
    said = (token.get_secret_value().encode() for token in (one, other))
    return hmac.compare_digest(*said)
