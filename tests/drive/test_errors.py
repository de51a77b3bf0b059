"""What Google's refusals become: the class, and the code, of what must follow."""

from __future__ import annotations

import json
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from drive import Drive, DriveApi, DriveRefused, Drives, error_of_answer
from sandbox.google.errors import drive_fault_body
from security.errors import ConsentRequired, CustodyError, OperatorFault, TransientFault
from security.logs.schema import RESULTS
from tests.security.kit import ANN, World


def of(status: int, body: Any, retry_after: str = "") -> CustodyError:
    """What becomes of such an answer."""
    error = error_of_answer(status, {"retry-after": retry_after}, json.dumps(body).encode())
    assert error.code in RESULTS
    return error


@pytest.mark.parametrize(
    ("kind", "options", "expected", "code"),
    [
        ("status", {"status": 503}, TransientFault, "unavailable"),
        ("status", {"status": 502}, TransientFault, "unavailable"),
        ("status", {"status": 408}, TransientFault, "unavailable"),
        ("status", {"status": 429}, TransientFault, "rate_limited"),
        ("status", {"reason": "rateLimitExceeded"}, TransientFault, "rate_limited"),
        ("status", {"reason": "userRateLimitExceeded"}, TransientFault, "rate_limited"),
        ("status", {"reason": "storageQuotaExceeded"}, DriveRefused, "quota_exceeded"),
        ("status", {"status": 403, "reason": "insufficientPermissions"}, ConsentRequired,
         "scope_missing"),
        ("status", {"status": 403, "reason": "accessNotConfigured"}, OperatorFault,
         "api_disabled"),
        ("status", {"status": 401}, ConsentRequired, "invalid_grant"),
        ("status", {"status": 409}, DriveRefused, "exists"),
        ("status", {"status": 404}, OperatorFault, "api_not_found"),
        ("html", {"status": 404}, OperatorFault, "api_not_found"),
        ("status", {"status": 400}, DriveRefused, "drive_refused"),
        ("status", {"status": 403, "body": "{}"}, DriveRefused, "drive_refused"),
        ("html", {"status": 403}, DriveRefused, "drive_refused"),
        ("status", {"status": 403, "body": "{\"error\": \"no\"}"}, DriveRefused, "drive_refused"),
        ("html", {"status": 200}, TransientFault, "not_json"),
        ("status", {"status": 200, "body": "{}"}, TransientFault, "not_json"),
        ("status", {"status": 200, "body": "[]"}, TransientFault, "not_json"),
        ("drop", {}, TransientFault, "unavailable"),
        ("cut_response", {"after_bytes": 20}, TransientFault, "unavailable"),
    ],
    ids=lambda value: str(value)[:45],
)  # fmt: skip
async def test_an_error_becomes_the_class_of_what_must_follow(
    world: World, kind: str, options: dict[str, Any], expected: type[CustodyError], code: str
) -> None:
    """And nothing else that Google's client raises gets out."""
    await world.google.fault("google.drive.files.generateIds", kind, count=0, **options)
    drives = Drives(DriveApi(world.url, retries=0), world.custodian, threads=1)
    with pytest.raises(CustodyError) as caught:
        await drives.run(ANN, Drive.new_file_id)
    await drives.close()
    assert type(caught.value) is expected
    assert caught.value.code == code
    assert code in RESULTS
    assert "ya29" not in "".join(traceback.format_exception(caught.value))


async def test_an_error_that_passes_is_tried_again(world: World) -> None:
    """Small requests only."""
    await world.google.fault("google.drive.about", "status", status=503)
    assert await world.drives.run(ANN, Drive.about)


@pytest.mark.parametrize(
    ("reason", "expected", "code"),
    [
        ("sharingRateLimitExceeded", TransientFault, "rate_limited"),
        ("dailyLimitExceeded", DriveRefused, "daily_limit"),
        ("numChildrenInNonRootLimitExceeded", DriveRefused, "too_many_items"),
        ("teamDriveFileLimitExceeded", DriveRefused, "too_many_items"),
        ("activeItemCreationLimitExceeded", DriveRefused, "too_many_items"),
        ("publishOutNotPermitted", DriveRefused, "sharing_forbidden"),
        ("shareOutNotPermitted", DriveRefused, "sharing_forbidden"),
        ("invalidSharingRequest", DriveRefused, "sharing_forbidden"),
    ],
)
def test_each_limit_of_drives_has_its_code(
    reason: str, expected: type[CustodyError], code: str
) -> None:
    """What follows differs: wait, come back tomorrow, choose another folder, ask somebody."""
    error = of(*drive_fault_body(None, reason))
    assert (type(error), error.code) == (expected, code)


def test_a_days_uploads_are_told_from_too_many_requests() -> None:
    """By their words alone; Google's reason is the same."""
    item = {"reason": "userRateLimitExceeded", "message": "User rate limit exceeded."}
    assert of(403, {"error": {"errors": [item]}}).code == "daily_limit"
    item["message"] = "User Rate Limit Exceeded. Rate of requests for user exceed configured …"
    assert of(403, {"error": {"errors": [item]}}).code == "rate_limited"


async def test_the_wait_that_drive_asks_for_is_told(world: World) -> None:
    """Whoever tries again honours it."""
    await world.google.fault("google.drive.about", "status", status=429, retry_after=7, count=0)
    drives = Drives(DriveApi(world.url, retries=0), world.custodian, threads=1)
    with pytest.raises(TransientFault) as caught:
        await drives.run(ANN, Drive.about)
    await drives.close()
    assert caught.value.retry_after == 7


def test_retry_after_may_be_seconds_or_a_date() -> None:
    """RFC 9110 knows both."""
    now, hour = datetime.now(UTC), timedelta(hours=1)
    for told, seconds in (
        ("", None),
        ("soon", None),
        ("-1", None),
        ("0", 0),
        (format_datetime(now - hour, usegmt=True), 0),
        (format_datetime(now + hour, usegmt=True), 3600),
    ):
        error = of(503, {}, told)
        assert isinstance(error, TransientFault)
        assert error.retry_after == pytest.approx(seconds, abs=60)
