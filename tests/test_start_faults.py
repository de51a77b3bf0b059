"""What the operating system refuses at a start or to a command is told in a sentence.

The real program, under strace where a call has to fail: https://man7.org/linux/man-pages/man1/strace.1.html
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.installed import needs
from tests.running import in_rest
from tests.test_config import NEEDED

ROOT = Path(__file__).parents[1]
STRACE = shutil.which("strace")
# Nobody listens there: a bot that starts all the same says so, and goes on trying.
ENVIRONMENT = NEEDED | {"TELEGRAM_API_BASE_URL": "http://127.0.0.1:9", "WEB_PORT": "0"}
AS_USER = ("setpriv", "--reuid", "10001", "--regid", "10001", "--clear-groups")


def can_change_user() -> bool:
    """Only root gives files away; and Python has to be where another user reaches it."""
    if os.geteuid() != 0 or shutil.which(AS_USER[0]) is None:
        return False
    return subprocess.run([*AS_USER, sys.executable, "-c", ""], check=False).returncode == 0


needs_root = pytest.mark.skipif(not can_change_user(), reason="cannot run as another user")


def run(folder: Path, *arguments: str, prefix: Sequence[str] = ()) -> tuple[int, str]:
    """Exit code and stderr of `drivekeeper` on this data folder; a bot that runs gives code 0."""
    environment = ENVIRONMENT | {
        **{"PATH": os.defpath, "PYTHONPATH": str(ROOT), "LOG_FORMAT": "json"},
        **{"USER_DATA_DIR": str(folder), "PYTHONDONTWRITEBYTECODE": "1"},
    }
    process = subprocess.Popen(
        [*prefix, sys.executable, "-m", "cli", *arguments, "--env-file", os.devnull],
        cwd=folder.parent,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # a signal to strace alone would leave the program running
    )
    said = ""
    assert process.stderr is not None
    overdue = threading.Timer(60, os.killpg, (process.pid, signal.SIGKILL))
    overdue.start()
    with process, process.stderr as lines:
        for line in lines:
            said += line
            if '"polling_failed"' in line:
                os.killpg(process.pid, signal.SIGTERM)
    overdue.cancel()
    return process.returncode, said


def assert_told(code: int, said: str) -> None:
    """A sentence and its exit code, or nothing happened to it; never a traceback, never a path."""
    assert code in (0, 1, 2, 3), said
    assert "uncaught" not in said
    assert "Traceback" not in said
    assert code != 3 or said.rstrip().splitlines()[-1].startswith(
        ("Drivekeeper cannot start: ", "Not done: ")
    )


def failing(folder: Path, call: str, error: str) -> list[str]:
    """strace that lets every `call` below the folder fail; its filter leaves all others alone."""
    return [
        *(str(STRACE), "-f", "--seccomp-bpf", "-qq", "-o", os.devnull, "-P", str(folder)),
        *(part for path in below(folder) for part in ("-P", path)),
        *("-e", f"trace={call}", "-e", f"inject={call}:error={error}"),
    ]


def below(folder: Path) -> list[str]:
    """The folder's folders, and the files that a start makes."""
    folders = ("locks", "tombstones", "quarantine", "consents", "uploads", "updates", "audit")
    return [*(str(folder / name) for name in folders), str(folder / "locks" / "bot.lock")]


@needs("strace")
@pytest.mark.parametrize("error", ["ENOLCK", *in_rest("ENOSYS", "EOPNOTSUPP")])
@pytest.mark.one_way
def test_a_file_system_without_locks_is_refused_in_a_sentence(tmp_path: Path, error: str) -> None:
    """Exit code 3: starting again does not mend that, and systemd is told so."""
    code, said = run(tmp_path / "data", "bot", prefix=failing(tmp_path / "data", "flock", error))
    assert_told(code, said)
    assert code == 3
    assert "its file system knows no locks" in said


@pytest.mark.one_way
def test_a_lock_file_that_leads_nowhere_is_refused_in_a_sentence(tmp_path: Path) -> None:
    """A link, which locks are never opened through."""
    locks = tmp_path / "data" / "locks"
    locks.mkdir(parents=True, mode=0o700)
    (locks / "bot.lock").symlink_to(tmp_path / "nowhere" / "lock")
    for command in (["bot"], ["maintenance", "run"]):
        code, said = run(tmp_path / "data", *command)
        assert_told(code, said)
    code, said = run(tmp_path / "data", "bot")
    assert code == 3


@pytest.fixture
def open_path(tmp_path: Path) -> Path:
    """A folder that other users reach, as pytest's own is not."""
    for parent in (tmp_path, *tmp_path.parents):
        if parent.stat().st_mode & 0o005 != 0o005:
            parent.chmod(0o755)
    return tmp_path


@needs_root
@pytest.mark.parametrize("mode", [0o2775, *in_rest(0o777)])
@pytest.mark.one_way
def test_a_volume_with_a_groups_rights_says_what_to_do(open_path: Path, mode: int) -> None:
    """As Kubernetes' fsGroup makes them: a folder below it serves, and is made private."""
    volume = open_path / "volume"
    volume.mkdir()
    os.chown(volume, 0, 10001)
    volume.chmod(mode)
    code, said = run(volume, "bot", prefix=AS_USER)
    assert_told(code, said)
    assert code == 3
    assert "name a folder below it in USER_DATA_DIR" in said
    code, said = run(volume / "user_data", "bot", prefix=AS_USER)
    assert code == 0
    assert (volume / "user_data").stat().st_mode & 0o777 == 0o700


@needs_root
@pytest.mark.one_way
def test_a_lock_file_of_somebody_else_is_refused_in_a_sentence(open_path: Path) -> None:
    """After a start as root, say."""
    locks = open_path / "data" / "locks"
    locks.mkdir(parents=True)
    (locks / "bot.lock").touch(0o600)
    for path in (open_path / "data", locks):
        path.chmod(0o700)
        os.chown(path, 10001, 10001)
    code, said = run(open_path / "data", "bot", prefix=AS_USER)
    assert_told(code, said)
    assert code == 3


@needs_root
@pytest.mark.parametrize("mode", [0o600, *in_rest("pipe", 0o644, "folder")])
def test_one_token_file_that_cannot_be_read_stops_nobody(open_path: Path, mode: int | str) -> None:
    """Of another user, or no file at all: that owner's trouble, not the bot's."""
    data = open_path / "data"
    data.mkdir(mode=0o700)
    token = data / "token_5.json"
    if mode == "folder":
        token.mkdir(0o700)
    elif mode == "pipe":
        os.mkfifo(token, 0o600)
    else:
        token.write_text("{}")
        token.chmod(int(mode))
    for path in (data, token) if isinstance(mode, str) else (data,):
        os.chown(path, 10001, 10001)
    code, said = run(data, "bot", prefix=AS_USER)
    assert_told(code, said)
    assert code == 0, said
    for command in (["maintenance", "run"], ["tokens", "list"], ["tokens", "verify"]):
        code, said = run(data, *command, prefix=AS_USER)
        assert_told(code, said)
        assert code in (0, 1), (command, said)


CALLS = {
    "openat": ("EIO", "EMFILE"),
    "mkdir": ("EROFS",),
    "chmod": ("EPERM",),
    "fchmod": ("EPERM",),
    "newfstatat": ("ESTALE",),
    "getdents64": ("EIO",),
    "flock": ("ENOLCK",),
    "fsync": ("EINVAL",),
    "rename": ("EXDEV",),
    "write": ("EDQUOT",),
}
COMMANDS = (
    *(("bot",), ("tokens", "list"), ("maintenance", "run"), ("keys", "check")),
    *(("quarantine", "list"), ("audit",), ("doctor", "--offline")),
)


@needs("strace")
@pytest.mark.one_way
@pytest.mark.usefixtures("encryption_keys")
@pytest.mark.parametrize(
    ("call", "error"), [(call, error) for call, errors in CALLS.items() for error in errors]
)
def test_no_refused_call_ends_in_a_traceback(tmp_path: Path, call: str, error: str) -> None:
    """Every call of a kind below the data folder, at the start of the bot and in commands."""
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    for command in COMMANDS:
        code, said = run(folder, *command, prefix=failing(folder, call, error))
        assert_told(code, said)
