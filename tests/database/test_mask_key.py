"""The key of the logs' masks, kept in a database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from pydantic import SecretBytes
from sqlalchemy import Engine, select

from config import Settings, load_settings
from processes.storage import find_mask_key, make_mask_key, masks_since, put_back_mask_key
from security.storage.sql.tables import DOCUMENTS
from tests.database.conftest import Place
from tests.security.kit import new_key, secret

pytestmark = pytest.mark.one_way("off")

ARCHIVED: Final = SecretBytes(b"of an archive, as the file had it")


@pytest.fixture
def settings(place: Place, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Of an installation that keeps everything in the database."""
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEY", secret(new_key()))
    for name, value in place.variables.items():
        monkeypatch.setenv(name, value)
    return load_settings(for_bot=False, env_file=None)


def test_it_is_made_once_however_many_start(settings: Settings, engine: Engine) -> None:
    """Sealed, and the same for every process; whoever looks makes none."""
    assert find_mask_key(settings) is None
    before = datetime.now(UTC)
    with ThreadPoolExecutor(4) as starts:
        made = set(starts.map(lambda _: make_mask_key(settings), range(4)))
    assert len(made) == 1
    assert {find_mask_key(settings)} == made
    since = masks_since(settings)
    assert since is not None
    assert abs(since - before) < timedelta(seconds=60)
    with engine.connect() as connection:
        kept = b"".join(connection.scalars(select(DOCUMENTS.c.content)))
    [key] = made
    assert key not in kept
    assert key.hex().encode() not in kept


def test_a_configured_one_wins_and_is_kept_nowhere(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with files."""
    monkeypatch.setenv("LOG_MASK_KEY", "a configured key of the masks")
    configured = load_settings(for_bot=False, env_file=None)
    assert make_mask_key(configured) == find_mask_key(configured)
    assert masks_since(configured) is None
    outcome = put_back_mask_key(configured, ARCHIVED, rollback=True, dry_run=False)
    assert outcome == "differs"
    assert find_mask_key(settings) is None


def test_an_archives_key_is_put_back_where_there_is_none_or_in_a_rollback(
    settings: Settings,
) -> None:
    """A dry run changes nothing; another one stays, but in a rollback."""

    def put_back(*, rollback: bool = False, dry_run: bool = False) -> str:
        return put_back_mask_key(settings, ARCHIVED, rollback=rollback, dry_run=dry_run)

    assert put_back(dry_run=True) == "restored"
    assert find_mask_key(settings) is None
    made = make_mask_key(settings)
    assert put_back() == "differs"
    assert find_mask_key(settings) == made
    assert put_back(rollback=True) == "restored"
    assert find_mask_key(settings) == ARCHIVED.get_secret_value()
    assert put_back() == "same"
