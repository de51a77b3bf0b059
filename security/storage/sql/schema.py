"""The schema of the database."""

from __future__ import annotations

from sqlalchemy import Engine

from security.storage.sql.tables import metadata


def make_or_check(engine: Engine) -> None:
    """Make the tables where there are none."""
    metadata.create_all(engine)
