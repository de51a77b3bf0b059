"""The program's version, and the list of its releases."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from itertools import pairwise
from pathlib import Path

from packaging.version import Version

from commands.version import program_version
from tests.documents import ROOT, headings

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SECTIONS = ("Added", "Changed", "Fixed", "Upgrade notes")


def releases() -> list[tuple[str, date]]:
    """The changelog's, newest first."""
    found = [heading for heading in headings("CHANGELOG.md") if heading.startswith("## ")]
    assert found[0] == "## [Unreleased]"
    parts = [
        re.fullmatch(r"## \[(\d+\.\d+\.\d+)\] - (\d{4}-\d\d-\d\d)", line) for line in found[1:]
    ]
    assert all(parts), found
    return [(part[1], date.fromisoformat(part[2])) for part in parts if part]


def laid_out(folder: Path, project: str = "", version: str = "", metadata: str = "") -> Path:
    """A folder with the program's packages in it, or what else lies there."""
    if project:
        text = f'[project]\nname = "{project}"\nversion = "{version}"\n'
        (folder / "pyproject.toml").write_text(text, "utf-8")
    if metadata:
        info = folder / f"drivekeeper-{metadata}.dist-info"
        info.mkdir()
        text = f"Metadata-Version: 2.4\nName: drivekeeper\nVersion: {metadata}\n"
        (info / "METADATA").write_text(text, "utf-8")
    return folder


def test_newest_release_of_the_changelog_is_the_projects_version() -> None:
    assert releases()[0][0] == PROJECT["version"]


def test_releases_stand_newest_first() -> None:
    for (newer, later), (older, earlier) in pairwise(releases()):
        assert Version(newer) > Version(older)
        assert later >= earlier


def test_what_is_not_released_has_a_place_for_each_kind_of_change() -> None:
    found = headings("CHANGELOG.md")
    first = found.index("## [Unreleased]") + 1
    assert found[first : first + 4] == [f"### {section}" for section in SECTIONS]
    assert found[first + 4].startswith("## [")


def test_version_is_written_in_no_other_place() -> None:
    version = re.compile(rf"(?<![\d.]){re.escape(PROJECT['version'])}(?![\d.])")
    files = [
        *ROOT.glob("Dockerfile*"),
        *ROOT.glob("*.yaml"),
        *ROOT.glob("*.py"),
        *(ROOT / "bot" / "locale").glob("*.po"),
        *(ROOT / "commands").rglob("*.py"),
    ]
    assert [str(path) for path in files if version.search(path.read_text("utf-8"))] == []


def test_a_checkout_says_its_own_version_whatever_was_installed_before(tmp_path: Path) -> None:
    top = laid_out(tmp_path, "drivekeeper", "9.8.7", metadata="0.1.0")
    assert program_version(top) == "9.8.7"
    assert program_version() == PROJECT["version"]


def test_installed_it_says_the_version_it_was_installed_as(tmp_path: Path) -> None:
    assert program_version(laid_out(tmp_path, metadata="9.8.7")) == "9.8.7"


def test_another_projects_version_is_not_taken_for_its_own(tmp_path: Path) -> None:
    assert program_version(laid_out(tmp_path, "another", "9.8.7")) == "unknown"


def test_where_nothing_tells_the_version_it_says_so(tmp_path: Path) -> None:
    assert program_version(tmp_path) == "unknown"
