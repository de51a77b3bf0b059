"""A standby on a real database."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pymysql
import pytest

from bot.updates.journal import UpdateJournal
from processes.ending import StartupError, StoppedInTime
from processes.standby import only_bot_on
from processes.storage import KINDS
from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.storage.each import only
from security.storage.leases import BOT_LEASE
from security.storage.protocol import Storage
from security.storage.sealing import Sealer
from security.storage.sql.storage import SqlStorage
from tests.database.conftest import Place
from tests.database.stores import storage_at
from tests.journeys import until
from tests.mariadb import MariaDB
from tests.storage.backends import MASK, new_key


@dataclass
class Standby:
    """One that waits to be the bot."""

    task: asyncio.Task[None]
    waits: asyncio.Event


def stand_by(storage: Storage, is_anothers: Callable[[], bool] = lambda: False) -> Standby:
    """It is the bot for no longer than a moment."""
    waits = asyncio.Event()

    @asynccontextmanager
    async def meanwhile() -> AsyncIterator[None]:
        waits.set()
        yield

    async def be_the_bot() -> None:
        async with only_bot_on(storage, meanwhile=meanwhile, is_anothers=is_anothers):
            pass

    return Standby(asyncio.create_task(be_the_bot()), waits)


async def test_a_standby_that_is_stopped_while_it_takes_over_is_not_the_bot(
    mariadb: MariaDB,
) -> None:
    """Two that are stopped together: the second one asks just when the first one gives it up."""
    name = mariadb.make_database()
    place, keyring = Place(mariadb.url(name), mariadb.ca), TokenEncryption([new_key()])
    with storage_at(place, keyring) as first, storage_at(place, keyring) as second:
        assert only(first.lease([BOT_LEASE])) is not None
        standby = stand_by(second)
        await standby.waits.wait()
        giving_up = pymysql.connect(unix_socket=str(mariadb.socket), user="root")
        # Of the whole table: whether a statement waits for a row depends on how it is looked for.
        for statement in (
            f"LOCK TABLES {name}.leases WRITE",
            f"UPDATE {name}.leases SET token=NULL",
        ):
            giving_up.cursor().execute(statement)
        asks = "SELECT 1 FROM information_schema.processlist WHERE state LIKE 'Waiting for table%'"
        await until(lambda: bool(mariadb.sql(f"{asks} AND db = '{name}'")))
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
        giving_up.commit()
        giving_up.close()
        with pytest.raises(StoppedInTime):
            await standby.task
        assert second.is_leased(BOT_LEASE) is False


async def test_a_standby_is_none_for_a_bot_that_had_nothing_written_down_before(
    mariadb: MariaDB,
) -> None:
    """What another bot has written down meanwhile is none of its own."""
    name = mariadb.make_database()
    place, keyring = Place(mariadb.url(name), mariadb.ca), TokenEncryption([new_key()])
    with storage_at(place, keyring) as first, storage_at(place, keyring) as second:
        lease = only(first.lease([BOT_LEASE]))
        assert lease is not None
        standby = stand_by(second, UpdateJournal(second, 2).is_anothers)
        await standby.waits.wait()
        UpdateJournal(first, 1).settle({}, ())
        lease.release()
        with pytest.raises(StartupError):
            await standby.task
        assert second.is_leased(BOT_LEASE) is False


async def test_a_standby_with_another_key_finds_out_at_its_start(mariadb: MariaDB) -> None:
    """And not when it has to be the bot."""
    name = mariadb.make_database()
    place = Place(mariadb.url(name), mariadb.ca)
    with storage_at(place, TokenEncryption([new_key()])) as first:
        assert only(first.lease([BOT_LEASE])) is not None
        sealer = Sealer(TokenEncryption([new_key()]))
        second = SqlStorage(place.engine(), sealer, MASK, KINDS, lease_seconds=30)
        with pytest.raises(OperatorFault, match="TOKEN_ENCRYPTION_KEY"):
            await asyncio.wait_for(stand_by(second).task, 20)
        second.close()
