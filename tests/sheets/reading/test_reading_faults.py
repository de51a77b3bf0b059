"""What Google may answer instead of cells, and what the reader makes of it."""

from __future__ import annotations

import asyncio
import gzip
import socket
import threading
import time
from asyncio import to_thread
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from drive.connection import AccessToken
from security.errors import CustodyError, OperatorFault, TransientFault
from sheets.answer import MAX_BODY
from sheets.reading.api import SheetsApi
from sheets.reading.reader import Reader
from tests.journeys import until_struck
from tests.service_accounts import ADDRESS, KEY_ID
from tests.sheets.reading.conftest import Desk, titled

TABS = titled("11512班表")
SHARE = f"share it with {ADDRESS} as a viewer"


async def fault_of(desk: Desk, reader: Reader, sheet: str) -> CustodyError:
    """What a look raises."""
    with pytest.raises(CustodyError) as raised:
        await desk.read(reader, sheet, TABS)
    return raised.value


async def test_who_has_to_share_what_with_whom_is_said(desk: Desk) -> None:
    sheet, reader = await desk.add(shared=[]), desk.reader()
    fault = await fault_of(desk, reader, sheet)
    assert isinstance(fault, OperatorFault)
    assert fault.code == "sheet_not_shared"
    assert SHARE in str(fault)
    assert sheet not in str(fault)
    fault = await fault_of(desk, reader, "1nowhere")
    assert (type(fault), fault.code) == (OperatorFault, "sheet_not_found")
    assert SHARE in str(fault)
    excel = await desk.add(is_office_file=True)
    fault = await fault_of(desk, reader, excel)
    assert (type(fault), fault.code) == (OperatorFault, "sheet_not_google")
    await desk.google.act("sheet_share", sheet=sheet, address=ADDRESS)
    assert (await desk.read(reader, sheet, TABS)).tabs[0].data


@pytest.mark.parametrize(
    ("options", "kind", "code"),
    [
        ({"reason": "SERVICE_DISABLED"}, OperatorFault, "sheets_disabled"),
        ({"status": 400}, OperatorFault, "invalid_request"),
        ({"status": 409}, OperatorFault, "invalid_request"),
        ({"status": 408}, TransientFault, "unavailable"),
        ({"status": 500}, TransientFault, "unavailable"),
        ({"status": 502}, TransientFault, "unavailable"),
        ({"status": 429}, TransientFault, "rate_limited"),
        ({"status": 403, "body": "<html>no</html>"}, TransientFault, "not_json"),
        ({"status": 404, "body": {}}, TransientFault, "not_json"),
        ({"status": 404, "body": {"error": []}}, TransientFault, "not_json"),
        ({"status": 403, "body": {"error": {"details": [7, {"@type": 7}]}}}, OperatorFault, None),
        ({"status": 400, "body": {"error": {"message": ["Unable"]}}}, OperatorFault, None),
        ({"status": 204, "body": ""}, TransientFault, "not_json"),
        ({"status": 206}, TransientFault, "not_json"),
        ({"status": 200, "body": "[]"}, TransientFault, "not_json"),
        ({"status": 200, "body": ""}, TransientFault, "not_json"),
        ({"status": 200, "body": {}, "content_type": "text/html"}, TransientFault, "not_json"),
    ],
)
async def test_what_is_refused_is_told_apart_by_what_must_follow(
    desk: Desk, options: dict[str, Any], kind: type[CustodyError], code: str | None
) -> None:
    sheet, reader = await desk.add(), desk.reader()
    await desk.google.fault("google.sheets.get", "status", **options)
    fault = await fault_of(desk, reader, sheet)
    assert isinstance(fault, kind)
    assert code in (None, fault.code)
    desk.clock.now += 1000
    assert (await desk.read(reader, sheet, TABS)).tabs[0].data


async def test_a_token_that_has_ended_is_replaced_once(desk: Desk) -> None:
    sheet, reader = await desk.add(), desk.reader()
    await desk.read(reader, sheet, TABS)
    await desk.google.expire_access_tokens()
    assert (await desk.read(reader, sheet, TABS)).tabs[0].data
    assert desk.tokens == 2
    await desk.google.fault("google.sheets.get", "status", status=401, count=0)
    await desk.asked()
    fault = await fault_of(desk, reader, sheet)
    assert (type(fault), fault.code) == (OperatorFault, "invalid_grant")
    assert (await desk.asked(), desk.tokens) == (2, 3)


async def test_a_token_is_replaced_before_it_ends(desk: Desk) -> None:
    ends = [timedelta(seconds=30), timedelta(hours=1)]
    given: list[AccessToken] = []

    def fetch() -> AccessToken:
        until = datetime.now(UTC) + ends[len(given)]
        given.append(AccessToken(SecretStr(f"ya29.{len(given)}"), until))
        return given[-1]

    await desk.google.fault("google.sheets.get", "status", status=404, count=0)
    with closing(Reader(SheetsApi(desk.sandbox.url), ADDRESS, fetch)) as reader:
        for fetched in (1, 2, 2):
            await fault_of(desk, reader, "1x")
            assert len(given) == fetched


async def test_a_key_that_google_refuses_is_an_operators_fault(desk: Desk) -> None:
    sheet, reader = await desk.add(), desk.reader()
    await desk.google.act("advance_clock", seconds=4000)
    fault = await fault_of(desk, reader, sheet)
    assert isinstance(fault, OperatorFault)
    assert "this machine's clock is wrong" in str(fault)
    await desk.google.act("advance_clock", seconds=-4000)
    assert (await desk.read(reader, sheet, TABS)).tabs[0].data
    await desk.google.expire_access_tokens()
    await desk.google.act("service_account", address=ADDRESS, key_id=KEY_ID)
    assert isinstance(await fault_of(desk, reader, sheet), OperatorFault)
    assert await desk.asked() == 2


async def test_whoever_was_told_to_wait_does_not_ask(desk: Desk) -> None:
    """As long as Google says, whichever spreadsheet it is."""
    sheets = [await desk.add() for _ in range(3)]
    reader = desk.reader()
    await desk.google.fault("google.sheets.get", "status", status=429, retry_after=400)
    fault = await fault_of(desk, reader, sheets[0])
    assert isinstance(fault, TransientFault)
    assert fault.retry_after == 400
    await desk.asked()
    for passed in (0, 200, 199):
        desk.clock.now += passed
        for sheet in sheets:
            fault = await fault_of(desk, reader, sheet)
            assert isinstance(fault, TransientFault)
            assert fault.code == "rate_limited"
            assert fault.retry_after == pytest.approx(1000 + 400 - desk.clock.now)
    assert await desk.asked() == 0
    desk.clock.now += 2
    assert (await desk.read(reader, sheets[1], TABS)).tabs[0].data


async def test_a_storm_of_429_is_asked_ever_more_seldom(desk: Desk) -> None:
    """Ten sheets, an hour, a look a second: without pauses that would be 36,000 requests."""
    sheets, reader = [await desk.add() for _ in range(10)], desk.reader()
    rule = await desk.google.fault("google.sheets.get", "status", status=429, count=0)
    asked: list[int] = []

    def look_for_an_hour() -> None:
        for second in range(3600):
            desk.clock.now += 1
            before = len(asked)
            for sheet in sheets:
                with pytest.raises(TransientFault) as raised:
                    reader.read(sheet, TABS)
                assert raised.value.code == "rate_limited"
                if raised.value.retry_after is None:  # then Google was asked
                    asked.append(second)
            assert len(asked) - before <= 1

    await to_thread(look_for_an_hour)
    assert await desk.asked() == len(asked)
    assert 5 <= len(asked) <= 12
    assert asked[1] - asked[0] < 60
    assert asked[-1] - asked[-2] > 400
    await desk.google.ask("DELETE", f"/faults/{rule}")
    desk.clock.now += 1800
    assert (await desk.read(reader, sheets[0], TABS)).tabs[0].data


async def test_looks_that_fail_together_are_one_failure(desk: Desk) -> None:
    sheets, reader = [await desk.add() for _ in range(4)], desk.reader()
    await desk.read(reader, sheets[0], TABS)
    held = await desk.google.fault("google.sheets.get", "latency", seconds=60, count=4)
    await desk.google.fault("google.sheets.get", "status", status=503, count=4)
    looks = asyncio.gather(*(fault_of(desk, reader, sheet) for sheet in sheets))
    await until_struck(desk.google, "google.sheets.get", 8)
    await desk.google.ask("DELETE", f"/faults/{held}")
    await looks
    desk.clock.now += 5
    assert (await desk.read(reader, sheets[0], TABS)).tabs[0].data


@pytest.mark.parametrize(
    ("kind", "options", "code"),
    [
        ("drop", {"count": 3}, "unavailable"),
        ("hang", {}, "timeout"),
        ("html", {}, "not_json"),
        ("html", {"status": 302}, "not_json"),
        ("cut_response", {"after_bytes": 40}, "unavailable"),
        ("altered", {"body": "{}", "content_type": "text/plain"}, "not_json"),
        ("altered", {"headers": {"Content-Encoding": "gzip"}}, "unavailable"),
        ("altered", {"headers": {"Content-Encoding": "br"}}, "unavailable"),
    ],
)
async def test_a_way_to_google_that_is_broken_is_passing(
    desk: Desk, kind: str, options: dict[str, Any], code: str
) -> None:
    """And the next look is another try."""
    sheet, reader = await desk.add(), desk.reader(seconds=0.5 if kind == "hang" else 20)
    await desk.google.fault("google.sheets.get", kind, **options)
    began = time.monotonic()
    fault = await fault_of(desk, reader, sheet)
    assert time.monotonic() - began < 15
    assert (type(fault), fault.code) == (TransientFault, code)
    await desk.google.clear_faults()
    desk.clock.now += 1000
    reader._seconds = 20  # what is answered need not be so fast
    assert (await desk.read(reader, sheet, TABS)).tabs[0].data


@pytest.mark.parametrize("options", [{"gzip": True}, {"chunked": True}])
async def test_an_answer_may_come_compressed_and_in_pieces(
    desk: Desk, options: dict[str, Any]
) -> None:
    sheet, reader = await desk.add(), desk.reader()
    plain = await to_thread(reader.read, sheet, TABS)
    await desk.google.fault("google.sheets.get", "altered", **options)
    assert await to_thread(reader.read, sheet, TABS) == plain
    assert await to_thread(reader.read, sheet, TABS) == plain


async def test_the_end_of_the_program_ends_what_is_under_way(desk: Desk) -> None:
    sheet, reader = await desk.add(), desk.reader()
    await desk.google.fault("google.sheets.get", "hang")
    looking = asyncio.create_task(fault_of(desk, reader, sheet))
    async with asyncio.timeout(20):
        while not (await desk.google.faults())[0]["hits"]:  # noqa: ASYNC110 - over HTTP
            await asyncio.sleep(0.01)
        began = time.monotonic()
        reader.close()
        fault = await looking
    assert time.monotonic() - began < 5
    assert fault.code == "stopped"


async def test_whatever_stands_in_an_answer_is_handed_over_as_it_came(desk: Desk) -> None:
    """It is looked at by whoever knows cells."""
    sheet, reader = await desk.add(), desk.reader()
    await desk.google.fault("google.sheets.get", "odd", set={"sheets": None, "properties": 7})
    assert (await desk.read(reader, sheet, TABS)).tabs == ()


# -- answers that are too large ------------------------------------------------------------------


@contextmanager
def answering(
    body: bytes, *headers: tuple[str, str], drips: float = 0
) -> Iterator[tuple[str, Any]]:
    """A Google that gives this to everybody; its address, and how many bytes it got rid of."""
    sent: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            for name, value in (("Content-Type", "application/json"), *headers):
                self.send_header(name, value)
            self.end_headers()
            size = 1 if drips else 64 * 1024
            try:
                for at in range(0, len(body), size):
                    self.wfile.write(body[at : at + size])
                    sent.append(size)
                    time.sleep(drips)
            except OSError:
                pass
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sent
    finally:
        server.shutdown()
        server.server_close()


def read_from(address: str, seconds: float = 60) -> bytes:
    """A look at whatever is there."""
    token = AccessToken(SecretStr("ya29.x"), None)
    with closing(Reader(SheetsApi(address), ADDRESS, lambda: token, seconds=seconds)) as reader:
        return reader.read("1x", TABS)


def test_an_answer_that_is_too_large_is_not_read_to_its_end() -> None:
    body = b'{"x":"' + b"a" * (4 * MAX_BODY)
    with answering(body, ("Content-Length", str(len(body)))) as (address, sent):
        with pytest.raises(OperatorFault, match="larger than 16 MiB") as raised:
            read_from(address)
        assert raised.value.code == "sheet_too_large"
        assert sum(sent) < 3 * MAX_BODY


def test_little_gzip_that_would_become_gigabytes_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * (3 * MAX_BODY), 9)
    assert len(bomb) < MAX_BODY / 20
    headers = (("Content-Length", str(len(bomb))), ("Content-Encoding", "gzip"))
    with (
        answering(bomb, *headers) as (address, _),
        pytest.raises(OperatorFault, match="larger than 16 MiB"),
    ):
        read_from(address)


def test_an_answer_just_as_large_as_it_may_be_is_read() -> None:
    body = b'{"x":"' + b"a" * (MAX_BODY - 8) + b'"}'
    packed = gzip.compress(body)
    for sent, headers in (
        (body, (("Content-Length", str(len(body))),)),
        (packed, (("Content-Length", str(len(packed))), ("Content-Encoding", "gzip"))),
    ):
        with answering(sent, *headers) as (address, _):
            assert read_from(address) == body


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_that_ends_too_early_is_not_believed(packed: bool) -> None:
    body = b'{"sheets":[]}' * 100
    body = gzip.compress(body)[:-9] if packed else body[:-9]
    headers = [("Content-Encoding", "gzip")] if packed else []
    length = len(body) + (0 if packed else 9)
    with answering(body, ("Content-Length", str(length)), *headers) as (address, _):
        with pytest.raises(TransientFault) as raised:
            read_from(address)
        assert raised.value.code == "unavailable"


def test_an_answer_that_drips_ends_at_the_time_that_a_request_has() -> None:
    body = b'{"sheets":[]}' * 1000
    with answering(body, ("Content-Length", str(len(body))), drips=0.05) as (address, _):
        began = time.monotonic()
        with pytest.raises(TransientFault) as raised:
            read_from(address, seconds=0.5)
        assert raised.value.code == "timeout"
        assert time.monotonic() - began < 10


def test_a_token_does_not_follow_a_redirect() -> None:
    """It is for Sheets' own host."""
    with (
        answering(b"{}", ("Content-Length", "2")) as (elsewhere, seen),
        socket.create_server(("127.0.0.1", 0)) as listening,
    ):
        moved = f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\n\r\n"

        def answer() -> None:
            line, _ = listening.accept()
            with line:
                line.recv(65536)
                line.sendall(moved.encode())

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(TransientFault) as raised:
            read_from(f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread.join(10)
        assert (raised.value.code, seen) == ("not_json", [])


def test_nobody_there_is_passing() -> None:
    with pytest.raises(TransientFault, match="Sheets could not be reached"):
        read_from("http://127.0.0.1:9")
