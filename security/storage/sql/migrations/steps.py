"""Steps of migrations that do nothing where they were made already."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Table, inspect
from sqlalchemy.schema import CreateIndex, CreateTable


def make_table(table: Table) -> None:
    """Make a table, and those of its indexes that are not there."""
    connection = op.get_bind()
    connection.execute(CreateTable(table, if_not_exists=True))
    there = {index["name"] for index in inspect(connection).get_indexes(table.name)}
    for index in sorted(table.indexes, key=lambda index: str(index.name)):
        if index.name not in there:
            connection.execute(CreateIndex(index))
