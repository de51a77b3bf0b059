"""`drivekeeper quarantine …`: credentials that were set aside; put back or deleted."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, Yes, ask, on, say, show_json, show_table, stop
from commands.runtime import Custody, open_custody
from security.errors import CorruptCredential, RestoreRefused
from security.quarantine.records import QuarantineRecord

Which = Annotated[
    str, typer.Argument(metavar="ID|MASK", help="A copy's id as `list` shows it, or its owner.")
]


def list_copies(env_file: EnvFile = DEFAULT_ENV_FILE, as_json: AsJson = False) -> None:
    """Every copy, oldest first: whose it is, why and when it was set aside, whether they know."""
    with open_custody(env_file) as custody:
        records = custody.store.copies.records()
    if as_json:
        show_json(
            {
                "quarantined": [
                    {
                        "id": record.id,
                        "owner": record.owner_mask,
                        "reason": record.reason,
                        "time": record.time.isoformat(),
                        "told": record.told,
                    }
                    for record in records
                ]
            }
        )
        return
    show_table(
        f"{len(records)} in quarantine",
        ("id", "reason", "since", "told"),
        [(r.id, r.reason, on(r.time), "yes" if r.told else "no") for r in records],
    )


def restore(which: Which, env_file: EnvFile = DEFAULT_ENV_FILE, as_json: AsJson = False) -> None:
    """Put a copy back into its owner's place, if it is whole and nothing usable is there.

    The bot may be running and needs no restart. Exit code 1: refused, and nothing was changed.
    """
    with open_custody(env_file, changes=True) as custody:
        found = _find(custody, which)
        if len(found) > 1:
            ids = "\n".join(f"  {record.id}  {record.reason}" for record in found)
            stop(f"There are {len(found)} such copies; name one of them:\n{ids}", Exit.USAGE)
        record = found[0]
        try:
            done = custody.store.copies.restore(record.name)
        except (RestoreRefused, CorruptCredential) as error:
            stop(f"Not restored ({error.code}): {error}.", Exit.FINDINGS)
    if as_json:
        show_json(
            {
                "restored": record.id,
                "owner": record.owner_mask,
                "generation": done.generation,
                "replaced": done.replaced,
            }
        )
        return
    say(f"Restored the credential of {record.owner_mask}, as generation {done.generation}.")
    if done.replaced is not None:
        say(f"The file in its place was of no use ({done.replaced}): in quarantine now.")
    say("The bot uses it from now on and needs no restart.")


def purge(
    which: Which,
    yes: Yes = False,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
) -> None:
    """Delete a copy, or all of an owner's, for good."""
    with open_custody(env_file, changes=True) as custody:
        found = _find(custody, which)
        if not yes:
            for record in found:
                typer.echo(f"{record.id}  {record.reason}", err=True)
        ask(f"Delete {len(found)} for good?", yes=yes, otherwise="Nothing was deleted.")
        purged = []
        for record in found:
            try:
                custody.store.copies.purge(record.name)
            except RestoreRefused:
                continue  # somebody else was faster
            purged.append(record.id)
    if as_json:
        show_json({"purged": purged})
    else:
        say(f"Deleted {len(purged)} from quarantine.")


def _find(custody: Custody, which: str) -> list[QuarantineRecord]:
    found = custody.store.copies.find(which)
    if not found:
        stop(
            "There is no such copy in quarantine (any more); `drivekeeper quarantine list` shows "
            "those there are. One that was restored or purged has gone from there.",
            Exit.USAGE,
        )
    return found
