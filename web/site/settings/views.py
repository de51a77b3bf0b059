"""What the settings page shows: plain data, put together by its routes, turned to HTML by pages.py.

Times are Unix seconds. Nothing of it is in a repr: there are people's addresses in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from departments.service_accounts.standing import KeyStanding
from web.site.sheets.views import SheetLine

CardState = Literal["never", "fine", "lost", "on_hold", "unreadable"]
"""As `departments.overview` has it."""
News = Literal[
    "",
    "authorised",
    "waiting",
    "kept",
    "revoked",
    "revoked_shared",
    "revoked_here",
    "not_connected",
    "declined",
    "unticked",
    "lapsed",
    "organisation",
    "silent",
    "set_up",
    "busy",
    "disabled",
    "unblocked",
    "dropped",
    "code_gone",
    "gone",
    "looked",
    "look_busy",
]
"""
What has just happened:
authorised     it was saved
waiting        Google has not answered yet
kept           another account approved, and the one until now stays
revoked        the grant is ended · revoked_shared: here alone, since others use the account ·
               revoked_here: here, and Google could not be told
not_connected  there was nothing to end
declined       the person said no to Google · unticked: yes, but not to Drive
lapsed         the request was over, used, or begun in another browser
organisation   the account's organisation does not allow it
silent         Google did not answer as it should
set_up         the project at Google, or its client's setting, is wrong
busy           somebody else changes the department just now
disabled, unblocked   a computer's key · dropped: a pairing code · code_gone: it is over already ·
               gone: there is no such computer
looked         at a sheet, just now · look_busy: the look is not over yet
"""
_PAIRING_SECONDS: Final = 600
_SOON_SECONDS: Final = 5
_USUAL_SECONDS: Final = 60


@dataclass(frozen=True, slots=True, repr=False)
class Question:
    """Another Google account approved than before: which one is to be used."""

    consent_id: str
    before: str
    """The account's address until now; "": not known."""
    now: str


@dataclass(frozen=True, slots=True, repr=False)
class Computer:
    """One of the department's computers."""

    id: str
    label: str
    may_fetch_tokens: bool = False
    used_at: float | None = None
    is_blocked: bool = False
    because: str = ""
    """Why it is blocked: an alarm's code; "": an administrator did it."""
    blocked_at: float | None = None
    is_asked: bool = False
    """Whether the reader is asked if it shall be disabled."""
    alarms: tuple[str, ...] = ()
    """The codes of what makes one think that its key is in other hands."""


@dataclass(frozen=True, slots=True, repr=False)
class PairingCode:
    """A code that one computer turns into its key, and could now."""

    id: str
    """By which it is dropped."""
    code: str
    """Its letters; "": they are shown elsewhere, in the browser that asked for it."""
    label: str
    """What the computer will be called."""
    seconds_left: int
    address: str
    """Of this service, to be typed beside the code."""

    @property
    def spoken(self) -> str:
        """Letter by letter."""
        return ", ".join(" ".join(half) for half in self.code.split("-"))

    @property
    def share(self) -> float:
        """How much of its time is left, of 1."""
        return self.seconds_left / _PAIRING_SECONDS

    @property
    def clock(self) -> str:
        """9:37."""
        return f"{self.seconds_left // 60}:{self.seconds_left % 60:02}"


@dataclass(frozen=True, slots=True, repr=False)
class Card:
    """One department."""

    slug: str
    name: str
    state: CardState
    news: News = ""
    account: str = ""
    """The Google account's address; "": not known."""
    since: float | None = None
    """When it was authorised."""
    revoked_at: float | None = None
    """When an administrator revoked it; None: nobody did, or it is not known."""
    revoked_by: str = ""
    """What they are called; "": not known."""
    lost_at: float | None = None
    minutes_left: int = 0
    """Of the access token that is kept."""
    ends_at: float | None = None
    """When Google ends the grant by itself; None: it has set no term."""
    is_testing: bool = False
    """Whether that is so because the project's status is "Testing"."""
    under_way: Literal["", "mine", "others"] = ""
    """Whose request to authorise it goes on just now."""
    question: Question | None = None
    asks_to_revoke: bool = False
    computers: tuple[Computer, ...] = ()
    pairing: tuple[PairingCode, ...] = ()
    """Every code that is open, the newest first."""
    paired: tuple[str, ...] = ()
    """Labels of the computers that this browser's codes have just been used by."""
    service_key: KeyStanding | None = None
    sheets: tuple[SheetLine, ...] = ()
    label_fault: bool = False
    """Whether the label of a new computer was none."""

    @property
    def is_asking(self) -> bool:
        """Whether a question is open in it."""
        asked = any(computer.is_asked for computer in self.computers)
        return self.question is not None or self.asks_to_revoke or asked

    @property
    def unshared(self) -> tuple[SheetLine, ...]:
        """Sheets that the service account is not let read."""
        return tuple(one for one in self.sheets if one.wants_sharing)

    @property
    def readable(self) -> tuple[SheetLine, ...]:
        """Sheets that it could read when they were looked at last."""
        return tuple(one for one in self.sheets if one.looked_at and one.state != "unread")

    @property
    def wants_something(self) -> bool:
        """Whether there is something for the reader to do."""
        return self.state in ("never", "lost", "on_hold") and self.under_way != "mine"


@dataclass(frozen=True, slots=True, repr=False)
class SettingsPage:
    """The whole page."""

    now: float
    cards: tuple[Card, ...]
    can_authorise: bool = True
    """Whether a web client is configured at all."""

    @property
    def every(self) -> int:
        """Seconds until the page looks again: soon where somebody waits for what comes."""
        waits = any(card.pairing or card.under_way == "mine" for card in self.cards)
        return _SOON_SECONDS if waits else _USUAL_SECONDS

    @property
    def next(self) -> str:
        """The slug of the card with the one thing to do next; "": there is none."""
        if any(card.is_asking for card in self.cards):
            return ""
        return next((card.slug for card in self.cards if card.wants_something), "")
