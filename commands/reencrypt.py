"""What the commands that re-encrypt have in common: the run, its progress, and its report."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final

import typer
from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from commands.output import Exit, show_json, show_table, stop
from commands.runtime import Custody
from security.errors import CustodyError
from security.files import FILE_MODE
from security.rotation import OUTCOMES, Mode, Rotation, RotationReport

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
]

_SHOWN: Final = 20
_RESUME: Final = "What is done stays done: run the command again to go on."
_REASONS: Final = {
    "unknown_key": "its key is not configured",
    "key_missing": "no key is configured",
    "unknown_envelope": "an envelope of an unknown version",
    "tampered": "damaged",
    "locked": "in use for too long",
    "store_failed": "cannot be read from the disk",
    "failed": "did not come back as it was",
}


def reencrypt(custody: Custody, mode: Mode, *, dry_run: bool, as_json: bool) -> RotationReport:
    """Run, with a progress bar where somebody watches.

    Faults of the disk and Ctrl-C end the command and say that it can go on.
    """
    rotation = Rotation(custody.store, custody.keyring, custody.mask)
    try:
        with _progress(mode, quiet=as_json) as progress:
            return rotation.run(mode, dry_run=dry_run, progress=progress)
    except CustodyError as fault:
        stop(f"Stopped: {fault}. {_RESUME}", Exit.FAULT)
    except KeyboardInterrupt:
        stop(f"Stopped. {_RESUME}", Exit.FAULT)


def show_report(report: RotationReport, advice: list[str], *, as_json: bool) -> None:
    """Print what was done, then `advice`, and end with the exit code that belongs to it."""
    if as_json:
        show_json(
            {
                "mode": report.mode.value,
                "dry_run": report.dry_run,
                "folders": report.places,
                "left": [
                    left.model_dump(exclude={"place"}) | {"folder": left.place}
                    for left in report.left
                ],
                "complete": report.is_complete and not report.dry_run,
                "advice": advice,
            }
        )
    else:
        _show_table(report)
        for left in report.left[:_SHOWN]:
            whose = f" of {left.owner}" if left.owner else ""
            key = f", key {left.kid}" if left.kid else ""
            reason = _REASONS.get(left.result, left.result)
            typer.echo(f"Left as it is: {left.place}{whose}: {reason}{key}.")
        if len(report.left) > _SHOWN:
            reasons = Counter(_REASONS.get(left.result, left.result) for left in report.left)
            counted = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
            typer.echo(f"Left as they are, in all: {counted}. --json lists every one.")
        for line in advice:
            typer.echo(line)
    if report.left:
        raise typer.Exit(Exit.FINDINGS)


def bot_is_running(data_folder: Path) -> bool:
    """Whether a bot is running on the data folder just now."""
    path = data_folder / "locks" / "bot.lock"
    if not path.exists():
        return False
    lock = FileLock(path, mode=FILE_MODE, thread_local=False, fallback_to_soft=False)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def _show_table(report: RotationReport) -> None:
    changed = "would change" if report.dry_run else "changed"
    columns = ["folder", changed, "as wanted already", "unreadable", "locked", "vanished"]
    rows = [[place, *(counts[o] for o in OUTCOMES)] for place, counts in report.places.items()]
    show_table("Documents", columns, rows)


@contextmanager
def _progress(mode: Mode, *, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar on stderr: stdout is for the answer."""
    if quiet or not sys.stderr.isatty():
        yield lambda done, total: None
        return
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(mode.value, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
