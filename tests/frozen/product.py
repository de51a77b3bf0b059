"""The one place where the frozen tests reach into the product: its names, not its behaviour.

When something moves or is renamed, its import is changed here, and nothing else beside it. Each
function is small, and gives plain data.
"""

from __future__ import annotations

import importlib
import inspect
import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families
from typer.main import get_command

import cli
from bot.readiness import REASONS
from commands.checks.finding import State as CheckState
from commands.output import Exit
from config import Settings, SettingsError, load_settings
from metrics import Metrics
from security import audit, log_schema
from security.maintenance.report import SweepReport
from security.recovery.inspection import FINDINGS, STATES

ROOT: Final = Path(__file__).parents[2]
MOVED: Final[dict[str, str]] = {}
"""A top-level folder or module of ours that has a new name → the frozen one it stands for."""
SANDBOX_ALONE: Final = "sandbox.run"
"""What `drivekeeper sandbox` runs."""
_WRITTEN: Final = ROOT / "tests" / "security" / "folders_of_before.json"
OTHERS: Final = frozenset({"tests", "bench", "sandbox", "docs"})
"""Top-level folders whose exceptions never stand in an operator's log."""


def log_names() -> dict[str, list[str]]:
    """Every event, result and field of a log line."""
    return {
        "events": sorted(log_schema.EVENTS),
        "results": sorted(log_schema.RESULTS),
        "operator faults": sorted(log_schema.OPERATOR_FAULTS),
        "connection faults": sorted(log_schema.CONNECTION_FAULTS),
        "fields": sorted(log_schema.FIELDS),
    }


def may_be_logged(field: str, value: Any) -> bool:
    """Whether a field of a log line shows this value."""
    return bool(log_schema.FIELDS[field](value))


def codes() -> dict[str, list[str]]:
    """Words that stand in answers, in the audit trail and in metrics."""
    return {
        "audit actions": sorted(audit.ACTIONS),
        "why not ready": sorted(REASONS),
        "states of a credential": sorted(STATES),
        "findings about a credential": sorted(FINDINGS),
        "states of a doctor's check": sorted(state.value for state in CheckState),
    }


def exit_codes() -> list[str]:
    """What a command may end with."""
    return sorted(str(int(code)) for code in Exit)


def exceptions() -> dict[str, str]:
    """Every exception of the product's by its name, as a log line has it, with its own code."""
    tops = [top for top in ROOT.iterdir() if top.stem.isidentifier() and top.name not in OTHERS]
    paths = [path for top in tops for path in (top.rglob("*.py") if top.is_dir() else [top])]
    names = (path.relative_to(ROOT).with_suffix("").parts for path in paths if path.suffix == ".py")
    dotted = sorted(".".join(parts).removesuffix(".__init__") for parts in names)
    modules = [importlib.import_module(name) for name in dotted]
    return {
        kind.__name__: str(getattr(kind, "default_code", "-"))
        for module in modules
        for kind in vars(module).values()
        if inspect.isclass(kind)
        and issubclass(kind, BaseException)
        and kind.__module__ == module.__name__
        and not kind.__name__.startswith("_")
    }


def told_metrics() -> Iterator[Any]:
    """Every metric of the bot's, told of every result code there is, as a server reads it."""
    metrics, now = Metrics(), datetime.now(UTC)
    every = dict.fromkeys([*sorted(log_schema.RESULTS), "nobody's code"], 1)
    for code in every:
        metrics.refreshed(code)
        metrics.uploaded(code, 1)
        metrics.swept(
            SweepReport(
                started_at=now,
                seconds=1,
                full=True,
                minutes_left=5,
                results={code: 1},
                ended_by=code,
            )
        )
    metrics.minutes_left([(0, 1), (math.inf, 9)])
    metrics.incidents(every)
    metrics.ask_quarantine(lambda: 1)
    metrics.ask_telegram(lambda: True)
    return iter(text_string_to_metric_families(metrics.text().decode()))


def command_line() -> Any:
    """All that `drivekeeper` understands."""
    return get_command(cli.app)


def run_command() -> Any:
    """For typer's CliRunner."""
    return cli.app


def settings() -> dict[str, Any]:
    """The default of each setting, by its variable's name; departments' own keys have none."""
    return {
        name.upper(): field.get_default(call_default_factory=True)
        for name, field in Settings.model_fields.items()
        if name != "service_accounts"
    }


def faults_of_settings() -> list[str]:
    """What is wrong with the settings in the environment: "NAME: what"."""
    try:
        load_settings(for_bot=False, env_file=None)
    except SettingsError as error:
        return list(error.faults)
    return []


def folder_of_before(kind: str) -> dict[str, str]:
    """A data folder as an earlier version has left it: "plain" or "sealed"; its files' texts."""
    written: dict[str, Any] = json.loads(_WRITTEN.read_text("ascii"))
    return dict(written[kind])


def key_of_before() -> str:
    """What the sealed one is sealed with."""
    return str(json.loads(_WRITTEN.read_text("ascii"))["key"])
