"""Each error code in answer to each question: what follows, and whom it concerns."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from pydantic import SecretStr

from security.consent.flows import PASTE_REDIRECT
from security.encryption import TokenEncryption
from security.errors import (
    ClientRefused,
    ConsentDenied,
    ConsentRequired,
    CustodyError,
    DevicePending,
    OperatorFault,
    RefusedByOrganisation,
    TransientFault,
)
from security.google.grants import read_answer
from security.google.oauth import GoogleOAuth
from security.google.oauth_errors import TABLE, Question, meaning_of
from tests.security.kit import ANN, World

CLASSES: Final[dict[str, tuple[type[CustodyError], str]]] = {
    "passing": (TransientFault, "unavailable"),
    "patience": (TransientFault, "rate_limited"),
    "client": (ClientRefused, "invalid_client"),
    "deleted": (ClientRefused, "deleted_client"),
    "disabled": (OperatorFault, "invalid_client"),
    "unauthorised": (OperatorFault, "unauthorized_client"),
    "request": (OperatorFault, "invalid_request"),
    "organisation": (RefusedByOrganisation, "org_policy"),
    "internal": (RefusedByOrganisation, "org_internal"),
    "ended": (ConsentRequired, "invalid_grant"),
    "denied": (ConsentRequired, "access_denied"),
    "declined": (ConsentDenied, "access_denied"),
    "lapsed": (ConsentDenied, "expired"),
    "undecided": (DevicePending, "unavailable"),
    "slower": (DevicePending, "unavailable"),
}
"""Beside them "done": no error at all."""

# code, and what it means in answer to: a refresh, an exchange, the device endpoint, a poll, a
# revocation, and on the redirect from Google's consent page.
CELLS = """
invalid_request             request       request       request       request       request       request
invalid_client              client        client        client        client        client        client
invalid_grant               ended         ended         request       ended         done          request
unauthorized_client         unauthorised  unauthorised  unauthorised  unauthorised  unauthorised  unauthorised
unsupported_grant_type      request       request       request       request       request       request
invalid_scope               request       request       request       request       request       request
access_denied               denied        declined      unauthorised  declined      request       declined
unsupported_response_type   request       request       request       request       request       request
server_error                passing       passing       passing       passing       passing       passing
temporarily_unavailable     passing       passing       passing       passing       passing       passing
authorization_pending       passing       passing       passing       undecided     passing       passing
slow_down                   patience      patience      patience      slower        patience      patience
expired_token               ended         lapsed        passing       lapsed        done          lapsed
unsupported_token_type      request       request       request       request       request       request
invalid_token               ended         ended         request       ended         done          request
interaction_required        ended         ended         request       ended         passing       declined
login_required              ended         ended         request       ended         passing       declined
account_selection_required  ended         ended         request       ended         passing       declined
consent_required            ended         ended         request       ended         passing       declined
deleted_client              deleted       deleted       deleted       deleted       deleted       deleted
disabled_client             disabled      disabled      disabled      disabled      disabled      disabled
restricted_client           unauthorised  unauthorised  unauthorised  unauthorised  unauthorised  unauthorised
redirect_uri_mismatch       request       request       request       request       request       request
origin_mismatch             request       request       request       request       request       request
invalid_audience            request       request       request       request       request       request
disallowed_useragent        request       request       request       request       request       request
admin_policy_enforced       organisation  organisation  unauthorised  organisation  organisation  organisation
policy_enforced             organisation  organisation  unauthorised  organisation  organisation  organisation
access_not_configured       organisation  organisation  unauthorised  organisation  organisation  organisation
org_internal                internal      internal      unauthorised  internal      internal      internal
invalid_rapt                ended         ended         request       ended         passing       declined
rapt_required               ended         ended         request       ended         passing       declined
internal_failure            passing       passing       passing       passing       passing       passing
internal_error              passing       passing       passing       passing       passing       passing
backend_error               passing       passing       passing       passing       passing       passing
quota_exceeded              passing       passing       passing       passing       passing       passing
rate_limit_exceeded         passing       passing       passing       passing       passing       passing
INVALID_ARGUMENT            request       request       request       request       request       request
FAILED_PRECONDITION         request       request       request       request       request       request
UNAUTHENTICATED             request       request       request       request       request       request
PERMISSION_DENIED           request       request       request       request       request       request
NOT_FOUND                   request       request       request       request       request       request
ABORTED                     passing       passing       passing       passing       passing       passing
CANCELLED                   passing       passing       passing       passing       passing       passing
DEADLINE_EXCEEDED           passing       passing       passing       passing       passing       passing
INTERNAL                    passing       passing       passing       passing       passing       passing
UNKNOWN                     passing       passing       passing       passing       passing       passing
UNAVAILABLE                 passing       passing       passing       passing       passing       passing
RESOURCE_EXHAUSTED          patience      patience      patience      patience      patience      patience
something_new               request       request       request       request       request       request
"""  # noqa: E501 - a table
ROWS: Final = {code: meanings for code, *meanings in map(str.split, CELLS.split("\n")[1:-1])}
QUESTIONS: Final = list(Question)
OPERATIONS: Final = {
    Question.REFRESH: "google.token.refresh",
    Question.EXCHANGE: "google.token.exchange",
    Question.DEVICE_CODE: "google.device_code",
    Question.POLL: "google.token.device",
    Question.REVOKE: "google.revoke",
}
GIVEN: Final = SecretStr("1//0canary")


@pytest.fixture
def keyring() -> TokenEncryption:
    """Nothing is kept here: once is enough."""
    return TokenEncryption()


def ask(oauth: GoogleOAuth, world: World, question: Question) -> Awaitable[Any]:
    """One request of that kind."""
    made: dict[Question, Callable[[], Awaitable[Any]]] = {
        Question.REFRESH: lambda: oauth.refresh(world.client, GIVEN),
        Question.EXCHANGE: lambda: oauth.exchange(
            world.client, code="4/0code", code_verifier="v" * 43, redirect_uri=PASTE_REDIRECT
        ),
        Question.DEVICE_CODE: lambda: oauth.start_device(world.client),
        Question.POLL: lambda: oauth.poll_device(world.client, GIVEN),
        Question.REVOKE: lambda: oauth.revoke(GIVEN),
    }
    return made[question]()


def judge(error: CustodyError | None) -> str:
    """The class's name in the table above."""
    if error is None:
        return "done"
    if isinstance(error, DevicePending):
        return "slower" if error.slow_down else "undecided"
    return next(n for n, known in CLASSES.items() if known == (type(error), error.code))


async def refusal(asked: Awaitable[Any]) -> CustodyError | None:
    """What came of it."""
    try:
        await asked
    except CustodyError as error:
        return error
    return None


def test_the_table_has_a_row_for_each_code_that_is_known() -> None:
    """And what is unknown is tested with a word Google has not invented yet."""
    assert set(TABLE) == set(ROWS) - {"something_new"}


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("code", ROWS)
def test_each_code_means_what_it_means_to_what_was_asked(code: str, question: Question) -> None:
    """A cell of the table, whatever status it comes with."""
    expected = ROWS[code][QUESTIONS.index(question)]
    if question is Question.REDIRECT:  # it comes in an address, not in an answer
        assert judge(meaning_of(question, code).error()) == expected
        return
    shapes: list[dict[str, Any]] = [{"error": code}, {"error_code": code}]
    shapes += [{"error": code, "error_description": {"a": []}, "error_uri": 5}]
    shapes += [{"error": {"status": code, "code": 400, "message": ["x"]}}]
    for status in (400, 401, 403, 404, 428):
        for shape in shapes:
            found: CustodyError | None = None
            try:
                read_answer(question, status, json.dumps(shape).encode(), None)
            except CustodyError as error:
                found = error
            assert judge(found) == expected, (status, shape)


@pytest.mark.parametrize("code", ROWS)
@pytest.mark.one_way
async def test_each_code_is_told_by_the_endpoint_that_was_asked(world: World, code: str) -> None:
    """Over the wire, in the shape in which Google sends it."""
    found = []
    for question, operation in OPERATIONS.items():
        await world.google.fault(operation, "oauth_error", error=code)
        found.append(judge(await refusal(ask(world.oauth, world, question))))
    assert found == ROWS[code][:-1]


async def test_no_answer_about_a_device_comes_out_of_a_refresh(world: World) -> None:
    """Whoever refreshes knows three classes: kept, refused by the organisation, and ended."""
    kinds = {CLASSES[row[0]][0] for row in ROWS.values()}
    assert not kinds & {DevicePending, ConsentDenied}


@pytest.mark.parametrize("code", ["admin_policy_enforced", "policy_enforced", "org_internal"])
async def test_what_an_organisation_forbids_is_kept_and_served_while_it_lives(
    world: World, code: str
) -> None:
    """Nobody is quarantined, and the token that still serves is served."""
    kept = await world.connect(ANN, minutes_left=5)
    await world.google.fault("google.token.refresh", "oauth_error", error=code, count=0)
    served = await world.custodian.access_token(ANN)
    assert served.access_token == kept.access_token
    with pytest.raises(RefusedByOrganisation):
        await world.custodian.access_token(ANN, rejected=kept.access_token)
    assert world.quarantine_notes() == []
    await world.google.clear_faults()
    assert (await world.custodian.access_token(ANN)).generation == kept.generation + 1


async def test_access_denied_to_a_refresh_ends_that_grant(world: World) -> None:
    """As a revocation does; its reason stands in the note."""
    await world.connect(ANN, minutes_left=5)
    await world.google.fault("google.token.refresh", "oauth_error", error="access_denied", count=0)
    with pytest.raises(ConsentRequired):
        await world.custodian.access_token(ANN)
    assert world.quarantine_notes() == ["access_denied"]
