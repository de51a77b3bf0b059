"""The audit trail: whole lines whoever writes at once, set aside by size, in nobody's way."""

from __future__ import annotations

import json
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from security.credential import Owner
from security.storage.events import Event
from security.storage.files.audit_trail import AuditTrail
from tests.security.kit import ANN, BOB, MASK, TOWN, full_disk, mode_of, python, umask

WRITER = """
import sys, threading
from pathlib import Path
from security.storage.files.audit_trail import AuditTrail
from security.storage.events import Event
from security.credential import Owner
from security.logging_utils import OwnerMask

folder, first, lines = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
trail = AuditTrail(folder, OwnerMask(b"a mask key for tests"), max_bytes=5_000, kept=60)

def write(owner):
    for _ in range(lines):
        trail.record([Event("refreshed", owner)])

print("ready", flush=True)
sys.stdin.readline()
threads = [threading.Thread(target=write, args=(Owner.user(first + n),)) for n in range(2)]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The trail is files here, whatever else is kept where."""
    return tmp_path / "user_data"


@pytest.fixture
def trail(folder: Path) -> AuditTrail:
    """A trail of the usual size."""
    return AuditTrail(folder, MASK)


def newest(folder: Path) -> Path:
    """The part that is written."""
    return folder / "audit" / "audit.jsonl"


# Writing


def test_what_was_done_to_several_at_once_is_a_line_for_each(
    trail: AuditTrail, folder: Path
) -> None:
    """Of one moment, in one write, as if each had been recorded alone; nobody is no line."""
    trail.record([Event("refreshed", owner) for owner in [ANN, BOB, TOWN]])
    entries = list(trail.read(newest_first=False))
    assert [entry.owner for entry in entries] == [MASK(owner.name) for owner in (ANN, BOB, TOWN)]
    assert {(entry.action, entry.result) for entry in entries} == {("refreshed", "ok")}
    assert len({entry.time for entry in entries}) == 1
    written = newest(folder).read_bytes()
    trail.record([])
    assert newest(folder).read_bytes() == written


def test_a_line_says_what_was_done_to_whom_and_names_nobody(
    trail: AuditTrail, folder: Path
) -> None:
    """Four fields; the owner is a mask."""
    trail.record([Event("authorised", ANN)])
    (line,) = newest(folder).read_text().splitlines()
    written = json.loads(line)
    assert list(written) == ["time", "action", "owner", "result"]
    assert datetime.fromisoformat(written.pop("time")) - datetime.now(UTC) < timedelta(seconds=5)
    assert written == {"action": "authorised", "owner": MASK("user:501"), "result": "ok"}


def test_a_result_that_is_no_code_is_not_written(trail: AuditTrail, folder: Path) -> None:
    """Whatever somebody passes, an address does not get in."""
    trail.record([Event("quarantined", None, "amy@example.com")])
    assert b"amy" not in newest(folder).read_bytes()
    assert next(trail.read()).result == "failed"


def test_the_trail_is_private(trail: AuditTrail, folder: Path) -> None:
    """Whatever the umask."""
    with umask(0):
        trail.record([Event("denied", ANN, "not_allowed")])
    assert mode_of(newest(folder)) == 0o600
    assert mode_of(folder / "audit") == 0o700


def test_processes_and_threads_at_once_lose_no_line_and_tear_none(folder: Path) -> None:
    """While they set parts aside under each other's hands."""
    writers = [python(WRITER, str(folder), str(first), "300") for first in (1, 3)]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    here = AuditTrail(folder, MASK, max_bytes=5_000, kept=60)
    for _ in range(300):
        here.record([Event("refreshed", ANN)])
    for writer in writers:
        assert writer.communicate(timeout=60)[1] == ""
    parts = sorted((folder / "audit").iterdir())
    assert len(parts) > 5
    # Whoever opens a part just while another line reaches it takes that for one that was cut, and
    # ends it: of that an empty line is left.
    for line in filter(None, b"".join(part.read_bytes() for part in parts).splitlines()):
        json.loads(line)
    owners = [ANN, *map(Owner.user, range(1, 5))]
    assert Counter(entry.owner for entry in here.read()) == {MASK(o.name): 300 for o in owners}


def test_a_part_that_is_full_is_set_aside_and_the_oldest_goes(folder: Path) -> None:
    """Nothing of what is kept is torn, and the newest is there."""
    trail = AuditTrail(folder, MASK, max_bytes=500, kept=2)
    for number in range(1, 41):
        trail.record([Event("refreshed", Owner.user(number))])
    parts = {path.name: path.stat().st_size for path in (folder / "audit").iterdir()}
    assert set(parts) == {"audit.jsonl", "audit.1.jsonl", "audit.2.jsonl"}
    assert all(size < 700 for size in parts.values())
    kept = [entry.owner for entry in trail.read(newest_first=False)]
    assert kept == [MASK(Owner.user(n).name) for n in range(41 - len(kept), 41)]


def test_a_part_another_process_has_set_aside_is_left_after_a_second(folder: Path) -> None:
    """It must not be written for ever by one that is idle most of the time."""
    mine, theirs = AuditTrail(folder, MASK), AuditTrail(folder, MASK, max_bytes=1)
    mine.record([Event("refreshed", ANN)])
    theirs.record([Event("refreshed", BOB)])
    time.sleep(1.1)
    mine.record([Event("revoked", ANN)])
    assert "revoked" in newest(folder).read_text()
    assert [entry.action for entry in mine.read()] == ["revoked", "refreshed", "refreshed"]


def test_a_trail_that_was_deleted_begins_anew(trail: AuditTrail, folder: Path) -> None:
    """An operator has cleared the folder beside the running bot."""
    trail.record([Event("refreshed", ANN)])
    newest(folder).unlink()
    time.sleep(1.1)
    trail.record([Event("refreshed", BOB)])
    assert [entry.owner for entry in trail.read()] == [MASK(BOB.name)]


# Trouble


def test_a_full_disk_is_logged_once_each_time_it_begins(trail: AuditTrail) -> None:
    """And raises nothing: what has happened has happened."""
    trail.record([Event("refreshed", ANN)])
    with capture_logs() as logs:
        for _ in range(2):
            with full_disk():
                for _ in range(3):
                    trail.record([Event("refreshed", ANN)])
            trail.record([Event("revoked", ANN)])
    assert [(log["event"], log["result"]) for log in logs] == [("audit_failed", "store_failed")] * 2
    assert [entry.action for entry in trail.read()] == ["revoked", "revoked", "refreshed"]


def test_a_line_cut_by_a_full_disk_spoils_no_other(trail: AuditTrail, folder: Path) -> None:
    """Neither those before nor those after."""
    trail.record([Event("refreshed", ANN)])
    with capture_logs(), full_disk(room=newest(folder).stat().st_size + 20):
        trail.record([Event("refreshed", BOB)])
    trail.record([Event("revoked", ANN)])
    assert [entry.action for entry in trail.read()] == ["revoked", "refreshed"]


def test_a_line_right_behind_a_cut_one_is_read(trail: AuditTrail, folder: Path) -> None:
    """Another process crashed in the middle of a line; this one had the file open."""
    trail.record([Event("refreshed", ANN)])
    with newest(folder).open("ab") as file:
        file.write(b'{"time": "2026-01')
    trail.record([Event("revoked", BOB)])
    assert [entry.action for entry in trail.read()] == ["revoked", "refreshed"]


def test_a_folder_that_cannot_be_used_stops_nobody(trail: AuditTrail, folder: Path) -> None:
    """Somebody has put a file in its place."""
    folder.mkdir()
    (folder / "audit").write_text("in the way")
    with capture_logs() as logs:
        trail.record([Event("refreshed", ANN)])
        trail.record([Event("refreshed", ANN)])
    assert [log["event"] for log in logs] == ["audit_failed"]


# Reading


def test_nothing_written_is_nothing_read(trail: AuditTrail) -> None:
    """Not an error."""
    assert list(trail.read()) == []


@pytest.fixture
def history(folder: Path) -> AuditTrail:
    """Six entries in several parts."""
    trail = AuditTrail(folder, MASK, max_bytes=250)
    trail.record([Event("authorised", ANN)])
    trail.record([Event("refreshed", ANN)])
    trail.record([Event("denied", BOB, "not_allowed")])
    trail.record([Event("refreshed", TOWN)])
    trail.record([Event("quarantined", ANN, "invalid_grant")])
    trail.record([Event("revoked", TOWN)])
    return trail


def test_entries_come_in_either_order(history: AuditTrail) -> None:
    """Across the parts."""
    backwards = list(history.read())
    assert backwards == list(history.read(newest_first=False))[::-1]
    assert [backwards[0].action, backwards[-1].action] == ["revoked", "authorised"]
    assert len(backwards) == 6


def test_entries_are_filtered(history: AuditTrail) -> None:
    """By owner, by action, by time; together they must all fit."""
    ann = [entry.action for entry in history.read(owner=MASK(ANN.name))]
    assert ann == ["quarantined", "refreshed", "authorised"]
    assert [e.owner for e in history.read(owner=MASK(ANN.name), action="refreshed")] == [
        MASK(ANN.name)
    ]
    assert len(list(history.read(since=datetime.now(UTC) - timedelta(minutes=1)))) == 6
    assert list(history.read(since=datetime.now(UTC) + timedelta(minutes=1))) == []


def test_long_trails_are_read_in_pieces(trail: AuditTrail) -> None:
    """No line at the border of two pieces is lost."""
    for number in range(1, 1501):
        trail.record([Event("refreshed", Owner.user(number))])
    backwards = [entry.owner for entry in trail.read()]
    assert backwards == [MASK(Owner.user(n).name) for n in range(1500, 0, -1)]
    assert [entry.owner for entry in trail.read(newest_first=False)] == backwards[::-1]


@pytest.mark.parametrize(
    "rubbish",
    [
        b"\x00" * 5000,
        b"\xff\xfe",
        b"[" * 100_000,
        b"[]",
        b'{"time": 1, "action": [], "owner": {}, "result": []}',
        b'{"time": "2026-01-01T00:00:00+00:00", "action": "x", "owner": null, "result": "ok"}',
        b'{"time": "2026-01-01T00:00:00+00:00", "action": "denied", "owner": "user:501",'
        b' "result": "ok"}',
        b'{"time": "2026-01-01T00:00:00", "action": "denied", "owner": null, "result": "ok"}',
    ],
    ids=range(8),
)
def test_what_is_no_line_of_the_trail_is_passed_over(
    trail: AuditTrail, folder: Path, rubbish: bytes
) -> None:
    """Blocks that a power cut left empty, and what somebody else has written there."""
    trail.record([Event("refreshed", ANN)])
    with newest(folder).open("ab") as file:
        file.write(rubbish + b"\n")
    trail.record([Event("revoked", ANN)])
    assert [entry.action for entry in trail.read()] == ["revoked", "refreshed"]
