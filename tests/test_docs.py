"""What the documents say is what the code does: variables, log lists, links, commands, recipes."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
import typer
from cryptography.fernet import Fernet

from cli import app
from commands.output import Exit
from config import Settings, SettingsError, load_settings
from processes.ending import Replaced
from processes.storage import KINDS, storage_of
from security.logging_utils import OwnerMask
from security.logs.schema import EVENTS, RESULTS
from security.owner_documents import CREDENTIALS
from security.storage.events import ACTIONS
from tests.documents import (
    CODE_BLOCK,
    DOCUMENTS,
    GUIDES,
    ROOT,
    TRANSLATIONS,
    anchors,
    code_in,
    first_codes,
    original,
    outline,
    table,
)

EXAMPLE = ROOT / ".env.example"
STARTING = ROOT / "commands" / "starting" / "process.py"
SPECIFICATION = "specs/001-system-architecture/spec.md"
SERVICE_ACCOUNT = "<SLUG>_GOOGLE_SERVICE_ACCOUNT_JSON"
REQUIRED = {
    "TELEGRAM_BOT_TOKEN": "123456:" + "A" * 35,
    "GOOGLE_CLIENT_ID": "id.apps.googleusercontent.com",
    "GOOGLE_CLIENT_SECRET": "GOCSPX-x",
}


def variables() -> dict[str, bool]:
    """Each variable of the settings, and whether it is a secret."""
    found = {
        name.upper(): "SecretStr" in str(field.annotation)
        for name, field in Settings.model_fields.items()
        if name != "service_accounts"
    }
    return {**found, SERVICE_ACCOUNT: True}


def example_lines() -> list[tuple[str, str, bool]]:
    """(variable, value, commented out) of each assignment in .env.example."""
    lines = EXAMPLE.read_text("utf-8").splitlines()
    found = [re.fullmatch(r"(#?)([A-Z][A-Z0-9_]*)=(.*)", line) for line in lines]
    return [(match[2], match[3], bool(match[1])) for match in found if match]


def general(name: str) -> str:
    return SERVICE_ACCOUNT if name.endswith("_GOOGLE_SERVICE_ACCOUNT_JSON") else name


def test_settings_page_has_every_variable_and_no_other() -> None:
    listed = first_codes("docs/settings.md", "## Every variable")
    assert sorted(listed) == sorted(variables())


def test_settings_page_marks_exactly_the_secrets() -> None:
    rows = table("docs/settings.md", "## Every variable")
    marked = {row[0].strip("| `") for row in rows if row[2].lstrip("*").startswith("Secret")}
    assert marked == {name for name, secret in variables().items() if secret}


def test_settings_page_shows_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = {}
    for name, default, *_ in table("docs/settings.md", "## Every variable"):
        if re.fullmatch(r"`[^`]+`", default):
            shown[name.strip("| `")] = default.strip("`")
    plain = Settings(_env_file=None)
    for name, value in shown.items():
        monkeypatch.setenv(name, value)
    assert Settings(_env_file=None) == plain
    for name, field in Settings.model_fields.items():
        if field.get_default(call_default_factory=True) not in (None, (), frozenset(), {}):
            assert name.upper() in shown, name


def test_example_has_every_variable_and_no_other() -> None:
    assert {general(name) for name, _, _ in example_lines()} == set(variables())


def test_every_variable_of_the_example_has_a_comment_of_its_own() -> None:
    lines = EXAMPLE.read_text("utf-8").splitlines()
    assignment = re.compile(r"#?[A-Z][A-Z0-9_]*=")
    for above, line in pairwise(lines):
        if assignment.match(line):
            assert above.startswith("# ") or assignment.match(above), line


def test_secrets_are_empty_in_the_example() -> None:
    secrets = {name for name, secret in variables().items() if secret}
    assert [name for name, value, _ in example_lines() if general(name) in secrets and value] == []


def test_values_in_the_example_have_neither_quotes_nor_comments() -> None:
    """`docker run --env-file` takes both for a part of the value."""
    assert [name for name, value, _ in example_lines() if re.search(r"[\"'#\s]", value)] == []


def test_nothing_the_image_sets_is_set_in_the_example() -> None:
    """An env file overrides the image's own variables, also by an empty value."""
    set_here = {name for name, _, commented in example_lines() if not commented}
    assert set_here.isdisjoint({"USER_DATA_DIR", "WEB_HOST", "WEB_PORT"})


def test_example_as_it_is_lacks_exactly_what_is_required() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(env_file=EXAMPLE)
    assert set(caught.value.faults) == {f"{name}: is missing" for name in REQUIRED}


def test_example_with_three_values_filled_in_works(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8")
    for name, value in REQUIRED.items():
        text = text.replace(f"\n{name}=\n", f"\n{name}={value}\n")
    (tmp_path / ".env").write_text(text, "utf-8")
    assert load_settings(env_file=tmp_path / ".env").google_oauth_flow == "device"


def test_defaults_shown_in_the_example_are_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("\n".join(f"{name}={value}" for name, value, _ in example_lines()), "utf-8")
    assert Settings(_env_file=path) == Settings(_env_file=None)


@pytest.mark.parametrize("guide", GUIDES)
def test_operations_page_explains_every_event_and_no_other(guide: str) -> None:
    assert sorted(first_codes(guide, "### Events")) == sorted(EVENTS)


@pytest.mark.parametrize("guide", GUIDES)
def test_operations_page_explains_every_result_and_no_other(guide: str) -> None:
    assert sorted(first_codes(guide, "### Results")) == sorted(RESULTS)


@pytest.mark.parametrize("guide", GUIDES)
def test_operations_page_has_every_command_and_no_other(guide: str) -> None:
    """A row each, `drivekeeper <group> <command>` in its first cell; groups have no row."""
    shown = {name for name, command in _commands().items() if not getattr(command, "hidden", False)}
    listed = first_codes(guide, "## Commands")
    assert sorted(listed) == sorted(f"drivekeeper {name}" for name in shown)


@pytest.mark.parametrize("guide", GUIDES)
def test_operations_page_explains_every_exit_code_of_the_commands(guide: str) -> None:
    assert first_codes(guide, "## Commands", 1) == [str(code.value) for code in Exit]


@pytest.mark.parametrize("guide", GUIDES)
def test_operations_page_explains_every_exit_code_of_the_bot(guide: str) -> None:
    """2 and 3 are said in `commands/starting/`, 0 and 1 are Python's; and one comes late."""
    said = re.findall(r"\bExit\.([A-Z]+)", STARTING.read_text("utf-8"))
    listed = first_codes(guide, "## Starting, and refusing to start")
    of_its_own = {"0", "1", str(Replaced.exit_code)}
    assert listed == sorted(of_its_own | {str(Exit[name].value) for name in said})


@pytest.mark.parametrize("guide", GUIDES)
def test_operations_page_explains_every_action_of_the_audit_trail(guide: str) -> None:
    assert sorted(first_codes(guide, "## Commands", 2)) == sorted(ACTIONS)


@pytest.mark.parametrize("guide", [*GUIDES, "docs/security.md"])
def test_every_kind_of_document_is_told_of_where_people_look_for_it(guide: str) -> None:
    """By its folder, where it has one: what is in it, and when it goes."""
    heading = (
        "## What is stored" if guide == "docs/security.md" else "## What is under `user_data/`"
    )
    cells = "".join(cell for row in table(guide, heading) for cell in row)
    folders = {f"{kind.name}/" for kind in KINDS if kind.name != CREDENTIALS.name}
    assert folders - set(re.findall(r"`([^`]+)`", cells)) == set()


@pytest.mark.parametrize("translation", TRANSLATIONS)
def test_a_translation_has_the_headings_and_rows_of_the_original(translation: str) -> None:
    """Level by level and section by section; sentences are for people to compare."""
    assert outline(translation) == outline(original(translation))


@pytest.mark.parametrize("translation", TRANSLATIONS)
def test_a_translation_has_the_code_of_the_original(translation: str) -> None:
    ours, theirs = (
        CODE_BLOCK.findall((ROOT / document).read_text("utf-8"))
        for document in (translation, original(translation))
    )
    assert ours == theirs


def test_commands_and_options_in_documents_exist() -> None:
    wrong = [
        f"{document.relative_to(ROOT)}: drivekeeper {said}"
        for document in DOCUMENTS
        for said in _unknown_commands(document.read_text("utf-8"))
    ]
    assert wrong == []


def _unknown_commands(text: str) -> Iterator[str]:
    commands = _commands()
    # The image has the command's name: what Docker is told about it is no command.
    code = re.sub(r"(?m)^\s*(docker|sudo) .*$", "", code_in(text))
    for first, second, rest in re.findall(
        r"\bdrivekeeper ([a-z][a-z-]*)\b(?: ([a-z]+)\b)?(.*)", code
    ):
        name = both if (both := f"{first} {second}") in commands else first
        parameters = commands[name].params if name in commands else []
        options = {option for p in parameters for option in (*p.opts, *p.secondary_opts)}
        if name not in commands or not set(re.findall(r"--[a-z-]+", rest)) <= options | {"--help"}:
            yield f"{name}{rest}"


def test_relative_links_point_to_something() -> None:
    broken = [
        f"{document.relative_to(ROOT)}: {link}"
        for document in DOCUMENTS
        for link in _broken_links(document)
    ]
    assert broken == []


def _broken_links(document: Path) -> Iterator[str]:
    text = CODE_BLOCK.sub("", document.read_text("utf-8"))
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        if not target.exists() or (anchor and anchor not in anchors(target)):
            yield link


def test_diagrams_can_be_drawn() -> None:
    """To Mermaid a semicolon is the end of a line, in the middle of what somebody says, too."""
    diagrams = [
        (document.name, diagram)
        for document in DOCUMENTS
        for diagram in re.findall(r"(?ms)^```mermaid\n(.*?)^```", document.read_text("utf-8"))
    ]
    assert len(diagrams) > 4
    assert [name for name, diagram in diagrams if ";" in diagram] == []


def test_modules_named_in_documents_exist() -> None:
    """By their path or by their name alone; the changelog tells of what was there once."""
    there = [path.relative_to(ROOT).as_posix() for path in _modules()]
    missing = [
        f"{document.relative_to(ROOT)}: {name}"
        for document in DOCUMENTS
        if document.name != "CHANGELOG.md"
        for name in re.findall(r"(?<![\w*./-])[\w./]*\w\.py\b", document.read_text("utf-8"))
        if not any(f"/{path}".endswith(f"/{name}") for path in there)
    ]
    assert missing == []


def test_tests_named_in_documents_exist() -> None:
    missing = [
        f"{document.relative_to(ROOT)}: {path}::{name}"
        for document in DOCUMENTS
        for path, name in re.findall(r"(tests/[\w/]+\.py)::(\w+)", document.read_text("utf-8"))
        if not re.search(rf"(?m)^(async )?def {name}\(", (ROOT / path).read_text("utf-8"))
    ]
    assert missing == []


def test_the_specification_answers_for_each_of_its_numbers() -> None:
    """By tests."""
    rows = [
        row
        for heading in ("## Requirements", "## Success criteria")
        for row in table(SPECIFICATION, heading)
    ]
    numbers = [*(f"FR-{n:03}" for n in range(65, 75)), *(f"SC-{n:03}" for n in range(19, 24))]
    assert [row[0].strip("| ") for row in rows] == numbers
    for number, _, shown in rows:
        assert "::test_" in shown, number


def test_what_the_image_is_built_from_exists() -> None:
    """What `.dockerignore` lets in is there, and nothing that is copied is kept out."""
    let_in = re.findall(r"(?m)^!(\S+)$", (ROOT / ".dockerignore").read_text("utf-8"))
    copied = [
        source
        for sources in re.findall(r"(?m)^COPY (?!--)(.*) \S+$", (ROOT / "Dockerfile").read_text())
        for source in sources.split()
    ]
    assert [name for name in let_in if not (ROOT / name).exists()] == []
    assert sorted(let_in) == sorted(copied)


def _modules() -> Iterator[Path]:
    for folder in ROOT.iterdir():
        if folder.is_file() and folder.suffix == ".py":
            yield folder
        elif folder.is_dir() and not folder.name.startswith((".", "venv")):
            yield from folder.rglob("*.py")


def test_the_sandboxs_page_of_departments_has_every_state_that_the_documents_have() -> None:
    """The README sends people there for all of them."""
    page = (ROOT / "sandbox" / "panel" / "static" / "departments.html").read_text("utf-8")
    section = (ROOT / "docs" / "sandbox.md").read_text("utf-8").partition("## Departments")[2]
    states = [line for line in section.partition("\n## ")[0].splitlines() if line[:2] == "| "]
    assert page.count("<dt>") == len(states) - 1


def test_make_targets_in_the_readme_exist() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    code = code_in((ROOT / "README.md").read_text("utf-8"))
    for target in re.findall(r"\bmake (?:-C \S+ )?([a-z.][a-z./-]*)", code):
        name = target.replace(".venv", "$(VENV)")
        assert re.search(rf"(?m)^{re.escape(name)}:", makefile), target


def test_the_recipe_for_masks_prints_that_of_the_storage_in_use(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    line = next(line for line in text.splitlines() if "open_custody(" in line)
    (tmp_path / ".env").write_text(
        f"DATABASE_URL=sqlite:///{tmp_path}/drivekeeper.db\n"
        f"TOKEN_ENCRYPTION_KEY={Fernet.generate_key().decode()}\nLOG_MASK_KEY={'m' * 12}\n"
    )
    mask = OwnerMask(b"m" * 12)
    storage = storage_of(load_settings(for_bot=False, env_file=tmp_path / ".env"), mask)
    storage.prepare()
    storage.close()
    assert _python(shlex.split(line)[1:], tmp_path).strip() == mask("user:123456789")
    assert not (tmp_path / "user_data").exists()


def test_the_readme_makes_a_key_that_the_settings_accept(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    (line,) = (line for line in text.splitlines() if "/bin/drivekeeper keys generate" in line)
    Fernet(_python(["-m", "cli", *shlex.split(line)[1:]], tmp_path).strip())


def _python(arguments: list[str], folder: Path) -> str:
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"}
    done = subprocess.run(
        [sys.executable, *arguments],
        check=False,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def _commands() -> dict[str, typer.core.TyperCommand]:
    """Every command, those of groups by both names: "tokens list"."""
    found: dict[str, typer.core.TyperCommand] = {}
    waiting = [("", typer.main.get_command(app))]
    for path, command in waiting:
        inside = getattr(command, "commands", None)
        if inside is None or getattr(command, "invoke_without_command", False):
            found[path.strip()] = cast("typer.core.TyperCommand", command)
        if inside is not None:
            waiting += [(f"{path} {name}", below) for name, below in inside.items()]
    return found
