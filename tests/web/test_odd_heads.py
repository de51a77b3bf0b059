"""Addresses, cookies and heads as nobody's browser sends them."""

from __future__ import annotations

import time
from typing import Final

import pytest

from tests.web.kit import RunningWeb
from tests.web.pages_kit import SETTINGS
from web.gate.signed_in import COOKIE

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
ZONES: Final = (
    *("Asia", ".", "..", "/etc/passwd", "../../etc/passwd", "x" * 300, "x/" * 1500, "\\000"),
    *("Asia/Taipei/x", "posixrules", "tzdata.zi", "right/UTC", "\xff", "C:\\\\Windows", "UTC\\012"),
)


async def test_a_zone_or_language_of_a_cookie_is_no_file_s_name(web: RunningWeb) -> None:
    async with web.browser() as browser:
        for zone in ZONES:
            said = f'drivekeeper-zone="{zone}"; drivekeeper-language="{zone}"'
            answer = await browser.get(
                "/console/enter", headers=[(b"Cookie", said.encode("latin-1"))]
            )
            assert answer.status_code == 200, zone
            assert "root:" not in answer.text
        async with web.browser(await web.sign_in()) as someone:
            cookie = f"{COOKIE}={someone.cookies[COOKIE]}"
            for zone in ZONES:
                said = f'{cookie}; drivekeeper-zone="{zone}"'
                for path in (SETTINGS, "/console/audit?from=2026-11-29"):
                    answer = await browser.get(path, headers=[(b"Cookie", said.encode("latin-1"))])
                    assert answer.status_code == 200, (zone, path)
    assert "Traceback" not in web.log.getvalue()


async def test_a_head_as_large_as_it_may_be_costs_a_moment(web: RunningWeb) -> None:
    """64 kB of a language, cookies, addresses, a query: none is looked at again and again."""
    room = 60_000
    heads: dict[str, str] = {
        "Accept-Language": "a;q=0.1," * (room // 8),
        "Cookie": "a=b;" * (room // 4),
        "X-Forwarded-For": "1," * (room // 2),
        "Accept": "text/html;q=0.1," * (room // 16),
        "Authorization": "Bearer " + " " * room + "x",
        "Content-Type": "a/b;" * (room // 4),
        "Range": "bytes=" + "0-," * (room // 3),
        "If-None-Match": '"a",' * (room // 4),
    }
    async with web.browser(await web.sign_in()) as browser:
        for name, value in heads.items():
            for path in (SETTINGS, "/api/google/status"):
                began = time.process_time()
                answer = await browser.get(path, headers={name: value})
                said = (name, path, answer.status_code)
                assert answer.status_code in (200, 303, 401), said
                assert time.process_time() - began < 2, said
        for query in ("a=b&" * (room // 4), "&" * room, "department=" + "%25" * (room // 3)):
            for path in (SETTINGS, "/api/google/status", "/console/audit"):
                began = time.process_time()
                answer = await browser.get(f"{path}?{query}")
                assert answer.status_code in (200, 404, 422), (query[:9], path)
                assert time.process_time() - began < 2, (query[:9], path)
    assert "Traceback" not in web.log.getvalue()


async def test_no_spelling_of_an_address_leads_past_the_gate(web: RunningWeb) -> None:
    """Nor to a file: static ones are known by name."""
    spellings = (
        *("/console/", "//console", "/./console", "/console/.", "/x/../console", "/console;x=y"),
        *("/CONSOLE", "/%63onsole", "/console%00", "/console%2f", "/console%3f", "/console/../.."),
        *("/static/../console", "/static/x/../../console", "/static/x/..%2f..%2fconsole/routes.py"),
        *("/static/x/%2e%2e/%2e%2e/etc/passwd", "/static/x/..", "/static/x/.", "/static//site.css"),
        *("/api/clients/", "/api//clients", "/API/clients", "/api/clients%20", "/api/./clients"),
        *("/api/openapi.json/", "/api/docs/", "/docs", "/openapi.json", "/redoc", "/metrics"),
        *("/readyz", "/console/audit.csv/", "/console/audit.csv%00", "/.env", "/.git/config"),
    )
    async with web.browser() as browser:
        for path in spellings:
            sent = f"GET {path} HTTP/1.1\r\nHost: {{host}}\r\nConnection: close\r\n\r\n"
            answer = await web.raw(sent)
            status = int(answer.partition(" ")[2][:3])
            assert status in (303, 401, 404), (path, status)
            assert "default-src 'none'" in answer, path
        assert (await browser.get("/console")).status_code == 303
