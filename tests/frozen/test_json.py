"""What scripts read of the commands: exit codes, and the keys of `--json` with their kinds."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner, Result

from tests.frozen import product
from tests.frozen.golden import hold

pytestmark = pytest.mark.usefixtures("restored_logging")
ANN, DORA = "u_owngkqrsdgpib3qz", "u_usloaknq6x5a6b72"
"""Masks of the folders' own key: Ann is connected, Dora's credential is in quarantine."""
NOBODY: Final = "u_aaaaaaaaaaaaaaaa"
READING: Final = (
    *("tokens list", f"tokens show {ANN}", f"tokens show {DORA}", f"tokens show {NOBODY}"),
    *("tokens show 501", "tokens verify", "keys check", "quarantine list", "audit"),
    *("audit --action quarantined", "audit --since 3000-01-01", "audit --action nothing"),
    *(f"whois {ANN}", f"whois {NOBODY}", "doctor --offline", "maintenance run --dry-run"),
    *("keys rotate --dry-run", "tokens encrypt --dry-run", "tokens decrypt --dry-run"),
)
CHANGING: Final = (
    *("keys rotate", "tokens encrypt --yes", "tokens encrypt", "tokens decrypt --yes"),
    *(f"quarantine restore {DORA}", f"quarantine restore {NOBODY}", "maintenance run"),
    *(f"quarantine purge {DORA} --yes", f"quarantine purge {DORA}"),
    *(f"tokens disconnect {ANN} --yes", f"tokens disconnect {NOBODY} --yes"),
    *("backup ARCHIVE", "backup ARCHIVE --force", "restore ARCHIVE --dry-run", "restore ARCHIVE"),
    *("restore ARCHIVE --rollback", "restore OTHER"),
)
WORDS: Final = frozenset(
    {"state", "findings", "reason", "action", "result", "check", "kind", "mode", "found_in"}
)
"""Keys of closed lists of words, which are kept with the keys."""
MACHINES: Final = frozenset({"checks[].state"})
"""What differs from one machine to another."""
Run = Callable[[str], Result]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run("tokens list --json")`; nobody is asked over the network: nobody listens there."""
    settings = {
        "USER_DATA_DIR": str(tmp_path / "user_data"),
        "GOOGLE_CLIENT_ID": "client.apps.googleusercontent.com",
        "GOOGLE_CLIENT_SECRET": "GOCSPX-of-nobody",
        "TOKEN_BACKUP_KEY": "YmFja3VwLWtleS1tYWRlLXVwLWZvci10ZXN0cy0wMTI=",
        **{
            f"GOOGLE_{name}": "http://127.0.0.1:9"
            for name in ("AUTH_URI", "TOKEN_URI", "DEVICE_URI", "REVOKE_URI", "API_ENDPOINT")
        },
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    places = {"ARCHIVE": str(tmp_path / "archive"), "OTHER": str(tmp_path / "other")}

    def command(line: str) -> Result:
        words = [places.get(word, word) for word in line.split()]
        return CliRunner().invoke(product.run_command(), [*words, "--env-file", os.devnull])

    return command


def lay_out(folder: Path, files: dict[str, str]) -> None:
    """The folder as it was left, and one file that nobody can read any more."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, text in {**files, "token_508.json": '{"refresh_token":'}.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.write_text(text, "ascii")
        path.chmod(0o644 if name == "token_505.json" else 0o600)


def answer(result: Result) -> dict[str, Any]:
    """A command's exit code, and what its JSON is made of."""
    kinds: dict[str, set[str]] = {}
    words: dict[str, set[str]] = {}
    if result.stdout.startswith("{"):
        for path, value in _leaves("", json.loads(result.stdout)):
            kinds.setdefault(path, set()).add(_kind(value))
            key = path.rpartition(".")[2].removesuffix("[]")
            if key in WORDS and isinstance(value, str) and path not in MACHINES:
                words.setdefault(path, set()).add(value)
    return {
        "exit": int(result.exit_code),
        "json": {path: " or ".join(sorted(found)) for path, found in kinds.items()},
        "words": {path: sorted(found) for path, found in words.items()},
    }


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inside in value.items():
            yield from _leaves(f"{path}.{key}".removeprefix("."), inside)
    elif isinstance(value, list) and value:
        for inside in value:
            yield from _leaves(f"{path}[]", inside)
    else:
        yield path, value


def _kind(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return json.dumps(None) if value is None else "bool"
    kinds = {int: "number", float: "number", str: "text", list: "[]", dict: "{}"}
    return kinds[type(value)]


@pytest.mark.parametrize("kind", ["plain", "sealed"])
@pytest.mark.one_way
def test_commands_answer_programs_as_they_did(
    kind: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a folder with a credential in every state; each that changes something on a new one."""
    files, folder = product.folder_of_before(kind), tmp_path / "user_data"
    if kind == "sealed":
        monkeypatch.setenv("TOKEN_ENCRYPTION_KEY", product.key_of_before())
    lay_out(folder, files)
    found = {line: answer(run(f"{line} --json")) for line in READING}
    for line in CHANGING:
        lay_out(folder, files)
        found[line] = answer(run(f"{line} --json"))
    hold("json", kind, found)


@pytest.mark.one_way
def test_commands_end_as_they_did_where_they_cannot_work(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No folder; a key too few; a key over plaintext; settings that are wrong."""
    folder = tmp_path / "user_data"
    ends: dict[str, dict[str, int]] = {"no folder": {}}
    for line in (*READING, *CHANGING, "bot"):
        ends["no folder"][line] = int(run(line).exit_code)
        shutil.rmtree(folder, ignore_errors=True)
        (tmp_path / "archive").unlink(missing_ok=True)
    key = product.key_of_before()
    for state, kind, keys in (("no key", "sealed", ""), ("not sealed", "plain", key)):
        lay_out(folder, product.folder_of_before(kind))
        monkeypatch.setenv("TOKEN_ENCRYPTION_KEY", keys)
        ends[state] = {line: int(run(line).exit_code) for line in READING}
    monkeypatch.setenv("WEB_PORT", "none")
    ends["wrong settings"] = {line: int(run(line).exit_code) for line in (*READING, *CHANGING)}
    ends["wrong lines"] = {line: int(run(line).exit_code) for line in ("nothing", "audit --no")}
    hold("ends", "exit codes", ends)
