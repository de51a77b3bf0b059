"""Metrics: what is counted, under which labels, and that the documents list what there is."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from bot.monitoring.metrics import OUTCOMES, Metrics
from bot.readiness import REASONS
from security.errors import OperatorFault
from security.logs.schema import OPERATOR_FAULTS, RESULTS
from security.maintenance.report import SweepReport
from tests.documents import GUIDES, first_codes


def report(**changes: object) -> SweepReport:
    """A sweep of three owners that went well."""
    began = datetime(2026, 1, 31, 12, tzinfo=UTC)
    values = {"started_at": began, "seconds": 0.5, "full": False, "seen": 3, "fresh": 3}
    return SweepReport.model_validate(values | changes)


def samples(metrics: Metrics) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample, as a Prometheus server would read it: (name, labels) → value."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    """Of one sample; None: there is none."""
    return samples(metrics).get((name, frozenset(labels.items())))


def shown_name(family: Metric) -> str:
    """As it stands in a `# TYPE` line."""
    return family.name + {"counter": "_total", "info": "_info"}.get(family.type, "")


def test_refreshes_are_counted_by_result() -> None:
    """Each code by itself; "ok" is there from the start, at 0."""
    metrics = Metrics()
    assert value(metrics, "drivekeeper_token_refreshes_total", result="ok") == 0
    for result in ("ok", "ok", "timeout"):
        metrics.refreshed(result)
    assert value(metrics, "drivekeeper_token_refreshes_total", result="ok") == 2
    assert value(metrics, "drivekeeper_token_refreshes_total", result="timeout") == 1


def test_uploads_are_counted_with_their_bytes() -> None:
    """What has not arrived has no bytes."""
    metrics = Metrics()
    metrics.uploaded("ok", 1000)
    metrics.uploaded("ok", 24)
    metrics.uploaded("cancelled", None)
    assert value(metrics, "drivekeeper_uploads_total", result="ok") == 2
    assert value(metrics, "drivekeeper_uploads_total", result="cancelled") == 1
    assert value(metrics, "drivekeeper_uploaded_bytes_total") == 1024


def test_requests_to_drive_are_counted_by_method_with_what_they_cost() -> None:
    """A list is dear, a look is cheap, and Google's table says nothing of an upload's pieces."""
    metrics = Metrics()
    for method, received in (("files.list", 700), ("files.get", 300), ("upload.send", 0)):
        metrics.asked_drive(method, received)
    assert value(metrics, "drivekeeper_drive_requests_total", method="files.list") == 1
    assert value(metrics, "drivekeeper_drive_requests_total", method="files.update") == 0
    assert value(metrics, "drivekeeper_drive_quota_units_total") == 105
    assert value(metrics, "drivekeeper_drive_egress_bytes_total") == 1000


def test_before_the_first_sweep_nothing_is_said_of_it() -> None:
    """Zero owners, or zero minutes, would be a lie and an alarm."""
    names = {name for name, _ in samples(Metrics())}
    assert not names & {
        "drivekeeper_last_sweep_timestamp_seconds",
        "drivekeeper_owners",
        "drivekeeper_token_least_left_seconds",
        "drivekeeper_token_left_seconds_bucket",
        "drivekeeper_quarantined_credentials",
    }


def test_a_sweep_is_told_with_what_became_of_the_owners() -> None:
    """Its counts, its end, its duration, and the troubles by result."""
    metrics = Metrics()
    done = report(fresh=1, refreshed=1, transient=1, results={"timeout": 1}, minutes_left=12.5)
    metrics.swept(done)
    assert metrics.last_sweep == done
    assert value(metrics, "drivekeeper_sweeps_total", result="ok") == 1
    assert value(metrics, "drivekeeper_sweep_troubles_total", result="timeout") == 1
    assert value(metrics, "drivekeeper_owners") == 3
    found = {
        outcome: value(metrics, "drivekeeper_last_sweep_owners", outcome=outcome)
        for outcome in OUTCOMES
    }
    assert found == dict.fromkeys(OUTCOMES, 0) | {"fresh": 1, "refreshed": 1, "transient": 1}
    ended = done.started_at.timestamp() + 0.5
    assert value(metrics, "drivekeeper_last_sweep_timestamp_seconds") == ended
    assert value(metrics, "drivekeeper_sweep_duration_seconds_count") == 1
    assert value(metrics, "drivekeeper_token_least_left_seconds") == 750


def test_a_sweep_that_ended_early_is_told_by_its_reason() -> None:
    """And takes the place of the one before."""
    metrics = Metrics()
    metrics.swept(report(minutes_left=20))
    metrics.swept(report(ended_by="store_failed", operator=1, results={"store_failed": 1}))
    assert value(metrics, "drivekeeper_sweeps_total", result="store_failed") == 1
    assert value(metrics, "drivekeeper_token_least_left_seconds") is None


def test_buckets_of_time_left_are_those_of_the_last_sweep() -> None:
    """They go down again: they say how things stand, and are in seconds."""
    metrics = Metrics()
    name = "drivekeeper_token_left_seconds_bucket"
    metrics.minutes_left([(0, 1), (15, 4), (math.inf, 9)])
    assert [value(metrics, name, le=le) for le in ("0.0", "900.0", "+Inf")] == [1, 4, 9]
    metrics.minutes_left([(0, 0), (15, 0), (math.inf, 2)])
    assert [value(metrics, name, le=le) for le in ("0.0", "900.0", "+Inf")] == [0, 0, 2]
    assert value(metrics, "drivekeeper_token_left_seconds_gcount") == 2


def test_buckets_that_leave_somebody_out_are_refused() -> None:
    """A histogram without +Inf cannot be read."""
    with pytest.raises(ValueError, match="last bucket"):
        Metrics().minutes_left([(0, 1), (15, 4)])


def test_an_incident_is_there_while_it_goes_on() -> None:
    """And gone afterwards, so that an alert resolves."""
    metrics = Metrics()
    metrics.incidents({"invalid_client": 3})
    assert value(metrics, "drivekeeper_incidents", result="invalid_client") == 3
    metrics.incidents({})
    assert value(metrics, "drivekeeper_incidents", result="invalid_client") is None


def test_a_disk_that_fails_takes_no_other_metric_with_it() -> None:
    """Just then they are wanted."""
    metrics = Metrics()

    def fails() -> int:
        raise OperatorFault("the disk", code="store_failed")

    metrics.ask_quarantine(fails)
    metrics.ask_telegram(lambda: True)
    assert value(metrics, "drivekeeper_quarantined_credentials") is None
    assert value(metrics, "drivekeeper_telegram_alive") == 1
    metrics.ask_quarantine(lambda: 7)
    assert value(metrics, "drivekeeper_quarantined_credentials") == 7


def test_no_label_holds_anything_but_known_codes() -> None:
    """Whatever a caller passes, somebody's id among it."""
    metrics = Metrics()
    metrics.refreshed("user:501")
    metrics.uploaded("501.pdf", None)
    metrics.swept(report(ended_by="user:501", results={"user:501": 1}))
    metrics.incidents({"user:501": 1})
    text = metrics.text().decode()
    assert "501" not in "".join(line for line in text.splitlines() if "drivekeeper_" in line)
    labels = {
        (name, content)
        for family in metrics.registry.collect()
        for sample in family.samples
        for name, content in sample.labels.items()
        if sample.name.startswith("drivekeeper_")
    }
    assert {name for name, _ in labels} <= {"result", "outcome", "le", "version", "method"}
    assert {content for name, content in labels if name == "result"} <= RESULTS


def test_names_follow_the_conventions() -> None:
    """Base units, `_total` for what only rises, help for all, nothing but ours and the process's.

    https://prometheus.io/docs/practices/naming/
    """
    for family in Metrics().registry.collect():
        assert re.fullmatch(r"(drivekeeper|process|python)_[a-z_]+", family.name)
        assert not re.search(r"minutes|_ms|kilo|mega", family.name)
        assert family.documentation.endswith((".", "information")), family.name


@pytest.mark.parametrize("guide", GUIDES)
def test_operations_page_lists_every_metric_and_no_other(guide: str) -> None:
    """Those of the process itself come from the library."""
    ours = {
        shown_name(family)
        for family in Metrics().registry.collect()
        if family.name.startswith("drivekeeper_")
    }
    assert sorted(first_codes(guide, "### Every metric")) == sorted(ours)


@pytest.mark.parametrize("guide", GUIDES)
def test_operations_page_explains_every_reason_for_not_being_ready(guide: str) -> None:
    """The codes of its own, and of the operator faults those that end a sweep."""
    listed = set(first_codes(guide, "### Not ready"))
    assert set(REASONS) < listed
    assert listed <= set(REASONS) | OPERATOR_FAULTS
