"""How much a run of the benchmark measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bench.uploads.processes import MB

GB: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured. Sizes in bytes."""

    stream_rounds: int = 11
    path_rounds: int = 3
    cpu_rounds: int = 5
    memory_rounds: int = 3
    large: int = GB
    small: int = 16_000
    small_files: int = 160
    small_rounds: int = 7
    desktop_rounds: int = 5
    desktop_starts: int = 7


QUICK: Final = Scale(
    stream_rounds=3,
    path_rounds=3,
    cpu_rounds=2,
    memory_rounds=1,
    large=100 * MB,
    small_files=40,
    small_rounds=3,
    desktop_rounds=2,
    desktop_starts=3,
)
