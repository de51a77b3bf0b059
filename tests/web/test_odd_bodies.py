"""Bodies as no page and no computer sends them: as large as they may be, and as costly."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.web.kit import RunningWeb
from web.gate.signed_in import COOKIE

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]


def crafted() -> Iterator[tuple[str, bytes]]:
    """Content-Type and body: as large as a body may be, and as costly."""
    kind = "application/json"
    yield kind, b"[" * 65_536
    yield kind, b'{"a":' * 13_000 + b"1" + b"}" * 100
    yield kind, b'{"label":' + b"1" * 60_000 + b"}"
    yield kind, b"{" + b",".join(b'"%d":0' % n for n in range(6_000)) + b"}"
    yield kind, b'{"department":NaN,"label":Infinity,"may":[-Infinity]}'
    yield kind, b'{"department":"tanhae","label":"\\ud800","may":["upload"]}'
    yield kind, b'\xff\xfe{\x00"\x00'
    yield kind, b"null"
    yield kind, b"[]"
    form = "application/x-www-form-urlencoded"
    yield form, b"&" * 65_000
    yield form, b"a&" * 32_000
    yield form, b"csrf=" + b"%" * 65_000
    yield form, b"x" * 65_000 + b"=1"
    parts = "multipart/form-data; boundary=b"
    part = b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\nx\r\n'
    yield parts, b"".join(part % (b"a", b"") for _ in range(1_100)) + b"--b--\r\n"
    yield parts, b"".join(part % (b"f", b'; filename="f"') for _ in range(900)) + b"--b--\r\n"
    yield parts, part % (b"n" * 64_000, b"") + b"--b--\r\n"
    yield parts, part % (b"csrf", b'; filename="../../x"') + b"--b--\r\n"
    inner = b"Content-Type: multipart/mixed; boundary=c\r\n"
    yield parts, b"--b\r\n" + inner * 900 + b"\r\n"
    yield parts, b"--b" * 20_000
    yield "multipart/form-data; boundary=" + "b" * 5_000, b"--b--"
    yield "multipart/form-data", b"--b--"
    yield "multipart/form-data; boundary=b; charset=\xff", part % (b"\xff\xfe", b"") + b"--b--\r\n"
    yield "application/json; charset=utf-7", b"+ADw-"
    yield "application/json", b"[" * 65_537


async def test_whatever_a_body_holds_it_is_refused_soon_and_the_process_lives(
    web: RunningWeb,
) -> None:
    """400, 403, 413, 415 or 422; nothing of it is a defect, or costs more than a moment."""
    targets = ("/api/clients", "/settings/google/clients")
    cookie = await web.sign_in()
    async with web.browser() as browser, web.browser() as other:
        for kind, body in crafted():
            for path in targets:
                began = time.process_time()
                answer = await browser.post(
                    path,
                    content=body,
                    headers=[
                        (b"Content-Type", kind.encode("latin-1")),
                        (b"Cookie", f"{COOKIE}={cookie}".encode()),
                    ],
                )
                said = (path, kind[:40], body[:20], answer.status_code)
                assert answer.status_code in (400, 401, 403, 413, 415, 422, 429), said
                assert time.process_time() - began < 2, said
        assert (await other.get("/console/enter")).status_code == 200
    assert await web.custody.workers.read(web.services.desk.clients.all) == []
    assert "Traceback" not in web.log.getvalue()


async def test_a_name_that_is_given_twice_has_one_meaning(web: RunningWeb) -> None:
    """What is looked at is what is done: a key of one department is given for no other."""
    _, key = await web.add_computer()
    twice = "/api/google/get-access-token?department={}&department={}"
    async with web.computer(key) as computer:
        for pair in (("tanhae", "anping"), ("anping", "tanhae")):
            answer = await computer.post(twice.format(*pair))
            expected = {"tanhae": (409, "consent_required")}.get(pair[1], (403, "other_department"))
            assert (answer.status_code, answer.json()["code"]) == expected
    body = b'{"department":"anping","department":"tanhae","label":"x","label":"y","may":["upload"]}'
    async with web.browser(await web.sign_in()) as browser:
        made = await browser.post(
            "/api/clients", content=body, headers={"Content-Type": "application/json"}
        )
    assert made.json()["client"]["department"] == "tanhae"
    assert made.json()["client"]["label"] == "y"
