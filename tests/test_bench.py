"""`make bench-sweep` measures on a disk, or not at all."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.child import ROOT
from bench.disk import NotOnDisk, _type_of, file_system_of
from bench.measures import percentile

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - nothing is written there
MOUNTS = """\
overlay / overlay rw 0 0
/dev/vda /work ext4 rw 0 0
tmpfs /work/fast tmpfs rw 0 0
/dev/vdb /work/a\\040blank xfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "overlay"),
        ("/work", "ext4"),
        ("/work/deep/down", "ext4"),
        ("/work/faster", "ext4"),
        ("/work/fast/x", "tmpfs"),
        ("/work/a blank/x", "xfs"),
    ],
)
def test_the_innermost_mount_tells_the_file_system(folder: str, kind: str) -> None:
    """Whatever its name."""
    assert _type_of(Path(folder), MOUNTS) == kind


@pytest.mark.skipif(not IN_MEMORY.is_dir(), reason="there is no file system in memory")
def test_a_file_system_in_memory_is_refused_with_a_word_why() -> None:
    """An fsync costs nothing there."""
    with pytest.raises(NotOnDisk, match="tmpfs, in memory"):
        file_system_of(IN_MEMORY)
    command = [sys.executable, "-m", "bench.run", "--folder", str(IN_MEMORY)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "BENCH_DIR" in done.stderr


def test_a_percentile_is_a_value_that_was_seen() -> None:
    """Nearest rank."""
    values = [float(n) for n in range(500, 0, -1)]
    assert (percentile(values, 99), percentile(values, 50)) == (495, 250)
    assert percentile([7.0], 99) == 7.0
