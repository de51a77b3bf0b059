"""How the operator's commands answer: tables for people, JSON for programs, exit codes for both."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import IntEnum
from typing import Annotated, Any, Final, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from security.logs.schema import MASK

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
_NARROW: Final = 80
_IN_ONE_PIECE: Final = 40
"""The longest that is copied: the id of a copy in quarantine."""


class Exit(IntEnum):
    """What a command's exit code says."""

    OK = 0
    FINDINGS = 1
    """It ran, and found or left something that wants attention."""
    USAGE = 2
    """Wrong arguments or settings; nothing was done."""
    FAULT = 3
    """It could not be carried out (keys, disk, network, lock)."""


def stop(message: str, code: Exit) -> NoReturn:
    """End the command with one sentence on stderr."""
    typer.echo(message, err=True)
    raise typer.Exit(code)


def _checked(mask: str) -> str:
    if not MASK.fullmatch(mask):
        stop("That is no mask: u_ or d_ and 16 characters.", Exit.USAGE)
    return mask


Mask = Annotated[
    str, typer.Argument(metavar="MASK", help="An owner, as logs name them.", callback=_checked)
]


def ask(question: str, *, yes: bool, otherwise: str = "Nothing was changed.") -> None:
    """Go on only where somebody agrees; else the command ends, and has done nothing.

    Args:
        yes: somebody has agreed already, by --yes.
        otherwise: what is said where nobody does.
    """
    if yes:
        return
    try:
        agreed = typer.confirm(question, default=False, err=True)
    except typer.Abort:  # nobody is there to answer
        agreed = False
    if not agreed:
        stop(otherwise, Exit.FINDINGS)


def show_json(document: Mapping[str, Any]) -> None:
    """Print one JSON object."""
    typer.echo(json.dumps(document, ensure_ascii=False, indent=2, default=str))


def show_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table that fits the terminal, or 80 columns; nothing in it is taken for markup.

    What is copied from it (masks, ids, codes: a column without a space in it) stays in one piece;
    sentences are wrapped. Without rows its title says all there is to say.
    """
    cells = [[_plain("" if cell is None else str(cell)) for cell in row] for row in rows]
    table = Table(box=box.HEAVY_HEAD, show_edge=False, pad_edge=False)
    for number, column in enumerate(columns):
        is_whole = all(
            " " not in row[number].plain and row[number].cell_len <= _IN_ONE_PIECE for row in cells
        )
        table.add_column(column, overflow="fold", no_wrap=is_whole)
    for row in cells:
        table.add_row(*row)
    console = _console()
    console.print(_plain(title), style="italic", soft_wrap=False)
    if rows:
        console.print(table)


def say(text: str) -> None:
    """Print sentences, wrapped as a table is; lines that begin with spaces stay further in."""
    console = _console()
    for line in text.splitlines():
        indent = " " * (len(line) - len(line.lstrip(" ")))
        for part in _plain(line.strip()).wrap(console, console.width - len(indent)):
            typer.echo(f"{indent}{part.plain.rstrip()}")


def _console() -> Console:
    """Standard output. A pipe has no edge: what comes out of it is read on some terminal later."""
    console = Console()
    return console if console.is_terminal else Console(width=min(console.width, _NARROW))


def _plain(text: str) -> Text:
    """Nothing in it is for the terminal: what it says may come out of a file."""
    return Text("".join(char if char.isprintable() or char == "\n" else "\ufffd" for char in text))


def at(moment: datetime) -> str:
    """A time for people, to the minute."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def on(moment: datetime) -> str:
    """A day for people (UTC)."""
    return f"{moment.astimezone(UTC):%Y-%m-%d}"


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr, where that is a terminal, to be told what is done and of how many."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
