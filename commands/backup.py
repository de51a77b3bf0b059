"""`drivekeeper backup` and `drivekeeper restore`: one encrypted archive, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from commands.losses import losses_document, owners, tell_losses
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, at, progress, say, show_json, show_table, stop
from commands.runtime import (
    custody_for_restore,
    open_custody,
    read_settings,
)
from commands.version import program_version
from commands.wording import count
from config import Settings
from security.encryption import fingerprint
from security.errors import CustodyError
from security.logging_utils import OwnerMask
from security.recovery.backup import About, BackupReport, write_backup
from security.recovery.losses import Losses
from security.recovery.restore import Contents, Restore, RestoreReport, verify

Archive = Annotated[Path, typer.Argument(help="The archive.", show_default=False)]
Replace = Annotated[bool, typer.Option("--force", help="Replace a file of that name.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Verify the archive, say what would be done, and stop.")
]
Rollback = Annotated[
    bool,
    typer.Option(
        "--rollback",
        help="With the bot stopped: also bring back what has ended or was replaced since.",
    ),
]

_ENDED: Final = frozenset({"ended", "leaving"})
"""Reasons for a refusal that a rollback passes over."""


def backup(
    file: Archive,
    force: Replace = False,
    as_json: AsJson = False,
    env_file: EnvFile = DEFAULT_ENV_FILE,
) -> None:
    """Write an encrypted archive of credentials, tombstones and quarantine; the bot may run.

    Exit code 1: it is written and good, but holds no credential, or not everybody's.
    """
    settings = read_settings(env_file)
    _check_keys(settings)
    with open_custody(env_file, changes=True) as custody, progress("Backing up") as on_progress:
        report = write_backup(
            file,
            settings.token_backup_key,
            About(
                created=datetime.now(UTC),
                version=program_version(),
                settings=settings.names_set,
                mask_key=custody.mask_key,
            ),
            custody.store,
            outside=settings.user_data_dir,
            replace=force,
            on_progress=on_progress,
        )
        losses, stored = custody.losses(), len(custody.store.owners())
    _show_backup(report, losses, stored, file, settings, custody.mask, as_json=as_json)
    is_enough = report.credentials and not losses.are_serious(report.credentials)
    if not (report.is_complete and is_enough):
        raise typer.Exit(Exit.FINDINGS)


def restore(
    file: Archive,
    dry_run: DryRun = False,
    rollback: Rollback = False,
    as_json: AsJson = False,
    env_file: EnvFile = DEFAULT_ENV_FILE,
) -> None:
    """Put an archive back: only what is missing or older here, unless it is a rollback.

    Exit code 1: something wants attention, or nobody of the archive has a credential here after it.
    """
    settings = read_settings(env_file)
    _check_keys(settings)
    keys = settings.token_backup_key
    run: Restore | None = None
    try:
        contents = verify(file, keys)
        _refuse_plaintext(settings, contents)
        archived = contents.about.mask_key
        with custody_for_restore(settings, archived, rollback=rollback, dry_run=dry_run) as (
            custody,
            mask_key,
        ):
            run = Restore(custody.store, rollback=rollback, dry_run=dry_run)
            run.report.mask_key = mask_key
            with progress("Restoring") as on_progress:
                run.run(file, keys, contents, on_progress)
            # Of a dry run, who is missing now is not who would be.
            losses = Losses() if dry_run else custody.losses()
            stored = len(custody.store.owners())
    except CustodyError as error:
        done = run.report.owners if run is not None and not dry_run else 0
        if done == 0:
            stop(f"Not done: {error}.", Exit.FAULT)
        stop(
            f"Stopped after {done} of {count(contents.owners, 'owner')}: {error}. What was "
            "restored is whole; run the same command again to go on.",
            Exit.FAULT,
        )
    _show_restore(
        *(run.report, contents, losses, stored, settings, custody.mask),
        dry_run=dry_run,
        as_json=as_json,
    )
    is_enough = run.report.in_use and not losses.are_serious(run.report.in_use)
    if not (run.report.is_clean and is_enough):
        raise typer.Exit(Exit.FINDINGS)


def _check_keys(settings: Settings) -> None:
    keys = settings.token_backup_key
    if not keys:
        stop(
            "There is no TOKEN_BACKUP_KEY, and an archive is never written in plaintext. Make a "
            "key with `drivekeeper keys generate`, and keep it apart from the archives.",
            Exit.USAGE,
        )
    # The settings compare spellings; one key can be spelt in several ways.
    if {*map(fingerprint, keys)} & {*map(fingerprint, settings.encryption_keys)}:
        stop("TOKEN_BACKUP_KEY holds a key of TOKEN_ENCRYPTION_KEY.", Exit.USAGE)


def _refuse_plaintext(settings: Settings, contents: Contents) -> None:
    encrypted = {"TOKEN_ENCRYPTION_KEY", "ENCRYPTION_KEY"} & {*contents.about.settings}
    if encrypted and not settings.encryption_keys:
        stop(
            "What this archive holds was encrypted, and TOKEN_ENCRYPTION_KEY is not set: it would "
            "be restored in plaintext. Set a key; it need not be the one of then.",
            Exit.USAGE,
        )


def _show_backup(
    report: BackupReport,
    losses: Losses,
    stored: int,
    file: Path,
    settings: Settings,
    mask: OwnerMask,
    *,
    as_json: bool,
) -> None:
    counts: dict[str, Any] = {
        "owners": report.owners,
        "credentials": report.credentials,
        "tombstones": report.tombstones,
        "quarantined": report.copies,
        "unreadable": dict(report.unreadable),
        "left_out": report.left_out,
        "locked": report.locked,
    }
    file, size, kid = (
        file.absolute(),
        file.stat().st_size,
        fingerprint(settings.token_backup_key[0]),
    )
    findings = [{"owner": mask(owner.name), "reason": why} for owner, why in report.findings]
    if as_json:
        written = {"file": str(file), "bytes": size, "kid": kid}
        show_json({**counts, **written, "findings": findings, **losses_document(losses)})
        return
    show_table("The archive holds", ("what", "count"), _rows(counts))
    _show_findings(findings)
    say(f"Written: {file}, {size:,} bytes, of {owners(report.owners)}.")
    say(f"Under key {kid}, the first of TOKEN_BACKUP_KEY: who has lost it has no backup.")
    if not report.credentials:
        say("It holds no credential. Keep earlier archives.")
    tell_losses(losses, stored=stored)


def _show_restore(
    report: RestoreReport,
    contents: Contents,
    losses: Losses,
    stored: int,
    settings: Settings,
    mask: OwnerMask,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    counts: dict[str, Any] = {
        "restored": report.restored,
        "unchanged": report.unchanged,
        "refused": dict(report.refused),
        "unreadable": dict(report.unreadable),
        "quarantined": report.quarantined,
        "copies": report.copies,
        "copies_refused": report.copies_refused,
        "tombstones": report.tombstones,
        "mask_key": report.mask_key,
        "not_in_archive": report.not_in_archive,
    }
    missing = sorted(set(contents.about.settings) - set(settings.names_set))
    findings = [{"owner": mask(o.name), "reason": reason} for o, reason in report.findings]
    if as_json:
        show_json(
            {
                "archive": {
                    "created": contents.about.created.isoformat(timespec="seconds"),
                    "version": contents.about.version,
                    "owners": contents.owners,
                    "credentials": contents.credentials,
                    "copies": contents.copies,
                },
                "dry_run": dry_run,
                "changed": report.changed and not dry_run,
                **counts,
                "settings_missing": missing,
                "findings": findings,
                **losses_document(losses),
            }
        )
        return
    would = "Would be done" if dry_run else "Done"
    title = f"{would} with the archive of {at(contents.about.created)}"
    show_table(title, ("what", "count"), _rows(counts))
    _show_findings(findings)
    if missing:
        say(f"Set when the archive was made, and not now: {', '.join(missing)}.")
    if not dry_run:
        tell_losses(losses, stored=stored)
    say(_in_the_end(report, contents, dry_run=dry_run))


def _in_the_end(report: RestoreReport, contents: Contents, *, dry_run: bool) -> str:
    """Whether whoever is in the archive has a credential here."""
    if not contents.credentials:
        return "The archive holds no credential: is it the right one?"
    would = "would be" if dry_run else "is"
    if not report.in_use:
        kept = count(contents.credentials, "credential")
        none = f"Of the archive's {kept} none {would} in use here."
        if report.refused and report.refused.keys() <= _ENDED:
            return (
                f"{none} What has ended or was set aside since comes back with --rollback, with "
                "the bot stopped."
            )
        return f"{none} docs/backup.md says what to do about each reason above."
    if not report.changed:
        return f"Nothing needed to be changed. In use here: {owners(report.in_use)} of the archive."
    return f"In use here{' after it' if dry_run else ''}: {owners(report.in_use)} of the archive."


def _show_findings(findings: Sequence[dict[str, str]]) -> None:
    """Whom to look at, the first of them; --json has all."""
    if findings:
        rows = [(one["owner"], one["reason"]) for one in findings[:20]]
        show_table(f"{len(findings)} to look at", ("owner", "reason"), rows)


def _rows(counts: dict[str, Any]) -> list[tuple[str, object]]:
    """A row for each count; one for each code where they are counted by code."""
    rows: list[tuple[str, object]] = []
    for name, value in counts.items():
        label = name.replace("_", " ")
        if isinstance(value, dict):
            rows += [(f"{label}: {code}", count) for code, count in sorted(value.items())]
        else:
            rows.append((label, value))
    return rows
