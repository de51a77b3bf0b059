"""/health: for administrators alone, in one message with a picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bot.admin.health import Standing, standing_of
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from sandbox.run import bot_settings
from sandbox.server import Sandbox
from security.credential import Owner
from tests.bot.processes import process
from tests.bot.upkeep import Upkeep, by_hand, said_to, sweep
from tests.fixtures import RunningBot, StartBot
from tests.journeys import until, until_in_menu
from tests.security.kit import a_credential

People = Callable[..., Person]

# None of this depends on how credentials are kept.
pytestmark = pytest.mark.one_way("on")


def without_a_picture(bot: RunningBot) -> None:
    """From now on nothing can be drawn: there is no place for such a number in a chart."""
    memory = bot.services.core.state
    memory.sweeps = [report.model_copy(update={"transient": 10**400}) for report in memory.sweeps]


@pytest.mark.one_way
async def test_an_administrator_sees_how_the_credentials_stand(
    start_bot: StartBot, upkeep: Upkeep, google: GoogleControls, people: People
) -> None:
    """Counts, trouble, sweeps, a picture; Refresh edits that message; drawing fails: text alone."""
    root = people(900, "Root")
    for number in range(5):
        await upkeep.connect(Owner.user(501 + number), minutes_left=60 if number > 1 else 5)
    await google.revoke("501@example.com")
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await root.start()
        await root.wait_for("Drivekeeper")
        await sweep(bot)
        await upkeep.connect(Owner.user(520), minutes_left=5)
        await google.act("client", state="wrong_secret")
        await sweep(bot)
        await root.send("/health")
        message = await root.wait_for("Drivekeeper", timeout=60)
        assert message.media is not None
        kind, photo = message.media
        assert kind == "photo"
        assert (photo["width"], photo["height"]) == (1080, 960)
        encrypted = "Encryption: on" if bot.settings.encryption_keys else "Encryption: off"
        for line in (
            *("Connected: 5", "healthy 4 · due 0 · pausing 1 · on hold 0", "In quarantine: 1"),
            *("Shortest time left on a token: ", "Uploads: 0 running, 0 in line"),
            *("Free disk space: ", encrypted, "Google refuses this bot's OAuth client (0"),
            *("refreshed 1 · set aside 1", "refreshed 0 · failed 1", "As of 20"),
        ):
            assert line in message.text, message.text
        assert "idle" not in message.text
        await root.tap("Refresh", message)
        again = await root.wait_for("Drivekeeper", timeout=60)
        assert again.id == message.id
        assert again.media is not None
        without_a_picture(bot)
        await root.tap("Refresh", again)
        alone = await root.wait_for("Connected: 5", timeout=60)
        assert alone.media is None
        assert "Last 24 hours" in alone.text


@pytest.mark.one_way
async def test_without_the_extra_for_pictures_text_says_what_the_picture_would(
    sandbox: Sandbox, tmp_path: Path, people: People
) -> None:
    """Nothing is wrong then, and nothing says so."""
    root, alone = people(900, "Root"), "import sys; sys.modules['matplotlib'] = None; "
    settings = bot_settings(sandbox, tmp_path / "user_data", "device") | {"ADMIN_USER_IDS": "900"}
    async with process(tmp_path, settings, "-c", alone + "from cli import main; main()") as bot:
        await bot.prints('"sweep_finished"')
        await root.start()
        await root.send("/health")
        message = await root.wait_for("Last 24 hours", timeout=60)
        assert message.media is None
        for part in ("sweeps 1 ", "refreshed 0", "failed for now 0", "set aside 0"):
            assert part in message.text, message.text
        assert '"command_handled"' not in bot.log()
        assert '"warning"' not in bot.log()


async def test_where_there_is_nothing_to_show_text_and_picture_say_so(
    start_bot: StartBot, people: People
) -> None:
    """On the first day neither looks as if something were wrong."""
    root = people(900, "Root")
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await root.start()
        await root.wait_for("Drivekeeper")
        await sweep(bot)
        await root.send("/health")
        message = await root.wait_for("Connected: 0", timeout=60)
        assert "Nobody is connected: there is nothing to show yet." in message.text


def test_an_empty_picture_is_no_blank() -> None:
    """It says what there will be, where a blank would look like a fault."""
    from bot.admin import chart  # Matplotlib: at the top each worker would import it to collect

    now, idle = 1_796_000_000, [1_796_000_000 - 600, 0, 0, 0, 0, None]
    shown: dict[str, set[str]] = {}
    for name, sweeps in {
        "none": [],
        "idle": [idle],
        "some": [[*idle[:1], 2, 0, 0, 0, 40.0]],
    }.items():
        figure = chart.figure_of({"now": now, "lead": 15, "sweeps": sweeps})
        shown[name] = {text.get_text() for axes in figure.axes for text in axes.texts}
    assert shown["none"] == {"No sweep in this time", "Nothing yet: no token is kept fresh"}
    assert shown["idle"] == {
        "Nothing yet: no sweep had anything to refresh",
        "Nothing yet: no token is kept fresh",
    }
    assert shown["some"] == set()


async def test_for_others_it_is_an_unknown_command_and_a_forged_tap_is_refused(
    start_bot: StartBot, people: People
) -> None:
    """The menu shows it to administrators alone, whom no other list need name."""
    root, ann = people(900, "Root"), people(501, "Ann")
    async with start_bot(ADMIN_USER_IDS="900", ALLOWED_USER_IDS="501") as bot:
        by_hand(bot)
        for person in (root, ann):
            await person.start()
            await person.wait_for("your own Google Drive")
        await until_in_menu(root, "health")
        names = [name for name, _ in await ann.commands()]
        theirs = ["health", "quarantine", "console"]
        assert [name for name, _ in await root.commands()] == [*names, *theirs]
        for command in ("/health", "/quarantine"):
            await ann.send(command)
            shown = await ann.wait_for("I do not know this command")
        await ann.send("/help")
        assert "/health" not in (await ann.wait_for("20 MiB")).text
        await root.send("/help")
        assert "/health" in (await root.wait_for("20 MiB")).text
        user = {"id": 501, "is_bot": False, "first_name": "Ann", "language_code": "en"}
        async with TelegramControls(ann.base_url) as telegram:
            for data in ("health", "quarantine:page:0", "hold:ask", "alarm:block:a"):
                query = {"id": data, "from": user, "message": shown.raw, "chat_instance": "9"}
                await telegram.inject("callback_query", {**query, "data": data})
        await until(lambda: bot.log.getvalue().count('"not_allowed"') == 4)
        assert await said_to(ann, "Quarantine") == []
        trail = [entry.action for entry in bot.services.core.storage.events()]
        assert trail.count("denied") == 1  # a flood must not push others out of the trail


async def test_idle_paused_and_held_owners_are_counted_apart(
    start_bot: StartBot, upkeep: Upkeep, google: GoogleControls
) -> None:
    """Each owner in one count."""
    async with start_bot(TOKEN_IDLE_AFTER_DAYS="3") as bot:
        by_hand(bot)
        for number in range(3):
            upkeep.world.store.save_consent(
                a_credential(Owner.user(510 + number), refresh_token=None, expires_at=None)
            )
        await upkeep.connect(Owner.user(501))
        await google.fault("google.token.refresh", "status", status=503, owner="501@example.com")
        await upkeep.connect(Owner.user(502), minutes_left=5)
        long_ago = a_credential().granted_at
        assert long_ago is not None
        bot.services.core.state.activity.begin(Owner.user(502), long_ago.timestamp() - 10 * 86400)
        await sweep(bot)
        standing = await standing_of(bot.services)
        assert standing.free_bytes is not None
        assert replace(standing, free_bytes=None, minutes_left=None) == Standing(
            healthy=0,
            due=0,
            paused=1,
            idle=1,
            held=3,
            unreadable=0,
            minutes_left=None,
            quarantined=0,
            free_bytes=None,
        )
        assert standing.connected == 5
