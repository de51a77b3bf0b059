"""What Sheets answers instead of cells, told apart by what must follow.

https://developers.google.com/workspace/sheets/api/troubleshoot-api-errors,
https://cloud.google.com/apis/design/errors
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from drive.errors import retry_after, unreadable_answer
from security.errors import CustodyError, OperatorFault, TransientFault
from security.google import answers

_ERROR_INFO: Final = "type.googleapis.com/google.rpc.ErrorInfo"
_BAD_RANGE: Final = "Unable to parse range"


class NoSuchTab(CustodyError):
    """One of the ranges names no tab that there is."""

    default_code = "not_found"


class TokenRejected(CustodyError):
    """Sheets does not accept the access token: its hour is over, or it was revoked."""

    default_code = "invalid_grant"


def refusal_of(
    status: int, headers: Mapping[str, Any], content: bytes, address: str
) -> CustodyError:
    """What an answer that is no success means, whatever is in it.

    A refusal is believed in Sheets' own words alone: a proxy's page says nothing about a
    spreadsheet.

    Args:
        headers: by their names in lower case.
        address: the service account's, with which spreadsheets are shared.
    """
    if status == 401:
        return TokenRejected("Sheets does not accept the token")
    if status in (408, 429) or status >= 500:
        code = "rate_limited" if status == 429 else "unavailable"
        return TransientFault(
            f"Sheets answered {status}", code=code, retry_after=retry_after(headers)
        )
    error = answers.part(answers.json_object(content) or {}, "error")
    if status < 400 or not error:
        return unreadable_answer("Sheets")
    share = f"share it with {address} as a viewer"
    if status == 404:
        return OperatorFault(
            f"Google knows no spreadsheet of this id: take its address anew, and {share}",
            code="sheet_not_found",
        )
    match _reason_of(error):
        case "SERVICE_DISABLED":
            return OperatorFault(
                "the Google Sheets API is not enabled in the Cloud project of the service account "
                f"{address}",
                code="sheets_disabled",
            )
        case "ACCESS_TOKEN_SCOPE_INSUFFICIENT":
            return OperatorFault("the token is not for spreadsheets")
        case "RATE_LIMIT_EXCEEDED":
            return TransientFault("Sheets asks for patience", code="rate_limited")
    if status == 403:
        return OperatorFault(
            f"the service account may not read the spreadsheet: {share}", code="sheet_not_shared"
        )
    message = answers.text(error, "message")
    if status == 400 and message.startswith(_BAD_RANGE):
        return NoSuchTab("a tab is not there")
    if answers.text(error, "status") == "FAILED_PRECONDITION":
        return OperatorFault(
            "the file is none of Google Sheets (an Excel file, perhaps): save it as Google Sheets, "
            f"set the address of that one, and {share}",
            code="sheet_not_google",
        )
    return OperatorFault(f"Sheets refuses the request ({status})", code="invalid_request")


def too_large(most: int) -> OperatorFault:
    """For a spreadsheet of which one look brings too much."""
    return OperatorFault(
        f"the tabs are larger than {most // 1024 // 1024} MiB: delete rows and columns that nobody "
        "needs, or move the tabs into a spreadsheet of their own",
        code="sheet_too_large",
    )


def _reason_of(error: dict[str, Any]) -> str:
    details = answers.parts(error, "details") or []
    found = (answers.text(one, "reason") for one in details if one.get("@type") == _ERROR_INFO)
    return next((reason for reason in found if reason), "")
