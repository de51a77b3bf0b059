"""Is the app's status "Testing"? Google then ends every connection seven days after it was made.

https://developers.google.com/identity/protocols/oauth2#expiration
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, TypeVar

from commands.checks.finding import Finding, failed, ok, skipped, warning
from commands.runtime import Installation
from commands.wording import count
from security.credential import Credential
from security.errors import CustodyError
from security.owner_documents import CREDENTIALS, QUARANTINE, copy_key, note_key, owner_of_copy
from security.quarantine.records import Note
from security.storage.catalogue import Kind
from security.storage.protocol import Found, Key, Storage, Stored

_MOST: Final = 2_000  # of each kind: enough to tell, quick with a hundred thousand
_WEEK: Final = timedelta(days=7)
_DO: Final = (
    "Publish the app (Google Auth Platform, Audience, Publish app); "
    "whoever connected before that connects once more."
)

T = TypeVar("T")


def check_testing(there: Installation) -> list[Finding]:
    """Connections with a term of a week, and ones that ended when it was over."""
    name = "testing"
    try:
        if not there.is_there():
            says = f"There is nothing in the {there.place} yet, hence no connection to judge by."
            return [skipped(name, says)]
    except CustodyError:
        return [skipped(name, f"What is kept cannot be looked at: see `{there.place}`.")]
    keys = [Key(CREDENTIALS, stem) for stem in _sample(_names(there.storage, CREDENTIALS))]
    connected = [found for found in map(_credential, keys, there.storage.read(keys)) if found]
    if short := sum(1 for credential in connected if credential.ends_within_days):
        says = f"Google ends {count(short, 'connection')} seven days after it was made: "
        says += 'the app\'s status was "Testing".'
        return [failed(name, says, _DO)]
    copies = filter(owner_of_copy, _names(there.storage, QUARANTINE))
    if ended := sum(1 for copy in _sample([*copies]) if _lasted_a_week(there.storage, copy)):
        says = f"{count(ended, 'connection')} ended between seven and eight days after it was made."
        return [warning(name, says, f'Is the app\'s status "Testing"? {_DO}')]
    if not connected:
        return [skipped(name, "There is no connection to judge by.")]
    return [ok(name, "No connection ends after seven days.")]


def _lasted_a_week(storage: Storage, copy: str) -> bool:
    found, beside = storage.read([copy_key(copy), note_key(copy)])
    note, credential = Note.found(copy, beside), _credential(copy_key(copy), found)
    if credential is None or credential.granted_at is None or note.reason != "invalid_grant":
        return False
    return _WEEK <= note.time - credential.granted_at < _WEEK + timedelta(days=1)


def _credential(key: Key, found: Found) -> Credential | None:
    """None: not ours, or it does not open, which other checks tell."""
    owner = key.kind.owner_of(key.name)
    if owner is None or not isinstance(found, Stored):
        return None
    try:
        return Credential.from_document(owner, found.open())
    except CustodyError:
        return None


def _names(storage: Storage, kind: Kind) -> list[str]:
    try:
        return storage.names(kind)
    except CustodyError:
        return []


def _sample(items: list[T]) -> list[T]:
    """All of them, or as many as that, evenly spread."""
    return items[:: max(1, -(-len(items) // _MOST))]
