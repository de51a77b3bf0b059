"""The kinds of documents about people who are linked to rosters. A name begins with its owner's
stem, and says nothing of the roster's person; that of a chat's begins with `chat`."""

from __future__ import annotations

from functools import partial
from typing import Final

from security.storage.catalogue import Document, Kind, owner_by_stem

_kind = partial(Kind, owner_of=owner_by_stem, reported_as="sheets", is_seldom=True)
_passing = partial(_kind, in_use=False)


def _links_found_by(document: Document) -> dict[str, str | None]:
    return {
        "number": f"{document.get('department')} {document.get('number')}",
        "waits": "yes" if document.get("waits_for") else "no",
    }


LINKS: Final = _kind("roster_links", indexes=_links_found_by)
"""One of each person and department: which staff number is theirs, and what they want to know."""
ASKS: Final = _kind("roster_asks", indexes=lambda found: {"state": str(found.get("state"))})
"""One of each time that somebody asked to be linked."""
CALENDARS: Final = _kind(
    "calendar_addresses", indexes=lambda found: {"secret": str(found.get("secret"))}
)
"""One of each address of a person's calendar; of what is secret in it a keyed hash alone."""
NOTICES: Final = _passing("roster_notices")
"""One of each person and sheet: changes that they are about to be told of."""
CHATS: Final = _passing("roster_chats", owner_of=lambda name: None)
"""One of each chat that is told how many changes there were."""
KINDS: Final = (LINKS, ASKS, CALENDARS, NOTICES, CHATS)
OF_PEOPLE: Final = (LINKS, ASKS, CALENDARS, NOTICES)
"""Those that go with their owner."""
