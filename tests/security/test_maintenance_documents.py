"""What maintenance remembers, on disk: many owners at once, and what earlier versions kept."""

from __future__ import annotations

import os
import resource
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from processes.storage import KINDS
from security.credential import Owner
from security.custody.disconnect import shares_account
from security.custody.workers import Workers
from security.encryption import TokenEncryption
from security.maintenance.state import MaintenanceState
from security.owner_documents import CREDENTIALS
from security.quarantine.policy import Rejection
from security.storage.catalogue import Document
from security.storage.files.storage import FileStorage
from security.storage.protocol import Found, Key
from security.storage.sealing import Sealer
from security.token_store import TokenStore
from tests.security.hearing import hearing_paths
from tests.security.kit import ANN, BOB, MASK, World, a_credential, full_disk
from tests.stores import keep, storage_in

pytestmark = pytest.mark.encryption("off")
MANY = [Owner.user(1000 + n) for n in range(700)]
NOTHING: dict[str, Document] = {
    "pauses": {},
    "organisations": {},
    "verdicts": {"verdicts": {}, "condemned": {}, "asked": {}, "read": {}},
    "incidents": {},
    "activity": {},
    "sweeps": {"sweeps": []},
}
"""What an earlier version keeps where there is nothing to be remembered."""
NOW = time.time()
_DAY = 86400


@contextmanager
def few_descriptors(more: int) -> Iterator[None]:
    """Within, this process can open so many files more."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    newest = max(map(int, os.listdir("/proc/self/fd")))  # noqa: PTH208 - names are all it takes
    resource.setrlimit(resource.RLIMIT_NOFILE, (newest + more, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def state_in(folder: Path) -> MaintenanceState:
    """As after a start."""
    storage = storage_in(folder, TokenEncryption())
    storage.open()
    state = MaintenanceState(storage, Workers())
    state.load()
    return state


def sweep_at(moment: float) -> dict[str, Any]:
    """What is kept of a sweep that found nothing to do."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
    return {"started_at": at, "seconds": 0.5, "full": False}


def write_earlier(folder: Path, **documents: Document) -> None:
    """An earlier version has run, and keeps this."""
    for name, document in (NOTHING | documents).items():
        keep(folder, "maintenance", name, document, TokenEncryption())


async def test_thousands_of_changes_leave_descriptors_for_everybody_else(tmp_path: Path) -> None:
    """Google is away, and everybody who is due pauses: all are kept at the first save."""
    state = state_in(tmp_path)
    for owner in MANY:
        state.pauses.extend(owner, NOW)
    with capture_logs() as logs, few_descriptors(300):
        await state.save()
    assert [entry["event"] for entry in logs] == []
    assert state_in(tmp_path).pauses.owners() == set(MANY)


def test_the_first_start_waits_for_few_fsyncs(tmp_path: Path) -> None:
    """However many owners an earlier version knew: they become durable together."""
    write_earlier(tmp_path, activity={owner.name: 20_000 for owner in MANY})
    folder_opened = 0

    def note(path: str) -> None:
        nonlocal folder_opened
        folder_opened += path == str(tmp_path / "maintenance")

    with hearing_paths(note):
        state = state_in(tmp_path)
    assert state.activity.owners() == set(MANY)
    assert folder_opened < len(MANY) / 10
    assert state_in(tmp_path).activity.owners() == set(MANY)


def _fill(state: MaintenanceState, moment: float) -> None:
    state.rejections.load_entry(ANN, {"rejection": ["invalid_grant", moment, "1-2-3", True, True]})
    state.rejections.changed.add(ANN)
    state.incidents.see("store_failed", moment, 3)
    for incident in state.incidents.to_tell(moment):
        state.incidents.told(incident)
    for owner in (ANN, BOB):
        state.activity.begin(owner, moment)


async def test_what_was_over_under_an_earlier_version_does_not_come_back(tmp_path: Path) -> None:
    """A week under it, and forward again: it knows of no hold, and of no incident."""
    state = state_in(tmp_path)
    _fill(state, NOW - 7 * _DAY)
    await state.save()
    days = {ANN.name: int(NOW // _DAY) - 100, BOB.name: int(NOW // _DAY)}
    write_earlier(tmp_path, sweeps={"sweeps": [sweep_at(NOW)]}, activity=days)
    for _ in range(2):
        again = state_in(tmp_path)
        assert (again.rejections.owners(), again.incidents.open()) == (set(), [])
        assert [again.activity.entry_of(owner)["day"] for owner in (ANN, BOB)] == [
            int((NOW - 7 * _DAY) // _DAY),  # a last day never goes back
            int(NOW // _DAY),
        ]
        assert len(again.sweeps) == 1


async def test_what_an_earlier_version_left_replaces_nothing_newer(tmp_path: Path) -> None:
    """Its documents could not be removed at the first start, and this version went on."""
    state = state_in(tmp_path)
    _fill(state, NOW)
    await state.save()
    old = [["invalid_grant", NOW - _DAY, [1, 2, 3], True, True]]
    write_earlier(
        tmp_path,
        sweeps={"sweeps": [sweep_at(NOW - _DAY)]},
        verdicts={**NOTHING["verdicts"], "verdicts": {BOB.name: old[0]}},
        incidents={"unknown_client": [NOW - _DAY, 1, True, None]},
    )
    for _ in range(2):
        again = state_in(tmp_path)
        assert again.rejections.held() == {
            ANN: Rejection("invalid_grant", NOW, "1-2-3", held=True, told=True)
        }
        assert [incident.code for incident in again.incidents.open()] == ["store_failed"]
    assert not (tmp_path / "maintenance" / "verdicts.json").exists()


async def test_what_could_not_be_divided_is_divided_when_there_is_room(tmp_path: Path) -> None:
    """It is told, it is in memory, and nothing is dropped before it is kept."""
    write_earlier(tmp_path, activity={owner.name: 20_000 for owner in MANY[:30]})
    storage = storage_in(tmp_path, TokenEncryption())
    state = MaintenanceState(storage, Workers())
    with capture_logs() as logs, full_disk():
        state.load()
    assert [entry["event"] for entry in logs] == ["memory_not_saved"]
    assert state.activity.owners() == set(MANY[:30])
    assert (tmp_path / "maintenance" / "activity.json").exists()
    await state.save()
    assert not (tmp_path / "maintenance" / "activity.json").exists()
    assert state_in(tmp_path).activity.owners() == set(MANY[:30])


class Counting(FileStorage):
    """Knows how many documents of one kind were asked for at once."""

    most = 0

    def read(self, keys: Sequence[Key]) -> list[Found]:
        of_a_kind = Counter(key.kind.name for key in keys)
        self.most = max(self.most, *of_a_kind.values(), 0)
        return super().read(keys)


async def test_a_start_has_no_more_than_a_page_of_owners_in_memory(world: World) -> None:
    """Of those whose leaving is to be finished, and of what maintenance remembers."""
    sealer = Sealer(TokenEncryption())
    for owner in MANY:
        credential = a_credential(owner, account_id=SecretStr(owner.key))
        plain = sealer.seal(CREDENTIALS, owner.stem, credential.to_document())
        (world.folder / f"{owner.stem}.json").write_bytes(plain)
        world.state.activity.begin(owner, NOW)
    await world.state.save()
    world.store.mark_leaving(MANY[600])
    storage = Counting(world.folder, sealer, MASK, KINDS)
    custody = world.new_custody(storage=storage)
    assert custody.state.activity.owners() == set(MANY)
    assert await custody.disconnecting.finish_interrupted() == 1
    assert 0 < storage.most <= 500


def test_a_look_for_others_of_an_account_has_no_more_than_a_page_in_memory(world: World) -> None:
    """In a process that knows nobody yet, as a command's."""
    sealer = Sealer(TokenEncryption())
    for owner in MANY:
        credential = a_credential(owner, account_id=SecretStr(owner.key))
        plain = sealer.seal(CREDENTIALS, owner.stem, credential.to_document())
        (world.folder / f"{owner.stem}.json").write_bytes(plain)
    storage = Counting(world.folder, sealer, MASK, KINDS)
    leaving = a_credential(MANY[0], account_id=SecretStr(MANY[0].key))
    assert not shares_account(TokenStore(storage, MASK), leaving)
    assert 0 < storage.most <= 500
