"""The table of credentials, whose tokens have columns of their own."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement
from sqlalchemy import Row as SqlRow

from security.encryption import kid_of
from security.storage.catalogue import Document, Kind, owner_by_stem
from security.storage.parts import Kept, Parts, parts_of
from security.storage.protocol import Key
from security.storage.sql.shelves.shelf import Content, Shelf, due_column
from security.storage.sql.tables import GoogleOAuthToken

WHOLE: Final = "whole"
"""The state of a row that holds in one piece what was brought from elsewhere."""

_MOST: Final = 2**63 - 1
"""That a column of whole numbers can hold."""


class CredentialShelf(Shelf):
    """Credentials: their tokens in columns of their own."""

    table = GoogleOAuthToken
    name = GoogleOAuthToken.c.owner
    _by_name = "google_oauth_tokens_owner"
    _identifying = ("owner",)
    _unchanged = frozenset({"id", "owner", "created_at"})

    @classmethod
    def of(cls, kind: Kind) -> None:
        return None

    @classmethod
    def _columns(cls) -> Sequence[ColumnElement[Any]]:
        row = GoogleOAuthToken.c
        return (
            row.state,
            row.encrypted_refresh_token,
            row.encrypted_access_token,
            row.encrypted_details,
        )

    def _kept(self, row: SqlRow[Any]) -> Kept:
        details: bytes = row.encrypted_details
        if row.state == WHOLE:
            return details
        fields = {"refresh_token": row.encrypted_refresh_token, "token": row.encrypted_access_token}
        return Parts(details, {name: value for name, value in fields.items() if value})

    def _values(self, key: Key, content: Content) -> dict[str, Any]:
        now = datetime.fromtimestamp(int(self._now()), UTC).replace(tzinfo=None)
        document = content.document or {}
        return {
            "owner": key.name,
            **_readable(key.name, document),
            **_sealed(content),
            "version": content.version,
            "due_at": due_column(key.kind, content.document, self._now()),
            "created_at": now,
            "updated_at": now,
            **self._index_columns(key.kind, content.document, 3),
        }


def _readable(name: str, document: Document) -> dict[str, Any]:
    """For people who look into the database; of Telegram's users nothing personal."""
    own = document.get("drivekeeper")
    own = own if isinstance(own, dict) else {}
    generation, email = own.get("generation"), document.get("account")
    owner = owner_by_stem(name)
    department = owner.key if owner is not None and owner.kind == "department" else None
    return {
        "department": department,
        "access_token_expires_at": _moment(document.get("expiry")),
        "authorized_user_email": _text(email) if department and isinstance(email, str) else None,
        "generation": min(generation, _MOST) if type(generation) is int and generation >= 0 else 0,
        "state": "leaving" if own.get("state") == "leaving" else "active",
    }


def _text(value: str) -> str:
    """What the column can hold: half a character, as JSON may bring it, is none."""
    return value[:320].encode("utf-8", "replace").decode()


def _sealed(content: Content) -> dict[str, Any]:
    kept = parts_of(content.kept)
    if kept is None:
        return {
            "encrypted_refresh_token": b"",
            "encrypted_access_token": None,
            "encrypted_details": content.kept,
            "kid": kid_of(content.raw),
            "state": WHOLE,
        }
    return {
        "encrypted_refresh_token": kept.fields.get("refresh_token", b""),
        "encrypted_access_token": kept.fields.get("token"),
        "encrypted_details": kept.details,
        "kid": kid_of(kept.details),
    }


def _moment(text: object) -> datetime | None:
    """What the column can hold: whole seconds, of the years that a calendar has."""
    with suppress(ValueError, TypeError, AttributeError, OverflowError):
        moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        if moment is not None:
            moment = moment.astimezone(UTC) if moment.tzinfo else moment
            return moment.replace(tzinfo=None, microsecond=0)
    return None
