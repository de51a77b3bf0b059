"""Whom has been told lately that the bot is not for them."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Final

from security.credential import Owner

_SECONDS: Final = 60
_REMEMBERED: Final = 10_000


class Refusals:
    """Remembers who was told: an outsider's flood must not use up the bot's rate."""

    def __init__(self) -> None:
        self._told: OrderedDict[Owner | int, float] = OrderedDict()

    def is_due(self, whom: Owner | int) -> bool:
        """Whether to tell this person or group (again), which counts as told: once a minute."""
        now = time.monotonic()
        if now - self._told.get(whom, -_SECONDS) < _SECONDS:
            return False
        self._told[whom] = now
        self._told.move_to_end(whom)
        if len(self._told) > _REMEMBERED:
            self._told.popitem(last=False)
        return True
