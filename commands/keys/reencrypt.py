"""What the commands that re-encrypt have in common: the run, its progress, and its report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Annotated, Final

import typer

from commands.output import Exit, progress, say, show_json, show_table, stop
from commands.runtime import Custody
from commands.wording import of_kind
from security.encryption import PUT_IT_THERE
from security.errors import CustodyError
from security.recovery.rotation import OUTCOMES, Mode, Plaintext, Rotation, RotationReport
from security.storage.events import Event

DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and change nothing.")
]

_SHOWN: Final = 20
_RESUME: Final = "What is done stays done: run the command again to go on."
_REASONS: Final = {
    "unknown_key": "TOKEN_ENCRYPTION_KEY lacks its key",
    "key_missing": "no key is configured",
    "unknown_envelope": "an envelope of an unknown version",
    "tampered": "damaged",
    "unreadable": "damaged",
    "plaintext_refused": "in plaintext, and not believed (drivekeeper tokens encrypt asks)",
    "wrong_document": "another document, moved there",
    "wrong_owner": "another owner's, moved there",
    "locked": "in use for too long",
    "store_failed": "cannot be read",
    "failed": "did not come back as it was",
}


def find_plaintext(custody: Custody) -> list[Plaintext]:
    """What lies there in plaintext; listed on stderr by owner and kind."""
    found = Rotation(custody.store).find_plaintext()
    masks = [custody.mask(one.owner.name) if one.owner else "nobody alone" for one in found]
    counts = Counter(zip(masks, (one.kind for one in found), strict=True))
    if counts:
        typer.echo("In plaintext; anybody who can write into the folder can have put it:", err=True)
    for (owner, kind), number in sorted(counts.items()):
        typer.echo(f"  {owner}: {of_kind(number, kind)}", err=True)
    return found


def reencrypt(
    custody: Custody, mode: Mode, *, dry_run: bool, believed: Collection[Plaintext] = ()
) -> RotationReport:
    """Run, with a progress bar where somebody watches.

    Args:
        believed: plaintext to be believed, and noted in the audit trail: these very bytes alone.

    Faults of the disk and Ctrl-C end the command and say that it can go on.
    """
    believed = set(believed)
    rotation = Rotation(custody.store, believed=believed)
    try:
        with progress(mode.value) as tell:
            return rotation.run(mode, dry_run=dry_run, progress=tell)
    except CustodyError as fault:
        stop(f"Stopped: {fault}. {_RESUME}", Exit.FAULT)
    except KeyboardInterrupt:
        stop(f"Stopped. {_RESUME}", Exit.FAULT)
    finally:
        if believed and not dry_run:
            gone = believed.difference(rotation.find_plaintext())
            custody.storage.record([Event("believed", one.owner) for one in gone])


def show_report(report: RotationReport, advice: list[str], *, as_json: bool) -> None:
    """Print what was done, then `advice`, and end with the exit code that belongs to it."""
    if as_json:
        show_json(
            {
                "mode": report.mode.value,
                "dry_run": report.dry_run,
                "folders": report.kinds,
                "left": [
                    left.model_dump(exclude={"kind"}) | {"folder": left.kind}
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
            say(f"Left as it is: {left.kind}{whose}: {reason}{key}.")
        if len(report.left) > _SHOWN:
            reasons = Counter(_REASONS.get(left.result, left.result) for left in report.left)
            counted = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
            say(f"Left as they are, in all: {counted}. --json lists every one.")
        if any(left.result == "unknown_key" for left in report.left):
            say(f"Of a key that is lacking: {PUT_IT_THERE}.")
        for line in advice:
            say(line)
    if report.left:
        raise typer.Exit(Exit.FINDINGS)


def _show_table(report: RotationReport) -> None:
    changed = "would change" if report.dry_run else "changed"
    columns = ["folder", changed, "as wanted already", "unreadable", "locked", "vanished"]
    rows = [[kind, *(counts[o] for o in OUTCOMES)] for kind, counts in report.kinds.items()]
    show_table("Documents", columns, rows)
