"""Administrators hear of a spreadsheet that is not taken over, once, and of its end."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.server import Sandbox
from tests.bot.upkeep import by_hand, logged, said_to, sweep
from tests.fixtures import StartBot
from tests.sandbox.sheets_kit import public_pem
from tests.service_accounts import ADDRESS, KEY_ID, VARIABLE, encoded
from tests.sheets.keeping_kit import rows, tab, toml

pytestmark = pytest.mark.encryption("on")
TITLE = "A department's spreadsheet is not taken over as it stands"


async def test_a_sheet_that_is_not_shared_is_one_alert_until_it_is(
    start_bot: StartBot,
    sandbox: Sandbox,
    google: GoogleControls,
    people: Callable[..., Person],
    tmp_path: Path,
) -> None:
    await google.act("service_account", address=ADDRESS, key_id=KEY_ID, public_key=public_pem())
    tabs = [{**tab(), "rows": [["115年12月"], *rows()]}]
    sheet = str((await google.act("sheet", tabs=tabs))["id"])
    file = tmp_path / "sheets.toml"
    file.write_text(toml(sheet), "utf-8")
    root = people(900, "Root")
    settings = {
        "ADMIN_USER_IDS": "900",
        "SHEETS_FILE": str(file),
        VARIABLE: encoded(token_uri=f"{sandbox.url}/token"),
    }
    async with start_bot(**settings) as bot:
        by_hand(bot)
        await root.start()
        await root.wait_for("Drivekeeper")
        sheets = bot.services.core.sheets
        assert sheets is not None
        mirror = sheets.mirror
        await mirror.look()
        await mirror.look()
        await sweep(bot, 2)
        (told,) = await said_to(root, TITLE)
        assert "drivekeeper sheets list" in told.text
        (line,) = logged(bot, "sheet_not_read")
        assert (line["result"], line["owner"][:2]) == ("sheet_not_shared", "d_")
        await google.act("sheet_share", sheet=sheet, address=ADDRESS)
        await mirror.sync([*mirror.sheets])
        await mirror.look()
        await sweep(bot)
        _, last = await said_to(root, TITLE)
        assert "All spreadsheets are taken over again." in last.text
        assert len(logged(bot, "sheet_changed")) == 1
        log = bot.log.getvalue()
        for secret in (ADDRESS, sheet, "林0", "0905G", "班表"):
            assert secret not in log
        assert "1011" not in re.findall(r"\d+", log)


async def test_nobody_waits_for_a_sweep_to_hear_of_it(
    start_bot: StartBot,
    sandbox: Sandbox,
    google: GoogleControls,
    people: Callable[..., Person],
    tmp_path: Path,
) -> None:
    """What is held waits for an administrator."""
    await google.act("service_account", address=ADDRESS, key_id=KEY_ID, public_key=public_pem())
    sheet = str(
        (await google.act("sheet", tabs=[{**tab(), "rows": [["115年12月"], *rows()]}]))["id"]
    )
    file = tmp_path / "sheets.toml"
    file.write_text(toml(sheet), "utf-8")
    root = people(900, "Root")
    key = encoded(token_uri=f"{sandbox.url}/token")
    often = {"SHEETS_INTERVAL_MINUTES": "0.01", "ADMIN_USER_IDS": "900"}
    async with start_bot(SHEETS_FILE=str(file), **{VARIABLE: key}, **often) as bot:
        by_hand(bot)
        await root.start()
        await root.wait_for(TITLE, since=0)
        await google.act("sheet_share", sheet=sheet, address=ADDRESS)
        sheets = bot.services.core.sheets
        assert sheets is not None
        await sheets.mirror.sync([*sheets.sheets])
        await root.wait_for("All spreadsheets are taken over again.", since=0)
        assert logged(bot, "sweep_finished") == []


async def test_the_bot_looks_by_itself(
    start_bot: StartBot, sandbox: Sandbox, google: GoogleControls, tmp_path: Path
) -> None:
    await google.act("service_account", address=ADDRESS, key_id=KEY_ID, public_key=public_pem())
    tabs = [{**tab(), "rows": [["115年12月"], *rows()]}]
    sheet = str((await google.act("sheet", tabs=tabs, shared=[ADDRESS]))["id"])
    file = tmp_path / "sheets.toml"
    file.write_text(toml(sheet), "utf-8")
    key = encoded(token_uri=f"{sandbox.url}/token")
    often = {"SHEETS_INTERVAL_MINUTES": "0.05", "SHEETS_SETTLE_MINUTES": "0.1"}
    async with start_bot(SHEETS_FILE=str(file), **{VARIABLE: key}, **often) as bot:
        (job,) = bot.application.job_queue.get_jobs_by_name("sheets")  # type: ignore[union-attr]
        assert job.job.trigger.interval == timedelta(seconds=3)
        assert bot.services.options.sheets_settle == timedelta(seconds=6)
        await job.run(bot.application)
        assert (await google.state())["sheets"][sheet]["reads"] == 1
