"""Hands for the tests of departments' consents: a process, and a browser with a session in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from departments.authorising.consents import AuthorisingParts, DepartmentConsents
from departments.authorising.outcomes import Outcome, Outcomes
from departments.names import Department
from departments.secret import AccessSecret
from departments.uploads.handed import HandedUploads
from drive import DriveApi
from processes.wiring import Custody
from security.consent.pending import PendingConsent
from tests.security.kit import World, answer_of

TANHAE = Department("tanhae", "淡海")
CALLBACK = "http://127.0.0.1:8080/api/auth/google/callback"
MINE, OTHERS = "a" * 64, "b" * 64
"""Ids of sessions."""


def uploads_of(world: World, custody: Custody, api: DriveApi | None = None) -> HandedUploads:
    """Those of one process over the world's storage.

    Args:
        api: with what this process alone knows of Drive.
    """
    drives = world.new_drives(custody, api)
    secret = AccessSecret.of(custody.storage)
    parts = custody.storage, custody.workers, custody.leases
    return HandedUploads(*parts, secret, drives, custody.custodian)


def consents_of(
    world: World,
    custody: Custody | None = None,
    *,
    has_client: bool = True,
    outcomes: type[Outcomes] = Outcomes,
    **more: Any,
) -> DepartmentConsents:
    """Those of one process over the world's storage."""
    custody = custody or world.custody
    kept = outcomes(custody.storage, AccessSecret.of(custody.storage))
    return DepartmentConsents(
        AuthorisingParts(
            custody.consent_flows(world.drives.account, on_over=kept.note),
            kept,
            custody.custodian,
            custody.disconnecting,
            custody.workers,
            world.client if has_client else None,
            **more,
        )
    )


@dataclass
class Browser:
    """Somebody's, with a session of theirs, at one of the processes."""

    world: World
    consents: DepartmentConsents
    session: str | None = MINE

    async def begin(self) -> PendingConsent:
        """Press 〔授權 Google Drive〕."""
        assert self.session is not None
        return await self.consents.begin(TANHAE, self.session, CALLBACK)

    async def open(self, redirected: str) -> Outcome | None:
        """Follow the address Google redirects to."""
        answer = answer_of(redirected)
        return await self.consents.come_back(
            self.session,
            state=answer["state"],
            code=answer.get("code"),
            error=answer.get("error"),
        )

    async def authorise(self, account: str, **options: Any) -> Outcome | None:
        """The whole way."""
        pending = await self.begin()
        return await self.open(await self.world.google.consent(pending.address, account, **options))
