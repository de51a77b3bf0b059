"""Whether departments are authorised, as the cloud said last: no page waits for it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from desktop.keeping.credentials import DesktopCredentialManager, Pairing
from desktop.sending.cloud import Cloud
from security.errors import CustodyError
from security.google.network import Network

_EVERY_SECONDS: Final = 60.0


class Standings:
    """One for a process; any thread may use it."""

    def __init__(
        self,
        credentials: DesktopCredentialManager,
        network: Network,
        changed: Callable[[], object],
    ) -> None:
        """
        Args:
            changed: called when a department has been authorised.
        """
        self._credentials = credentials
        self._network = network
        self._changed = changed
        self._known: dict[str, str] = {}
        self._asked = 0.0
        self._clock: float | None = None  # the cloud's, when the monotonic one was at nought
        self._lock = threading.Lock()

    def of(self, department: str) -> str:
        """The cloud's word, such as `fine`; "": nothing is known."""
        return self._known.get(department, "")

    def time(self) -> float | None:
        """What time it is by the clouds, in Unix seconds; None: none has said."""
        return None if self._clock is None else self._clock + time.monotonic()

    def note(self, department: str, standing: str) -> None:
        """It has been told otherwise."""
        if self._known.get(department) != standing:
            self._known[department] = standing
            if standing == "fine":
                self._changed()

    def goes(self, department: str) -> None:
        """A file does: where it was told otherwise, the department may be authorised by now. Only
        the cloud can say: a session that was begun before takes bytes without it as well."""
        if self.of(department) != "fine":
            self.look(now=True)

    def look(self, *, now: bool = False) -> None:
        """Ask anew, where that is a while ago; nobody waits for it."""
        with self._lock:
            if not now and time.monotonic() - self._asked < _EVERY_SECONDS and self._asked:
                return
            self._asked = time.monotonic()
        threading.Thread(target=self._look, name="standing", daemon=True).start()

    def _look(self) -> None:
        for pairing in self._credentials.pairings:
            self._ask(pairing)

    def _ask(self, pairing: Pairing) -> None:
        cloud = Cloud(pairing.cloud, self._network)
        try:
            name, standing = cloud.status(pairing)
        except CustodyError:
            self._known.pop(pairing.department, None)
            return
        finally:
            if cloud.clock is not None:
                self._clock = cloud.clock - time.monotonic()
        self.note(pairing.department, standing)
        if name and name != pairing.name:
            with suppress(OSError):  # a full disk: it is told again
                self._credentials.rename(pairing.department, name)
