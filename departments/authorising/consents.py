"""A department authorises Google Drive: asked for, answered and saved on a web page.

The request is an administrator's session's: no other browser can go on with it, whoever approved.
What has become of it stays for ten minutes, so that a page that is loaded again shows the same, and
of twenty that load it at once, in several processes, one asks Google. RFC 6749 §10.12, RFC 7636.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, Literal

import structlog
from pydantic import SecretStr

from config import GoogleClient
from departments.authorising.accounts import Account, Revocation
from departments.authorising.outcomes import ASK, UNDER_WAY, Outcome, Outcomes
from departments.authorising.settling import Settling
from departments.names import Department
from security.consent.flows import ConsentFlows, ConsentMethod
from security.consent.pending import PendingConsent
from security.credential import Owner
from security.custody.custodian import Custodian
from security.custody.disconnect import Disconnecting, Disconnection
from security.custody.workers import Workers
from security.errors import ConsentDenied, CustodyError, OperatorFault

_PATIENCE_SECONDS: Final = 12
"""For Google's answers, while somebody looks at an empty page."""
_GLANCE_SECONDS: Final = 1
"""For what a page is about to show anyway."""
_log = structlog.get_logger()


class OtherSession(ConsentDenied):
    """Another session has asked: nothing is saved, nothing is spent, and nothing is told."""

    default_code = "other_session"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request under way, as the settings page shows it."""

    stage: Literal["asked", "under_way", "ask"]
    is_mine: bool
    """Whether this session has asked. Only then is there more to be told."""
    expires_at: datetime
    consent_id: str = ""
    """What the question's answer names; no secret."""
    before: SecretStr | None = None
    """The address of the account until now; None: not known."""
    now: SecretStr | None = None
    """The address of the account that has approved."""


async def _nothing(department: Department) -> None:
    """Nothing is to be done."""


@dataclass(frozen=True, slots=True)
class AuthorisingParts:
    """What departments' consents stand on."""

    consents: ConsentFlows
    """Made with `on_over=outcomes.note`."""
    outcomes: Outcomes
    custodian: Custodian
    disconnecting: Disconnecting
    workers: Workers
    client: GoogleClient | None
    """Whom departments are asked by; None: it is not configured."""
    before_leaving: Callable[[Department], Awaitable[object]] = _nothing
    """What is to be done while a department still has the account that it is about to lose, or to
    change for another: unfinished uploads are given up. Raises nothing."""


class DepartmentConsents:
    """Departments' requests for consent, from the button to what the page says of it.

    What the storage does not do is raised as a CustodyError; what Google says is an outcome.
    """

    def __init__(self, parts: AuthorisingParts) -> None:
        self._parts = parts
        self._consents, self._outcomes = parts.consents, parts.outcomes
        self._settling = Settling(parts.consents, parts.outcomes, parts.custodian, parts.workers)
        self._under_way: dict[str, asyncio.Task[Outcome]] = {}

    @property
    def can_ask(self) -> bool:
        """Whether there is a client to ask Google with."""
        return self._parts.client is not None

    async def begin(
        self, department: Department, session_id: str, redirect_uri: str
    ) -> PendingConsent:
        """A new request, whose `address` is Google's page; an earlier one ends with it.

        Args:
            session_id: `Session.id` of the administrator who asks.
            redirect_uri: where Google's page shall send the browser.

        Raises:
            OperatorFault: there is no client to ask with (`unknown_client`).
        """
        if self._parts.client is None:
            raise OperatorFault("WEB_GOOGLE_CLIENT_ID is not set", code="unknown_client")
        method = ConsentMethod("callback", self._parts.client, redirect_uri)
        return await self._consents.begin(department.owner, method, session=session_id)

    async def come_back(
        self, session_id: str | None, *, state: str, code: str | None, error: str | None
    ) -> Outcome | None:
        """What Google's redirect has brought, any number of times; None: no department's state.

        Args:
            session_id: of the browser that came; None: it has none.

        Raises:
            OtherSession: this browser has not asked.
            ConsentDenied: it is no answer of Google's (`wrong_state`).
        """
        pending = await self._consents.by_state(state)
        if pending is None:
            kept = await self._settling.kept(self._outcomes.name_of(state))
            if kept is not None:
                _refuse_others(
                    kept.session, session_id, Owner.parse(f"department:{kept.department}")
                )
            return None if kept is None else kept.outcome
        if not pending.session:
            return None
        _refuse_others(pending.session, session_id, pending.owner)
        if pending.stage == "asked" and not code and not error:
            raise ConsentDenied("an address without an answer of Google's", code="wrong_state")
        take = partial(self._settling.redeem, pending, code, error)
        return await self._joined(pending, take, _PATIENCE_SECONDS)

    async def current(self, department: Department, session_id: str) -> Asked | None:
        """The department's request; None: there is none, or not any more.

        What a crash has interrupted goes on here, or ends (see `last_outcome`).
        """
        pending = await self._consents.latest(department.owner)
        if pending is None or not pending.session:
            return None
        is_mine, expires_at = pending.session == session_id, pending.expires_at
        if pending.stage == "asked":
            return Asked("asked", is_mine, expires_at)
        if not is_mine:
            return Asked(UNDER_WAY, is_mine, expires_at)
        go_on = partial(self._settling.go_on, pending)
        outcome = await self._joined(pending, go_on, _GLANCE_SECONDS)
        if outcome.result == UNDER_WAY:
            return Asked(UNDER_WAY, is_mine, expires_at)
        pending = await self._consents.latest(department.owner)
        if outcome.result != ASK or pending is None or not pending.may_be_confirmed:
            return None
        before = await self._settling.account_before(pending.owner)
        return Asked(
            ASK,
            is_mine,
            pending.expires_at,
            consent_id=self._settling.name_of(pending),
            before=before.address if before and before.address.get_secret_value() else None,
            now=pending.account,
        )

    async def last_outcome(self, department: Department, session_id: str) -> Outcome | None:
        """What became of this session's latest request; None: none of the last ten minutes."""
        now, latest = self._parts.custodian.clock.seconds(), self._outcomes.latest
        kept = await self._parts.workers.read(latest, department.slug, session_id, now)
        return None if kept is None else kept.outcome

    async def confirm(self, department: Department, session_id: str, consent_id: str) -> Outcome:
        """The other account is to be used; any number of times.

        Raises:
            OtherSession: this session was not asked.
        """

        async def change(approved: PendingConsent) -> Outcome:
            await self._parts.before_leaving(department)
            return await self._settling.save(approved)

        return await self._answer(department, session_id, consent_id, change)

    async def refuse(self, department: Department, session_id: str, consent_id: str) -> Outcome:
        """The account of before is to be kept: what the other one gave is forgotten.

        Raises:
            OtherSession: this session was not asked.
        """
        return await self._answer(department, session_id, consent_id, self._settling.decline)

    async def revoke(self, department: Department, by: str = "") -> Disconnection:
        """End the department's grant and its request, and remember which account it had.

        Args:
            by: the administrator, as in `administrators/who.py`; "": not known.
        """
        return await self._parts.workers.finish(self._revoke(department, by))

    async def clear_expired(self) -> None:
        """Forget requests whose time is over, and outcomes that nobody is told any more.

        To be called every few minutes, by every process that serves departments.
        """
        for pending in await self._consents.expired(in_chats=False):
            with suppress(CustodyError):  # another process is at it; or the next time
                await self._consents.end(pending, "expired")
        now = self._parts.custodian.clock.seconds()
        await self._parts.workers.run(self._outcomes.clear_expired, now)

    async def _joined(
        self,
        pending: PendingConsent,
        work: Callable[[], Coroutine[Any, Any, Outcome]],
        seconds: float,
    ) -> Outcome:
        """What `work` gives, or what is done for this request already, if not later than that.

        It goes on in any case.
        """
        task = self._under_way.get(pending.id)
        if task is None:
            task = self._under_way[pending.id] = self._parts.workers.uncancelled(work())
            task.add_done_callback(lambda _: self._under_way.pop(pending.id, None))
        done, _ = await asyncio.wait((task,), timeout=seconds)
        return task.result() if done else Outcome(pending.owner.key, UNDER_WAY)

    async def _answer(
        self,
        department: Department,
        session_id: str,
        consent_id: str,
        act: Callable[[PendingConsent], Coroutine[Any, Any, Outcome]],
    ) -> Outcome:
        pending = await self._consents.latest(department.owner)
        if pending is None or not pending.session or self._settling.name_of(pending) != consent_id:
            kept = await self._settling.kept(consent_id)
            if kept is None or kept.department != department.slug:
                return Outcome(department.slug, "expired")
            _refuse_others(kept.session, session_id, department.owner)
            return kept.outcome
        _refuse_others(pending.session, session_id, department.owner)
        if not pending.may_be_confirmed:
            return Outcome(department.slug, UNDER_WAY)
        # Uploads of the account before are given up first: not without what that is for.
        return await self._parts.workers.finish(act(pending))

    async def _revoke(self, department: Department, by: str) -> Disconnection:
        await self._parts.before_leaving(department)
        owner = department.owner
        pending = await self._consents.latest(owner)
        if pending is not None:
            await self._consents.end(pending, "superseded")
        last = await self._parts.custodian.last_credential(owner)
        if last is not None:
            note, account = self._outcomes.accounts.note, Account.of(last)
            await self._parts.workers.run(note, owner.key, account)
        ended = await self._parts.disconnecting.disconnect(owner)
        if ended.was_connected:
            revocation = Revocation(self._parts.custodian.clock.seconds(), by)
            with suppress(CustodyError):  # revoked it is, all the same
                note_revoked = self._outcomes.accounts.note_revoked
                await self._parts.workers.run(note_revoked, owner.key, revocation)
        return ended


def _refuse_others(asked_by: str, session_id: str | None, owner: Owner) -> None:
    if asked_by != session_id:
        _log.warning("access_denied", owner=owner, result=OtherSession.default_code)
        raise OtherSession("another session has asked")
