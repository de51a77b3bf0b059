"""What operators read of folders that the first commit has written, and what they do to them.

The same commands, given to this version, answer what that commit's program has answered; and given
to that commit's program afterwards, they find what this version has made of the folders.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.frozen.kit import (
    WRITTEN,
    Kind,
    Line,
    as_both_say,
    ask,
    base_version,
    compare,
    keys_of,
    lay_out,
    lay_out_archive,
    mask,
    version_under_test,
)

pytestmark = pytest.mark.timeout(110)


@pytest.fixture
def kind(encryption_keys: tuple[object, ...]) -> Kind:
    """Which of the two folders."""
    return "sealed" if encryption_keys else "plain"


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first commit's program."""
    return base_version(tmp_path_factory.mktemp("base"))


def settings_of(kind: Kind, folder: Path) -> dict[str, str]:
    """Of commands on this folder. Nothing listens where Google should be."""
    nowhere = "http://127.0.0.1:9"
    return {
        "USER_DATA_DIR": str(folder),
        "TOKEN_ENCRYPTION_KEY": keys_of(kind),
        "TOKEN_BACKUP_KEY": WRITTEN["backup_key"],
        "GOOGLE_CLIENT_ID": "sandbox-client.apps.googleusercontent.com",
        "GOOGLE_CLIENT_SECRET": "GOCSPX-of-nobody",
        "GOOGLE_AUTH_URI": f"{nowhere}/auth",
        "GOOGLE_TOKEN_URI": f"{nowhere}/token",
        "GOOGLE_DEVICE_URI": f"{nowhere}/device",
        "GOOGLE_REVOKE_URI": f"{nowhere}/revoke",
        "GOOGLE_API_ENDPOINT": nowhere,
    }


def looks(kind: Kind) -> list[Line]:
    """Commands that change nothing."""
    shown = [501, 503, 522, 523, 527]
    return [
        ["tokens", "list", "--json"],
        ["tokens", "verify", "--json"],
        *(["tokens", "show", mask(kind, number), "--json"] for number in shown),
        ["quarantine", "list", "--json"],
        ["keys", "check", "--json"],
        ["keys", "rotate", "--dry-run", "--json"],
        ["tokens", "encrypt", "--dry-run", "--json"],
        ["maintenance", "run", "--dry-run", "--json"],
        ["audit", "--json", "--limit", "1000"],
        ["audit", "--json", "--owner", mask(kind, 501)],
        ["whois", mask(kind, 521), "--json"],
    ]


@pytest.mark.one_way
def test_commands_read_what_the_first_commit_has_written(kind: Kind, tmp_path: Path) -> None:
    """Lists, states, findings, keys, audit trail, masks: as that commit's program reads them."""
    folder = lay_out(kind, tmp_path / "user_data")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    lines = looks(kind)
    compare(f"{kind}, read", ask(version_under_test(), lines, settings_of(kind, folder)))
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


@pytest.mark.one_way
def test_commands_change_it_and_the_first_commit_reads_that(
    kind: Kind, tmp_path: Path, base: Path
) -> None:
    """Restored, purged, put under the newest key or a first one: both read the same afterwards."""
    folder = lay_out(kind, tmp_path / "user_data")
    settings = settings_of(kind, folder)
    if kind == "plain":
        settings["TOKEN_ENCRYPTION_KEY"] = keys_of("sealed")
    lines: list[Line] = [
        ["tokens", "encrypt", "--yes", "--json"],
        ["keys", "rotate", "--json"],
        ["quarantine", "restore", mask(kind, 521), "--json"],
        ["quarantine", "restore", mask(kind, 522), "--json"],
        ["quarantine", "purge", mask(kind, 523), "--yes", "--json"],
        ["backup", str(tmp_path / "of-this-version"), "--json"],
    ]
    version = version_under_test()
    compare(f"{kind}, changed", ask(version, lines, settings))
    after = ask(version, looks(kind), settings)
    compare(f"{kind}, changed and read", after)
    there = [line for line in looks(kind) if line[0] != "maintenance"]
    kept = [answer for answer in after if not answer["command"].startswith("maintenance")]
    older, newer = as_both_say(ask(base, there, settings), kept)
    assert older == newer


@pytest.mark.one_way
def test_the_archive_is_restored_and_the_first_commit_reads_that(
    kind: Kind, tmp_path: Path, base: Path
) -> None:
    """Into an empty folder, and over the one it was made of."""
    archive = lay_out_archive(kind, tmp_path / "archives")
    version = version_under_test()
    for name in ("empty", "the same"):
        folder = tmp_path / name
        if name == "the same":
            lay_out(kind, folder)
        settings = settings_of(kind, folder)
        lines: list[Line] = [
            ["restore", str(archive), "--dry-run", "--json"],
            ["restore", str(archive), "--json"],
            ["tokens", "list", "--json"],
            ["quarantine", "list", "--json"],
            ["backup", str(tmp_path / f"of {name}"), "--json"],
        ]
        answers = ask(version, lines, settings)
        compare(f"{kind}, restored, {name}", answers)
        older, newer = as_both_say(ask(base, lines[2:4], settings), answers[2:4])
        assert older == newer
        # The archive that this version has made, too.
        elsewhere = settings | {"USER_DATA_DIR": str(tmp_path / f"{name}, again")}
        again: list[Line] = [["restore", str(tmp_path / f"of {name}"), "--json"], *lines[2:4]]
        compare(f"{kind}, restored again, {name}", ask(base, again, elsewhere))
