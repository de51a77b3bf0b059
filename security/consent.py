"""Asking for consent, three ways, each bound to the person who asked.

device    the person enters a code on Google's page; whoever approved is shown to the asker, who
          confirms the account before anything is saved.
callback  Google redirects to our page; its button carries a one-time code back into the asker's
          chat, and only there is the credential saved.
paste     the person pastes the redirected address into their own chat.

States and codes work once, and only the owner's latest request can be saved. RFC 6749 §10.12,
RFC 7636, RFC 8628 §5.4 (what remains of the device flow's risk stands in docs/security.md).
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

import structlog
from pydantic import SecretStr

from config import GoogleClient
from security.credential import DRIVE_FILE_SCOPE, Credential, Owner
from security.custodian import Custodian
from security.errors import ConsentRequired, CustodyError, TransientFault
from security.google_oauth import ConsentDenied, GoogleOAuth, TokenGrant
from security.pending_consents import PendingConsent, PendingConsents

PASTE_REDIRECT: Final = "http://127.0.0.1:47851/"
"""A loopback address nothing listens on (RFC 8252 §7.3): the browser shows it, to be copied."""
_STATE_BYTES: Final = 32
_STATE_LENGTH: Final = 43  # of that many bytes in url-safe base64
_LIFETIME: Final = timedelta(minutes=10)
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class GoogleAccount:
    """Who approved, as Drive's about.get says."""

    address: SecretStr
    id: SecretStr


AccountLookup = Callable[[SecretStr], Awaitable[GoogleAccount]]
"""From an access token to its account."""


class ConsentDesk:
    """Begins, follows and finishes requests for consent."""

    def __init__(
        self,
        *,
        flow: Literal["device", "callback", "paste"],
        client: GoogleClient,
        redirect_uri: str,
        pending: PendingConsents,
        custodian: Custodian,
        oauth: GoogleOAuth,
        look_up_account: AccountLookup,
    ) -> None:
        self.flow = flow
        self._client = client
        self._redirect_uri = redirect_uri
        self._pending = pending
        self._custodian = custodian
        self._oauth = oauth
        self._look_up_account = look_up_account

    async def begin(self, owner: Owner) -> PendingConsent:
        """A new request for `owner`; an earlier one ends with it.

        Raises:
            TransientFault, OperatorFault: Google did not give a device code.
        """
        now = datetime.now(UTC)
        common: dict[str, Any] = {
            "owner": owner,
            "id": secrets.token_hex(6),
            "flow": self.flow,
            "client_id": self._client.id,
            "created_at": now,
        }
        if self.flow == "device":
            device = await self._oauth.start_device(self._client)
            pending = PendingConsent(
                **common,
                expires_at=now + timedelta(seconds=device.expires_in),
                address=device.verification_url,
                user_code=device.user_code,
                interval=device.interval,
                device_code=device.device_code,
            )
        else:
            state = secrets.token_urlsafe(_STATE_BYTES)
            # In a thread: the first time a library has to be imported for it.
            address, verifier = await self._custodian.read(
                self._oauth.authorization_address,
                self._client,
                redirect_uri=self._redirect_uri,
                state=state,
            )
            pending = PendingConsent(
                **common,
                expires_at=now + _LIFETIME,
                address=address,
                state=SecretStr(state),
                code_verifier=SecretStr(verifier),
            )
        async with self._custodian.locked(owner):
            await self._custodian.run(self._pending.save, pending)
        _log.info("consent_started", owner=owner, flow=self.flow)
        return pending

    async def latest(self, owner: Owner) -> PendingConsent | None:
        """The owner's request, if its time is not over."""
        pending = await self._custodian.read(self._pending.load, owner)
        return None if pending is None or pending.is_over(datetime.now(UTC)) else pending

    async def all(self) -> list[PendingConsent]:
        """Every request there is, for start-up."""
        return await self._custodian.read(self._pending.all)

    async def over(self) -> list[PendingConsent]:
        """The requests whose time is over, and which nobody has told so."""
        now = datetime.now(UTC)
        return [pending for pending in await self.all() if pending.is_over(now)]

    async def note_message(
        self, pending: PendingConsent, message_id: int, topic_id: int = 0
    ) -> PendingConsent:
        """Remember which message shows the request, and in which topic (0: none)."""
        return await self._change(pending, message_id=message_id, topic_id=topic_id)

    async def cancel(self, owner: Owner) -> bool:
        """End the owner's request; False where there was none."""
        async with self._custodian.locked(owner):
            return await self._custodian.run(self._pending.delete, owner)

    async def end(self, pending: PendingConsent) -> None:
        """End this request; a newer one of the same owner stays."""
        async with self._custodian.locked(pending.owner):
            current = await self._custodian.run(self._pending.load, pending.owner)
            if current is not None and current.id == pending.id:
                await self._custodian.run(self._pending.delete, pending.owner)

    async def poll(self, pending: PendingConsent) -> PendingConsent:
        """device: ask Google once whether the person has decided.

        Raises:
            DevicePending: not yet.
            ConsentDenied: declined, lapsed, or superseded by a newer request.
        """
        if pending.is_over(datetime.now(UTC)):
            raise ConsentDenied("the code's time is over", code="expired")
        current = await self._custodian.run(self._pending.load, pending.owner)
        if current is None or current.id != pending.id:
            raise ConsentDenied("a newer request has taken its place", code="superseded")
        try:
            grant = await self._oauth.poll_device(self._client, pending.device_code)
        except ConsentRequired:
            raise ConsentDenied("Google no longer knows the code", code="expired") from None
        return await self._approve(pending, grant)

    async def by_state(self, state: str) -> PendingConsent | None:
        """callback: the request this state belongs to."""
        if len(state) != _STATE_LENGTH:  # anybody may ask, and looking costs a read of them all
            return None
        return await self._custodian.read(self._pending.by_state, state)

    async def redirected(
        self, *, state: str, code: str | None, error: str | None
    ) -> PendingConsent:
        """callback: what Google's redirect brought; the result page offers its `claim_code`.

        Raises:
            ConsentDenied: unknown, used or lapsed state, or the person declined.
        """
        pending = await self.by_state(state)
        if pending is None:
            raise ConsentDenied("an unknown state", code="wrong_state")
        grant = await self._redeem(pending, code=code, error=error)
        return await self._approve(pending, grant, claim_code=SecretStr(secrets.token_urlsafe(24)))

    async def claim(self, owner: Owner, claim_code: str) -> Credential:
        """callback: the asker opened the result page's button; save the credential."""
        pending = await self.latest(owner)
        if (
            pending is None
            or pending.stage != "approved"
            or not _same(pending.claim_code, claim_code)
        ):
            raise ConsentDenied("not this person's code, or used already", code="wrong_state")
        return await self._save(pending)

    async def pasted(self, owner: Owner, text: str) -> Credential:
        """paste: the redirected address, in the asker's own chat; save the credential."""
        pending = await self.latest(owner)
        query = _query(text)
        state = query.get("state", "")
        if pending is None:
            raise ConsentDenied("there is no request, or its time is over", code="expired")
        if not _same(pending.state, state):
            raise ConsentDenied("the address belongs to another request", code="wrong_state")
        grant = await self._redeem(pending, code=query.get("code"), error=query.get("error"))
        return await self._save(await self._approve(pending, grant))

    async def confirm(self, owner: Owner, consent_id: str) -> Credential:
        """device: the asker says that the account shown is theirs; save the credential."""
        return await self._save(await self._approved(owner, consent_id))

    async def refuse(self, owner: Owner, consent_id: str) -> None:
        """device: the account shown is not the asker's; forget its tokens unused."""
        pending = await self._approved(owner, consent_id)
        await self.end(pending)
        _log.info("consent_refused", owner=pending.owner, result="declined")

    async def _approved(self, owner: Owner, consent_id: str) -> PendingConsent:
        pending = await self.latest(owner)
        if (
            pending is None
            or pending.id != consent_id
            or pending.stage != "approved"
            # Whoever asked can send any button's data: in the other flows it takes the code that
            # only whoever approved has seen.
            or pending.flow != "device"
        ):
            raise ConsentDenied("there is no such request any more", code="expired")
        return pending

    async def _redeem(
        self, pending: PendingConsent, *, code: str | None, error: str | None
    ) -> TokenGrant:
        """Exchange the code; before that the state is spent, so that no replay gets this far."""
        async with self._custodian.locked(pending.owner):
            current = await self._custodian.run(self._pending.load, pending.owner)
            if current is None or current.id != pending.id or current.stage != "asked":
                raise ConsentDenied("this address has been used already", code="used")
            if current.is_over(datetime.now(UTC)):
                raise ConsentDenied("the request's time is over", code="expired")
            await self._custodian.run(self._pending.replace, current, stage="redeeming")
        async with self._spent(pending):
            if error or not code:
                raise ConsentDenied("the person declined", code="access_denied")
            try:
                return await self._oauth.exchange(
                    self._client,
                    code=code,
                    code_verifier=pending.code_verifier.get_secret_value(),
                    redirect_uri=self._redirect_uri,
                )
            except ConsentRequired:
                raise ConsentDenied("Google does not accept the code", code="used") from None

    async def _approve(
        self, pending: PendingConsent, grant: TokenGrant, **changes: Any
    ) -> PendingConsent:
        async with self._spent(pending):
            if grant.scopes is not None and DRIVE_FILE_SCOPE not in grant.scopes:
                raise ConsentDenied("Drive was not ticked on Google's page", code="scope_missing")
            if grant.refresh_token is None:
                raise ConsentDenied("Google gave no refresh token", code="no_refresh_token")
            try:
                account = await self._account(grant.access_token)
            except TransientFault as fault:
                raise ConsentDenied("Drive did not say whose it is", code=fault.code) from fault
        approved = await self._change(
            pending,
            stage="approved",
            expires_at=datetime.now(UTC) + _LIFETIME,
            access_token=grant.access_token,
            refresh_token=grant.refresh_token,
            token_expires_at=grant.expires_at,
            refresh_expires_at=grant.refresh_expires_at,
            account=account.address,
            account_id=account.id,
            **changes,
        )
        _log.info("consent_approved", owner=pending.owner, flow=pending.flow)
        return approved

    @asynccontextmanager
    async def _spent(self, pending: PendingConsent) -> AsyncIterator[None]:
        """State and code are used up: whatever fails from here on ends the request."""
        try:
            yield
        except CustodyError:
            await self.end(pending)
            raise

    async def _account(self, access_token: SecretStr) -> GoogleAccount:
        for pause in (0.5, 1.5, 4.0):
            try:
                return await self._look_up_account(access_token)
            except TransientFault:
                await asyncio.sleep(pause)
        return await self._look_up_account(access_token)

    async def _change(self, pending: PendingConsent, **changes: Any) -> PendingConsent:
        async with self._custodian.locked(pending.owner):
            changed = await self._custodian.run(self._pending.replace, pending, **changes)
        if changed is None:
            raise ConsentDenied("a newer request has taken its place", code="superseded")
        return changed

    async def _save(self, pending: PendingConsent) -> Credential:
        return await self._custodian.finish(self._save_latest(pending))

    async def _save_latest(self, pending: PendingConsent) -> Credential:
        credential = Credential(
            owner=pending.owner,
            client_id=pending.client_id,
            refresh_token=pending.refresh_token,
            access_token=pending.access_token,
            expires_at=pending.token_expires_at,
            account=pending.account,
            account_id=pending.account_id,
            granted_at=datetime.now(UTC),
            refresh_expires_at=pending.refresh_expires_at,
        )
        async with self._custodian.locked(pending.owner):
            current = await self._custodian.run(self._pending.load, pending.owner)
            if current is None or current.id != pending.id:
                raise ConsentDenied("a newer request has taken its place", code="superseded")
            saved = await self._custodian.save_consent(credential)
            await self._custodian.run(self._pending.delete, pending.owner)
        _log.info("consent_saved", owner=pending.owner, generation=saved.generation)
        if saved.ends_within_days:  # the operator's to know on the first day, not on the eighth
            _log.warning("testing_status_suspected", owner=pending.owner)
        return saved


def _same(expected: SecretStr, given: str) -> bool:
    """Whether `given` is the secret, which is one; in constant time."""
    wanted = expected.get_secret_value().encode()
    return bool(wanted) and secrets.compare_digest(wanted, given.encode("utf-8", "replace"))


def _query(text: str) -> dict[str, str]:
    """The parameters of an address somebody pasted; empty where it is none."""
    try:
        return dict(parse_qsl(urlsplit(text.strip()).query))
    except ValueError:
        return {}
