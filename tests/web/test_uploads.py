"""A department's computer uploads: Drive's session from here, the bytes to Google, no token."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from cli import app
from departments.names import Department
from sandbox.clients.google_controls import GoogleControls
from sandbox.run import google_settings
from sandbox.server import Sandbox
from tests.journeys import until
from tests.places import settings_of
from tests.security.kit import AMY, BEN
from tests.web.kit import TANHAE, RunningWeb, running_web

pytestmark = pytest.mark.encryption("on")
ROUTE: Final = "/api/google/upload-sessions"
ANPING: Final = Department("anping", "安坑")
ASK: Final = {"department": "tanhae"}
CONTENT: Final = b"%PDF-1.7 the roster of a department" * 10_000
FILE: Final[dict[str, Any]] = {
    "name": "114-12 班表.pdf",
    "size": len(CONTENT),
    "md5": hashlib.md5(CONTENT, usedforsecurity=False).hexdigest(),
    "mime": "application/pdf",
}
JSON: Final = {"Content-Type": "application/json"}
KEY: Final = {"Idempotency-Key": "8e03978e-40d5-43dd-bc93-6894a57f9324"}


async def put(address: str, content: bytes = CONTENT) -> int:
    """What a computer does with the address: there is no token on it."""
    async with httpx.AsyncClient(timeout=30) as client:
        return (await client.put(address, content=content)).status_code


async def files(google: GoogleControls, account: str = AMY) -> list[dict[str, Any]]:
    found = await google.files(account)
    return [file for file in found if "folder" not in file["mimeType"]]


def open_sessions(sandbox: Sandbox) -> int:
    assert sandbox.google is not None
    return len(sandbox.google.sessions)


def problem(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.status_code, answer.json()["code"]


@pytest.fixture
async def key(web: RunningWeb, google: GoogleControls) -> SecretStr:
    """Of a computer of 淡海, which is authorised and may upload alone."""
    await web.authorise(google, AMY)
    return (await web.add_computer(may=("upload",)))[1]


async def test_a_computer_uploads_without_a_token(
    web: RunningWeb, google: GoogleControls, key: SecretStr
) -> None:
    async with web.computer(key, **KEY) as computer:
        begun = await computer.post(ROUTE, params={"department": "淡海"}, json=FILE)
        assert (begun.status_code, begun.json()["state"]) == (201, "waiting")
        assert "link" not in begun.json()
        assert begun.headers["Cache-Control"] == "no-store"
        again = await computer.post(ROUTE, params=ASK, json=FILE)
        assert (again.status_code, again.json()) == (200, begun.json())
        assert await put(begun.json()["session_url"]) == 200
        done = await computer.get(ROUTE, params=ASK)
        after = await computer.post(ROUTE, params=ASK, json=FILE)
    (file,) = await files(google)
    assert await google.file_bytes(file["id"]) == CONTENT
    told = done.json()
    assert (told["state"], told["file_id"], told["received"]) == ("complete", file["id"], 350_000)
    assert ("session_url" in told, told["department"]) == (False, "tanhae")
    assert file["id"] in told["link"]
    assert (after.status_code, after.json()) == (200, told)


async def test_after_a_restart_twenty_at_once_still_have_one_session(
    web: RunningWeb,
    google: GoogleControls,
    key: SecretStr,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, keys = tmp_path / "user_data", web.settings.encryption_keys
    async with (
        running_web(sandbox, folder, keys, monkeypatch) as other,
        web.computer(key, **KEY) as here,
        other.computer(key, **KEY) as there,
    ):
        answers = await asyncio.gather(
            *(one.post(ROUTE, params=ASK, json=FILE) for one in [here, there] * 10)
        )
        assert sorted(answer.status_code for answer in answers) == [200] * 19 + [201]
        assert len({answer.json()["session_url"] for answer in answers}) == 1
    async with (
        running_web(sandbox, folder, keys, monkeypatch) as later,
        later.computer(key, **KEY) as computer,
    ):
        answer = await computer.post(ROUTE, params=ASK, json=FILE)
    assert answer.status_code == 200
    assert answer.json()["session_url"] == answers[0].json()["session_url"]


async def test_another_file_under_the_same_key_is_refused(web: RunningWeb, key: SecretStr) -> None:
    async with web.computer(key, **KEY, **{"Accept-Language": "zh-TW"}) as computer:
        await computer.post(ROUTE, params=ASK, json=FILE)
        answer = await computer.post(ROUTE, params=ASK, json={**FILE, "size": 7})
    assert problem(answer) == (422, "other_file")
    assert "Idempotency-Key" in answer.json()["title"]
    assert not answer.json()["title"].isascii()


async def test_what_was_not_begun_is_not_found(web: RunningWeb, key: SecretStr) -> None:
    async with web.computer(key, **KEY) as computer:
        assert problem(await computer.get(ROUTE, params=ASK)) == (404, "no_upload")
        asked = await computer.post(ROUTE, params={"department": "nowhere"}, json=FILE)
        assert problem(asked) == (404, "no_department")


async def test_a_stolen_key_opens_no_other_department(
    web: RunningWeb, google: GoogleControls, key: SecretStr
) -> None:
    await web.authorise(google, AMY, ANPING)
    async with web.computer(key, **KEY) as computer, web.computer("dkc_nobody", **KEY) as nobody:
        for ask in (
            computer.post(ROUTE, params={"department": "anping"}, json=FILE),
            computer.get(ROUTE, params={"department": "安坑"}),
        ):
            assert problem(await ask) == (403, "other_department")
        assert problem(await nobody.post(ROUTE, params=ASK, json=FILE)) == (401, "wrong_key")
        assert problem(await nobody.get(ROUTE, params=ASK)) == (401, "wrong_key")
    assert len(web.lines("access_denied")) == 4
    assert (await google.calls())["counts"].get("google.upload.start", 0) == 0


async def test_another_computer_of_the_department_sees_nothing_of_it(
    web: RunningWeb, key: SecretStr
) -> None:
    _, other = await web.add_computer(may=("upload",))
    async with web.computer(key, **KEY) as mine, web.computer(other, **KEY) as theirs:
        begun = await mine.post(ROUTE, params=ASK, json=FILE)
        assert problem(await theirs.get(ROUTE, params=ASK)) == (404, "no_upload")
        own = await theirs.post(ROUTE, params=ASK, json=FILE)
    assert own.json()["file_id"] != begun.json()["file_id"]


async def test_what_was_begun_by_another_key_and_has_arrived_is_complete(
    web: RunningWeb, google: GoogleControls, key: SecretStr
) -> None:
    """Of the same content; another one under its identifier is another file."""
    _, anew = await web.add_computer(may=("upload",))
    other = {**FILE, "md5": "0" * 32}
    async with web.computer(key, **KEY) as before, web.computer(anew, **KEY) as computer:
        begun = (await before.post(ROUTE, params=ASK, json=FILE)).json()
        assert await put(begun["session_url"]) == 200
        known = {"file_id": begun["file_id"]}
        wrong = await computer.post(
            ROUTE, params=ASK, json={**other, **known}, headers={"Idempotency-Key": "other"}
        )
        answer = await computer.post(ROUTE, params=ASK, json={**FILE, **known})
        again = await computer.get(ROUTE, params=ASK)
    assert (wrong.status_code, wrong.json()["file_id"] != begun["file_id"]) == (201, True)
    assert (answer.status_code, answer.json()["state"]) == (200, "complete")
    assert again.json() == answer.json()
    assert begun["file_id"] in answer.json()["link"]
    assert [file["id"] for file in await files(google)] == [begun["file_id"]]


REFUSED: Final = [
    (403, "storageQuotaExceeded", (409, "quota_exceeded")),
    (403, "teamDriveMembershipRequired", (409, "folder_refused")),
    (403, "insufficientFilePermissions", (409, "folder_refused")),
    (403, "domainPolicy", (409, "policy_forbidden")),
    (403, "dailyLimitExceeded", (429, "daily_limit")),
    (413, "uploadTooLarge", (413, "too_large_for_drive")),
    (400, "invalid", (409, "drive_refused")),
    (403, "userRateLimitExceeded", (503, "rate_limited")),
    (503, "backendError", (503, "unavailable")),
    (403, "accessNotConfigured", (503, "api_disabled")),
    (403, "insufficientPermissions", (409, "consent_required")),
]


@pytest.mark.one_way("on")
async def test_what_drive_refuses_says_what_to_do(
    web: RunningWeb, google: GoogleControls, key: SecretStr
) -> None:
    async with web.computer(key, **KEY) as computer:
        for status, reason, answer in REFUSED:
            await google.fault("google.upload.start", "status", status=status, reason=reason)
            refused = await computer.post(ROUTE, params=ASK, json=FILE)
            assert problem(refused) == answer, reason
            waits = refused.status_code in (429, 503)
            assert ("Retry-After" in refused.headers) == waits, reason
        assert (await computer.post(ROUTE, params=ASK, json=FILE)).status_code == 201


async def test_a_department_revoked_in_between_has_no_session_left(
    web: RunningWeb, google: GoogleControls, key: SecretStr
) -> None:
    cookie = await web.sign_in()
    async with web.computer(key, **KEY) as computer, web.browser(cookie) as browser:
        begun = await computer.post(ROUTE, params=ASK, json=FILE)
        ended = await browser.delete("/api/google/authorization", params=ASK)
        assert ended.status_code == 200
        assert await put(begun.json()["session_url"]) in (401, 404)
        for ask in (
            computer.post(ROUTE, params=ASK, json=FILE),
            computer.get(ROUTE, params=ASK),
        ):
            assert problem(await ask) == (409, "consent_required")
    assert await files(google) == []


async def test_a_revoked_computers_session_is_given_up(
    web: RunningWeb, google: GoogleControls, sandbox: Sandbox
) -> None:
    await web.authorise(google, AMY)
    client, key = await web.add_computer(may=("upload",))
    cookie = await web.sign_in()
    async with web.computer(key, **KEY) as computer, web.browser(cookie) as browser:
        await computer.post(ROUTE, params=ASK, json=FILE)
        assert open_sessions(sandbox) == 1
        assert (await browser.delete(f"/api/clients/{client.id}")).status_code == 200
    await until(lambda: not open_sessions(sandbox))


@pytest.mark.parametrize(
    ("beside", "as_json"),
    [(True, False), pytest.param(True, True, marks=pytest.mark.one_way("on")), (False, True)],
)
async def test_a_session_is_given_up_where_a_command_revokes_the_key(
    web: RunningWeb,
    google: GoogleControls,
    sandbox: Sandbox,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    beside: bool,
    as_json: bool,
) -> None:
    """By the command itself, and where Google does not answer it, by a process that serves."""
    await web.authorise(google, AMY)
    client, key = await web.add_computer(may=("upload",))
    async with web.computer(key, **KEY) as computer:
        await computer.post(ROUTE, params=ASK, json=FILE)
    assert open_sessions(sandbox) == 1
    if beside:
        await google.fault("google.upload.cancel", "status", status=503, count=None)
    settings = {
        **google_settings(sandbox),
        "WEB_GOOGLE_CLIENT_ID": sandbox.config.client_id,
        "WEB_GOOGLE_CLIENT_SECRET": sandbox.config.client_secret,
        "TOKEN_ENCRYPTION_KEY": ",".join(
            key.get_secret_value() for key in web.settings.encryption_keys
        ),
        "LOG_MASK_KEY": "a mask key for tests",
        **settings_of(tmp_path / "user_data"),
    }
    for name, value in {"USER_DATA_DIR": str(tmp_path / "user_data"), **settings}.items():
        monkeypatch.setenv(name, str(value))
    line = ["clients", "revoke", client.id, "--yes", "--env-file", os.devnull]
    done = await asyncio.to_thread(CliRunner().invoke, app, [*line, *["--json"] * as_json])
    assert done.exit_code == 0, done.output
    if as_json:
        assert json.loads(done.stdout)["uploads_left"] == int(beside)
    else:
        assert "Google could not be told of 1" in done.output
    assert open_sessions(sandbox) == (1 if beside else 0)
    if beside:
        await google.clear_faults()
        assert await web.services.uploads.withdrawing.of_stopped() == 1
        assert open_sessions(sandbox) == 0


async def test_requests_about_uploads_are_counted_by_key(
    web: RunningWeb, google: GoogleControls, key: SecretStr
) -> None:
    _, other = await web.add_computer(may=("upload",))
    async with web.computer(key, **KEY) as computer, web.computer(other, **KEY) as elsewhere:
        answers = [(await computer.get(ROUTE, params=ASK)).status_code for _ in range(120)]
        assert set(answers) == {404}
        for answer in (
            await computer.get(ROUTE, params=ASK),
            await computer.post(ROUTE, params=ASK, json=FILE),
        ):
            assert problem(answer) == (429, "rate_limited")
            assert 0 < int(answer.headers["Retry-After"]) <= 60
        assert (await elsewhere.get(ROUTE, params=ASK)).status_code == 404
        assert (await computer.get("/api/google/status")).status_code == 200
    assert len(web.lines("access_denied")) == 2
    assert (await google.calls())["counts"].get("google.upload.start", 0) == 0


async def test_with_too_many_unfinished_ones_a_computer_is_told_to_wait(
    web: RunningWeb, key: SecretStr
) -> None:
    web.services.uploads._most_open = 1
    async with web.computer(key, **{"Accept-Language": "zh-TW"}) as computer:
        for number, status in enumerate((201, 429)):
            answer = await computer.post(
                ROUTE, params=ASK, json=FILE, headers={"Idempotency-Key": str(number)}
            )
            assert answer.status_code == status
    assert problem(answer) == (429, "too_many_uploads")
    assert answer.headers["Retry-After"] == "60"
    assert not answer.json()["title"].isascii()


async def test_another_account_takes_over_and_the_first_ones_sessions_end(
    web: RunningWeb, google: GoogleControls, key: SecretStr, sandbox: Sandbox
) -> None:
    cookie, consents = await web.sign_in(), web.services.consents
    session = web.services.sessions.find(cookie)
    assert session is not None
    async with web.computer(key, **KEY) as computer, web.browser(cookie) as browser:
        begun = await computer.post(ROUTE, params=ASK, json=FILE)
        asked = await browser.get("/api/google/auth-url", params=ASK)
        await browser.get(await google.consent(asked.json()["auth_url"], BEN))
        question = await consents.current(TANHAE, session.id)
        assert question is not None
        await consents.confirm(TANHAE, session.id, question.consent_id)
        assert await put(begun.json()["session_url"]) == 404
        again = await computer.post(ROUTE, params=ASK, json=FILE)
        assert (again.status_code, await put(again.json()["session_url"])) == (201, 200)
    assert await files(google) == []
    assert len(await files(google, BEN)) == 1


ODD: Final[list[dict[str, Any]]] = [
    {"name": ""},
    {"name": "x" * 256},
    {"name": "\ud800"},
    {"size": 0},
    {"size": 5 * 2**40 + 1},
    {"size": "7"},
    {"size": True},
    {"size": 1.5},
    {"md5": "0" * 31},
    {"md5": "g" * 32},
    {"md5": "0" * 32 + "\n"},
    {"mime": "application"},
    {"mime": "application/pdf; name=x"},
    {"mime": "text/pl\r\nX-Evil: 1"},
    {"mime": "a/" + "b" * 128},
    {"file_id": "a/b"},
    {"folder": "another"},
]


@pytest.mark.one_way("on")
async def test_what_is_no_file_is_refused_and_not_repeated(
    web: RunningWeb, key: SecretStr, google: GoogleControls
) -> None:
    async with web.computer(key, **KEY) as computer:
        for odd in ODD:
            body = json.dumps({**FILE, **odd})
            answer = await computer.post(ROUTE, params=ASK, content=body, headers=JSON)
            assert problem(answer) == (422, "invalid_request"), odd
            assert "班表" not in answer.text
            [wrong] = answer.json()["errors"]
            [(name, value)] = odd.items()
            assert wrong["field"] == ("" if name == "folder" else name), odd
            assert "folder" not in answer.text
            assert not isinstance(value, str) or value not in answer.text or not value
    assert (await google.calls())["counts"].get("google.upload.start", 0) == 0


@pytest.mark.one_way("on")
async def test_a_key_is_demanded_and_looked_at(web: RunningWeb, key: SecretStr) -> None:
    async with web.computer(key) as computer:
        for said in (None, b"", b"two words", b"x" * 129, b"\xe9"):
            headers = [] if said is None else [(b"Idempotency-Key", said)]
            answer = await computer.post(ROUTE, params=ASK, json=FILE, headers=headers)
            assert problem(answer) == (422, "invalid_request")
            assert problem(await computer.get(ROUTE, params=ASK, headers=headers))[0] == 422


@pytest.mark.one_way("on")
async def test_a_body_that_is_no_json_is_refused(web: RunningWeb, key: SecretStr) -> None:
    async with web.computer(key, **KEY) as computer:
        text = await computer.post(
            ROUTE, params=ASK, content="{}", headers={"Content-Type": "text/plain"}
        )
        assert text.status_code in (415, 422)
        large = await computer.post(ROUTE, params=ASK, json={**FILE, "name": "x" * 70_000})
        assert problem(large) == (413, "too_big")


@pytest.mark.one_way("on")
async def test_a_name_arrives_as_it_can_be_kept_and_read(
    web: RunningWeb, google: GoogleControls, key: SecretStr
) -> None:
    async with web.computer(key, **KEY) as computer:
        name = "../a\x00\u202egpj.exe\u200b"
        begun = await computer.post(ROUTE, params=ASK, json={**FILE, "name": name})
    await put(begun.json()["session_url"])
    (file,) = await files(google)
    assert file["name"] == begun.json()["name"] == ".._agpj.exe"


@pytest.mark.one_way("on")
async def test_a_type_of_googles_own_makes_no_document(
    web: RunningWeb, google: GoogleControls, key: SecretStr
) -> None:
    async with web.computer(key, **KEY) as computer:
        mime = "application/vnd.google-apps.folder"
        begun = await computer.post(ROUTE, params=ASK, json={**FILE, "mime": mime})
        await put(begun.json()["session_url"])
        assert (await computer.get(ROUTE, params=ASK)).json()["state"] == "complete"
    assert len(await files(google)) == 1


async def test_nothing_of_it_is_in_the_log(
    sandbox: Sandbox,
    google: GoogleControls,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "user_data"
    async with running_web(sandbox, folder, encryption_keys, monkeypatch, LOG_LEVEL="DEBUG") as web:
        await web.authorise(google, AMY)
        client, key = await web.add_computer(may=("upload",))
        async with web.computer(key, **KEY) as computer:
            begun = (await computer.post(ROUTE, params=ASK, json=FILE)).json()
            await put(begun["session_url"], b"x" * len(CONTENT))
            assert (await computer.get(ROUTE, params=ASK)).json()["state"] == "wrong"
            await computer.post(ROUTE, params=ASK, json={**FILE, "size": 7})
            await google.fault("google.upload.start", "status", status=500, count=9)
            await computer.post(ROUTE, params=ASK, json=FILE)
    told = [json.loads(line) for line in web.log.getvalue().splitlines()]
    uploads = [one for one in told if "upload" in one["event"]]
    assert [(one["event"], one["result"]) for one in uploads] == [
        ("upload_handed", "ok"),
        ("handed_upload_ended", "checksum_mismatch"),
        ("upload_not_handed", "other_file"),
        ("upload_not_handed", "unavailable"),
    ]
    assert {one["client"] for one in uploads} == {client.id}
    log, identifier = web.log.getvalue(), begun["session_url"].rpartition("=")[2]
    assert any(one["level"] == "debug" for one in told)
    for secret in (
        *(begun["session_url"], identifier, begun["file_id"], FILE["name"], FILE["md5"]),
        *(KEY["Idempotency-Key"], key.get_secret_value(), "班表", r"\u73ed\u8868"),
    ):
        assert secret not in log
