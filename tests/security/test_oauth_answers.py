"""Every field of every answer of Google's OAuth endpoints: missing, null, odd, empty, absurd."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar

import pytest
from pydantic import SecretStr

from config import GoogleClient
from security.credential import DRIVE_FILE_SCOPE, Credential
from security.encryption import TokenEncryption
from security.errors import ConsentRequired, TransientFault
from security.google.grants import (
    ASSUMED_LIFE,
    LONGEST_TOKEN,
    read_answer,
    read_device,
    read_grant,
)
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from security.google.oauth_errors import Question
from tests.security.kit import ANN, World, a_credential, secret

T = TypeVar("T")
GRANT: Final[dict[str, Any]] = {
    "access_token": "ya29.good",
    "expires_in": 3599,
    "refresh_token": "1//0good",
    "scope": DRIVE_FILE_SCOPE,
    "token_type": "Bearer",
    "refresh_token_expires_in": 604799,
}
DEVICE: Final[dict[str, Any]] = {
    "device_code": "device-code",
    "user_code": "ABCD-EFGH",
    "verification_url": "https://www.google.com/device",
    "expires_in": 1800,
    "interval": 5,
}
MISSING: Final = object()
NESTED: Final[list[Any]] = [[[[[[{}]]]]]]
ODD: Final[list[Any]] = [
    *(MISSING, None, True, False, 0, -1, 5, 3.5, 10**30, 1e400, -1e400, float("nan"), 10**400),
    *("", " ", "x", "höh", "a\nb", "\x00", "\ud800", "3599", "-1", "NaN", "1e400", "9" * 5000),
    *([], ["x"], [None], {}, {"a": 1}, NESTED, "Bearer", "bearer", "MAC"),
    *("http://", "//x", "javascript:alert(1)", "ftp://example.com/", "https://exa mple.com"),
]


@pytest.fixture
def keyring() -> TokenEncryption:
    """Nothing is kept here: once is enough."""
    return TokenEncryption()


def shown(value: object) -> str:
    """For the names of tests."""
    return "missing" if value is MISSING else repr(value)[:20].encode("ascii", "replace").decode()


def changed(good: dict[str, Any], field: str, value: object) -> bytes:
    """A good answer with one field changed, as it comes over the wire."""
    document = {**good, field: value}
    if value is MISSING:
        del document[field]
    return json.dumps(document).encode()


def grant(body: bytes, question: Question = Question.REFRESH) -> Any:
    """What is read of it."""
    return read_grant(read_answer(question, 200, body, None), datetime.now(UTC))


def unless_unreadable(read: Callable[[], T]) -> T | None:
    """What is read; None: the answer is refused as one that cannot be."""
    try:
        return read()
    except TransientFault as fault:
        if fault.code != "not_json":
            raise
        return None


@pytest.mark.parametrize("odd", ODD, ids=shown)
@pytest.mark.parametrize("field", GRANT)
def test_each_field_of_a_grant_has_a_decided_end(field: str, odd: object) -> None:
    """A grant that can be kept and read again, or an answer that could not be read."""
    now = datetime.now(UTC)
    if (found := unless_unreadable(lambda: grant(changed(GRANT, field, odd)))) is None:
        assert field in ("access_token", "expires_in", "token_type")
        return
    kept = a_credential(
        access_token=found.access_token,
        refresh_token=found.refresh_token,
        expires_at=found.expires_at,
        refresh_expires_at=found.refresh_expires_at,
        scopes=found.scopes or (DRIVE_FILE_SCOPE,),
    )
    again = Credential.from_document(ANN, json.loads(json.dumps(kept.to_document())))
    assert again.to_document() == kept.to_document()
    assert secret(again.access_token) == secret(found.access_token)
    assert now < found.expires_at <= now + timedelta(days=1, seconds=5)


@pytest.mark.parametrize(
    ("field", "value", "reads"),
    [
        ("expires_in", MISSING, ASSUMED_LIFE.total_seconds()),
        ("expires_in", None, ASSUMED_LIFE.total_seconds()),
        ("expires_in", "3599", 3599),
        ("expires_in", 3599.5, 3599.5),
        ("expires_in", 10**30, 86400),
    ],
    ids=shown,
)
def test_how_long_a_token_lives_is_optional_and_bounded(
    field: str, value: object, reads: float
) -> None:
    """RFC 6749 §5.1: recommended. No token of Google's lives for a day."""
    left = grant(changed(GRANT, field, value)).expires_at - datetime.now(UTC)
    assert left.total_seconds() == pytest.approx(reads, abs=5)


@pytest.mark.parametrize("value", [0, -1, True, [], {}, "x", "", "1e400", 10**400])
def test_a_life_that_makes_no_sense_is_not_believed(value: object) -> None:
    """The answer is asked for again; nothing is lost."""
    with pytest.raises(TransientFault):
        grant(changed(GRANT, "expires_in", value))


@pytest.mark.parametrize("field", ["access_token", "refresh_token"])
def test_a_token_that_no_storage_would_keep_is_not_taken(field: str) -> None:
    """A save of it would be tried for ever."""
    assert grant(changed(GRANT, field, "x" * LONGEST_TOKEN))
    with pytest.raises(TransientFault):
        grant(changed(GRANT, field, "x" * (LONGEST_TOKEN + 1)))


@pytest.mark.parametrize("value", [MISSING, None, "Bearer", "bearer", "BEARER"], ids=shown)
def test_googles_one_type_of_token_need_not_be_named(value: object) -> None:
    """And is not case-sensitive (RFC 6749 §5.1)."""
    assert grant(changed(GRANT, "token_type", value)).access_token


@pytest.mark.parametrize("value", ["MAC", "", 5, [], {}, True], ids=shown)
def test_a_type_that_is_not_understood_is_not_used(value: object) -> None:
    """RFC 6749 §7.1."""
    with pytest.raises(TransientFault):
        grant(changed(GRANT, "token_type", value))


@pytest.mark.parametrize(
    ("value", "reads"),
    [
        *((MISSING, None), (None, None), (5, None), ({}, None), ([5], None), (True, None)),
        *(("", ()), (" ", ()), ("a b", ("a", "b")), (["a", "b"], ("a", "b"))),
    ],
    ids=shown,
)
def test_scopes_are_optional(value: object, reads: object) -> None:
    """Not told: as asked (RFC 6749 §5.1)."""
    assert grant(changed(GRANT, "scope", value)).scopes == reads


@pytest.mark.parametrize("value", [MISSING, None, "", 5, [], {}, "höh", "a\nb", True], ids=shown)
def test_a_refresh_token_that_is_none_leaves_the_old_one(value: object) -> None:
    """What the reader of token files would refuse is not saved."""
    assert grant(changed(GRANT, "refresh_token", value)).refresh_token is None


@pytest.mark.parametrize("odd", ODD, ids=shown)
@pytest.mark.parametrize("field", DEVICE)
def test_each_field_of_a_device_answer_has_a_decided_end(field: str, odd: object) -> None:
    """Codes a person can be shown and Google be asked about, or none."""
    body = changed(DEVICE, field, odd)
    found = unless_unreadable(
        lambda: read_device(read_answer(Question.DEVICE_CODE, 200, body, None))
    )
    if found is None:
        assert field != "interval"
        return
    assert datetime.now(UTC) + timedelta(seconds=found.expires_in)
    assert 0 < found.expires_in <= 3600
    assert 0 < found.interval <= 60
    assert found.user_code.strip()
    assert found.user_code.isprintable()
    assert found.verification_url.startswith(("https://", "http://"))


@pytest.mark.parametrize(
    ("value", "reads"),
    [(MISSING, 5), (None, 5), ("7", 7), (0, 5), (-1, 5), ("x", 5), (10**6, 60), (0.5, 0.5)],
    ids=shown,
)
def test_the_pause_between_polls_is_optional(value: object, reads: float) -> None:
    """RFC 8628 §3.2: five seconds where nothing is said."""
    answer = read_answer(Question.DEVICE_CODE, 200, changed(DEVICE, "interval", value), None)
    assert read_device(answer).interval == reads


@pytest.mark.parametrize("value", [MISSING, None, "", 5, [], "https://"], ids=shown)
def test_the_address_may_have_either_name(value: object) -> None:
    """Google's own, and the RFC's."""
    document = json.loads(changed(DEVICE, "verification_url", value))
    document["verification_uri"] = "https://example.com/device"
    answer = read_answer(Question.DEVICE_CODE, 200, json.dumps(document).encode(), None)
    assert read_device(answer).verification_url == "https://example.com/device"


REFUSALS: Final[list[Any]] = [
    *({}, [], None, 5, "x", True, {"error": None}, {"error": ""}, {"error": 5}, {"error": True}),
    *({"error": []}, {"error": ["x"]}, {"error": {}}, {"error": {"status": {}}}),
    *({"error": {"status": ["x"]}}, {"error": {"message": {}}}, {"error": NESTED}),
    *({"error_code": []}, {"error": None, "error_code": {"a": 1}}, {"message": {"limit": "x"}}),
]


@pytest.mark.parametrize("question", [q for q in Question if q is not Question.REDIRECT])
@pytest.mark.parametrize("body", REFUSALS, ids=shown)
def test_a_refusal_in_no_form_of_oauths_is_an_answer_that_cannot_be_read(
    body: object, question: Question
) -> None:
    """It says nothing about anybody: neither the person nor the client."""
    for status in (201, 204, 301, 302, 400, 401, 403, 404, 428):
        with pytest.raises(TransientFault) as caught:
            read_answer(question, status, json.dumps(body).encode(), None)
        assert caught.value.code == "not_json"


@pytest.mark.parametrize("status", [201, 301, 302, 307])
def test_what_is_neither_a_yes_nor_a_no_is_no_refusal(status: int) -> None:
    """A portal's redirect, whatever its body says."""
    with pytest.raises(TransientFault):
        read_answer(Question.REFRESH, status, b'{"error": "invalid_grant"}', None)


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"[" * 100_000, b'{"a":' * 50_000, b"9" * 5000, b"NaN", b'"\\ud800"'],
    ids=["empty", "bytes", "nested lists", "nested objects", "digits", "NaN", "a surrogate"],
)
@pytest.mark.parametrize("status", [200, 400])
def test_a_body_that_is_no_object_cannot_be_read(body: bytes, status: int) -> None:
    """Nor does it raise anything of Python's own."""
    with pytest.raises(TransientFault):
        read_answer(Question.REFRESH, status, body, None)


WIRE: Final = {
    "nothing": b"",
    "no http": b"hello\r\n\r\n",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-Le",
    "a bad length": b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
    "a negative length": b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n{}",
    "too short": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{}",
    "a bad chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n",
    "half a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{}",
    "no gzip": b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
    "no deflate": b"HTTP/1.1 200 OK\r\nContent-Encoding: deflate\r\nContent-Length: 2\r\n\r\n{}",
    "a strange encoding": b"HTTP/1.1 200 OK\r\nContent-Encoding: x\r\nContent-Length: 2\r\n\r\n{}",
    "a bad status": b"HTTP/1.1 2x0 OK\r\nContent-Length: 2\r\n\r\n{}",
    "status 999": b"HTTP/1.1 999 OK\r\nContent-Length: 2\r\n\r\n{}",
    "status 101": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n{}",
    "a long header": b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n",
    "a bad header": b"HTTP/1.1 200 OK\r\nbad header\r\nContent-Length: 2\r\n\r\n{}",
    "a bad charset": b"HTTP/1.1 200 OK\r\nContent-Type: a/b; charset=\xff\r\n"
    b"Content-Length: 2\r\n\r\n{}",
    "a bad cookie": b"HTTP/1.1 200 OK\r\nSet-Cookie: \x01=\x02; Expires=x\r\n"
    b"Content-Length: 2\r\n\r\n{}",
}


class Odd:
    """Answers anything with the bytes it is told to."""

    def __init__(self) -> None:
        self.says = b""
        self.url = ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Once, and hang up."""
        await reader.read(65536)
        writer.write(self.says)
        await writer.drain()
        writer.close()


@pytest.fixture
async def odd() -> AsyncIterator[Odd]:
    """In Google's place."""
    made = Odd()
    server = await asyncio.start_server(made.answer, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    async with server:
        yield made


@pytest.mark.parametrize("name", WIRE)
async def test_nothing_on_the_wire_raises_anything_of_pythons_own(odd: Odd, name: str) -> None:
    """Neither a refresh nor anything else."""
    odd.says = WIRE[name]
    oauth = GoogleOAuth(OAuthEndpoints(*[odd.url] * 4), timeout_seconds=0.5)
    client = GoogleClient("client", SecretStr("x"))
    for ask in (
        lambda: oauth.refresh(client, SecretStr("1//0x")),
        lambda: oauth.start_device(client),
        lambda: oauth.poll_device(client, SecretStr("d")),
        lambda: oauth.exchange(client, code="c", code_verifier="v", redirect_uri="http://x/"),
    ):
        with pytest.raises(TransientFault):
            await ask()
    with suppress(TransientFault):  # where a 200 was to be seen, it is done
        await oauth.revoke(SecretStr("1//0x"))
    await oauth.close()


@pytest.mark.parametrize(
    "body", ["", "{}", "null", "[]", "<html>", "x" * 300_000, '{"error": "invalid_request"}']
)
async def test_a_revocation_that_is_answered_200_is_done(world: World, body: str) -> None:
    """RFC 7009 §2.2: the content of the body is ignored."""
    await world.google.fault("google.revoke", "status", status=200, body=body)
    await world.oauth.revoke(SecretStr("1//0any"))


@pytest.mark.parametrize("body", ["<html><p>Moved</p></html>", "{}", ""])
async def test_disconnecting_says_whether_google_was_told(world: World, body: str) -> None:
    """200 is yes, a portal's redirect or a refusal is no; both times the credential is gone."""
    for status, told in ((200, True), (302, False), (403, False), (503, False)):
        await world.connect(ANN)
        await world.google.fault("google.revoke", "status", status=status, body=body)
        farewell = await world.custody.disconnecting.disconnect(ANN)
        assert (farewell.was_connected, farewell.revoked) == (True, told)
        assert world.store.load(ANN) is None


@pytest.mark.parametrize("scope", ["openid", "https://www.googleapis.com/auth/drive.appdata"])
async def test_a_refresh_that_no_longer_covers_drive_ends_the_grant(
    world: World, scope: str
) -> None:
    """Nothing is stored of it; the person is asked to connect again, and told why."""
    await world.connect(ANN, minutes_left=5)
    body = GRANT | {"scope": scope}
    await world.google.fault("google.token.refresh", "status", status=200, body=body)
    with pytest.raises(ConsentRequired) as caught:
        await world.custodian.access_token(ANN)
    assert caught.value.code == "scope_missing"
    assert world.quarantine_notes() == ["scope_missing"]


@pytest.mark.parametrize(
    "scope", [f"openid {DRIVE_FILE_SCOPE}", "https://www.googleapis.com/auth/drive", "", None, 5]
)
async def test_a_refresh_that_covers_drive_or_does_not_say_is_kept(
    world: World, scope: object
) -> None:
    """Another program may have asked for all of a Drive."""
    before = await world.connect(ANN, minutes_left=5)
    body = GRANT | {"scope": scope}
    await world.google.fault("google.token.refresh", "status", status=200, body=body)
    assert (await world.custodian.access_token(ANN)).generation == before.generation + 1
    assert world.quarantine_notes() == []
