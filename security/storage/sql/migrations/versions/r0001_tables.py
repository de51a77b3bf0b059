"""The whole schema."""

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

from security.storage.sql.migrations.steps import make_table

revision = "0001"
down_revision = None

_SERVERS: Final = ("mysql", "mariadb")
_OPTIONS: Final[dict[str, Any]] = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_bin",
}


def _ascii(length: int) -> TypeEngine[str]:
    kind = mysql.VARCHAR(length, charset="ascii", collation="ascii_bin")
    return String(length).with_variant(kind, *_SERVERS)


def _text(length: int) -> TypeEngine[str]:
    kind = mysql.VARCHAR(length, charset="utf8mb4", collation="utf8mb4_bin")
    return String(length).with_variant(kind, *_SERVERS)


def _bytes() -> TypeEngine[bytes]:
    return LargeBinary().with_variant(mysql.MEDIUMBLOB(), *_SERVERS)


def _hash() -> TypeEngine[bytes]:
    return LargeBinary(32).with_variant(mysql.BINARY(32), *_SERVERS)


def _number() -> TypeEngine[int]:
    return BigInteger().with_variant(Integer(), "sqlite")


_made = MetaData()
Table(
    "google_oauth_tokens",
    _made,
    Column("id", _number(), primary_key=True, autoincrement=True),
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
Table(
    "documents",
    _made,
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
Table(
    "leases",
    _made,
    Column("name", _ascii(121), primary_key=True),
    Column("token", _ascii(32), nullable=True),
    Column("held_until", BigInteger(), nullable=False),
    Column("taken_over_at", BigInteger(), nullable=True),
    **_OPTIONS,
)
Table(
    "audit_events",
    _made,
    Column("id", _number(), primary_key=True, autoincrement=True),
    Column("time", BigInteger(), nullable=False),
    Column("action", _ascii(32), nullable=False),
    Column("owner", _ascii(64), nullable=True),
    Column("result", _ascii(64), nullable=False),
    Index("audit_events_time", "time"),
    Index("audit_events_owner", "owner", "time"),
    **_OPTIONS,
)


def upgrade() -> None:
    """Make all tables."""
    for table in _made.sorted_tables:
        make_table(table)
