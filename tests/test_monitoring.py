"""Alerts and board: expressions about metrics that exist, and each alert shown to fire."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from bot.monitoring.metrics import OUTCOMES, Metrics
from drive.quota import UNITS
from security.logs.schema import RESULTS
from tests.documents import ROOT, anchors
from tests.installed import needs
from tests.test_metrics import report, shown_name

FOLDER: Final = ROOT / "monitoring"
RULES: Final = [
    rule
    for group in yaml.safe_load((FOLDER / "alerts.yaml").read_text("utf-8"))["groups"]
    for rule in group["rules"]
]
SHOWN: Final = yaml.safe_load((FOLDER / "alerts_test.yaml").read_text("utf-8"))["tests"]
BOARD: Final = json.loads((FOLDER / "dashboard.json").read_text("utf-8"))
PROMTOOL: Final = shutil.which("promtool") or ""
promtool = needs("promtool")


def board_expressions() -> list[str]:
    """What the board's panels ask for, with Grafana's variables as Grafana would fill them in."""
    return [
        target["expr"].replace("$__rate_interval", "5m").replace("$job", ".+")
        for panel in BOARD["panels"]
        for target in panel.get("targets", [])
    ]


def expressions() -> list[str]:
    """All that Prometheus is asked."""
    return [rule["expr"] for rule in RULES] + board_expressions()


def series_names() -> set[str]:
    """Every name under which a Prometheus server keeps something of the bot's, and its own `up`."""
    metrics = Metrics()
    metrics.swept(report(minutes_left=1))
    metrics.minutes_left([(float("inf"), 1)])
    metrics.ask_quarantine(lambda: 1)
    names = {"up"}
    for family in metrics.registry.collect():
        names |= {shown_name(family)} | {sample.name for sample in family.samples}
    return names


def labels() -> Iterator[tuple[str, str]]:
    """(label, value) of every comparison in the expressions, regular expressions taken apart."""
    for expression in expressions():
        for name, value in re.findall(r'(\w+)(?:=~?|!=|!~)"([^"]*)"', expression):
            for part in value.split("|"):
                yield name, part


def run(*command: str) -> None:
    """Run `promtool`; what it says is shown where it is not content."""
    done = subprocess.run(
        [PROMTOOL, *command], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_expressions_are_about_metrics_that_exist() -> None:
    """An alert on a name that is not there never fires, and a panel stays empty."""
    known = series_names()
    for expression in expressions():
        used = set(re.findall(r"\b(?:drivekeeper_|process_|up\b)\w*", expression))
        assert used, expression
        assert used <= known, expression


def test_expressions_compare_labels_with_what_they_can_hold() -> None:
    """A code that nothing writes would never be counted."""
    can_hold = {"result": RESULTS, "outcome": set(OUTCOMES), "method": UNITS.keys()}
    for name, value in labels():
        if name == "job":
            assert value in {"drivekeeper", ".+"}
        else:
            assert value in can_hold[name], (name, value)


def test_every_alert_is_shown_to_fire_and_not_to_fire() -> None:
    """By series that are made for it."""
    cases = [case for test in SHOWN for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in RULES}
    assert {case["alertname"] for case in cases if case.get("exp_alerts")} == names
    assert {case["alertname"] for case in cases if not case.get("exp_alerts")} == names


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_leads_to_its_section_of_the_runbook(rule: dict[str, Any]) -> None:
    """Which is there, and speaks of it, or the table that does."""
    document, _, anchor = rule["annotations"]["runbook"].partition("#")
    assert anchor in anchors(ROOT / document)
    assert rule["alert"] in (ROOT / document).read_text("utf-8")
    assert rule["labels"]["severity"] in {"critical", "warning"}


def test_every_metric_of_ours_is_on_the_board() -> None:
    """What is counted is to be seen."""
    asked = " ".join(board_expressions())
    for family in Metrics().registry.collect():
        if family.name.startswith("drivekeeper_"):
            assert shown_name(family) in asked or f"{family.name}_bucket" in asked, family.name


def test_the_boards_panels_do_not_overlap() -> None:
    """Each has its place in the 24 columns, and a number of its own."""
    taken: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert not cells & taken
        assert at["x"] + at["w"] <= 24
        taken |= cells
    numbers = [panel["id"] for panel in BOARD["panels"]]
    assert len(numbers) == len(set(numbers))


@promtool
def test_the_alerts_fire_as_shown() -> None:
    """Prometheus' own tool reckons them."""
    run("check", "rules", str(FOLDER / "alerts.yaml"))
    run("test", "rules", str(FOLDER / "alerts_test.yaml"))


@promtool
def test_the_boards_expressions_can_be_reckoned(tmp_path: Path) -> None:
    """Each taken for a rule: else a slip shows only when somebody looks at the board."""
    rules = [
        {"record": f"board:{number}", "expr": expression}
        for number, expression in enumerate(board_expressions())
    ]
    file = tmp_path / "board.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "board", "rules": rules}]}), "utf-8")
    run("check", "rules", str(file))


@promtool
def test_prometheus_takes_what_the_bot_tells() -> None:
    """Its own parser and its own rules for names."""
    done = subprocess.run(
        [PROMTOOL, "check", "metrics"],
        input=Metrics().text(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b""), done.stderr.decode()
