"""The settings read from the environment and the settings file, or all their faults at once.

Each fault is told by the variable's name and never with its value.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import ValidationError

from config.addresses import is_for_telegrams_cloud
from config.database import AddressFault
from config.network import unused
from config.settings import (
    GOOGLE_ADDRESSES,
    TELEGRAMS_CLOUD,
    Settings,
    read,
    service_account_variable,
)
from config.sources import OTHERS, Variables

DEFAULT_ENV_FILE: Final = Path(".env")

_Rule = tuple[object, str, str]
"""Whether it is broken, the field that is at fault, and what is wrong with that."""


class SettingsError(Exception):
    """All faults of the settings at once, each as "NAME: what is wrong"."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(self.faults))


def load_settings(
    *, for_bot: bool = True, for_web: bool = False, env_file: Path | None = DEFAULT_ENV_FILE
) -> Settings:
    """Read the environment, and below it `env_file`.

    Args:
        for_bot: also demand what the bot cannot do without.
        for_web: also demand what the web process cannot do without.
        env_file: lines of NAME=value; None: no file. `.env` need not be there, another must.

    Raises:
        SettingsError: with every fault found, so that an operator mends them in one go.
    """
    variables = read_or_refuse(env_file)
    faults = {_shown(name): reason for name, reason in variables.faults.items()}
    defaults: dict[str, Any] = {}
    while True:
        try:
            settings = Settings(_env_file=env_file, **defaults)
            break
        except ValidationError as error:
            # Faulty fields get their defaults, so that the faults between fields show as well.
            for item in error.errors(include_input=False, include_url=False):
                field = str(item["loc"][0])
                name = (
                    service_account_variable(item["loc"][1])
                    if field == "service_accounts"
                    else field
                )
                faults.setdefault(_shown(name), item["msg"].removeprefix("Value error, "))
                default = Settings.model_fields[field].get_default(call_default_factory=True)
                defaults[field] = default
    for name, reason in _faults_between(settings, {*defaults}, for_bot=for_bot, for_web=for_web):
        faults.setdefault(_shown(name), reason)
    if faults:
        raise SettingsError(f"{name}: {reason}" for name, reason in faults.items())
    return settings


def read_or_refuse(env_file: Path | None) -> Variables:
    name = env_file.name if env_file else ""
    try:
        if env_file not in (None, DEFAULT_ENV_FILE) and not env_file.exists():
            raise SettingsError([f"{name}: there is no such file"])
        return read(env_file)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"{name}: cannot be read ({type(error).__name__})"]) from None


def settings_warnings(env_file: Path | None = DEFAULT_ENV_FILE) -> tuple[str, ...]:
    """What wants attention, each in half a sentence: first of all, what is set and has no effect.

    Raises:
        SettingsError: the file cannot be read.
    """
    variables = read_or_refuse(env_file)
    names = {name.upper() for name in variables.values}
    without_effect = (
        f"{theirs} is set, and has no effect here: {instead} would"
        for theirs, instead in unused(os.environ, names | {n.removesuffix("_FILE") for n in names})
    )
    warnings = (*variables.warnings, *without_effect)
    if env_file is not None and env_file.is_file() and env_file.stat().st_mode & 0o022:
        exposed = "others on this machine can change it, and so who may use the bot: chmod 600"
        return (f"{env_file.name}: {exposed}", *warnings)
    return warnings


def _shown(name: str) -> str:
    return name if " " in name else name.upper()  # a line of the file is named as it is


def _faults_between(
    s: Settings, faulty: Collection[str], *, for_bot: bool, for_web: bool
) -> Iterable[tuple[str, str]]:
    """Faults that only show when several settings are seen together, each by its field.

    Args:
        faulty: fields that stand at their default because their value has a fault of its own.
    """
    rules = [
        *(_needs_of_the_bot(s) if for_bot else ()),
        *(_needs_of_the_web(s, faulty) if for_web else ()),
        *_rules_for_all(s, faulty),
    ]
    yield from ((name, reason) for is_broken, name, reason in rules if is_broken)
    try:
        _ = s.database
    except AddressFault as fault:
        yield fault.setting.lower(), fault.reason
    files = s.telegram_files_dir if s.telegram_local_mode else None
    if files is not None and (reason := _fault_of_files_dir(files, s.user_data_dir)):
        yield "telegram_files_dir", reason
    moved = {name for name, default in GOOGLE_ADDRESSES.items() if getattr(s, name) != default}
    for name in GOOGLE_ADDRESSES.keys() - moved if moved else ():
        yield name, "must be set too: Google's addresses are changed all together or not at all"
    slugs = {entry.partition("=")[0] for entry in s.departments}
    for slug in s.service_accounts.keys() - slugs if "departments" not in faulty else ():
        yield service_account_variable(slug), "belongs to no slug in DEPARTMENTS"


def _needs_of_the_bot(s: Settings) -> list[_Rule]:
    called_back = s.google_oauth_flow == "callback"
    return [
        *(
            (getattr(s, name) is None, name, "is missing")
            for name in ("telegram_bot_token", "google_client_id", "google_client_secret")
        ),
        (
            called_back and s.public_url is None,
            "public_url",
            "is missing (GOOGLE_OAUTH_FLOW=callback needs it)",
        ),
        (
            called_back and s.web_address[1] == 0,
            "web_port",
            "must not be 0 (GOOGLE_OAUTH_FLOW=callback needs the web server)",
        ),
        (
            s.telegram_webhook_url is not None and s.web_address[1] == 0,
            "web_port",
            "must not be 0 (TELEGRAM_WEBHOOK_URL needs the web server)",
        ),
        (
            s.telegram_local_mode and s.telegram_files_dir is None,
            "telegram_files_dir",
            "is missing (TELEGRAM_LOCAL_MODE=true needs it: the local server's own folder)",
        ),
    ]


def _needs_of_the_web(s: Settings, faulty: Collection[str]) -> list[_Rule]:
    has_keys = s.encryption_keys or not {"token_encryption_key", "encryption_key"}.isdisjoint(
        faulty
    )
    return [
        (
            s.public_url is None and "public_url" not in faulty,
            "public_url",
            "is missing (the web process needs it: where browsers reach it)",
        ),
        (
            s.public_url is not None and urlsplit(s.public_url).path != "",
            "public_url",
            "must have no path (departments' pages have the whole of a host)",
        ),
        (
            not has_keys,
            "token_encryption_key",
            "is missing (departments need it: their tokens are never kept in plaintext)",
        ),
        (
            s.web_address[1] == 0,
            "web_port",
            "must not be 0 (the web process is nothing without it)",
        ),
    ]


def _rules_for_all(s: Settings, faulty: Collection[str]) -> list[_Rule]:
    ids = [client.id for client in s.google_clients]
    key_faulty = not {"token_encryption_key", "encryption_key"}.isdisjoint(faulty)
    return [
        (
            s.telegram_webhook_url is not None
            and s.telegram_api_base_url == TELEGRAMS_CLOUD
            and not is_for_telegrams_cloud(s.telegram_webhook_url),
            "telegram_webhook_url",
            "must begin with https:// and have port 443, 80, 88 or 8443 (Telegram wants it so)",
        ),
        (
            bool(s.google_client_id) != bool(s.google_client_secret),
            "google_client_secret" if s.google_client_id else "google_client_id",
            "is missing (the client's id and secret go together)",
        ),
        (
            bool(s.web_google_client_id) != bool(s.web_google_client_secret),
            "web_google_client_secret" if s.web_google_client_id else "web_google_client_id",
            "is missing (the client's id and secret go together)",
        ),
        (
            any(client.id == s.web_google_client_id for client in s.google_clients)
            and s.web_google_client not in s.google_clients,
            "web_google_client_secret",
            "is not the one that this client has elsewhere in the settings",
        ),
        (
            s.token_encryption_key
            and s.encryption_key
            and s.token_encryption_key != s.encryption_key,
            "encryption_key",
            "differs from TOKEN_ENCRYPTION_KEY; keep only one of them",
        ),
        (
            {*s.token_backup_key} & {*s.token_encryption_key, *s.encryption_key},
            "token_backup_key",
            "holds a key of TOKEN_ENCRYPTION_KEY; backups need their own",
        ),
        (
            s.token_require_encryption and not s.encryption_keys and not key_faulty,
            "token_encryption_key",
            "is missing (TOKEN_REQUIRE_ENCRYPTION=true needs it)",
        ),
        (
            s.database_ca is not None and s.database_url is None and "database_url" not in faulty,
            "database_ca",
            "is not used without DATABASE_URL: take it out of the settings as well",
        ),
        (
            s.database_url is not None and not s.encryption_keys and not key_faulty,
            "token_encryption_key",
            "is missing (DATABASE_URL needs it: in a database everything is sealed)",
        ),
        (
            s.database_url is not None and s.token_require_encryption is False,
            "token_require_encryption",
            "must not be false (DATABASE_URL is set: in a database no plaintext is believed)",
        ),
        (
            s.sheets_file is not None and not s.encryption_keys and not key_faulty,
            "token_encryption_key",
            "is missing (SHEETS_FILE needs it: rosters are personal)",
        ),
        (len({*ids}) < len(ids), "google_other_clients", "names a client twice"),
    ]


def _fault_of_files_dir(folder: Path, data: Path) -> str | None:
    """A local server's files are read and deleted there: nothing of ours may be found in it."""
    if not folder.is_absolute():
        return "must be an absolute path (the local server names its files by theirs)"
    try:
        theirs = folder.resolve()
        ours = (data.resolve(), Path(__file__).resolve().parents[1])
    except (OSError, RuntimeError):
        return "cannot be looked at"
    if any(one.is_relative_to(theirs) or theirs.is_relative_to(one) for one in ours):
        return "must not hold, or lie in, USER_DATA_DIR or the program's own folder"
    return None


def is_configured(env_file: Path = DEFAULT_ENV_FILE) -> bool:
    """Whether anybody has begun to set this installation up for Telegram and Google."""
    return env_file.exists() or any(map(_is_ours, os.environ))


def child_environment(settings: Mapping[str, str], *, is_alone: bool = False) -> dict[str, str]:
    """This process's environment with `settings` in the place of its own for the bot.

    Without the machine's proxy: what is beside us is not asked through it, and a proxy that the
    bot could not use would keep it from starting.

    Args:
        is_alone: without any other setting of ours as well, but for those of the logs.
    """
    left_out = ("HTTPS_PROXY", "HTTPS_PROXY_FILE", "NO_PROXY")
    kept = {
        name: value
        for name, value in os.environ.items()
        if not (_is_ours(name) or name.upper() in left_out or (is_alone and _is_setting(name)))
    }
    return {**kept, **settings}


def _is_setting(name: str) -> bool:
    small = name.lower()
    return small.removesuffix("_file") in Settings.model_fields and not small.startswith("log_")


def _is_ours(name: str) -> bool:
    prefixes = ("TELEGRAM_", "GOOGLE_", "WEB_GOOGLE_")
    return name.upper().startswith(prefixes) and name.upper() not in OTHERS
