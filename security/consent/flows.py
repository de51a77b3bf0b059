"""Asking for consent, three ways, each bound to the person who asked.

device    the person enters a code on Google's page; the bot asks Google whether they have.
callback  Google redirects to our page; its button carries a one-time code back into the asker's
          chat, and only there it goes on.
paste     the person pastes the redirected address into their own chat.

In all three the asker is then shown which account approved, and nothing is saved before they say
that it is theirs. States and codes work once, and only the owner's latest request can be saved.
RFC 6749 §10.12, RFC 7636, RFC 8628 §5.4 (what remains of the device flow's risk stands in
docs/security.md).
"""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from pydantic import SecretStr

from config import GoogleClient
from security.consent.approvals import LIFETIME, Approvals, ConsentParts, is_same_secret
from security.consent.pasted_address import pasted_parameters
from security.consent.pending import Flow, PendingConsent
from security.credential import Credential, Owner
from security.errors import ConsentDenied

PASTE_REDIRECT: Final = "http://127.0.0.1:47851/"
"""A loopback address nothing listens on (RFC 8252 §7.3): the browser shows it, to be copied."""
_LEASE_SECONDS: Final = 0.5
_STATE_BYTES: Final = 32
_STATE_LENGTH: Final = 43  # of that many bytes in url-safe base64
_ENOUGH: Final = 16  # so much of a beginning, and it is nobody else's state
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ConsentMethod:
    """How somebody is asked; the request keeps it, and each of its later steps goes by that."""

    flow: Flow
    client: GoogleClient
    redirect_uri: str = ""
    """Where Google's page sends the browser; the device flow has no use for it."""


class ConsentFlows:
    """Begins, follows and finishes requests for consent, of any flow and client."""

    def __init__(self, parts: ConsentParts) -> None:
        self._parts = parts
        self._approvals = Approvals(parts)
        self._ending: set[str] = set()
        """Ids of requests that are over, while the person is being told."""
        self._saving: set[str] = set()
        """Ids of those whose credential is being saved: too late to cancel."""

    async def begin(
        self, owner: Owner, method: ConsentMethod, *, session: str = ""
    ) -> PendingConsent:
        """A new request for `owner`; an earlier one ends with it.

        Args:
            session: as in `PendingConsent`.

        Raises:
            TransientFault, OperatorFault: Google did not give a device code.
        """
        now = self._parts.now()
        pending = PendingConsent(
            owner=owner,
            id=secrets.token_hex(6),
            flow=method.flow,
            client_id=method.client.id,
            created_at=now,
            session=session,
            **await self._ask(method, now),
        )
        # To its end, though whoever asked may have gone: Google gives few device codes.
        await self._parts.workers.finish(self._save_first(pending))
        return pending

    async def _ask(self, method: ConsentMethod, now: datetime) -> dict[str, Any]:
        """What a new request is approved by, as fields of it."""
        if method.flow == "device":
            device = await self._parts.oauth.start_device(method.client)
            return {
                "expires_at": now + timedelta(seconds=device.expires_in),
                "address": device.verification_url,
                "user_code": device.user_code,
                "interval": device.interval,
                "device_code": device.device_code,
            }
        state = secrets.token_urlsafe(_STATE_BYTES)
        # In a thread: the first time a library has to be imported for it.
        address, verifier = await self._parts.workers.read(
            self._parts.oauth.authorization_address,
            method.client,
            redirect_uri=method.redirect_uri,
            state=state,
        )
        return {
            "expires_at": now + LIFETIME,
            "address": address,
            "state": SecretStr(state),
            "code_verifier": SecretStr(verifier),
        }

    async def _save_first(self, pending: PendingConsent) -> None:
        async with self._parts.leases.held(pending.owner):
            await self._parts.workers.run(self._parts.replace, pending)
        _log.info("consent_started", owner=pending.owner, flow=pending.flow)

    async def latest(self, owner: Owner) -> PendingConsent | None:
        """The owner's request, if its time is not over."""
        pending = await self._parts.workers.read(self._parts.pending.load, owner)
        return None if pending is None or pending.has_expired(self._parts.now()) else pending

    async def all(self, *, in_chats: bool = True) -> list[PendingConsent]:
        """Every request that was made in a chat, for start-up; or every one made on a page."""
        found = await self._parts.workers.read(self._parts.pending.all)
        return [pending for pending in found if bool(pending.session) != in_chats]

    async def expired(self, *, in_chats: bool = True) -> list[PendingConsent]:
        """The requests whose time is over, and which nobody has told so."""
        now = self._parts.now()
        return [one for one in await self.all(in_chats=in_chats) if one.has_expired(now)]

    async def note_message(
        self, pending: PendingConsent, message_id: int, topic_id: int = 0
    ) -> PendingConsent:
        """Remember which message shows the request, and in which topic (0: none)."""
        async with self._parts.leases.held(pending.owner):
            return await self._parts.workers.run(
                self._parts.pending.replace, pending, message_id=message_id, topic_id=topic_id
            )

    async def cancel(self, owner: Owner) -> bool:
        """End the owner's request; False where there was none, or it is just being saved.

        Nobody waits for long: a refresh may hold the owner's lease while Google is silent. From
        here on the request connects nothing, and it is deleted once the lease is free.
        """
        pending = await self._parts.workers.read(self._parts.pending.load, owner)
        if pending is None or pending.id in self._saving:
            return False
        self.mark_ending(pending)
        current = await self._parts.workers.read(self._parts.pending.load, owner)
        if current is None or current.id != pending.id:  # saved while it was read the first time
            self._ending.discard(pending.id)
            return False
        ending = self._parts.workers.uncancelled(self.end(pending))
        await asyncio.wait((ending,), timeout=_LEASE_SECONDS)
        return True

    def mark_ending(self, pending: PendingConsent) -> None:
        """This request connects nothing any more; `end` follows once the person has been told."""
        self._ending.add(pending.id)

    def is_young(self, pending: PendingConsent, seconds: float) -> bool:
        """Whether it was asked for less than `seconds` ago, and not answered yet."""
        age = self._parts.now() - pending.created_at
        return pending.stage == "asked" and age < timedelta(seconds=seconds)

    def is_ending(self, pending: PendingConsent) -> bool:
        """Whether the end of this request is being told."""
        return pending.id in self._ending

    async def end(self, pending: PendingConsent, code: str = "declined") -> bool:
        """End this request; False: it was over. A newer one of the same owner stays.

        Args:
            code: why it is over.
        """
        was_there = await self._approvals.end(pending, code)
        self._ending.discard(pending.id)
        return was_there

    async def identify(self, pending: PendingConsent) -> PendingConsent:
        """The request with the account that approved, where a stop came before Drive was asked.

        Raises:
            ConsentDenied: Drive does not say; the request is over.
        """
        return await self._approvals.identify(pending)

    async def is_interrupted(self, pending: PendingConsent) -> bool:
        """Whether a crash came while its code was with Google: nobody can tell what became of it.

        In a running process the lock is held for as long as that takes.
        """
        if pending.stage != "redeeming":
            return False
        async with self._parts.leases.held(pending.owner):
            current = await self._parts.workers.run(self._parts.pending.load, pending.owner)
        return current is not None and current.id == pending.id and current.stage == "redeeming"

    async def poll(self, pending: PendingConsent) -> PendingConsent:
        """device: ask Google once whether the person has decided.

        Raises:
            DevicePending: not yet.
            ConsentDenied: declined, lapsed, or superseded by a newer request.
        """
        if pending.has_expired(self._parts.now()):
            raise ConsentDenied("the code's time is over", code="expired")
        current = await self._parts.workers.run(self._parts.pending.current, pending)
        if self.is_ending(current):
            raise ConsentDenied("it has been cancelled", code="superseded")
        return await self._approvals.poll(current)

    async def by_state(self, state: str) -> PendingConsent | None:
        """callback: the request this state belongs to; no other flow comes back to a page."""
        if len(state) != _STATE_LENGTH:  # anybody may ask
            return None
        pending = await self._parts.workers.read(self._parts.pending.by_state, state)
        return None if pending is None or pending.flow != "callback" else pending

    async def accept_redirect(
        self, asked: PendingConsent | None, *, code: str | None, error: str | None
    ) -> PendingConsent:
        """callback: what Google's redirect brought; the result page offers its `claim_code`.

        The same state and code give the same again, until it is claimed or over.

        Args:
            asked: what `by_state` has found.

        Raises:
            ConsentDenied: unknown, used or lapsed state, or the person declined.
        """
        if asked is None:
            raise ConsentDenied("an unknown state", code="wrong_state")
        return await self._approvals.redeem(asked, code=code, error=error)

    async def claim(self, owner: Owner, claim_code: str) -> PendingConsent:
        """callback: the asker opened the result page's button; now they may be shown whose it is.

        Raises:
            ConsentDenied: not this person's code, or over.
        """
        pending = await self.latest(owner)
        if (
            pending is None
            or pending.flow != "callback"
            or pending.stage not in ("approved", "claimed")
            or not is_same_secret(pending.claim_code, claim_code)
        ):
            raise ConsentDenied("not this person's code, or used already", code="wrong_state")
        return await self._approvals.advance(
            pending,
            "approved",
            stage="claimed",
            expires_at=self._parts.now() + LIFETIME,
        )

    async def accept_pasted(self, owner: Owner, text: str) -> PendingConsent:
        """paste: the redirected address, in the asker's own chat.

        Raises:
            ConsentDenied: it belongs to no request of theirs, is over, or they declined.
        """
        pending = await self.latest(owner)
        query = pasted_parameters(text)
        state = query.get("state", "")
        if pending is None:
            raise ConsentDenied("there is no request, or its time is over", code="expired")
        is_cut = not query.get("code") and not query.get("error")
        if is_cut and _is_beginning_of(pending.state, state):
            raise ConsentDenied("the end of the address is missing", code="incomplete")
        if pending.flow != "paste" or not is_same_secret(pending.state, state):
            raise ConsentDenied("the address belongs to another request", code="wrong_state")
        return await self._approvals.redeem(
            pending, code=query.get("code"), error=query.get("error")
        )

    async def is_last_account(self, pending: PendingConsent) -> bool:
        """Whether the account is the one that its owner was connected with last."""
        last = await self._parts.custodian.last_credential(pending.owner)
        if last is None or last.account_id is None:
            return False
        return is_same_secret(last.account_id, pending.account_id.get_secret_value())

    async def confirm(self, owner: Owner, consent_id: str) -> Credential:
        """The asker says that the account shown is theirs; save the credential.

        Raises:
            ConsentDenied: it is not for them to say, or over.
            OperatorFault: the client it was asked with is no longer configured.
        """
        pending = await self._to_confirm(owner, consent_id)
        self._parts.clients.by_id(pending.client_id)  # or what is saved could never be refreshed
        return await self._parts.workers.finish(self._save_latest(pending))

    async def refuse(self, owner: Owner, consent_id: str) -> None:
        """The account shown is not the asker's; forget its tokens unused.

        Raises:
            ConsentDenied: as `confirm`.
        """
        pending = await self._to_confirm(owner, consent_id)
        if not await self.end(pending):
            raise ConsentDenied("it was answered otherwise meanwhile", code="expired")
        _log.info("consent_refused", owner=pending.owner, result="declined")

    async def _to_confirm(self, owner: Owner, consent_id: str) -> PendingConsent:
        pending = await self.latest(owner)
        is_over = pending is None or pending.id != consent_id or self.is_ending(pending)
        if pending is None or is_over or not pending.may_be_confirmed:
            raise ConsentDenied("there is no such request any more", code="expired")
        return pending

    async def _save_latest(self, pending: PendingConsent) -> Credential:
        credential = Credential(
            owner=pending.owner,
            client_id=pending.client_id,
            refresh_token=pending.refresh_token,
            access_token=pending.access_token,
            expires_at=pending.token_expires_at,
            account=pending.account,
            account_id=pending.account_id,
            granted_at=self._parts.now(),
            refresh_expires_at=pending.refresh_expires_at,
        )
        async with self._parts.leases.held(pending.owner) as lease:
            await self._parts.workers.run(self._parts.pending.current, pending)
            if self.is_ending(pending):
                raise ConsentDenied("cancelled while the lease was waited for", code="expired")
            self._saving.add(pending.id)
            try:
                saved = await self._parts.custodian.save_consent(credential, lease)
                await self._parts.workers.run(self._parts.end, pending, "ok")
            finally:
                self._saving.discard(pending.id)
        _log.info("consent_saved", owner=pending.owner, generation=saved.generation)
        if saved.ends_within_days:  # the operator's to know on the first day, not on the eighth
            _log.warning("testing_status_suspected", owner=pending.owner)
        return saved


def _is_beginning_of(state: SecretStr, given: str) -> bool:
    """Whether `given` is the state, or enough of its beginning to know whose it is."""
    return len(given) >= _ENOUGH and state.get_secret_value().startswith(given)
