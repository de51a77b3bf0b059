"""A standby on a real database."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pymysql
import pytest

from processes.ending import StoppedInTime
from processes.standby import only_bot_on
from security.encryption import TokenEncryption
from security.storage.each import only
from security.storage.leases import BOT_LEASE
from tests.database.conftest import Place
from tests.database.stores import storage_at
from tests.journeys import until
from tests.mariadb import MariaDB
from tests.storage.backends import new_key


async def test_a_standby_that_is_stopped_while_it_takes_over_is_not_the_bot(
    mariadb: MariaDB,
) -> None:
    """Two that are stopped together: the second one asks just when the first one gives it up."""
    name = mariadb.make_database()
    place, keyring = Place(mariadb.url(name), mariadb.ca), TokenEncryption([new_key()])
    waiting = asyncio.Event()

    @asynccontextmanager
    async def standing_by() -> AsyncIterator[None]:
        waiting.set()
        yield

    async def be_the_bot() -> None:
        async with only_bot_on(second, meanwhile=standing_by):
            pass

    with storage_at(place, keyring) as first, storage_at(place, keyring) as second:
        assert only(first.lease([BOT_LEASE])) is not None
        bot = asyncio.create_task(be_the_bot())
        await waiting.wait()
        giving_up = pymysql.connect(unix_socket=str(mariadb.socket), user="root")
        giving_up.cursor().execute(f"UPDATE {name}.leases SET token = NULL")
        asks = "SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"
        await until(lambda: bool(mariadb.sql(asks)))
        os.kill(os.getpid(), signal.SIGTERM)
        await asyncio.sleep(0.05)
        giving_up.commit()
        giving_up.close()
        with pytest.raises(StoppedInTime):
            await bot
        assert second.is_leased(BOT_LEASE) is False
