"""Administrators' sessions: documents, so that one can be ended from anywhere.

A cookie that says of itself who somebody is could not be taken back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from departments.administrators.links import SignInLinks
from departments.documents import Kept, Shelf
from departments.kinds import SESSIONS
from departments.secret import AccessSecret, new_secret
from security.storage.protocol import ABSENT, Drop, Key, Storage

LONGEST_SECONDS: Final = 12 * 3600
IDLE_SECONDS: Final = 30 * 60
_NOTED_EVERY: Final = 60.0
_FORM: Final = "forms"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in."""

    id: str
    """Of the document; no secret."""
    administrator: str
    """See `who.py`."""
    form_token: SecretStr
    """What their forms bring along, and no other site knows."""
    is_to_be_noted: bool = False
    """Whether it is a minute since anybody wrote down that it is used."""


class _Session(Kept):
    administrator: str
    began_at: float
    seen_at: float

    def is_to_be_noted(self, now: float) -> bool:
        return now - self.seen_at >= _NOTED_EVERY

    def is_over(self, now: float) -> bool:
        return now - self.began_at >= LONGEST_SECONDS or now - self.seen_at >= IDLE_SECONDS


class Sessions:
    """The sessions there are. Every method blocks."""

    def __init__(
        self, storage: Storage, secret: AccessSecret, may_enter: Callable[[str], bool]
    ) -> None:
        """
        Args:
            may_enter: whether somebody administers still; asked at every look.
        """
        self._now = storage.now
        self._secret = secret
        self._may_enter = may_enter
        self._shelf = Shelf(storage, SESSIONS, _Session)

    def begin(self, administrator: str) -> SecretStr:
        """A new session; gives what its cookie holds.

        Raises:
            OperatorFault: it cannot be kept.
        """
        self._clear()
        cookie = new_secret()
        self._shelf.add(self._name(cookie.get_secret_value()), self._beginning(administrator))
        return cookie

    def begin_by(
        self, links: SignInLinks, code: str, before: Session | None = None
    ) -> SecretStr | None:
        """The same for whoever has a link, which is spent by that; None: see `SignInLinks.spend`.

        All is one unit: in a database there is never a link that was spent for nothing. On files
        the link goes first, so that a crash after that costs it, and two sessions of one link there
        are in neither. Whoever has lost one asks for another.

        Args:
            before: the session that whoever comes has already: it ends.

        Raises:
            OperatorFault: it cannot be kept; the link holds still.
        """
        self._clear()
        cookie = new_secret()
        name = self._name(cookie.get_secret_value())
        ending = [Drop(Key(SESSIONS, before.id))] if before else []
        whose = links.spend(
            code,
            lambda one: [self._shelf.putting(name, self._beginning(one), ABSENT), *ending],
        )
        return None if whose is None else cookie

    def _beginning(self, administrator: str) -> _Session:
        now = self._now()
        return _Session(administrator=administrator, began_at=now, seen_at=now)

    def find(self, cookie: str) -> Session | None:
        """Whose cookie it is; None: nobody's, or its time is over, or they administer no more.

        Writes nothing: see `note`.

        Raises:
            OperatorFault: the storage does not answer.
        """
        name, now = self._name(cookie), self._now()
        held = self._shelf.find(name)
        if held is None or held.content.is_over(now):
            return None
        if not self._may_enter(held.content.administrator):
            return None
        token = SecretStr(self._secret.digest(_FORM, cookie))
        return Session(name, held.content.administrator, token, held.content.is_to_be_noted(now))

    def note(self, session: Session) -> None:
        """It is used, and goes on for half an hour from now: written once a minute, whoever asks.

        Raises:
            OperatorFault: the storage does not answer.
        """
        now = self._now()

        def how(found: _Session | None) -> _Session | None:
            if found is None or not found.is_to_be_noted(now):
                return None  # it has just been ended, or another request has noted it
            return found.model_copy(update={"seen_at": now})

        self._shelf.change(session.id, how)

    def end(self, session: Session) -> None:
        """It opens nothing any more."""
        self._shelf.drop(session.id)

    def end_all(self, administrator: str) -> int:
        """End every session of theirs; how many there were."""
        theirs = [one for one in self._shelf.all() if one.content.administrator == administrator]
        for held in theirs:
            self._shelf.drop(held.name)
        return len(theirs)

    def _clear(self) -> None:
        now = self._now()
        for held in self._shelf.all():
            if held.content.is_over(now):
                self._shelf.drop(held.name)

    def _name(self, cookie: str) -> str:
        return self._secret.digest(SESSIONS.name, cookie)
