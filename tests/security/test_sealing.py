"""The Sealer: what is sealed names itself, and opens nowhere else."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.kinds import PREFERENCES, UPDATES, UPLOADS
from bot.updates.journal import UpdateJournal
from bot.uploads.journal import UploadJournal
from processes.storage import KINDS
from security.consent.pending import CONSENTS, PendingConsents
from security.credential import Owner
from security.encryption import TokenEncryption, is_encrypted
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.maintenance.documents import MAINTENANCE
from security.owner_documents import CREDENTIALS, QUARANTINE, TOMBSTONES
from security.storage.catalogue import Kind
from security.storage.protocol import Key, Stored
from security.storage.sealing import Sealer
from tests.security.kit import ANN, BOB, a_credential, new_key
from tests.stores import storage_in, store_in

KEY, OTHER = new_key(), new_key()
KEYRING = TokenEncryption([KEY])
SEALER = Sealer(KEYRING)
COPY = f"{ANN.stem}.20261128t101500000001"
quick = settings(max_examples=200, deadline=None, database=None)

NAMES: list[tuple[Kind, str]] = [
    *((kind, owner.stem) for kind in (CREDENTIALS, TOMBSTONES, CONSENTS) for owner in (ANN, BOB)),
    (QUARANTINE, "token_503.20261128t101500000001"),
    (QUARANTINE, f"{COPY}.note"),
    *((UPDATES, name) for name in ("7", "8", "ledger")),
    *((UPLOADS, name) for name in ("501-7", "501-8", "502-7")),
    *((PREFERENCES, name) for name in ("token_501", "token_502", "token_501.folder")),
    *((MAINTENANCE, name) for name in ("pauses", "verdicts", "incidents")),
]
"""Kinds and names, no two of them of one document."""


def place(folder: Path, kind: Kind, name: str) -> Path:
    """Where a document is kept."""
    path = (folder if kind is CREDENTIALS else folder / kind.name) / f"{name}.json"
    path.parent.mkdir(exist_ok=True)
    return path


def opened(folder: Path, keyring: TokenEncryption, kind: Kind, name: str) -> dict[str, Any]:
    """What the storage finds in it."""
    [found] = storage_in(folder, keyring).read([Key(kind, name)])
    assert isinstance(found, Stored)
    return found.open()


@given(
    st.dictionaries(st.text(), st.integers() | st.text() | st.none()),
    st.sampled_from(NAMES),
)
@quick
def test_whatever_is_sealed_comes_back(document: dict[str, Any], at: tuple[Kind, str]) -> None:
    """Any JSON object, also an empty one, and one with a field of the Sealer's own name."""
    for content in (document, document | {"sealed": {"kind": "credentials"}}):
        sealed = SEALER.seal(*at, content)
        assert is_encrypted(sealed)
        assert SEALER.open(*at, sealed) == content


@given(st.binary() | st.dictionaries(st.text(), st.integers()).map(json.dumps).map(str.encode))
@quick
def test_bytes_come_back_as_they_were(content: bytes) -> None:
    """Be they a document or damage: what other programs wrote keeps its blanks."""
    for given_bytes in (content, b" " + content, content.replace(b": ", b":")):
        sealed = SEALER.seal_content(QUARANTINE, COPY, given_bytes)
        assert SEALER.examine(QUARANTINE, COPY, sealed).content == given_bytes


def test_sealing_and_opening_a_credential_takes_under_ten_milliseconds() -> None:
    """Of the processor's time, so that others' work does not count; by far, for a fleet."""
    name, content = ANN.stem, a_credential(ANN).to_document()
    before = time.process_time()
    for _ in range(100):
        assert SEALER.open(CREDENTIALS, name, SEALER.seal(CREDENTIALS, name, content)) == content
    assert (time.process_time() - before) / 100 < 0.01


@pytest.mark.parametrize("at", NAMES, ids=lambda at: f"{at[0].name}-{at[1]}")
def test_a_document_opens_under_its_own_name_alone(at: tuple[Kind, str]) -> None:
    """Kind, name and owner are inside: under any other it is refused, whatever is in it."""
    sealed = SEALER.seal(*at, {})
    assert SEALER.open(*at, sealed) == {}
    for other in NAMES:
        if other != at:
            with pytest.raises(CorruptCredential) as caught:
                SEALER.open(*other, sealed)
            assert caught.value.code in ("wrong_document", "wrong_owner")


def test_a_copy_in_quarantine_is_the_credential_it_was() -> None:
    """It is moved as it stands: bound to the credential's name, in either place."""
    sealed = SEALER.seal(CREDENTIALS, ANN.stem, {"a": 1})
    assert SEALER.open(QUARANTINE, COPY, sealed) == {"a": 1}
    with pytest.raises(CorruptCredential) as caught:
        SEALER.open(QUARANTINE, f"{BOB.stem}.20261128t101500000001", sealed)
    assert caught.value.code == "wrong_owner"


def test_what_an_earlier_version_sealed_is_still_read_by_earlier_readers() -> None:
    """One JSON object as before, with one field more: a step back needs no key and no command."""
    document = a_credential().to_document()
    opened = json.loads(KEYRING.decrypt(SEALER.seal(CREDENTIALS, ANN.stem, document)))
    assert opened.pop("sealed") == {
        "kind": "credentials",
        "name": "token_501",
        "owner": "user:501",
    }
    assert opened == document


def of_before(document: dict[str, Any]) -> bytes:
    """As b357ab6 sealed it: naming only what its own fields say."""
    return KEYRING.encrypt(json.dumps(document).encode())


@pytest.mark.parametrize(
    ("kind", "name", "document"),
    [
        (CREDENTIALS, BOB.stem, a_credential(ANN).to_document()),
        (QUARANTINE, f"{BOB.stem}.20261128t101500000001", a_credential(ANN).to_document()),
        (TOMBSTONES, BOB.stem, {"owner": ANN.name, "generation": 9}),
        (CONSENTS, BOB.stem, {"owner": ANN.name}),
        (PREFERENCES, BOB.stem, {"owner": ANN.name, "chosen": "en", "seen": "en"}),
        (UPLOADS, "502-7", {"id": "501-7", "owner": ANN.name}),
        (UPLOADS, "501-8", {"id": "501-7", "owner": ANN.name}),
        (UPLOADS, "502-7", {"id": "502-7", "owner": ANN.name}),
        (UPLOADS, "501-7", {"id": 501, "owner": ANN.name}),
        (UPDATES, "8", {"update_id": 7}),
        (UPDATES, "ledger", {"update_id": 7}),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else None,
)
@pytest.mark.parametrize("seal", [of_before, lambda document: json.dumps(document).encode()])
def test_documents_of_before_are_compared_by_what_they_name(
    kind: Kind, name: str, document: dict[str, Any], seal: Any
) -> None:
    """Sealed without a name, or plain where no key is: owner, job, update number."""
    sealer = SEALER if seal is of_before else Sealer(TokenEncryption())
    with pytest.raises(CorruptCredential) as caught:
        sealer.open(kind, name, seal(document))
    assert caught.value.code in ("wrong_document", "wrong_owner")


@pytest.mark.parametrize(
    ("kind", "name", "document"),
    [
        (CREDENTIALS, ANN.stem, a_credential(ANN).to_document()),
        (CREDENTIALS, ANN.stem, {"client_id": "another program's"}),
        (TOMBSTONES, ANN.stem, {"owner": ANN.name, "generation": 9}),
        (QUARANTINE, f"{COPY}.note", {"owner": "u_aaaaaaaaaaaaaaaa", "reason": "tampered"}),
        (UPLOADS, "501-7", {"id": "501-7", "owner": ANN.name}),
        (UPDATES, "7", {"update_id": 7}),
        (UPDATES, "ledger", {"bot": 1, "handled": []}),
        (MAINTENANCE, "pauses", {"user:501": [1, 2.0]}),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else None,
)
def test_documents_of_before_stay_readable_and_a_rewrite_binds_them(
    kind: Kind, name: str, document: dict[str, Any], tmp_path: Path
) -> None:
    """Read as they are; named inside from the next save on."""
    path = place(tmp_path, kind, name)
    path.write_bytes(of_before(document))
    assert opened(tmp_path, KEYRING, kind, name) == document
    assert not SEALER.examine(kind, name, path.read_bytes()).is_bound
    path.write_bytes(SEALER.seal(kind, name, document))
    assert opened(tmp_path, KEYRING, kind, name) == document
    assert SEALER.examine(kind, name, path.read_bytes()).is_bound


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_plaintext_beside_a_key_is_refused_in_every_folder(kind: Kind, tmp_path: Path) -> None:
    """Whoever can write into the folder has no key; `TOKEN_REQUIRE_ENCRYPTION=false` reads it."""
    name = "501-7" if "uploads" in kind.name else ANN.stem
    place(tmp_path, kind, name).write_bytes(b'{"planted": true}')
    with pytest.raises(OperatorFault) as caught:
        opened(tmp_path, KEYRING, kind, name)
    assert caught.value.code == "plaintext_refused"
    allowing = TokenEncryption([KEY], required=False)
    assert opened(tmp_path, allowing, kind, name) == {"planted": True}


def test_plaintext_that_was_set_aside_stays_nobodys_word() -> None:
    """Sealed in quarantine, where no secret may lie in plaintext; believed no more than before."""
    plain = json.dumps(a_credential().to_document()).encode()
    aside = SEALER.set_aside(QUARANTINE, COPY, plain)
    assert is_encrypted(aside)
    with pytest.raises(OperatorFault) as caught:
        SEALER.open(QUARANTINE, COPY, aside)
    assert caught.value.code == "plaintext_refused"
    assert SEALER.examine(QUARANTINE, COPY, aside).content == plain
    allowing = Sealer(TokenEncryption([KEY], required=False))
    assert allowing.open(QUARANTINE, COPY, aside) == json.loads(plain)


def test_what_is_sealed_moves_as_it_stands() -> None:
    """Also what no configured key opens."""
    for data in (SEALER.seal(CREDENTIALS, ANN.stem, {}), TokenEncryption([OTHER]).encrypt(b"{}")):
        assert SEALER.set_aside(QUARANTINE, COPY, data) == data


def test_another_s_tombstone_ends_nobody(tmp_path: Path) -> None:
    """Bob has left; Ann's credential counts, whatever is put in the place of her tombstone."""
    store = store_in(tmp_path, KEYRING)
    store.prepare()
    for owner in (ANN, BOB):
        store.save_consent(a_credential(owner))
    for _ in range(3):
        store.save_consent(a_credential(BOB))
    store.delete(BOB)
    tombstones = tmp_path / "tombstones"
    (tombstones / "token_501.json").write_bytes((tombstones / "token_502.json").read_bytes())
    loaded = store_in(tmp_path, KEYRING).load(ANN)
    assert loaded is not None
    assert loaded.generation == 1


def test_swapped_documents_serve_nobody(tmp_path: Path) -> None:
    """A job's link, a request, an update, a language: each is read as if it were not there."""
    storage = storage_in(tmp_path, KEYRING)
    storage.open()
    jobs, consents = UploadJournal(storage), PendingConsents(storage)
    updates = UpdateJournal(storage, 1)
    for kind, mine, others, document in (
        (UPLOADS, "501-7", "502-7", {"id": "501-7", "owner": ANN.name}),
        (CONSENTS, ANN.stem, BOB.stem, {"owner": ANN.name}),
        (UPDATES, "7", "8", {"update_id": 7}),
    ):
        place(tmp_path, kind, others).write_bytes(SEALER.seal(kind, mine, document))
    assert jobs.load("502-7") is None
    assert consents.load(BOB) is None
    assert updates.load()[1] == []


def test_a_refusal_says_nothing_of_what_it_refused() -> None:
    """Neither owner, nor name, nor content."""
    sealed = SEALER.seal(CREDENTIALS, ANN.stem, a_credential().to_document())
    with pytest.raises(CustodyError) as caught:
        SEALER.open(CREDENTIALS, BOB.stem, sealed)
    assert "50" not in str(caught.value)
    assert repr(CREDENTIALS.identify(Owner.user(501).stem)) == "Identity(credentials)"
