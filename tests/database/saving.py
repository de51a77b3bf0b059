"""A process that saves credentials in the database of the settings until its input ends.

`python -m tests.database.saving KEY…`: prints "go", and at the end how many saves it has made.
"""

from __future__ import annotations

import os
import select
import sys
from contextlib import suppress
from pathlib import Path

from pydantic import SecretStr

from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.token_store import TokenStore
from tests.database.conftest import Place
from tests.database.stores import storage_at
from tests.security.kit import ANN, BOB, MASK, TOWN


def main() -> None:
    """Save as refreshes do: the lease, a look, a save in the generation that was read."""
    ca = os.environ.get("DATABASE_CA")
    place = Place(SecretStr(os.environ["DATABASE_URL"]), Path(ca) if ca else None)
    keyring = TokenEncryption([SecretStr(key) for key in sys.argv[1:]])
    with storage_at(place, keyring) as storage:
        store, made = TokenStore(storage, MASK), 0
        print("go", flush=True)
        while not select.select([sys.stdin], [], [], 0)[0]:
            for owner in (ANN, BOB, TOWN):
                with suppress(OperatorFault), store.leased(owner, 0.5) as lease:
                    before = store.load(owner)
                    assert before is not None
                    store.save(before, based_on=before.generation, lease=lease)
                    made += 1
        print(made, flush=True)


if __name__ == "__main__":
    main()
