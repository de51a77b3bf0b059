"""A lease that a process holds for as long as it lives, renewed by a thread of its own.

Whoever holds it judges by its own clock, which counts suspension, whether it may still begin
something: a process that was stopped for longer than the lease lasts finds out before it does
anything, without asking anybody.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Final

import structlog

from security.errors import CustodyError
from security.storage.leases import Lease

_RENEWALS: Final = 3
"""In the time a lease lasts."""
_AGAIN_SECONDS: Final = 1.0
"""At most, before a renewal that came to nothing is tried again."""
_HANDING_OVER_SECONDS: Final = 60.0
"""In which requests of the one before may still be under way."""
_LASTING: Final = 3
"""Renewals that come to nothing: what is over by then is nobody's business."""
_LOOK_SECONDS: Final = 0.05
"""How often whoever waits looks whether something may be begun."""
_log = structlog.get_logger()


class HeldLease:
    """What begins something asks this first. Any thread may."""

    def __init__(self, lease: Lease | None = None, seconds: float | None = None) -> None:
        """
        Args:
            lease: None: there is nobody else who could hold one.
            seconds: how long it lasts unrenewed; None: as long as the process lives.
        """
        self._lease = lease
        self._seconds = seconds
        self._since = time.monotonic()
        self._wanted = True
        self._wake = threading.Event()
        self._renewing: threading.Thread | None = None
        self.outage: dict[str, float] = {}
        """By code, what had kept this process from having it, where the one before may not have
        lived to tell of its end; and since when, by the storage's clock."""
        self.is_lost = False
        """Whether somebody else holds it by now: nothing is to be begun or saved any more."""
        self.on_lost: Callable[[], None] = lambda: None
        """Called once, in the thread that renews, when somebody else has it."""
        self.on_fault: Callable[[str | None], None] = lambda _: None
        """Called in that thread: with the code of what keeps it from being renewed, where that
        lasts; with None, once it is over."""

    @property
    def is_changing_hands(self) -> bool:
        """Whether whoever has it next, or had it last, may still be about something."""
        is_new = time.monotonic() - self._since < _HANDING_OVER_SECONDS
        return self._seconds is not None and (is_new or not self.may_begin())

    def may_begin(self) -> bool:
        """Whether it is certainly still held. Costs a look at the clock."""
        return not self.is_lost and (self._lease is None or self._lease.may_begin())

    async def until_allowed(self) -> None:
        """Return once something may be begun: as long as somebody else holds it, never."""
        while not self.may_begin():  # noqa: ASYNC110 - no event tells: a clock has run out
            await asyncio.sleep(_LOOK_SECONDS)

    def is_certain(self, seconds: float) -> bool:
        """Whether something may be begun, by then: for a thread amid a change."""
        deadline = time.monotonic() + seconds
        while not self.may_begin():
            if self.is_lost or time.monotonic() > deadline:
                return False
            time.sleep(_LOOK_SECONDS)
        return True

    def wait(self, pause: Callable[[float], object] = time.sleep) -> None:
        """Block a thread until something may be begun; as long as somebody else holds it, for ever.

        Args:
            pause: waits for so many seconds, or raises to give up.
        """
        while not self.may_begin():
            pause(_LOOK_SECONDS)

    def start(self) -> None:
        """Renew it from now on."""
        if self._seconds is not None:
            # Not behind anybody's work in a pool of threads; and no exit waits for it.
            self._renewing = threading.Thread(target=self._renew, name="lease", daemon=True)
            self._renewing.start()

    def release(self) -> None:
        """Give it back. May block for a moment."""
        self._wanted = False
        self._wake.set()
        if self._renewing is not None:
            self._renewing.join(_AGAIN_SECONDS)
        if self._lease is not None:
            self._lease.release()

    def _renew(self) -> None:
        every = (self._seconds or 0) / _RENEWALS
        pause, failures, told = every, 0, False
        while not self._wake.wait(pause):
            failed, pause = self._failure(), every
            if self.is_lost:
                return
            before, failures = failures, 0 if failed is None else failures + 1
            if failed is not None:
                pause = min(every, _AGAIN_SECONDS)
            if failures == 1:
                _log.error("lease_not_renewed", result=failed)
            elif before and not failures:
                _log.info("lease_renewed", result="ok")
            if failures == _LASTING or (told and not failures):
                told = failed is not None
                self.on_fault(failed)

    def _failure(self) -> str | None:
        """Renew it once; the code of what kept it from that."""
        if self._lease is None:
            return None
        try:
            is_held = self._lease.renew()
        except CustodyError as fault:
            return fault.code
        except Exception:  # a defect: it lapses by itself, and nobody begins anything then
            _log.exception("lease_not_renewed")
            return "operator_fault"
        if not is_held and self._wanted:
            self.is_lost = True
            _log.critical("lease_lost", result="second_instance")
            self.on_lost()
        return None
