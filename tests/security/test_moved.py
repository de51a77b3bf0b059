"""Sealed documents that somebody has moved under another name: each is as if it were not there."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.kinds import FINISHED_UPLOADS, PREFERENCES
from bot.preferences.folder_choices import FolderChoice, FolderChoices
from bot.uploads.jobs import JobFile, UploadJob
from bot.uploads.journal import UploadJournal
from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import CorruptCredential
from security.owner_documents import tombstone_of
from security.token_store import TokenStore
from tests.security.kit import ANN, BOB, a_credential, new_key
from tests.spots import credential_at, spot, tombstone_at
from tests.stores import documents_in, documents_named, folder_of, keep, storage_in, store_in

KEYRING = TokenEncryption([new_key()])


@pytest.fixture
def store(folder: Path) -> TokenStore:
    """A prepared store with a key."""
    made = store_in(folder, KEYRING)
    made.prepare()
    return made


def test_another_s_tombstone_ends_nobody(store: TokenStore) -> None:
    """Bob has left, after three consents; Ann's first one counts."""
    store.save_consent(a_credential(ANN))
    for _ in range(3):
        store.save_consent(a_credential(BOB))
    store.delete(BOB)
    folder = folder_of(store)
    tombstone_at(folder, ANN).plant(tombstone_at(folder, BOB).raw())
    loaded = store.load(ANN)
    assert loaded is not None
    assert loaded.generation == 1


def test_another_s_upload_shows_neither_file_nor_link(folder: Path) -> None:
    """Whoever asks for their uploads sees their own alone."""
    file = JobFile(
        telegram_file_id="x",
        kind="document",
        name="salaries.pdf",
        mime_type="application/pdf",
        size=1,
        state="done",
        link="https://drive.example/private",
    )
    jobs = UploadJournal(storage_in(folder, KEYRING))
    jobs.prepare()
    jobs.save(
        UploadJob(
            id="501-7",
            owner=ANN,
            chat_id=501,
            state="done",
            files=(file,),
            created_at=datetime.now(UTC),
            reply_to=1,
        )
    )
    mine = spot(folder, FINISHED_UPLOADS, "501-7").raw()
    spot(folder, FINISHED_UPLOADS, "502-8").plant(mine)
    again = UploadJournal(storage_in(folder, KEYRING))
    again.prepare()
    assert again.of(BOB) == []
    assert again.load("502-8") is None
    assert [job.id for job in again.of(ANN)] == ["501-7"]


def test_another_s_choice_of_a_folder_is_not_taken(folder: Path) -> None:
    """Both use one Google account: the account alone does not tell them apart."""
    choices = FolderChoices(documents_in(folder, PREFERENCES, KEYRING))
    choices.save(ANN, FolderChoice(account="shared", folder_id="x", path=("Private",)))
    anns = spot(folder, PREFERENCES, "token_501.folder").raw()
    spot(folder, PREFERENCES, "token_502.folder").plant(anns)
    assert choices.load(BOB, "shared") is None


@pytest.mark.parametrize(
    ("kind", "mine", "other"),
    [
        ("updates", "7", "8"),
        ("updates", "7", "ledger"),
        ("maintenance", "pauses", "activity"),
        ("quarantine", "token_501.20261128t101500000001.note", "token_501.20261128t1.note"),
        ("preferences", "token_501", "token_501.folder"),
    ],
)
def test_a_document_under_another_name_is_refused(
    folder: Path, kind: str, mine: str, other: str
) -> None:
    """Also one of nobody's, and one of the same owner's."""
    kept = documents_named(folder, kind, KEYRING)
    keep(folder, kind, mine, {"seen": "en"}, KEYRING)
    its = kept.kind
    spot(folder, its, other).plant(spot(folder, its, mine).raw())
    assert kept.read(mine) == {"seen": "en"}
    with pytest.raises(CorruptCredential):
        kept.read(other)


def test_a_document_in_another_folder_is_refused(folder: Path) -> None:
    """A request for consent holds tokens; it is no credential, and no tombstone is a language."""
    store_in(folder, KEYRING).prepare()
    keep(folder, "tombstones", ANN.stem, tombstone_of(ANN, 3), KEYRING)
    for kind in ("consents", "preferences"):
        kept = documents_named(folder, kind, KEYRING)
        spot(folder, kept.kind, ANN.stem).plant(tombstone_at(folder, ANN).raw())
        with pytest.raises(CorruptCredential):
            kept.read(ANN.stem)


def test_a_swapped_credential_goes_into_quarantine(store: TokenStore) -> None:
    """The reason says that somebody has moved files."""
    store.save_consent(a_credential(ANN))
    somebody = Owner.user(509)
    anns = credential_at(folder_of(store), ANN).raw()
    credential_at(folder_of(store), somebody).plant(anns)
    with pytest.raises(CorruptCredential) as caught:
        store.load(Owner.user(509))
    assert caught.value.code == "wrong_owner"
