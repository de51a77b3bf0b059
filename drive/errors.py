"""What is answered instead of what was asked for, told apart by what must follow.

https://developers.google.com/workspace/drive/api/guides/handle-errors; the reasons themselves
stand in `drive/reasons.py`.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import google.auth.exceptions
import httplib2

from drive import reasons
from security.errors import ConsentRequired, CustodyError, OperatorFault, TransientFault
from security.google import answers

INCIDENTS: Final = frozenset({"api_not_found", "api_disabled"})
"""Result codes that say that there is no Drive for anybody: the address, or the Cloud project."""
_ERROR_INFO: Final = "type.googleapis.com/google.rpc.ErrorInfo"
_MOST_DIGITS: Final = 9


class DriveRefused(CustodyError):
    """Drive said no for a reason that trying again at once does not mend: see `code`."""

    default_code = "drive_refused"

    def __init__(self, message: str, *, code: str | None = None, about: str = "") -> None:
        super().__init__(message, code=code)
        self.about = about
        """What of the request Drive does not accept, where it says so, e.g. "file.id"."""


class NotRenewed(TransientFault):
    """There is no new access token just now. To ask Drive again would only ask for it again, and
    each time may take as long as Google's OAuth has to answer."""


@contextmanager
def translating_errors(service: str = "Drive") -> Iterator[None]:
    """Turn what the way to Google raises into the errors of this project.

    Args:
        service: of Google's, which was asked.
    """
    try:
        yield
    except google.auth.exceptions.RefreshError as error:
        raise TransientFault("the token ended while it was renewed") from error
    except TimeoutError as error:
        raise TransientFault(f"{service} did not answer in time", code="timeout") from error
    except (
        google.auth.exceptions.TransportError,
        httplib2.HttpLib2Error,
        http.client.HTTPException,
        OSError,
    ) as error:
        raise TransientFault(f"{service} could not be reached") from error
    except (ValueError, LookupError) as error:  # httplib2, of a redirect to what is no address
        raise unreadable_answer(service) from error


def unreadable_answer(service: str = "Drive") -> TransientFault:
    """For an answer that is not what the API promises."""
    return TransientFault(f"{service}'s answer could not be read", code="not_json")


def error_of_answer(status: int, headers: Mapping[str, Any], content: bytes) -> CustodyError:
    """What an answer that is no success means, whatever is in it.

    The status alone says most of it: a body that cannot be read changes nothing of that. Only a
    404 is believed in Drive's own words alone: a proxy's page says nothing about a file, and what
    is taken for gone is made again.
    """
    error = answers.part(answers.json_object(content) or {}, "error")
    reason, message, about = _reason(error)
    wait = retry_after(headers)
    if reason == "dailyLimitExceeded" or (reason, message) == reasons.DAILY_UPLOADS:
        return DriveRefused("a limit of the day is used up", code="daily_limit")
    if status in (408, 429) or status >= 500:
        code = "rate_limited" if status == 429 else "unavailable"
        return TransientFault(f"Drive answered {status}", code=code, retry_after=wait)
    if status < 400 or (status == 404 and not error):
        return unreadable_answer()
    if reason in reasons.TRANSIENT:
        return TransientFault("Drive asks for patience", code="rate_limited", retry_after=wait)
    if reason in reasons.PROJECT_FAULTS:
        code = reasons.PROJECT_FAULTS[reason]
        return OperatorFault(f"Google refuses the Cloud project ({reason})", code=code)
    if reason in reasons.GRANT_FAULTS:
        return ConsentRequired("the grant does not suffice", code=reasons.GRANT_FAULTS[reason])
    if status == 401:
        return ConsentRequired("Drive does not accept the token", code="invalid_grant")
    known = reasons.REFUSALS.get(reason) or _OF_STATUS.get(status)
    return DriveRefused(f"Drive answered {status}", code=known, about=about)


_OF_STATUS: Final = {404: "file_gone", 409: "exists", 413: "too_large_for_drive"}


def _reason(error: dict[str, Any]) -> tuple[str, str, str]:
    """Reason, message, and what it is about: of the older form, else of the newer one.

    https://cloud.google.com/apis/design/errors#error_info
    """
    for item in answers.parts(error, "errors") or []:
        if reason := answers.text(item, "reason"):
            # The newer form's is the more precise where the older one only says "forbidden".
            if reason in reasons.VAGUE and (newer := _error_info(error)):
                reason = newer
            return reason, answers.text(item, "message"), answers.text(item, "location")
    return _error_info(error) or answers.text(error, "status"), answers.text(error, "message"), ""


def _error_info(error: dict[str, Any]) -> str:
    details = answers.parts(error, "details") or []
    found = (answers.text(one, "reason") for one in details if one.get("@type") == _ERROR_INFO)
    return next((reason for reason in found if reason), "")


def retry_after(headers: Mapping[str, Any]) -> float | None:
    """Seconds, of either form: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after"""
    told = str(headers.get("retry-after", ""))
    if told.isascii() and told.isdecimal():
        return float(told[:_MOST_DIGITS])
    try:
        at = parsedate_to_datetime(told)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return max((at - datetime.now(UTC)).total_seconds(), 0)
    except (ValueError, TypeError, OverflowError):
        return None
