"""Whether the journal takes what is to be written; administrators hear when it does not."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from bot.kinds import DATABASE_UNREACHABLE, UPDATES_NOT_SAVED
from security.errors import OperatorFault
from security.maintenance.incidents import Incidents

_log = structlog.get_logger()


class SavingTrouble:
    """Trouble is told once when it begins, and once when it is over."""

    def __init__(self, incidents: Incidents) -> None:
        self._incidents = incidents
        self.is_there = False
        """Whether updates could not be written down when last tried."""
        self.on_change: Callable[[], None] = lambda: None
        """Called where administrators are to be told that it has begun, or is over."""

    def note(self, fault: OperatorFault | None) -> None:
        """What kept an update from being written; None: nothing did.

        That there is none ends what a former run has told of as well, once it is its own to end.
        """
        if fault is not None and not self.is_there:
            _log.error("update_not_saved", result=fault.code)
        self.is_there = fault is not None
        if fault is not None and fault.code == DATABASE_UNREACHABLE:
            return  # of which the bot's lease has an incident: one is enough
        if self._incidents.note(UPDATES_NOT_SAVED, time.time(), is_there=self.is_there):
            self.on_change()
