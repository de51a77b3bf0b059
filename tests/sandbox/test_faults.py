"""What goes wrong on order, and the record of calls."""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from drive.resources import FILE_FIELDS
from sandbox.clients.connection import SandboxError
from sandbox.faults.rules import read_fault
from sandbox.panel import control
from tests.journeys import until_struck
from tests.sandbox.google_kit import AMY, BEN, BLOCK, Kit

LIST = "google.drive.files.list"
RETRIED = 2  # aiohttp's client tries GET and PUT once more when a connection breaks


async def test_status_fault_strikes_count_times_after_skipping(kit: Kit) -> None:
    drive = await kit.bearer()
    await kit.google.fault(LIST, "status", status=503, count=2, skip=1)
    assert [(await drive.listed()).status for _ in range(4)] == [200, 503, 503, 200]
    assert (await kit.google.faults())[0]["hits"] == 2


async def test_count_zero_strikes_until_cleared(kit: Kit) -> None:
    drive = await kit.bearer()
    await kit.google.fault("google.drive.*", "status", status=500, count=0)
    assert [(await drive.listed()).status for _ in range(5)] == [500] * 5
    await kit.google.clear_faults()
    assert (await drive.listed()).status == 200


async def test_one_rule_can_be_removed(kit: Kit) -> None:
    drive = await kit.bearer()
    number = await kit.google.fault(LIST, "status", status=500)
    assert (await kit.ask("DELETE", f"/sandbox/control/faults/{number}")).status == 200
    assert (await kit.ask("DELETE", f"/sandbox/control/faults/{number}")).status == 404
    assert (await drive.listed()).status == 200


@pytest.mark.parametrize(
    ("options", "status", "reason"),
    [
        ({"status": 503}, 503, "backendError"),
        ({"status": 500}, 500, "internalError"),
        ({"status": 401}, 401, "authError"),
        ({"status": 429, "retry_after": 7}, 429, "rateLimitExceeded"),
        ({"reason": "storageQuotaExceeded"}, 403, "storageQuotaExceeded"),
        ({"status": 429, "reason": "userRateLimitExceeded"}, 429, "userRateLimitExceeded"),
        ({"status": 418}, 418, "backendError"),
    ],
)
async def test_drive_fault_has_drives_shape(
    kit: Kit, options: dict[str, Any], status: int, reason: str
) -> None:
    drive = await kit.bearer()
    await kit.google.fault(LIST, "status", **options)
    reply = await drive.listed()
    assert (reply.status, reply.reason) == (status, reason)
    assert reply.headers.get("retry-after") == (
        str(options["retry_after"]) if "retry_after" in options else None
    )


@pytest.mark.parametrize(
    ("error", "status"),
    [("invalid_client", 401), ("invalid_grant", 400), ("slow_down", 403)],
)
async def test_oauth_error_fault_has_googles_status(kit: Kit, error: str, status: int) -> None:
    token = (await kit.connect())["refresh_token"]
    await kit.google.fault("google.token.refresh", "oauth_error", error=error)
    reply = await kit.refresh(token)
    assert (reply.status, reply.json["error"]) == (status, error)
    assert (await kit.refresh(token)).status == 200


async def test_status_fault_on_the_token_endpoint_has_oauths_shape(kit: Kit) -> None:
    token = (await kit.connect())["refresh_token"]
    await kit.google.fault("google.token.*", "status", status=503)
    assert (await kit.refresh(token)).json == {"error": "internal_failure"}


async def test_body_and_content_type_can_be_given(kit: Kit) -> None:
    drive = await kit.bearer()
    await kit.google.fault(LIST, "status", status=502, body="<h1>no</h1>", content_type="text/html")
    reply = await drive.listed()
    assert (reply.status, reply.text) == (502, "<h1>no</h1>")
    assert reply.headers["content-type"].startswith("text/html")


async def test_html_fault_answers_a_page_where_json_was_expected(kit: Kit) -> None:
    token = (await kit.connect())["refresh_token"]
    await kit.google.fault("google.token.refresh", "html")
    reply = await kit.refresh(token)
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/html")


async def test_drop_closes_without_an_answer(kit: Kit) -> None:
    drive = await kit.bearer()
    await kit.google.fault(LIST, "drop", count=RETRIED)
    with pytest.raises(aiohttp.ClientError):
        await drive.listed()
    assert (await drive.listed()).status == 200


async def test_hang_lasts_until_cleared(kit: Kit) -> None:
    drive = await kit.bearer()
    await kit.google.fault("google.drive.files.create", "hang")
    waiting = asyncio.create_task(drive.create(name="x"))
    await until_struck(kit.google, "google.drive.files.create")
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await kit.google.clear_faults()
    with pytest.raises(aiohttp.ClientError):
        await waiting


async def test_client_that_gives_up_ends_a_hang(kit: Kit) -> None:
    drive = await kit.bearer()
    await kit.google.fault(LIST, "hang")
    waiting = asyncio.create_task(drive.listed())
    await until_struck(kit.google, LIST)
    waiting.cancel()
    assert (await drive.listed()).status == 200


async def test_latency_adds_to_other_rules(kit: Kit) -> None:
    drive = await kit.bearer()
    await kit.google.fault(LIST, "latency", seconds=0.2)
    await kit.google.fault(LIST, "status", status=503)
    started = time.monotonic()
    assert (await drive.listed()).status == 503
    assert time.monotonic() - started >= 0.2


async def test_after_carries_the_operation_out_and_loses_the_answer(kit: Kit) -> None:
    drive = await kit.bearer()
    await kit.google.fault("google.drive.files.create", "after")
    with pytest.raises(aiohttp.ClientError):
        await drive.create(name="did it happen?")
    assert [file["name"] for file in await kit.google.files(AMY)] == ["did it happen?"]


async def test_cut_body_keeps_whole_blocks_of_the_upload(kit: Kit) -> None:
    drive = await kit.bearer()
    content = os.urandom(4 * BLOCK)
    location = await drive.session(len(content))
    await kit.google.fault(
        "google.upload.chunk", "cut_body", after_bytes=2 * BLOCK + 1000, count=RETRIED
    )
    with pytest.raises(aiohttp.ClientError):
        await drive.put(location, content, 0, len(content))
    told = await drive.offset(location, len(content))
    assert (told.status, told.headers["range"]) == (308, f"bytes=0-{2 * BLOCK - 1}")
    rest = await drive.put(location, content[2 * BLOCK :], 2 * BLOCK, len(content))
    assert rest.status == 200
    assert await kit.google.file_bytes(rest.json["id"]) == content


async def test_cut_body_waits_for_a_body_long_enough(kit: Kit) -> None:
    drive = await kit.bearer()
    # Twice: aiohttp silently repeats a PUT whose connection broke.
    await kit.google.fault("google.upload.chunk", "cut_body", after_bytes=300_000, count=2)
    await drive.upload(b"short")
    with pytest.raises(aiohttp.ClientError):
        await drive.upload(os.urandom(400_000))


async def test_cut_response_sends_only_the_first_bytes(kit: Kit) -> None:
    drive = await kit.bearer()
    content = os.urandom(500_000)
    file = await drive.upload(content)
    path = f"/drive/v3/files/{file['id']}?alt=media"
    await kit.google.fault("google.drive.files.get", "cut_response", after_bytes=100_000)
    received = bytearray()

    async def receive(response: aiohttp.ClientResponse) -> None:
        async for piece in response.content.iter_any():
            received.extend(piece)

    async with kit.http.get(kit.url + path, headers=drive.headers) as response:
        with pytest.raises(aiohttp.ClientPayloadError):
            await receive(response)
    assert bytes(received) == content[:100_000]
    assert (await drive.ask("GET", path)).body == content


async def test_rule_for_one_account_spares_the_others(kit: Kit) -> None:
    amy, ben = await kit.bearer(AMY), await kit.bearer(BEN)
    await kit.google.fault(LIST, "status", status=503, count=0, owner=AMY)
    assert (await ben.listed()).status == 200
    assert (await amy.listed()).status == 503
    tokens = await kit.connect(AMY)
    await kit.google.fault("google.token.refresh", "status", status=503, owner=AMY)
    other = await kit.connect(BEN)
    assert (await kit.refresh(other["refresh_token"])).status == 200
    assert (await kit.refresh(tokens["refresh_token"])).status == 503


@pytest.mark.parametrize("way", ["up", "down"])
async def test_rate_limits_both_directions(kit: Kit, way: str) -> None:
    drive = await kit.bearer()
    content = os.urandom(200_000)
    if way == "up":
        await kit.google.rate("google.upload.chunk", 400_000)
    started = time.monotonic()
    file = await drive.upload(content)
    if way == "down":
        await kit.google.rate("google.drive.files.get", 400_000)
        started = time.monotonic()
        reply = await drive.ask("GET", f"/drive/v3/files/{file['id']}?alt=media")
        assert reply.body == content
    assert time.monotonic() - started >= 0.4
    await kit.google.rate("*", None)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"target": "x"},
        {"target": "", "kind": "drop"},
        {"target": "x", "kind": "explode"},
        {"target": "x", "kind": "status"},
        {"target": "x", "kind": "latency"},
        {"target": "x", "kind": "oauth_error"},
        {"target": "x", "kind": "cut_body"},
        {"target": "x", "kind": "drop", "count": "many"},
        {"target": "x", "kind": "drop", "skip": -1},
        {"target": "x", "kind": "drop", "colour": "red"},
        {"target": "x", "kind": "status", "status": "503"},
    ],
)
async def test_malformed_rule_is_refused_with_the_reason(kit: Kit, body: dict[str, Any]) -> None:
    reply = await kit.ask("POST", "/sandbox/control/faults", json=body)
    assert reply.status == 400
    assert ":" in reply.json["error"]


async def test_calls_are_counted_and_remembered(kit: Kit) -> None:
    drive = await kit.bearer()
    await drive.listed()
    await kit.google.fault(LIST, "drop", count=RETRIED)
    with pytest.raises(aiohttp.ClientError):
        await drive.listed()
    record = await kit.google.calls()
    assert record["counts"][LIST] == 1 + RETRIED
    good, dropped, _retried = record["calls"][-3:]
    assert (good["operation"], good["status"], good["owner"]) == (LIST, 200, AMY)
    assert dropped["status"] == 0
    await kit.google.forget_calls()
    assert (await kit.google.calls())["counts"] == {}


async def test_pages_and_controls_are_spared(kit: Kit) -> None:
    await kit.google.fault("*", "status", status=503, count=0)
    for path in ("/device", "/drive", "/sandbox/control", "/sandbox/control/calls"):
        assert (await kit.ask("GET", path)).status == 200


async def test_odd_answers_lack_fields_and_headers_or_have_others(kit: Kit) -> None:
    tokens = await kit.connect()
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    change: dict[str, Any] = {"set": {"user.emailAddress": None, "storageQuota.limit": []}}
    change |= {"drop": ["user.permissionId", "nowhere.at.all"], "headers": {"X-Odd": "yes"}}
    await kit.google.fault("google.drive.about", "odd", **change)
    path = "/drive/v3/about?fields=user,storageQuota"
    odd = await kit.ask("GET", path, headers=headers)
    assert odd.headers["x-odd"] == "yes"
    assert odd.json["user"]["emailAddress"] is None
    assert "permissionId" not in odd.json["user"]
    assert odd.json["storageQuota"]["limit"] == []
    assert (await kit.ask("GET", path, headers=headers)).json["user"]["emailAddress"] == AMY


async def test_panel_offers_every_field_of_drives_answers_to_be_odd(kit: Kit) -> None:
    script = (await kit.ask("GET", "/sandbox/control/static/odd.js")).text
    offered = re.search(r'"google.drive.files.get": \[(.*)\]', script)
    assert offered is not None
    assert set(re.findall(r"\w+", offered[1])) >= {*FILE_FIELDS.split(",")}
    assert {"missing", "null", "empty", "absurd", "another"} <= {*re.findall(r"\w+", script)}


async def test_panel_loads_nothing_from_elsewhere(kit: Kit) -> None:
    page = await kit.ask("GET", "/sandbox/control")
    assert "http://" not in page.text
    assert "https://" not in page.text
    for name in ("panel.css", "panel.js", "odd.js"):
        assert (await kit.ask("GET", f"/sandbox/control/static/{name}")).status == 200


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("revoke", {}),
        ("set_quota", {"account": AMY, "limit": "much"}),
        ("client", {"client_id": "x", "state": "asleep"}),
        ("client", {"client_id": "unknown"}),
        ("testing_mode", {"on": "yes"}),
        ("trash", {"file_id": "nowhere"}),
        ("device_interval", {}),
    ],
)
async def test_malformed_action_is_refused_with_the_reason(
    kit: Kit, action: str, body: dict[str, Any]
) -> None:
    with pytest.raises(SandboxError, match="400"):
        await kit.google.act(action, **body)


async def test_unknown_action_is_404(kit: Kit) -> None:
    with pytest.raises(SandboxError, match="404"):
        await kit.google.act("explode")


async def test_state_tells_grants_files_and_refreshes(kit: Kit) -> None:
    tokens = await kit.connect()
    await kit.refresh(tokens["refresh_token"])
    state = await kit.google.state()
    assert state["grants"][AMY]["count"] == 1
    assert state["refreshes"] == {AMY: 1}
    assert state["token_calls"] == {"exchange": 1, "refresh": 1}


@pytest.mark.parametrize(
    ("options", "status", "head", "body"),
    [
        ({"status": 206}, 206, {"Content-Length": "1000"}, "own"),
        ({"body": "x", "padded": True}, 200, {"Content-Length": "1000"}, "x".ljust(1000)),
        ({"body": "x"}, 200, {"Content-Length": "1"}, "x"),
        ({"chunked": True}, 200, {"Transfer-Encoding": "chunked", "Content-Length": None}, "own"),
        ({"after_bytes": 10}, 200, {"Content-Length": "10"}, "own 10"),
        ({"gzip": True}, 200, {"Content-Encoding": "gzip"}, "own"),
        ({"status": 204, "body": ""}, 204, {}, ""),
        ({"status": 302, "body": "", "headers": {"Location": "/x"}}, 302, {"Location": "/x"}, ""),
        ({"headers": {"Content-Type": None, "A": "b"}}, 200, {"A": "b"}, "own"),
        ({"content_type": "text/html"}, 200, {"Content-Type": "text/html"}, "own"),
    ],
)
async def test_an_altered_answer_has_another_head_or_body(
    kit: Kit, options: dict[str, Any], status: int, head: dict[str, str | None], body: str
) -> None:
    drive, content = await kit.bearer(), os.urandom(500).hex().encode()
    path = f"/drive/v3/files/{(await drive.upload(content))['id']}?alt=media"
    await kit.google.fault("google.drive.files.get", "altered", **options)
    reply = await drive.ask("GET", path)
    expected = {"own": content, "own 10": content[:10]}.get(body, body.encode())
    assert (reply.status, reply.body) == (status, expected)
    assert {name: reply.headers.get(name.lower()) for name in head} == head
    assert (await drive.ask("GET", path)).body == content


def presets() -> list[tuple[str, str, dict[str, Any]]]:
    """Those of the panel: name, operation, rule."""
    script = (Path(control.__file__).parent / "static" / "panel.js").read_text("utf-8")
    found = re.findall(r'^  \["([^"]+)", "([^"]+)", (\{.*\})\],$', script, re.MULTILINE)
    return [
        (name, target, json.loads(re.sub(r"([{,]) ?(\w+):", r'\1 "\2":', rule)))
        for name, target, rule in found
    ]


@pytest.mark.parametrize(("name", "target", "rule"), presets(), ids=lambda value: str(value)[:40])
def test_each_preset_of_the_panel_is_a_rule(name: str, target: str, rule: dict[str, Any]) -> None:
    """One tap, and the next report is one line."""
    assert read_fault("1", {"target": target, **rule}).target == target
    assert name


def test_the_panel_has_presets_of_every_endpoint_of_oauth() -> None:
    """Refresh, exchange, device code, poll, revocation."""
    targets = {target for _, target, _ in presets()}
    assert targets >= {
        *("google.token.refresh", "google.token.exchange", "google.token.device"),
        *("google.device_code", "google.revoke"),
    }
