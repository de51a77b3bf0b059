"""Google's OAuth endpoints: what they answer, and which class of error it becomes."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from config import GoogleClient
from security.consent.flows import PASTE_REDIRECT
from security.credential import DRIVE_FILE_SCOPE
from security.encryption import TokenEncryption
from security.errors import (
    ConsentDenied,
    ConsentRequired,
    CustodyError,
    DevicePending,
    OperatorFault,
    TransientFault,
)
from security.google.grants import read_answer
from security.google.oauth import GoogleOAuth, OAuthEndpoints, form_body
from security.google.oauth_errors import Question
from tests.security.kit import AMY, ANN, World, answer_of, secret

DEAD = SecretStr("1//0canary-of-a-refresh-token")
PAGE = "<html><p>Sorry</p></html>"


@pytest.fixture
def keyring() -> TokenEncryption:
    """Nothing is kept here: once is enough."""
    return TokenEncryption()


async def refused(world: World, token: SecretStr = DEAD, **options: Any) -> CustodyError:
    """The error of one refresh."""
    with pytest.raises(CustodyError) as caught:
        await world.new_oauth(**options).refresh(world.client, token)
    return caught.value


async def test_a_refresh_gives_a_token_its_expiry_and_scopes(world: World) -> None:
    """And no refresh token: the old one stays."""
    granted = await world.grant(ANN, AMY)
    assert granted.refresh_token is not None
    fresh = await world.oauth.refresh(world.client, granted.refresh_token)
    assert secret(fresh.access_token) != secret(granted.access_token)
    assert fresh.refresh_token is None
    assert fresh.scopes == (DRIVE_FILE_SCOPE,)
    left = fresh.expires_at - datetime.now(UTC)
    assert timedelta(minutes=59) < left < timedelta(minutes=60)


async def test_an_answer_that_comes_in_pieces_is_read_whole(world: World) -> None:
    """A slow line: a refresh that happened must not be thrown away."""
    granted = await world.grant(ANN, AMY)
    assert granted.refresh_token is not None
    await world.google.rate("google.token.*", 3000)
    assert await world.oauth.refresh(world.client, granted.refresh_token)


@pytest.mark.parametrize(
    ("kind", "options", "code"),
    [
        ("status", {"status": 408}, "unavailable"),
        ("status", {"status": 429}, "rate_limited"),
        ("status", {"status": 500}, "unavailable"),
        ("status", {"status": 502}, "unavailable"),
        ("status", {"status": 503}, "unavailable"),
        ("html", {"status": 200}, "not_json"),
        ("html", {"status": 403}, "not_json"),
        ("html", {"status": 502}, "unavailable"),
        ("status", {"status": 200, "body": "[]"}, "not_json"),
        ("status", {"status": 200, "body": "{}"}, "not_json"),
        ("status", {"status": 200, "body": '{"access_token": 5, "expires_in": 1}'}, "not_json"),
        ("status", {"status": 200, "body": '{"access_token":"a","expires_in":"x"}'}, "not_json"),
        ("status", {"status": 200, "body": '{"access_token":"a","expires_in":1e999}'}, "not_json"),
        ("status", {"status": 200, "body": "[" * 50_000}, "not_json"),
        ("status", {"status": 200, "body": "x" * 300_000}, "not_json"),
        ("status", {"status": 302, "body": PAGE}, "not_json"),
        ("oauth_error", {"error": "internal_failure"}, "unavailable"),
        ("oauth_error", {"error": "temporarily_unavailable"}, "unavailable"),
        ("status", {"status": 403, "body": {"error_code": "rate_limit_exceeded"}}, "unavailable"),
        ("drop", {}, "unavailable"),
        ("after", {}, "unavailable"),
        ("cut_response", {"after_bytes": 10}, "unavailable"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_what_passes_is_transient(
    world: World, kind: str, options: dict[str, Any], code: str
) -> None:
    """Nothing is wrong with the credential."""
    await world.google.fault("google.token.refresh", kind, **options)
    error = await refused(world)
    assert isinstance(error, TransientFault)
    assert error.code == code


async def test_no_answer_in_time_is_transient(world: World) -> None:
    """Ten seconds in production."""
    await world.google.fault("google.token.refresh", "hang")
    error = await refused(world, timeout_seconds=0.2)
    assert isinstance(error, TransientFault)
    assert error.code == "timeout"


async def test_an_answer_that_came_while_the_process_stood_still_is_read(world: World) -> None:
    """A refresh token may be in it, and the one before has ended."""
    loop, stands_still = asyncio.get_running_loop(), threading.Event()

    def stand_still() -> None:
        stands_still.set()
        time.sleep(3)

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            loop.call_soon_threadsafe(stand_still)
            assert stands_still.wait(5)
            body = '{"access_token": "ya29.new", "expires_in": 3599, "token_type": "Bearer"}'
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
            connection.sendall((head + body).encode())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        google = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        oauth = GoogleOAuth(OAuthEndpoints(*[google] * 4), timeout_seconds=2.5)
        answering = threading.Thread(target=answer, args=(listener,))
        answering.start()
        grant = await oauth.refresh(world.client, DEAD)
        await oauth.close()
        answering.join()
    assert secret(grant.access_token) == "ya29.new"


async def test_a_refresh_token_follows_no_redirect(world: World) -> None:
    """Not even to where a good answer would come from."""
    token = (await world.grant(ANN, AMY)).refresh_token
    assert token is not None
    there = {"Location": f"{world.url}/token"}
    await world.google.fault("google.token.refresh", "odd", status=307, headers=there)
    assert isinstance(await refused(world, token), TransientFault)
    assert (await world.oauth.refresh(world.client, token)).access_token


async def test_nobody_listening_is_transient(world: World) -> None:
    """The network is down."""
    nowhere = "http://127.0.0.1:9/"
    oauth = GoogleOAuth(OAuthEndpoints(nowhere, nowhere, nowhere, nowhere))
    with pytest.raises(TransientFault):
        await oauth.refresh(world.client, DEAD)
    await oauth.close()


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), (None, None), ("soon", None), ("²", None), ("-5", None)]
)
async def test_the_pause_the_server_asks_for_is_told(
    world: World, header: str | None, seconds: float | None
) -> None:
    """Seconds; anything else is left to our own pauses."""
    if header in ("7", None):
        options = {} if header is None else {"retry_after": 7}
        await world.google.fault("google.token.refresh", "status", status=429, **options)
        error = await refused(world)
    else:  # what aiohttp's server would not send
        with pytest.raises(TransientFault) as caught:
            read_answer(Question.REFRESH, 429, b"", header)
        error = caught.value
    assert isinstance(error, TransientFault)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("invalid_client", "invalid_client"),
        ("unauthorized_client", "unauthorized_client"),
        ("deleted_client", "deleted_client"),
        ("disabled_client", "invalid_client"),
        ("unsupported_grant_type", "invalid_request"),
        ("redirect_uri_mismatch", "invalid_request"),
        ("something_new", "invalid_request"),
    ],
)
async def test_what_no_user_can_mend_is_an_operator_fault(
    world: World, error: str, code: str
) -> None:
    """About the client or how we ask; also what Google has not invented yet."""
    await world.google.fault("google.token.refresh", "oauth_error", error=error)
    fault = await refused(world)
    assert isinstance(fault, OperatorFault)
    assert fault.code == code


@pytest.mark.parametrize("state", ["deleted", "disabled", "wrong_secret"])
async def test_a_client_that_google_refuses_is_an_operator_fault(world: World, state: str) -> None:
    """As Google answers it, with a refresh token that is alive."""
    granted = await world.grant(ANN, AMY)
    assert granted.refresh_token is not None
    await world.google.act("client", state=state)
    assert isinstance(await refused(world, granted.refresh_token), OperatorFault)


async def test_an_unknown_client_is_an_operator_fault(world: World) -> None:
    """An id nobody registered."""
    with pytest.raises(OperatorFault) as caught:
        await world.oauth.refresh(GoogleClient("nobody", SecretStr("x")), DEAD)
    assert caught.value.code == "invalid_client"


async def test_a_token_google_does_not_know_needs_consent(world: World) -> None:
    """invalid_grant."""
    error = await refused(world)
    assert isinstance(error, ConsentRequired)
    assert error.code == "invalid_grant"


async def test_a_revoked_grant_needs_consent(world: World) -> None:
    """The person took the access away in their Google account."""
    granted = await world.grant(ANN, AMY)
    assert granted.refresh_token is not None
    await world.google.revoke(AMY)
    assert isinstance(await refused(world, granted.refresh_token), ConsentRequired)


@pytest.mark.parametrize("kind", ["drop", "hang", "html", "status", "oauth_error"])
async def test_no_error_shows_token_secret_or_address(world: World, kind: str) -> None:
    """Not even in a full traceback."""
    options: dict[str, dict[str, Any]] = {
        "status": {"status": 503},
        "oauth_error": {"error": "x"},
    }
    await world.google.fault("google.token.refresh", kind, **options.get(kind, {}))
    error = await refused(world, timeout_seconds=0.2)
    shown = "".join(traceback.format_exception(error))
    for hidden in ("canary", secret(world.client.secret), "/token"):
        assert hidden not in shown


async def test_revoking_ends_the_grant(world: World) -> None:
    """For refresh tokens."""
    granted = await world.grant(ANN, AMY)
    assert granted.refresh_token is not None
    await world.oauth.revoke(granted.refresh_token)
    assert isinstance(await refused(world, granted.refresh_token), ConsentRequired)


async def test_revoking_what_google_does_not_know_is_as_good_as_done(world: World) -> None:
    """The person was faster."""
    await world.oauth.revoke(DEAD)


async def test_the_authorization_address_asks_for_what_the_design_says(world: World) -> None:
    """drive.file alone, offline, consent, PKCE with S256."""
    address, verifier = world.oauth.authorization_address(
        world.client, redirect_uri=PASTE_REDIRECT, state="st"
    )
    query = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert query["scope"] == DRIVE_FILE_SCOPE
    assert (query["access_type"], query["prompt"], query["state"]) == ("offline", "consent", "st")
    assert query["code_challenge_method"] == "S256"
    assert verifier not in address
    assert len(verifier) >= 43
    assert secret(world.client.secret) not in address


@pytest.mark.parametrize("change", ["verifier", "code", "redirect"])
async def test_a_code_is_good_only_with_what_it_was_asked_with(world: World, change: str) -> None:
    """PKCE, and the redirect address."""
    address, verifier = world.oauth.authorization_address(
        world.client, redirect_uri=PASTE_REDIRECT, state="st"
    )
    code = answer_of(await world.google.consent(address, AMY))["code"]
    given = {"code": code, "code_verifier": verifier, "redirect_uri": PASTE_REDIRECT}
    given[{"verifier": "code_verifier", "redirect": "redirect_uri"}.get(change, change)] += "x"
    with pytest.raises((ConsentRequired, OperatorFault)):
        await world.oauth.exchange(world.client, **given)


async def test_a_device_code_is_pending_then_approved(world: World) -> None:
    """RFC 8628, in Google's shape."""
    await world.google.device_interval(0)
    device = await world.oauth.start_device(world.client)
    with pytest.raises(DevicePending) as pending:
        await world.oauth.poll_device(world.client, device.device_code)
    assert not pending.value.slow_down
    await world.google.approve_device(device.user_code, AMY)
    grant = await world.oauth.poll_device(world.client, device.device_code)
    assert grant.refresh_token is not None


async def test_polling_too_fast_asks_to_slow_down(world: World) -> None:
    """Five more seconds between polls."""
    await world.google.device_interval(5)
    device = await world.oauth.start_device(world.client)
    for slow in (False, True):
        with pytest.raises(DevicePending) as pending:
            await world.oauth.poll_device(world.client, device.device_code)
        assert pending.value.slow_down is slow


async def test_a_declined_device_code_is_denied(world: World) -> None:
    """The person said no."""
    await world.google.device_interval(0)
    device = await world.oauth.start_device(world.client)
    await world.google.approve_device(device.user_code, AMY, allow=False)
    with pytest.raises(ConsentDenied) as caught:
        await world.oauth.poll_device(world.client, device.device_code)
    assert caught.value.code == "access_denied"


async def test_a_lapsed_device_code_is_expired(world: World) -> None:
    """After half an hour."""
    device = await world.oauth.start_device(world.client)
    await world.google.act("expire_device_codes")
    with pytest.raises(ConsentDenied) as caught:
        await world.oauth.poll_device(world.client, device.device_code)
    assert caught.value.code == "expired"


@pytest.mark.parametrize("body", ["{}", '{"device_code": "d"}', '{"device_code": 1}', PAGE])
async def test_an_unreadable_device_answer_is_transient(world: World, body: str) -> None:
    """No code is shown to anybody."""
    await world.google.fault("google.device_code", "status", status=200, body=body)
    with pytest.raises(TransientFault):
        await world.oauth.start_device(world.client)


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text(st.characters(codec="utf-8"))))
def test_a_form_is_encoded_as_everybody_encodes_it(form: dict[str, str]) -> None:
    """Whatever a token, a code or a client's secret is made of."""
    assert form_body(form) == urlencode(form).encode("ascii")
