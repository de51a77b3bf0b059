"""One-time links by which administrators sign in: looked at as often as anybody likes, spent once.

A link is spent by the button on its page alone. Mail programs, chats and proxies open links, some
run scripts as well: none of them presses a button.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from pydantic import SecretStr

from departments.documents import Held, Kept, Shelf
from departments.kinds import LINK_COUNTS, LINKS
from departments.secret import AccessSecret, new_secret
from security.errors import CustodyError
from security.storage.protocol import ABSENT, Conflict, Step, Storage

ENTER_PATH: Final = "/console/enter"
"""Below it are links; the page itself says how one signs in."""
LIFE_SECONDS: Final = 300
MOST_AN_HOUR: Final = 5
_HOUR: Final = 3600
_KEPT_SECONDS: Final = 86400


def address_of(public_url: str, code: SecretStr) -> str:
    """Where a link leads: for whoever it was made for, and nobody else."""
    return f"{public_url}{ENTER_PATH}/{code.get_secret_value()}"


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


class _Count(Kept):
    made_at: tuple[float, ...] = ()
    """When one administrator's links of the last hour were made."""

    def plus(self, now: float) -> _Count:
        """With one more; raises TooManyLinks where there are too many."""
        lately = sorted(at for at in self.made_at if now - at < _HOUR)
        if len(lately) >= MOST_AN_HOUR:
            raise TooManyLinks(lately[-MOST_AN_HOUR] + _HOUR - now)
        return _Count(made_at=(*lately, now))


class SignInLinks:
    """The links there are. Every method blocks."""

    def __init__(self, storage: Storage, secret: AccessSecret) -> None:
        self._now = storage.now
        self._secret = secret
        self._shelf = Shelf(storage, LINKS, _Link)
        self._counts = Shelf(storage, LINK_COUNTS, _Count)

    def make(self, administrator: str) -> SecretStr:
        """The code of a new link, which holds for five minutes.

        It is counted in the same unit, on the version of the count that was read: of several
        processes that are asked at once none counts past another.

        Raises:
            TooManyLinks: for this hour.
            OperatorFault: it cannot be kept.
        """
        self._clear()
        now, code = self._now(), new_secret()
        link = _Link(administrator=administrator, made_at=now)
        self._counts.change(
            self._secret.digest(LINK_COUNTS.name, administrator),
            lambda found: (found or _Count()).plus(now),
            also=[self._shelf.putting(self._name(code.get_secret_value()), link, ABSENT)],
        )
        return code

    def holds(self, code: str) -> bool:
        """Whether it could be spent now. Spends nothing."""
        return self._find(code) is not None

    def spend(
        self, code: str, also: Callable[[str], Sequence[Step]] = lambda administrator: ()
    ) -> str | None:
        """Whose link it was; None: it is none, is over, or was spent, be it just now.

        Args:
            also: what is done with that, in one unit, by whose link it is.
        """
        held = self._find(code)
        if held is None:
            return None
        administrator = held.content.administrator
        spent = held.content.model_copy(update={"is_spent": True})
        try:
            self._shelf.replace(held, spent, also=also(administrator))
        except Conflict:
            return None
        return administrator

    def end_all(self, administrator: str) -> None:
        """None of theirs can be spent any more. They still count for the hour."""

        def how(link: _Link | None) -> _Link | None:
            return link.model_copy(update={"is_spent": True}) if link else None

        for held in self._shelf.all():
            if held.content.administrator == administrator and not held.content.is_spent:
                self._shelf.change(held.name, how)

    def _clear(self) -> None:
        long_ago = self._now() - _KEPT_SECONDS
        for link in self._shelf.all():
            if link.content.made_at < long_ago:
                self._shelf.forget(link)
        for count in self._counts.all():
            if max(count.content.made_at, default=0.0) < long_ago:
                self._counts.forget(count)

    def _find(self, code: str) -> Held[_Link] | None:
        held = self._shelf.find(self._name(code))
        if held is None or held.content.is_spent:
            return None
        return held if 0 <= self._now() - held.content.made_at < LIFE_SECONDS else None

    def _name(self, code: str) -> str:
        return self._secret.digest(LINKS.name, code)
