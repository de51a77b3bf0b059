"""The pages where a person says yes or no."""

from __future__ import annotations

import pytest

from sandbox.clients.connection import SandboxError
from tests.sandbox.google_kit import AMY, Kit, answer_of


async def test_chooser_lists_accounts_and_says_it_is_the_sandbox(kit: Kit) -> None:
    page = await kit.ask("GET", kit.auth_url())
    assert page.status == 200
    for text in ("Sandbox", "amy@example.com", "陳小明", "Use another account", "viewport"):
        assert text in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


async def test_consent_page_names_the_permission_with_a_tick_box(kit: Kit) -> None:
    page = await kit.ask("GET", kit.auth_url(login_hint=AMY))
    consent = await kit.ask("GET", kit.url + page.headers["location"])
    assert "only the specific Google Drive files you use with this app" in consent.text
    assert 'type="checkbox"' in consent.text
    assert "Cancel" in consent.text
    assert "Allow" in consent.text


async def test_unknown_account_is_made_when_named(kit: Kit) -> None:
    await kit.google.consent(kit.auth_url(), "new.person@example.com")
    accounts = (await kit.google.state())["accounts"]
    assert {"New Person"} == {a["name"] for a in accounts if a["email"].startswith("new.")}


@pytest.mark.parametrize(
    "redirect",
    [
        "http://127.0.0.1:1/cb",
        "http://localhost:9999",
        "http://[::1]:5/x",
        "https://bot.example.org/cb?keep=1",
    ],
)
async def test_loopback_and_https_redirects_are_accepted(kit: Kit, redirect: str) -> None:
    location = await kit.google.consent(kit.auth_url(redirect_uri=redirect), AMY)
    assert location.startswith(redirect.split("?")[0])
    if "keep" in redirect:
        assert answer_of(location)["keep"] == "1"


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"redirect_uri": "http://evil.example.com/cb"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": "https://x.example.com/#part"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": "https://user@x.example.com/"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": "not an address"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": "http://[broken"}, 400, "redirect_uri_mismatch"),
        ({"redirect_uri": "urn:ietf:wg:oauth:2.0:oob"}, 400, "invalid_request"),
        ({"redirect_uri": None}, 400, "invalid_request"),
        ({"client_id": None}, 400, "invalid_request"),
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"response_type": None}, 400, "invalid_request"),
        ({"response_type": "token"}, 400, "unsupported_response_type"),
        ({"scope": None}, 400, "invalid_request"),
        ({"scope": "https://example.com/unknown"}, 400, "invalid_scope"),
        ({"access_type": "sometimes"}, 400, "invalid_request"),
        ({"code_challenge": "x" * 43, "code_challenge_method": "S512"}, 400, "invalid_request"),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, 400, "invalid_request"),
    ],
)
async def test_bad_authorisation_request_ends_on_googles_error_page(
    kit: Kit, changes: dict[str, str | None], status: int, error: str
) -> None:
    page = await kit.ask("GET", kit.auth_url(**changes))
    assert page.status == status
    assert f"Error {status}: {error}" in page.text
    assert "location" not in page.headers


async def test_repeated_parameter_is_refused(kit: Kit) -> None:
    page = await kit.ask("GET", kit.auth_url() + "&state=second")
    assert page.status == 400


async def test_prompt_none_goes_back_with_an_error(kit: Kit) -> None:
    page = await kit.ask("GET", kit.auth_url(prompt="none"))
    assert answer_of(page.headers["location"])["error"] == "interaction_required"


async def test_markup_in_parameters_is_escaped(kit: Kit) -> None:
    page = await kit.ask("GET", kit.auth_url(redirect_uri="http://x/<script>"))
    assert "<script>" not in page.text
    page = await kit.ask("GET", kit.auth_url(state='"><script>'))
    assert "<script>" not in page.text


async def test_consent_helper_reports_a_bad_address(kit: Kit) -> None:
    with pytest.raises(SandboxError, match="401"):
        await kit.google.consent(kit.auth_url(client_id="nobody"), AMY)
