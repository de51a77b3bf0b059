"""What people read fits 80 columns, on a terminal and in a pipe, whatever stands in it."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from rich.cells import cell_len
from typer.testing import CliRunner

from cli import app
from commands.output import say, show_table
from security.credential import Owner
from security.encryption import TokenEncryption
from security.storage.events import Event
from tests.security.kit import MASK, a_credential, new_key, secret
from tests.stores import store_in

pytestmark = pytest.mark.one_way("off")

OLD, NEWEST, BACKUP_KEY = new_key(), new_key(), new_key()
PEOPLE: Final = tuple(Owner.user(number) for number in range(801, 809))
REASONS: Final = ("plaintext_refused", "unknown_envelope", "invalid_grant", "older_generation")
LINES: Final = (
    *("tokens list", "tokens verify", "tokens show {set_aside}", "tokens show {damaged}"),
    *("keys check", "keys rotate", "keys rotate --dry-run", "tokens encrypt --yes"),
    *("quarantine list", "audit", "doctor --offline", "maintenance run --dry-run"),
    *("maintenance run", "backup {archive}", "restore {archive} --dry-run", "restore {archive}"),
)
"""Every command that prints a table."""
WIDTH: Final = 80


@pytest.fixture
def run(
    tmp_path: Path, restored_logging: None, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    """A command's output, upon a folder in which much is wrong, under a long name."""
    top = tmp_path / "一個很長很長的資料夾名稱用來測試寬度" / ("and-a-name-without-a-space-" * 4)
    folder, archive = top / "data", top / "archive.dkbackup"
    top.mkdir(parents=True)
    store = store_in(folder, TokenEncryption([OLD]))
    store.prepare()
    for owner in PEOPLE:
        store.save_consent(a_credential(owner))
        store.storage.record([Event("authorised", owner)])
    for owner, reason in zip(PEOPLE, REASONS, strict=False):
        store.copies.set_aside(owner, reason, events=[Event("quarantined", owner, reason)])
    (folder / f"{PEOPLE[4].stem}.json").write_bytes(b"rubbish")
    (folder / f"{PEOPLE[5].stem}.json").chmod(0o644)
    stranger = TokenEncryption([new_key()])
    (folder / f"{PEOPLE[6].stem}.json").write_bytes(stranger.encrypt(b"{}"))
    (folder / f"{PEOPLE[7].stem}.json").unlink()
    settings = {
        "USER_DATA_DIR": str(folder),
        "TOKEN_ENCRYPTION_KEY": f"{secret(NEWEST)},{secret(OLD)}",
        "TOKEN_BACKUP_KEY": secret(BACKUP_KEY),
        "LOG_MASK_KEY": "a mask key for tests",
        "GOOGLE_CLIENT_ID": "client.apps.googleusercontent.com",
        "GOOGLE_CLIENT_SECRET": "GOCSPX-of-nobody",
        **{
            f"GOOGLE_{name}": "http://127.0.0.1:9"
            for name in ("AUTH_URI", "TOKEN_URI", "DEVICE_URI", "REVOKE_URI", "API_ENDPOINT")
        },
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    words = {
        "set_aside": MASK(PEOPLE[0].name),
        "damaged": MASK(PEOPLE[4].name),
        "archive": str(archive),
    }

    def command(line: str) -> str:
        if line.startswith("restore"):
            CliRunner().invoke(app, ["backup", str(archive), "--env-file", os.devnull])
        line_of_words = [word.format_map(words) for word in line.split()]
        arguments = [*line_of_words, "--env-file", os.devnull]
        return CliRunner().invoke(app, arguments, catch_exceptions=False).stdout

    return command


@pytest.mark.parametrize("columns", ["80", "200"])
@pytest.mark.parametrize("line", LINES)
@pytest.mark.one_way
def test_no_line_is_wider_than_eighty_columns(
    run: Callable[[str], str], line: str, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also in a pipe that says it were wider: somebody reads it on a terminal later."""
    monkeypatch.setenv("COLUMNS", columns)
    said = run(line)
    assert said.strip()
    assert [row for row in said.splitlines() if cell_len(row) > WIDTH] == []


def test_what_is_copied_from_a_table_stays_in_one_piece(run: Callable[[str], str]) -> None:
    """Masks, and the ids of copies, which `quarantine restore` takes."""
    assert MASK(PEOPLE[5].name) in run("tokens list")
    listed = run("quarantine list")
    assert all(f"{MASK(owner.name)}.2" in listed for owner in PEOPLE[:4])
    assert all(len(word) == 40 for word in listed.split() if word.startswith("u_"))


def test_wide_characters_count_as_two(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In tables and in sentences: 80 Chinese characters are 160 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    show_table("題" * 80, ("名稱", "why"), [("字" * 80, "a reason " * 20)])
    say("句" * 80)
    rows = capsys.readouterr().out.splitlines()
    assert max(map(cell_len, rows)) <= WIDTH
    assert sum(row.count("字") for row in rows) == WIDTH
    assert sum(row.count("句") for row in rows) == WIDTH


def test_a_table_without_rows_is_its_title(capsys: pytest.CaptureFixture[str]) -> None:
    """Heads of columns over nothing look like a fault."""
    show_table("0 in quarantine", ("id", "reason"), [])
    assert capsys.readouterr().out.strip() == "0 in quarantine"
