"""What keeps the bot from its work just now: what a load balancer or an alarm wants to know."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Final

from bot.context import BotApplication
from bot.kinds import UPDATES_NOT_SAVED
from bot.lifecycle import is_receiving
from security.errors import OperatorFault
from security.logs.schema import OPERATOR_FAULTS

NOT_RUNNING: Final = "not_running"
TELEGRAM_SILENT: Final = "telegram_silent"
SWEEP_OVERDUE: Final = "sweep_overdue"
STANDBY: Final = "standby"
"""Another process is the bot, or may be by now."""
REASONS: Final = (NOT_RUNNING, TELEGRAM_SILENT, UPDATES_NOT_SAVED, SWEEP_OVERDUE, STANDBY)
"""Beside them, result codes of operator faults: `store_failed`, and what all met in a sweep."""

_PATIENCE_SECONDS: Final = 5
_MISSED: Final = 3
_GRACE: Final = timedelta(minutes=5)


class Readiness:
    """Asks the parts of one running bot."""

    def __init__(self, application: BotApplication) -> None:
        self._application = application
        self._services = application.bot_data
        self._storage = self._services.core.storage
        self._began = self._storage.now()

    async def obstacles(self) -> list[str]:
        """The codes of what is in the way, each once; none: the bot can do its work."""
        found = []
        if not self._services.core.lease.may_begin():
            found.append(STANDBY)
        if not (self._application.running and is_receiving(self._application)):
            found.append(NOT_RUNNING)
        elif not self._services.telegram_health.is_alive():
            found.append(TELEGRAM_SILENT)
        if self._services.inbox.is_failing:
            # Behind a load balancer that heeds this, Telegram could not come and find out.
            with suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE_SECONDS):
                    await self._services.inbox.look_after()
        if self._services.inbox.is_failing:
            found.append(UPDATES_NOT_SAVED)
        found += await self._store_obstacles() + self._sweep_obstacles()
        return list(dict.fromkeys(found))

    async def _store_obstacles(self) -> list[str]:
        try:
            # A network's disk may hang: whoever asks gets an answer all the same.
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await asyncio.to_thread(self._storage.check_writable)
        except OperatorFault as fault:
            return [fault.code]
        except TimeoutError:
            return ["store_failed"]
        return []

    def _sweep_obstacles(self) -> list[str]:
        """What the last sweep says: that it is long ago, and what no user can mend."""
        last, found = self._services.core.metrics.last_sweep, []
        ended = last.started_at.timestamp() + last.seconds if last else self._began
        late = self._storage.now() - ended
        every = self._services.options.maintenance_interval
        if every and late > (_MISSED * every + _GRACE).total_seconds():
            found.append(SWEEP_OVERDUE)
        if last is not None:
            found += [c for c in (last.ended_by, last.met_by_all) if c and c in OPERATOR_FAULTS]
        return found
