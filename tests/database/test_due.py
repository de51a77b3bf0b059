"""What is due at every look, whoever asks meanwhile."""

from __future__ import annotations

from typing import Any

from sqlalchemy import event

from security.encryption import TokenEncryption
from security.owner_documents import CREDENTIALS, credential_key
from security.storage.sql.storage import SqlStorage
from security.token_store import TokenStore
from tests.database.conftest import Place
from tests.database.stores import storage_at
from tests.security.kit import ANN, BOB, a_credential
from tests.storage.backends import new_key
from tests.stores import MASK


def test_whoever_is_of_no_use_since_a_look_began_is_due_at_the_next(ready_place: Place) -> None:
    """A refresh beside the sweep reads what is not to be believed, while the sweep looks."""
    with storage_at(ready_place, TokenEncryption([new_key()])) as storage:
        store = TokenStore(storage, MASK)
        for owner in (ANN, BOB):
            store.save_consent(a_credential(owner))
        storage.look_again([credential_key(ANN)])

        def beside(*_: Any) -> None:
            storage.look_again([credential_key(BOB)])

        event.listen(storage._engine, "after_cursor_execute", beside, once=True)
        assert due(storage) == {ANN.stem}
        assert due(storage) == {ANN.stem, BOB.stem}


def due(storage: SqlStorage) -> set[str]:
    """The names."""
    pages = storage.due(CREDENTIALS, 0.0, 10, everything=False)
    return {one.name for page in pages for one in page.due}
