"""Administrators hear of a service account's key that has been here for long, and of its end."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from freezegun import freeze_time

from config.service_accounts import ServiceAccountKey
from departments.names import Departments
from departments.service_accounts.service_keys import ServiceKeys
from sandbox.clients.person import Person
from sandbox.server import Sandbox
from security.encryption import TokenEncryption
from tests.bot.upkeep import by_hand, logged, said_to, sweep
from tests.fixtures import StartBot
from tests.service_accounts import ADDRESS, VARIABLE, encoded
from tests.stores import storage_in

# What was first seen, and when, is sealed by whoever wrote it down.
pytestmark = pytest.mark.encryption("on")
TITLE = "A service account's key should be replaced"


@pytest.fixture
def first_seen(tmp_path: Path, keyring: TokenEncryption) -> Callable[[str, float], None]:
    """`first_seen(text, 90)`: a process was started with that key, so many days ago."""

    def note(text: str, days_ago: float) -> None:
        with freeze_time(datetime.now(UTC) - timedelta(days=days_ago)):
            storage = storage_in(tmp_path / "user_data", keyring)
            storage.prepare()
            departments = Departments(["tanhae=淡海"])
            key = ServiceAccountKey.parse(text)
            ServiceKeys(storage, departments, {"tanhae": key}).note()
            storage.close()

    return note


async def test_an_old_key_is_one_alert_over_restarts_until_a_newer_one_is_set(
    start_bot: StartBot,
    sandbox: Sandbox,
    people: Callable[..., Person],
    first_seen: Callable[[str, float], None],
) -> None:
    token_uri = f"{sandbox.url}/token"
    old, new = (encoded(number, token_uri=token_uri) for number in range(2))
    first_seen(old, 90.1)
    root, chen = people(900, "Root"), people(901, "陳", "zh-hant")
    settings = {"ADMIN_USER_IDS": "900,901"}
    async with start_bot(**settings, **{VARIABLE: old}) as bot:
        by_hand(bot)
        for person in (root, chen):
            await person.start()
            await person.wait_for("Drivekeeper")
        await sweep(bot, 2)
        (told,) = await said_to(root, TITLE)
        assert "service-account check" in told.text
        assert "service_key_old" in told.text
        assert logged(bot, "service_key_seen") == []
        assert ADDRESS not in bot.log.getvalue()
    async with start_bot(**settings, **{VARIABLE: old}) as bot:
        by_hand(bot)
        await sweep(bot)
        assert len(await said_to(root, TITLE)) == 1
    async with start_bot(**settings, **{VARIABLE: new}) as bot:
        by_hand(bot)
        await sweep(bot, 2)
        (seen,) = logged(bot, "service_key_seen")
        assert seen["owner"].startswith("d_")
        (closed,) = logged(bot, "incident_closed")
        assert closed["result"] == "service_key_old"
        _, last = await said_to(root, TITLE)
        assert "No key that old is set any more." in last.text
        assert len(await said_to(chen, "服務帳號的金鑰該換新了")) == 2


async def test_a_key_is_no_trouble_before_its_ninetieth_day(
    start_bot: StartBot,
    sandbox: Sandbox,
    first_seen: Callable[[str, float], None],
) -> None:
    key = encoded(token_uri=f"{sandbox.url}/token")
    first_seen(key, 89.9)
    async with start_bot(ADMIN_USER_IDS="900", **{VARIABLE: key}) as bot:
        by_hand(bot)
        await sweep(bot)
        assert logged(bot, "incident_opened") == []


async def test_an_age_that_could_not_be_looked_up_ends_no_alert(
    start_bot: StartBot,
    sandbox: Sandbox,
    tmp_path: Path,
    first_seen: Callable[[str, float], None],
) -> None:
    """It is not known whether it is over."""
    key = encoded(token_uri=f"{sandbox.url}/token")
    first_seen(key, 90.1)
    settings = {"ADMIN_USER_IDS": "900", VARIABLE: key}
    async with start_bot(**settings) as bot:
        by_hand(bot)
        await sweep(bot)
        assert [line["result"] for line in logged(bot, "incident_opened")] == ["service_key_old"]
    (tmp_path / "user_data" / "access" / "secret.json").write_text("{", "utf-8")
    async with start_bot(**settings) as bot:
        by_hand(bot)
        await sweep(bot)
        (line,) = logged(bot, "service_key_not_noted")
        assert line["level"] == "warning"
        assert [one["level"] for one in logged(bot, "departments_not_served")] == ["error"]
        assert bot.services.core.state.incidents.is_open("service_key_old")
