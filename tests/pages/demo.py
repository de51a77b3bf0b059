"""Every state of the settings page, as it could be at half past two on a Sunday."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from departments.names import Department
from departments.service_accounts.standing import KeyStanding
from tests.pages.clock import NOW, READER
from tests.pages.sheet_demo import CARD, lines
from web.site.settings.views import (
    Card,
    Computer,
    PairingCode,
    Question,
    SettingsPage,
)

_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR


def _key(ending: str, days: int | None) -> KeyStanding:
    return KeyStanding(Department("tanhae", "淡海"), READER, ending, days)


_COMPUTERS: Final = (
    Computer("0a1b2c3d4e5f", "行控中心 1", used_at=NOW - 300),
    Computer("1a1b2c3d4e5f", "行控中心 2", may_fetch_tokens=True, used_at=NOW - 15.9 * _HOUR),
    Computer("2a1b2c3d4e5f", "站務室", used_at=NOW - 20 * _DAY),
    Computer("3a1b2c3d4e5f", "會議室"),
)
_BLOCKED: Final = Computer(
    *("4a1b2c3d4e5f", "備勤室"),
    used_at=NOW - 4000,
    is_blocked=True,
    because="client_second_machine",
    blocked_at=NOW - 3900,
)
FINE: Final = Card(
    "tanhae",
    "淡海",
    "fine",
    account="tanhae-drive@example.com",
    since=NOW - 26.2 * _DAY,
    minutes_left=42,
    computers=_COMPUTERS,
    service_key=_key("c41f", 41),
)
NEVER: Final = Card(
    "tanhae",
    "淡海",
    "never",
    service_key=_key("9d02", 78),
)
SECOND: Final = Card("anping", "安坑", "never", service_key=_key("9d02", 78))
_ADDRESS: Final = "https://drive.example.com"
_PAIRING: Final = PairingCode("a" * 64, "KTRW-PHXM", "行控中心 3", 577, _ADDRESS)
_ELSEWHERE: Final = PairingCode("b" * 64, "", "行控中心 4", 130, _ADDRESS)
_LONG: Final = (
    "an-account-of-a-department-with-a-long-name@a-subdomain.of-an-organisation.example.com"
)

STATES: Final[dict[str, Card]] = {
    "never": NEVER,
    "fine": FINE,
    "just_now": replace(FINE, news="authorised", since=NOW, minutes_left=59),
    "asleep": replace(FINE, minutes_left=0),
    "limited": replace(FINE, ends_at=NOW + 3 * _DAY),
    "lost": replace(FINE, state="lost", lost_at=NOW - 3.4 * _HOUR),
    "on_hold": replace(FINE, state="on_hold"),
    "unreadable": replace(FINE, state="unreadable", account="", since=None),
    "another": replace(FINE, question=Question("c" * 64, FINE.account, "tanhae-new@example.com")),
    "another_than_last": replace(
        NEVER, question=Question("c" * 64, FINE.account, "tanhae-new@example.com")
    ),
    "kept_none": replace(NEVER, news="kept"),
    "another_unknown": replace(FINE, question=Question("c" * 64, "", _LONG)),
    "declined": replace(NEVER, news="declined"),
    "unticked": replace(NEVER, news="unticked"),
    "lapsed": replace(NEVER, news="lapsed"),
    "organisation": replace(NEVER, news="organisation"),
    "silent": replace(NEVER, news="silent"),
    "set_up": replace(NEVER, news="set_up"),
    "busy": replace(NEVER, news="busy"),
    "waiting": replace(NEVER, news="waiting", under_way="mine"),
    "others": replace(NEVER, under_way="others"),
    "kept": replace(FINE, news="kept"),
    "testing": replace(FINE, is_testing=True, ends_at=NOW + 3.1 * _DAY),
    "revoke": replace(FINE, asks_to_revoke=True),
    "revoked": replace(
        NEVER, news="revoked", computers=_COMPUTERS[:1], revoked_at=NOW - 5, revoked_by="Ops"
    ),
    "revoked_before": replace(NEVER, revoked_at=NOW - 3.2 * _DAY, revoked_by="Ops"),
    "revoked_here": replace(NEVER, news="revoked_here"),
    "revoked_shared": replace(NEVER, news="revoked_shared"),
    "not_connected": replace(NEVER, news="not_connected"),
    "pairing": replace(FINE, pairing=(_PAIRING,)),
    "pairing_two": replace(FINE, pairing=(_PAIRING, _ELSEWHERE), paired=("行控中心 2",)),
    "paired": replace(FINE, paired=(_PAIRING.label,)),
    "dropped": replace(FINE, news="dropped"),
    "code_gone": replace(FINE, news="code_gone"),
    "no_label": replace(FINE, label_fault=True),
    "blocked": replace(FINE, computers=(*_COMPUTERS[:1], _BLOCKED)),
    "disable": replace(FINE, computers=(replace(_COMPUTERS[0], is_asked=True), *_COMPUTERS[1:])),
    "alarmed": replace(
        FINE,
        computers=(
            replace(_COMPUTERS[0], alarms=("client_busy", "of another version")),
            replace(_BLOCKED, alarms=("client_second_machine", "client_stopped_key")),
        ),
    ),
    "disabled": replace(FINE, news="disabled"),
    "unblocked": replace(FINE, news="unblocked"),
    "gone": replace(FINE, news="gone"),
    "old_key": replace(FINE, service_key=_key("c41f", 93)),
    "no_key": replace(FINE, service_key=KeyStanding(Department("tanhae", "淡海"))),
    "unseen_key": replace(FINE, service_key=_key("c41f", None)),
    "looked": replace(FINE, news="looked", sheets=lines("fine", "codes")),
    "look_busy": replace(FINE, news="look_busy", sheets=lines("held", "table")),
    "sheets": replace(FINE, sheets=lines(*CARD)),
    "sheets_without_key": replace(NEVER, service_key=None, sheets=lines("keyless")),
    "long": replace(
        FINE,
        name="淡海輕軌運務中心行車控制室與備勤室",
        account=_LONG,
        computers=(Computer("5a1b2c3d4e5f", "W" * 60, used_at=NOW - 60),),
    ),
}
"""State of the first card → the card."""


def page_of(state: str) -> SettingsPage:
    """The page with its first card in this state; "empty", "no_client" are the whole page's."""
    if state == "empty":
        return SettingsPage(NOW, ())
    if state == "no_client":
        return SettingsPage(NOW, (NEVER, SECOND), False)
    return SettingsPage(NOW, (STATES[state], SECOND))


PAGES: Final = (*STATES, "empty", "no_client")
"""Every name that `page_of` knows."""
__all__ = ("FINE", "NEVER", "NOW", "PAGES", "READER", "SECOND", "STATES", "page_of")
