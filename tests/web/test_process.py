"""`drivekeeper web` as an operator runs it: what it brings into memory."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr

from bench.owners import write_settings
from bench.web.process import first_answer, settings_at, sign_in_link, web_process
from bench.web.visiting import visitor
from sandbox.clients.google_controls import GoogleControls
from sandbox.ports import free_port
from sandbox.server import Sandbox
from tests.web.sheets_kit import be_there, sheet_settings
from tests.web.test_roles import TABLE

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
WITHOUT: Final = {
    *("telegram", "apscheduler", "httpx"),
    *("matplotlib", "numpy", "PIL"),
    *("playwright", "pytest", "sandbox"),
}
"""What only a bot needs, a picture, or a test."""
DATABASE: Final = {"sqlalchemy", "pymysql", "alembic"}


async def test_every_route_is_served_without_telegram_and_pictures(
    sandbox: Sandbox,
    google: GoogleControls,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
) -> None:
    """Such hosts have 512 MB, and a tenth of a processor."""
    port, log, data = free_port(), tmp_path / "log", tmp_path / "user_data"
    settings = write_settings(
        tmp_path / "settings",
        data,
        sandbox.url,
        GOOGLE_CLIENT_ID=sandbox.config.client_id,
        GOOGLE_CLIENT_SECRET=sandbox.config.client_secret,
        WEB_GOOGLE_CLIENT_ID=sandbox.config.client_id,
        WEB_GOOGLE_CLIENT_SECRET=sandbox.config.client_secret,
        TOKEN_ENCRYPTION_KEY=encryption_keys[0].get_secret_value(),
        **sheet_settings(tmp_path, sandbox),
        **settings_at(port),
    )
    await be_there(google)
    url = f"http://localhost:{port}"
    with web_process(settings, log, options=("-X", "importtime")):
        await asyncio.to_thread(first_answer, port, "/healthz")
        async with visitor(url, sandbox.url) as visits:
            for path in ("/console/leave", "/console/leave-everywhere"):
                await visits.sign_in(await asyncio.to_thread(sign_in_link, settings, "Ops"))
                if path == "/console/leave":
                    await visits.go_round()
                    await visits.go_round_sheets()
                await visits.leave(path)
            assert set(TABLE) - visits.routes == set()
    imported = {
        line.rpartition("|")[2].strip().partition(".")[0]
        for line in log.read_text("utf-8").splitlines()
        if line.startswith("import time:")
    }
    assert {"fastapi", "jinja2", "googleapiclient"} <= imported
    assert imported & (WITHOUT | DATABASE) == set()
