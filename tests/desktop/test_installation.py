"""What staff install: the desktop's page alone, and no package that it does without."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import httpx
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "installers" / "desktop"
WHOLE: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DESKTOP: dict[str, Any] = tomllib.loads((FOLDER / "pyproject.toml").read_text("utf-8"))


def test_it_is_a_part_of_the_whole() -> None:
    """The same version, of each package as new a one, and the same files to be packed."""
    whole, desktop = WHOLE["project"], DESKTOP["project"]
    assert desktop["version"] == whole["version"]
    assert set(desktop["dependencies"]) < set(whole["dependencies"])
    packed = DESKTOP["tool"]["setuptools"]["package-data"]
    assert packed.items() < WHOLE["tool"]["setuptools"]["package-data"].items()


def needed() -> dict[str, Distribution]:
    """The packages that it names, and those that they name in turn, as they are installed here."""
    found: dict[str, Distribution] = {}
    asked = [(Requirement(line), {""}) for line in DESKTOP["project"]["dependencies"]]
    for one, extras in asked:  # which grows meanwhile
        if one.marker and not any(one.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        if one.name not in found or one.extras:
            found[one.name] = distribution(one.name)
            below = map(Requirement, found[one.name].requires or ())
            asked += [(requirement, {"", *one.extras}) for requirement in below]
    return found


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked, and beside it the packages that it needs, and no other."""
    source, place = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    tools = DESKTOP["tool"]["setuptools"]
    for name in [pattern.rstrip("*") for pattern in tools["packages"]["find"]["include"]]:
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in [*(f"{module}.py" for module in tools["py-modules"]), "LICENSE"]:
        shutil.copy(ROOT / name, source)
    shutil.copytree(FOLDER, source / "installers" / "desktop", symlinks=True)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(place)!r})"
    subprocess.run(
        [sys.executable, "-c", build],
        cwd=source / "installers" / "desktop",
        check=True,
        capture_output=True,
    )
    (wheel,) = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(place)
    for package in needed().values():
        for name in {file.parts[0] for file in package.files or ()} - {"..", "__pycache__"}:
            if not (place / name).exists():
                (place / name).symlink_to(Path(str(package.locate_file(name))).absolute())
    return place


def command(installed: Path, home: Path, *words: str) -> subprocess.Popen[str]:
    """The command, on a machine that has nothing else."""
    return subprocess.Popen(
        [sys.executable, "-S", "-P", "-m", "cli", *words],
        cwd=home,
        env={"PYTHONPATH": str(installed), "HOME": str(home), "PATH": os.defpath},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.one_way
def test_the_page_is_served_from_what_is_installed(installed: Path, tmp_path: Path) -> None:
    """And it ends as it is asked to."""
    missing = ("telegram", "sqlalchemy", "bot", "web", "departments", "sheets", "sandbox")
    assert not any((installed / name).exists() for name in missing)
    assert list(installed.glob("*.dist-info/licenses/LICENSE"))
    with command(installed, tmp_path, "desktop", "--no-browser", "--port", "0") as process:
        try:
            assert process.stderr is not None
            said = ""
            while (found := re.search(r"http://localhost:\d+", said)) is None:
                line = process.stderr.readline()
                assert line, said
                said += line
            answer = httpx.get(f"{found[0]}/", trust_env=False)
            assert (answer.status_code, "Content-Security-Policy" in answer.headers) == (403, True)
        finally:
            process.terminate()
        assert process.wait(20) == 0


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("version", 0, f"drivekeeper {WHOLE['project']['version']}\n"),
        ("--help", 0, "a page on this computer from which PDFs go"),
        ("--help", 0, "Serve this computer a page"),
        ("bot", 3, "needs bot, which is not installed"),
        ("tokens list", 3, "which is not installed"),
        ("sandbox", 3, "needs sandbox, which is not installed"),
    ],
)
@pytest.mark.one_way
def test_what_is_not_installed_is_said_in_a_sentence(
    installed: Path, tmp_path: Path, line: str, code: int, says: str
) -> None:
    """Help has what is there; commands of the bot and the web say what they need."""
    process = command(installed, tmp_path, *line.split())
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert says in out + err
    assert "Traceback" not in err
    assert not re.search("Telegram|quarantine", out)
