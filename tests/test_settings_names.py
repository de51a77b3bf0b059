"""Names of settings: a misspelt one is refused, whatever line or variable it comes from."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from config import Settings, SettingsError, load_settings, settings_warnings
from config.sources import OTHERS, distance
from tests.running import in_rest
from tests.test_config import NEEDED

ROOT = Path(__file__).parents[1]
NAMES = sorted({name.upper() for name in Settings.model_fields} - {"SERVICE_ACCOUNTS"})


def refused(path: Path | None = None) -> dict[str, str]:
    """What is wrong, by variable or line; nothing: the settings were taken."""
    try:
        load_settings(env_file=path)
    except SettingsError as error:
        return {fault.partition(": ")[0]: fault.partition(": ")[2] for fault in error.faults}
    return {}


@pytest.fixture
def needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that is enough for the bot."""
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)


def lines(tmp_path: Path, *text: str) -> Path:
    """A settings file."""
    path = tmp_path / ".env"
    path.write_text("\n".join(text) + "\n", "utf-8")
    return path


def misspellings(name: str) -> Iterator[str]:
    """One letter left out, doubled, changed, put in; two in the wrong order."""
    for place in range(len(name)):
        yield name[:place] + name[place + 1 :]
        yield name[:place] + name[place] + name[place:]
        yield name[:place] + ("X" if name[place] != "X" else "Y") + name[place + 1 :]
        yield f"{name[:place]}_{name[place:]}"
        yield name[:place] + name[place : place + 2][::-1] + name[place + 2 :]


def wrong_names() -> list[str]:
    """Every one-letter misspelling of every setting, but for those that are names themselves."""
    secrets = {f"{name}_FILE" for name in NAMES}
    typed = [name for name in NAMES if name != "PORT"]  # that is no person's, but a host's
    found = {wrong for name in typed for wrong in misspellings(name)}
    return sorted(found - {*NAMES} - secrets - OTHERS)


@pytest.mark.usefixtures("needed")
def test_every_misspelling_of_every_setting_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the environment; `ALOWED_USER_IDS=3` would let everybody in, in silence."""
    for wrong in wrong_names():
        monkeypatch.setenv(wrong, "3")
    found = refused()
    assert {*wrong_names()} <= {*found}
    assert "did you mean ALLOWED_USER_IDS?" in found["ALOWED_USER_IDS"]


@pytest.mark.usefixtures("needed")
@pytest.mark.one_way
def test_every_misspelling_is_refused_in_the_file_as_well(tmp_path: Path) -> None:
    """By the number of its line."""
    wrong = wrong_names()
    found = refused(lines(tmp_path, *(f"{name}=3" for name in wrong)))
    assert found.keys() == {f".env, line {number}" for number in range(1, len(wrong) + 1)}


@pytest.mark.usefixtures("needed")
@pytest.mark.parametrize(
    "name", ["ALLOWED_USER_IDS_FILE", "ADMIN_USER_IDS_FILE", "allowed_user_ids_file"]
)
def test_a_file_for_what_is_no_secret_is_refused(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """It would be read by nobody."""
    monkeypatch.setenv(name, "/run/ids")
    assert "only secrets come from files" in refused()[name.upper()]


@pytest.mark.usefixtures("needed")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TANHAE_GOOGLE_SERVICE_ACOUNT_JSON", "x"),
        ("TANHAE_GOOGLE_SERVICE_ACCOUNT_JSN_FILE", "x"),
        ("TELEGRAM_BOT_TOKEN_FIL", "x"),
        ("ALLOWED_USER_IDS ", "3"),
        ("ALLOWED-USER-IDS", "3"),
        ("ENCRYPTON_KEY", "x"),
    ],
)
def test_other_near_names_are_refused(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Files of secrets, departments' keys, blanks that `docker --env-file` leaves in a name."""
    monkeypatch.setenv(name, value)
    assert {*refused()} == {name.strip().upper()}


@pytest.mark.usefixtures("needed")
def test_other_programs_names_pass(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those beside ours in many environments, and links to services of Kubernetes and Docker."""
    others = [*("WEB_CONCURRENCY", "GOOGLE_CLOUD_PROJECT", "TZ", "TELEGRAM_BOT_API_IMAGE"), *OTHERS]
    for name in others:
        if name != "PATH":
            monkeypatch.setenv(name, "x")
    monkeypatch.setenv("WEC_PORT", "tcp://10.0.0.3:80")
    path = lines(tmp_path, *(f"{name}=x" for name in others))
    assert refused(path) == {}
    monkeypatch.delenv("SSL_CERT_FILE")
    for_networks = {"ALL_PROXY", "HTTP_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
    assert {warning.split(" ")[0] for warning in settings_warnings(path)} == for_networks


@pytest.mark.usefixtures("needed")
def test_an_unknown_name_in_the_file_is_a_warning_with_its_line(tmp_path: Path) -> None:
    """Whoever wrote it meant something. What may be a secret is not repeated."""
    path = lines(tmp_path, "# mine", "", "SPEED_LIMIT=5", "export aGVsbG8x=5", "WEB_PORT=0")
    assert refused(path) == {}
    assert settings_warnings(path) == (
        ".env, line 3: SPEED_LIMIT is no setting of Drivekeeper's, and is ignored",
        ".env, line 4: this name is no setting of Drivekeeper's, and is ignored",
    )


@pytest.mark.usefixtures("needed")
@pytest.mark.parametrize(
    "line",
    [
        *("WEB_PORT", "WEB_PORT:8081", "3,4", "=5", "ALLOWED USER IDS=3", '"WEB_PORT=0'),
        *("TOKEN_ENCRYPTION_KEY=a b'c\"", "J7aT2hQ0kGm3zq1xYc5vWb8nRe4uSd6fLp9oKi0jHgA="),
    ],
)
def test_a_line_that_is_no_assignment_is_refused_by_its_number(tmp_path: Path, line: str) -> None:
    """Without its text, which may be half of a secret."""
    found = refused(lines(tmp_path, "WEB_PORT=0", "", line))
    assert len(found) == 1
    said = next(iter(found.items()))
    assert line not in "".join(said)
    assert said[0] in (".env, line 3", "TOKEN_ENCRYPTION_KEY")


@pytest.mark.usefixtures("needed")
def test_a_setting_on_two_lines_is_refused(tmp_path: Path) -> None:
    """Which one is meant nobody knows; the same twice is none of a fault."""
    found = refused(lines(tmp_path, "WEB_PORT=0", "LOG_LEVEL=INFO", "web_port=8081"))
    assert found == {".env, line 3": "sets WEB_PORT again, as line 1"}
    assert refused(lines(tmp_path, "WEB_PORT=0", "WEB_PORT=0")) == {}


@pytest.mark.usefixtures("needed")
def test_a_variable_in_capitals_and_in_small_letters_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where the two differ."""
    monkeypatch.setenv("WEB_PORT", "0")
    monkeypatch.setenv("web_port", "0")
    assert refused() == {}
    monkeypatch.setenv("web_port", "1")
    assert {*refused()} == {"WEB_PORT"}


@pytest.mark.parametrize(
    ("one", "other", "letters"), [("", "", 0), ("a", "", 1), ("ab", "ba", 2), ("kitten", "sit", 4)]
)
def test_the_distance_counts_letters(one: str, other: str, letters: int) -> None:
    """Levenshtein's: put in, left out, changed."""
    assert distance(one, other) == distance(other, one) == letters


def drivekeeper(folder: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """The command's exit code, and what it says on stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", *arguments],
        check=False,
        cwd=folder,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("command", ["bot", "tokens list", *in_rest("keys check", "audit")])
def test_a_settings_file_that_was_named_must_exist(tmp_path: Path, command: str) -> None:
    """Else a mistyped name would start the bot on the environment alone, open to everybody."""
    code, said = drivekeeper(tmp_path, *command.split(), "--env-file", "nowhere.env", **NEEDED)
    assert code == 2
    assert "nowhere.env: there is no such file" in said


def test_the_file_that_nobody_named_need_not_exist(tmp_path: Path) -> None:
    """Then the environment holds everything: here, all but what is missing."""
    code, said = drivekeeper(tmp_path, "bot")
    assert code == 2
    assert "TELEGRAM_BOT_TOKEN: is missing" in said


def test_the_bot_says_which_lines_it_ignores(tmp_path: Path) -> None:
    """Also where it does not start after all."""
    lines(tmp_path, "SPEED_LIMIT=5", "USER_DATA_DIR=/dev/null/x")
    code, said = drivekeeper(tmp_path, "bot", **NEEDED)
    assert code == 3
    assert "Warning: .env, line 1: SPEED_LIMIT is no setting" in said


def test_the_bot_says_what_others_may_change(tmp_path: Path) -> None:
    """The settings file, and the folder above the data folder."""
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    lines(tmp_path, "USER_DATA_DIR=open/data", "WEB_PORT=1").chmod(0o666)
    code, said = drivekeeper(tmp_path, "bot", **NEEDED, WEB_HOST="192.0.2.1")
    assert code == 3
    assert "nothing can listen on 192.0.2.1:1 (" in said
    assert "set WEB_HOST to an address of this machine" in said
    assert "Warning: .env: others on this machine can change it" in said
    assert "Warning: Everybody on this machine may rename what is in the folder above" in said
