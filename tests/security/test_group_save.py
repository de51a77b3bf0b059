"""Several files replaced together: each whole, and one's trouble nobody else's."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from security.errors import GenerationConflict, OperatorFault
from security.storage.files.group_commit import NewContent, replace_together
from security.storage.files.private_files import reserve_room
from tests.security.kit import full_disk, mode_of

Replace = Callable[[Path, list[NewContent | Exception]], list[os.stat_result | Exception]]


@pytest.fixture(params=["quick disk", "slow disk"])
def replace(request: pytest.FixtureRequest) -> Replace:
    """On a disk that counts as quick, or slow."""
    seconds = 3600.0 if request.param == "quick disk" else -1.0
    return partial(replace_together, quick_seconds=seconds)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten files with something in them."""
    for number in range(10):
        (tmp_path / str(number)).write_bytes(b"old")
    return tmp_path


def contents(folder: Path, size: int = 1000) -> list[NewContent | Exception]:
    """New ones for all of them."""
    return [
        NewContent(str(folder / str(number)), str(number).encode() * size) for number in range(10)
    ]


def test_each_gets_what_is_its_own(folder: Path, replace: Replace) -> None:
    """Private, and with nothing left beside it."""
    done = replace(folder, contents(folder))
    assert not any(isinstance(outcome, Exception) for outcome in done)
    for number in range(10):
        assert (folder / str(number)).read_bytes() == str(number).encode() * 1000
        assert mode_of(folder / str(number)) == 0o600
    assert len(list(folder.iterdir())) == 10


def test_one_that_cannot_be_written_is_nobody_elses_trouble(folder: Path, replace: Replace) -> None:
    """Nor is one that has failed before."""
    (folder / ".3.tmp").mkdir()
    earlier = GenerationConflict("somebody was faster")
    faults = replace(folder, [*contents(folder)[:9], earlier])
    assert [n for n, fault in enumerate(faults) if isinstance(fault, Exception)] == [3, 9]
    assert isinstance(faults[3], OperatorFault)
    assert faults[9] is earlier
    new = [number for number in range(10) if (folder / str(number)).read_bytes() != b"old"]
    assert new == [0, 1, 2, 4, 5, 6, 7, 8]


def test_without_space_nothing_is_lost_and_nothing_left_behind(
    folder: Path, replace: Replace
) -> None:
    """Each has its old content."""
    new = contents(folder, 100_000)
    with full_disk():
        faults = replace(folder, new)
    assert all(isinstance(fault, OperatorFault) for fault in faults)
    assert {path.read_bytes() for path in folder.iterdir()} == {b"old"}
    assert len(list(folder.iterdir())) == 10


def test_room_that_somebody_has_cleared_away_is_made_anew(folder: Path, replace: Replace) -> None:
    """It was kept for so long that it passed for a crash's remains."""
    new = contents(folder)
    for content in new:
        assert isinstance(content, NewContent)
        content.staged = reserve_room(content.path, 1000)
    (folder / ".4.tmp").unlink()
    assert not any(isinstance(done, Exception) for done in replace(folder, new))
    assert (folder / "4").read_bytes() == b"4" * 1000
