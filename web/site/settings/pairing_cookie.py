"""The pairing codes that were just made stay with the browser that asked for them, nowhere else.

The storage has their hashes alone. So a page that is loaded again still shows the codes, in
whichever process; the cookie opens nothing to whoever may not see the page.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from typing import Final

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from departments.clients.clients import LONGEST_LABEL
from departments.clients.pairing import LIFE_SECONDS
from departments.names import LONGEST

COOKIE: Final = "__Host-drivekeeper-pairing"
_MOST: Final = 6
"""Codes of one browser, of the longest labels, that a cookie surely has room for."""
_LONGEST_COOKIE: Final = 3800
_LATEST: Final = 2.0**32
"""Unix seconds: in the next century. What comes later is no time to everybody."""


class ShownCode(BaseModel):
    """One of the cookie. Only its own browser can have written it, and it is only shown."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    code: str = Field(pattern="^[A-Z]{4}-[A-Z]{4}$", repr=False)
    department: str = Field(max_length=LONGEST)
    label: str = Field(max_length=LONGEST_LABEL)
    expires_at: float = Field(gt=0, lt=_LATEST)


_CODES: Final = TypeAdapter(tuple[ShownCode, ...])


def keep_codes(response: Response, shown: Sequence[ShownCode]) -> None:
    """Have the browser keep the newest of these, which come first, for as long as they hold."""
    value = urlsafe_b64encode(_CODES.dump_json(tuple(shown[:_MOST]))).decode("ascii")
    response.set_cookie(
        COOKIE,
        value,
        max_age=LIFE_SECONDS,
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )


def kept_codes(request: Request) -> tuple[ShownCode, ...]:
    """Those that the browser keeps, the newest first; none where it keeps what they cannot be."""
    value = request.cookies.get(COOKIE, "")[:_LONGEST_COOKIE]
    try:
        return _CODES.validate_json(urlsafe_b64decode(value))[:_MOST]
    except (ValueError, ValidationError):
        return ()


def forget_codes(response: Response) -> None:
    """Have the browser keep none."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
