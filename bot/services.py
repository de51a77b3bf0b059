"""The front's own services, typed: everything that handlers reach for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.access.policy import Access
from bot.access.refusals import Refusals
from bot.core import BotOptions, Core
from bot.delivery.file_sender import Sender
from bot.updates.attention import Attention
from bot.updates.inbox import Inbox
from bot.updates.telegram_health import TelegramHealth
from bot.uploads.albums import Albums
from bot.uploads.destinations import Destinations
from bot.uploads.ends import UploadEnds
from bot.uploads.jobs import UploadJob
from bot.uploads.queue import UploadQueue
from security.maintenance.fleet import MayTell


@dataclass(frozen=True, slots=True)
class Services:
    """Everything handlers reach for."""

    core: Core
    options: BotOptions
    access: Access
    uploads: UploadQueue
    ends: UploadEnds
    albums: Albums
    progress_of: Callable[[UploadJob], str | None]
    """What a running upload's message says."""
    sender: Sender
    destinations: Destinations
    inbox: Inbox
    attention: Attention
    telegram_health: TelegramHealth
    refusals: Refusals
    database_faults: set[str] = field(default_factory=set)
    """Codes of what has kept the bot's lease from being renewed."""
    notices_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while people are told what a sweep found: nobody is told twice."""
    chart_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a chart is drawn: one process at a time does it."""

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[MayTell]:
        """Be the only one who tells people what sweeps found, in this process and among all of
        them; gives whether this one may."""
        async with self.notices_lock, self.core.fleet.telling() as may_tell:
            yield lambda: may_tell() and not self.core.workers.is_stopping
