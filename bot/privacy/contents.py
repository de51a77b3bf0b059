"""What of each kind of documents a person is given: by an allow-list, so that no secret slips in.

docs/privacy-data.md explains each field. Whoever adds a kind of documents adds it here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from bot.kinds import FINISHED_UPLOADS, PREFERENCES, UPDATES, UPLOADS
from bot.updates.queued_update import QueuedUpdate
from departments import kinds as department_kinds
from departments.kinds import LINKS, SESSIONS
from security.consent.pending import CONSENTS
from security.credential import Owner
from security.maintenance.documents import ACTIVE, MAINTENANCE, OWNER
from security.owner_documents import CREDENTIALS, QUARANTINE, TOMBSTONES
from security.storage.catalogue import NOTE, Document, Kind
from sheets.keeping import kinds as sheet_kinds
from sheets.people.kinds import ASKS, CALENDARS, CHATS, NOTICES
from sheets.people.kinds import LINKS as ROSTER_LINKS

_CONNECTION: Final = ("account", "scopes", "expiry")
_OF_OURS: Final = ("account_id", "generation", "granted_at", "refresh_expires_at", "state")
_REQUEST: Final = ("flow", "stage", "created_at", "expires_at", "account", "account_id")
_UPLOAD: Final = (
    *("state", "created_at", "finished_at", "account_id", "folder_name", "folder_id"),
    *("asked_at", "person"),
)
_FILE: Final = (
    *("name", "own_name", "wish", "kind", "mime_type", "size", "description"),
    *("state", "result", "drive_file_id", "link", "there"),
)
_LANGUAGE: Final = ("chosen", "seen")
_FOLDER: Final = ("account", "folder_id", "parent_id", "path", "template")
_SWEEPS: Final = ("pause", "organisation", "grant_ends")
_NOTE: Final = ("reason", "time", "told")
_LINK: Final = ("made_at", "is_spent")
_SESSION: Final = ("began_at", "seen_at")
_ROSTER: Final = ("department", "number", "asked_at", "confirmed_at", "changes", "waits_for")
_ASK: Final = ("number", "name", "department", "month", "asked_at", "state", "decided_at")
_CALENDAR: Final = ("made_at", "language")
_CHANGE: Final = ("day", "old", "new", "at")


@dataclass(frozen=True, slots=True)
class Section:
    """One kind's part of the file."""

    title: str
    """The field of the file it stands under; kinds may share one."""
    prefixes: Callable[[Owner], Sequence[str]]
    """How names of an owner's documents begin."""
    shown: Callable[[str, Document], dict[str, Any]]
    """Of a name and its document, what the person is given."""


def _by_stem(owner: Owner) -> Sequence[str]:
    return (owner.stem,)


def _all(owner: Owner) -> Sequence[str]:
    """Names say nothing: whose a document is, it says itself (`is_theirs`)."""
    return ("",)


def _by_key(owner: Owner) -> Sequence[str]:
    return (f"{owner.key}-",)


def _picked(document: Document, fields: Sequence[str]) -> dict[str, Any]:
    return {name: document[name] for name in fields if name in document}


def _connection(_: str, document: Document) -> dict[str, Any]:
    own = document.get("drivekeeper")
    return _picked(document, _CONNECTION) | _picked(own if isinstance(own, dict) else {}, _OF_OURS)


def _set_aside(name: str, document: Document) -> dict[str, Any]:
    if name.endswith(NOTE):
        return _picked(document, _NOTE)
    return {"copy": _connection(name, document)}


def _upload(_: str, document: Document) -> dict[str, Any]:
    files = document.get("files")
    # Those of earlier versions are one file each.
    listed = files if isinstance(files, list) else [document]
    return _picked(document, _UPLOAD) | {
        "sent_in": "private chat" if _is_private(document) else "group",
        "files": [_picked(file, _FILE) for file in listed if isinstance(file, dict)],
    }


def _is_private(document: Document) -> bool:
    number = str(document.get("owner")).rpartition(":")[2]
    return str(document.get("chat_id", number)) == number


def _preference(name: str, document: Document) -> dict[str, Any]:
    if name.endswith(".folder"):
        return {"folder": _picked(document, _FOLDER)}
    return {"language": _picked(document, _LANGUAGE)}


def _maintenance(_: str, document: Document) -> dict[str, Any]:
    shown = _picked(document, _SWEEPS)
    if isinstance(document.get("rejection"), list):
        reason, since, _version, held, told = document["rejection"]
        shown["rejection"] = [reason, since, held, told]
    if isinstance(document.get("day"), int):
        shown["last_active"] = (date(1970, 1, 1) + timedelta(days=document["day"])).isoformat()
    return shown


def _changes(_: str, document: Document) -> dict[str, Any]:
    every = document.get("changes")
    changes = every if isinstance(every, list) else []
    return {"number": document.get("number")} | {
        "changes": [_picked(each, _CHANGE) for each in changes if isinstance(each, dict)]
    }


_NOTHING: Final = Section("administration", lambda _: (), lambda _, found: {})
SECTIONS: Final = {
    CREDENTIALS: Section("connection", _by_stem, _connection),
    TOMBSTONES: Section("ended", _by_stem, lambda _, found: _picked(found, ("generation",))),
    QUARANTINE: Section("set_aside", _by_stem, _set_aside),
    CONSENTS: Section("requests", _by_stem, lambda _, found: _picked(found, _REQUEST)),
    UPDATES: Section("unanswered", _all, lambda _, found: unanswered(found)),
    UPLOADS: Section("uploads", _by_key, _upload),
    FINISHED_UPLOADS: Section("uploads", _by_key, _upload),
    PREFERENCES: Section("preferences", _by_stem, _preference),
    MAINTENANCE: Section(
        "maintenance", lambda owner: (OWNER + owner.stem, ACTIVE + owner.stem), _maintenance
    ),
    # What is of departments is of nobody alone, but for who administers.
    **dict.fromkeys(department_kinds.KINDS, _NOTHING),
    # Rosters are their department's; who is linked to one asks for the own part by /duty.
    **dict.fromkeys(sheet_kinds.KINDS, _NOTHING),
    ROSTER_LINKS: Section("rosters", _by_stem, lambda _, found: _picked(found, _ROSTER)),
    ASKS: Section("rosters_asked_for", _by_stem, lambda _, found: _picked(found, _ASK)),
    CALENDARS: Section("calendar_addresses", _by_stem, lambda _, found: _picked(found, _CALENDAR)),
    NOTICES: Section("changes_to_be_told", _by_stem, _changes),
    CHATS: _NOTHING,
    LINKS: Section("administration", _all, lambda _, found: _picked(found, _LINK)),
    SESSIONS: Section("administration", _all, lambda _, found: _picked(found, _SESSION)),
}
"""Every kind of documents there is; a test compares it with those that are kept."""


def is_theirs(kind: Kind, document: Document | None, owner: Owner) -> bool:
    """Whether a document is this person's, whose name it has, or whose name says nothing.

    Args:
        document: None: it cannot be read, and says nothing either.
    """
    if kind is UPDATES:
        return document is not None and is_from(document, owner)
    if kind in (LINKS, SESSIONS):
        return document is not None and document.get("administrator") == owner.name
    return True


def is_from(update: Document, owner: Owner) -> bool:
    """Whether an update, as Telegram sends it, is this person's."""
    return QueuedUpdate.of(0, update).person == owner.telegram_id


def unanswered(update: Document) -> dict[str, Any]:
    """What somebody has written or tapped and was not answered yet."""
    message, tap = _object(update, "message"), _object(update, "callback_query")
    shown = _picked(message, ("text", "caption")) | (
        {"button": tap["data"]} if "data" in tap else {}
    )
    moment = message.get("date")
    if isinstance(moment, int):
        shown["sent_at"] = datetime.fromtimestamp(moment, UTC).isoformat()
    return shown


def _object(document: Document, name: str) -> Document:
    value = document.get(name)
    return value if isinstance(value, dict) else {}
