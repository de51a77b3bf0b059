"""Why the bot's process ends before somebody stops it."""

from __future__ import annotations

from typing import Final


class StartupError(Exception):
    """Why the process cannot start, in one sentence an operator can act on."""

    def __init__(self, sentence: str, *, code: str = "failed") -> None:
        super().__init__(sentence)
        self.code = code
        """What the log says of it."""


class Replaced(Exception):
    """Another process is the bot by now: this one begins nothing more, and saves nothing."""

    exit_code: Final = 4


class StoppedInTime(Exception):
    """Somebody has stopped the process before it was the bot."""
