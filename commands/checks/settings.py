"""Are the settings there, all of them, and fit for the bot?"""

from __future__ import annotations

import stat
from pathlib import Path

from commands.checks.finding import Finding, failed, ok, warning
from commands.wording import count
from config import Settings, SettingsError, load_settings, settings_warnings

_WHERE = "in the environment or in the settings file; docs/settings.md explains each variable."
_SET = f"Set it {_WHERE}"
_CORRECT = f"Correct it, or take it out, {_WHERE}"


def check_settings(env_file: Path) -> tuple[list[Finding], Settings | None]:
    """Every fault, each with its variable's name; and what the other checks go by.

    Settings that only a process lacks do not keep the others from being used; None: some are
    malformed, and nobody knows what was meant.
    """
    faults: set[str] = set()
    settings: Settings | None = None
    try:
        settings = load_settings(for_bot=False, env_file=env_file)
    except SettingsError as error:
        faults.update(error.faults)
    is_web = settings is not None and is_web_alone(settings)
    try:
        load_settings(for_bot=not is_web, for_web=is_web, env_file=env_file)
    except SettingsError as error:
        faults.update(error.faults)
    findings = [
        failed("settings", f"{fault}.", _SET if ": is missing" in fault else _CORRECT)
        for fault in sorted(faults)
    ]
    there = "Every setting that the bot needs is there."
    if is_web:
        there = "Every setting that drivekeeper web needs is there; for a bot there is no token."
    findings = findings or [ok("settings", there)]
    return [*findings, *_ignored_lines(env_file)], settings


def is_web_alone(settings: Settings) -> bool:
    """Whether `drivekeeper web` is all that can run by these settings."""
    return settings.telegram_bot_token is None and settings.web_google_client_id is not None


def _ignored_lines(env_file: Path) -> list[Finding]:
    try:
        ignored = [line for line in settings_warnings(env_file) if ", line " in line]
    except SettingsError:
        return []  # said already
    do = "Correct the name, or take the line away; docs/settings.md has every name."
    return [warning("settings", f"{line}.", do) for line in ignored]


def check_env_file(env_file: Path) -> list[Finding]:
    """It holds secrets: nobody else on this machine needs to read it."""
    name = "settings file"
    try:
        mode = stat.S_IMODE(env_file.stat().st_mode)
    except OSError:
        return [ok(name, "There is none (or none to be read): the environment alone counts.")]
    if not env_file.is_file() or not mode & 0o077:
        return [ok(name, "Nobody else on this machine can read it.")]
    do = "chmod 600 the file."
    if mode & 0o022:
        says = "Others on this machine can change the settings file, and so who may use the bot."
        return [failed(name, says, do)]
    says = "Others on this machine can read the settings file, and it may hold secrets."
    return [warning(name, says, do)]


def check_precautions(settings: Settings) -> list[Finding]:
    """What the bot runs without, and an operator should not."""
    people = [] if is_web_alone(settings) else [_people(settings)]
    return [*people, _administrators(settings), _backup_key(settings)]


def _people(settings: Settings) -> Finding:
    name = "people"
    invited, groups = len(settings.allowed_user_ids), len(settings.allowed_chat_ids)
    everywhere = f", and in {count(groups, 'group')}" if groups else ""
    who = f"{count(invited, 'person', 'people')} and the administrators"
    if not invited:
        who = "Everybody on Telegram who finds the bot"
    return ok(name, f"{who} may use it{everywhere}.")


def _administrators(settings: Settings) -> Finding:
    name = "administrators"
    if is_web_alone(settings):
        if settings.alert_webhook_url is not None:
            return ok(name, "ALERT_WEBHOOK_URL is told of trouble.")
        return warning(
            name,
            "Nobody is told of trouble: there is no bot, and ALERT_WEBHOOK_URL is not set.",
            "Set ALERT_WEBHOOK_URL to an address that passes messages on to people.",
        )
    if number := len(settings.admin_user_ids):
        return ok(
            name, f"{count(number, 'person', 'people')} to tell of trouble, who administer it."
        )
    return warning(
        name,
        "Nobody is told of trouble in the chat.",
        "Set ADMIN_USER_IDS, and have each of them send /start to the bot.",
    )


def _backup_key(settings: Settings) -> Finding:
    name = "backup key"
    if settings.token_backup_key:
        return ok(name, "There is a key for backups.")
    return warning(
        name,
        "TOKEN_BACKUP_KEY is not set: no backup can be made.",
        "Make a key (drivekeeper keys generate), set it, and keep a copy elsewhere.",
    )
