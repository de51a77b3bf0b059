"""One-time links by which administrators sign in: looked at as often as anybody likes, spent once.

A link is spent by the button on its page alone. Mail programs, chats and proxies open links, some
run scripts as well: none of them presses a button.
"""

from __future__ import annotations

from typing import Final

from pydantic import SecretStr

from departments.documents import Held, Kept, Shelf
from departments.kinds import LINKS
from departments.secret import AccessSecret, new_secret
from security.errors import CustodyError
from security.storage.protocol import Conflict, Storage

LIFE_SECONDS: Final = 300
MOST_AN_HOUR: Final = 5
_HOUR: Final = 3600
_KEPT_SECONDS: Final = 86400


class TooManyLinks(CustodyError):
    """The administrator has made as many links within the hour as they may."""

    default_code = "rate_limited"

    def __init__(self, seconds: float) -> None:
        super().__init__("too many links within the hour")
        self.seconds = seconds
        """Until the next one may be made."""


class _Link(Kept):
    administrator: str
    made_at: float
    is_spent: bool = False


class SignInLinks:
    """The links there are. Every method blocks."""

    def __init__(self, storage: Storage, secret: AccessSecret) -> None:
        self._now = storage.now
        self._secret = secret
        self._shelf = Shelf(storage, LINKS, _Link)

    def make(self, administrator: str) -> SecretStr:
        """The code of a new link, which holds for five minutes.

        Raises:
            TooManyLinks: for this hour.
            OperatorFault: it cannot be kept.
        """
        now, made = self._now(), []
        for held in self._shelf.all():
            age = now - held.content.made_at
            if held.content.administrator == administrator and age < _HOUR:
                made.append(held.content.made_at)
            elif age > _KEPT_SECONDS:
                self._shelf.drop(held.name)
        if len(made) >= MOST_AN_HOUR:
            raise TooManyLinks(sorted(made)[-MOST_AN_HOUR] + _HOUR - now)
        code = new_secret()
        self._shelf.add(
            self._name(code.get_secret_value()), _Link(administrator=administrator, made_at=now)
        )
        return code

    def holds(self, code: str) -> bool:
        """Whether it could be spent now. Spends nothing."""
        return self._find(code) is not None

    def spend(self, code: str) -> str | None:
        """Whose link it was; None: it is none, is over, or was spent, be it just now."""
        held = self._find(code)
        if held is None:
            return None
        try:
            self._shelf.replace(held, held.content.model_copy(update={"is_spent": True}))
        except Conflict:
            return None
        return held.content.administrator

    def end_all(self, administrator: str) -> None:
        """None of theirs can be spent any more. They still count for the hour."""

        def how(link: _Link | None) -> _Link | None:
            return link.model_copy(update={"is_spent": True}) if link else None

        for held in self._shelf.all():
            if held.content.administrator == administrator and not held.content.is_spent:
                self._shelf.change(held.name, how)

    def _find(self, code: str) -> Held[_Link] | None:
        held = self._shelf.find(self._name(code))
        if held is None or held.content.is_spent:
            return None
        return held if 0 <= self._now() - held.content.made_at < LIFE_SECONDS else None

    def _name(self, code: str) -> str:
        return self._secret.digest(LINKS.name, code)
