"""`drivekeeper tokens …`: stored credentials, looked at and converted."""

from __future__ import annotations

import typer

from commands import disconnecting, token_reports
from commands.output import AsJson, Exit, stop
from commands.reencrypt import DryRun, reencrypt, show_report
from commands.runtime import DEFAULT_ENV_FILE, EnvFile, is_bot_running, open_custody
from security.rotation import Mode

app = typer.Typer(help="Stored credentials: look at them, convert them.", no_args_is_help=True)
app.command("list")(token_reports.list_tokens)
app.command("show")(token_reports.show_token)
app.command("verify")(token_reports.verify_tokens)
app.command("disconnect")(disconnecting.disconnect)


@app.command()
def encrypt(
    env_file: EnvFile = DEFAULT_ENV_FILE, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Encrypt whatever is stored in plaintext: credentials and everything beside them."""
    with open_custody(env_file) as custody:
        if custody.keyring.kid is None:
            stop("TOKEN_ENCRYPTION_KEY is not set: there is no key to encrypt under.", Exit.USAGE)
        report = reencrypt(custody, Mode.ENCRYPT, dry_run=dry_run)
    if dry_run:
        advice = ["Nothing was changed: this was a dry run."]
    elif not report.is_complete:
        advice = ["Not everything could be tried. Run the command again."]
    else:
        advice = [
            "Nothing is in plaintext any more. TOKEN_REQUIRE_ENCRYPTION=true keeps it so. Copies "
            "of the data folder made before hold plaintext."
        ]
    show_report(report, advice, as_json=as_json)


@app.command()
def decrypt(
    env_file: EnvFile = DEFAULT_ENV_FILE, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Store everything in plaintext again. Stop the bot first: it encrypts what it saves."""
    with open_custody(env_file) as custody:
        if custody.settings.token_require_encryption:
            stop(
                "TOKEN_REQUIRE_ENCRYPTION=true refuses plaintext: take it out of the settings "
                "first.",
                Exit.USAGE,
            )
        report = reencrypt(custody, Mode.DECRYPT, dry_run=dry_run)
        running = is_bot_running(custody.folder)
        has_key = custody.keyring.kid is not None
    advice = []
    if dry_run:
        advice.append("Nothing was changed: this was a dry run.")
    if report.left:
        advice.append(
            "What is left is still encrypted, and the bot does not start without a key where "
            "encrypted documents are: mend it, move it away, or keep the keys."
        )
    if has_key and running:
        advice.append(
            "The bot is running and encrypts whatever it saves. Stop it, run this command again, "
            "take TOKEN_ENCRYPTION_KEY (or ENCRYPTION_KEY) out of the settings, and start it."
        )
    elif has_key:
        advice.append(
            "Now take TOKEN_ENCRYPTION_KEY (or ENCRYPTION_KEY) out of the settings before the bot "
            "is started: with a key it encrypts whatever it saves. Keep a copy of the key for as "
            "long as older backups are kept."
        )
    show_report(report, advice, as_json=as_json)
