"""What becomes of Google's yes: a code redeemed, once, and Drive asked whose account it is."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog
from pydantic import SecretStr

from security.consent.pending import PendingConsent, PendingConsents, Stage
from security.credential import DRIVE_FILE_SCOPE
from security.custody.custodian import Custodian
from security.custody.leases import Leases
from security.custody.workers import Workers
from security.errors import ConsentDenied, ConsentRequired, CustodyError, TransientFault
from security.google.clients import Clients
from security.google.grants import TokenGrant
from security.google.oauth import GoogleOAuth
from security.google.oauth_errors import Question, meaning_of

LIFETIME: Final = timedelta(minutes=10)
"""How long a link holds, and how long an approval waits for its asker's next step."""
_PAUSES_SECONDS: Final = (0.5, 1.5, 4.0)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class GoogleAccount:
    """Who approved, as Drive's about.get says."""

    address: SecretStr
    id: SecretStr


AccountLookup = Callable[[SecretStr], Awaitable[GoogleAccount]]
"""From an access token to its account."""


async def _at_once() -> None:
    """Nobody minds."""


@dataclass(frozen=True, slots=True)
class ConsentParts:
    """What asking for consent stands on."""

    pending: PendingConsents
    workers: Workers
    leases: Leases
    custodian: Custodian
    oauth: GoogleOAuth
    clients: Clients
    look_up_account: AccountLookup
    until_allowed: Callable[[], Awaitable[None]] = _at_once
    """Waited for before a code is spent."""
    on_over: Callable[[PendingConsent, str], None] | None = None
    """Told, under the owner's lease and before a request is forgotten, by which result code it is
    over: "ok" where its credential is saved. It may block; if it raises, the request stays."""

    def now(self) -> datetime:
        """For everybody who shares the storage."""
        return self.custodian.clock.now()

    def replace(self, pending: PendingConsent) -> None:
        """Keep `pending` as its owner's latest, under their lease. Blocks."""
        if self.on_over is not None and (earlier := self.pending.load(pending.owner)):
            self.on_over(earlier, "superseded")
        self.pending.save(pending)

    def end(self, pending: PendingConsent, code: str) -> bool:
        """Forget this request, if it is still its owner's latest, under their lease; whether it
        was. Blocks.

        Args:
            code: why it is over.
        """
        try:
            current = self.pending.current(pending)
        except ConsentDenied:
            return False
        if self.on_over is not None:
            self.on_over(current, code)
        self.pending.delete(pending.owner)
        return True


class Approvals:
    """Takes requests from Google's answer to the account behind it, one step on disk at a time."""

    def __init__(self, parts: ConsentParts) -> None:
        self._parts = parts

    async def redeem(
        self, asked: PendingConsent, *, code: str | None, error: str | None
    ) -> PendingConsent:
        """callback, paste: what Google's redirect brought, which may come any number of times.

        The first code is sent to Google, and no code twice (RFC 6749 §4.1.2): not by two at once,
        who wait for one answer, nor after a crash. The same code finds what it has become.

        Raises:
            ConsentDenied: the person declined, the request is over, or it is another code.
            TransientFault, OperatorFault: Google did not answer as it should; the request is over.
        """
        if not code and not error:
            raise ConsentDenied("an address without an answer of Google's", code="wrong_state")
        if asked.has_expired(self._parts.now()):
            raise ConsentDenied("the request's time is over", code="expired")
        digest = SecretStr(hashlib.sha256((code or "").encode("utf-8", "replace")).hexdigest())
        if asked.stage in ("approved", "claimed"):
            return _outcome_of_repeat(asked, digest)
        # To its end, though whoever asked may have gone: by then the code is spent.
        redeemed = await self._parts.workers.finish(self._redeem(asked, code or "", error, digest))
        return await self.identify(redeemed)

    async def poll(self, pending: PendingConsent) -> PendingConsent:
        """device: ask Google once whether the person has decided.

        Raises:
            DevicePending: not yet.
            ConsentDenied: declined, lapsed, or superseded by a newer request.
        """
        if pending.stage == "asked":
            pending = await self._parts.workers.finish(self._poll(pending))
        return await self.identify(pending)

    async def identify(self, granted: PendingConsent) -> PendingConsent:
        """The request with the account that approved; what has one already is as it is.

        Raises:
            ConsentDenied: nobody says whose it is; the request is over.
        """
        if granted.stage != "granted":
            return granted
        async with self._ends_on_failure(granted):
            account = await self._ask_account(granted.access_token)
            if not account.address.get_secret_value().strip():
                raise TransientFault("Drive names nobody", code="not_json")
        approved = await self.advance(
            granted,
            "granted",
            stage="approved",
            expires_at=self._renewed(),
            account=account.address,
            account_id=account.id,
        )
        _log.info("consent_approved", owner=granted.owner, flow=granted.flow)
        return approved

    async def advance(self, pending: PendingConsent, at: Stage, **changes: Any) -> PendingConsent:
        """The request changed, if it is at this stage: somebody else may have been faster.

        Raises:
            ConsentDenied: a newer request has taken its place.
        """
        async with self._parts.leases.held(pending.owner):
            current = await self._parts.workers.run(self._parts.pending.current, pending)
            if current.stage != at:
                return current
            return await self._parts.workers.run(self._parts.pending.change, current, **changes)

    async def end(self, pending: PendingConsent, code: str) -> bool:
        """End this request; False: it was over. A newer one of the same owner stays.

        Args:
            code: why it is over.
        """
        async with self._parts.leases.held(pending.owner):
            return await self._parts.workers.run(self._parts.end, pending, code)

    async def _redeem(
        self, asked: PendingConsent, code: str, error: str | None, digest: SecretStr
    ) -> PendingConsent:
        async with self._parts.leases.held(asked.owner) as lease:
            current = await self._parts.workers.run(self._parts.pending.current, asked)
            if current.has_expired(self._parts.now()):
                raise ConsentDenied("the request's time is over", code="expired")
            if current.stage != "asked":
                return _outcome_of_repeat(current, digest)
            try:
                if error:
                    raise meaning_of(Question.REDIRECT, error).error() or ConsentDenied(error)
                client = self._parts.clients.by_id(current.client_id)
                await self._parts.until_allowed()
                current = await self._parts.workers.run(
                    self._parts.pending.change,
                    current,
                    stage="redeeming",
                    expires_at=self._renewed(),
                    code_digest=digest,
                    claim_code=SecretStr(secrets.token_urlsafe(24)),
                )
                grant = await self._parts.oauth.exchange(
                    client,
                    code=code,
                    code_verifier=current.code_verifier.get_secret_value(),
                    redirect_uri=current.redirect_uri,
                )
                run, change = self._parts.workers.run, self._parts.pending.change
                keep = partial(run, change, current, **_granted(grant))
                return await self._parts.leases.persist(lease, keep)
            except CustodyError as fault:
                is_spent = isinstance(fault, ConsentRequired)
                code = "used" if is_spent else fault.code
                await self._parts.workers.run(self._parts.end, current, code)
                if is_spent:
                    raise ConsentDenied("Google does not accept the code", code="used") from None
                raise

    async def _poll(self, pending: PendingConsent) -> PendingConsent:
        client = self._parts.clients.by_id(pending.client_id)
        await self._parts.until_allowed()
        try:
            grant = await self._parts.oauth.poll_device(client, pending.device_code)
        except ConsentRequired:
            raise ConsentDenied("Google no longer knows the code", code="expired") from None
        async with self._ends_on_failure(pending):
            changes = {**_granted(grant), "expires_at": self._renewed()}
            keep = partial(self.advance, pending, "asked", **changes)
            return await self._parts.leases.persist(None, keep)

    def _renewed(self) -> datetime:
        """Until when a request goes on that was answered in time, however long Google takes."""
        return self._parts.now() + LIFETIME

    @asynccontextmanager
    async def _ends_on_failure(self, pending: PendingConsent) -> AsyncIterator[None]:
        """The code is used up: whatever fails from here on ends the request."""
        try:
            yield
        except TransientFault as fault:
            await self.end(pending, fault.code)
            raise ConsentDenied("Drive did not say whose it is", code=fault.code) from fault
        except CustodyError as fault:
            await self.end(pending, fault.code)
            raise

    async def _ask_account(self, access_token: SecretStr) -> GoogleAccount:
        for pause in _PAUSES_SECONDS:
            try:
                return await self._parts.look_up_account(access_token)
            except TransientFault:
                await asyncio.sleep(pause)
        return await self._parts.look_up_account(access_token)


def is_same_secret(expected: SecretStr, given: str) -> bool:
    """Whether `given` is the secret, which is one; in constant time."""
    wanted = expected.get_secret_value().encode()
    return bool(wanted) and secrets.compare_digest(wanted, given.encode("utf-8", "replace"))


def _outcome_of_repeat(current: PendingConsent, digest: SecretStr) -> PendingConsent:
    """What a code has become that comes again.

    One that is still with Google (`redeeming`, though the lock is free) was sent before a crash.
    """
    is_same = is_same_secret(current.code_digest, digest.get_secret_value())
    if not is_same or current.stage not in ("granted", "approved"):
        raise ConsentDenied("this address has been used already", code="used")
    return current


def _granted(grant: TokenGrant) -> dict[str, Any]:
    """What changes in a request that Google has given tokens for."""
    if grant.scopes is not None and DRIVE_FILE_SCOPE not in grant.scopes:
        raise ConsentDenied("Drive was not ticked on Google's page", code="scope_missing")
    if grant.refresh_token is None:
        raise ConsentDenied("Google gave no refresh token", code="no_refresh_token")
    return {
        "stage": "granted",
        "access_token": grant.access_token,
        "refresh_token": grant.refresh_token,
        "token_expires_at": grant.expires_at,
        "refresh_expires_at": grant.refresh_expires_at,
    }
