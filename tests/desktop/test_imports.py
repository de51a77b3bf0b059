"""What a desktop imports: little, and nothing that only a Unix has."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOT_NEEDED = {
    *("telegram", "sqlalchemy", "matplotlib", "pymysql", "alembic", "PIL", "prometheus_client"),
    *("re2", "apscheduler", "bot", "web", "departments", "sheets", "sandbox"),
}
"""What only the cloud and the bot need."""


def run(*arguments: str) -> str:
    """What another Python prints."""
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_desktop_imports_nothing_of_the_cloud() -> None:
    """How long that takes is `make bench-upload`'s."""
    program = (
        "import sys, processes.desktop.running, commands.starting.desktop, cli\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    assert NOT_NEEDED & set(run("-c", program).split()) == set()


def test_a_windows_machine_runs_it(tmp_path: Path) -> None:
    """As far as a stand-in for Windows' calls can tell; docs/desktop-setup.md says so."""
    assert run("-m", "tests.desktop.on_windows", str(tmp_path / "desk")) == "kept"
