"""What the two ports say about themselves, and whom they believe about where they are."""

from __future__ import annotations

import aiohttp
import pytest

from tests.bot.test_operations import free_port
from tests.fixtures import StartBot

HOSTILE = "evil.example"
PATHS = (
    *("/", "//", "/healthz", "/healthz/", "//healthz", "/healthz//", "/nothing", "/nothing/"),
    *("/api/auth/google/callback", "/api/auth/google/callback/", "/api/auth/google"),
    *("/metrics", "/metrics/", "/readyz/", "/hook", "/hook/", f"//{HOSTILE}/", f"/\\{HOSTILE}"),
)


@pytest.mark.one_way("on")
async def test_nothing_follows_the_host_header_and_no_software_is_named(
    start_bot: StartBot,
) -> None:
    """An address that leads elsewhere would carry state and code there."""
    metrics = free_port()
    async with (
        start_bot(flow="callback", METRICS_PORT=metrics) as bot,
        aiohttp.ClientSession() as session,
    ):
        for port in (bot.settings.web_port, metrics):
            for path in PATHS:
                for method in ("GET", "HEAD", "POST"):
                    async with session.request(
                        method,
                        f"http://127.0.0.1:{port}{path}?state=s&code=c",
                        headers={"Host": HOSTILE, "X-Forwarded-Host": HOSTILE},
                        allow_redirects=False,
                    ) as answer:
                        page = await answer.text()
                        assert not 300 <= answer.status < 400, path
                        assert "Location" not in answer.headers
                        assert "Server" not in answer.headers
                        assert HOSTILE not in page
