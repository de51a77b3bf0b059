"""`drivekeeper keys check` and `rotate`: which keys are in use, and everything under the newest."""

from __future__ import annotations

from collections.abc import Iterator

import typer

from commands.keys.reencrypt import DryRun, reencrypt, show_report
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, say, show_json, show_table, stop
from commands.runtime import open_custody
from commands.wording import of_kind
from security.encryption import PUT_IT_THERE, TokenEncryption
from security.recovery.key_use import Census, KeyUse, census
from security.recovery.rotation import OUTCOMES, Mode, RotationReport


def check(env_file: EnvFile = DEFAULT_ENV_FILE, as_json: AsJson = False) -> None:
    """Count the documents that need each key, and say which keys may be dropped."""
    with open_custody(env_file) as custody:
        found = census(custody.storage)
        is_empty = not any(use.total for use in found.keys)
        is_lost = is_empty and bool(custody.losses().lost)
    refused = custody.keyring.requires_sealing and bool(found.of("plaintext"))
    advice = list(_advice_after_check(found, refused=refused))
    if as_json:
        show_json(
            {
                "keys": [
                    {
                        **use.model_dump(),
                        "total": use.total,
                        "may_be_dropped": use.may_be_dropped,
                    }
                    for use in found.keys
                ],
                "unopened": found.unopened,
                "advice": advice,
            }
        )
    else:
        rows = [[use.kid or "–", use.state, use.total, _where(use)] for use in found.keys]
        show_table("Keys in use", ["key", "state", "documents", "of them"], rows)
        for line in advice:
            say(line)
        if found.of("not set") or found.of("unnamed"):
            say(f"Of a key that is lacking: {PUT_IT_THERE}.")
    if found.unopened or refused or is_lost:
        raise typer.Exit(Exit.FINDINGS)


def rotate(
    env_file: EnvFile = DEFAULT_ENV_FILE, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Encrypt everything that is stored under the newest key."""
    with open_custody(env_file, changes=not dry_run) as custody:
        if custody.keyring.kid is None:
            stop("TOKEN_ENCRYPTION_KEY is not set: there is no key to rotate to.", Exit.USAGE)
        report = reencrypt(custody, Mode.ROTATE, dry_run=dry_run)
        advice = list(_advice_after_rotation(report, custody.keyring))
    show_report(report, advice, as_json=as_json)


def _advice_after_check(found: Census, *, refused: bool) -> Iterator[str]:
    if not any(use.total for use in found.keys):
        yield "Nothing is stored that a key could open. `drivekeeper tokens verify` says more."
    for use in found.of("older"):
        if use.may_be_dropped:
            yield (
                f"No document needs key {use.kid}: it may be taken out of TOKEN_ENCRYPTION_KEY. "
                "Keep a copy of it for as long as older backups are kept."
            )
        else:
            yield (
                f"{_documents(use)} key {use.kid}. `drivekeeper keys rotate` puts everything "
                "under the newest key."
            )
    for use in found.of("not set"):
        yield f"{_documents(use)} key {use.kid}, which is not configured."
    for use in found.of("unnamed"):
        yield f"{_documents(use)} a key that is not configured and that they do not name."
    for use in found.of("plaintext"):
        if refused:
            yield (
                f"{use.total} in plaintext, which nothing believes where a key is set. "
                "`drivekeeper tokens encrypt` says whose, asks, and encrypts everything."
            )
        elif found.of("newest"):
            yield f"{use.total} in plaintext. `drivekeeper tokens encrypt` encrypts everything."
    for use in found.of("damaged"):
        yield f"{use.total} damaged: no key opens them any more."
    for use in found.of("not readable"):
        yield f"{use.total} cannot be read: look at the disk and at who owns the files."


def _where(use: KeyUse) -> str:
    return ", ".join(of_kind(number, kind) for kind, number in use.files.items())


def _documents(use: KeyUse) -> str:
    return f"{use.total} {'document needs' if use.total == 1 else 'documents need'}"


def _advice_after_rotation(report: RotationReport, keyring: TokenEncryption) -> Iterator[str]:
    if report.dry_run:
        yield "Nothing was changed: this was a dry run."
        return
    older = keyring.kids[1:]
    if not report.count(*OUTCOMES):
        yield "Nothing is stored, and nothing was done. `drivekeeper tokens verify` says more."
    elif not report.is_complete:
        yield "Not everything could be tried. Run the command again, and keep every key until then."
    elif older:
        yield (
            f"Everything that opens is under key {keyring.kid}. Once the bot has been restarted "
            f"with that key in front, no document needs {', '.join(older)}: `drivekeeper keys "
            "check` tells. Then take what is not needed out of TOKEN_ENCRYPTION_KEY and restart. "
            "Keep a copy of it for as long as older backups are kept."
        )
    else:
        yield f"Everything that opens is under key {keyring.kid}."
