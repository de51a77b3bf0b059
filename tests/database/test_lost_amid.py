"""A database that goes away amid an operator's command ends it, and nothing passes for done."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.recovery.key_use import census
from security.recovery.rotation import Mode, Rotation
from security.token_store import TokenStore
from tests.database.conftest import Place
from tests.database.proxy import Proxy
from tests.database.stores import seed, storage_at
from tests.mariadb import MariaDB
from tests.security.kit import new_key
from tests.stores import MASK

OLD, NEW = new_key(), new_key()


def test_a_rotation_that_loses_its_database_does_not_say_it_is_complete(mariadb: MariaDB) -> None:
    """Whoever believes it drops the old key."""
    with Proxy(mariadb.socket) as proxy:
        name = mariadb.make_database()
        url = mariadb.url(name, port=proxy.port).get_secret_value()
        place = Place(SecretStr(f"{url}?tls=off"))
        with storage_at(place, TokenEncryption([OLD])) as storage:
            seed(storage)
        with storage_at(place, TokenEncryption([NEW, OLD])) as storage:

            def stop(done: int, total: int) -> None:
                if done == 1:
                    proxy.refuse()

            with pytest.raises(OperatorFault) as caught:
                Rotation(TokenStore(storage, MASK)).run(Mode.ROTATE, progress=stop)
            assert caught.value.code == "database_unreachable"
            proxy.admit()
            assert census(storage).of("older")[0].total
