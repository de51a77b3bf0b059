"""The keys are tried before a start: it is refused where nothing opens; little is read for it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.token_store import TokenStore
from tests.security.kit import ANN, BOB, TOWN, a_credential, new_key
from tests.stores import keep, storage_in, store_in

OLD, NEW = (TokenEncryption([new_key()]) for _ in range(2))


def store_with(folder: Path, keyring: TokenEncryption) -> TokenStore:
    """Three people's credentials under one key."""
    store = store_in(folder, keyring)
    store.prepare()
    for owner in (ANN, BOB, TOWN):
        store.save_consent(a_credential(owner))
    return store


def test_where_no_credential_opens_the_start_is_refused_with_key_and_setting(folder: Path) -> None:
    """One sentence that tells which key is missing and where it belongs; nothing is touched."""
    store_with(folder, OLD)
    before = [path.read_bytes() for path in sorted(folder.glob("*.json"))]
    with pytest.raises(OperatorFault) as caught:
        store_in(folder, NEW).prepare()
    assert caught.value.code == "unknown_key"
    assert str(caught.value) == (
        f"no encrypted document opens: TOKEN_ENCRYPTION_KEY lacks key {OLD.kid}: put it there, "
        "behind the others, or see “A key is lost” in docs/keys.md"
    )
    assert [path.read_bytes() for path in sorted(folder.glob("*.json"))] == before


def test_several_missing_keys_are_named_the_most_needed_first(folder: Path) -> None:
    """And no more than three: it is one sentence."""
    strangers = [TokenEncryption([new_key()]) for _ in range(4)]
    folder.mkdir()
    for number, stranger in enumerate([*strangers, strangers[3]], start=1):
        (folder / f"token_{number}.json").write_bytes(stranger.encrypt(b"{}"))
    with pytest.raises(OperatorFault, match=rf"lacks key {strangers[3].kid}, \w+, \w+: put it"):
        storage_in(folder, NEW).check_keys()


def test_without_any_key_the_message_names_the_setting_too(folder: Path) -> None:
    """The key was forgotten in the settings."""
    store_with(folder, OLD)
    with pytest.raises(OperatorFault) as caught:
        store_in(folder, TokenEncryption()).prepare()
    assert caught.value.code == "key_missing"
    assert f"key {OLD.kid}" in str(caught.value)
    assert "TOKEN_ENCRYPTION_KEY" in str(caught.value)


def test_where_one_credential_opens_it_starts(folder: Path) -> None:
    """The others are left to the sweep, which skips them."""
    store_with(folder, OLD)
    (folder / "token_502.json").write_bytes(NEW.encrypt(b"{}"))
    store_in(folder, NEW).prepare()


@pytest.mark.parametrize("name", ["consents", "uploads", "preferences"])
def test_without_encrypted_credentials_the_other_folders_decide(folder: Path, name: str) -> None:
    """Half of what is there in one key and half in another would be worse than a stop."""
    keep(folder, name, "token_501", {"a": 1}, OLD)
    with pytest.raises(OperatorFault, match=f"lacks key {OLD.kid}"):
        store_in(folder, NEW).prepare()
    keep(folder, "preferences", "token_502", {"a": 1}, NEW)
    store_in(folder, NEW).prepare()


@pytest.mark.parametrize("name", ["tombstones", "quarantine", "maintenance"])
def test_remnants_under_a_lost_key_stop_nobody(folder: Path, name: str) -> None:
    """The bot can do without them."""
    keep(folder, name, "token_501", {"a": 1}, OLD)
    store_in(folder, NEW).prepare()


def test_a_start_that_is_refused_again_and_again_fills_neither_log_nor_trail(
    folder: Path,
) -> None:
    """What has happened to credentials would be pushed out of the trail."""
    store_with(folder, TokenEncryption())
    for _ in range(3):
        with capture_logs() as logs, pytest.raises(OperatorFault, match="tokens encrypt"):
            store_in(folder, NEW).prepare()
        assert logs == []
    trail = storage_in(folder, NEW).events()
    assert [entry.action for entry in trail] == []


def test_plaintext_and_damage_are_no_missing_key(folder: Path) -> None:
    """A key was just set; a file was cut: neither is a reason to refuse."""
    store_with(folder, TokenEncryption())
    envelope = NEW.encrypt(b"{}")
    (folder / "token_504.json").write_bytes(envelope.replace(b"gAAAA", b"gAAAB"))
    store_in(folder, NEW).prepare()


@pytest.mark.timeout(20)
def test_it_stops_at_the_first_document_that_opens(folder: Path) -> None:
    """Whoever reads on comes to a pipe that nobody writes into, and waits for ever."""
    store_with(folder, OLD)
    os.mkfifo(folder / "token_900.json")
    storage_in(folder, OLD).check_keys()


@pytest.mark.timeout(20)
def test_without_a_key_the_first_envelope_is_enough(folder: Path) -> None:
    """To refuse, one is as good as a hundred thousand."""
    store_with(folder, OLD)
    os.mkfifo(folder / "token_900.json")
    with pytest.raises(OperatorFault):
        store_in(folder, TokenEncryption()).prepare()
