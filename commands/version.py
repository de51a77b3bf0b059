"""Which version of Drivekeeper this is. The number is written in one place: pyproject.toml."""

from __future__ import annotations

import tomllib
from importlib.metadata import distributions
from pathlib import Path


def program_version(top: Path = Path(__file__).parents[1]) -> str:
    """The version of the program that runs; "unknown" where nothing beside it says.

    In a checkout its pyproject.toml says it: what pip has noted in the environment would still be
    the version of the last installation after a `git pull`. Elsewhere the metadata says it that
    lies in the same folder, and no other's on Python's path.

    Args:
        top: the folder that the program's packages lie in.
    """
    try:
        project = tomllib.loads((top / "pyproject.toml").read_text("utf-8"))["project"]
        if project["name"] == "drivekeeper":
            return str(project["version"])
    except (OSError, ValueError, KeyError):
        pass  # installed, as in the image
    for name in ("drivekeeper", "drivekeeper-desktop"):
        for installed in distributions(name=name, path=[str(top)]):
            return installed.version
    return "unknown"
