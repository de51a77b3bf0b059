"""`drivekeeper doctor`: is everything there that the bot needs, and will it stay so?

It changes nothing, works beside a running bot, and works, too, where everything is broken.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from commands.checks import (
    connections,
    credentials,
    database,
    folder,
    google,
    keys,
    local_server,
    network,
    process,
    telegram,
)
from commands.checks.finding import Finding, failed, skipped
from commands.checks.report import report
from commands.checks.settings import (
    check_env_file,
    check_precautions,
    check_settings,
    is_web_alone,
)
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson
from commands.runtime import Installation
from commands.service_accounts import checks as service_accounts
from commands.waiting import saying
from config import Settings
from security.logging_utils import redact_logs

Check = tuple[str, Callable[[], Awaitable[list[Finding]]]]
BlockingCheck = tuple[str, Callable[[], list[Finding]]]


def doctor(
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Ask neither Telegram nor Google.")
    ] = False,
) -> None:
    """Check settings, disk, keys, clock, Telegram and Google. Exit code 1: something failed."""
    redact_logs(level="ERROR")
    findings = asyncio.run(examine(env_file, offline=offline))
    report("Drivekeeper doctor", findings, as_json=as_json)


async def examine(env_file: Path, *, offline: bool = False) -> list[Finding]:
    """Every finding, in the order of the report.

    Args:
        env_file: as for the bot.
        offline: skip what asks Telegram, Google or the public address.
    """
    settings: Settings | None = None

    async def read_settings() -> list[Finding]:
        nonlocal settings
        found, settings = check_settings(env_file)
        return [*found, *check_env_file(env_file)]

    findings = await _guarded("settings", read_settings)
    if settings is None:
        rest = "Nothing else can be checked before the settings are mended."
        return [*findings, skipped("everything else", rest)]
    there = Installation.of(settings)
    runs = None if is_web_alone(settings) else await asyncio.to_thread(there.bot_runs)
    checks = [*_local(there, runs), *_network(settings, runs, offline=offline)]
    async with saying("Waiting for what was asked of the disk, Telegram and Google"):
        found = await asyncio.gather(*(_guarded(name, check) for name, check in checks))
    await asyncio.to_thread(there.storage.close)
    return [*findings, *(finding for group in found for finding in group)]


def _local(there: Installation, runs: bool | None) -> list[Check]:
    settings = there.settings
    blocking: list[BlockingCheck] = [
        ("precautions", partial(check_precautions, settings)),
        ("network", partial(network.check_network, settings)),
        *_place(there),
        ("keys", partial(keys.check_keys, there)),
        ("credentials", partial(credentials.check_credentials, there)),
        ("testing", partial(connections.check_testing, there)),
    ]
    if not is_web_alone(settings):
        blocking.append(("bot", lambda: [process.judge_bot(runs)]))
    if settings.service_accounts:
        blocking.append(("service keys", partial(service_accounts.check_ages, there)))
    if settings.telegram_local_mode:
        blocking.append((local_server.NAME, partial(local_server.check_local_server, settings)))
    ports = (
        ("web port", *settings.web_address),
        ("metrics port", settings.metrics_host, settings.metrics_port),
    )
    return [
        *((name, partial(asyncio.to_thread, check)) for name, check in blocking),
        *((name, partial(process.check_port, name, h, p, runs)) for name, h, p in ports),
    ]


def _place(there: Installation) -> list[BlockingCheck]:
    if not there.is_in_files:
        return [(database.NAME, partial(database.check_database, there))]
    data = there.folder
    return [
        ("data folder", partial(folder.check_folder, there)),
        ("permissions", partial(folder.check_permissions, there)),
        ("file system", partial(folder.check_file_system, data)),
        ("disk space", partial(folder.check_space, data)),
    ]


def _network(settings: Settings, runs: bool | None, *, offline: bool) -> list[Check]:
    checks: list[Check] = [
        ("telegram", partial(telegram.check_telegram, settings)),
        ("google", partial(google.check_google, settings)),
        ("public url", partial(process.check_public_url, settings, runs)),
    ]
    if settings.service_accounts:
        name = service_accounts.NAME
        checks.append((name, partial(service_accounts.check_tokens, settings)))
    if not offline:
        return checks
    return [(name, partial(_not_asked, name)) for name, _ in checks]


async def _not_asked(name: str) -> list[Finding]:
    return [skipped(name, "Not asked: --offline.")]


async def _guarded(name: str, check: Callable[[], Awaitable[list[Finding]]]) -> list[Finding]:
    """Whatever breaks in one check, the others go on; an exception's text may hold anything."""
    try:
        return await check()
    except Exception as error:
        says = f"The check itself failed ({type(error).__name__})."
        return [failed(name, says, "Look at the other lines first; else report it.")]
