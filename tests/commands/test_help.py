"""Help, version and completion: at once, everywhere, and without what no command needs."""

from __future__ import annotations

import ast
import itertools
import os
import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from cli import app
from commands import options
from commands.later import LaterCommand
from commands.version import program_version
from config import DEFAULT_ENV_FILE
from tests.running import in_rest

pytestmark = pytest.mark.one_way("off")

ROOT: Final = Path(__file__).parents[2]
TYPERS_OWN: Final = {
    *("typer", "shellingham", "annotated_doc", "typing_extensions"),
    *("pydantic", "pydantic_core", "annotated_types", "typing_inspection"),  # reads what is typed
    *("rich", "pygments", "markdown_it", "mdurl", "attr"),  # draws
}
SECONDS: Final = 0.3
"""Of the processor, for what says only who it is and what it can do."""
TYPERS_SECONDS: Final = 0.055
"""Of the processor, for typer's own import, on the machine on which the above was measured."""
STORED: Final = {"aiohttp", "googleapiclient", "httplib2", "telegram", "fastapi", "matplotlib"}
"""What nobody needs who only looks at what is stored."""
ASKED: Final = {"telegram", "fastapi", "uvicorn", "matplotlib", "PIL", "prometheus_client"}
"""What nobody needs but the bot."""
DATABASE: Final = {"sqlalchemy", "pymysql", "alembic"}
"""What nobody needs whose credentials are in files."""
WITHOUT: Final = {
    "commands.audit": STORED | ASKED,
    "commands.backup": STORED | ASKED,
    "commands.database.checking": STORED | ASKED,
    "commands.database.upgrading": STORED | ASKED,
    "commands.departments.clients": STORED | ASKED,
    "commands.departments.console_link": STORED | ASKED,
    "commands.doctor": ASKED,
    "commands.keys.in_use": STORED | ASKED,
    "commands.keys.new_key": STORED | ASKED | {"pydantic", "structlog", "asyncio"},
    "commands.maintenance": ASKED | {"googleapiclient"},
    "commands.quarantine": STORED | ASKED,
    "commands.service_accounts.check": STORED | ASKED,
    "commands.service_accounts.encode": STORED | ASKED,
    "commands.sheets.accept": STORED,
    "commands.sheets.check": ASKED,
    "commands.sheets.diff": STORED,
    "commands.sheets.guess": ASKED,
    "commands.sheets.links": STORED,
    "commands.sheets.listing": STORED,
    "commands.sheets.sync": ASKED,
    "commands.starting.menu": STORED | ASKED,
    "commands.starting.process": STORED | ASKED,
    "commands.tokens.disconnecting": ASKED | {"googleapiclient"},
    "commands.tokens.encryption": STORED | ASKED,
    "commands.tokens.moving": STORED | ASKED,
    "commands.tokens.reports": STORED | ASKED,
}
"""A command's module, and libraries that it is not to bring in."""
_TOLD: Final = "import atexit, sys; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
_COMMAND: Final = f"{_TOLD} import cli; sys.argv[0] = 'drivekeeper'; cli.main()"


def run(code: str, *words: str, **variables: str) -> tuple[str, set[str], float]:
    """What a process prints, which modules it has imported, and seconds of the processor."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    modules = {name.partition(".")[0] for name in done.stderr.splitlines()[-1].split()}
    return done.stdout, modules, seconds


def commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command and group, with the words that call it."""
    yield path, command
    for name, below in getattr(command, "commands", {}).items():
        yield from commands(below, (*path, name))


EVERY: Final = dict(commands(get_command(app)))
LATER: Final = {
    path: command for path, command in EVERY.items() if isinstance(command, LaterCommand)
}


@pytest.mark.parametrize(
    "line", ["version", "tokens -h", *in_rest("--version", "--help", "sandbox --help")]
)
def test_who_asks_what_there_is_waits_for_no_command(line: str) -> None:
    """Nothing but typer and what it draws with is imported, and a third of a second is plenty."""
    said, modules, seconds = run(_COMMAND, *line.split())
    libraries = {name for name in modules if name not in sys.stdlib_module_names}
    ours = {path.stem for path in ROOT.iterdir()} & libraries
    assert "drivekeeper" in said
    assert ours == {"cli", "commands"}
    beside = {name for name in libraries - ours if not name.startswith("_")}
    assert beside <= TYPERS_OWN
    if seconds >= SECONDS:  # of a machine that does other things as well, or is slow
        slow = run(f"{_TOLD} import typer")[2] / TYPERS_SECONDS
        assert run(_COMMAND, *line.split())[2] < SECONDS * max(slow, 1)


def test_completion_waits_for_no_command_either() -> None:
    """Names of commands come at once, and options from the one command that is named."""
    asked = {"_DRIVEKEEPER_COMPLETE": "complete_bash"}
    said, modules, _ = run(_COMMAND, COMP_WORDS="drivekeeper qua", COMP_CWORD="1", **asked)
    assert said.split() == ["quarantine"]
    assert "cryptography" not in modules
    said, _, _ = run(_COMMAND, COMP_WORDS="drivekeeper tokens ", COMP_CWORD="2", **asked)
    assert said.split() == ["list", "show", "verify", "encrypt", "decrypt", "disconnect", "move"]
    said, _, _ = run(_COMMAND, COMP_WORDS="drivekeeper restore --r", COMP_CWORD="2", **asked)
    assert said.split() == ["--rollback"]


@pytest.mark.parametrize("shell", ["bash", *in_rest("zsh", "fish")])
def test_completion_can_be_installed(shell: str, tmp_path: Path) -> None:
    """Into the home of whoever asks, without the network."""
    named = {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"}  # else: the one that runs
    said, _, _ = run(_COMMAND, "--install-completion", shell, HOME=str(tmp_path), **named)
    assert f"{shell} completion installed" in said
    assert any("drivekeeper" in path.name for path in tmp_path.rglob("*") if path.is_file())


@pytest.mark.parametrize("module", [*list(WITHOUT)[:3], *in_rest(*list(WITHOUT)[3:])])
def test_a_command_imports_only_what_it_needs(module: str) -> None:
    """Looking at what is stored needs no network; Google is asked without Telegram's library."""
    _, modules, _ = run(f"{_TOLD} import {module}")
    assert modules & (WITHOUT[module] | DATABASE) == set()


@pytest.mark.one_way
def test_a_bot_on_files_waits_for_no_database() -> None:
    """It takes time at the start, and memory that it has no use for."""
    _, modules, _ = run(f"{_TOLD} import processes.bot")
    assert "telegram" in modules
    assert modules & DATABASE == set()


def test_every_command_that_is_imported_later_is_in_the_table() -> None:
    """And nothing else is."""
    assert {command.where.partition(":")[0] for command in LATER.values()} == WITHOUT.keys()


@pytest.mark.parametrize("path", LATER, ids=" ".join)
def test_the_list_of_commands_says_what_the_command_says(path: tuple[str, ...]) -> None:
    """Its sentence stands in two places, so that help need not import the other."""
    module, _, name = LATER[path].where.partition(":")
    paragraph = str(getattr(import_module(module), name).__doc__).partition("\n\n")[0]
    assert LATER[path].help == " ".join(paragraph.split())


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
@pytest.mark.one_way
def test_h_is_help_everywhere(path: tuple[str, ...]) -> None:
    """Of groups, of commands, and of the one that is hidden."""
    answers = [CliRunner().invoke(app, [*path, option]) for option in ("-h", "--help")]
    assert [answer.exit_code for answer in answers] == [0, 0]
    assert answers[0].output == answers[1].output
    assert "Usage:" in answers[0].output


@pytest.mark.parametrize("path", EVERY, ids=" ".join)
def test_the_lines_of_a_help_text_end_where_the_terminal_does(path: tuple[str, ...]) -> None:
    """And not where those of the source do as well."""
    said = CliRunner().invoke(app, [*path, "-h"], env={"COLUMNS": "80"}).output
    lines = [line.strip() for line in said.partition("╭")[0].splitlines()]
    for line, following in itertools.pairwise(lines):
        if line and following:
            assert len(f" {line} {following.split()[0]}") > 79, line


def test_commands_stand_under_who_uses_them() -> None:
    """In the order in which somebody meets them."""
    said = CliRunner().invoke(app, ["--help"]).output
    headings = re.findall(r"(?m)^╭─ (.+?) ─", said)
    assert headings == [
        *("Options", "Running it", "Departments", "Looking at credentials", "Keys and backups"),
        "Trying it out",
    ]


def test_the_version_is_told_by_option_and_by_command() -> None:
    """The same words."""
    answers = {CliRunner().invoke(app, [word]).output for word in ("version", "--version")}
    assert answers == {f"drivekeeper {program_version()}\n"}


def test_the_settings_file_is_called_the_same_for_commands_and_settings() -> None:
    """Two constants, because the settings' own module takes too long to import."""
    assert options.DEFAULT_ENV_FILE == DEFAULT_ENV_FILE


def test_what_breaks_before_a_command_has_begun_is_told_without_its_text() -> None:
    """A traceback of Python's own would show what an exception holds."""
    broken = "import cli; cli.get_command = lambda app: lambda: int('GOCSPX-secret'); cli.main()"
    done = subprocess.run(
        [sys.executable, "-c", broken], cwd=ROOT, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert b"ValueError" in done.stderr
    assert b"GOCSPX" not in done.stderr


def test_cli_imports_nothing_but_typer_at_its_top() -> None:
    """Else every command would wait for it."""
    tree = ast.parse((ROOT / "cli.py").read_text("utf-8"))
    modules = {node.module for node in tree.body if isinstance(node, ast.ImportFrom)}
    assert {name for name in modules if name and name.partition(".")[0] == "commands"} == {
        *("commands.departments", "commands.later", "commands.version")
    }
