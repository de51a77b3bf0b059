"""What a contributor meets: how tests are run, what GitHub does, how files are kept."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.documents import ROOT
from tests.installed import PACKAGES


def test_a_run_ends_with_the_packages_that_its_skipped_tests_want() -> None:
    """In earnest: with a PATH on which there is nothing."""
    tests = ("tests/crash/test_crash_matrix.py", "tests/test_reverse_proxy.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-n", "1", *tests, "-k", "points or nginx"],
        cwd=ROOT,
        env={"PATH": "/nothing/is/here"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    *_, said, result = done.stdout.splitlines()
    assert said == "3 of the skipped tests would run after: apt-get install nginx-light strace"
    assert re.match("3 skipped", result)


@pytest.mark.parametrize("package", sorted(set(PACKAGES.values())))
def test_ci_installs_what_tests_want(package: str) -> None:
    assert re.search(rf"missing\+=\(.*\b{package}\b", (ROOT / ".ci/run").read_text("utf-8"))
