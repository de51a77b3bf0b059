"""What an entry of the start menu starts, and where each system has its entries."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

from config.places import config_home, data_home
from desktop.keeping.system import this_system

NAME: Final = "Drivekeeper"


@dataclass(frozen=True, slots=True)
class Launch:
    """A program and its arguments."""

    program: Path
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Added:
    """An entry that is in the menu now."""

    entry: Path
    was_there: bool


class Menu(Protocol):
    """One kind of them. Every method raises OSError where the system does not do it."""

    def add(self, launch: Launch) -> Added:
        """Put the entry there, in the place of an earlier one."""

    def found(self) -> Path | None:
        """The entry; None: there is none."""

    def remove(self) -> Path | None:
        """Take the entry away; None: there was none."""


class NoMenu(Exception):
    """It is not known where this system has its entries."""


def this_launch(*more: str) -> Launch:
    """The page, as it is started without a terminal; by this very installation.

    Args:
        more: options.
    """
    python = Path(sys.executable)
    if sys.platform == "win32" and (quiet := python.with_name("pythonw.exe")).exists():
        python = quiet  # the other opens a console beside the page
    # -P: what lies in the folder that a menu starts programs in is not imported.
    return Launch(python, ("-P", "-m", "cli", "desktop", "--from-menu", *more))


def this_menu(*, at_sign_in: bool = False) -> Menu:
    """
    Args:
        at_sign_in: not the menu, but the list of what is started when the account signs in.

    Raises:
        NoMenu: this is neither Windows nor a Unix with XDG's.
        OSError: Windows does not say where it is.
    """
    if sys.platform == "win32":
        from desktop.menu.windows import PROGRAMS, STARTUP, Calls, StartMenu

        return StartMenu(Calls(), STARTUP if at_sign_in else PROGRAMS)
    if sys.platform == "darwin":
        raise NoMenu
    from desktop.menu.xdg import XdgMenu

    folder = config_home() / "autostart" if at_sign_in else data_home() / "applications"
    return XdgMenu(folder, data_home() / "icons", this_system(), has_icon=not at_sign_in)
