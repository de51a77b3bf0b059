"""render.yaml, as far as it can be tried without Render."""

from __future__ import annotations

import re
import tomllib
from typing import Any, Final

import pytest
import yaml
from cryptography.fernet import Fernet
from packaging.specifiers import SpecifierSet

from config import Settings, load_settings
from tests.documents import ROOT
from tests.test_docs import _commands, variables

FIELDS: Final = {
    *("type", "name", "runtime", "plan", "region", "buildCommand", "startCommand"),
    *("healthCheckPath", "autoDeploy", "envVars"),
}
"""Of those that a web service may have: https://render.com/docs/blueprint-spec, as of November
2026. Render's own schema has no licence to be packed with."""
ASKED_FOR: Final = {
    "PUBLIC_URL": "https://drivekeeper.onrender.com",
    "DATABASE_URL": "tidb://a1B2c3.root:made-up@gateway.example.org:4000/drivekeeper",
    "TOKEN_ENCRYPTION_KEY": Fernet.generate_key().decode(),
    "WEB_GOOGLE_CLIENT_ID": "1-a.apps.googleusercontent.com",
    "WEB_GOOGLE_CLIENT_SECRET": "GOCSPX-made-up",
}
"""What somebody answers when Render asks."""


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    blueprint = yaml.safe_load((ROOT / "render.yaml").read_text("utf-8"))
    assert set(blueprint) == {"services"}
    (found,) = blueprint["services"]
    return dict(found)


def test_it_has_fields_that_render_knows(service: dict[str, Any]) -> None:
    assert set(service) <= FIELDS
    assert (service["type"], service["plan"]) == ("web", "free")
    assert service["region"] in {"oregon", "ohio", "virginia", "frankfurt", "singapore"}
    for variable in service["envVars"]:
        assert set(variable) in ({"key", "value"}, {"key", "sync"})
        assert variable.get("sync", False) is False
        assert isinstance(variable.get("value", ""), str)  # 1 would be a number to YAML


def test_no_secret_stands_in_it(service: dict[str, Any]) -> None:
    secrets = {name for name, secret in variables().items() if secret}
    assert secrets.isdisjoint(v["key"] for v in service["envVars"] if "value" in v)


def test_what_it_sets_and_asks_for_is_enough_to_start(
    service: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {v["key"]: v.get("value", ASKED_FOR.get(v["key"])) for v in service["envVars"]}
    assert {name for name, value in given.items() if value is None} == set()
    python = given.pop("PYTHON_VERSION")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert python in SpecifierSet(project["requires-python"])
    assert {name.lower() for name in given} <= set(Settings.model_fields)
    for name, value in {**given, "PORT": "10000"}.items():
        monkeypatch.setenv(name, value)
    settings = load_settings(for_bot=False, env_file=None)
    assert settings.database is not None


def test_it_installs_what_is_locked_and_starts_a_command(service: dict[str, Any]) -> None:
    build = service["buildCommand"]
    assert "--require-hashes" in build
    assert all((ROOT / name).exists() for name in re.findall(r"-r (\S+)", build))
    program, command = service["startCommand"].split()
    assert program == "drivekeeper"
    assert command in _commands()
