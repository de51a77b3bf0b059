"""The four tables, as every dialect here has them; migrations/ makes them.

Only what TiDB, MariaDB, MySQL and SQLite understand alike: no foreign keys, triggers, CHECK, ENUM.
Collations are named per column: bytes are compared, whatever the server defaults to. What is
readable is for people and for indexes and is never believed: what counts is sealed.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

MOST_BYTES: Final = 1024 * 1024
"""Of one document, sealed. A transaction has less than TiDB's least limits."""
MOST_TOKEN_BYTES: Final = 65_535
"""Of one token, sealed: a BLOB's, wherever it is kept."""
_OPTIONS: Final[dict[str, Any]] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def _ascii(length: int) -> TypeEngine[str]:
    """Names of the program's own."""
    kind = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return String(length).with_variant(kind, "mysql", "mariadb")


def _text(length: int) -> TypeEngine[str]:
    """What people write."""
    kind = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return String(length).with_variant(kind, "mysql", "mariadb")


def _bytes() -> TypeEngine[bytes]:
    """Sealed, up to 16 MiB."""
    return LargeBinary().with_variant(mysql.MEDIUMBLOB(), "mysql", "mariadb")


def _hash() -> TypeEngine[bytes]:
    """A keyed hash: HMAC-SHA256."""
    return LargeBinary(32).with_variant(mysql.BINARY(32), "mysql", "mariadb")


def _counter() -> TypeEngine[int]:
    """A row's number; nothing is ordered by it, since TiDB hands numbers out in blocks."""
    return BigInteger().with_variant(Integer(), "sqlite")


metadata: Final = MetaData()

GoogleOAuthToken: Final = Table(
    "google_oauth_tokens",
    metadata,
    Column("id", _counter(), primary_key=True, autoincrement=True),
    Column("owner", _ascii(121), nullable=False),
    Column("department", _text(32), nullable=True),
    Column("encrypted_refresh_token", LargeBinary(), nullable=False),
    Column("encrypted_access_token", LargeBinary(), nullable=True),
    Column("encrypted_details", _bytes(), nullable=False),
    Column("access_token_expires_at", DateTime(), nullable=True),
    Column("authorized_user_email", _text(320), nullable=True),
    Column("generation", BigInteger(), nullable=False),
    Column("version", BigInteger(), nullable=False),
    Column("state", _ascii(16), nullable=False),
    Column("kid", _ascii(12), nullable=True),
    Column("hash1", _hash(), nullable=True),
    Column("hash2", _hash(), nullable=True),
    Column("hash3", _hash(), nullable=True),
    Column("due_at", BigInteger(), nullable=True),
    Column("created_at", DateTime(), nullable=False),
    Column("updated_at", DateTime(), nullable=False),
    Index("google_oauth_tokens_owner", "owner", unique=True),
    Index("google_oauth_tokens_department", "department", unique=True),
    Index("google_oauth_tokens_due_at", "due_at", "owner"),
    Index("google_oauth_tokens_hash1", "hash1"),
    Index("google_oauth_tokens_hash2", "hash2"),
    Index("google_oauth_tokens_hash3", "hash3"),
    **_OPTIONS,
)
"""Credentials, under the name that specs/001-system-architecture/spec.md has for them. `owner` is
what they go by at the seam; `hash1` to `hash3` are keyed hashes of the Google account's id, of its
address and of the client's id; NULL: not known. Without a refresh token of its own a row holds in
`encrypted_details` what was brought from elsewhere, as it stands (`state` is `whole` then)."""

DOCUMENTS: Final = Table(
    "documents",
    metadata,
    Column("kind", _ascii(32), primary_key=True),
    Column("name", _ascii(121), primary_key=True),
    Column("content", _bytes(), nullable=False),
    Column("version", BigInteger(), nullable=False),
    Column("kid", _ascii(12), nullable=True),
    Column("hash1", _hash(), nullable=True),
    Column("hash2", _hash(), nullable=True),
    Column("due_at", BigInteger(), nullable=True),
    Index("documents_hash1", "kind", "hash1"),
    Index("documents_hash2", "kind", "hash2"),
    Index("documents_due_at", "kind", "due_at"),
    **_OPTIONS,
)
"""All other kinds. `hash1` and `hash2` are keyed hashes of the values of `Kind.indexes`, in their
order; NULL: not known. `due_at` as in `google_oauth_tokens`, in milliseconds since 1970: NULL is
never, -1 at every look."""

LEASES: Final = Table(
    "leases",
    metadata,
    Column("name", _ascii(121), primary_key=True),
    Column("token", _ascii(32), nullable=True),
    Column("held_until", BigInteger(), nullable=False),
    Column("taken_over_at", BigInteger(), nullable=True),
    **_OPTIONS,
)
"""Who may begin a change of what goes by a name: a row is made by the first one who asks, and
stays. Times are the database's, in milliseconds since 1970; `token` NULL: it was given back."""

AUDIT_EVENTS: Final = Table(
    "audit_events",
    metadata,
    Column("id", _counter(), primary_key=True, autoincrement=True),
    Column("time", BigInteger(), nullable=False),
    Column("action", _ascii(32), nullable=False),
    Column("owner", _ascii(64), nullable=True),
    Column("result", _ascii(64), nullable=False),
    Index("audit_events_time", "time"),
    Index("audit_events_owner", "owner", "time"),
    **_OPTIONS,
)
"""The audit trail. `time` in milliseconds since 1970; `owner` is a mask."""
