"""A few points of the crash matrix in the suite; `make crash-test` tries them all."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.durability import replay
from tests.crash.tracing import Call, TraceError, parse
from tests.crash.world import FolderState
from tests.installed import needs

ROOT = Path(__file__).parents[2]
OLD: FolderState = {"data": (0o700, None), "data/a": (0o600, b"old")}
SAVE = """\
1 openat(AT_FDCWD</>, "/r/data/.a.tmp", O_WRONLY|O_CREAT|O_TRUNC, 0600) = 3</r/data/.a.tmp>
1 write(3</r/data/.a.tmp>, "n\\x65w\\n", 4) = 4
1 fsync(3</r/data/.a.tmp>) = 0
1 close(3</r/data/.a.tmp>) = 0
1 rename("/r/data/.a.tmp", "/r/data/a") = 0
1 openat(AT_FDCWD</>, "/r/data", O_RDONLY|O_DIRECTORY) = 3</r/data>
1 fsync(3</r/data>) = 0
1 close(3</r/data>) = 0
1 write(4</progress>, "all\\n", 4) = 4
1 +++ exited with 0 +++
""".splitlines()


@needs("strace")
@pytest.mark.one_way
def test_a_few_points_lose_nothing_and_each_safeguard_taken_out_is_missed() -> None:
    """The command itself: a sample of a save and of a small upload; a save without each fsync."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.crash", "save", "uploads"),
            *("--every", "24", "--size", "300000", "--workers", "1"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if "cannot attach" in done.stdout:
        pytest.skip("strace may not attach to processes here")
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"crash-test: \d\d+ points, 0 losses", done.stdout.splitlines()[-1])
    assert re.search(r"^uploads of 300,000 bytes: [1-9]", done.stdout, re.MULTILINE)
    mutants = re.findall(r"^save without the (.+): (\d+) losses", done.stdout, re.MULTILINE)
    assert [name for name, _ in mutants] == ["file's fsync", "folder's fsync", "rename"]
    assert all(int(losses) > 0 for _, losses in mutants)


def after(lines: list[str]) -> dict[str, set[bytes | None]]:
    """What may be in "a" after a power cut: at any time, and once all is reported as done."""
    found: dict[str, set[bytes | None]] = {"at any time": set(), "at the end": set()}
    for cut in replay("/r", OLD, parse(lines), "/progress"):
        content = cut.state["data/a"][1] if "data/a" in cut.state else None
        found["at any time"].add(content)
        if cut.done:
            found["at the end"].add(content)
    return found


def without(*numbers: int) -> list[str]:
    """The trace of a save without these of its calls."""
    return [line for number, line in enumerate(SAVE) if number not in numbers]


def test_a_power_cut_leaves_the_old_or_the_new_and_in_the_end_the_new() -> None:
    assert after(SAVE) == {"at any time": {b"old", b"new\n"}, "at the end": {b"new\n"}}


def test_without_the_files_fsync_a_power_cut_leaves_a_part() -> None:
    assert after(without(2))["at any time"] == {b"old", b"new\n", b"ne", b"", bytes(4)}


def test_without_the_folders_fsync_the_old_one_comes_back() -> None:
    assert after(without(6))["at the end"] == {b"old", b"new\n"}


def test_what_the_replay_does_not_know_is_not_passed_over() -> None:
    """A call that changes files in a way the model lacks would make it wrong in silence."""
    line = '1 symlink("/r/data/a", "/r/data/b") = 0'
    with pytest.raises(TraceError, match="symlink"):
        list(replay("/r", OLD, parse([line]), "/progress"))


def test_a_killed_call_and_an_injected_one_are_told_apart() -> None:
    """Otherwise a fault that met nothing would count as a point."""
    killed, injected = parse(
        [
            '1 unlink("/r/data/a" <unfinished ...>) = ?',
            "1 +++ killed by SIGKILL +++",
            "1 fsync(3</r/data/a>) = -1 EIO (Input/output error) (INJECTED)",
        ]
    )
    assert killed == Call("unlink", 1, ("/r/data/a",), "$ <unfinished ...>", (b"/r/data/a",), None)
    assert injected.injected
    assert injected.result == -1
