"""`drivekeeper maintenance run`: one sweep, by hand."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from typing import Annotated

import typer

from commands.at_work import at_work
from commands.losses import losses_document, tell_losses
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, say, show_json, show_table, stop
from commands.runtime import Custody, open_custody
from commands.waiting import saying
from security.maintenance.report import SweepReport

DryRun = Annotated[bool, typer.Option("--dry-run", help="Only count what is due; change nothing.")]


def run(
    env_file: EnvFile = DEFAULT_ENV_FILE, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Read every credential, refresh what is due, and set aside what cannot be used.

    Safe beside a running bot, which keeps the memory of pauses and holds to itself.
    """
    with open_custody(env_file, changes=not dry_run) as custody:
        if not dry_run and not custody.settings.google_clients:
            stop("GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET are missing.", Exit.USAGE)
        report = asyncio.run(_sweep(custody, dry_run=dry_run))
        losses = custody.losses()
    if as_json:
        show_json({**report.model_dump(mode="json"), **losses_document(losses)})
    else:
        _show(report, dry_run=dry_run)
        tell_losses(losses, stored=report.seen - report.quarantined)
    trouble = report.operator or report.transient or report.held or report.ended_by
    unusable = sum(report.results.values()) if dry_run else report.quarantined
    lost = losses.are_serious(report.fresh + report.refreshed)
    raise typer.Exit(Exit.FINDINGS if trouble or unusable or lost else Exit.OK)


async def _sweep(custody: Custody, *, dry_run: bool) -> SweepReport:
    async with at_work(custody, looks_only=dry_run) as parts:

        def stop_soon() -> None:
            parts.workers.stop()
            parts.sweep.stop()

        # What Google has given is saved, also where this is told to stop.
        for number in (signal.SIGINT, signal.SIGTERM):
            with suppress(RuntimeError):  # in a thread, which hears of no signals
                asyncio.get_running_loop().add_signal_handler(number, stop_soon)
        async with saying("Still at it: Google is asked for those whose token is due"):
            report = await parts.sweep.run(full=True, dry_run=dry_run)
        if parts.storage.is_shared and not dry_run:  # in files it is the bot's to know
            await parts.fleet.learn(report)
        return report


def _show(report: SweepReport, *, dry_run: bool) -> None:
    left = report.minutes_left
    rows: list[tuple[str, object]] = [
        ("owners", report.seen),
        ("nothing due", report.fresh),
        ("would be refreshed" if dry_run else "refreshed", report.refreshed),
        ("failed for now, tried again later", report.transient),
        ("for an operator to mend", report.operator),
        ("set aside", report.quarantined),
        ("on hold", report.held),
        ("skipped (pausing)", report.skipped),
        ("fewest minutes left", "–" if left is None else round(left, 1)),
        ("seconds", round(report.seconds, 2)),
    ]
    show_table("What a sweep would find" if dry_run else "Sweep", ["", "count"], rows)
    if report.results:
        show_table("Results", ["code", "owners"], sorted(report.results.items()))
    if report.ended_by:
        say(f"It ended before its time: {report.ended_by} (see docs/operations.md).")
