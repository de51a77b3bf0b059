"""Since when each key of a service account has been here: the only age of it that can be known.

Google's file has no date. So each key's first sight is kept, once among all processes, under the
keyed hash of the key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Final

import structlog

from config.service_accounts import ServiceAccountKey
from departments.documents import Kept, Shelf
from departments.kinds import SERVICE_KEYS
from departments.names import Department
from departments.secret import AccessSecret
from departments.service_accounts.standing import KeyStanding
from security.storage.protocol import Conflict, Storage

OLD: Final = "service_key_old"
"""The incident while any key should have been replaced."""
_DAY: Final = 86400
_SHOWN: Final = 4
_log = structlog.get_logger()


class _FirstSight(Kept):
    first_seen: float


class ServiceKeys:
    """The keys of all departments. `note` or `look` first; what it knows then lasts."""

    def __init__(
        self,
        storage: Storage,
        departments: Iterable[Department],
        keys: Mapping[str, ServiceAccountKey],
    ) -> None:
        """
        Args:
            keys: by the department's slug.
        """
        self._storage = storage
        self._departments = tuple(departments)
        self._keys = keys
        self._shelf = Shelf(storage, SERVICE_KEYS, _FirstSight)
        self._first_seen: dict[str, float] = {}

    def note(self) -> None:
        """Read when each key was first seen, and keep that of those nobody has seen. Blocks.

        Without a key to seal with there are no departments, and nothing is kept.

        Raises:
            OperatorFault: the storage does not answer, or cannot keep it.
        """
        if self._keys and self._storage.sealer.is_sealing:
            self._read(AccessSecret.of(self._storage), notes=True)

    def look(self) -> None:
        """Read when each key was first seen. Blocks, and changes nothing.

        Raises:
            OperatorFault: the storage does not answer.
        """
        secret = AccessSecret.find(self._storage) if self._keys else None
        if secret is not None:
            self._read(secret, notes=False)

    def of(self, department: Department) -> KeyStanding:
        """How a department's key stands now."""
        key = self._keys.get(department.slug)
        if key is None:
            return KeyStanding(department)
        first_seen, now = self._first_seen.get(department.slug), self._storage.now()
        days = None if first_seen is None else max(0, int((now - first_seen) // _DAY))
        return KeyStanding(department, key.address, key.id[-_SHOWN:], days)

    def is_any_old(self) -> bool:
        """Whether any key should have been replaced."""
        return any(self.of(department).state == "old" for department in self._departments)

    def _read(self, secret: AccessSecret, *, notes: bool) -> None:
        for department in self._departments:
            key = self._keys.get(department.slug)
            if key is None:
                continue
            name = secret.digest(SERVICE_KEYS.name, key.fingerprint)
            found = self._shelf.find(name)
            if found is None and notes:
                self._keep(name, department)
                found = self._shelf.find(name)
            if found is not None:
                self._first_seen[department.slug] = found.content.first_seen

    def _keep(self, name: str, department: Department) -> None:
        sight = _FirstSight(first_seen=self._storage.now())
        try:
            self._shelf.add(name, sight)
        except Conflict:  # another process was faster; or what is there cannot be read
            if self._shelf.find(name) is None:
                with suppress(Conflict):
                    self._shelf.write(name, sight)
            return
        _log.info("service_key_seen", owner=department.owner)
