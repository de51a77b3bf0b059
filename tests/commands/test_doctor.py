"""The doctor: finds what is broken, one thing at a time, and says nothing that is secret."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from cryptography.fernet import Fernet
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from cli import app
from commands.checks import folder as folder_checks
from commands.checks.finding import Finding, State
from commands.checks.folder import judge_file_system, judge_space
from commands.checks.google import judge_clock
from commands.checks.http import Answer
from commands.checks.telegram import judge_webhook
from commands.doctor import _guarded, examine
from commands.runtime import Installation, read_settings
from processes import bot as bot_process
from sandbox.clients.google_controls import GoogleControls
from sandbox.ports import free_port
from sandbox.run import bot_settings
from sandbox.server import Sandbox
from security.credential import Owner
from security.encryption import TokenEncryption
from security.storage.mounts import kind_of
from tests.canaries import Canaries, marker, telegram_id
from tests.fixtures import StartBot
from tests.security.kit import MASK, a_credential, full_disk
from tests.stores import store_in

NOWHERE = "http://127.0.0.1:9"
TESTING_TERM = timedelta(seconds=604799)


class Patient:
    """An installation against the sandbox: a settings file, a key, a data folder with a person."""

    def __init__(self, settings: dict[str, str], folder: Path) -> None:
        self.root, self.folder = folder, folder / "user_data"
        self.key, self.backup_key = (Fernet.generate_key().decode() for _ in range(2))
        self.owner = Owner.user(telegram_id())
        self.values = {
            **settings,
            "USER_DATA_DIR": str(self.folder),
            "TOKEN_ENCRYPTION_KEY": self.key,
            "TOKEN_BACKUP_KEY": self.backup_key,
            "ADMIN_USER_IDS": "1,2",
        }
        self.store = store_in(self.folder, TokenEncryption([SecretStr(self.key)]), MASK)
        self.store.prepare()
        for part in ("consents", "uploads", "preferences", "locks"):
            (self.folder / part).mkdir(mode=0o700, exist_ok=True)
        self.credential = a_credential(
            self.owner,
            refresh_token=SecretStr(marker()),
            access_token=SecretStr(marker()),
            account=SecretStr(f"{marker()}@example.com"),
            account_id=SecretStr(marker()),
        )
        self.store.save_consent(self.credential)
        self.secrets = {
            "Telegram id": self.owner.key,
            "encryption key": self.key,
            "backup key": self.backup_key,
            "bot token": settings["TELEGRAM_BOT_TOKEN"].partition(":")[2],
            "client secret": settings["GOOGLE_CLIENT_SECRET"],
            **{
                name: getattr(self.credential, name).get_secret_value()
                for name in ("refresh_token", "access_token", "account", "account_id")
            },
        }

    @property
    def env_file(self) -> Path:
        """The settings as they are now, in a file."""
        path = self.root / "doctor.env"
        path.touch(mode=0o600)
        path.write_text("".join(f"{name}={value}\n" for name, value in self.values.items()))
        return path

    async def examine(self, *, offline: bool = False, **changes: str) -> dict[str, Finding]:
        """What is found, by check: the worst of each. Nothing secret is among it."""
        self.values |= changes
        found: dict[str, Finding] = {}
        order = [State.SKIPPED, State.OK, State.WARNING, State.FAILED]
        for finding in await examine(self.env_file, offline=offline):
            told = f"{finding.says}\n{finding.do}"
            assert [name for name, secret in self.secrets.items() if secret in told] == []
            assert bool(finding.do) == (finding.state in (State.WARNING, State.FAILED))
            known = found.get(finding.check)
            if known is None or order.index(finding.state) > order.index(known.state):
                found[finding.check] = finding
        return found

    async def run(self, *options: str) -> Result:
        """The command itself; here what it prints is searched for every form of a secret."""
        canaries = Canaries()
        for name, secret in self.secrets.items():
            canaries.add(name, secret, identity=name == "Telegram id")
        arguments = ["doctor", "--env-file", str(self.env_file), *options]
        result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
        assert canaries.find(result.output) == []
        return result


@pytest.fixture
def patient(sandbox: Sandbox, tmp_path: Path) -> Patient:
    """A healthy one."""
    return Patient(bot_settings(sandbox, tmp_path, "device"), tmp_path)


@pytest.fixture
def hermit(tmp_path: Path) -> Patient:
    """The same, with nobody to talk to: for what is looked at on this machine alone."""
    settings = {
        "TELEGRAM_BOT_TOKEN": f"110201543:{marker(35)}",
        "TELEGRAM_API_BASE_URL": NOWHERE,
        "GOOGLE_CLIENT_ID": "client.apps.googleusercontent.com",
        "GOOGLE_CLIENT_SECRET": marker(),
        "GOOGLE_API_ENDPOINT": NOWHERE,
        **{f"GOOGLE_{name}_URI": NOWHERE for name in ("AUTH", "TOKEN", "DEVICE", "REVOKE")},
        "WEB_PORT": str(free_port()),
    }
    return Patient(settings, tmp_path)


def wrong(found: dict[str, Finding]) -> set[str]:
    """The checks that failed."""
    return {name for name, finding in found.items() if finding.state is State.FAILED}


# A healthy one


async def test_a_healthy_installation_passes(patient: Patient, restored_logging: None) -> None:
    """What the machine itself may be short of does not count here."""
    result = await patient.run("--json")
    report = json.loads(result.stdout)
    assert (result.exit_code, report["ok"], report["counts"]["failed"]) == (0, True, 0)
    states = {check["check"]: check["state"] for check in report["checks"]}
    machine = {name: states.pop(name) for name in ("file system", "disk space")}
    assert set(machine.values()) <= {"ok", "warning"}
    skipped = {name for name, state in states.items() if state == "skipped"}
    assert skipped == {"metrics port", "public url", "consent page"}
    assert {state for name, state in states.items() if name not in skipped} == {"ok"}
    says = {check["check"]: check["says"] for check in report["checks"]}
    assert "@drivekeeper_sandbox_bot" in says["telegram"]


async def test_a_person_gets_a_table(hermit: Patient, restored_logging: None) -> None:
    result = await hermit.run("--offline")
    assert result.exit_code == 0
    assert "Drivekeeper doctor" in result.stdout
    assert "✓" in result.stdout
    assert result.stdout.rstrip().endswith("skipped")


@pytest.mark.parametrize(
    ("what", "state", "says"),
    [
        ("shared", State.OK, "can be read and deleted"),
        ("nothing yet", State.WARNING, "kept nothing for this bot"),
        ("not there", State.FAILED, "no folder where TELEGRAM_FILES_DIR says"),
        ("a file", State.FAILED, "is not a folder"),
        ("a link", State.FAILED, "links are not followed"),
        ("closed", State.FAILED, "may not be read and deleted"),
        ("outer closed", State.FAILED, "may not be entered"),
    ],
)
async def test_the_folder_of_a_local_server_is_looked_at(
    hermit: Patient, tmp_path: Path, what: str, state: State, says: str
) -> None:
    """Without a word of its paths, which hold the token."""
    if what.endswith("closed") and os.geteuid() == 0:
        pytest.skip("root may enter everything")
    folder = tmp_path / "shared"
    mine = folder / hermit.values["TELEGRAM_BOT_TOKEN"]
    if what == "a file":
        folder.touch()
    elif what != "not there":
        folder.mkdir()
    if what == "a link":
        (tmp_path / "aside").mkdir()
        mine.symlink_to(tmp_path / "aside")
    elif what in ("shared", "closed", "outer closed"):
        mine.mkdir()
    for closed in {"closed": [mine], "outer closed": [folder]}.get(what, []):
        closed.chmod(0)
    hermit.values |= {"TELEGRAM_LOCAL_MODE": "true", "TELEGRAM_FILES_DIR": str(folder)}
    try:
        found = (await hermit.examine(offline=True))["local server"]
    finally:
        for closed in {"closed": [mine], "outer closed": [folder]}.get(what, []):
            closed.chmod(0o700)
    assert found.state is state
    assert says in found.says
    assert mine.name not in f"{found.says}{found.do}"
    assert str(tmp_path) not in f"{found.says}{found.do}"


async def test_nothing_is_changed_by_looking(patient: Patient) -> None:
    def state() -> dict[str, tuple[int, int, bytes]]:
        files = [path for path in patient.folder.rglob("*") if path.is_file()]
        return {str(f): (f.stat().st_mode, f.stat().st_mtime_ns, f.read_bytes()) for f in files}

    before = state()
    await patient.examine()
    assert state() == before


async def test_offline_asks_nobody(patient: Patient, google: GoogleControls) -> None:
    await google.forget_calls()
    found = await patient.examine(offline=True)
    assert (await google.calls())["counts"] == {}
    for name in ("telegram", "google", "public url"):
        assert found[name].state is State.SKIPPED


@pytest.mark.encryption("off")
async def test_a_running_bot_holds_its_folder_and_its_port(
    start_bot: StartBot, patient: Patient
) -> None:
    async with (
        bot_process.only_bot_on(patient.store.storage),
        start_bot(
            WEB_PORT=patient.values["WEB_PORT"],
            USER_DATA_DIR=str(patient.folder),
            TOKEN_ENCRYPTION_KEY=patient.key,
        ) as bot,
    ):
        while not bot.services.telegram_health.is_alive():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)
        found = await patient.examine(offline=True)
    assert "A bot runs" in found["bot"].says
    assert found["web port"].state is State.OK
    assert "is well" in found["web port"].says
    assert "No bot runs" in (await patient.examine(offline=True))["bot"].says


# Settings


async def test_every_fault_of_the_settings_is_told_and_the_rest_is_looked_at(
    hermit: Patient,
) -> None:
    del hermit.values["TELEGRAM_BOT_TOKEN"], hermit.values["GOOGLE_CLIENT_SECRET"]
    del hermit.values["GOOGLE_CLIENT_ID"]
    findings = await examine(hermit.env_file)
    told = [f.says for f in findings if f.check == "settings"]
    assert [says.partition(":")[0] for says in told] == [
        "GOOGLE_CLIENT_ID",
        "GOOGLE_CLIENT_SECRET",
        "TELEGRAM_BOT_TOKEN",
    ]
    assert {f.state for f in findings if f.check == "permissions"} == {State.OK}
    assert {f.state for f in findings if f.check in ("telegram", "google")} == {State.SKIPPED}


async def test_where_drivekeeper_web_runs_alone_nothing_of_a_bots_is_asked_for(
    hermit: Patient,
) -> None:
    del hermit.values["TELEGRAM_BOT_TOKEN"]
    for part in ("ID", "SECRET"):
        hermit.values[f"WEB_GOOGLE_CLIENT_{part}"] = hermit.values.pop(f"GOOGLE_CLIENT_{part}")
    found = await hermit.examine(offline=True)
    assert wrong(found) == {"settings"}
    assert found["settings"].says.startswith("PUBLIC_URL: is missing")
    found = await hermit.examine(offline=True, PUBLIC_URL="https://drive.example")
    assert wrong(found) == set()
    assert "drivekeeper web" in found["settings"].says
    assert found["administrators"].state is State.WARNING
    assert "ALERT_WEBHOOK_URL" in (found["administrators"].do or "")
    told = await hermit.examine(
        offline=True,
        PUBLIC_URL="https://drive.example",
        ALERT_WEBHOOK_URL="https://hooks.example/a",
    )
    assert told["administrators"].state is State.OK
    assert {"people", "bot"}.isdisjoint(found)


async def test_malformed_settings_are_told_without_their_values(hermit: Patient) -> None:
    pasted = marker()
    hermit.secrets["pasted"] = pasted
    found = await hermit.examine(TELEGRAM_BOT_TOKEN=pasted, WEB_PORT="eighty")
    assert found["settings"].state is State.FAILED
    assert found["everything else"].state is State.SKIPPED


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b"USER_DATA_DIR=/dev/null\n"])
async def test_where_nothing_is_right_there_is_a_report_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes | None, restored_logging: None
) -> None:
    """No settings, no folder, a file that is none of settings."""
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / "bad.env").write_bytes(content)
    arguments = ["doctor", "--offline", "--json", "--env-file", "bad.env"]
    result = await asyncio.to_thread(CliRunner().invoke, app, arguments)
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    assert json.loads(result.stdout)["counts"]["failed"] >= 1
    assert not (tmp_path / "user_data").exists()
    said = (await asyncio.to_thread(CliRunner().invoke, app, arguments[:2])).output
    assert re.search(r"^\d+ ok, (1 warning|\d+ warnings), \d+ failed, \d+ skipped$", said, re.M)


async def test_nobody_to_tell_and_no_backups_are_warnings(hermit: Patient) -> None:
    found = await hermit.examine(offline=True, ADMIN_USER_IDS="", TOKEN_BACKUP_KEY="")
    told = {name for name, finding in found.items() if finding.state is State.WARNING}
    assert told - {"file system", "disk space"} == {"administrators", "backup key"}


async def test_a_settings_file_that_others_can_read_is_a_warning(hermit: Patient) -> None:
    hermit.env_file.chmod(0o644)
    assert (await hermit.examine(offline=True))["settings file"].state is State.WARNING


async def test_a_settings_file_that_others_can_change_fails(hermit: Patient) -> None:
    hermit.env_file.chmod(0o622)
    assert (await hermit.examine(offline=True))["settings file"].state is State.FAILED


async def test_a_line_that_sets_nothing_is_a_warning_with_its_number(hermit: Patient) -> None:
    path = hermit.env_file
    number = len(path.read_text("utf-8").splitlines()) + 1
    with path.open("a", encoding="utf-8") as file:
        file.write("SPEED_LIMIT=5\n")
    everything = await examine(path, offline=True)
    findings = [finding for finding in everything if finding.check == "settings"]
    assert [f.state for f in findings] == [State.OK, State.WARNING]
    assert f"line {number}: SPEED_LIMIT is no setting" in findings[1].says


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"ALLOWED_USER_IDS": ""}, "Everybody on Telegram who finds the bot may use it."),
        ({"ALLOWED_USER_IDS": "5"}, "1 person and the administrators may use it."),
        (
            {"ALLOWED_USER_IDS": "5,6", "ALLOWED_CHAT_IDS": "-100"},
            "2 people and the administrators may use it, and in 1 group.",
        ),
    ],
)
async def test_who_may_use_the_bot_is_said(
    hermit: Patient, variables: dict[str, str], says: str
) -> None:
    found = await hermit.examine(offline=True, **variables)
    assert found["people"].says == says
    assert "to tell of trouble" in found["administrators"].says


async def test_a_folder_above_that_everybody_may_change_fails(hermit: Patient) -> None:
    hermit.folder.parent.chmod(0o777)
    findings = await examine(hermit.env_file, offline=True)
    says = [f.says for f in findings if f.check == "data folder" and f.state is State.FAILED]
    assert says == [
        "Everybody on this machine may rename what is in the folder above the data folder."
    ]
    hermit.folder.parent.chmod(0o1777)
    assert (await hermit.examine(offline=True))["data folder"].state is State.OK


async def test_a_check_that_breaks_is_a_finding_without_its_text() -> None:
    async def broken() -> list[Finding]:
        raise RuntimeError("https://api.telegram.org/bot123:secret")

    (finding,) = await _guarded("telegram", broken)
    assert finding.state is State.FAILED
    assert "RuntimeError" in finding.says
    assert "secret" not in finding.says


# The data folder


@pytest.mark.parametrize(
    ("path", "mode", "says"), [("", 0o755, "1 folder"), ("uploads", 0o710, "1 folder")]
)
async def test_a_folder_that_others_can_enter_fails(
    hermit: Patient, path: str, mode: int, says: str
) -> None:
    (hermit.folder / path).chmod(mode)
    found = await hermit.examine(offline=True)
    assert wrong(found) == {"permissions"}
    assert says in found["permissions"].says


async def test_a_file_that_others_can_read_fails(hermit: Patient) -> None:
    (hermit.folder / f"{hermit.owner.stem}.json").chmod(0o644)
    found = await hermit.examine(offline=True)
    assert wrong(found) == {"permissions"}
    assert "1 file" in found["permissions"].says


async def test_a_link_in_the_data_folder_is_a_warning(hermit: Patient) -> None:
    (hermit.folder / "link").symlink_to("/etc/passwd")
    assert (await hermit.examine(offline=True))["permissions"].state is State.WARNING


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
async def test_what_belongs_to_another_user_fails(hermit: Patient) -> None:
    os.chown(hermit.folder / f"{hermit.owner.stem}.json", 12345, -1)
    found = await hermit.examine(offline=True)
    assert "1 entry" in found["permissions"].says
    os.chown(hermit.folder, 12345, -1)
    assert (await hermit.examine(offline=True))["data folder"].state is State.WARNING


async def test_before_the_first_start_there_is_no_folder_and_that_is_no_failure(
    hermit: Patient,
) -> None:
    found = await hermit.examine(offline=True, USER_DATA_DIR=str(hermit.root / "none"))
    assert found["data folder"].state is State.WARNING
    assert wrong(found) == set()
    assert not (hermit.root / "none").exists()


async def test_a_fresh_checkouts_folder_is_no_failure(hermit: Patient) -> None:
    """With its `.gitkeep`, for everybody to read: the first start sees to modes."""
    folder = hermit.root / "checkout"
    folder.mkdir(mode=0o755)
    (folder / ".gitkeep").touch(mode=0o644)
    assert wrong(await hermit.examine(offline=True, USER_DATA_DIR=str(folder))) == set()


async def test_of_somebody_elses_folder_only_that_is_said(hermit: Patient) -> None:
    """Above all no `chmod -R` for a home."""
    folder = hermit.root / "home"
    folder.mkdir(mode=0o755)
    (folder / "letter.txt").touch(mode=0o644)
    found = await hermit.examine(offline=True, USER_DATA_DIR=str(folder))
    assert wrong(found) == {"data folder"}
    assert found["credentials"].says == "They cannot be looked at: see `data folder`."


async def test_a_file_in_the_folders_place_fails(hermit: Patient) -> None:
    (hermit.root / "file").touch()
    found = await hermit.examine(offline=True, USER_DATA_DIR=str(hermit.root / "file"))
    assert wrong(found) == {"data folder"}


def test_a_full_disk_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setenv("USER_DATA_DIR", str(tmp_path))
    there = Installation.of(read_settings(Path(os.devnull)))
    with full_disk():
        (finding,) = folder_checks.check_folder(there)
    assert finding.state is State.FAILED
    assert str(tmp_path) not in finding.says
    assert list(tmp_path.iterdir()) == []


def space(free_bytes: int, size: int, free_inodes: int, inodes: int) -> os.statvfs_result:
    """What the system says of a file system."""
    return os.statvfs_result((1, 1, size, 0, free_bytes, inodes, 0, free_inodes, 0, 255))


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (space(50_000_000_000, 100_000_000_000, 900_000, 1_000_000), State.OK),
        (space(50_000_000_000, 100_000_000_000, 0, 0), State.OK),
        (space(999_999_999, 2_000_000_000, 900_000, 1_000_000), State.WARNING),
        (space(4_000_000_000, 100_000_000_000, 900_000, 1_000_000), State.WARNING),
        (space(50_000_000_000, 100_000_000_000, 40_000, 1_000_000), State.WARNING),
        (space(99_999_999, 100_000_000_000, 900_000, 1_000_000), State.FAILED),
        (space(50_000_000_000, 100_000_000_000, 999, 1_000_000), State.FAILED),
    ],
)
def test_little_room_is_told_in_time(found: os.statvfs_result, state: State) -> None:
    assert judge_space(found).state is state


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (space(0, 0, 0, 0), "This file system does not say how large it is."),
        (space(3 * 1024**2, 64 * 1024**2, 0, 0), "3 MiB of 64 MiB free."),
        (space(0, 15 * 1024**3, 5, 10), "0 bytes of 15 GiB free, and 5 of 10 inodes."),
    ],
)
def test_room_is_said_in_units_that_fit(found: os.statvfs_result, says: str) -> None:
    """Not "0.0 GB of 0.0 GB"."""
    assert judge_space(found).says == says


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        *((kind, State.OK) for kind in ("ext4", "xfs", "btrfs", "zfs", "f2fs")),
        *((kind, State.WARNING) for kind in ("nfs", "nfs4", "cifs", "smb3", "fuse.sshfs")),
        *((kind, State.WARNING) for kind in ("vfat", "tmpfs", "overlay")),
        (None, State.SKIPPED),
    ],
)
def test_a_file_system_that_keeps_less_than_it_should_is_a_warning(
    kind: str | None, state: State
) -> None:
    assert judge_file_system(kind).state is state


def test_the_file_system_is_the_one_mounted_nearest() -> None:
    mounts = (
        "22 1 8:1 / / rw - ext4 /dev/vda rw\n"
        "30 22 0:31 / /srv/my\\040data rw shared:1 - nfs4 host:/data rw\n"
        "31 30 0:32 / /srv/my\\040data rw - xfs /dev/vdb rw\n"
        "not a line of it\n"
    )
    assert kind_of(Path("/srv/my data/user_data"), mounts) == "xfs"
    assert kind_of(Path("/srv/my"), mounts) == "ext4"
    assert kind_of(Path("/srv"), "") is None


# Keys


async def test_a_missing_key_is_named_by_its_fingerprint(hermit: Patient) -> None:
    kid = TokenEncryption([SecretStr(hermit.key)]).kid
    found = await hermit.examine(offline=True, TOKEN_ENCRYPTION_KEY=Fernet.generate_key().decode())
    assert wrong(found) == {"keys"}
    assert f"key {kid}" in found["keys"].says


async def test_no_key_where_documents_are_encrypted_fails(hermit: Patient) -> None:
    found = await hermit.examine(offline=True, TOKEN_ENCRYPTION_KEY="")
    assert wrong(found) == {"keys"}
    assert found["encryption"].state is State.WARNING


@pytest.mark.parametrize(
    ("required", "state"), [("false", State.WARNING), ("", State.FAILED), ("true", State.FAILED)]
)
async def test_plaintext_beside_a_key_is_told(hermit: Patient, required: str, state: State) -> None:
    plain = store_in(hermit.folder, TokenEncryption())
    plain.save_consent(a_credential(Owner.user(77)))
    found = await hermit.examine(offline=True, TOKEN_REQUIRE_ENCRYPTION=required)
    assert found["encryption"].state is state
    assert found["keys"].state is State.OK


async def test_damage_is_told_except_in_quarantine(hermit: Patient) -> None:
    path = hermit.folder / f"{hermit.owner.stem}.json"
    path.write_bytes(path.read_bytes().replace(b'"data": "gAAAA', b'"data": "gAAAB'))
    assert (await hermit.examine(offline=True))["keys"].state is State.WARNING
    path.rename(hermit.folder / "quarantine" / f"{path.stem}.20260101t000000000000.json")
    assert (await hermit.examine(offline=True))["keys"].state is State.OK


# Testing


async def test_a_connection_with_a_term_of_a_week_fails(hermit: Patient) -> None:
    granted = datetime.now(UTC) - timedelta(days=2)
    testing = replace(
        hermit.credential, granted_at=granted, refresh_expires_at=granted + TESTING_TERM
    )
    hermit.store.save_consent(testing)
    found = await hermit.examine(offline=True)
    assert wrong(found) == {"testing"}
    assert "1 connection" in found["testing"].says


async def test_access_that_a_person_limited_to_months_is_not_testing(hermit: Patient) -> None:
    now = datetime.now(UTC)
    limited = replace(hermit.credential, refresh_expires_at=now + timedelta(days=180))
    hermit.store.save_consent(limited)
    assert (await hermit.examine(offline=True))["testing"].state is State.OK


@pytest.mark.parametrize(
    ("days", "reason", "state"),
    [
        (7.5, "invalid_grant", State.WARNING),
        (6.5, "invalid_grant", State.SKIPPED),
        (8.5, "invalid_grant", State.SKIPPED),
        (7.5, "tampered", State.SKIPPED),
    ],
)
async def test_a_connection_that_ended_after_a_week_is_a_hint(
    hermit: Patient, days: float, reason: str, state: State
) -> None:
    granted = datetime.now(UTC) - timedelta(days=days)
    hermit.store.save_consent(replace(hermit.credential, granted_at=granted))
    hermit.store.copies.set_aside(hermit.owner, reason)
    assert (await hermit.examine(offline=True))["testing"].state is state


# Telegram


async def test_a_wrong_bot_token_fails(patient: Patient) -> None:
    token = f"110201543:{marker(35)}"
    patient.secrets["wrong token"] = token.partition(":")[2]
    found = await patient.examine(TELEGRAM_BOT_TOKEN=token)
    assert wrong(found) == {"telegram"}
    assert "does not accept" in found["telegram"].says


async def test_somebody_elses_webhook_is_a_warning(sandbox: Sandbox, patient: Patient) -> None:
    address = f"{sandbox.url}/bot{sandbox.config.bot_token}/setWebhook"
    hook = f"{sandbox.url}/{marker()}"
    patient.secrets["webhook"] = hook.rpartition("/")[2]
    async with aiohttp.ClientSession() as session, session.post(address, data={"url": hook}) as set:
        assert set.status == 200
    found = await patient.examine()
    assert found["webhook"].state is State.WARNING
    assert found["telegram"].state is State.OK
    found = await patient.examine(TELEGRAM_WEBHOOK_URL=hook)
    assert (found["webhook"].state, found["webhook"].do) == (State.OK, "")
    found = await patient.examine(TELEGRAM_WEBHOOK_URL=hook + "x")
    assert found["webhook"].state is State.WARNING


@pytest.mark.parametrize(
    ("result", "state", "says"),
    [
        ({"url": ""}, State.OK, "when it starts"),
        ({"last_error_date": 1, "last_error_message": "Connection refused"}, State.OK, "brings"),
        ({"last_error_date": 9_900, "last_error_message": "no https://canary"}, State.WARNING, ""),
        (
            {
                "last_error_date": 9_900,
                "last_error_message": "Wrong response from the webhook: 403 Forbidden",
            },
            State.WARNING,
            "answered 403",
        ),
    ],
)
def test_a_webhook_of_ours_is_judged_by_what_telegram_met_there(
    result: dict[str, Any], state: State, says: str
) -> None:
    """Its own words may hold anything of the address."""
    url = "https://bot.example/canary"
    answer = Answer(200, {"ok": True, "result": {"url": url, **result}}, None, None)
    found = judge_webhook(answer, url, 10_000)
    assert found.state is state
    assert says in found.says
    assert "canary" not in found.says + found.do


@pytest.mark.parametrize(
    ("kind", "options", "state"),
    [
        ("status", {"status": 502}, State.WARNING),
        ("html", {"status": 200}, State.FAILED),
        ("drop", {}, State.FAILED),
    ],
)
async def test_what_answers_in_telegrams_place_is_judged(
    patient: Patient, google: GoogleControls, kind: str, options: dict[str, int], state: State
) -> None:
    await google.fault("telegram.getMe", kind, count=0, **options)
    assert (await patient.examine())["telegram"].state is state


# Google


@pytest.mark.parametrize("state", ["wrong_secret", "deleted", "disabled"])
async def test_a_client_that_google_refuses_fails(
    patient: Patient, google: GoogleControls, state: str
) -> None:
    """A wrong secret does not matter to the endpoint for device codes."""
    await google.act("client", state=state)
    found = await patient.examine()
    expected = {"oauth client"} | ({"device flow"} if state != "wrong_secret" else set())
    assert wrong(found) == expected
    assert found["google"].state is found["clock"].state is State.OK


async def test_googles_own_trouble_says_nothing_about_a_client(
    patient: Patient, google: GoogleControls
) -> None:
    """It is asked again another time; nobody goes looking for a wrong secret."""
    await google.fault("google.token.refresh", "oauth_error", error="rate_limit_exceeded", count=0)
    found = await patient.examine()
    assert found["oauth client"].state is State.SKIPPED
    assert wrong(found) == set()


async def test_each_of_several_clients_is_tried(patient: Patient) -> None:
    other = marker()
    patient.secrets["other client's secret"] = other
    found = await patient.examine(GOOGLE_OTHER_CLIENTS=f"old.apps.googleusercontent.com:{other}")
    assert wrong(found) == {"oauth client 2"}
    assert "pair 1 of GOOGLE_OTHER_CLIENTS" in found["oauth client 2"].says


async def test_the_client_of_departments_is_tried_by_its_own_settings(patient: Patient) -> None:
    """And people are led to the consent page, whatever flow the bot has."""
    other = marker()
    patient.secrets["departments' client's secret"] = other
    found = await patient.examine(
        WEB_GOOGLE_CLIENT_ID="web.apps.googleusercontent.com",
        WEB_GOOGLE_CLIENT_SECRET=other,
        PUBLIC_URL=NOWHERE,
    )
    assert wrong(found) == {"oauth client 2"}
    assert found["public url"].state is State.WARNING
    assert "Departments are authorised by it" in found["oauth client 2"].says
    assert "WEB_GOOGLE_CLIENT_SECRET" in found["oauth client 2"].do
    assert found["consent page"].state is State.OK


async def test_a_client_of_another_type_does_not_fit_the_device_flow(
    patient: Patient, google: GoogleControls
) -> None:
    await google.fault("google.device_code", "oauth_error", error="invalid_client")
    found = await patient.examine()
    assert wrong(found) == {"device flow"}
    assert "TVs and Limited Input devices" in found["device flow"].do
    assert (await patient.examine(GOOGLE_OAUTH_FLOW="paste"))["device flow"].state is State.SKIPPED


@pytest.mark.parametrize(
    ("seconds", "state", "says"),
    [
        (60, State.WARNING, "behind"),
        (-60, State.WARNING, "ahead"),
        (600, State.FAILED, "behind"),
    ],
)
async def test_a_clock_that_differs_from_googles_is_told(
    patient: Patient, google: GoogleControls, seconds: int, state: State, says: str
) -> None:
    await google.act("advance_clock", seconds=seconds)
    clock = (await patient.examine())["clock"]
    assert (clock.state, says in clock.says) == (state, True)


def test_an_answer_without_a_time_says_nothing_about_the_clock() -> None:
    assert judge_clock(Answer(400, {}, None, None)).state is State.SKIPPED


@pytest.mark.parametrize(
    ("kind", "options", "state"),
    [
        ("status", {"status": 503}, State.WARNING),
        ("html", {"status": 200}, State.FAILED),
        ("drop", {}, State.FAILED),
    ],
)
async def test_what_answers_in_googles_place_is_judged(
    patient: Patient, google: GoogleControls, kind: str, options: dict[str, int], state: State
) -> None:
    await google.fault("google.token.*", kind, count=0, **options)
    found = await patient.examine()
    assert found["google"].state is state
    assert found["oauth client"].state is State.SKIPPED


async def test_what_cannot_be_reached_fails_and_the_rest_goes_on(hermit: Patient) -> None:
    found = await hermit.examine()
    assert wrong(found) == {"telegram", "google", "drive"}
    for name in ("webhook", "clock", "oauth client", "device flow"):
        assert found[name].state is State.SKIPPED
    assert found["permissions"].state is State.OK


# The bot's own ports and address


@asynccontextmanager
async def serving(port: int, **answers: Callable[[], web.Response]) -> AsyncIterator[None]:
    """A server on a port that answers these paths, and 404 to others."""

    async def answer(request: web.Request) -> web.StreamResponse:
        made = answers.get(request.path.rpartition("/")[2])
        return made() if made else web.Response(status=404)

    server = web.Application()
    server.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(server, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


def healthy() -> web.Response:
    """As the web front says it."""
    return web.json_response({"alive": True})


async def test_a_port_that_another_program_holds_fails(hermit: Patient) -> None:
    async with serving(int(hermit.values["WEB_PORT"])):
        found = await hermit.examine(offline=True)
    assert wrong(found) == {"web port"}


async def test_another_drivekeeper_on_the_port_is_a_warning(hermit: Patient) -> None:
    async with serving(int(hermit.values["WEB_PORT"]), healthz=healthy):
        found = await hermit.examine(offline=True)
    assert found["web port"].state is State.WARNING
    assert "Another Drivekeeper" in found["web port"].says


async def test_an_address_of_another_machine_cannot_be_listened_on(hermit: Patient) -> None:
    found = await hermit.examine(offline=True, WEB_HOST="192.0.2.1")
    assert wrong(found) == {"web port"}


@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ({"healthz": healthy}, State.OK),
        # The reverse proxies of the README pass on the callback alone.
        ({"callback": lambda: web.Response(status=405, headers={"Allow": "GET"})}, State.OK),
        ({"healthz": lambda: web.Response(text="hello")}, State.WARNING),
        ({}, State.WARNING),
    ],
)
async def test_the_public_address_has_to_lead_to_the_bot(
    hermit: Patient, answers: dict[str, Callable[[], web.Response]], state: State
) -> None:
    port = int(hermit.values["WEB_PORT"])
    async with serving(port, **answers):
        found = await hermit.examine(
            GOOGLE_OAUTH_FLOW="callback", PUBLIC_URL=f"http://127.0.0.1:{port}"
        )
    assert found["public url"].state is state


async def test_a_public_address_that_does_not_answer_is_a_warning(hermit: Patient) -> None:
    """It may be reached from outside and not from here."""
    found = await hermit.examine(GOOGLE_OAUTH_FLOW="callback", PUBLIC_URL=NOWHERE)
    assert found["public url"].state is State.WARNING
