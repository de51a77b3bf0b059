"""`drivekeeper desktop install`, put together: this installation, and this system's menu."""

from __future__ import annotations

from pathlib import Path

from desktop.menu.entry import Added, NoMenu, this_launch, this_menu
from desktop.menu.telling import tell_trouble, tell_where

__all__ = ["Added", "NoMenu", "add", "remove", "tell_trouble", "tell_where"]


def add(*, at_sign_in: bool) -> tuple[Added, Path | None]:
    """Put this installation into the menu, and among what is started at sign-in.

    Args:
        at_sign_in: False: what is there stays.

    Returns:
        The menu's entry, and the one that is there for the sign-in.

    Raises:
        NoMenu: none is known here.
        OSError: it cannot be written.
        ValueError: this installation's path cannot stand there.
    """
    added = this_menu().add(this_launch())
    starts = this_menu(at_sign_in=True)
    if not at_sign_in:
        return added, starts.found()
    return added, starts.add(this_launch("--no-browser")).entry


def remove() -> list[Path]:
    """Take it out of both, and say what went; raises as `add`."""
    menus = this_menu(), this_menu(at_sign_in=True)
    return [removed for menu in menus if (removed := menu.remove()) is not None]
