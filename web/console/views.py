"""What the console's pages show: plain data, put together by gathering.py, made HTML by pages.py.

Times are Unix seconds where nothing else is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from departments.console.fleet import Fleet
from departments.console.trail import TrailPage
from security.credential import Owner
from security.maintenance.presence import Present
from security.quarantine.records import QuarantineRecord
from security.storage.events import ACTIONS, Action
from web.console.charts import Spark
from web.site.sheets.views import SheetLine

News = Literal[
    "",
    "restored",
    "restored_unsure",
    "restored_refused",
    "restored_organisation",
    "restored_set_up",
    "purged",
    "held",
    "held_in_part",
    "gone",
    "superseded",
    "no_refresh_token",
    "not_connected",
    "damaged",
    "no_key",
    "locked",
    "failed",
    "disabled",
    "unblocked",
    "dismissed",
    "no_computer",
    "no_alarm",
]
"""
What has just happened:
restored                Google accepts it · restored_unsure: Google could not be asked
restored_refused        Google does not accept it: it goes back
restored_organisation   its owner's organisation does not let it be used
restored_set_up         something in the set-up keeps it from being tried
purged, held            for good · those on hold were set aside, or a part of them
gone … failed           nothing was changed, and why
disabled, unblocked     a computer's key · dismissed: an alarm · no_computer, no_alarm: gone already
"""
GROUPS: Final[Mapping[str, frozenset[Action] | None]] = {
    "": frozenset(ACTIONS) - {"refreshed"},
    "denied": frozenset({"denied", "refused"}),
    "quarantine": frozenset({"quarantined", "held", "confirmed", "restored", "purged"}),
    "consent": frozenset({"authorised", "revoked"}),
    "clients": frozenset(action for action in ACTIONS if action.startswith("client_")),
    "sheets": frozenset(action for action in ACTIONS if action.startswith("sheet_")),
    "refreshed": frozenset({"refreshed"}),
    "all": None,
}
"""What the filter of the audit trail offers: name → which actions; None: every one."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """An open incident, an alarm about a computer's key, or a department that was lost."""

    code: str
    since: float | None
    """None: it is not known."""
    owners: int = 0
    alarm: str = ""
    """The alarm's name, by which it is dismissed; "": it is no alarm."""
    client: str = ""
    """The key's id; "": it is about none."""
    label: str = ""
    count: int = 0
    busiest: int = 0
    department: str = ""
    """The slug of the one that has to be authorised again, `label` its name; "": it is none."""
    sheet: SheetLine | None = None
    """One that is not taken over as it stands, `label` its department's name; None: it is none."""


@dataclass(frozen=True, slots=True)
class Copies:
    """The quarantine, or the beginning of it."""

    count: int
    records: Sequence[QuarantineRecord]
    page: int = 0
    pages: int = 1
    wrong: str = ""
    """The id of the copy that somebody wanted to purge with another word than its mask."""


Kinds = Literal["", "departments", "people", "both"]
"""Of whom credentials are: an administrator authorises departments again, people do it in the chat.
"": of nobody."""


def kinds_of(owners: Iterable[Owner]) -> Kinds:
    """Which of them these are."""
    found = {owner.kind for owner in owners}
    if len(found) > 1:
        return "both"
    return "departments" if "department" in found else "people" if found else ""


@dataclass(frozen=True, slots=True)
class Held:
    """Who is on hold."""

    count: int = 0
    kinds: Kinds = ""
    shown: Sequence[tuple[str, str]] = ()
    """Masks, and the reasons as result codes."""
    can_confirm: bool = False
    """Whether they can be set aside from here."""
    is_asked: bool = False


@dataclass(frozen=True, slots=True)
class Computer:
    """One computer's key, and how it is used."""

    id: str
    label: str
    department: str
    """Its name."""
    ending: str
    """Of the key."""
    state: Literal["active", "blocked", "revoked"]
    use: Spark
    today: int = 0
    may_fetch_tokens: bool = False
    used_at: float | None = None
    changed_at: float | None = None
    because: str = ""
    """Why it is blocked: an alarm's code; "": an administrator did it."""
    alarms: Sequence[Trouble] = ()
    is_asked: bool = False
    """Whether the reader is asked if it shall be disabled."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What the audit page was asked for, as its form shows it again."""

    group: str = ""
    owner: str = ""
    since: str = ""
    until: str = ""
    """Days as YYYY-MM-DD, both inclusive; "": open."""
    fault: Literal["", "owner"] = ""

    @property
    def query(self) -> dict[str, str]:
        """For addresses."""
        named = {"what": self.group, "owner": self.owner, "from": self.since, "to": self.until}
        return {name: value for name, value in named.items() if value}


@dataclass(frozen=True, slots=True)
class Trail:
    """A page of the audit trail."""

    asked: Filter
    page: TrailPage
    is_first: bool = True


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the console; each shows what it is about, and leaves the rest out."""

    name: Literal["overview", "incidents", "quarantine", "processes", "computers", "audit"]
    now: float
    news: News = ""
    was_replaced: bool = False
    """Whether what lay in a restored one's place went into quarantine."""
    moved: int = 0
    """held: how many were set aside."""
    moved_of: Kinds = ""
    """held: whose they were."""
    fleet: Fleet | None = None
    troubles: Sequence[Trouble] = ()
    copies: Copies = field(default_factory=lambda: Copies(0, ()))
    held: Held = field(default_factory=Held)
    processes: Sequence[Present] = ()
    computers: Sequence[Computer] = ()
    trail: Trail | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    """Mask → whose it is, where that is a department: its name."""
    connected: frozenset[str] = frozenset()
    """The masks of those departments that have a credential in its place."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show at all."""
        return self.fleet is not None and self.fleet.is_empty and not self.troubles

    @property
    def to_do(self) -> int:
        """How many things want to be looked at."""
        return len(self.troubles)
