"""What the two ports say about themselves, and whom they believe about where they are."""

from __future__ import annotations

import aiohttp
import pytest

from sandbox.ports import free_port
from tests.fixtures import StartBot
from tests.journeys import open_page

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


@pytest.mark.one_way("on")
async def test_a_bot_without_departments_says_so_to_whoever_opens_a_sign_in_link(
    start_bot: StartBot,
) -> None:
    """In words, and in the reader's language; of the link, and of the set-up, not a word."""
    said = {
        "en": "does not serve departments",
        "zh-TW": "這個程序不提供部門的頁面",
        "zh-CN": "这个进程不提供部门的页面",
    }
    async with start_bot(flow="device") as bot:
        base = f"http://127.0.0.1:{bot.settings.web_port}"
        codes = ("/console/enter/a-code", "/console/enter", "/console")
        for path in (*codes, "/settings/google", "/settings/sheets/tanhae/roster"):
            for language, words in said.items():
                status, page = await open_page(base + path, language)
                assert (status, words in page) == (404, True), path
                assert "a-code" not in page
                assert "WEB_GOOGLE" not in page
        assert (await open_page(f"{base}/nothing"))[1] == '{"detail":"Not Found"}'
