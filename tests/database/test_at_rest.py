"""What lies in a database: nothing secret or personal but whose a row is, in no byte of it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from pydantic import SecretStr
from sqlalchemy import func, update

from bot.kinds import FINISHED_UPLOADS, UPLOADS
from bot.uploads.jobs import UploadJob
from bot.uploads.journal import UploadJournal
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.server import Sandbox
from security.encryption import TokenEncryption
from security.storage.protocol import Key, Stored
from security.storage.sql.storage import SqlStorage
from security.storage.sql.tables import TOKENS
from tests.canaries import MarkedWorld
from tests.database.conftest import NewPlace
from tests.database.stores import storage_at
from tests.fixtures import StartBot
from tests.installed import path_of, skip_for_want_of
from tests.test_at_rest import STATES, Visitor, all_but_two_end, canaries, check_found, live
from tests.test_at_rest import sandbox as sandbox
from tests.test_at_rest import world as world

if TYPE_CHECKING:
    from tests.mariadb import MariaDB

__all__ = ["canaries", "sandbox", "world"]

READABLE: Final = {"Telegram id"}
"""Whose a row is: it is found by that."""


def file_of(url: SecretStr) -> Path:
    """Of SQLite."""
    return Path(url.get_secret_value().removeprefix("sqlite:///"))


def everything(url: SecretStr, server: MariaDB | None) -> bytes:
    """A dump of the database, as docs/backup.md has it made, in both of its forms; of SQLite all
    that lies in its folder."""
    if server is None:
        return b"\n".join(path.read_bytes() for path in sorted(file_of(url).parent.iterdir()))
    name = url.get_secret_value().rpartition("/")[2]
    server.sql(
        f"CREATE USER IF NOT EXISTS 'reader_{name}'@'localhost'",
        f"GRANT SELECT ON {name}.* TO 'reader_{name}'@'localhost'",
    )
    dumps = []
    for forms in (["--hex-blob"], []):
        command = [
            *("mariadb-dump", "--no-defaults", "--single-transaction", "--no-tablespaces", *forms),
            *("--default-character-set=utf8mb4", f"--user=reader_{name}"),
            *(f"--socket={server.socket}", name),
        ]
        dumped = subprocess.run(command, capture_output=True, timeout=60, check=False)
        assert dumped.returncode == 0, dumped.stderr
        dumps.append(dumped.stdout)
    server.sql(f"DROP USER 'reader_{name}'@'localhost'")
    return b"\n".join(dumps)


@pytest.mark.encryption("on")
@pytest.mark.one_way("on")
async def test_what_lies_in_a_database(
    start_bot: StartBot,
    sandbox: Sandbox,
    world: MarkedWorld,
    google: GoogleControls,
    encryption_keys: tuple[SecretStr, ...],
    new_place: NewPlace,
    request: pytest.FixtureRequest,
) -> None:
    """With people in every state there is: while the bot runs, and after it has ended."""
    place = new_place()
    server: MariaDB | None = None
    if place.ca is not None:
        if path_of("mariadb-dump") is None:
            skip_for_want_of("mariadb-dump")
        server = request.getfixturevalue("mariadb")
    people = {state: world.person(sandbox.url) for state in STATES}
    keyring = TokenEncryption(encryption_keys)
    engine = place.engine()

    def damage(person: Person) -> None:
        column = TOKENS.c.encrypted_refresh_token
        cut = func.substr(column, 1, func.length(column) - 20)
        mine = update(TOKENS).where(TOKENS.c.owner == f"token_{person.id}")
        with engine.begin() as connection:
            connection.execute(mine.values(encrypted_refresh_token=cut))

    try:
        async with start_bot(**place.variables) as bot:
            await live(Visitor(world, google, bot), people, damage)
            with storage_at(place, keyring) as storage:
                await all_but_two_end(lambda: uploads_of(storage))
                running = everything(place.url, server)
                if server is None:
                    assert file_of(place.url).with_name("of.db-wal").stat().st_size > 0
                opened = contents_of(storage)
    finally:
        for person in people.values():
            await person.close()
    engine.dispose()
    ended = everything(place.url, server)
    world.harvest()
    check_found(world, "device", opened)
    for data in (running, ended):
        assert str(people["ann"].id).encode() in data
        assert {leak.name for leak in world.canaries.find(data)} <= READABLE
    assert world.canaries.find(running + opened[0])  # what is not sealed would be found


def uploads_of(storage: SqlStorage) -> list[UploadJob]:
    """Every upload that can be read."""
    names = {name for kind in (UPLOADS, FINISHED_UPLOADS) for name in storage.names(kind)}
    return list(filter(None, map(UploadJournal(storage).load, names)))


def contents_of(storage: SqlStorage) -> list[bytes]:
    """Every document as it was before it was sealed, and its name."""
    found = []
    for kind in storage.kinds:
        for name in storage.names(kind):
            [stored] = storage.read([Key(kind, name)])
            assert isinstance(stored, Stored)
            found.append(json.dumps([name, stored.document]).encode())
    return found
