"""What a Prometheus server is told: counts and moments, never about one person.

Labels are result codes of `security/logs/schema.py` and fixed words; nothing is labelled by owner.
Names and units follow https://prometheus.io/docs/practices/naming/; `docs/operations.md` lists
every metric, and a test keeps the two equal.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from typing import Final

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import GaugeHistogramMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from drive.quota import UNITS
from security.errors import CustodyError
from security.logs.schema import RESULTS
from security.maintenance.report import SweepReport

_SWEEP_SECONDS: Final = (0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600)
OUTCOMES: Final = (
    *("fresh", "refreshed", "transient", "operator"),
    *("quarantined", "held", "skipped"),
)
"""The counts of a `SweepReport` that tell what became of its owners."""


class Metrics(Collector):
    """One process's metrics, in a registry of their own. May be told things from any thread."""

    def __init__(self) -> None:
        # A second series beside each counter, which nobody asks for.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        Info("drivekeeper_build", "Which version runs.", registry=self.registry).info(
            {"version": version("drivekeeper")}
        )
        self._refreshes = self._by_result(
            "drivekeeper_token_refreshes", "Refreshes asked of Google, by result code."
        )
        self._sweeps = self._by_result(
            "drivekeeper_sweeps", "Sweeps: ok, or the result code that ended one before its time."
        )
        self._troubles = self._by_result(
            "drivekeeper_sweep_troubles", "Owners whom a sweep could not keep fresh, by result."
        )
        self._durations = Histogram(
            "drivekeeper_sweep_duration_seconds",
            "How long sweeps take.",
            buckets=_SWEEP_SECONDS,
            registry=self.registry,
        )
        self._uploads = self._by_result(
            "drivekeeper_uploads", "Uploads that have ended, by result code."
        )
        self._bytes = Counter(
            "drivekeeper_uploaded_bytes",
            "Bytes that have arrived in people's Drives.",
            registry=self.registry,
        )
        self._requests = Counter(
            "drivekeeper_drive_requests",
            "Requests sent to Drive, by its method or the step of an upload.",
            ["method"],
            registry=self.registry,
        )
        self._units = Counter(
            "drivekeeper_drive_quota_units",
            "Units of the project's quota that they cost, by Google's table.",
            registry=self.registry,
        )
        self._egress = Counter(
            "drivekeeper_drive_egress_bytes",
            "Bytes that Drive has sent out in its answers.",
            registry=self.registry,
        )
        for method in UNITS:
            self._requests.labels(method)
        for counter in (self._refreshes, self._sweeps, self._uploads):
            counter.labels("ok")  # from the start, so that the first one is seen as an increase
        self.last_sweep: SweepReport | None = None
        """The last one of this process."""
        self._buckets: tuple[tuple[float, int], ...] = ()
        self._incidents: dict[str, int] = {}
        self._alarms: dict[str, int] = {}
        self.is_standby = False
        """Whether the process waits to be the bot."""
        self._quarantine: Callable[[], int] | None = None
        self._telegram: Callable[[], bool] | None = None
        self.registry.register(self)

    def refreshed(self, result: str) -> None:
        """Google was asked for a new access token."""
        self._refreshes.labels(_code(result)).inc()

    def swept(self, report: SweepReport) -> None:
        """A sweep has ended."""
        self._sweeps.labels(_code(report.ended_by or "ok")).inc()
        self._durations.observe(report.seconds)
        for result, owners in report.results.items():
            self._troubles.labels(_code(result)).inc(owners)
        self.last_sweep = report

    def minutes_left(self, counts: Sequence[tuple[float, int]]) -> None:
        """How the kept access tokens stand, as of the last sweep.

        Args:
            counts: (upper bound in minutes, how many tokens have no more left), ascending; the
                last bound is infinite, and its count is that of all tokens.
        """
        if counts and not math.isinf(counts[-1][0]):
            raise ValueError("the last bucket must hold all")
        self._buckets = tuple(counts)

    def incidents(self, open_now: Mapping[str, int]) -> None:
        """What administrators are told of: by result code, how many owners it touches."""
        self._incidents = {_code(code): owners for code, owners in open_now.items()}

    def alarms(self, open_now: Mapping[str, int]) -> None:
        """The same about departments' computers: by result code, how many keys."""
        self._alarms = {_code(code): keys for code, keys in open_now.items()}

    def uploaded(self, result: str, size: int | None) -> None:
        """An upload has ended; `size` in bytes where the file has arrived."""
        self._uploads.labels(_code(result)).inc()
        if size is not None:
            self._bytes.inc(size)

    def asked_drive(self, method: str, received: int) -> None:
        """A request was sent to Drive; `received` are the bytes of its answer's body."""
        self._requests.labels(method).inc()
        self._units.inc(UNITS[method])
        self._egress.inc(received)

    def ask_quarantine(self, size: Callable[[], int]) -> None:
        """Ask for the number of quarantined credentials whenever the metrics are read."""
        self._quarantine = size

    def ask_telegram(self, is_alive: Callable[[], bool]) -> None:
        """Ask whether Telegram answers whenever the metrics are read."""
        self._telegram = is_alive

    def text(self) -> bytes:
        """Everything, in Prometheus' text format. Blocks: it looks into the quarantine."""
        return generate_latest(self.registry)

    def collect(self) -> Iterable[Metric]:
        """How things stand, as `prometheus_client` asks for it.

        What is not known, before the first sweep, has no sample.
        """
        yield from self._of_the_last_sweep()
        yield self._left()
        incidents = GaugeMetricFamily(
            "drivekeeper_incidents",
            "Trouble that is going on: how many owners or keys it touches, by result code.",
            labels=["result"],
        )
        for code, touched in {**self._incidents, **self._alarms}.items():
            incidents.add_metric([code], touched)
        quarantine = GaugeMetricFamily(
            "drivekeeper_quarantined_credentials", "Credentials in quarantine."
        )
        # Where the disk fails, the other metrics are wanted all the more.
        with contextlib.suppress(OSError, CustodyError):
            if self._quarantine is not None:
                quarantine.add_metric([], self._quarantine())
        telegram = GaugeMetricFamily(
            "drivekeeper_telegram_alive",
            "1 if Telegram has answered within the last 90 seconds.",
            value=None if self._telegram is None else self._telegram(),
        )
        standby = GaugeMetricFamily(
            "drivekeeper_standby",
            "1 if the process stands by to take over from the bot; 0: it is the bot.",
            value=self.is_standby,
        )
        yield from (incidents, quarantine, telegram, standby)

    def _of_the_last_sweep(self) -> Iterable[Metric]:
        report = self.last_sweep
        outcomes = GaugeMetricFamily(
            "drivekeeper_last_sweep_owners",
            "What became of the owners in the last sweep.",
            labels=["outcome"],
        )
        ended = seconds_left = None
        if report is not None:
            ended = report.started_at.timestamp() + report.seconds
            for outcome in OUTCOMES:
                outcomes.add_metric([outcome], getattr(report, outcome))
            if report.minutes_left is not None:
                seconds_left = report.minutes_left * 60
        return (
            GaugeMetricFamily(
                "drivekeeper_last_sweep_timestamp_seconds",
                "When the last sweep ended.",
                value=ended,
            ),
            GaugeMetricFamily(
                "drivekeeper_owners",
                "Owners with a stored credential, as of the last sweep.",
                value=None if report is None else max(report.seen, self._counted()),
            ),
            outcomes,
            GaugeMetricFamily(
                "drivekeeper_token_least_left_seconds",
                "The least time left on any access token that is kept fresh, as of the last sweep.",
                value=seconds_left,
            ),
        )

    def _counted(self) -> int:
        """Owners whose token's end is known: all there are, where a sweep looks at few of them."""
        return self._buckets[-1][1] if self._buckets else 0

    def _left(self) -> Metric:
        family = GaugeHistogramMetricFamily(
            "drivekeeper_token_left_seconds",
            "Access tokens by the time they have left, as of the last sweep.",
        )
        if self._buckets:
            named = [
                ("+Inf" if math.isinf(minutes) else str(float(minutes * 60)), float(count))
                for minutes, count in self._buckets
            ]
            family.add_metric([], named, gsum_value=None)
            # Their sum is not known, and no quantile needs it.
            family.samples = [s for s in family.samples if not s.name.endswith("_gsum")]
        return family

    def _by_result(self, name: str, meaning: str) -> Counter:
        return Counter(name, meaning, ["result"], registry=self.registry)


def _code(result: str) -> str:
    """Nothing but what the list of result codes knows becomes a label."""
    return result if result in RESULTS else "failed"
