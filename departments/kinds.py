"""The kinds of documents that departments need beside their credentials. None is any one owner's.

What must be found by a secret is kept under the secret's keyed hash (`secret.py`): one look finds
it, and nothing that is kept says what the secret was.
"""

from __future__ import annotations

from functools import partial
from typing import Final

from security.storage.catalogue import Document, Kind

_kind = partial(Kind, owner_of=lambda name: None, reported_as="departments", is_seldom=True)
_passing = partial(_kind, in_use=False)

ACCESS: Final = _kind("access")
"""One document: what the keyed hashes of all the others are made with."""
CLIENTS: Final = _kind("clients")
"""One of each key of a department's computer, by the key's hash."""
LINKS: Final = _passing("sign_in_links")
"""One of each sign-in link, by the hash of its code."""
LINK_COUNTS: Final = _passing("sign_in_link_counts")
"""One of each administrator who has made links within the hour, by the administrator's hash."""
SESSIONS: Final = _passing("sessions")
"""One of each administrator's session, by the hash of its cookie."""
PAIRING: Final = _passing("pairing_codes")
"""One of each code that becomes a computer's key, by the code's hash."""
USE: Final = _passing("client_use")
"""One of each key: when it was used, and how often in each hour."""
ALARMS: Final = _passing("client_alarms")
"""One of each key and kind of suspicion."""
POSTED: Final = _passing("posted_incidents")
"""One of each incident that ALERT_WEBHOOK_URL was told of, and not yet that it is over."""
OUTCOMES: Final = _passing("consent_outcomes")
"""What became of a consent on the web, by the hash of its state."""
ACCOUNTS: Final = _passing("department_accounts")
"""One of each department: the Google account it was connected with last, by the slug."""


def _open_of(document: Document) -> dict[str, str | None]:
    """Whether an upload waits for bytes, and whose computer is to send them."""
    client, waits = document.get("client"), document.get("state") == "waiting"
    is_open = waits and not document.get("is_given_up") and isinstance(client, str)
    return {"open": "yes" if is_open else "no", "open_of": client if is_open else "nobody"}


UPLOADS: Final = _passing("handed_uploads", indexes=_open_of)
"""One of each upload that was handed to a computer, by its key and idempotency key."""
SERVICE_KEYS: Final = _passing("service_account_keys")
"""When each key of a service account was first seen, by the key's hash."""
KINDS: Final = (
    *(ACCESS, CLIENTS, LINKS, LINK_COUNTS, SESSIONS, PAIRING, USE, ALARMS, POSTED, OUTCOMES),
    *(ACCOUNTS, UPLOADS, SERVICE_KEYS),
)
