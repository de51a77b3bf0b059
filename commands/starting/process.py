"""`drivekeeper bot` and `drivekeeper web`: the settings are read, and the process begins."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import typer

from commands.checks.folder import check_above
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import Exit, stop
from commands.sheets.file import refuse_faulty_sheets
from config import Settings, SettingsError, load_settings, settings_warnings
from security.logging_utils import redact_logs


def bot(env_file: EnvFile = DEFAULT_ENV_FILE) -> None:
    """Run the bot against Telegram and Google, as the settings say."""
    settings = _settings_to_start_with(env_file)
    refuse_faulty_sheets(settings)
    with _while_importing():
        from processes.bot import StartupError, run_to_the_end
    try:
        run_to_the_end(settings)
    except StartupError as error:
        _refuse(str(error))


def web(env_file: EnvFile = DEFAULT_ENV_FILE) -> None:
    """Serve departments' pages and routes, without a bot, as the settings say."""
    settings = _settings_to_start_with(env_file, for_bot=False, for_web=True)
    refuse_faulty_sheets(settings)
    with _while_importing():
        from processes.ending import StartupError
        from processes.web import run_to_the_end
    try:
        run_to_the_end(settings)
    except StartupError as error:
        _refuse(str(error))


def _settings_to_start_with(
    env_file: Path, *, for_bot: bool = True, for_web: bool = False
) -> Settings:
    """The settings; faults end the process, all of them listed."""
    redact_logs()
    try:
        settings = load_settings(for_bot=for_bot, for_web=for_web, env_file=env_file)
        exposed = [finding.says for finding in check_above(settings.user_data_dir)]
        for warning in (*(f"{line}." for line in settings_warnings(env_file)), *exposed):
            typer.echo(f"Warning: {warning}", err=True)
    except SettingsError as error:
        faults = "\n".join(f"  • {fault}" for fault in error.faults)
        stop(
            f"Drivekeeper cannot start: these settings are missing or wrong.\n{faults}\n"
            "Set them in the environment or in a file named .env (see .env.example).",
            Exit.USAGE,
        )
    return settings


@contextmanager
def _while_importing() -> Iterator[None]:
    """What an import makes stays, and the collector need not look for what could go meanwhile."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def _refuse(sentence: str) -> NoReturn:
    stop(f"Drivekeeper cannot start: {sentence}", Exit.FAULT)
