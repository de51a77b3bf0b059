"""`drivekeeper tokens encrypt` and `decrypt`: everything that is stored, converted."""

from __future__ import annotations

from contextlib import ExitStack

from commands.keys.reencrypt import DryRun, find_plaintext, reencrypt, show_report
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, Yes, ask, stop
from commands.runtime import open_custody
from security.recovery.bot_stopped import bot_stopped
from security.recovery.rotation import Mode, check_takes_plaintext


def encrypt(
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = DEFAULT_ENV_FILE,
) -> None:
    """Believe what is stored in plaintext, and encrypt it: credentials and all beside them.

    Whoever can write into the data folder may have put plaintext there: whose it is is listed
    first, and you are asked. The bot may be running.
    """
    with open_custody(env_file, changes=not dry_run) as custody:
        if custody.keyring.kid is None:
            stop("TOKEN_ENCRYPTION_KEY is not set: there is no key to encrypt under.", Exit.USAGE)
        found = find_plaintext(custody)
        if found and not dry_run:
            ask(f"Believe and encrypt these {len(found)}?", yes=yes)
        report = reencrypt(custody, Mode.ENCRYPT, dry_run=dry_run, believed=found)
    if dry_run:
        advice = ["Nothing was changed: this was a dry run."]
    elif not report.is_complete or any(left.result == "plaintext_refused" for left in report.left):
        advice = ["Not everything could be tried. Run the command again."]
    else:
        advice = [
            "Nothing is in plaintext any more, and plaintext is not believed where a key is set. "
            "Copies of the data folder made before hold plaintext."
        ]
    show_report(report, advice, as_json=as_json)


def decrypt(
    yes: Yes = False,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = DEFAULT_ENV_FILE,
) -> None:
    """Store everything in plaintext again. The bot must be stopped: it encrypts what it saves."""
    with open_custody(env_file, changes=not dry_run) as custody, ExitStack() as stack:
        check_takes_plaintext(custody.storage)
        if custody.settings.token_require_encryption:
            stop(
                "TOKEN_REQUIRE_ENCRYPTION=true refuses plaintext: take it out of the settings "
                "first.",
                Exit.USAGE,
            )
        if not dry_run:
            stack.enter_context(bot_stopped(custody.storage))
            question = "Store every credential in plaintext, for whoever can read the folder?"
            ask(question, yes=yes or custody.keyring.kid is None)
        report = reencrypt(custody, Mode.DECRYPT, dry_run=dry_run)
        has_key = custody.keyring.kid is not None
    advice = []
    if dry_run:
        advice.append("Nothing was changed: this was a dry run.")
    if report.left:
        advice.append(
            "What is left is still encrypted, and the bot does not start without a key where "
            "encrypted documents are: mend it, move it away, or keep the keys."
        )
    if has_key and not dry_run:
        advice.append(
            "Now take TOKEN_ENCRYPTION_KEY (or ENCRYPTION_KEY) out of the settings before the bot "
            "is started: with a key it believes no plaintext, and does not start. Keep a copy of "
            "the key for as long as older backups are kept."
        )
    show_report(report, advice, as_json=as_json)
