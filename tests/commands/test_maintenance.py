"""`drivekeeper maintenance run`: one sweep by hand."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from cli import app
from commands.output import Exit
from sandbox.clients.google_controls import GoogleControls
from sandbox.run import bot_settings
from sandbox.server import Sandbox
from security.credential import Owner
from security.encryption import TokenEncryption
from security.maintenance.documents import INCIDENT, MAINTENANCE
from security.storage.leases import BOT_LEASE
from tests.places import settings_of
from tests.security.kit import ANN, ROOT, World, secret
from tests.spots import held, names_in, spot

pytestmark = [pytest.mark.one_way("off"), pytest.mark.usefixtures("restored_logging")]


class Installation:
    """A data folder, a settings file, and the command upon both."""

    def __init__(self, world: World, settings: dict[str, str], env_file: Path) -> None:
        self.world, self.settings, self.env_file = world, settings, env_file

    @property
    def arguments(self) -> list[str]:
        """The command."""
        return ["maintenance", "run", "--env-file", str(self.env_file)]

    def write(self) -> None:
        """Put the settings into their file."""
        self.env_file.touch(mode=0o600)
        self.env_file.write_text("".join(f"{k}={v}\n" for k, v in self.settings.items()))

    async def run(self, *options: str) -> Result:
        """In a thread: the command brings its own event loop."""
        self.write()
        return await asyncio.to_thread(CliRunner().invoke, app, [*self.arguments, *options])


@pytest.fixture
async def installed(
    sandbox: Sandbox,
    google: GoogleControls,
    folder: Path,
    encryption_keys: tuple[SecretStr, ...],
) -> AsyncIterator[Installation]:
    """Against the sandbox."""
    world = World(sandbox, google, folder, TokenEncryption(encryption_keys))
    settings = {
        **bot_settings(sandbox, folder, "device"),
        "TOKEN_ENCRYPTION_KEY": ",".join(map(secret, encryption_keys)),
        **settings_of(folder),
    }
    yield Installation(world, settings, folder.with_name("test.env"))
    await world.close()


async def test_what_is_due_is_refreshed_and_counted(installed: Installation) -> None:
    """A table for people, exit code 0."""
    await installed.world.connect(minutes_left=5)
    result = await installed.run()
    assert result.exit_code == Exit.OK, result.output
    assert "refreshed" in result.stdout
    assert await installed.world.refreshes() == 1


async def test_a_dry_run_says_what_is_due_and_asks_nobody(installed: Installation) -> None:
    """As JSON, too."""
    await installed.world.connect(minutes_left=5)
    result = await installed.run("--dry-run", "--json")
    report = json.loads(result.stdout)
    assert (report["seen"], report["refreshed"], result.exit_code) == (1, 1, Exit.OK)
    assert await installed.world.refreshes() == 0
    assert names_in(installed.world.folder, MAINTENANCE) == []


async def test_what_had_to_be_set_aside_wants_attention(installed: Installation) -> None:
    """Exit code 1, and nobody's name."""
    await installed.world.connect(minutes_left=5)
    await installed.world.google.revoke("amy@example.com")
    result = await installed.run()
    assert result.exit_code == Exit.FINDINGS
    assert "invalid_grant" in result.stdout
    assert ANN.key not in re.findall(r"\d+", result.output)  # part of a time may be the same
    assert installed.world.quarantine_notes() == ["invalid_grant"]


async def test_what_is_put_on_hold_is_in_the_audit_trail(installed: Installation) -> None:
    """Three at once: none is moved, and whoever looks later finds since when, and why."""
    for number in range(3):
        await installed.world.connect(Owner.user(600 + number), f"u{number}@x", minutes_left=5)
        await installed.world.google.revoke(f"u{number}@x")
    assert (await installed.run()).exit_code == Exit.FINDINGS
    held = [*installed.world.store.storage.events(action="held")]
    assert [entry.result for entry in held] == ["invalid_grant"] * 3
    assert installed.world.quarantine_notes() == []
    # In files it is the next bot's to open.
    is_open = f"{INCIDENT}on_hold" in names_in(installed.world.folder, MAINTENANCE)
    assert is_open is installed.world.store.storage.is_shared


async def test_a_client_that_google_refuses_is_counted_and_its_owners_skipped(
    installed: Installation,
) -> None:
    """The client's secret is wrong: nobody is condemned for it, and not everybody is asked for."""
    for number in range(60):
        await installed.world.connect(Owner.user(600 + number), f"u{number}@x", minutes_left=5)
    installed.settings["GOOGLE_CLIENT_SECRET"] = "GOCSPX-wrong"
    result = await installed.run()
    assert result.exit_code == Exit.FINDINGS
    assert re.search(r"invalid_client\s*│\s*[1-9]", result.stdout)
    assert re.search(r"skipped[^\n]*│\s*[1-9]", result.stdout)
    assert "ended before its time" not in result.stdout
    assert installed.world.quarantine_notes() == []


async def test_beside_a_running_bot_its_memory_is_left_to_it(installed: Installation) -> None:
    """Pauses and incidents are the bot's to write down."""
    await installed.world.connect(minutes_left=5)
    await installed.world.google.fault("google.token.refresh", "status", status=503, count=0)
    kept = spot(installed.world.folder, MAINTENANCE, f"owner.{ANN.stem}")
    with held(installed.world.folder, BOT_LEASE):
        assert (await installed.run()).exit_code == Exit.FINDINGS
        assert kept.is_empty
    assert (await installed.run()).exit_code == Exit.FINDINGS
    assert not kept.is_empty


async def test_a_stop_amid_it_loses_no_token_that_google_has_given(
    installed: Installation,
) -> None:
    """SIGTERM, as systemd and Docker send it: what was asked is saved, and nothing more asked."""
    world = installed.world
    before = [
        await world.connect(Owner.user(600 + number), f"u{number}@x", minutes_left=5)
        for number in range(3)
    ]
    installed.settings["TOKEN_MAINTENANCE_CONCURRENCY"] = "1"
    installed.write()
    fault = await world.google.fault("google.token.refresh", "latency", seconds=60, count=0)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", *installed.arguments),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(20):
        hits = 0
        while not hits:
            await asyncio.sleep(0.05)
            hits = sum(f["hits"] for f in await world.google.faults() if f["id"] == fault)
    process.terminate()
    await world.google.clear_faults()
    output, _ = await process.communicate()
    assert process.returncode == Exit.FINDINGS
    assert b"ended before its time: stopped" in output
    after = [world.store.load(credential.owner) for credential in before]
    assert sorted(c.generation for c in after if c is not None) == [1, 1, 2]


async def test_without_a_client_nothing_is_tried(installed: Installation) -> None:
    """One sentence that names the settings."""
    del installed.settings["GOOGLE_CLIENT_ID"], installed.settings["GOOGLE_CLIENT_SECRET"]
    result = await installed.run()
    assert result.exit_code == Exit.USAGE
    assert "GOOGLE_CLIENT_ID" in result.stderr
