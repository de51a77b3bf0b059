"""What every request passes before its route sees it: host, body, headers, where it comes from."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from structlog.testing import capture_logs

from departments.administrators.sessions import Session
from security.errors import ConsentRequired, OperatorFault, TransientFault
from tests.documents import ROOT
from web.api.described import CODES
from web.gate.addresses import client_address
from web.gate.bodies import SmallBodies
from web.gate.headers import SafeHeaders
from web.gate.hosts import OneHost
from web.gate.problem_texts import known_codes
from web.gate.problems import Problem, add_problems
from web.gate.signed_in import SignedIn
from web.serving import listen, serving
from web.site.routing import refusal

URL = "https://drive.example.org"


def make_app(patience_seconds: float) -> FastAPI:
    """A route that gives a body back, and some that refuse."""
    app = FastAPI(openapi_url=None, docs_url=None, redirect_slashes=False)
    add_problems(app, refusal)

    @app.post("/echo")
    async def echo(request: Request) -> Response:
        return Response(await request.body())

    @app.get("/own-headers")
    async def own_headers() -> Response:
        return Response(headers={"Cache-Control": "public"})

    @app.get("/fault/{kind}")
    async def fault(kind: str) -> Response:
        raise {
            "consent": ConsentRequired("x"),
            "away": TransientFault("x", retry_after=7.2),
            "operator": OperatorFault("secret words"),
            "restarted": OperatorFault("secret words", code="database_unreachable"),
            "ours": Problem(429, "rate_limited", retry_after=0.2),
            "defect": RuntimeError("secret words"),
        }[kind]

    @app.get("/number")
    async def number(n: int) -> Response:
        return JSONResponse({"n": n})

    app.add_middleware(SmallBodies, patience_seconds=patience_seconds)
    app.add_middleware(OneHost, public_url=URL)
    app.add_middleware(SafeHeaders, is_https=True, google="https://accounts.example.com")
    return app


@asynccontextmanager
async def running(patience_seconds: float = 30) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that app, which waits so long for a body."""
    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1]
    async with (
        serving(make_app(patience_seconds), listener),
        httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers={"Host": "drive.example.org"}
        ) as client,
    ):
        yield client


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with running() as made:
        yield made


@pytest.fixture
async def hasty() -> AsyncIterator[httpx.AsyncClient]:
    """Of an app that waits for no body."""
    async with running(0.3) as made:
        yield made


async def raw(client: httpx.AsyncClient, sent: str) -> str:
    """What is answered to these very bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.base_url.port)
    writer.write(sent.encode())
    answer = b""
    async with asyncio.timeout(30):
        while not answer.partition(b"\r\n\r\n")[2] and (piece := await reader.read(65536)):
            answer += piece  # the head may come by itself
    writer.close()
    return answer.decode()


def problem(answer: httpx.Response) -> dict[str, Any]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert sorted({*body} - {"errors"}) == ["code", "detail", "status", "title", "type"]
    assert body["status"] == answer.status_code
    return body


@pytest.mark.parametrize(
    "path", ["/echo", "/nothing", "/fault/consent", "/fault/defect", "/number?n=x"]
)
async def test_every_answer_carries_the_headers(client: httpx.AsyncClient, path: str) -> None:
    for method in ("GET", "POST"):
        answer = await client.request(method, path)
        headers = answer.headers
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Strict-Transport-Security"] == "max-age=31536000"
        assert "'unsafe-inline'" not in headers["Content-Security-Policy"]
        assert (
            "form-action 'self' https://accounts.example.com" in headers["Content-Security-Policy"]
        )
        assert "server" not in headers


async def test_a_route_keeps_its_own_header(client: httpx.AsyncClient) -> None:
    assert (await client.get("/own-headers")).headers["Cache-Control"] == "public"


@pytest.mark.parametrize("host", ["evil.test", "drive.example.org.evil.test", "127.0.0.1", ""])
async def test_another_host_is_refused(client: httpx.AsyncClient, host: str) -> None:
    answer = await client.get("/own-headers", headers={"Host": host})
    assert answer.status_code == 421
    assert problem(answer)["code"] == "wrong_host"


async def test_a_person_at_another_address_reads_a_page(client: httpx.AsyncClient) -> None:
    """It says what to do, and not where this service is; what it looks like comes with it."""
    there = {"Host": "127.0.0.1", "Accept": "text/html,*/*;q=0.8", "Accept-Language": "zh-TW"}
    answer = await client.get("/settings/google?state=secret", headers=there)
    assert answer.status_code == 421
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "這不是這個服務的網址" in answer.text
    assert "PUBLIC_URL" in answer.text
    assert "drive.example.org" not in answer.text
    assert "secret" not in answer.text
    assert (await client.get("/api/google/status", headers=there)).json()["code"] == "wrong_host"
    assert (await client.get("/static/x.css", headers=there)).status_code == 404  # it is asked for
    assert (await client.post("/static/x.css", headers=there)).status_code == 421


@pytest.mark.parametrize(
    "host", ["drive.example.org", "drive.example.org:443", "DRIVE.example.org"]
)
async def test_its_own_host_is_served_in_every_spelling(
    client: httpx.AsyncClient, host: str
) -> None:
    assert (await client.get("/own-headers", headers={"Host": host})).status_code == 200


async def test_forwarded_hosts_change_nothing(client: httpx.AsyncClient) -> None:
    for name in ("X-Forwarded-Host", "Forwarded", "X-Original-Host"):
        headers = {name: "host=evil.test" if name == "Forwarded" else "evil.test"}
        assert (await client.get("/own-headers", headers=headers)).status_code == 200


@pytest.mark.parametrize(("size", "status"), [(65_536, 200), (65_537, 413)])
@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_has_64_kilobytes_at_most(
    client: httpx.AsyncClient, size: int, status: int, is_chunked: bool
) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, size, 10_000):
            yield b"x" * min(10_000, size - start)

    with capture_logs() as log:
        answer = await client.post("/echo", content=pieces() if is_chunked else b"x" * size)
    assert answer.status_code == status
    if status == 413:
        assert problem(answer)["code"] == "too_big"
        assert [(line["event"], line["result"]) for line in log] == [("access_denied", "too_big")]
    else:
        assert len(answer.content) == size


@pytest.mark.parametrize("said", ["-1", "1e3", "99999999999999999999"])
async def test_a_length_that_is_none_is_refused(client: httpx.AsyncClient, said: str) -> None:
    head = f"POST /echo HTTP/1.1\r\nHost: drive.example.org\r\nContent-Length: {said}\r\n\r\n"
    answer = await raw(client, head)
    assert answer.startswith(("HTTP/1.1 400 ", "HTTP/1.1 413 "))


async def test_a_body_that_does_not_come_is_waited_for_briefly(hasty: httpx.AsyncClient) -> None:
    head = "POST /echo HTTP/1.1\r\nHost: drive.example.org\r\nContent-Length: 10\r\n\r\nabc"
    with capture_logs() as log:
        answer = await raw(hasty, head)
    assert answer.startswith("HTTP/1.1 408 ")
    assert [(line["event"], line["result"]) for line in log] == [("access_denied", "timeout")]
    assert '"code":"timeout"' in answer


async def test_a_person_reads_a_page_where_a_program_has_a_problem(
    client: httpx.AsyncClient, hasty: httpx.AsyncClient
) -> None:
    """Whatever refuses before a route does, or after it: in their language, with a next step."""
    reads = {"Accept": "text/html,*/*;q=0.8", "Accept-Language": "zh-TW"}
    large = await client.post("/echo", content=b"x" * 65_537, headers=reads)
    broken = await client.get("/fault/defect", headers=reads)
    head = "POST /echo HTTP/1.1\r\nHost: drive.example.org\r\nContent-Length: 10\r\n"
    late = await raw(hasty, f"{head}Accept: text/html\r\nAccept-Language: zh-TW\r\n\r\nabc")
    assert (large.status_code, broken.status_code, late.split()[1]) == (413, 500, "408")
    for text, said in (
        (large.text, "一次送出的內容太多"),
        (broken.text, "這裡出了問題"),
        (late, "內容沒有及時送達"),
    ):
        assert f"<span>{said}</span>" in text
        assert 'class="btn" href="/settings/google"' in text
    assert "secret words" not in broken.text
    for path in ("/api/docs", "/api/auth/google/callback?code=secret"):  # pages, too
        refused = await client.get(path, headers={**reads, "Host": "127.0.0.1"})
        assert "這不是這個服務的網址" in refused.text
        assert "secret" not in refused.text


async def test_whoever_goes_amid_a_body_leaves_nothing_behind(client: httpx.AsyncClient) -> None:
    port = client.base_url.port
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /echo HTTP/1.1\r\nHost: drive.example.org\r\nContent-Length: 10\r\n\r\nabc")
    await writer.drain()
    writer.close()
    assert (await client.post("/echo", content=b"x")).status_code == 200


@pytest.mark.parametrize(
    ("kind", "status", "code", "retry_after"),
    [
        ("consent", 409, "consent_required", None),
        ("away", 503, "unavailable", "8"),
        ("operator", 503, "operator_fault", "60"),
        ("restarted", 503, "database_unreachable", "5"),
        ("ours", 429, "rate_limited", "1"),
        ("defect", 500, "failed", None),
    ],
)
async def test_faults_are_problems_without_their_words(
    client: httpx.AsyncClient, kind: str, status: int, code: str, retry_after: str | None
) -> None:
    answer = await client.get(f"/fault/{kind}")
    assert answer.status_code == status
    assert problem(answer)["code"] == code
    assert answer.headers.get("Retry-After") == retry_after
    assert "secret words" not in answer.text


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        (("GET", "/nothing"), 404, "not_found"),
        (("DELETE", "/echo"), 405, "not_permitted"),
        (("GET", "/number?n=<planted>"), 422, "invalid_request"),
    ],
)
async def test_the_frameworks_refusals_are_problems_too(
    client: httpx.AsyncClient, request_: tuple[str, str], status: int, code: str
) -> None:
    with capture_logs() as log:
        answer = await client.request(*request_)
    assert answer.status_code == status
    assert problem(answer)["code"] == code
    assert "planted" not in answer.text
    assert ("Allow" in answer.headers) == (status == 405)
    assert [(line["event"], line["result"]) for line in log] == [("access_denied", code)]


@pytest.mark.parametrize(
    ("accepts", "language"),
    [("zh-TW", "zh-Hant"), ("zh-CN", "zh-Hans"), ("en", "en"), ("", "en"), ("fr", "en")],
)
async def test_a_problem_is_told_in_the_readers_language(
    client: httpx.AsyncClient, accepts: str, language: str
) -> None:
    answer = await client.get("/fault/consent", headers={"Accept-Language": accepts})
    assert answer.headers["Content-Language"] == language
    assert answer.headers["Vary"] == "Accept-Language"
    assert json.loads(answer.content)["title"].isascii() == (language == "en")


def test_every_code_has_words_and_says_with_which_status_it_comes() -> None:
    """And those that are written down are those that the code gives."""
    assert len(known_codes()) > 20
    assert {code for codes in CODES.values() for code in codes} == known_codes()
    given = {
        (int(status), code)
        for source in (ROOT / "web").rglob("*.py")
        for status, code in re.findall(r'(?:Problem|denied)\((\d+), "(\w+)"', source.read_text())
    }
    assert len(given) > 10
    said = {(status, code) for status, codes in CODES.items() for code in codes}
    assert given - said == {(410, "expired")}  # of pages


@pytest.mark.parametrize(
    ("hops", "forwarded", "address"),
    [
        (0, [], "192.0.2.1"),
        (0, ["198.51.100.7"], "192.0.2.1"),
        (1, ["203.0.113.9, 198.51.100.7"], "198.51.100.7"),
        (1, ["203.0.113.9", "198.51.100.7"], "198.51.100.7"),
        (2, ["203.0.113.9, 198.51.100.7"], "203.0.113.9"),
        (2, ["198.51.100.7"], "unknown"),
        (1, ["nonsense"], "unknown"),
        (1, [], "unknown"),
        (1, ["2001:DB8::1"], "2001:db8::1"),
        (1, ["203.0.113.9, 198.51.100.7:567"], "198.51.100.7"),
        (1, ["[2001:DB8::1]:567"], "2001:db8::1"),
        (1, ["[::1]"], "::1"),
        (1, ["::1:567"], "::1:567"),
        (1, ["198.51.100.7:"], "unknown"),
        (1, ["198.51.100.7:567:1"], "unknown"),
        (1, ["[::1]:x"], "unknown"),
        (1, ["[]:567"], "unknown"),
        (1, [":567"], "unknown"),
    ],
)
def test_only_trusted_proxies_say_who_asks(hops: int, forwarded: list[str], address: str) -> None:
    headers = [(b"x-forwarded-for", one.encode()) for one in forwarded]
    scope = {"type": "http", "headers": headers, "client": ("192.0.2.1", 1234)}
    assert client_address(Request(scope), hops) == address


async def nobody(cookie: str, *, renews: bool = True) -> Session | None:
    return None


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "same-origin", "Origin": "null"}, True),
        ({"Origin": URL}, True),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "same-site"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": URL}, False),
        ({"Origin": "https://evil.test"}, False),
        ({"Origin": "null"}, False),
        ({}, False),
    ],
)
def test_a_change_comes_from_this_sites_own_pages(headers: dict[str, str], is_ours: bool) -> None:
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    request, signed_in = Request({"type": "http", "headers": raw}), SignedIn(nobody, URL)
    if is_ours:
        signed_in.check_site(request)
        return
    with pytest.raises(Problem) as refused:
        signed_in.check_site(request)
    assert (refused.value.status, refused.value.code) == (403, "other_site")
