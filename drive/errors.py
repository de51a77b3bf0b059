"""What Google's client raises, in this project's errors, told apart by what must follow.

https://developers.google.com/workspace/drive/api/guides/handle-errors
"""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

import google.auth.exceptions
import httplib2
from googleapiclient.errors import HttpError

from security.errors import ConsentRequired, CustodyError, OperatorFault, TransientFault


class DriveRefused(CustodyError):
    """Drive said no for a reason that trying again at once does not mend: see `code`."""

    default_code = "drive_refused"


_REFUSALS: Final = {
    "quota_exceeded": ("storageQuotaExceeded", "quotaExceeded"),
    "too_many_items": (
        "numChildrenInNonRootLimitExceeded",
        "teamDriveFileLimitExceeded",
        "activeItemCreationLimitExceeded",
    ),
    # The guide has none of these but the first; they are what permissions.create is known to
    # answer where an organisation keeps its files to itself.
    "sharing_forbidden": (
        "invalidSharingRequest",
        "publishOutNotPermitted",
        "shareOutNotPermitted",
        "shareOutNotPermittedForContent",
        "shareOutWarning",
    ),
}
_CODE_OF: Final = {reason: code for code, reasons in _REFUSALS.items() for reason in reasons}
_PATIENCE: Final = ("rateLimitExceeded", "userRateLimitExceeded", "sharingRateLimitExceeded")
_DAILY_UPLOADS: Final = ("userRateLimitExceeded", "User rate limit exceeded.")
"""Reason and message once a person's 750 GB of a day are used up. Google documents the limit, not
the answer; rclone tells it from the limit on requests by these words (drive_stop_on_upload_limit).
"""


@contextmanager
def translated() -> Iterator[None]:
    """Turn what Google's client raises into the errors of this project."""
    try:
        yield
    except HttpError as error:
        raise _of_answer(error) from error
    except google.auth.exceptions.TransportError as error:
        raise TransientFault("Drive could not be reached") from error
    except google.auth.exceptions.RefreshError as error:
        raise TransientFault("the token ended while it was renewed") from error
    except TimeoutError as error:
        raise TransientFault("Drive did not answer in time", code="timeout") from error
    except (httplib2.HttpLib2Error, http.client.HTTPException, OSError) as error:
        raise TransientFault("Drive could not be reached") from error
    except UnicodeDecodeError as error:
        raise unreadable() from error


def unreadable() -> TransientFault:
    """For an answer that is not what the API promises."""
    return TransientFault("Drive's answer could not be read", code="not_json")


def _of_answer(error: HttpError) -> CustodyError:
    status, (reason, message) = int(error.resp.status), _reason(error)
    wait = _retry_after(error)
    if reason == "dailyLimitExceeded" or (reason, message) == _DAILY_UPLOADS:
        return DriveRefused("a limit of the day is used up", code="daily_limit")
    if status in (408, 429) or status >= 500:
        code = "rate_limited" if status == 429 else "unavailable"
        return TransientFault(f"Drive answered {status}", code=code, retry_after=wait)
    if status == 401:
        return ConsentRequired("Drive does not accept the token", code="invalid_grant")
    if status == 409:
        return DriveRefused("there is a file of this identifier", code="exists")
    if status == 404:
        return DriveRefused("there is no such file", code="file_gone")
    if reason in _PATIENCE:
        return TransientFault("Drive asks for patience", code="rate_limited", retry_after=wait)
    if reason in ("accessNotConfigured", "SERVICE_DISABLED"):
        return OperatorFault(
            "the Google Drive API is not enabled in the Cloud project", code="api_disabled"
        )
    if reason in ("insufficientPermissions", "insufficientScopes"):
        return ConsentRequired("the grant lacks drive.file", code="scope_missing")
    return DriveRefused(f"Drive answered {status}", code=_CODE_OF.get(reason))


def _reason(error: HttpError) -> tuple[str, str]:
    try:
        detail = json.loads(error.content)["error"]["errors"][0]
        return str(detail["reason"]), str(detail.get("message", ""))
    except (ValueError, LookupError, TypeError, AttributeError):
        return "", ""


def _retry_after(error: HttpError) -> float | None:
    """Seconds, of either form: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
    told = str(error.resp.get("retry-after", ""))
    if told.isdecimal():
        return float(told)
    try:
        return max((parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds(), 0)
    except (ValueError, TypeError):
        return None
