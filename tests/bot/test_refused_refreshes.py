"""What people and administrators hear when Google refuses a refresh, and whose fault it is not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from security.credential import Owner
from tests.bot.upkeep import Upkeep, among_many, by_hand, logged, said_to, sweep
from tests.fixtures import RunningBot, StartBot
from tests.security.test_oauth_errors import ROWS

People = Callable[..., Person]
REFRESH = "google.token.refresh"
# None of this depends on how credentials are kept.
pytestmark = pytest.mark.one_way("on")

ENDS = [code for code, row in ROWS.items() if row[0] in ("denied", "ended")]
ORGANISATION = "Ask its Google administrator"
MEMBERS = "for the members of one organisation"
GONE = "is no longer connected"
NOT_NOW = "does not answer just now"
SET_UP = "whoever runs this bot has to fix it"


@pytest.mark.parametrize(
    ("code", "says"),
    [
        *(("admin_policy_enforced", ORGANISATION), ("policy_enforced", "Advanced Protection")),
        *(("access_not_configured", ORGANISATION), ("org_internal", MEMBERS)),
    ],
)
async def test_whom_an_organisation_refuses_is_told_once_over_sweeps_and_restarts(
    start_bot: StartBot,
    upkeep: Upkeep,
    google: GoogleControls,
    people: People,
    code: str,
    says: str,
) -> None:
    """Nobody is set aside, and no administrator is bothered."""
    ann, root = people(501, "Ann"), people(900, "Root")
    before = await upkeep.connect(ann)
    await google.fault(REFRESH, "oauth_error", error=code, count=0)
    settings = {"ADMIN_USER_IDS": "900"}
    for told in (1, 0):
        async with start_bot(**settings) as bot:
            by_hand(bot)
            for person in (ann, root):
                await person.start()
                await person.wait_for("Drivekeeper")
            await sweep(bot, 3)
            assert len(await said_to(ann, says)) == 1
            assert len(logged(bot, "owner_told")) == told
            assert logged(bot, "incident_opened") == []
            assert await said_to(root, "🚨") == []
    assert upkeep.told() == []
    kept = upkeep.world.store.load(Owner.user(501))
    assert kept is not None
    assert kept.refresh_token == before.refresh_token


async def test_what_an_organisation_forbids_is_said_in_three_languages(
    bot: RunningBot, upkeep: Upkeep, google: GoogleControls, people: People
) -> None:
    """And a department, which has no chat, keeps nobody waiting."""
    by_hand(bot)
    chen, li = people(502, "陳", "zh-hant"), people(503, "李", "zh-hans")
    for person in (chen, li):
        await person.start()
        await person.wait_for("Drivekeeper")
        await upkeep.connect(person)
    await upkeep.connect(Owner.parse("department:tanhae"))
    await google.fault(REFRESH, "oauth_error", error="admin_policy_enforced", count=0)
    await sweep(bot)
    await chen.wait_for("不允許這個機器人使用你的 Google 雲端硬碟")
    await li.wait_for("不允许这个机器人使用你的 Google 云端硬盘")


async def test_whoever_comes_by_reads_what_their_organisation_forbids(
    bot: RunningBot, upkeep: Upkeep, google: GoogleControls, people: People
) -> None:
    """For /status and a file alike; told in person, no notice need follow. Then it works again."""
    by_hand(bot)
    ann = people(501, "Ann")
    await upkeep.connect(ann, minutes_left=-5)
    await google.fault(REFRESH, "oauth_error", error="admin_policy_enforced", count=0)
    await ann.send("/status")
    await ann.wait_for(ORGANISATION)
    await ann.send_document(b"x" * 500, "a.bin")
    message = await ann.wait_for("was not uploaded")
    assert ORGANISATION in message.text
    assert not await said_to(ann, NOT_NOW)
    assert not await said_to(ann, SET_UP)
    await sweep(bot)
    assert logged(bot, "owner_told") == []
    await google.clear_faults()
    await ann.tap("Try again", message)
    await ann.wait_for("is in your Drive", timeout=20)
    assert not logged(bot, "handler_failed")


@pytest.mark.parametrize("code", ENDS)
@pytest.mark.one_way
async def test_the_end_of_a_grant_asks_the_person_to_connect_again(
    bot: RunningBot, upkeep: Upkeep, google: GoogleControls, people: People, code: str
) -> None:
    """Not "in a few minutes" for ever, nor the operator's fault, nor an error in the log."""
    by_hand(bot)
    among_many(bot)
    ann = people(501, "Ann")
    await ann.start()
    await ann.wait_for("Drivekeeper")
    await upkeep.connect(ann, minutes_left=-5)
    await google.fault(REFRESH, "oauth_error", error=code, count=0)
    await sweep(bot)
    (message,) = await said_to(ann, GONE)
    assert message.button("connect") is not None
    await ann.send_document(b"x" * 500, "a.bin")
    await ann.wait_for("is waiting")
    assert not await said_to(ann, NOT_NOW)
    assert not await said_to(ann, SET_UP)
    assert not [line for line in _lines(bot) if line["level"] in ("error", "critical")]
    assert upkeep.told() == [True]


async def test_a_grant_that_no_longer_covers_drive_is_told_as_that(
    bot: RunningBot, upkeep: Upkeep, google: GoogleControls, people: People
) -> None:
    """The person ticks the box when they connect again."""
    by_hand(bot)
    among_many(bot)
    ann = people(501, "Ann")
    await ann.start()
    await ann.wait_for("Drivekeeper")
    await upkeep.connect(ann)
    await google.fault(REFRESH, "odd", set={"scope": "openid"})
    await sweep(bot)
    (message,) = await said_to(ann, GONE)
    assert "tick the box for Google Drive" in message.text


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("org_internal", "its owner's organisation does not let this bot use it"),
        ("invalid_client", "invalid_client"),
        ("unauthorized_client", "drivekeeper doctor"),
        ("temporarily_unavailable", "Google could not be asked just now"),
        ("access_denied", "Google does not accept it"),
        ("invalid_grant", "Google does not accept it"),
    ],
)
async def test_a_restored_copy_is_told_of_as_google_judges_it(
    start_bot: StartBot,
    upkeep: Upkeep,
    google: GoogleControls,
    people: People,
    code: str,
    says: str,
) -> None:
    """Whose fault it is, and what there is to do."""
    root, owner = people(900, "Root"), Owner.user(501)
    await upkeep.connect(owner)
    upkeep.world.store.copies.set_aside(owner, "invalid_grant")
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await root.start()
        await google.fault(REFRESH, "oauth_error", error=code, count=0)
        await root.send("/quarantine")
        await root.tap("1", await root.wait_for("🗄 Quarantine"))
        await root.tap("Restore", await root.wait_for("Why:"))
        message = await root.wait_for("Restored")
        assert says in message.text


def _lines(bot: RunningBot) -> list[dict[str, Any]]:
    return [json.loads(line) for line in bot.log.getvalue().splitlines()]
