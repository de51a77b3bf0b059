"""Folders that version b357ab6 has written, plain and sealed: they start, or one sentence says why.

`tests/security/folders_of_before.json` holds both, made by that version's own code; its key, and
every token in it, was made up. In it: Ann (501) is connected in generation 4, with half an upload,
one that is done and her choices; Bob (502) has left, and asks anew (device); Cleo (503) is leaving;
Dora (504) is in quarantine; Eve (505) is on hold; Fay (506) asks (callback), with a file waiting
and a message not handled yet; Gus (507) has approved (paste); the department tanhae is connected.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from bot.kinds import PREFERENCES, UPDATES
from bot.preferences.folder_choices import FolderChoices
from bot.updates.journal import UpdateJournal
from bot.uploads.journal import UploadJournal
from cli import app
from security.consent.pending import PendingConsents
from security.credential import Owner
from security.custody.workers import Workers
from security.encryption import TokenEncryption
from security.errors import CustodyError
from security.logging_utils import OwnerMask
from security.maintenance.state import MaintenanceState
from security.recovery.rotation import Mode, Rotation
from security.storage.documents import Documents
from security.storage.files.data_folder import load_mask_key
from security.storage.protocol import Key, Stored
from security.token_store import TokenStore
from tests.bot.upkeep import by_hand, logged, sweep
from tests.fixtures import StartBot
from tests.security.kit import ANN, BOB, TOWN, secret
from tests.stores import storage_in, store_in, uploads_in

# Each folder brings its own way along.
pytestmark = pytest.mark.encryption("off")

WRITTEN: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "security" / "folders_of_before.json").read_text("ascii")
)
KEY = SecretStr(WRITTEN["key"])
CLEO, DORA, EVE, FAY, GUS = map(Owner.user, range(503, 508))
BOT_ID = 110201543
LayOut = Callable[[str], Path]


@pytest.fixture
def lay_out(tmp_path: Path) -> LayOut:
    """`lay_out("sealed")`: the folder as that version has left it."""

    def lay(kind: str) -> Path:
        folder = tmp_path / "user_data"
        for name, text in WRITTEN[kind].items():
            path = folder / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_text(text, "ascii")
            path.chmod(0o600)
        return folder

    return lay


def keyring_of(kind: str) -> TokenEncryption:
    """What the folder is opened with."""
    return TokenEncryption([KEY] if kind == "sealed" else [])


def check_all_there(folder: Path, keyring: TokenEncryption) -> None:
    """Every document is read, and says what it said."""
    mask = OwnerMask(load_mask_key(folder, None))
    storage = storage_in(folder, keyring, mask)
    store = TokenStore(storage, mask)
    store.prepare()
    loaded = {owner: store.load(owner) for owner in (ANN, BOB, CLEO, DORA, EVE, TOWN)}
    generations = {owner: c.generation for owner, c in loaded.items() if c is not None}
    assert generations == {ANN: 4, CLEO: 1, EVE: 1, TOWN: 1}
    ann, cleo = loaded[ANN], loaded[CLEO]
    assert ann is not None
    assert cleo is not None
    assert cleo.state == "leaving"
    assert ann.refresh_token == SecretStr("1//made-up-refresh-501")
    (record,) = store.copies.records()
    assert (record.owner, record.reason, record.told) == (DORA, "invalid_grant", True)
    pending = PendingConsents(storage)
    assert {(p.owner, p.flow, p.stage) for p in pending.all()} == {
        (BOB, "device", "asked"),
        (FAY, "callback", "asked"),
        (GUS, "paste", "approved"),
    }
    found = pending.by_state("s" * 43)
    assert found is not None
    assert found.owner == FAY
    jobs = UploadJournal(storage)
    jobs.prepare()
    assert {(job.id, job.state) for job in uploads_in(folder, keyring)} == {
        ("501-41", "queued"),
        ("506-42", "waiting"),
        ("501-g13", "done"),
    }
    half = jobs.load("501-41")
    assert half is not None
    assert half.files[0].session is not None
    assert half.files[0].drive_file_id == "made-up-drive-file"
    assert len(UpdateJournal(storage, BOT_ID).load()[1]) == 1
    update = Documents(storage, UPDATES).read("43") or {}
    assert update["message"]["text"] == "/privacy"
    preferences = Documents(storage, PREFERENCES)
    assert (preferences.read("token_501") or {})["chosen"] == "zh_Hant"
    choice = FolderChoices(preferences).load(ANN, "permission-501")
    assert choice is not None
    assert choice.path == ("Telegram", "Reports")
    for _ in range(2):  # from what an earlier version kept, and from what it was made of
        state = MaintenanceState(storage, Workers())
        state.load()
        assert set(state.rejections.held()) == {EVE}
        assert state.incidents.is_open("on_hold")
    assert storage.sealer.refusals.standing() == {}


@pytest.mark.parametrize("kind", ["plain", "sealed"])
def test_every_document_of_before_is_read(lay_out: LayOut, kind: str) -> None:
    """And stays so when it has been rotated, hence named inside."""
    folder, keyring = lay_out(kind), keyring_of(kind)
    check_all_there(folder, keyring)
    if kind == "sealed":
        store = store_in(folder, keyring, str)
        rotated = Rotation(store).run(Mode.ROTATE)
        assert (rotated.left, rotated.count("changed") > 15) == ([], True)
        storage = store.storage
        keys = [Key(kept, name) for kept in storage.kinds for name in storage.names(kept)]
        for key, found in zip(keys, storage.read(keys), strict=True):
            assert isinstance(found, Stored)
            assert storage.sealer.examine(*key, found.raw).is_bound, key.kind.name
        check_all_there(folder, keyring)


@pytest.mark.parametrize("kind", ["plain", "sealed"])
async def test_the_bot_starts_on_it(start_bot: StartBot, lay_out: LayOut, kind: str) -> None:
    """Nothing is refused; what was interrupted is finished."""
    lay_out(kind)
    key = secret(KEY) if kind == "sealed" else ""
    async with start_bot(TOKEN_ENCRYPTION_KEY=key) as bot:
        by_hand(bot)
        core = bot.services.core
        await sweep(bot)
        assert await core.custodian.load(CLEO) is None
        assert await core.custodian.load(ANN) is not None
        assert await core.preferences.language(ANN) == "zh_Hant"
        assert logged(bot, "document_refused") == []
        assert core.quarantine.size() == 1


async def test_a_key_over_the_plain_one_is_refused_until_somebody_believes_it(
    start_bot: StartBot, lay_out: LayOut, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence that names the command; afterwards all of it is there, sealed and named."""
    folder = lay_out("plain")
    with pytest.raises(CustodyError, match="run `drivekeeper tokens encrypt`"):
        async with start_bot(TOKEN_ENCRYPTION_KEY=secret(KEY)):
            pass
    monkeypatch.setenv("USER_DATA_DIR", str(folder))
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEY", secret(KEY))
    line = ["tokens", "encrypt", "--yes", "--env-file", os.devnull]
    assert CliRunner().invoke(app, line).exit_code == 0
    check_all_there(folder, TokenEncryption([KEY]))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"TOKEN_ENCRYPTION_KEY": ""}, "TOKEN_ENCRYPTION_KEY is not set"),
        (
            {"TOKEN_ENCRYPTION_KEY": "b3RoZXItbWFkZS11cC1mb3ItdGVzdHMtMDEyMzQ1Njc="},
            "TOKEN_ENCRYPTION_KEY lacks key",
        ),
    ],
    ids=["no key", "another key"],
)
async def test_the_sealed_one_is_refused_without_its_key(
    start_bot: StartBot, lay_out: LayOut, settings: dict[str, str], message: str
) -> None:
    """One sentence that names the setting; nothing is touched."""
    folder = lay_out("sealed")
    before = {path: path.read_bytes() for path in folder.rglob("*.json")}
    with pytest.raises(CustodyError, match=message):
        async with start_bot(**settings):
            pass
    assert {path: path.read_bytes() for path in folder.rglob("*.json")} == before
