"""What lies in a database: nothing secret or personal but whose a row is, in no byte of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

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
from security.storage.sql.tables import GoogleOAuthToken
from tests.canaries import MarkedWorld
from tests.database.conftest import NewPlace
from tests.database.dumps import Dumps
from tests.database.stores import storage_at
from tests.fixtures import StartBot
from tests.test_at_rest import STATES, Visitor, all_but_two_end, canaries, check_found, live
from tests.test_at_rest import sandbox as sandbox
from tests.test_at_rest import world as world

__all__ = ["canaries", "sandbox", "world"]

READABLE: Final = {"Telegram id"}
"""Whose a row is: it is found by that."""


def everything(dumps: Dumps, target: Path) -> bytes:
    """A dump in both of its forms; of SQLite all that lies in its folder as well."""
    if not dumps.of_server:
        files = sorted(dumps.file.parent.iterdir())
        return b"\n".join(path.read_bytes() for path in files)
    return dumps.make(target, "--hex-blob") + b"\n" + dumps.make(target)


@pytest.mark.encryption("on")
@pytest.mark.one_way
async def test_what_lies_in_a_database(
    start_bot: StartBot,
    sandbox: Sandbox,
    world: MarkedWorld,
    google: GoogleControls,
    encryption_keys: tuple[SecretStr, ...],
    new_place: NewPlace,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    """With people in every state there is: while the bot runs, and after it has ended."""
    place = new_place().made()
    dumps = Dumps(place, None if place.ca is None else request.getfixturevalue("mariadb"))
    people = {state: world.person(sandbox.url) for state in STATES}
    keyring = TokenEncryption(encryption_keys)
    engine = place.engine()

    def damage(person: Person) -> None:
        column = GoogleOAuthToken.c.encrypted_refresh_token
        cut = func.substr(column, 1, func.length(column) - 20)
        mine = update(GoogleOAuthToken).where(GoogleOAuthToken.c.owner == f"token_{person.id}")
        with engine.begin() as connection:
            connection.execute(mine.values(encrypted_refresh_token=cut))

    try:
        async with start_bot(**place.variables) as bot:
            await live(Visitor(world, google, bot), people, damage)
            with storage_at(place, keyring) as storage:
                await all_but_two_end(lambda: uploads_of(storage))
                running = everything(dumps, tmp_path / "of.dump")
                if not dumps.of_server:
                    assert dumps.file.with_name("of.db-wal").stat().st_size > 0
                opened = contents_of(storage)
    finally:
        for person in people.values():
            await person.close()
    engine.dispose()
    ended = everything(dumps, tmp_path / "of.dump")
    world.harvest()
    check_found(world, "device", opened)
    for data in (running, ended):
        assert str(people["ann"].id).encode() in data
        assert {leak.name for leak in world.canaries.find(data)} <= READABLE
    assert world.canaries.find(running[-1000:] + opened[0])  # what is not sealed would be found


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
