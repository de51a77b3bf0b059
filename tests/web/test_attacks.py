"""What a foreign page, a crafted address or a crafted body can have this site do: nothing."""

from __future__ import annotations

import base64
import html
import json
import re
from http.cookies import SimpleCookie
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

import httpx
import pytest

from sandbox.clients.google_controls import GoogleControls
from tests.security.kit import AMY
from tests.web.kit import OPERATOR, TANHAE, RunningWeb
from tests.web.pages_kit import SETTINGS
from tests.web.test_roles import FILLED, TABLE
from web.gate.signed_in import COOKIE

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
CALLBACK: Final = "/api/auth/google/callback"
ASK: Final = {"department": "tanhae"}
PLANTED: Final = "zqxplanted"
PAYLOADS: Final = (
    f"https://{PLANTED}.test/",
    f"//{PLANTED}.test",
    f"/\\{PLANTED}.test",
    f"\\\\{PLANTED}.test",
    f"javascript:{PLANTED}()",
    f"<script>{PLANTED}()</script>",
    f"'\"><img src=x onerror={PLANTED}()>",
    f"\r\nX-Planted: {PLANTED}\r\n\r\n<b>{PLANTED}",
    f"\u202e{PLANTED}\u2066\x00\x1b[31m",
    f"{{{{7*7}}}}${{7*7}}%s%n{PLANTED}",
    PLANTED + "x" * 3000,
)
EVERYTHING: Final = (" ".join(PAYLOADS[:-1]),)
NAMES: Final = (
    *("done", "error", "next", "redirect", "return_to", "url", "department", "ask", "client"),
    *("fault", "news", "state", "code", "error_description", "wrong", "what", "at", "page"),
    *("from", "to", "replaced"),
)


GOOGLES_DOCS: Final = r"https://developers\.google\.com/workspace/drive/api/guides/"
"""The only links that leave the site: from the page about the API."""


def check_nothing_of_it_is_told(answer: httpx.Response) -> None:
    """Neither followed nor printed: but in a page's links to itself, percent-encoded."""
    said = [(name, value) for name, value in answer.headers.items() if name != "link"]
    assert PLANTED not in str(said).lower(), said
    location = answer.headers.get("Location", "/")
    assert re.match(r"/(?![/\\])", location), location
    text = answer.text
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        for link in re.findall(r'(?:href|action|src)="([^"]*)"', text):
            assert re.match(rf"/(?![/\\])|#|{GOOGLES_DOCS}", link), link
        own = re.compile(r'(?:href|data-live-from)="/[^"\s<>]*"')
        text = own.sub("", text)
    assert PLANTED not in html.unescape(text), answer.url


async def test_an_address_is_neither_followed_nor_printed(web: RunningWeb) -> None:
    """In no field, no page, whoever opens it; refused ones included."""
    pages = [
        route.partition(" ")[2].format(**FILLED)
        for route in TABLE
        if route.startswith("GET ") and not route.startswith("GET /static")
    ]
    cookie = await web.sign_in()
    async with web.browser() as nobody, web.browser(cookie) as someone:
        for browser in (nobody, someone):
            for path in (*pages, CALLBACK):
                for payload in PAYLOADS if path == SETTINGS else EVERYTHING:
                    answer = await browser.get(path, params=dict.fromkeys(NAMES, payload))
                    check_nothing_of_it_is_told(answer)
            for payload in PAYLOADS:
                answer = await browser.get(
                    f"/console/enter/{quote(payload, safe='')}", headers={"Accept": "text/html"}
                )
                check_nothing_of_it_is_told(answer)
        audit = await someone.get("/console/audit", params={"owner": PAYLOADS[5]})
    assert f"<script>{PLANTED}" not in audit.text  # what is searched for stays in its field
    assert f"&lt;script&gt;{PLANTED}" in audit.text
    assert PLANTED not in web.log.getvalue()
    assert "Traceback" not in web.log.getvalue()


async def test_googles_words_are_taken_for_none_of_ours(web: RunningWeb) -> None:
    """`error` of somebody who asked, and so is led back to the page."""
    async with web.browser(await web.sign_in()) as browser:
        for payload in PAYLOADS:
            asked = (await browser.get("/api/google/auth-url", params=ASK)).json()["auth_url"]
            state = parse_qs(urlsplit(asked).query)["state"][0]
            answer = await browser.get(CALLBACK, params={"state": state, "error": payload})
            check_nothing_of_it_is_told(answer)
            assert (
                answer.headers["Location"] == f"{SETTINGS}?department=tanhae&error=invalid_request"
            )
    assert PLANTED not in web.log.getvalue()


BODIES: Final[dict[str, Any]] = {
    "/api/clients": {"department": "tanhae", "label": "x", "may": ["upload"]},
    "/api/clients/pairing-codes": {"department": "tanhae", "label": "x", "may": ["upload"]},
    "/api/clients/pair": {"code": "KTRW-PHXM"},
    "/api/google/get-access-token?department=tanhae": {"rejected_sha256": "0" * 64},
    "/api/google/upload-sessions?department=tanhae": {
        **{"name": "a.pdf", "size": 1},
        **{"md5": "0" * 32, "mime": "application/pdf"},
    },
}


async def test_no_value_of_a_body_comes_back(unlimited_web: RunningWeb) -> None:
    """Each field in turn, and fields that there are not; as administrator and as computer."""
    web = unlimited_web
    _, key = await web.add_computer()
    headers = {"Idempotency-Key": "1", "Authorization": f"Bearer {key.get_secret_value()}"}
    async with web.browser(await web.sign_in()) as browser:
        for path, body in BODIES.items():
            for payload in (*EVERYTHING, "\ud800" + PLANTED):
                for name in (*body, PLANTED):
                    sent = json.dumps({**body, name: payload}).encode()
                    how = {"Content-Type": "application/json"}
                    if "department=" in path:
                        how |= headers
                    answer = await browser.post(path, content=sent, headers=how)
                    assert answer.status_code < 500, (path, name, payload)
                    if answer.status_code >= 400:
                        assert answer.headers["Content-Type"] == "application/problem+json"
                        assert PLANTED not in answer.text
                        assert "x-planted" not in answer.headers
    listed = await web.custody.workers.read(web.services.desk.clients.all)
    assert not any(char in one.label for one in listed for char in "\r\n\x00\x1b\u202e\ud800")
    assert PLANTED not in web.log.getvalue()
    assert "Traceback" not in web.log.getvalue()


async def test_headers_say_nothing_that_comes_back(web: RunningWeb) -> None:
    """Nor is anything done that they name."""
    said = dict.fromkeys(
        (
            *("Origin", "Referer", "Accept-Language", "User-Agent", "X-Request-Id", "Traceparent"),
            *("X-Drivekeeper-Machine", "X-Forwarded-For", "Idempotency-Key", "From", "Via"),
        ),
        PLANTED,
    )
    async with web.browser(await web.sign_in(), **said) as browser:
        for path in (SETTINGS, "/console", "/api/clients", "/api/docs", "/x", CALLBACK):
            answer = await browser.get(path)
            check_nothing_of_it_is_told(answer)
            assert not [one for one in answer.headers if one.startswith("access-control-")]
    assert PLANTED not in web.log.getvalue()


# -- Sessions ------------------------------------------------------------------------------------


async def test_each_sign_in_has_a_cookie_of_its_own_with_its_exact_attributes(
    web: RunningWeb,
) -> None:
    """One that was planted is taken over neither where it is nobody's nor where it is another's."""
    others, planted = await web.sign_in("operator:Eve"), "planted" * 6
    seen = {others, planted}
    for before in (None, planted, others):
        code = await web.custody.workers.run(web.services.links.make, OPERATOR)
        async with web.browser(before) as browser:
            answer = await browser.post(f"/console/enter/{code.get_secret_value()}")
        [said] = answer.headers.get_list("Set-Cookie")
        value, *attributes = [part.strip() for part in said.split(";")]
        assert sorted(attributes, key=str.lower) == [
            *("HttpOnly", "Max-Age=43200", "Path=/", "SameSite=lax", "Secure"),
        ]
        name, _, cookie = value.partition("=")
        assert (name, len(cookie)) == ("__Host-drivekeeper", 43)
        assert cookie not in seen
        seen.add(cookie)
        async with web.browser(cookie) as browser:
            assert "Ops" in (await browser.get(SETTINGS)).text
            ended = SimpleCookie((await browser.post("/console/leave")).headers.get("Set-Cookie"))
            assert COOKIE not in ended  # without the form's token nobody is signed out
    async with web.browser(planted) as browser:
        assert (await browser.get(SETTINGS)).status_code == 303


async def test_no_other_cookie_signs_in(web: RunningWeb) -> None:
    """Names that a neighbour or an unsafe connection could set, and values that are no cookie's."""
    cookie = await web.sign_in()
    said = [
        *(f"{name}={cookie}" for name in ("drivekeeper", "__Secure-drivekeeper", "session")),
        *(f"{COOKIE}={cookie[:-1]}", f"{COOKIE}={cookie}x", f"{COOKIE}={cookie.swapcase()}"),
        *(f"{COOKIE}=", f"{COOKIE}", f"{COOKIE}={'x' * 5000}", f"{COOKIE}=\xff\xfe"),
        f"{COOKIE}={cookie}; {COOKIE}=planted",
    ]
    async with web.browser() as browser:
        for one in said:
            answer = await browser.get(SETTINGS, headers=[(b"Cookie", one.encode("latin-1"))])
            assert answer.status_code == 303, one
    assert "Traceback" not in web.log.getvalue()


async def test_a_cookie_of_the_pages_that_was_tampered_with_shows_nothing(web: RunningWeb) -> None:

    cookie = await web.sign_in()
    made = {"code": "ABCD-EFGH", "department": "tanhae", "label": PLANTED, "expires_at": 9e99}
    tampered = [
        b"[" * 740,
        json.dumps([{**made, "expires_at": float("nan")}]).encode(),
        json.dumps(made).encode(),
        json.dumps([made]).encode(),
        json.dumps([made | {"expires_at": 4e9}] * 9).encode(),
        json.dumps([{**made, "department": PLANTED}]).encode(),
        b"\xff",
    ]
    async with web.browser() as browser:
        for one in tampered:
            said = base64.urlsafe_b64encode(one).decode()
            cookies = f"{COOKIE}={cookie}; __Host-drivekeeper-pairing={said}"
            cookies += f"; drivekeeper-zone=../../etc/passwd; drivekeeper-language={PLANTED}"
            answer = await browser.get(SETTINGS, headers={"Cookie": cookies})
            assert answer.status_code == 200, one[:20]
            assert PLANTED not in answer.text
    assert "Traceback" not in web.log.getvalue()


# -- Requests of other sites ---------------------------------------------------------------------


FOREIGN: Final[tuple[dict[str, str], ...]] = (
    {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"},
    {"Sec-Fetch-Site": "same-site", "Origin": "https://sub.evil.test"},
    {"Origin": "https://evil.test"},
    {"Origin": "null"},
    {"Referer": "{url}/settings/google"},
    {},
)
SIMPLE: Final = (
    "text/plain",
    "text/plain; application/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "",
)
"""What a form or a script of another site can send without asking first (Fetch standard)."""


async def test_no_page_elsewhere_changes_anything(web: RunningWeb) -> None:
    """By forms and by JSON that says it is text, with the administrator's own cookie."""
    cookie = await web.sign_in()
    client, _ = await web.add_computer()
    changes = [
        *(("POST", path) for path in ("/api/clients", "/api/clients/pairing-codes")),
        ("DELETE", f"/api/clients/{client.id}"),
        ("POST", f"/api/clients/{client.id}/unblock"),
        ("DELETE", "/api/google/authorization?department=tanhae"),
    ]
    body = json.dumps(BODIES["/api/clients"])
    async with httpx.AsyncClient(base_url=web.url, cookies={COOKIE: cookie}) as browser:
        for method, path in changes:
            # All of them at one, the plainest at the others: the gate is the same.
            most = slice(None) if path == "/api/clients" else slice(1)
            for headers in FOREIGN[most]:
                how = {name: value.format(url=web.url) for name, value in headers.items()}
                how["Content-Type"] = "application/json"
                answer = await browser.request(method, path, content=body, headers=how)
                assert (answer.status_code, answer.json()["code"]) == (403, "other_site"), headers
            for kind in SIMPLE[most]:
                how = {"Sec-Fetch-Site": "same-origin"} | ({"Content-Type": kind} if kind else {})
                answer = await browser.request(method, path, content=body, headers=how)
                told = answer.status_code, answer.json()["code"]
                assert told == (415, "wrong_type"), (path, kind)
    [left] = await web.custody.workers.read(web.services.desk.clients.all)
    assert left.state == "active"
    denied = len(FOREIGN) + len(SIMPLE) + 2 * (len(changes) - 1)
    assert len(web.lines("access_denied")) == denied


async def test_no_picture_elsewhere_ends_a_consent_that_is_under_way(
    web: RunningWeb, google: GoogleControls
) -> None:
    """GET auth-url is a change: a page elsewhere would end the request of whoever is at Google."""
    cookie = await web.sign_in()
    async with web.browser(cookie) as browser:
        asked = (await browser.get("/api/google/auth-url", params=ASK)).json()["auth_url"]
        async with httpx.AsyncClient(base_url=web.url, cookies={COOKIE: cookie}) as elsewhere:
            for headers in FOREIGN:
                how = {name: value.format(url=web.url) for name, value in headers.items()}
                answer = await elsewhere.get("/api/google/auth-url", params=ASK, headers=how)
                assert (answer.status_code, answer.json()["code"]) == (403, "other_site")
        answer = await browser.get(await google.consent(asked, AMY))
    assert answer.headers["Location"].endswith("done=authorised")
    assert await web.custody.custodian.load(TANHAE.owner) is not None
