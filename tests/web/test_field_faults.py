"""A request that is not understood: which field it is, what is wrong, and nothing of what came."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import SecretStr

from tests.web.kit import RunningWeb
from tests.web.test_uploads import ASK, FILE, KEY, ROUTE, key

__all__ = ["key"]

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
NEW = {"department": "tanhae", "label": "canary", "may": ["upload"]}
PLANTED = "canary"


async def errors(web: RunningWeb, body: Any, language: str = "en") -> list[tuple[str, str, str]]:
    """What is said of a computer that an administrator wants to add."""
    cookie = await web.sign_in()
    async with web.browser(cookie, **{"Accept-Language": language}) as browser:
        answer = await browser.post("/api/clients", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert PLANTED not in answer.text
    return [(one["where"], one["field"], one["detail"]) for one in answer.json()["errors"]]


@pytest.mark.parametrize(
    ("wrong", "field", "says"),
    [
        ({"label": ""}, "label", "It is too short: it needs 1."),
        ({"label": PLANTED * 20}, "label", "It is too long: 60 is the most."),
        ({"label": f"{PLANTED}\u202e"}, "label", "It has a value that it cannot have."),
        ({"label": 7}, "label", "It must be text."),
        ({"may": [PLANTED]}, "may.0", "It must be one of: 'upload', 'token'."),
        ({"may": PLANTED}, "may", "It must be a list."),
        ({"may": []}, "may", "It is too short: it needs 1."),
        ({PLANTED: ["token"]}, "", "There is a field in it that is not known here."),
    ],
)
async def test_a_field_is_named_with_what_is_wrong(
    web: RunningWeb, wrong: dict[str, Any], field: str, says: str
) -> None:
    assert await errors(web, {**NEW, "label": "x", **wrong}) == [("body", field, says)]


async def test_the_form_that_is_asked_for_is_said(web: RunningWeb, key: SecretStr) -> None:
    async with web.computer(key) as computer:
        headers = {"Idempotency-Key": "a b"}
        answer = await computer.post(ROUTE, params=ASK, headers=headers, json=FILE)
    assert answer.json()["errors"] == [
        {
            "where": "header",
            "field": "Idempotency-Key",
            "detail": "It has not the form that is asked for: ^[!-~]{1,128}$",
        }
    ]


async def test_all_that_lacks_is_named_at_once(web: RunningWeb) -> None:
    assert await errors(web, {}) == [
        ("body", "department", "It is missing."),
        ("body", "label", "It is missing."),
    ]
    assert await errors(web, [PLANTED]) == [("body", "", "It must be a JSON object.")]


async def test_it_is_said_in_the_readers_language(web: RunningWeb) -> None:
    [(_, _, said), _] = await errors(web, {}, "zh-TW")
    assert said == "沒有這個欄位。"
    [(_, _, said), _] = await errors(web, {}, "zh-CN")
    assert said == "没有这个字段。"


async def test_headers_addresses_and_what_is_no_json_are_told_apart(
    web: RunningWeb, key: SecretStr
) -> None:
    async with web.computer(key) as computer:
        lacking = await computer.post(ROUTE, params=ASK, json=FILE)
        assert lacking.json()["errors"] == [
            {"where": "header", "field": "Idempotency-Key", "detail": "It is missing."}
        ]
        nowhere = await computer.get("/api/google/upload-sessions", headers=KEY)
        assert [one["where"] for one in nowhere.json()["errors"]] == ["query"]
        odd = await computer.post(
            ROUTE,
            params=ASK,
            content=f"{{{PLANTED}",
            headers={**KEY, "Content-Type": "application/json"},
        )
        assert odd.json()["errors"] == [{"where": "body", "field": "", "detail": "It is no JSON."}]
        assert PLANTED not in odd.text
