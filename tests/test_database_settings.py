"""DATABASE_URL and DATABASE_CA among the other settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from commands.checks.settings import check_settings
from config import Settings, SettingsError, load_settings
from tests.network_kit import Authority
from tests.test_config import KEY, NEEDED

pytestmark = pytest.mark.one_way("off")

ADDRESS = "mysql://drive:secret-canary@db.example.org/drivekeeper"


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """The settings for a command, of an environment with nothing else in it."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings(for_bot=False, env_file=None)


def faults(monkeypatch: pytest.MonkeyPatch, **variables: str) -> dict[str, str]:
    """What is wrong, by variable."""
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, **variables)
    return dict(fault.split(": ", 1) for fault in caught.value.faults)


def test_an_address_is_taken_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """And without one everything is in files."""
    assert load(monkeypatch, **NEEDED).database is None
    settings = load(monkeypatch, TOKEN_ENCRYPTION_KEY=KEY, DATABASE_URL=ADDRESS)
    assert settings.database is not None
    assert (settings.database.host, settings.database.port) == ("db.example.org", 3306)


def test_it_may_come_as_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As every secret may."""
    path = tmp_path / "url"
    path.write_text(f"{ADDRESS}\n", "utf-8")
    settings = load(monkeypatch, ENCRYPTION_KEY=KEY, DATABASE_URL_FILE=str(path))
    assert settings.database is not None
    assert settings.database.name == "drivekeeper"


def test_an_own_authority_is_read_at_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A file that holds none is refused there, not at the first connection."""
    file = Authority(tmp_path).cert_file
    given = {"TOKEN_ENCRYPTION_KEY": KEY, "DATABASE_URL": ADDRESS}
    settings = load(monkeypatch, **given, DATABASE_CA=str(file))
    assert settings.database is not None
    assert settings.database.ca == file
    (tmp_path / "empty.pem").write_bytes(b"")
    found = faults(monkeypatch, **given, DATABASE_CA=str(tmp_path / "empty.pem"))
    assert found == {"DATABASE_CA": "the file holds no certificate in PEM form"}


def test_an_authority_without_a_database_is_a_mistake(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Everything would be kept in files, in silence. Or it was left after a move back to files."""
    found = faults(monkeypatch, DATABASE_CA=str(Authority(tmp_path).cert_file))
    assert found == {
        "DATABASE_CA": "is not used without DATABASE_URL: take it out of the settings as well"
    }
    [told] = [said for said in check_settings(Path(os.devnull))[0] if "DATABASE_CA" in said.says]
    assert "take it out" in told.do
    assert "Set it" not in told.do


def test_a_database_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one sentence."""
    found = faults(monkeypatch, DATABASE_URL=ADDRESS)
    assert found == {
        "TOKEN_ENCRYPTION_KEY": (
            "is missing (DATABASE_URL needs it: in a database everything is sealed)"
        )
    }


def test_a_database_holds_no_plaintext_that_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may write into it would need no key."""
    given = {"TOKEN_ENCRYPTION_KEY": KEY, "DATABASE_URL": ADDRESS}
    found = faults(monkeypatch, **given, TOKEN_REQUIRE_ENCRYPTION="false")
    assert {*found} == {"TOKEN_REQUIRE_ENCRYPTION"}
    assert load(monkeypatch, **given, TOKEN_REQUIRE_ENCRYPTION="true")


def test_its_faults_are_told_with_all_others_and_without_a_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each by its own variable."""
    found = faults(
        monkeypatch,
        DATABASE_URL="mysql://canary:canary@canary.example/drive?ssl_mode=REQUIRED",
        DATABASE_CA="/canary/ca.pem",
        WEB_PORT="canary",
    )
    assert {*found} == {"DATABASE_URL", "DATABASE_CA", "WEB_PORT", "TOKEN_ENCRYPTION_KEY"}
    assert not any("canary" in reason for reason in found.values())


def test_the_address_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither by the settings nor by what is made of it."""
    settings = load(monkeypatch, TOKEN_ENCRYPTION_KEY=KEY, DATABASE_URL=ADDRESS)
    shown = f"{settings!r} {settings} {settings.database!r} {settings.database}"
    assert "secret-canary" not in shown
