"""The runbook: every incident told in the same four steps, with names that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.monitoring.metrics import Metrics
from bot.readiness import REASONS
from security.logs.schema import CONNECTION_FAULTS, EVENTS, RESULTS
from tests.test_metrics import shown_name

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "docs/runbook.md").read_text("utf-8")
INTRODUCTION = ("Before anything else", "What you see, and where to look")
STEPS = ("You notice:", "It means:", "Do:", "It is over when:")


def incidents() -> dict[str, str]:
    """Each section about an incident, by its heading."""
    _, *parts = re.split(r"(?m)^## (.+)$", TEXT)
    sections = dict(zip(parts[::2], parts[1::2], strict=True))
    return {name: text for name, text in sections.items() if name not in INTRODUCTION}


def alerts() -> set[str]:
    """The alerts that the project proposes."""
    return set(re.findall(r"- alert: (\w+)", (ROOT / "monitoring/alerts.yaml").read_text("utf-8")))


@pytest.mark.parametrize("name", incidents())
def test_an_incident_is_told_in_four_steps(name: str) -> None:
    """How you notice, what it means, what to do, how you know that it is over: in this order."""
    assert tuple(re.findall(r"(?m)^\*\*(.+?:)\*\*", incidents()[name])) == STEPS


def test_every_incident_is_in_the_table_or_linked() -> None:
    """Whoever comes from a symptom finds it."""
    anchors = {re.sub(r"[^\w\- ]", "", name.lower()).replace(" ", "-") for name in incidents()}
    linked = set(re.findall(r"\]\(#([\w-]+)\)", TEXT))
    assert anchors - linked <= {"a-key-a-secret-or-the-folder-got-out"}


def test_every_alert_has_its_line() -> None:
    """And none that is not there is spoken of."""
    assert set(re.findall(r"\bDrivekeeper[A-Z]\w+", TEXT)) == alerts()


def test_events_results_and_metrics_in_the_runbook_exist() -> None:
    """Whatever looks like a code in a code span."""
    prose = re.sub(r"(?ms)^ *```.*?^ *```$", "", TEXT)
    spans = set(re.findall(r"`([a-z]+(?:_[a-z]+)+)(?:\{[^`]*\})?`", prose))
    metrics = {shown_name(family) for family in Metrics().registry.collect()}
    assert spans <= EVENTS | RESULTS | CONNECTION_FAULTS | metrics | set(REASONS)
