"""No command prints anything secret or personal, whatever it is asked and whatever is wrong.

Every command of the application is run where all is well and where something is not, as a table
and as JSON, on an installation in which everything secret is a canary (`canary_installation.py`).
What it prints, what escapes from it and what it writes into the audit trail is searched.
"""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Final
from urllib.parse import quote

import pytest
import typer

import cli
from config import child_environment
from security.logging_utils import OwnerMask
from tests.canary_cases import (
    ANOTHER_KEY,
    CASES,
    MALFORMED,
    NO_FOLDER,
    NO_KEY,
    ON_THEIR_OWN,
    SERVED,
    TOO_LONG,
)
from tests.canary_installation import House, Installation, commands_of, options_of, wait_for
from tests.canary_troubles import Trouble, damaged, fine, folders_are_files, swapped
from tests.running import in_rest
from tests.security.kit import secret

ROOT: Final = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Made once: its folders are copied for each case."""
    made = Installation(tmp_path_factory.mktemp("marked"))
    yield made
    made.close()


def uncovered(app: typer.Typer) -> set[str]:
    """Commands without a case, and cases without a command."""
    return commands_of(app).keys() ^ (CASES.keys() | ON_THEIR_OWN)


def test_every_command_has_a_case_that_goes_well_and_one_that_does_not() -> None:
    """A new command is to be added above."""
    assert uncovered(cli.app) == set()
    for command, cases in CASES.items():
        assert all(case.line.startswith(command) for case in cases)
        codes = {case.code for case in cases}
        assert 0 in codes
        assert codes - {0} or command in ("version", "keys generate"), command


def test_a_command_without_a_case_is_noticed() -> None:
    """Also one in a group of its own."""
    app, group = typer.Typer(), typer.Typer()
    app.registered_commands = [*cli.app.registered_commands]
    app.registered_groups = [*cli.app.registered_groups]
    app.add_typer(group, name="group")
    app.command()(new_command)
    group.command()(new_command)
    group.command("another")(new_command)
    assert uncovered(app) == {"new-command", "group new-command", "group another"}


def new_command() -> None:
    """Nobody has thought of a case for this."""


def forms(line: str) -> tuple[str, ...]:
    """A command as it is, and for programs where it has that form."""
    return (line, f"{line} --json") if "--json" in options_of(cli.app, line) else (line,)


def spelt(settings: dict[str, str], house: House) -> dict[str, str]:
    """With the words of `canary_cases.Case.settings` replaced."""
    marked = house.marked
    words = {"STRANGER": secret(marked.stranger), "MARK": marked.setting, "HOUSE": house.around}
    words["ROSTERFILE"], words["READER"] = marked.of_sheets.values()
    words["FAULTYFILE"] = marked.faulty_sheets
    for word, text in words.items():
        settings = {name: value.replace(word, text) for name, value in settings.items()}
    return settings


LONG: Final = ("doctor", "restore", "maintenance run", "backup", "tokens move")
"""A second of the processor each, and more."""


@pytest.mark.parametrize("command", [*(one for one in CASES if one not in LONG), *in_rest(*LONG)])
@pytest.mark.one_way
def test_a_command_says_nothing_secret(
    command: str, marked: Installation, restored_logging: None
) -> None:
    """Neither to people nor to programs, whether it goes well or not."""
    marked.said.clear()
    for case in CASES[command]:
        for line in forms(case.line):
            house = marked.house(cli.app, case.kind)
            with case.trouble(house) or nullcontext():
                ran = house.run(line, case.answer, **spelt(case.settings, house))
            assert ran.code == case.code, (line, ran)
            assert case.says in " ".join(ran.output.split()) or line != case.line, (line, ran)
            if not ran.stdout:
                break  # it ended before it had anything to show in one form or the other
    assert marked.search() == []


EVERYTHING: Final[dict[str, tuple[Trouble, str, dict[str, str]]]] = {
    "damaged": (damaged, "encrypted", {}),
    "damaged, in plaintext": (damaged, "plain", {}),
    "another key": (fine, "encrypted", ANOTHER_KEY),
    "folders are files": (folders_are_files, "encrypted", {}),
    "malformed settings": (fine, "plain", MALFORMED),
    "a name too long": (fine, "plain", TOO_LONG),
}


@pytest.mark.parametrize(
    "trouble", ["damaged", *in_rest(*(x for x in EVERYTHING if x != "damaged"))]
)
def test_whatever_is_wrong_no_command_shows_what_it_has_found(
    trouble: str, marked: Installation, restored_logging: None
) -> None:
    """All of them in one place, one after another, for programs: that form tells the most."""
    cause, kind, settings = EVERYTHING[trouble]
    marked.said.clear()
    house = marked.house(cli.app, kind)
    cause(house)
    for cases in CASES.values():
        fullest = forms(cases[0].line)[-1]
        assert house.run(fullest, "n\n", **spelt(settings, house)).code in (0, 1, 2, 3)
    assert marked.search() == []


# -- those that run until they are stopped -------------------------------------------------------


@pytest.mark.parametrize("command", ["bot", "run", "web"])
def test_a_bot_that_refuses_to_start_says_nothing_secret(
    command: str,
    marked: Installation,
    restored_logging: None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Because of its keys, of settings that are none, of its folder."""
    monkeypatch.chdir(tmp_path)  # `run` reads the .env of where it is
    marked.said.clear()
    house = marked.house(cli.app)
    without_key = 2 if command == "web" else 3
    refusals = ((ANOTHER_KEY, 3), (NO_KEY, without_key), (MALFORMED, 2), (NO_FOLDER, 3))
    for settings, code in refusals:
        refused = house.run(command, **spelt(SERVED | settings, house))
        assert refused.code == code
        assert "Drivekeeper cannot start" in refused.stderr
    folders_are_files(house)
    assert house.run(command, **SERVED).code == 3
    assert marked.search() == []


def test_the_sandbox_says_nothing_of_the_installation_around_it(
    marked: Installation, restored_logging: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Started and stopped; with a folder that is somebody else's, and a port that is taken."""
    marked.said.clear()
    house, port = marked.house(cli.app), marked.around.sandbox.url.rpartition(":")[2]
    # The settings that it prints name its own folder: that lies elsewhere.
    new = tmp_path_factory.mktemp("sandbox") / "new"
    before = signal.getsignal(signal.SIGTERM)

    def stop() -> None:
        if wait_for(lambda: signal.getsignal(signal.SIGTERM) != before):
            os.kill(os.getpid(), signal.SIGTERM)

    stopping = threading.Thread(target=stop)
    stopping.start()
    assert house.run(f"sandbox --port 0 --no-bot --folder {new}").code == 0
    stopping.join()
    assert house.run(f"sandbox --port 0 --no-bot --folder {house.folder}").code == 2
    assert house.run(f"sandbox --port {port} --no-bot --folder {new}").code == 3
    assert marked.search() == []


# -- as processes of their own -------------------------------------------------------------------

PROCESSES: Final = """
import os, signal, sys
import cli
from commands import runtime
from tests.canaries import exploding

signal.signal(signal.SIGTERM, signal.SIG_IGN)
everything = os.environ.pop("EVERYTHING")
for job in sys.argv[1:]:
    if os.fork():
        os.wait()
        continue
    *words, defect = job.split(" ")
    if defect:
        setattr(runtime, defect, exploding(everything))
    sys.argv[1:] = words
    cli.main()
    sys.exit()
"""
"""One process a job, each of which ends as Python ends it. A job's last word is what breaks in it;
it may be empty."""


def test_processes_say_nothing_secret_however_they_end(
    marked: Installation, tmp_path: Path
) -> None:
    """A bot, stopped once it runs; commands ended by defects, before and after their logs stand."""
    marked.world.harvest()
    house = marked.house(cli.app)
    everything = " ".join(marked.canaries.texts)[:100_000]
    defects = ("load_settings", "TokenStore")
    said: list[bytes] = []
    processes = subprocess.Popen(
        [
            *(sys.executable, "-c", PROCESSES, "run "),
            *(f"tokens list {defect}" for defect in defects),
        ],
        cwd=tmp_path,
        env=child_environment(
            {**house.settings, "EVERYTHING": everything, "PYTHONPATH": str(ROOT)}
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    output = processes.stdout
    assert output is not None
    for line in output:
        said.append(line)
        if b'"bot_started"' in line:
            os.killpg(processes.pid, signal.SIGTERM)  # nobody else listens
    processes.wait()
    output.close()
    marked.world.harvest()
    text = b"".join(said).decode()
    assert marked.canaries.find(text) == []
    assert text.count('"bot_stopped"') == 1
    assert text.count('"error": "ExceptionGroup') == len(defects)


# -- the search itself ---------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["tokens list", "tokens verify", "quarantine list", "audit"])
def test_owners_without_their_masks_are_found(
    line: str, marked: Installation, restored_logging: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planted on purpose, in a table, in JSON, in the trail."""
    monkeypatch.setattr(OwnerMask, "__call__", lambda self, name: name)
    for form in forms(line):
        marked.said.clear()
        house = marked.house(cli.app)
        if line == "tokens verify":
            swapped(house)
        elif line == "audit":
            house.run("quarantine restore user:" + marked.owners["cleo"].key)
        house.run(form)
        assert {leak.name for leak in marked.search()} & {"Telegram id", "department"}, form


FORMS: Final[dict[str, Callable[[str], str]]] = {
    "plain": str,
    "base64": lambda text: base64.b64encode(b"key=" + text.encode()).decode(),
    "percent-encoded": lambda text: quote(f"{text}/ü"),
    "cut to half": lambda text: text[: len(text) // 2],
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stream", ["stdout", "stderr", "exception"])
def test_a_leak_planted_in_a_command_is_found(form: str, stream: str, marked: Installation) -> None:
    """Every kind of secret, wherever it comes out."""
    credential = marked.granted[marked.owners["ann"]]
    wanted = {
        "refresh token": secret(credential.refresh_token),
        "access token": secret(credential.access_token),
        "Google client secret": marked.settings["GOOGLE_CLIENT_SECRET"],
        "encryption key": secret(marked.newest),
        "mask key": marked.mask_key,
    }
    app = typer.Typer()

    @app.command()
    def leaking() -> None:
        text = "\n".join(FORMS[form](text) for text in wanted.values())
        if stream == "exception":
            raise RuntimeError(text)
        typer.echo(text, err=stream == "stderr")

    @app.command()
    def other() -> None:
        """Makes the first one a command of its own."""

    marked.said.clear()
    with pytest.raises(AssertionError) if stream == "exception" else nullcontext():
        marked.house(app).run("leaking")
    assert {leak.name for leak in marked.search()} == wanted.keys()
