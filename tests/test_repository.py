"""What a contributor meets: how tests are run, what GitHub does, how files are kept."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner
from packaging.specifiers import SpecifierSet

from processes.storage import KINDS
from security.encryption import TokenEncryption
from security.storage.files.data_folder import holds_ours
from tests.documents import ROOT
from tests.installed import PACKAGES, needs
from tests.security.kit import mode_of
from tests.stores import store_in

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted(GITHUB.glob("workflows/*"))
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "custom.github-workflows-require-timeout": WORKFLOWS,
    "vendor.dependabot": [GITHUB / "dependabot.yml"],
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "vendor.github-issue-forms": sorted(GITHUB.glob("ISSUE_TEMPLATE/[!c]*.yml")),
    "vendor.compose-spec": sorted(ROOT.glob("compose*.yaml")),
}
"""Schemas that check-jsonschema carries, so that nothing is fetched → the files they are for."""


def workflow(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(path.read_text("utf-8"))
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in workflow(path)["jobs"].values() for step in job["steps"]]


def git(*arguments: str) -> list[str]:
    command = [str(shutil.which("git")), "-C", str(ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout.splitlines()


@pytest.mark.one_way
def test_a_run_ends_with_the_packages_that_its_skipped_tests_want() -> None:
    """In earnest: with a PATH on which there is nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/test_monitoring.py", "-k", "as_shown"],
        cwd=ROOT,
        env={"PATH": "/nothing/is/here"},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    *_, said, result = done.stdout.splitlines()
    assert said == "1 of the skipped tests would run after: apt-get install prometheus"
    assert result.startswith("1 skipped")


@pytest.mark.parametrize("package", sorted(set(PACKAGES.values())))
def test_ci_installs_what_tests_want(package: str) -> None:
    assert re.search(rf"missing\+=\(.*\b{package}\b", (ROOT / ".ci/run").read_text("utf-8"))


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_for_other_programs_are_as_those_want_them(schema: str) -> None:
    assert SCHEMAS[schema]
    options = ["--builtin-schema", schema, *map(str, SCHEMAS[schema])]
    done = CliRunner().invoke(check_jsonschema, options)
    assert done.exit_code == 0, done.output


def test_ci_runs_the_suite_on_every_python_without_encryption_and_with_it() -> None:
    job = workflow(GITHUB / "workflows" / "tests.yml")["jobs"]["test"]
    matrix = job["strategy"]["matrix"]
    assert matrix["way"] == ["off", "on", "sqlite", "mariadb"]
    assert matrix["python"] == ["3.11", "3.12", "3.13", "3.14"]
    assert all(version in SpecifierSet(PROJECT["requires-python"]) for version in matrix["python"])
    assert job["steps"][-1]["run"] == "make test WAYS=${{ matrix.way }}"


def test_pythons_that_are_claimed_are_run_by_ci() -> None:
    matrix = workflow(GITHUB / "workflows" / "tests.yml")["jobs"]["test"]["strategy"]["matrix"]
    said = re.findall(r"Programming Language :: Python :: (3\.\d+)", str(PROJECT["classifiers"]))
    assert said
    assert set(said) <= set(matrix["python"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_read_the_repository_and_nothing_else(path: Path) -> None:
    """Nor leaves it its token to later steps, or puts what somebody has written into a shell."""
    assert workflow(path)["permissions"] == {"contents": "read"}
    assert all("permissions" not in job for job in workflow(path)["jobs"].values())
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
        assert "${{ github." not in step.get("run", "")
    assert "secrets." not in path.read_text("utf-8")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_make_has_the_targets_that_a_workflow_names(path: Path) -> None:
    targets = set(re.findall(r"(?m)^([a-z-]+(?: [a-z-]+)*):", (ROOT / "Makefile").read_text()))
    known = {name for names in targets for name in names.split()}
    named = re.findall(r"\bmake ([a-z-]+)", "\n".join(step.get("run", "") for step in steps(path)))
    assert set(named) <= known


def test_it_is_never_uploaded_to_an_index() -> None:
    assert "Private :: Do Not Upload" in PROJECT["classifiers"]


@needs("git")
def test_of_the_data_folder_only_its_being_there_is_kept() -> None:
    assert git("ls-files", "user_data") == ["user_data/.gitkeep"]
    kept_out = ["user_data/token_501.json", "user_data/locks/a", "bot/user_data/x", ".env"]
    assert git("check-ignore", "--no-index", *kept_out) == kept_out


@needs("git")
@pytest.mark.parametrize(
    "name",
    [
        *(".env", ".env.production", "tanhae-service-account.json", "service_account.json"),
        *("tanhae-sa.json", "tanhae_sa.json", "keys/sa.json", "example-project-0123456789ab.json"),
        *("client_secret_1.json", "credentials.json", "token_501.json", "tls.pem", "old.key"),
        *(".driver_management_system/.key", "tokens.encrypted", "desk/tokens.encrypted"),
    ],
)
def test_no_credential_gets_into_a_commit(name: str) -> None:
    assert git("check-ignore", "--no-index", name) == [name]


@needs("git")
def test_no_commit_has_a_credential() -> None:
    """A service account's key, as Google's file has it, as PEM and in base64; a client's secret;
    tokens. Of all commits that this clone has."""
    patterns = (
        r"PRIVATE KEY-----\\+n[A-Za-z0-9+/=]{40}",
        r"^MIIEv[A-Za-z0-9+/]{59}$",
        r"ewogICJ0eXBlIjogInNlcnZpY2VfYWNjb3VudCIs[A-Za-z0-9+/]{40}",
        r"GOCSPX-[A-Za-z0-9_-]{28}",
        r"(1//0|ya29\.)[A-Za-z0-9_-]{60,}",
    )
    assert git("log", "--all", "--format=%h", "-E", f"-G{'|'.join(patterns)}") == []


def test_a_data_folder_as_git_lays_it_out_is_taken_and_made_private(tmp_path: Path) -> None:
    """With `.gitkeep` in it, and everybody's to read."""
    folder = tmp_path / "user_data"
    folder.mkdir(mode=0o755)
    (folder / ".gitkeep").touch(mode=0o644)
    store = store_in(folder, TokenEncryption())
    assert holds_ours(folder, KINDS) is False
    store.prepare()
    assert [mode_of(path) for path in (folder, folder / ".gitkeep")] == [0o700, 0o600]
