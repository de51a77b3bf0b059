"""`drivekeeper web` as an operator runs it, where departments have sheets."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from pydantic import SecretStr

from bench.owners import write_settings
from bench.web.process import first_answer, settings_at, web_process
from sandbox.clients.google_controls import GoogleControls
from sandbox.ports import free_port
from sandbox.server import Sandbox
from tests.sandbox.sheets_kit import public_pem
from tests.service_accounts import ADDRESS, KEY_ID, VARIABLE, encoded
from tests.sheets.keeping_kit import rows, tab, toml

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]


async def test_the_web_process_looks_by_itself(
    sandbox: Sandbox,
    google: GoogleControls,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
) -> None:
    """Without a bot, and without anybody's asking; once an interval."""
    await google.act("service_account", address=ADDRESS, key_id=KEY_ID, public_key=public_pem())
    tabs = [{**tab(), "rows": [["115年12月"], *rows()]}]
    sheet = str((await google.act("sheet", tabs=tabs, shared=[ADDRESS]))["id"])
    (file := tmp_path / "sheets.toml").write_text(toml(sheet), "utf-8")
    port, log = free_port(), tmp_path / "log"
    settings = write_settings(
        tmp_path / "settings",
        tmp_path / "user_data",
        sandbox.url,
        GOOGLE_CLIENT_ID=sandbox.config.client_id,
        GOOGLE_CLIENT_SECRET=sandbox.config.client_secret,
        TOKEN_ENCRYPTION_KEY=encryption_keys[0].get_secret_value(),
        SHEETS_FILE=str(file),
        **{VARIABLE: encoded(token_uri=f"{sandbox.url}/token")},
        **settings_at(port),
    )
    with web_process(settings, log):
        await asyncio.to_thread(first_answer, port, "/healthz")
        async with asyncio.timeout(60):
            while "sheet_changed" not in log.read_text("utf-8"):  # noqa: ASYNC110 - a process
                await asyncio.sleep(0.1)
    assert (await google.state())["sheets"][sheet]["reads"] == 1
    said = log.read_text("utf-8")
    assert [text for text in (ADDRESS, sheet, "1011", "0905G", "班表") if text in said] == []
