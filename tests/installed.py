"""Programs that some tests need and not every machine has: where they are, else who brings them."""

from __future__ import annotations

import shutil
from typing import Final, NoReturn

import pytest

PACKAGES: Final = {
    "chromium": "chromium",
    "curl": "curl",
    "desktop-file-validate": "desktop-file-utils",
    "gio": "libglib2.0-bin",
    "git": "git",
    "mariadb-dump": "mariadb-server",
    "mariadbd": "mariadb-server",
    "nginx": "nginx-light",
    "openssl": "openssl",
    "promtool": "prometheus",
    "strace": "strace",
    "systemd-analyze": "systemd",
}
"""A program → the Debian package that brings it; `.ci/run` installs what lacks."""
CHROMIUM: Final = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)


def path_of(program: str) -> str | None:
    """Where it is; servers are in folders that a user's PATH need not name."""
    return shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")


def skip_for_want_of(program: str) -> NoReturn:
    """Skip the test that runs; `make test` ends with the packages of all such tests."""
    pytest.skip(_reason(program))


def needs(program: str) -> pytest.MarkDecorator:
    """The mark of tests that run only where `program` is installed."""
    found = CHROMIUM if program == "chromium" else path_of(program)
    return pytest.mark.skipif(found is None, reason=_reason(program))


def _reason(program: str) -> str:
    # tests/conftest.py looks for the brackets.
    return f"{program} is not installed (Debian: {PACKAGES[program]})"
