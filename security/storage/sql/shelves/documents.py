"""The table of all kinds but credentials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement
from sqlalchemy import Row as SqlRow

from security.encryption import kid_of
from security.storage.catalogue import Kind
from security.storage.protocol import Key
from security.storage.sql.shelves.shelf import Content, Shelf, due_column
from security.storage.sql.tables import DOCUMENTS


class DocumentShelf(Shelf):
    """All kinds but credentials."""

    table = DOCUMENTS
    name = DOCUMENTS.c.name
    _by_name = "PRIMARY"
    _identifying = ("kind", "name")
    _unchanged = frozenset({"kind", "name"})

    @classmethod
    def of(cls, kind: Kind) -> ColumnElement[bool]:
        return DOCUMENTS.c.kind == kind.name

    @classmethod
    def _columns(cls) -> Sequence[ColumnElement[Any]]:
        return (DOCUMENTS.c.content,)

    def _kept(self, row: SqlRow[Any]) -> bytes:
        content: bytes = row.content
        return content

    def _values(self, key: Key, content: Content) -> dict[str, Any]:
        return {
            "kind": key.kind.name,
            "name": key.name,
            "content": content.raw,
            "version": content.version,
            "kid": kid_of(content.raw),
            "due_at": due_column(key.kind, content.document, self._now()),
            **self._index_columns(key.kind, content.document, 2),
        }
