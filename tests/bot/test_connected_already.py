"""/connect for who is connected already: whose account it is, and what a new one replaces."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from security.credential import Owner
from security.encryption import TokenEncryption
from tests.bot.upkeep import among_many, by_hand, sweep
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect
from tests.security.kit import new_key

People = Callable[..., Person]
AMY, BEN = "amy@example.com", "ben@example.com"
pytestmark = pytest.mark.one_way("on")


async def test_whoever_is_connected_is_told_as_whom_and_may_leave_it_so(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Nothing is asked of Google, and no request is made, before they go on."""
    ann = people()
    await connect(ann, google, AMY)
    await google.forget_calls()
    await ann.send("/connect")
    asked = await ann.wait_for(f"You are connected already, as {AMY}.")
    assert "nothing changes before you have approved" in asked.text
    await ann.tap("Leave it as it is", asked)
    left = await ann.wait_for("Everything stays as it is")
    assert (left.id, left.buttons) == (asked.id, [])
    assert await bot.services.core.consents.latest(Owner.user(ann.id)) is None
    assert (await google.calls())["counts"].get("google.device_code", 0) == 0


async def test_connecting_again_replaces_and_never_revokes(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The other account takes its place; what Google was asked for the first stays granted."""
    ann = people()
    await connect(ann, google, AMY)
    await connect(ann, google, BEN)
    await ann.send("/connect")
    await ann.wait_for(f"You are connected already, as {BEN}.")
    assert (await google.calls())["counts"].get("google.revoke", 0) == 0
    await ann.send("/status")
    message = await ann.wait_for(BEN)
    await ann.tap("Use another account", message)  # who taps that has been told
    await ann.wait_for("Enter this code")


async def test_a_connection_that_has_stopped_working_is_named_and_not_asked_about(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """There is nothing to lose."""
    ann = people()
    async with start_bot(WEB_PORT=0) as bot:
        by_hand(bot)
        among_many(bot)
        await connect(ann, google, AMY)
        await google.revoke(AMY)
        await ann.send("/status")
        await ann.wait_for("has stopped working")
        await ann.send("/connect")
        shown = await ann.wait_for("Enter this code")
        assert f"Your earlier connection, as {AMY}, has stopped working" in shown.text
        await sweep(bot)
        await ann.tap("Cancel", shown)
        await ann.wait_for("Cancelled")
        await ann.send("/connect")
        shown = await ann.wait_for("Enter this code")
        assert "has stopped working; this one takes its place" in shown.text


@pytest.mark.encryption("on")
async def test_a_connection_that_cannot_be_read_is_no_reason_to_connect_again(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Its key is missing, which is an operator's to mend."""
    ann = people()
    async with start_bot(WEB_PORT=0) as bot:
        await connect(ann, google, AMY)
        stranger = TokenEncryption([new_key()])
        (bot.folder / f"token_{ann.id}.json").write_bytes(stranger.encrypt(b"{}"))
        await ann.send("/connect")
        asked = await ann.wait_for("you need not connect again")
        assert asked.button("Connect again") is not None
