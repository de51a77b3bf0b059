"""`drivekeeper desktop install`, put together: this installation, and this system's menu."""

from __future__ import annotations

from pathlib import Path

from desktop.menu.entry import Added, NoMenu, this_launch, this_menu
from desktop.menu.telling import tell_trouble, tell_where

__all__ = ["Added", "NoMenu", "add", "remove", "tell_trouble", "tell_where"]


def add() -> Added:
    """Put this installation into the menu.

    Raises:
        NoMenu: none is known here.
        OSError: it cannot be written.
        ValueError: this installation's path cannot stand there.
    """
    return this_menu().add(this_launch())


def remove() -> Path | None:
    """Take it out again, and say what went; raises as `add`."""
    return this_menu().remove()
