"""Commands that only look: they change nothing, refuse what is not ours, and never hang."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from cli import app
from config import Settings
from processes.storage import KINDS
from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.storage.events import Event
from security.storage.files.audit_trail import AuditTrail
from security.storage.files.data_folder import holds_ours
from tests.security.kit import ANN, BOB, MASK, a_credential, mode_of
from tests.stores import store_in

NOBODY = "u_aaaaaaaaaaaaaaaa"
LOOKS = (
    "tokens list",
    f"tokens show {NOBODY}",
    "tokens verify",
    "keys check",
    "keys rotate --dry-run",
    "tokens encrypt --dry-run",
    "tokens decrypt --dry-run",
    "quarantine list",
    "maintenance run --dry-run",
    "audit",
    f"whois {NOBODY}",
    "doctor --offline",
)
CHANGES = (
    "keys rotate",
    "tokens encrypt --yes",
    "tokens decrypt --yes",
    f"quarantine restore {NOBODY}",
    f"quarantine purge {NOBODY} --yes",
    f"tokens disconnect {NOBODY} --yes",
    "maintenance run",
)
Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path, restored_logging: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run(folder, "tokens list")`, with a key and a client, and no key of masks."""
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEY", Fernet.generate_key().decode())
    monkeypatch.setenv("GOOGLE_CLIENT_ID", "client.apps.googleusercontent.com")
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET", "GOCSPX-of-nobody")

    def command(folder: Path, line: str) -> Result:
        with monkeypatch.context() as patched:
            patched.setenv("USER_DATA_DIR", str(folder))
            return CliRunner().invoke(app, [*line.split(), "--env-file", os.devnull])

    return command


def everything(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Modes, times and bytes of all there is, the folder's own among them."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mode,
            path.lstat().st_mtime_ns,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in (folder, *folder.rglob("*"))
    }


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Somebody's own folder, with what others may see, and a temporary file of another program."""
    folder = tmp_path / "home"
    (folder / "papers").mkdir(parents=True)
    for name in ("letter.txt", "papers/draft.tmp", "render.tmp", ".cache.tmp"):
        (folder / name).write_text("precious")
        os.utime(folder / name, (time.time() - 3600,) * 2)
    folder.chmod(0o755)
    return folder


@pytest.mark.parametrize("line", [*LOOKS, *CHANGES])
def test_a_folder_that_is_not_ours_is_refused_and_left_as_it_is(
    run: Run, home: Path, line: str
) -> None:
    """USER_DATA_DIR names somebody's home: neither its mode nor a file in it is touched."""
    before = everything(home)
    result = run(home, line)
    assert result.exit_code in (1, 2, 3)
    assert "USER_DATA_DIR names a folder that holds other things" in " ".join(result.output.split())
    assert everything(home) == before


def test_the_bot_refuses_it_as_well(run: Run, home: Path) -> None:
    """Before its mode is changed, and a crash's remains are looked for in it."""
    with pytest.raises(OperatorFault, match="USER_DATA_DIR"):
        holds_ours(home, KINDS)


@pytest.mark.parametrize("names", [(), ("lost+found",), (".gitkeep",)])
def test_an_empty_folder_is_nobodys(run: Run, tmp_path: Path, names: tuple[str, ...]) -> None:
    """A fresh volume: the bot may begin there, and commands have nothing to look at."""
    folder = tmp_path / "volume"
    folder.mkdir()
    for name in names:
        (folder / name).mkdir()
    before = everything(folder)
    assert holds_ours(folder, KINDS) is False
    result = run(folder, "tokens list")
    assert (result.exit_code, "has run on it yet" in result.output) == (2, True)
    assert "is empty" in result.output
    assert "`drivekeeper restore ARCHIVE`" in result.output
    assert everything(folder) == before


def test_token_files_alone_are_ours(tmp_path: Path) -> None:
    """Another program's folder, taken over."""
    (tmp_path / "token_501.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("mine")
    assert holds_ours(tmp_path, KINDS)


@pytest.mark.parametrize("line", LOOKS)
def test_looking_changes_nothing(run: Run, tmp_path: Path, line: str) -> None:
    """No mode mended, no folder or key of masks made, no remains cleared, no time stamp moved."""
    folder = tmp_path / "user_data"
    store = store_in(folder, TokenEncryption())
    store.prepare()
    store.save_consent(a_credential(ANN))
    store.storage.record([Event("authorised", ANN)])
    (folder / ".token_9.json.tmp").write_text("half")
    os.utime(folder / ".token_9.json.tmp", (time.time() - 3600,) * 2)
    for name in ("quarantine", "tombstones"):
        (folder / name).rmdir()
    (folder / "token_501.json").chmod(0o644)
    (folder / "audit").chmod(0o755)
    folder.chmod(0o755)
    before = everything(folder)
    run(folder, line)
    after = everything(folder)
    if line.startswith("doctor"):  # it tries whether a small file can be written, and removes it
        before["."] = after["."]
    assert after == before


@pytest.mark.timeout(30)
@pytest.mark.parametrize("line", [*LOOKS, *CHANGES])
def test_a_pipe_in_the_place_of_any_file_hangs_nothing(run: Run, tmp_path: Path, line: str) -> None:
    """Nobody writes into it: whoever opened it as a file is opened would wait for ever."""
    folder = tmp_path / "user_data"
    store = store_in(folder, TokenEncryption())
    store.prepare()
    store.save_consent(a_credential(BOB))
    for name in (
        *("token_501.json", "tombstones/token_501.json", "maintenance/pauses.json"),
        *("quarantine/token_501.20260101t000000000001.json", "consents/token_501.json"),
        *("uploads/501-7.json", "updates/7.json", "preferences/token_501.json"),
        *("audit/audit.jsonl", "log_mask.key", ".token_502.json.tmp"),
    ):
        (folder / name).parent.mkdir(mode=0o700, exist_ok=True)
        os.mkfifo(folder / name, mode=0o600)
    result = run(folder, line)
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_loose_modes_of_the_trail_are_mended_at_the_start(tmp_path: Path) -> None:
    """Also where nothing is to be written into it yet."""
    trail = AuditTrail(tmp_path, MASK)
    trail.record([Event("authorised", ANN)])
    trail.close()
    part = tmp_path / "audit" / "audit.jsonl"
    part.with_name("audit.1.jsonl").write_bytes(part.read_bytes())
    for path in (tmp_path / "audit", *(tmp_path / "audit").iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    AuditTrail(tmp_path, MASK).prepare()
    assert mode_of(tmp_path / "audit") == 0o700
    assert {mode_of(path) for path in (tmp_path / "audit").iterdir()} == {0o600}


def test_only_remains_of_ours_are_cleared(tmp_path: Path) -> None:
    """Saves are staged in files whose names begin with a dot; others' temporary files stay."""
    for name in ("theirs.tmp", ".token_501.json.tmp"):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (time.time() - 3600,) * 2)
    store_in(tmp_path, TokenEncryption()).prepare()
    assert (tmp_path / "theirs.tmp").exists()
    assert not (tmp_path / ".token_501.json.tmp").exists()


@pytest.mark.one_way
@pytest.mark.parametrize(
    "line",
    [
        *("tokens list", "clients list", "console-link", "clients add tanhae --label a"),
        *("keys check", "db check", "service-account check"),
    ],
)
def test_where_there_are_no_settings_that_is_what_is_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, restored_logging: None, line: str
) -> None:
    """And not that a data folder is empty: somebody is in another folder than they think."""
    monkeypatch.chdir(tmp_path)
    for name in [*os.environ]:
        if name.lower() in Settings.model_fields:
            monkeypatch.delenv(name)
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    done = CliRunner().invoke(app, line.split())
    assert done.exit_code == 2, done.output
    assert "There are no settings here: none in the environment, and none in .env" in done.stderr
    assert "PUBLIC_URL: is missing (the web process needs it: where browsers" in done.stderr
    assert "TELEGRAM_BOT_TOKEN: is missing" in done.stderr
    assert "USER_DATA_DIR" not in done.stderr
    assert [*tmp_path.iterdir()] == []
