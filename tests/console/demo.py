"""Every state of the console's pages, as they could be at half past two on a Sunday."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Final, get_args

from departments.console.fleet import BOUNDS, Bin, Fleet, Hour
from departments.console.trail import Cursor, TrailPage
from security.credential import Owner
from security.maintenance.presence import Present
from security.quarantine.records import QuarantineRecord
from security.storage.events import ACTIONS, AuditEntry
from tests.pages.sheet_demo import lines
from web.console.charts import spark
from web.console.views import Computer, Copies, Filter, Held, News, Page, Trail, Trouble

MOMENT: Final = datetime(2026, 11, 29, 6, 32, tzinfo=UTC)
NOW: Final = MOMENT.timestamp()
_MASKS: Final = ("u_k3f9q2mcabcdefgh", "u_7htx0bdaabcdefgh", "d_ab2cd3ef4gh5ij6k")
INCIDENTS: Final = (
    *("on_hold", "unavailable", "failed", "invalid_client", "unauthorized_client"),
    *("deleted_client", "unknown_client", "invalid_request", "key_missing", "unknown_key"),
    *("unknown_envelope", "plaintext_refused", "wrong_document", "older_generation"),
    *("store_failed", "database_unreachable", "database_untrusted", "database_refused"),
    *("clock_skew", "updates_not_saved", "update_set_aside", "api_not_found", "api_disabled"),
    *("local_file_unreadable", "operator_fault"),
)
ALARMS: Final = (
    *("client_busy", "client_second_machine", "client_stopped_key"),
    *("client_other_department", "client_keys_guessed"),
)


def _hours(*, quiet: bool = False) -> list[Hour]:
    start = MOMENT.replace(minute=0) - timedelta(hours=23)
    made = []
    for number in range(24):
        refreshed = 1160 + number * 37 % 100
        hour = Hour(start + timedelta(hours=number), 4, refreshed, number % 3 == 2, 0, 0, 12 + 1.0)
        if number == 11 and not quiet:
            hour = replace(hour, refreshed=760, transient=412, minutes_left=6.2)
        if number == 20 and not quiet:
            hour = replace(hour, quarantined=2, operator=40, minutes_left=None)
        made.append(hour)
    return made


_COUNTS: Final = (0, 3, 15, 131, 134, 128, 136, 130, 133, 129, 135, 130, 2)
FLEET: Final = Fleet(
    fine=1186,
    due=18,
    held=0,
    unreadable=0,
    quarantined=2,
    minutes_left=12.4,
    lead_minutes=15,
    bins=[Bin(*ends, n) for ends, n in zip(pairwise(BOUNDS), _COUNTS, strict=True)],
    hours=_hours(),
    last_sweep=None,
    counted_at=MOMENT,
)
NOTHING: Final = replace(
    FLEET,
    fine=0,
    due=0,
    quarantined=0,
    minutes_left=None,
    bins=[Bin(least, most, 0) for least, most in pairwise(BOUNDS)],
    hours=[Hour(hour.start) for hour in FLEET.hours],
)


def _record(number: int, reason: str, *, told: bool = True) -> QuarantineRecord:
    owner = Owner.user(7000 + number)
    time = MOMENT - timedelta(hours=3 + number, minutes=26)
    name = f"{owner.stem}.{time:%Y%m%dt%H%M%S}000000"
    return QuarantineRecord(name, _MASKS[number % 3], owner, reason, time, told)


_LOST: Final = [
    replace(_record(number, "invalid_grant"), owner=Owner.parse("department:tanhae"))
    for number in range(3)
]
COPIES: Final = Copies(2, [_record(0, "invalid_grant"), _record(1, "corrupt", told=False)])
TROUBLES: Final = (
    Trouble(
        *("client_busy", NOW - 2040),
        alarm="client_busy.1a1b2c3d4e5f",
        client="1a1b2c3d4e5f",
        label="行控中心 2",
        count=398,
        busiest=6,
    ),
    Trouble("unavailable", NOW - 21.2 * 3600, owners=128),
    Trouble("clock_skew", NOW - 5.5 * 3600),
    Trouble("consent_required", NOW - 900, label="淡海", department="tanhae"),
    Trouble("consent_required", None, label="安坑", department="anping"),
    *(
        Trouble("sheet_stopped", NOW - 4000, label="淡海", sheet=line)
        for line in lines("held", "fault", "unread")
    ),
)


def _process(name: str, role: str, skew: float, **changes: Any) -> Present:
    made = Present(
        name,
        name.partition("-")[0],
        role,  # type: ignore[arg-type]
        "0.2.0",
        f"host-of-{name}",
        NOW - 6 * 86400,
        NOW - 4,
        skew,
    )
    return replace(made, **changes)


PROCESSES: Final = (
    _process("bot-1a2b", "works", 0.1),
    _process("web-3c4d", "works", 0.3),
    _process("web-5e6f", "works", -7.2, started_at=NOW - 7200),
    _process("bot-7a8b", "standby", 0.1),
    _process("web-9c0d", "works", 0.0, version="0.1.9", seen_at=NOW - 1800),
    _process("web-4b5c", "idle", 0.0, seen_at=NOW - 5400),
    _process("web-1e2f", "ended", 0.0, seen_at=NOW - 7000, machine="m" * 64),
)
_USES: Final = (22, 31, 28, 0, 0, 26, 30, 33, 25, 27, 0, 0, 31, 24)


def _computer(id: str, label: str, uses: tuple[int, ...], **changes: Any) -> Computer:
    made = Computer(
        *(id, label, "淡海", "9Kd2", "active"),
        use=spark(uses, is_alarmed=bool(changes.get("alarms"))),
        today=uses[-1],
        used_at=NOW - 300,
    )
    return replace(made, **changes)


COMPUTERS: Final = (
    _computer("0a1b2c3d4e5f", "行控中心 1", _USES),
    _computer("1a1b2c3d4e5f", "行控中心 2", (*_USES[:-1], 412), alarms=(TROUBLES[0],)),
    _computer("2a1b2c3d4e5f", "站務室", (0,) * 14, may_fetch_tokens=True, used_at=NOW - 20 * 86400),
    _computer("3a1b2c3d4e5f", "會議室", (0,) * 14, used_at=None),
    _computer(
        *("4a1b2c3d4e5f", "備勤室", _USES),
        state="blocked",
        because="client_second_machine",
        changed_at=NOW - 3900,
        alarms=(
            Trouble(
                *("client_second_machine", NOW - 3900),
                alarm="client_second_machine.4a1b2c3d4e5f",
                client="4a1b2c3d4e5f",
                label="備勤室",
            ),
        ),
    ),
    _computer("5a1b2c3d4e5f", "舊電腦", _USES, state="revoked", changed_at=NOW - 86400),
    _computer("6a1b2c3d4e5f", "W" * 60, _USES, department="淡海輕軌運務中心行車控制室與備勤室"),
)
_ENTRIES: Final = [
    AuditEntry(
        MOMENT - timedelta(minutes=7 * number),
        action,
        None if action == "denied" else _MASKS[number % 3],
        "access_denied" if action == "denied" else "on_hold" if action == "confirmed" else "ok",
    )
    for number, action in enumerate(ACTIONS)
]
TRAIL: Final = Trail(
    Filter(since="2026-11-28", until="2026-11-29"),
    TrailPage(_ENTRIES, Cursor(MOMENT - timedelta(hours=3), 1)),
)
_NAMES: Final = {_MASKS[2]: "淡海"}
_OVERVIEW: Final = Page(
    "overview",
    NOW,
    fleet=FLEET,
    troubles=TROUBLES,
    copies=COPIES,
    processes=PROCESSES,
    computers=COMPUTERS,
)
_QUARANTINE: Final = Page("quarantine", NOW, copies=COPIES, names=_NAMES)
_AUDIT: Final = Page("audit", NOW, trail=TRAIL, names=_NAMES)
_HELD: Final = Held(
    12, "both", [(_MASKS[0], "invalid_grant"), (_MASKS[1], "corrupt")], can_confirm=True
)

PAGES: Final[dict[str, Page]] = {
    "busy": _OVERVIEW,
    "quiet": replace(
        _OVERVIEW,
        fleet=replace(FLEET, quarantined=0, hours=_hours(quiet=True)),
        troubles=(),
        copies=Copies(0, ()),
        computers=COMPUTERS[:1],
        processes=PROCESSES[:2],
    ),
    "empty": Page("overview", NOW, fleet=NOTHING),
    "first": replace(
        Page("overview", NOW, fleet=replace(NOTHING, fine=1, minutes_left=59.0)),
        processes=PROCESSES[:1],
    ),
    "bad": replace(
        _OVERVIEW,
        fleet=replace(
            *(FLEET,),
            held=1200,
            fine=4,
            unreadable=3,
            quarantined=None,
            minutes_left=2.0,
            hours=[replace(hour, minutes_left=3.2) for hour in FLEET.hours],
        ),
        copies=replace(COPIES, count=12345),
    ),
    "incidents": Page(
        *("incidents", NOW),
        troubles=[
            *(Trouble(code, NOW - 60 * 7**2, owners=3) for code in INCIDENTS),
            *(
                Trouble(code, NOW - 30, alarm=code, label="行控中心 2", count=398, busiest=6)
                for code in ALARMS
            ),
            *TROUBLES,
        ],
    ),
    "no_incidents": Page("incidents", NOW),
    "quarantine": _QUARANTINE,
    "many": replace(
        _QUARANTINE,
        copies=Copies(120, [_record(n, "tampered") for n in range(25)], page=1, pages=5),
    ),
    "departments": replace(_QUARANTINE, copies=Copies(3, _LOST), connected=frozenset({_MASKS[2]})),
    "news_held_some": Page("quarantine", NOW, news="held", moved=3, moved_of="both"),
    "no_copies": Page("quarantine", NOW),
    "wrong": replace(_QUARANTINE, copies=replace(COPIES, wrong=COPIES.records[1].id)),
    "held": replace(_QUARANTINE, held=_HELD),
    "held_asked": replace(_QUARANTINE, held=replace(_HELD, is_asked=True)),
    "held_by_bot": replace(_QUARANTINE, held=replace(_HELD, can_confirm=False)),
    "processes": Page("processes", NOW, processes=PROCESSES),
    "no_processes": Page("processes", NOW),
    "computers": Page("computers", NOW, computers=COMPUTERS),
    "disable": Page(
        "computers",
        NOW,
        computers=[replace(one, is_asked=number < 2) for number, one in enumerate(COMPUTERS)],
    ),
    "no_computers": Page("computers", NOW),
    "audit": _AUDIT,
    "audit_later": replace(
        _AUDIT, trail=replace(TRAIL, is_first=False, page=TrailPage(_ENTRIES, None))
    ),
    "audit_nothing": replace(_AUDIT, trail=replace(TRAIL, page=TrailPage([], None))),
    "audit_far": replace(
        _AUDIT,
        trail=replace(TRAIL, page=TrailPage([], Cursor(MOMENT, 3), MOMENT - timedelta(days=3))),
    ),
    "audit_nobody": replace(
        _AUDIT,
        trail=Trail(Filter(owner="<b>", fault="owner"), TrailPage([], None)),
    ),
    **{
        f"news_{news}": Page("quarantine", NOW, news=news, was_replaced=news == "restored")
        for news in get_args(News)
        if news
    },
}
"""State → the page."""
assert math.isinf(FLEET.bins[-1].most)
