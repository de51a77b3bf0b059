"""How each department stands, for pages and for programs. Asks nobody but the storage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import SecretStr

from departments.authorising.accounts import LastAccounts, Revocation
from departments.names import Department, Departments
from security.credential import Credential
from security.custody.workers import Workers
from security.errors import OperatorFault
from security.maintenance.state import MaintenanceState
from security.owner_documents import Reading
from security.token_store import TokenStore

State = Literal["never", "fine", "lost", "on_hold", "unreadable"]
"""
never       it is not authorised, or not any more: an administrator has revoked it
fine        authorised, as far as is known
lost        Google has taken it back, or the credential is damaged: it is to be authorised again
on_hold     it failed within an hour of others: until it works again, or somebody decides
unreadable  an operator has to mend something first
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one department stands."""

    department: Department
    state: State
    account: SecretStr | None = None
    """The Google account's address."""
    since: datetime | None = None
    """When it was authorised."""
    token_ends_at: datetime | None = None
    """When the access token that is kept now ends; it is renewed before that, and on demand."""
    grant_ends_at: datetime | None = None
    """When Google ends the grant by itself; None: it has set no term."""
    is_testing: bool = False
    """Whether that is a week after it began: the app's status is "Testing"."""
    revoked: Revocation | None = None
    """never: when and by whom it was revoked, where that is known."""
    code: str = "ok"
    """unreadable: why, as a result code."""

    def minutes_left(self, now: datetime) -> int:
        """Whole minutes until the access token ends."""
        left = self.token_ends_at - now if self.token_ends_at else timedelta()
        return max(int(left.total_seconds() // 60), 0)


class Overview:
    """Looks at all departments together."""

    def __init__(
        self,
        departments: Departments,
        workers: Workers,
        store: TokenStore,
        state: MaintenanceState,
    ) -> None:
        self._departments = list(departments)
        self._workers = workers
        self._store = store
        self._state = state
        self._accounts = LastAccounts(store.storage)

    async def of_all(self) -> list[Standing]:
        """How each department stands, in the setting's order.

        Raises:
            OperatorFault: the storage does not answer.
        """
        return await self.of(self._departments)

    async def of(self, departments: Sequence[Department]) -> list[Standing]:
        """How each of these stands, in their order. Raises as `of_all`."""
        owners = [one.owner for one in departments]
        await self._state.recall(owners)
        readings = await self._workers.read(self._store.read_all, owners)
        return [
            await self._standing(department, reading)
            for department, reading in zip(departments, readings, strict=True)
        ]

    async def _standing(self, department: Department, reading: Reading | Exception) -> Standing:
        if isinstance(reading, OperatorFault) and reading.code != "database_unreachable":
            return Standing(department, "unreadable", code=reading.code)
        if isinstance(reading, Exception):
            raise reading
        if reading.damage is not None:
            return Standing(department, "lost")
        credential = reading.credential
        if credential is None or credential.state == "leaving":
            names = await self._workers.read(self._store.copies.names, department.owner)
            if names and credential is None:
                return Standing(department, "lost")
            revoked = await self._workers.read(self._accounts.revoked, department.slug)
            return Standing(department, "never", revoked=revoked)
        rejection = self._state.rejections.get(department.owner)
        if rejection is None or rejection.version != reading.version:  # of one before it
            return _of_credential(department, "fine", credential)
        return _of_credential(department, "on_hold" if rejection.held else "lost", credential)


def _of_credential(department: Department, state: State, credential: Credential) -> Standing:
    return Standing(
        department,
        state,
        account=credential.account,
        since=credential.granted_at,
        token_ends_at=credential.expires_at,
        grant_ends_at=credential.refresh_expires_at,
        is_testing=credential.ends_within_days,
    )
