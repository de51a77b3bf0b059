"""Requests as no browser sends them: the very bytes, and what becomes of the process."""

from __future__ import annotations

import asyncio
import re
import socket
import time
from contextlib import suppress
from typing import Final

import httpx
import pytest
from starlette.responses import Response

from tests.running import in_rest
from tests.web.kit import RunningWeb
from tests.web.pages_kit import SETTINGS
from web.app import WebParts, create_app
from web.gate.signed_in import COOKIE
from web.serving import listen, serving

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
CALLBACK: Final = "/api/auth/google/callback"
HEADERS: Final = ("cache-control: no-store", "content-security-policy: default-src 'none'")


def request(line: str, *headers: str, body: str = "", host: str = "{host}") -> str:
    given = (f"{line} HTTP/1.1", f"Host: {host}", "Connection: close", *headers)
    return "\r\n".join((*given, "", body))


def status(answer: str) -> int:
    return int(answer.partition(" ")[2][:3])


async def is_well(web: RunningWeb) -> bool:
    """Whether it still answers, and had no defect."""
    async with web.browser() as browser:
        answer = await browser.get("/console/enter")
    return answer.status_code == 200 and "Traceback" not in web.log.getvalue()


async def test_a_request_for_another_host_is_refused(web: RunningWeb) -> None:
    """Also where it says ours as well: two of them, or one in the address."""
    others = (
        "evil.test",
        f"evil.test:{web.host.partition(':')[2]}",
        "{host}.evil.test",
        "{host},x",
    )
    for path in (SETTINGS, "/console/enter", "/api/clients", CALLBACK, "/x"):
        asked = [(request(f"GET {path}", host=host), 421) for host in others]
        asked.append((request(f"GET {path}", "Host: evil.test"), 400))
        for sent, expected in asked:
            answer = await web.raw(sent)
            assert status(answer) == expected, sent
            assert "evil" not in answer
            assert "set-cookie" not in answer.lower()
        for absolute in (f"http://evil.test{path}", f"//evil.test{path}", f"evil.test{path}"):
            answer = await web.raw(request(f"GET {absolute}", "Accept: text/html"))
            assert status(answer) in (400, 404, 421), absolute
            assert not re.search(r'(href|action)="(?!/(?![/\\])|#)', answer)


async def test_what_proxies_say_of_the_host_changes_nothing(web: RunningWeb) -> None:
    said = [
        "X-Forwarded-Host: evil.test",
        "X-Forwarded-Proto: https",
        "X-Forwarded-Port: 1",
        "X-Forwarded-Prefix: //evil.test",
        "X-Original-URL: /console",
        "X-Rewrite-URL: /console",
        "Forwarded: host=evil.test;proto=https",
    ]
    for path in ("/", SETTINGS, "/console/enter", "/api/google/auth-url?department=tanhae"):
        asked = f"GET {path}"
        plain, told = [await web.raw(request(asked, *more)) for more in ([], said)]
        assert "evil" not in told
        assert [status(plain), location(plain)] == [status(told), location(told)]


def location(answer: str) -> str:
    found = re.search(r"(?i)^location: (.*)\r$", answer, re.M)
    return found[1] if found else ""


FRAMINGS: Final = (
    "Content-Length: 3\r\nTransfer-Encoding: chunked",
    "Transfer-Encoding: chunked\r\nContent-Length: 0",
    "Content-Length: 3\r\nContent-Length: 30",
    "Content-Length: 3, 30",
    "Content-Length: +3",
    "Content-Length: 0x3",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding : chunked",
)


@pytest.mark.parametrize("path", ["/console/leave", *in_rest(CALLBACK, "/healthz")])
async def test_a_request_whose_length_can_be_read_twice_ends_its_connection(
    web: RunningWeb, path: str
) -> None:
    """RFC 9112, 6.1 and 6.3. What follows is a second request to one that reads it so, and none to
    another: it must not be answered on the same connection."""
    second = request("GET /console/enter")
    for framing in FRAMINGS:
        for method in ("GET", "POST"):
            head = f"{method} {path} HTTP/1.1\r\nHost: {{host}}\r\n{framing}\r\n\r\n"
            answer = await web.raw(f"{head}0\r\n\r\n{second}")
            assert answer.count("HTTP/1.1 ") == 1, (framing, answer)
            assert status(answer) in (400, 501), (framing, answer)
    assert await is_well(web)


METHODS: Final = (
    *("TRACE /console", "OPTIONS /console", "OPTIONS *", "CONNECT evil.test:443", "PRI *"),
    *("TRACE /api/clients", "PUT /api/clients", "PATCH /settings/google", "FOO /"),
    *(f"POST {CALLBACK}", f"PUT {CALLBACK}", "DELETE /console/enter/x", "PROPFIND /"),
)


async def test_other_methods_are_refused_and_echo_nothing(web: RunningWeb) -> None:
    secret = "dkc_" + "s" * 38
    for line in METHODS:
        answer = await web.raw(
            request(line, f"Cookie: {COOKIE}={secret}", f"Authorization: Bearer {secret}")
        )
        assert status(answer) in (404, 405), answer
        assert secret not in answer
        assert "access-control" not in answer.lower()
        for header in HEADERS:
            assert header in answer.lower(), answer


async def test_a_header_does_not_turn_a_look_into_a_change(web: RunningWeb) -> None:
    code = await web.custody.workers.run(web.services.links.make, "operator:Ops")
    link = f"/console/enter/{code.get_secret_value()}"
    names = ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X-Method")
    said = dict.fromkeys(names, "POST")
    async with web.browser() as browser:
        assert (await browser.get(link, headers=said)).status_code == 200
        assert (await browser.get(link, params={"_method": "POST"})).status_code == 200
        assert (
            await browser.post(link, headers={"X-HTTP-Method-Override": "GET"})
        ).status_code == 303


async def test_head_is_get_without_its_body(web: RunningWeb) -> None:
    async with web.browser(await web.sign_in(), Accept="text/html") as browser:
        for path in ("/", SETTINGS, "/console/enter", "/console", "/api/docs", "/x"):
            got, head = await browser.get(path), await browser.head(path)
            assert (head.status_code, head.content) == (got.status_code, b"")
            kept = [{**one.headers, "date": ""} for one in (got, head)]
            assert kept[0] == kept[1]


async def test_a_health_check_may_be_head(web: RunningWeb) -> None:
    async with web.browser() as browser:
        for method in ("GET", "HEAD"):
            answer = await browser.request(method, "/healthz", headers={"Host": "10.0.0.7"})
            assert answer.status_code == 200


async def test_no_head_sent_by_a_preview_spends_a_state(web: RunningWeb) -> None:
    async with web.browser(await web.sign_in()) as browser:
        answer = await browser.head(f"{CALLBACK}?state=x&code=y")
    assert answer.status_code in (404, 405)
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_no_search_engine_keeps_a_page(web: RunningWeb) -> None:
    async with web.browser() as browser:
        for path in ("/", "/console/enter", "/console/enter/x", CALLBACK, "/robots.txt"):
            answer = await browser.get(path)
            assert answer.headers["X-Robots-Tag"] == "noindex, nofollow", path
        assert (await browser.get("/favicon.ico")).status_code == 404  # pages name their icon
        assert 'rel="icon" href="/static/' in (await browser.get("/console/enter")).text


async def test_slow_and_idle_clients_are_let_go_while_others_are_served(web: RunningWeb) -> None:
    """Heads and bodies that drip, connections that say nothing, more than there is room for."""
    app = create_app(WebParts(is_alive=lambda: True, departments=web.parts))
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    drips = {
        "nothing": "",
        "a line": "GET /console/enter HTT",
        "a head": request("GET /console/enter")[:-2],
    }
    async with serving(app, listener, patience_seconds=1.5, most=20):
        held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(40)]
        silent = [asyncio.create_task(web.raw(sent, port=port)) for sent in drips.values()]
        dripping = asyncio.create_task(drip(port, web.host))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            answer = await client.get("/console/enter", headers={"Host": web.host})
        assert answer.status_code == 200
        ends = await asyncio.gather(*silent, return_exceptions=True)
        assert all(isinstance(end, OSError) or end == "" for end in ends)
        assert await dripping is False
        for reader, writer in held:
            with pytest.raises((OSError, asyncio.IncompleteReadError)):
                await reader.readexactly(1)
            writer.close()


async def test_whoever_reads_no_answer_keeps_no_connection(web: RunningWeb) -> None:
    """Many requests at once, whose answers are left in line: the process must not hold them."""
    app = create_app(WebParts(is_alive=lambda: True, departments=web.parts))
    listener = listen("127.0.0.1", 0)
    asked = request("GET /console/enter").replace("{host}", web.host)
    asked = asked.replace("Connection: close\r\n", "")
    async with serving(app, listener, patience_seconds=0.3):
        with socket.socket() as peer:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            peer.setblocking(False)
            loop = asyncio.get_running_loop()
            await loop.sock_connect(peer, ("127.0.0.1", listener.getsockname()[1]))
            async with asyncio.timeout(100):
                with suppress(BrokenPipeError, ConnectionResetError):
                    while True:
                        await loop.sock_sendall(peer, asked.encode())


async def test_whoever_reads_slowly_gets_the_whole_answer() -> None:
    """A large one on a slow line takes many times the patience."""
    content = b"x" * 2_000_000
    listener = listen("127.0.0.1", 0)
    async with serving(Response(content), listener, patience_seconds=1.0):
        port = listener.getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=4096)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        received, began = 0, time.monotonic()
        while piece := await reader.read(50_000):
            received += len(piece)
            await asyncio.sleep(0.06)
        assert received > len(content)
        assert time.monotonic() - began > 2
        writer.close()


async def drip(port: int, host: str) -> bool:
    """Whether a head that comes a byte at a time is ever answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for letter in f"GET /console/enter HTTP/1.1\r\nHost: {host}\r\nX: " + "x" * 1000:
            writer.write(letter.encode())
            await writer.drain()
            await asyncio.sleep(0.02)
        return bool(await reader.read())
    except OSError:
        return False
