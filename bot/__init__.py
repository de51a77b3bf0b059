"""The front on Telegram. Nothing of it is imported before it is asked for: commands need none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.application import build_application as build_application

__all__ = ["build_application"]


def __getattr__(name: str) -> Any:
    if name != "build_application":
        raise AttributeError(name)
    from bot.application import build_application as build

    return build
