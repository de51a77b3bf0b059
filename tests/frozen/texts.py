"""Files that the program is compared with, written from the program as it was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

FOLDER = Path(__file__).parent


def assert_as_ever(found: Mapping[str, Sequence[str]]) -> None:
    """The lines of each name are those of the file of that name, below this folder.

    Where there is no such file, it is written for a person to read, and the test fails all the
    same: one that was deleted does not go unnoticed.
    """
    expected: dict[str, list[str]] = {}
    for name, lines in found.items():
        path = FOLDER / name
        if path.exists():
            expected[name] = path.read_text("utf-8").splitlines()
        else:
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(f"{line}\n" for line in lines), "utf-8")
    assert {name: list(lines) for name, lines in found.items()} == expected
