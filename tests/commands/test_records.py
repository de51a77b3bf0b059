"""`drivekeeper tokens`, `quarantine`, `audit`, `whois`, as an operator runs them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from cli import app
from security.credential import Owner
from security.encryption import TokenEncryption
from security.recovery.inspection import FINDINGS
from security.storage.events import Event
from security.token_store import TokenStore
from tests.commands.conftest import in_json
from tests.places import databases, settings_of
from tests.security.kit import ANN, BOB, MASK, TOWN, a_credential, in_minutes, new_key, secret
from tests.spots import copy_at, credential_at, everything_in
from tests.stores import folder_of, keep, store_in

MASK_KEY: Final = "a mask key for tests"
PRIVATE: Final = re.compile(
    # An id stands alone; its digits may well be among those of a key's id.
    r"1//0|ya29\.|amy@|(?<![0-9a-z])50[12](?![0-9a-z])|tanhae|permission-1|GOCSPX"
)
ANN_MASK, BOB_MASK, TOWN_MASK = (MASK(owner.name) for owner in (ANN, BOB, TOWN))

Run = Callable[..., Result]


@pytest.fixture
def store(folder: Path, keyring: TokenEncryption) -> TokenStore:
    """The same store that the commands open."""
    made = store_in(folder, keyring)
    made.prepare()
    return made


@pytest.fixture
def run(
    folder: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Run:
    """`run("tokens list", LOG_MASK_KEY="another")`; nothing secret or personal is in the answer."""
    settings = {
        "USER_DATA_DIR": str(folder),
        "LOG_MASK_KEY": MASK_KEY,
        "GOOGLE_CLIENT_ID": "client.apps.googleusercontent.com",
        "GOOGLE_CLIENT_SECRET": "GOCSPX-of-the-client",
        "TOKEN_ENCRYPTION_KEY": ",".join(secret(key) for key in encryption_keys),
        **settings_of(folder),
    }

    def command(line: str, *, answer: str | None = None, **variables: str) -> Result:
        with monkeypatch.context() as patched:
            for name, value in {**settings, **variables}.items():
                patched.setenv(name, value)
            arguments = [*line.split(), "--env-file", os.devnull]
            result = CliRunner().invoke(app, arguments, answer, catch_exceptions=False)
        if not line.startswith("whois"):
            shown = re.sub(r"\d{8}t\d{12}|\d{4}-\d\d-\d\dT[\d:.]+", "", result.output)
            assert PRIVATE.findall(shown) == []
        return result

    return command


def trail(store: TokenStore) -> list[tuple[str, str | None, str]]:
    """What the trail says, oldest first."""
    entries = store.storage.events(newest_first=False)
    return [(entry.action, entry.owner, entry.result) for entry in entries]


def quarantined(store: TokenStore, owner: Owner = ANN, reason: str = "invalid_grant") -> str:
    """The id of a new copy of `owner`'s."""
    store.save_consent(a_credential(owner))
    before = {copy.id for copy in store.copies.records()}
    store.copies.set_aside(owner, reason)
    (new,) = {copy.id for copy in store.copies.records()} - before
    return new


def spoil(store: TokenStore, owner: Owner = BOB) -> None:
    """The owner's credential is damaged."""
    credential_at(folder_of(store), owner).plant(b"rubbish")


# tokens


def test_healthy_credentials_are_listed_without_findings(
    run: Run, store: TokenStore, keyring: TokenEncryption
) -> None:
    """As a table with a line each, and in JSON."""
    for owner in (ANN, TOWN):
        store.save_consent(a_credential(owner, expires_at=in_minutes(42.5)))
    listed = run("tokens list")
    assert listed.exit_code == 0
    (line,) = (line for line in listed.stdout.splitlines() if ANN_MASK in line)
    assert "active" in line
    assert "42 min left" in line
    assert (keyring.kid or "plaintext") in line
    document = in_json(run("tokens list --json"))
    town, ann = document["credentials"]
    assert (ann["owner"], town["owner"]) == (ANN_MASK, TOWN_MASK)
    assert (ann["generation"], ann["kid"], ann["findings"]) == (1, keyring.kid, [])
    assert ann["has_refresh_token"] is True


def test_whatever_wants_attention_is_found(run: Run, store: TokenStore) -> None:
    """All of it at once; the exit code says that there is something."""
    store.save_consent(
        a_credential(ANN, client_id="another", scopes=("openid",), refresh_token=None)
    )
    store.save_consent(a_credential(BOB))
    spoil(store)
    expected = set(FINDINGS)
    if databases() is None:
        credential_at(folder_of(store), ANN).path.chmod(0o640)
    else:
        expected.remove("looser_mode")
    result = run("tokens list --json")
    ann, bob = in_json(result)["credentials"]
    assert result.exit_code == 1
    assert set(ann["findings"]) == expected
    assert (bob["state"], bob["findings"]) == ("damaged", ["unreadable"])
    assert run("tokens list").exit_code == 1


def test_verifying_counts_what_is_wrong_and_changes_nothing(run: Run, store: TokenStore) -> None:
    """Every file is opened."""
    for number in range(1, 6):
        store.save_consent(a_credential(Owner.user(number)))
    assert "5 credentials checked, 5 of them good" in run("tokens verify").stdout
    spoil(store, Owner.user(2))
    third, fourth = (credential_at(folder_of(store), Owner.user(number)) for number in (3, 4))
    fourth.plant(third.raw())
    third.take_away()
    before = everything_in(folder_of(store))
    result = run("tokens verify --json")
    document = in_json(result)
    assert result.exit_code == 1
    assert (document["checked"], document["good"]) == (4, 2)
    assert document["findings"] == {"unreadable": 1, "wrong_owner": 1}
    assert MASK("user:2") in run("tokens verify").stdout
    assert everything_in(folder_of(store)) == before


@pytest.mark.encryption("on")
def test_without_the_keys_everybody_is_still_listed(run: Run, store: TokenStore) -> None:
    """Which key is missing stands beside each."""
    store.save_consent(a_credential(ANN))
    kid = TokenEncryption([new_key()]).kid
    cases = [(secret(new_key()), "unknown_key")]
    if databases() is None:  # without any key no database is opened
        cases.append(("", "key_missing"))
    for keys, code in cases:
        result = run("tokens list --json", TOKEN_ENCRYPTION_KEY=keys)
        (ann,) = in_json(result)["credentials"]
        assert result.exit_code == 1
        assert (ann["state"], ann["findings"]) == ("locked", [code])
        assert ann["kid"] not in (None, kid)
        assert run("tokens verify", TOKEN_ENCRYPTION_KEY=keys).exit_code == 1
        assert run(f"tokens show {ANN_MASK}", TOKEN_ENCRYPTION_KEY=keys).exit_code == 1


def test_one_credential_is_shown_with_its_copies(run: Run, store: TokenStore) -> None:
    """Yes and no; never what a token is."""
    copy = quarantined(store)
    assert run(f"tokens show {ANN_MASK}").exit_code == 1
    store.save_consent(a_credential())
    shown = run(f"tokens show {ANN_MASK}")
    assert shown.exit_code == 0
    assert re.search(r"has a refresh token +│ yes", shown.stdout)
    assert copy in shown.stdout
    document = in_json(run(f"tokens show {ANN_MASK} --json"))
    assert document["credential"]["generation"] == 2
    assert [found["id"] for found in document["quarantined"]] == [copy]


def test_nobody_and_nonsense_are_told_apart(run: Run, store: TokenStore) -> None:
    """By the exit code."""
    assert run(f"tokens show {ANN_MASK}").exit_code == 1
    assert run("tokens show ann").exit_code == 2
    assert run("whois ann").exit_code == 2


def test_an_ended_credential_is_called_so(run: Run, store: TokenStore) -> None:
    """An old backup was put there."""
    store.save_consent(a_credential())
    place = credential_at(folder_of(store), ANN)
    old = place.raw()
    store.delete(ANN)
    place.plant(old)
    (ann,) = in_json(run("tokens list --json"))["credentials"]
    assert ann["state"] == "ended"


# quarantine


def test_quarantine_is_listed_with_masks(run: Run, store: TokenStore) -> None:
    """Whose, why, when, and whether they know."""
    first, second = quarantined(store), quarantined(store, TOWN, "tampered")
    told = next(copy for copy in store.copies.records() if copy.id == first)
    store.copies.mark_told(told.name, told=True)
    document = in_json(run("quarantine list --json"))
    assert {(c["id"], c["owner"], c["reason"], c["told"]) for c in document["quarantined"]} == {
        (first, ANN_MASK, "invalid_grant", True),
        (second, TOWN_MASK, "tampered", False),
    }
    shown = run("quarantine list")
    assert shown.exit_code == 0
    assert first in shown.stdout


@pytest.mark.parametrize("by", ["id", "mask"])
def test_a_restored_credential_serves_again(
    run: Run, store: TokenStore, folder: Path, by: str
) -> None:
    """The operator learns that no restart is needed; the trail knows of it."""
    copy = quarantined(store)
    done = run(f"quarantine restore {copy if by == 'id' else ANN_MASK}")
    assert done.exit_code == 0
    assert "no restart" in done.stdout
    assert store.load(ANN) is not None
    assert trail(store) == [("restored", ANN_MASK, "ok")]


def test_a_second_restore_says_so_and_changes_nothing(
    run: Run, store: TokenStore, folder: Path
) -> None:
    """The copy has gone."""
    copy = quarantined(store)
    run(f"quarantine restore {copy}")
    before = credential_at(folder, ANN).raw()
    again = run(f"quarantine restore {copy} --json")
    assert (again.exit_code, again.stdout) == (2, "")
    assert "restored or purged" in again.stderr
    assert credential_at(folder, ANN).raw() == before
    assert trail(store) == [("restored", ANN_MASK, "ok")]


def test_a_usable_credential_is_not_replaced(run: Run, store: TokenStore, folder: Path) -> None:
    """Its owner has connected again."""
    copy = quarantined(store)
    store.save_consent(a_credential())
    before = credential_at(folder, ANN).raw()
    refused = run(f"quarantine restore {copy}")
    assert refused.exit_code == 1
    assert "superseded" in refused.stderr
    assert credential_at(folder, ANN).raw() == before
    assert trail(store) == []


def test_an_unreadable_file_makes_room_and_is_kept(
    run: Run, store: TokenStore, folder: Path
) -> None:
    """The operator is told, and the trail has both."""
    copy = quarantined(store)
    spoil(store, ANN)
    document = in_json(run(f"quarantine restore {copy} --json"))
    assert (document["restored"], document["replaced"]) == (copy, "unreadable")
    assert store.load(ANN) is not None
    assert [record.reason for record in store.copies.records()] == ["unreadable"]
    assert sorted(trail(store)) == [
        ("quarantined", ANN_MASK, "unreadable"),
        ("restored", ANN_MASK, "ok"),
    ]


def test_a_damaged_copy_is_refused(run: Run, store: TokenStore, folder: Path) -> None:
    """With the reason."""
    copy = quarantined(store)
    [record] = store.copies.records()
    copy_at(folder, record.name).plant(b"rubbish")
    refused = run(f"quarantine restore {copy}")
    assert refused.exit_code == 1
    assert "unreadable" in refused.stderr
    assert store.load(ANN) is None


def test_of_several_copies_one_must_be_named(run: Run, store: TokenStore) -> None:
    """They are listed."""
    copies = [quarantined(store), quarantined(store)]
    refused = run(f"quarantine restore {ANN_MASK}")
    assert refused.exit_code == 2
    assert all(copy in refused.stderr for copy in copies)
    assert store.load(ANN) is None


def test_purging_asks_first(run: Run, store: TokenStore, folder: Path) -> None:
    """Whoever says no has deleted nothing."""
    copy = quarantined(store)
    assert run(f"quarantine purge {copy}", answer="n\n").exit_code == 1
    assert len(store.copies.records()) == 1
    assert run(f"quarantine purge {copy}", answer="y\n").exit_code == 0
    assert store.copies.records() == []
    assert trail(store) == [("purged", ANN_MASK, "ok")]


def test_all_copies_of_an_owner_are_purged_by_mask(run: Run, store: TokenStore) -> None:
    """Those of others stay; a beginning of a mask is nobody."""
    for owner in (ANN, ANN, BOB):
        quarantined(store, owner)
    assert run("quarantine purge u_ --yes").exit_code == 2
    assert len(in_json(run(f"quarantine purge {ANN_MASK} --yes --json"))["purged"]) == 2
    assert [record.owner for record in store.copies.records()] == [BOB]


# audit


@pytest.fixture
def history(store: TokenStore) -> None:
    """Ann came, Bob was refused, Ann left."""
    events = (Event("authorised", ANN), Event("denied", BOB, "not_allowed"), Event("revoked", ANN))
    for event in events:
        store.storage.record([event])


@pytest.mark.one_way("off")
def test_the_trail_is_shown_newest_first(run: Run, history: None) -> None:
    """As many as asked for."""
    entries = in_json(run("audit --json"))["entries"]
    assert [entry["action"] for entry in entries] == ["revoked", "denied", "authorised"]
    assert len(in_json(run("audit --limit 2 --json"))["entries"]) == 2
    shown = run("audit")
    assert shown.exit_code == 0
    assert re.search(rf"denied +│ {BOB_MASK} +│ not_allowed", shown.stdout)


@pytest.mark.one_way("off")
def test_the_trail_is_filtered(run: Run, history: None) -> None:
    """By owner, action, time."""

    def actions(options: str) -> list[str]:
        return [entry["action"] for entry in in_json(run(f"audit {options} --json"))["entries"]]

    assert actions(f"--owner {ANN_MASK}") == ["revoked", "authorised"]
    assert actions("--action denied") == ["denied"]
    assert len(actions("--since 7d")) == len(actions("--since 2020-01-31")) == 3
    assert actions("--since 0m") == []


@pytest.mark.one_way("off")
@pytest.mark.parametrize(
    "options",
    [
        "--owner ann",
        "--action eaten",
        "--since soon",
        "--since 999999w",
        "--since 2026-02-31",
        "--limit 0",
    ],
)
def test_a_wrong_filter_is_explained(run: Run, store: TokenStore, options: str) -> None:
    """Not taken for one that finds nothing."""
    result = run(f"audit {options}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert options.split()[0] in result.stderr


@pytest.mark.one_way("off")
def test_an_empty_trail_is_no_error(run: Run, store: TokenStore) -> None:
    """Nothing has happened yet."""
    assert in_json(run("audit --json")) == {"entries": []}


# whois


def test_whoever_anything_is_kept_of_is_found(
    run: Run, store: TokenStore, folder: Path, keyring: TokenEncryption
) -> None:
    """Also where only a tombstone, a copy, or an upload is left, and whatever is damaged."""
    store.save_consent(a_credential(Owner.user(11)))
    spoil(store, Owner.user(11))
    store.save_consent(a_credential(Owner.user(12)))
    store.delete(Owner.user(12))
    quarantined(store, Owner.user(13))
    for place, name in (
        ("preferences", "token_14"),
        ("consents", "token_15"),
        ("uploads", "16-ab"),
    ):
        keep(folder, place, name, {}, keyring)
    for number in range(11, 17):
        found = run(f"whois {MASK(f'user:{number}')}")
        assert (found.exit_code, found.stdout) == (0, f"Telegram id {number}\n")
    document = in_json(run(f"whois {MASK('user:13')} --json"))
    assert (document["kind"], document["telegram_id"]) == ("user", 13)
    assert document["found_in"] == ["quarantine", "tombstones"]


def test_departments_and_people_in_the_settings_are_found(run: Run, store: TokenStore) -> None:
    """Though nothing is stored of them yet."""
    assert run(f"whois {TOWN_MASK}").stdout == "department tanhae\n"
    assert run(f"whois {BOB_MASK}", ALLOWED_USER_IDS="502").stdout == "Telegram id 502\n"


def test_a_stranger_or_another_mask_key_is_explained(run: Run, store: TokenStore) -> None:
    """The same mask means nobody under another key."""
    store.save_consent(a_credential())
    assert run(f"whois {ANN_MASK}").exit_code == 0
    for result in (
        run(f"whois {BOB_MASK}"),
        run(f"whois {ANN_MASK}", LOG_MASK_KEY="another key of the masks"),
    ):
        assert (result.exit_code, result.stdout) == (1, "")
        assert "LOG_MASK_KEY" in result.stderr


# All of them


@pytest.mark.one_way("off")
@pytest.mark.parametrize(
    "line",
    [
        "tokens list",
        "tokens verify",
        f"tokens show {ANN_MASK}",
        "quarantine list",
        f"quarantine restore {ANN_MASK}",
        f"quarantine purge {ANN_MASK} --yes",
        "audit",
        f"whois {ANN_MASK}",
    ],
)
def test_without_a_data_folder_nothing_is_made(run: Run, folder: Path, line: str) -> None:
    """A wrong USER_DATA_DIR must not look like an empty one."""
    result = run(line)
    assert result.exit_code == 2
    assert "USER_DATA_DIR" in result.stderr
    assert not folder.exists()
