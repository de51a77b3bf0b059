"""`drivekeeper keys` and `tokens encrypt|decrypt`, as an operator runs them."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
import typer
from cryptography.fernet import Fernet
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from bot.kinds import UPLOADS
from cli import app
from processes.storage import KINDS
from security.encryption import TokenEncryption
from security.logging_utils import OwnerMask
from security.storage.leases import BOT_LEASE
from tests.commands.conftest import in_json
from tests.places import databases, settings_of
from tests.security.kit import ANN, BOB, a_credential, new_key, secret
from tests.security.test_rotation import documents, kids, seed
from tests.spots import credential_at, full, held, spot, state_of
from tests.stores import folder_of, storage_in, store_in

OLD, NEW = new_key(), new_key()
SECRETS: Final = (secret(OLD), secret(NEW), "1//0", "ya29.", "amy@example.com", "501", "502")

Run = Callable[..., Result]


@pytest.fixture
def run(folder: Path, restored_logging: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("keys check", OLD, TOKEN_REQUIRE_ENCRYPTION="true")`; no secret is in what it says."""
    for name, value in {
        "USER_DATA_DIR": str(folder),
        "LOG_MASK_KEY": "a mask key for tests, of some length",
        **settings_of(folder),
    }.items():
        monkeypatch.setenv(name, value)

    def command(line: str, *keys: SecretStr, **variables: str) -> Result:
        with monkeypatch.context() as patched:
            patched.setenv("TOKEN_ENCRYPTION_KEY", ",".join(secret(key) for key in keys))
            for name, value in variables.items():
                patched.setenv(name, value)
            arguments = [*line.split(), "--env-file", os.devnull]
            result = CliRunner().invoke(app, arguments, catch_exceptions=False)
        # A key's id may begin with somebody's digits.
        shown = re.sub(r"\b[0-9a-f]{12}\b", "", result.output)
        assert [s for s in SECRETS if re.search(rf"\b{re.escape(s)}", shown)] == []
        return result

    return command


def test_a_generated_key_is_alone_on_stdout() -> None:
    """`drivekeeper keys generate > key` gives a file for TOKEN_ENCRYPTION_KEY_FILE."""
    first, second = (CliRunner().invoke(app, ["keys", "generate"]) for _ in range(2))
    assert re.fullmatch(r"[\w-]{43}=\n", first.stdout)
    Fernet(first.stdout.strip())
    assert first.stdout != second.stdout
    assert first.stdout.strip() not in first.stderr
    assert "TOKEN_ENCRYPTION_KEY" in first.stderr


def test_the_way_from_plaintext_over_two_keys_and_back(run: Run, folder: Path) -> None:
    """Each step says what comes next, and nothing is different in the end."""
    seed(folder, TokenEncryption())
    before = documents(folder)
    old, new = TokenEncryption([OLD]).kid, TokenEncryption([NEW]).kid

    checked = run("keys check")
    assert (checked.exit_code, "plaintext" in checked.stdout) == (0, True)
    encrypted = run("tokens encrypt --yes", OLD)
    assert (encrypted.exit_code, kids(folder)) == (0, {old})
    assert "Nothing is in plaintext any more" in encrypted.stdout

    needed = run("keys check", NEW, OLD)
    assert f"{len(before)} documents need key {old}" in needed.stdout
    rotated = run("keys rotate", NEW, OLD)
    assert (rotated.exit_code, kids(folder)) == (0, {new})
    assert f"no document needs {old}" in " ".join(rotated.stdout.split())
    assert f"No document needs key {old}" in run("keys check", NEW, OLD).stdout

    decrypted = run("tokens decrypt --yes", NEW)
    assert decrypted.exit_code == 0
    assert "take TOKEN_ENCRYPTION_KEY" in decrypted.stdout
    assert documents(folder) == before
    assert "TOKEN_ENCRYPTION_KEY" not in run("tokens decrypt").stdout


def test_check_counts_each_folder_and_each_key_for_programs(run: Run, folder: Path) -> None:
    """Configured or not, of ours or unknown, opened or damaged."""
    store = seed(folder, TokenEncryption([OLD]))
    stranger = TokenEncryption([new_key()])
    envelope = (folder / "token_501.json").read_bytes()
    (folder / "token_501.json").write_bytes(stranger.encrypt(b"{}"))
    (folder / "token_502.json").write_bytes(envelope.replace(b"gAAAA", b"gAAAB"))
    (folder / "token_503.json").write_bytes(json.loads(envelope)["data"].encode())
    (folder / "token_504.json").write_bytes(json.loads(stranger.encrypt(b"{}"))["data"].encode())
    (folder / "token_505.json").write_bytes(b"{}")
    result = run("keys check --json", NEW, OLD)
    found = {(use["state"], use["kid"]): use for use in in_json(result)["keys"]}
    assert list(found)[:2] == [
        ("newest", TokenEncryption([NEW]).kid),
        ("older", TokenEncryption([OLD]).kid),
    ]
    newest, older = list(found.values())[:2]
    assert (newest["total"], newest["may_be_dropped"]) == (0, False)
    assert older["files"] == {
        "credentials": 2,
        "tombstones": 1,
        "quarantine": 2,
        **Counter(kind.label for kind in KINDS if not kind.leased for _ in range(2)),
    }
    assert older["may_be_dropped"] is False
    rest = {key: use["files"] for key, use in list(found.items())[2:]}
    one = {"credentials": 1}
    assert rest == {
        ("not set", stranger.kid): one,
        ("damaged", None): one,
        ("unnamed", None): one,
        ("plaintext", None): one,
    }
    assert (in_json(result)["unopened"], result.exit_code) == (3, 1)
    assert folder_of(store) == folder


def test_check_works_where_nothing_opens_and_the_bot_would_not_start(
    run: Run, folder: Path
) -> None:
    """That is when an operator asks."""
    seed(folder, TokenEncryption([OLD]))
    # Without a key no database is looked into.
    for keys in ((), (NEW,)) if databases() is None else ((NEW,),):
        before = state_of(folder)
        result = run("keys check", *keys)
        assert result.exit_code == 1
        assert f"key {TokenEncryption([OLD]).kid}, which is not configured" in result.stdout
        assert "lacking: put it there, behind the others" in " ".join(result.stdout.split())
        assert state_of(folder) == before


def test_a_dry_run_of_a_rotation_changes_nothing_and_says_so(run: Run, folder: Path) -> None:
    """The whole folder is the same, time stamps included."""
    seed(folder, TokenEncryption([OLD]))
    try_dry(run, folder, "keys rotate")


@pytest.mark.parametrize("line", ["tokens encrypt", "tokens decrypt"])
def test_a_dry_run_of_a_conversion_changes_nothing_and_says_so(
    run: Run, folder: Path, line: str
) -> None:
    """Neither."""
    seed(folder, TokenEncryption() if line == "tokens encrypt" else TokenEncryption([OLD]))
    try_dry(run, folder, line)


def try_dry(run: Run, folder: Path, line: str) -> None:
    """For people, and for programs."""
    before = state_of(folder)
    result = run(f"{line} --dry-run", NEW, OLD)
    assert result.exit_code == 0
    assert "Nothing was changed" in result.stdout
    assert state_of(folder) == before
    report = in_json(run(f"{line} --dry-run --json", NEW, OLD))
    assert (report["dry_run"], report["complete"]) == (True, False)
    assert report["folders"]["credentials"]["changed"] == 3
    assert state_of(folder) == before


@pytest.mark.parametrize("line", ["keys rotate", "tokens encrypt"])
def test_what_does_not_open_is_left_and_is_a_finding(run: Run, folder: Path, line: str) -> None:
    """Under a mask, with the fingerprint of the key it needs."""
    try_with_a_stranger(run, folder, line)


def test_what_does_not_open_is_not_decrypted_and_is_a_finding(run: Run, folder: Path) -> None:
    """The same."""
    try_with_a_stranger(run, folder, "tokens decrypt --yes")


def try_with_a_stranger(run: Run, folder: Path, line: str) -> None:
    """On what a key that is not configured has sealed."""
    seed(folder, TokenEncryption([OLD]))
    stranger = TokenEncryption([new_key()])
    data = stranger.encrypt(b"{}")
    credential_at(folder, ANN).plant(data)
    result = run(line, NEW, OLD)
    assert result.exit_code == 1
    assert re.search(
        rf"Left as it is: credentials of u_[a-z2-7]{{16}}: TOKEN_ENCRYPTION_KEY lacks its key, key "
        rf"{stranger.kid}\. .*put it there, behind the others",
        " ".join(result.stdout.split()),
    )
    (left,) = in_json(run(f"{line} --json", NEW, OLD))["left"]
    assert (left["folder"], left["result"], left["kid"]) == (
        *("credentials", "unknown_key"),
        stranger.kid,
    )
    assert credential_at(folder, ANN).raw() == data


@pytest.mark.parametrize(
    ("line", "keys", "variables", "message"),
    [
        ("keys rotate", (), {}, "no key to rotate to"),
        ("tokens encrypt", (), {}, "no key to encrypt under"),
        ("tokens decrypt", (OLD,), {"TOKEN_REQUIRE_ENCRYPTION": "true"}, "refuses plaintext"),
        ("keys check", (), {"TOKEN_REQUIRE_ENCRYPTION": "true"}, "TOKEN_ENCRYPTION_KEY"),
        ("keys check", (), {"ENCRYPTION_KEY": "no key"}, "ENCRYPTION_KEY"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_anything_is_done(
    run: Run,
    folder: Path,
    line: str,
    keys: tuple[SecretStr, ...],
    variables: dict[str, str],
    message: str,
) -> None:
    """Exit code 2, one sentence on stderr."""
    seed(folder, TokenEncryption(keys))
    before = state_of(folder)
    result = run(line, *keys, **variables)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert state_of(folder) == before


def test_a_data_folder_that_is_not_there_is_no_empty_one(run: Run) -> None:
    """A wrong USER_DATA_DIR would otherwise look like nothing to do."""
    result = run("keys check", OLD)
    assert (result.exit_code, "USER_DATA_DIR" in result.stderr) == (2, True)


def test_a_full_disk_ends_it_with_a_fault_and_a_way_on(run: Run, folder: Path) -> None:
    """Nothing is lost."""
    seed(folder, TokenEncryption([OLD]))
    before = documents(folder)
    with full(folder):
        result = run("keys rotate", NEW, OLD)
    assert result.exit_code == 3
    assert "run the command again" in result.stderr
    assert documents(folder) == before


def test_decrypting_beside_a_running_bot_is_refused(run: Run, folder: Path) -> None:
    """Its next save would be an envelope, and without a key the bot would refuse to start."""
    seed(folder, TokenEncryption([OLD]))
    before = documents(folder)
    with held(folder, BOT_LEASE):
        for line in ("tokens decrypt", "tokens decrypt --yes", "tokens decrypt --yes --json"):
            result = run(line, OLD)
            assert (result.exit_code, result.stdout) == (3, "")
            assert "the bot is running on this data folder: stop it first" in result.stderr
        assert run("tokens decrypt --dry-run", OLD).exit_code == 0
    assert documents(folder) == before


def test_no_bot_starts_while_everything_is_decrypted(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is held from the question to the end."""
    seed(folder, TokenEncryption([OLD]))
    answers, storage = [], storage_in(folder, TokenEncryption([OLD]))

    def confirm(*_: object, **__: object) -> bool:
        answers.append(storage.is_leased(BOT_LEASE))
        return False

    monkeypatch.setattr(typer, "confirm", confirm)
    assert run("tokens decrypt", OLD).exit_code == 1
    assert answers == [True]
    assert storage.is_leased(BOT_LEASE) is False


@pytest.mark.parametrize("line", ["tokens encrypt", "tokens decrypt"])
def test_without_an_answer_nothing_is_converted(run: Run, folder: Path, line: str) -> None:
    """Nobody is there to say yes."""
    keys = (OLD,) if "decrypt" in line else ()
    seed(folder, TokenEncryption(keys))
    before = documents(folder)
    result = run(line, OLD)
    assert (result.exit_code, "Nothing was changed" in result.stderr) == (1, True)
    assert documents(folder) == before


def test_encrypting_says_whose_plaintext_it_is_about_to_believe(run: Run, folder: Path) -> None:
    """By mask and kind; what is sealed is not among it, and each is in the audit trail."""
    seed(folder, TokenEncryption([OLD]))
    for owner in (ANN, BOB):
        document = json.dumps(a_credential(owner).to_document())
        credential_at(folder, owner).plant(document.encode())
    spot(folder, UPLOADS, "501-9").plant(b'{"id": "501-9"}')
    shown = run("tokens encrypt --dry-run", OLD).stderr
    mask = OwnerMask(b"a mask key for tests, of some length")
    lines = {line.strip() for line in shown.splitlines()[1:]}
    assert lines == {
        f"{mask(ANN.name)}: 1 credential",
        f"{mask(ANN.name)}: 1 upload",
        f"{mask(BOB.name)}: 1 credential",
    }
    assert run("tokens encrypt --yes", OLD).exit_code == 0
    trail = storage_in(folder, TokenEncryption([OLD])).events(action="believed")
    believed = [entry.owner for entry in trail]
    assert sorted(map(str, believed)) == sorted([mask(ANN.name)] * 2 + [mask(BOB.name)])
    assert run("keys check", OLD).exit_code == 0


def test_what_is_planted_after_the_question_is_not_believed(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An operator has agreed to what was listed, and to nothing else."""
    seed(folder, TokenEncryption())
    planted = json.dumps(a_credential(ANN, generation=9).to_document()).encode()

    def confirm(*_: object, **__: object) -> bool:
        (folder / "token_501.json").write_bytes(planted)
        (folder / "uploads" / "501-9.json").write_text('{"id": "501-9"}')
        return True

    monkeypatch.setattr(typer, "confirm", confirm)
    result = run("tokens encrypt", OLD)
    assert result.exit_code == 1
    assert result.stdout.count("not believed") == 2
    assert (folder / "token_501.json").read_bytes() == planted


def test_plaintext_that_the_settings_refuse_is_a_finding(run: Run, folder: Path) -> None:
    """And the command that mends it works all the same."""
    seed(folder, TokenEncryption())
    required = {"TOKEN_REQUIRE_ENCRYPTION": "true"}
    result = run("keys check", OLD, **required)
    assert (result.exit_code, "nothing believes" in result.stdout) == (1, True)
    assert run("tokens encrypt --yes", OLD, **required).exit_code == 0
    assert run("keys check", OLD, **required).exit_code == 0
    assert store_in(folder, TokenEncryption([OLD], required=True)).load(ANN) is not None
