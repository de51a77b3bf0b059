"""What administrators hear of: each kind of trouble once, and once that it is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from security.custody.workers import Workers
from security.encryption import TokenEncryption
from security.logs.schema import OPERATOR_FAULTS
from security.maintenance.incidents import HOLD, OUTAGE, SWEEP_FAILED, Incidents
from security.maintenance.report import SweepReport
from security.maintenance.state import MaintenanceState
from tests.stores import storage_in

START = datetime(2026, 5, 4, 8, 0, tzinfo=UTC)
EVERY = timedelta(minutes=10)


class Administrators:
    """Sweeps every ten minutes; what administrators are told after each."""

    def __init__(self) -> None:
        self.incidents = Incidents()
        self.now = START
        self.heard: list[str] = []

    def sweep(
        self,
        times: int = 1,
        *,
        seen: int = 100,
        refreshed: int = 0,
        skipped: int = 0,
        held: int = 0,
        ended_by: str | None = None,
        code: str = "",
        owners: int = 0,
        waiting: dict[str, int] | None = None,
        **others: int,
    ) -> None:
        """So many sweeps that saw the same: `code` for so many owners, and others by name."""
        results = {**others, **({code: owners} if code else {})}
        operator = sum(n for code, n in results.items() if code in OPERATOR_FAULTS)
        for _ in range(times):
            self.now += EVERY
            report = SweepReport(
                started_at=self.now,
                seconds=1,
                full=False,
                seen=seen,
                refreshed=refreshed,
                transient=sum(results.values()) - operator,
                operator=operator,
                skipped=skipped + sum((waiting or {}).values()),
                waiting=waiting or {},
                held=held,
                results=results,
                ended_by=ended_by,
            )
            self.incidents.learn(report, OPERATOR_FAULTS)
            self.tell()

    def tell(self) -> None:
        """As the bot does after each sweep."""
        for incident in self.incidents.to_tell(self.now.timestamp()):
            self.heard.append(f"{incident.code} {'over' if incident.over else incident.owners}")
            self.incidents.told(incident)

    def restart(self) -> None:
        """Only what is written down is left."""
        before, self.incidents = self.incidents, Incidents()
        for code in (*OPERATOR_FAULTS, HOLD, OUTAGE, SWEEP_FAILED):
            if (entry := before.entry_of(code)) is not None:
                self.incidents.load_entry(code, entry)


@pytest.fixture
def admins() -> Administrators:
    """Nothing has happened yet."""
    return Administrators()


def test_a_wrong_client_secret_is_one_alert_and_one_end(admins: Administrators) -> None:
    """Over five sweeps, each given up after a few owners; a restart in between."""
    for _ in range(5):
        admins.sweep(invalid_client=3, skipped=17, ended_by="invalid_client")
        admins.restart()
    assert admins.heard == ["invalid_client 20"]
    admins.sweep(3, refreshed=20)
    assert admins.heard == ["invalid_client 20", "invalid_client over"]


def test_another_trouble_is_another_alert(admins: Administrators) -> None:
    """Two kinds at a time: each begins and ends for itself."""
    admins.sweep(2, refreshed=5, unknown_key=4)
    admins.sweep(2, refreshed=5, unknown_key=4, unknown_client=2)
    admins.sweep(2, refreshed=5, unknown_client=2)
    admins.sweep(2, refreshed=5)
    assert admins.heard == [
        *("unknown_key 4", "unknown_client 2", "unknown_key over", "unknown_client over")
    ]


def test_whoever_waits_for_a_fault_to_be_mended_is_still_affected(admins: Administrators) -> None:
    """Their pauses make no end of it, and no new beginning; a restart tries them at once."""
    admins.sweep(1, refreshed=297, unknown_client=3)
    admins.sweep(5, refreshed=50, waiting={"unknown_client": 3})
    admins.sweep(1, refreshed=50, unknown_client=2, waiting={"unknown_client": 1})
    assert admins.heard == ["unknown_client 3"]
    (incident,) = admins.incidents.open()
    assert incident.owners == 3
    admins.restart()
    admins.sweep(1, refreshed=3)
    assert admins.heard == ["unknown_client 3", "unknown_client over"]


def test_owners_of_a_refused_client_are_counted_though_they_are_not_asked(
    admins: Administrators,
) -> None:
    """Three were, and the others would have met the same."""
    admins.sweep(2, refreshed=10, invalid_client=3, waiting={"invalid_client": 7})
    assert admins.heard == ["invalid_client 10"]


@pytest.mark.parametrize("code", ["org_policy", "org_internal"])
def test_what_an_organisation_forbids_is_no_incident(admins: Administrators, code: str) -> None:
    """However many of them there are; nor does their waiting hold up the end of another one."""
    admins.sweep(1, code=code, owners=50)
    admins.sweep(3, unavailable=1)
    admins.sweep(2, waiting={code: 50})
    assert admins.heard == ["unavailable 1", "unavailable over"]


def test_those_who_may_not_use_the_bot_hold_up_no_end(admins: Administrators) -> None:
    """They are due in every sweep, and asked for in none."""
    admins.sweep(1, invalid_client=3, waiting={"not_allowed": 50})
    admins.sweep(1, refreshed=3, waiting={"not_allowed": 50})
    assert admins.heard == ["invalid_client 3", "invalid_client over"]


def test_more_owners_are_no_news(admins: Administrators) -> None:
    """An incident is a kind of trouble, not an owner."""
    for owners in (1, 2, 50):
        admins.sweep(unknown_key=owners, refreshed=1)
    assert admins.heard == ["unknown_key 1"]
    (incident,) = admins.incidents.open()
    assert incident.owners == 50
    assert incident.since == (START + EVERY).timestamp() + 1


@pytest.mark.parametrize("code", ["unavailable", "timeout", "not_json", "rate_limited"])
def test_an_hour_without_google_is_one_alert_and_one_end(admins: Administrators, code: str) -> None:
    """503, time-outs, HTML; pauses grow, so that some sweeps try nobody, and one ends early."""
    admins.sweep(code=code, owners=50, skipped=20, ended_by=code)
    admins.sweep(1, skipped=70)
    admins.restart()
    admins.sweep(1, code=code, owners=30, skipped=40)
    admins.sweep(2, skipped=70)
    admins.sweep(1, timeout=30, not_json=10, skipped=30)
    assert admins.heard == ["unavailable 30"]
    admins.sweep(1, refreshed=20, skipped=50)
    admins.sweep(2, refreshed=25)
    assert admins.heard == ["unavailable 30", "unavailable over"]


def test_a_few_minutes_without_google_are_nobodys_business(admins: Administrators) -> None:
    """Tokens outlive them by the lead."""
    admins.sweep(1, unavailable=20)
    admins.sweep(1, refreshed=20)
    admins.sweep(6)
    assert admins.heard == []
    assert admins.incidents.open() == []


def test_a_success_among_many_failures_is_no_end_of_an_outage(admins: Administrators) -> None:
    """And so no new alert afterwards."""
    for _ in range(6):
        admins.sweep(1, unavailable=40)
        admins.sweep(1, refreshed=1, unavailable=39)
    assert admins.heard == ["unavailable 40"]


def test_an_outage_is_over_where_nobody_is_due_any_more(admins: Administrators) -> None:
    """They were served when they came by."""
    admins.sweep(4, unavailable=2)
    admins.sweep(1)
    assert admins.heard == ["unavailable 2", "unavailable over"]


def test_a_blink_of_google_is_no_end_of_another_trouble(admins: Administrators) -> None:
    """Whom Google does not answer, it cannot refuse."""
    admins.sweep(2, invalid_client=2)
    admins.sweep(1, unavailable=2)
    admins.sweep(1, skipped=2)
    admins.sweep(1, invalid_client=2)
    assert admins.heard == ["invalid_client 2"]
    admins.sweep(1, refreshed=2)
    assert admins.heard == ["invalid_client 2", "invalid_client over"]


def test_one_owner_in_trouble_of_another_kind_holds_up_no_end(admins: Administrators) -> None:
    """A file that no key opens stays so for weeks, perhaps."""
    admins.sweep(2, refreshed=0, unknown_key=1, invalid_client=3)
    admins.sweep(1, refreshed=3, unknown_key=1)
    assert admins.heard == ["unknown_key 1", "invalid_client 3", "invalid_client over"]


def test_a_sweep_that_could_not_look_ends_nothing(admins: Administrators) -> None:
    """Neither one that was stopped, nor one that another trouble has ended."""
    admins.sweep(1, unknown_key=2)
    admins.sweep(1, ended_by="stopped")
    admins.sweep(1, store_failed=1, seen=0, ended_by="store_failed")
    assert admins.heard == ["unknown_key 2", "store_failed 0"]
    assert [incident.code for incident in admins.incidents.open()] == [
        *("unknown_key", "store_failed")
    ]


def test_a_full_disk_is_one_alert_and_one_end(admins: Administrators) -> None:
    """Also where nobody's token is due when it is over."""
    admins.sweep(4, store_failed=2, ended_by="store_failed", skipped=3)
    admins.sweep(2)
    assert admins.heard == ["store_failed 5", "store_failed over"]


def test_a_hold_is_told_once_and_ends_with_its_last_credential(admins: Administrators) -> None:
    """Whatever else ends the sweep."""
    admins.sweep(1, refreshed=7, held=3, invalid_grant=3)
    admins.sweep(1, refreshed=7, held=8, invalid_grant=5)
    admins.restart()
    admins.sweep(2, held=8, refreshed=4)
    assert admins.heard == [f"{HOLD} 3"]
    admins.sweep(1, invalid_client=3, ended_by="invalid_client")
    assert sorted(admins.heard) == ["invalid_client 3", f"{HOLD} 3", f"{HOLD} over"]


def test_a_hold_is_never_of_nobody(admins: Administrators) -> None:
    """Its owners are counted, whether or not a sweep came to see anybody."""
    admins.sweep(1, held=3, invalid_grant=3)
    admins.sweep(1, seen=0, held=3, database_unreachable=1, ended_by="database_unreachable")
    [hold] = [one for one in admins.incidents.open() if one.code == HOLD]
    assert hold.owners == 3


def test_a_sweep_that_fails_is_told_until_one_does_not(admins: Administrators) -> None:
    """A defect of the program."""
    for _ in range(3):
        admins.now += EVERY
        admins.incidents.see(SWEEP_FAILED, admins.now.timestamp(), 0)
        admins.tell()
    admins.sweep(2, ended_by="unavailable", unavailable=60)
    assert admins.heard[:2] == ["failed 0", "failed over"]


def test_what_nobody_could_be_told_is_told_another_time(admins: Administrators) -> None:
    """Of its beginning as of its end; over a restart, too."""
    admins.incidents.see("unknown_key", admins.now.timestamp(), 1)
    for _ in range(2):
        (incident,) = admins.incidents.to_tell(admins.now.timestamp())
        admins.incidents.told(incident)
        assert admins.incidents.to_tell(admins.now.timestamp()) == []
        admins.incidents.untold(incident)
        admins.restart()
    admins.tell()
    admins.incidents.end("unknown_key", admins.now.timestamp() + 600)
    for _ in range(2):
        (incident,) = admins.incidents.to_tell(admins.now.timestamp())
        assert incident.until == incident.since + 600
        admins.incidents.told(incident)
        assert admins.incidents.to_tell(admins.now.timestamp()) == []
        admins.incidents.untold(incident)
        admins.restart()
    admins.tell()
    assert admins.heard == ["unknown_key 1", "unknown_key over"]
    assert admins.incidents.entry_of("unknown_key") is None


def test_what_is_back_before_its_end_was_told_has_never_ended(admins: Administrators) -> None:
    """No two messages that contradict each other."""
    admins.sweep(1, unknown_key=1)
    admins.incidents.end("unknown_key", admins.now.timestamp())
    admins.sweep(1, unknown_key=1)
    assert admins.heard == ["unknown_key 1"]
    admins.sweep(1)
    assert admins.heard == ["unknown_key 1", "unknown_key over"]


def test_what_another_process_met_first_is_no_new_trouble() -> None:
    """The storage was away: each has met it, and the other one's is written down first."""
    one, other = Incidents(process="one"), Incidents(process="other")
    other.see("database_unreachable", 10.0, 0)
    one.see("database_unreachable", 11.0, 0)
    for incident in one.open():
        incident.logged = True
        one.told(incident)
    written = {name: kept for name, kept in other.take_changes().items() if kept is not None}
    one.take_up(written, 12.0)
    [known] = one.open()
    assert (known.since, known.told, known.logged) == (10.0, True, True)


def test_what_ended_before_anybody_was_told_is_not_told(admins: Administrators) -> None:
    """It is over."""
    admins.incidents.see("unknown_key", admins.now.timestamp(), 1)
    admins.incidents.end("unknown_key", admins.now.timestamp())
    admins.tell()
    assert admins.heard == []


@pytest.mark.parametrize(
    "change",
    [{"since": "x"}, {"owners": None}, {"told": 7}, {"until": "x"}, {"since": True, "owners": 1.5}],
)
def test_an_entry_that_makes_no_sense_is_left_out(change: dict[str, object]) -> None:
    """The others are kept."""
    incidents = Incidents()
    entry = {"since": 5.0, "owners": 3, "told": True, "until": None}
    incidents.load_entry("unknown_key", entry | change)
    incidents.load_entry("unknown_client", {})
    incidents.load_entry(OUTAGE, entry)
    assert [incident.code for incident in incidents.open()] == [OUTAGE]


async def test_what_a_full_disk_did_not_take_is_written_when_it_does(tmp_path: Path) -> None:
    """Else a restart would tell it once more."""
    storage, workers = storage_in(tmp_path, TokenEncryption()), Workers()
    storage.open()
    state = MaintenanceState(storage, workers)
    state.incidents.see("store_failed", START.timestamp(), 1)
    folder, aside = tmp_path / "maintenance", tmp_path / "aside"
    folder.rename(aside)
    folder.write_text("")  # every write fails, as on a full disk
    await state.save()
    folder.unlink()
    aside.rename(folder)
    await state.save()
    await workers.close()
    again = MaintenanceState(storage_in(tmp_path, TokenEncryption()), Workers())
    again.load()
    assert [incident.code for incident in again.incidents.open()] == ["store_failed"]
