"""What somebody puts into the data folder who has no key: nothing of it is believed.

Each such document is its owner's operator fault, an incident and a line in the audit trail; it is
nobody else's concern.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.uploads.jobs import JobFile, UploadJob
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from security.consent.pending import PendingConsent
from security.credential import Owner
from security.encryption import TokenEncryption
from security.owner_documents import CREDENTIALS
from tests.bot.upkeep import Upkeep, by_hand, logged, sweep
from tests.fixtures import RunningBot, StartBot
from tests.security.kit import ANN, BOB, a_credential, new_key
from tests.stores import storage_in, store_in

pytestmark = pytest.mark.encryption("on")

People = Callable[..., Person]
NOW = datetime(2026, 11, 1, tzinfo=UTC)


def a_job(owner: Owner, **changes: Any) -> UploadJob:
    """One that has arrived."""
    file = JobFile(
        telegram_file_id="x",
        kind="document",
        name="planted.pdf",
        mime_type="application/pdf",
        size=1,
        state="done",
        link="https://drive.example/planted",
    )
    job = UploadJob(
        id=f"{owner.key}-7",
        owner=owner,
        chat_id=int(owner.key),
        state="done",
        files=(file,),
        created_at=datetime.now(UTC),
        finished_at=datetime.now(UTC),
        reply_to=1,
    )
    return job.model_copy(update=changes)


def a_disconnection(owner: Owner) -> dict[str, Any]:
    """An update in which somebody says that they want to go."""
    person = {"id": int(owner.key), "is_bot": False, "first_name": "Ann"}
    return {
        "update_id": 7,
        "message": {
            "message_id": 1,
            "date": 1793000000,
            "from": person,
            "chat": {"id": int(owner.key), "type": "private", "first_name": "Ann"},
            "text": "/disconnect yes",
            "entities": [{"type": "bot_command", "offset": 0, "length": 11}],
        },
    }


def a_request(owner: Owner) -> dict[str, Any]:
    """Somebody else's tokens, approved, and waiting for a tap."""
    pending = PendingConsent(
        owner=owner,
        id="0123456789ab",
        flow="device",
        client_id="client",
        created_at=datetime.now(UTC),
        expires_at=datetime.now(UTC) + timedelta(minutes=9),
        stage="approved",
        access_token=SecretStr("ya29.planted"),
        refresh_token=SecretStr("1//planted"),
        account=SecretStr("eve@example.com"),
    )
    return pending.model_dump(mode="json")


PLANTED: dict[str, tuple[str, dict[str, Any]]] = {
    "credential": ("token_501.json", a_credential(ANN, generation=9).to_document()),
    "tombstone": ("tombstones/token_502.json", {"owner": BOB.name, "generation": 99}),
    "consent": ("consents/token_501.json", a_request(ANN)),
    "update": ("updates/7.json", a_disconnection(BOB)),
    "ledger": ("updates/ledger.json", {"bot": 1, "handled": [], "begun": {}, "aside": {}}),
    "job": ("uploads/501-7.json", a_job(ANN).model_dump(mode="json")),
    "language": ("preferences/token_501.json", {"owner": ANN.name, "chosen": "zh-hans"}),
    "folder": ("preferences/token_501.folder.json", {"account": "x", "path": ["planted"]}),
    "pauses": ("maintenance/pauses.json", {BOB.name: [9, 4e9]}),
}


def put(folder: Path, name: str, document: dict[str, Any]) -> Path:
    """Into the data folder, as anybody can who may write there."""
    path = folder / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    return path


def refused_in(bot: RunningBot) -> list[tuple[str | None, str]]:
    """The trail's lines about documents that were not believed."""
    events = bot.services.core.storage.events(action="refused")
    return [(entry.owner, entry.result) for entry in events]


async def test_everything_planted_while_the_bot_was_away(
    start_bot: StartBot, upkeep: Upkeep, people: People, google: GoogleControls
) -> None:
    """All at once, beside somebody whose own documents are in order."""
    folder = upkeep.world.folder
    ann, bob, eve = people(501, "Ann"), people(502, "Bob"), people(900, "Eve")
    await upkeep.connect(bob, minutes_left=60)
    for name, document in PLANTED.values():
        put(folder, name, document)
    before = {path: path.read_bytes() for path in folder.rglob("token_501*.json")}
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        core = bot.services.core
        await eve.start()
        # Bob is served: no planted tombstone, pause or message of his has ended anything.
        await bob.send_document(b"mine", "mine.pdf")
        await bob.wait_for("is in your Drive")
        # Ann has none of what was put there in her name.
        await ann.send("/help")
        await ann.wait_for("/privacy")
        assert await core.consents.all() == []
        assert await core.preferences.language(ANN) == "en"
        await sweep(bot)
        (report,) = core.state.sweeps
        assert report.ended_by is None
        assert report.results["plaintext_refused"] >= 6
        assert [line["result"] for line in logged(bot, "incident_opened")] == ["plaintext_refused"]
        assert "tokens encrypt" in (await eve.wait_for("plaintext")).text
        kinds = {line["kind"] for line in logged(bot, "document_refused")}
        assert {"credentials", "tombstones", "consents", "updates", "uploads"} <= kinds
        assert {"preferences", "maintenance"} <= kinds
        mask = bot.services.core.quarantine.mask_of
        assert (mask(ANN), "plaintext_refused") in refused_in(bot)
        said = len(refused_in(bot))
        await sweep(bot, 2)
        assert len(refused_in(bot)) == said  # once each
        assert before[folder / "token_501.json"] == (folder / "token_501.json").read_bytes()
        for name, _ in PLANTED.values():
            (folder / name).unlink(missing_ok=True)
        await sweep(bot, 2)
        assert [line["result"] for line in logged(bot, "incident_closed")] == ["plaintext_refused"]
        assert "eve@example.com" not in bot.stored_text()


@pytest.mark.parametrize("what", PLANTED)
async def test_each_planted_document_alone(
    start_bot: StartBot, upkeep: Upkeep, people: People, what: str
) -> None:
    """One incident, one line in the trail, and Bob's credential is refreshed in the same pass."""
    name, document = PLANTED[what]
    await upkeep.connect(people(502, "Bob"))
    put(upkeep.world.folder, name, document)
    async with start_bot() as bot:
        by_hand(bot)
        await bot.services.core.preferences.language(ANN)
        await sweep(bot)
        (report,) = bot.services.core.state.sweeps
        assert (report.refreshed, report.ended_by) == (1, None)
        if what not in ("folder", "consent"):  # nobody has asked for these
            assert len(refused_in(bot)) == 1
            # The ledger is written anew by then.
            assert report.results == ({} if what == "ledger" else {"plaintext_refused": 1})
        assert upkeep.world.store.load(BOB) is not None


async def test_a_credential_that_is_brought_back_is_not_used(
    start_bot: StartBot, upkeep: Upkeep, people: People
) -> None:
    """Sealed, whole, hers, and older than what this process has seen; a restart knows no better."""
    ann, folder = people(501, "Ann"), upkeep.world.folder
    await upkeep.connect(ann)
    old = (folder / "token_501.json").read_bytes()
    async with start_bot() as bot:
        by_hand(bot)
        await sweep(bot)
        (folder / "token_501.json").write_bytes(old)
        await sweep(bot)
        report = bot.services.core.state.sweeps[-1]
        assert report.results == {"older_generation": 1}
        assert [line["result"] for line in logged(bot, "incident_opened")] == ["older_generation"]
        assert [code for _, code in refused_in(bot)] == ["older_generation"]
        assert (folder / "token_501.json").read_bytes() == old
    async with start_bot() as bot:
        by_hand(bot)
        await sweep(bot)
        assert bot.services.core.state.sweeps[-1].refreshed == 1


async def test_an_old_credential_behind_an_old_tombstone_reconnects_nobody(
    upkeep: Upkeep, encryption_keys: tuple[SecretStr, ...]
) -> None:
    """Both were kept from before the owner had left."""
    folder, store = upkeep.world.folder, upkeep.world.store
    tombstone = folder / "tombstones" / "token_501.json"
    store.save_consent(a_credential(ANN))
    store.delete(ANN)
    store.save_consent(a_credential(ANN))
    kept = [(path, path.read_bytes()) for path in (folder / "token_501.json", tombstone)]
    store.delete(ANN)
    for path, data in kept:
        path.write_bytes(data)
    assert store.load(ANN) is None
    tombstone.unlink()
    assert store.load(ANN) is None
    assert store.save_consent(a_credential(ANN)).generation > 2
    assert store.load(ANN) is not None


def test_plaintext_aside_never_comes_back_as_a_credential(tmp_path: Path) -> None:
    """Planted, then moved into quarantine by a restore: sealed there, and believed no more."""
    keyring = TokenEncryption([new_key()])
    store = store_in(tmp_path, keyring)
    store.prepare()
    store.save_consent(a_credential(ANN))
    store.copies.set_aside(ANN, "invalid_grant")
    put(tmp_path, "token_501.json", replace(a_credential(ANN), generation=99).to_document())
    assert store.copies.restore(store.copies.names(ANN)[0]).replaced == "plaintext_refused"
    (planted,) = store.copies.names(ANN)
    store.copies.set_aside(ANN, "invalid_grant")
    with pytest.raises(Exception, match="plaintext"):
        store.copies.restore(planted)
    assert storage_in(tmp_path, keyring).names(CREDENTIALS) == []


@pytest.mark.parametrize("required", ["", "true"])
async def test_a_key_over_a_folder_in_plaintext_ends_the_start_with_the_command(
    start_bot: StartBot, tmp_path: Path, required: str
) -> None:
    """Nothing is sealed yet: it is the operator who believes it, not the bot."""
    folder = tmp_path / "user_data"
    plain = store_in(folder, TokenEncryption())
    plain.prepare()
    plain.save_consent(a_credential(ANN))
    before = (folder / "token_501.json").read_bytes()
    with pytest.raises(Exception, match="drivekeeper tokens encrypt") as caught:
        async with start_bot(TOKEN_REQUIRE_ENCRYPTION=required):
            pass
    assert getattr(caught.value, "code", "") == "plaintext_refused"
    assert (folder / "token_501.json").read_bytes() == before


async def test_plaintext_that_is_allowed_is_warned_of_at_each_start(
    start_bot: StartBot, upkeep: Upkeep
) -> None:
    """TOKEN_REQUIRE_ENCRYPTION=false."""
    plain = store_in(upkeep.world.folder, TokenEncryption())
    plain.save_consent(a_credential(ANN))
    for _ in range(2):
        async with start_bot(TOKEN_REQUIRE_ENCRYPTION="false") as bot:
            by_hand(bot)
            assert await bot.services.core.custodian.load(ANN) is not None
            assert [line["level"] for line in logged(bot, "plaintext_allowed")] == ["warning"]
