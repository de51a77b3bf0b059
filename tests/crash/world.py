"""The data folder that every run of the crash matrix starts from, and folders held in memory.

Owners of every kind: encrypted and plain, written by another program, damaged, in quarantine. Each
secret holds the word `CANARY`, so that plaintext is found wherever it was left.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from cryptography.fernet import Fernet
from pydantic import SecretStr

from bot.kinds import PREFERENCES, UPLOADS
from processes.storage import KINDS, open_storage
from security.consent.pending import CONSENTS
from security.credential import Credential, Owner
from security.encryption import TokenEncryption
from security.errors import CustodyError
from security.logging_utils import OwnerMask
from security.owner_documents import CREDENTIALS, QUARANTINE
from security.storage.catalogue import Kind
from security.storage.documents import Documents
from security.storage.files.data_folder import load_mask_key
from security.storage.files.unix import FILE_MODE, FOLDER_MODE
from security.storage.protocol import Storage
from security.storage.sealing import Sealer
from security.token_store import TokenStore

CANARY: Final = "canary"
DATA: Final = "user_data"
_LATER_SECONDS: Final = 3600
MOMENT: Final = datetime(2030, 1, 1, tzinfo=UTC)

ANN, BOB, CAT = Owner.user(501), Owner.user(502), Owner.user(503)
"""Encrypted; plain, from before there was a key; plain, from another program."""
EVE, TOWN = Owner.user(505), Owner.parse("department:tanhae")
"""Damaged; encrypted."""
FAY, GUS = Owner.user(506), Owner.user(507)
"""In quarantine: encrypted; plain."""
NEW = Owner.user(508)
"""Not connected yet."""
OWNERS: Final = (ANN, BOB, CAT, EVE, TOWN, FAY, GUS, NEW)

FolderState = dict[str, tuple[int, bytes | None]]
"""Path → mode and content; None: a folder. Parents come before what is in them."""


@dataclass(frozen=True)
class World:
    """What there was before the operation."""

    state: FolderState
    credentials: dict[Owner, Credential]
    """As they were saved, whether they are current or in quarantine."""
    raw: dict[Owner, bytes]
    """The bytes of each current file, or of the quarantined copy, decrypted where they open."""
    documents: dict[str, dict[str, Any]]
    """Every other sealed document by its kind and name, decrypted."""
    plain: dict[str, bytes]
    """Files that were plaintext with a secret in it."""
    damaged_ann: bytes
    """Ann's file, as it is where an operation starts with it damaged."""
    old_key: SecretStr
    new_key: SecretStr
    backup_key: SecretStr
    mask: OwnerMask

    @property
    def keyring(self) -> TokenEncryption:
        """What the program runs with, unless the operation is about keys."""
        return TokenEncryption([self.old_key], required=False)

    @property
    def rotating(self) -> TokenEncryption:
        """The keyring of a rotation: the new key, and the one that goes."""
        return TokenEncryption([self.new_key, self.old_key], required=False)


def a_credential(owner: Owner, generation: int = 1, version: str = "old") -> Credential:
    """The same for the same arguments."""
    return Credential(
        owner=owner,
        client_id="client.apps.googleusercontent.com",
        refresh_token=SecretStr(f"1//{CANARY}-refresh-{version}-{owner.key}"),
        access_token=SecretStr(f"ya29.{CANARY}-access-{version}-{owner.key}"),
        expires_at=MOMENT,
        account=SecretStr(f"{owner.key}@example.com"),
        account_id=SecretStr(f"permission-{owner.key}"),
        generation=generation,
        granted_at=MOMENT,
    )


def build_world(scratch: Path) -> World:
    """Make the world once, in `scratch`, which is left empty."""
    folder = scratch / DATA
    old_key, new_key, backup_key = (SecretStr(Fernet.generate_key().decode()) for _ in range(3))
    mask = OwnerMask(load_mask_key(folder, None))
    credentials: dict[Owner, Credential] = {}
    plain_files: list[str] = []

    def fill(
        keyring: TokenEncryption, current: list[Owner], aside: Owner, kinds: tuple[Kind, ...]
    ) -> None:
        store = TokenStore(open_storage(folder, keyring, mask), mask)
        store.prepare()
        for owner in [*current, aside]:
            credentials[owner] = store.save_consent(a_credential(owner))
        store.copies.set_aside(aside, "revoked")
        for kind in kinds:
            document = {"owner": current[0].name, "secret": f"{CANARY}-{kind.name}"}
            name = f"{current[0].key}-1" if kind is UPLOADS else current[0].stem
            Documents(store.storage, kind).write(name, document)

    fill(TokenEncryption(), [BOB], GUS, (CONSENTS, UPLOADS))
    foreign = a_credential(CAT).to_document()
    del foreign["drivekeeper"]
    (folder / f"{CAT.stem}.json").write_text(json.dumps(foreign))
    (folder / f"{CAT.stem}.json").chmod(FILE_MODE)
    credentials[CAT] = Credential.from_document(CAT, foreign)
    for path in sorted(folder.rglob("*.json")):
        if CANARY.encode() in path.read_bytes():
            plain_files.append(str(path.relative_to(scratch)))
    keyring = TokenEncryption([old_key], required=False)
    fill(keyring, [ANN, EVE, TOWN], FAY, (CONSENTS, PREFERENCES))
    raw: dict[Owner, bytes] = {EVE: damage(folder / f"{EVE.stem}.json")}
    for owner in (ANN, BOB, CAT, TOWN):
        data = (folder / f"{owner.stem}.json").read_bytes()
        raw[owner] = Sealer(keyring).examine(CREDENTIALS, owner.stem, data).content
    storage = open_storage(folder, keyring, mask)
    for owner in (FAY, GUS):
        raw[owner] = quarantined(storage)[owner][0]
    _take_away_what_is_made_anew(folder)
    state = take_in(scratch)
    damaged_ann = damage(folder / f"{ANN.stem}.json")
    world = World(
        state=state,
        credentials=credentials,
        raw=raw,
        documents=other_documents(storage),
        plain={path: state[path][1] or b"" for path in plain_files},
        damaged_ann=damaged_ann,
        old_key=old_key,
        new_key=new_key,
        backup_key=backup_key,
        mask=mask,
    )
    empty(scratch)
    return world


def _take_away_what_is_made_anew(folder: Path) -> None:
    """Locks and empty folders: the operations are to make them, so that a cut may meet that too."""
    for lock in (folder / "locks").iterdir():
        lock.unlink()
    for kind in KINDS:
        if not kind.leased:
            with suppress(OSError):  # something is kept there
                (folder / kind.name).rmdir()


def damage(path: Path) -> bytes:
    """Make an encrypted file one that no key opens; what it holds then."""
    path.write_bytes(path.read_bytes().replace(b'"gAAAA', b'"gAAAB'))
    return path.read_bytes()


def quarantined(storage: Storage) -> dict[Owner, list[bytes]]:
    """Everybody's quarantined copies, as they were: decrypted where they open.

    Raises:
        AssertionError: one has no note that can be read.
    """
    found: dict[Owner, list[bytes]] = {}
    sealed = Documents(storage, QUARANTINE)
    for name in sealed.names():
        if name.endswith(".note"):
            continue
        owner = Owner.from_stem(name.partition(".")[0])
        note = sealed.read(f"{name}.note")
        assert note, "a quarantined copy without its note"
        assert note["owner"] != owner.name, "a note that names its owner"
        copy = sealed.stored(name)
        data = copy.raw if copy else b""
        with suppress(CustodyError):  # it was damaged when it was set aside
            data = storage.sealer.examine(sealed.kind, name, data).content
        found.setdefault(owner, []).append(data)
    return found


def other_documents(storage: Storage) -> dict[str, dict[str, Any]]:
    """Consents, uploads and preferences by kind and name, decrypted."""
    return {
        f"{kind.name}/{name}": sealed.read(name) or {}
        for kind in (CONSENTS, UPLOADS, PREFERENCES)
        for sealed in [Documents(storage, kind)]
        for name in sealed.names()
    }


def take_in(scratch: Path) -> FolderState:
    """Everything in `scratch`."""
    state: FolderState = {}
    for name, entry in entries(scratch):
        data = None if entry.is_dir() else Path(entry).read_bytes()
        state[name] = (entry.stat().st_mode & 0o7777, data)
    return state


def entries(scratch: Path, folder: str = "") -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Everything in `scratch` by its path there, folders before what is in them."""
    with os.scandir(scratch / folder) as found:
        there = sorted(found, key=lambda entry: entry.name)
    for entry in there:
        name = f"{folder}/{entry.name}" if folder else entry.name
        yield name, entry
        if entry.is_dir(follow_symlinks=False):
            yield from entries(scratch, name)


def lay_out(scratch: Path, state: FolderState) -> None:
    """Make `scratch` hold exactly `state`."""
    empty(scratch)
    for name in sorted(state):  # parents sort before what is in them
        mode, data = state[name]
        path = scratch / name
        if data is None:
            path.mkdir(mode=FOLDER_MODE)
        else:
            path.write_bytes(data)
        path.chmod(mode)
    let_time_pass(scratch)


def let_time_pass(scratch: Path) -> None:
    """Nothing there was written just now: what a crash left is no save under way any more."""
    then = time.time() - _LATER_SECONDS
    for _, entry in entries(scratch):
        os.utime(entry, (then, then))


def empty(scratch: Path) -> None:
    """Make `scratch` an empty folder."""
    shutil.rmtree(scratch, ignore_errors=True)
    os.makedirs(scratch, mode=FOLDER_MODE)  # noqa: PTH103
