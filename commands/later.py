"""Commands whose modules are imported when they are wanted: help and completion wait for none.

What a command needs (cryptography, Google's client, the bot) takes up to a second of the processor
to import, and no command needs all of it.
"""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from importlib.util import find_spec
from inspect import cleandoc
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand
from typer.main import get_command


class LaterCommand(TyperCommand):
    """Stands for a command of a module that has not been imported yet."""

    where: ClassVar[str]
    """Its function: the module's dotted name, a colon, the function's."""

    @cached_property
    def whole(self) -> Any:
        """The command itself; its module is imported now."""
        module, _, function = self.where.partition(":")
        app = typer.Typer(add_completion=False)
        command = getattr(import_module(module), function)
        # Typer keeps the docstring's own ends of lines, which are not the terminal's.
        paragraphs = cleandoc(command.__doc__ or "").split("\n\n")
        says = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
        app.command(self.name, help=says)(command)
        return get_command(app)

    @property
    def params(self) -> Any:
        """What the command itself takes."""
        return self.whole.params

    @params.setter
    def params(self, _: Any) -> None:
        """Typer sets those of the function that stands in: none."""

    def make_context(self, *args: Any, **kwargs: Any) -> Any:
        """The command's own, from here on: parsed, helped, completed and run by it."""
        return self.whole.make_context(*args, **kwargs)


def add_later(
    group: typer.Typer, name: str, where: str, says: str, panel: str | None = None
) -> None:
    """Add a command to a group without importing its module.

    Args:
        where: as `LaterCommand.where`.
        says: the first paragraph of its help, for the list of commands.
        panel: under which heading it stands in that list.
    """
    kind = type(LaterCommand.__name__, (LaterCommand,), {"where": where})
    group.command(name, cls=kind, help=says, rich_help_panel=panel)(_stand_in)


def not_installed(error: ModuleNotFoundError) -> str | None:
    """What to say of a package that was not installed; None: it was, and lacks a part."""
    top = (error.name or "").partition(".")[0]
    if not top or find_spec(top) is not None:
        return None
    return (
        f"That needs {top}, which is not installed here. The package drivekeeper brings "
        "everything; drivekeeper-desktop brings what `drivekeeper desktop` needs."
    )


def leave_out_missing(app: typer.Typer) -> None:
    """Where the desktop's page alone is installed, let help speak of nothing else.

    The others still say, when they are run, what they need.
    """
    if find_spec("bot") is not None:
        return
    for command in app.registered_commands:
        command.hidden = getattr(command.callback, "__name__", "") != "version"
    for group in app.registered_groups:
        group.hidden = group.name != "desktop"
    app.info.help = "Drivekeeper: a page on this computer from which PDFs go into Google Drive."


def _stand_in() -> None:
    """Never called."""
