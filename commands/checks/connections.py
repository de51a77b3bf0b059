"""Is the app's status "Testing"? Google then ends every connection seven days after it was made.

https://developers.google.com/identity/protocols/oauth2#expiration
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

from commands.checks.finding import Finding, count, failed, ok, skipped, warning
from config import Settings
from security.credential import Credential, Owner
from security.encryption import TokenEncryption
from security.errors import CustodyError
from security.storage.catalogue import CREDENTIALS
from security.storage.files.private_files import SealedFolder

_MOST: Final = 2_000  # of each kind: enough to tell, quick with a hundred thousand
_WEEK: Final = timedelta(days=7)
_DO: Final = (
    "Publish the app (Google Auth Platform, Audience, Publish app); "
    "whoever connected before that connects once more."
)

T = TypeVar("T")


def check_testing(settings: Settings) -> list[Finding]:
    """Connections with a term of a week, and ones that ended when it was over."""
    name = "testing"
    folder = settings.user_data_dir
    if not folder.is_dir():
        return [skipped(name, "There is no data folder, hence no connection to judge by.")]
    keyring = TokenEncryption(settings.encryption_keys)
    connected = list(_credentials(SealedFolder(folder, keyring, CREDENTIALS)))
    if short := sum(1 for credential in connected if credential.ends_within_days):
        says = f"Google ends {count(short, 'connection')} seven days after it was made: "
        says += 'the app\'s status was "Testing".'
        return [failed(name, says, _DO)]
    if ended := _ended_after_a_week(SealedFolder(folder / "quarantine", keyring)):
        says = f"{count(ended, 'connection')} ended between seven and eight days after it was made."
        return [warning(name, says, f'Is the app\'s status "Testing"? {_DO}')]
    if not connected:
        return [skipped(name, "There is no connection to judge by.")]
    return [ok(name, "No connection ends after seven days.")]


def _credentials(folder: SealedFolder) -> Iterator[Credential]:
    for name in _sample(_names(folder)):
        if (credential := _credential(folder, name)) is not None:
            yield credential


def _ended_after_a_week(folder: SealedFolder) -> int:
    copies = [name for name in _names(folder) if not name.endswith(".note")]
    return sum(1 for name in _sample(copies) if _lasted_a_week(folder, name))


def _lasted_a_week(folder: SealedFolder, name: str) -> bool:
    note, credential = _document(folder, f"{name}.note"), _credential(folder, name)
    if note is None or credential is None or credential.granted_at is None:
        return False
    try:
        ended = datetime.fromisoformat(str(note.get("time")))
    except ValueError:
        return False
    ended = ended if ended.tzinfo else ended.replace(tzinfo=UTC)
    refused = note.get("reason") == "invalid_grant"
    return refused and _WEEK <= ended - credential.granted_at < _WEEK + timedelta(days=1)


def _credential(folder: SealedFolder, name: str) -> Credential | None:
    """None: not ours, or it does not open, which other checks tell."""
    document = _document(folder, name)
    if document is None:
        return None
    try:
        return Credential.from_document(Owner.from_stem(name.partition(".")[0]), document)
    except (CustodyError, ValueError):
        return None


def _document(folder: SealedFolder, name: str) -> dict[str, Any] | None:
    try:
        return folder.read(name)
    except (CustodyError, ValueError):
        return None


def _names(folder: SealedFolder) -> list[str]:
    try:
        return folder.names()
    except CustodyError:
        return []


def _sample(items: list[T]) -> list[T]:
    """All of them, or as many as that, evenly spread."""
    return items[:: max(1, -(-len(items) // _MOST))]
