"""`drivekeeper tokens disconnect`: what /disconnect does, done by an operator."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext

import pytest
from typer.testing import CliRunner, Result

from cli import app
from commands.output import Exit
from security.consent.flows import ConsentMethod
from security.storage.leases import BOT_LEASE
from tests.commands.test_maintenance import Installation
from tests.commands.test_maintenance import installed as installed  # a fixture
from tests.security.kit import AMY, ANN, BOB, MASK
from tests.spots import held

pytestmark = [pytest.mark.one_way("off"), pytest.mark.usefixtures("restored_logging")]
MINE = MASK(ANN.name)


async def disconnect(installed: Installation, *options: str, answer: str | None = None) -> Result:
    """In a thread: the command brings its own event loop."""
    installed.settings["LOG_MASK_KEY"] = "a mask key for tests"
    installed.write()
    line = ["tokens", "disconnect", *options, "--env-file", str(installed.env_file)]
    return await asyncio.to_thread(CliRunner().invoke, app, line, answer)


@pytest.mark.parametrize("beside_a_bot", [False, True])
async def test_google_is_told_and_nothing_is_kept(
    installed: Installation, beside_a_bot: bool
) -> None:
    """Somebody else's stays; the trail says so; a second time there is nothing to do."""
    world = installed.world
    await world.connect(ANN, AMY)
    await world.connect(BOB, "ben@example.com")
    with held(world.folder, BOT_LEASE) if beside_a_bot else nullcontext():
        done = await disconnect(installed, MINE, "--yes")
    assert done.exit_code == Exit.OK, done.output
    assert f"Disconnected {MINE}" in done.output
    assert (world.store.load(ANN), world.store.load(BOB) is None) == (None, False)
    assert (await world.google.calls())["counts"]["google.revoke"] == 1
    [revoked] = world.storage.events(action="revoked")
    assert revoked.owner == MINE
    again = await disconnect(installed, MINE, "--yes")
    assert again.exit_code == Exit.FINDINGS
    assert "no credential is kept" in again.output


async def test_it_asks_first_and_no_changes_nothing(installed: Installation) -> None:
    """Anything but yes is no."""
    await installed.world.connect(ANN, AMY)
    for answer in ("n\n", "", "\n"):
        done = await disconnect(installed, MINE, answer=answer)
        assert done.exit_code == Exit.FINDINGS
    assert installed.world.store.load(ANN) is not None
    done = await disconnect(installed, MINE, answer="y\n")
    assert done.exit_code == Exit.OK
    assert installed.world.store.load(ANN) is None


async def test_what_google_could_not_be_told_is_said(installed: Installation) -> None:
    """The credential is deleted all the same."""
    await installed.world.connect(ANN, AMY)
    await installed.world.google.fault("google.revoke", "status", status=503, count=None)
    done = await disconnect(installed, MINE, "--yes")
    assert done.exit_code == Exit.FINDINGS
    assert "Google could not be told" in done.output
    assert installed.world.store.load(ANN) is None


async def test_an_account_that_somebody_else_uses_is_not_revoked(installed: Installation) -> None:
    """It would end theirs as well."""
    for owner in (ANN, BOB):
        await installed.world.connect(owner, AMY)
    done = await disconnect(installed, MINE, "--yes", "--json")
    assert done.exit_code == Exit.OK
    assert '"shared": true' in done.output
    assert (await installed.world.google.calls())["counts"].get("google.revoke", 0) == 0


async def test_a_request_for_consent_under_way_ends_with_it(installed: Installation) -> None:
    """What is approved afterwards would connect them again."""
    world = installed.world
    await world.connect(ANN, AMY)
    await world.new_consents().begin(ANN, ConsentMethod("device", world.client))
    assert world.pending.load(ANN) is not None
    assert (await disconnect(installed, MINE, "--yes")).exit_code == Exit.OK
    assert world.pending.load(ANN) is None


@pytest.mark.parametrize("mask", ["501", "u_short", "token_501.json", "../x"])
async def test_what_is_no_mask_is_refused(installed: Installation, mask: str) -> None:
    """An owner is named as logs name them."""
    assert (await disconnect(installed, mask, "--yes")).exit_code == Exit.USAGE
