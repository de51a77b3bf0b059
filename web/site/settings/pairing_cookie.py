"""The pairing code that was just made stays with the browser that asked for it, and nowhere else.

The storage has its hash alone. So a page that is loaded again still shows the code, in whichever
process; it opens nothing to whoever may not see the page.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from departments.clients.clients import LONGEST_LABEL
from departments.clients.pairing import LIFE_SECONDS
from departments.names import LONGEST

COOKIE: Final = "__Host-drivekeeper-pairing"
_LONGEST_COOKIE: Final = 1000
_LATEST: Final = 2.0**32
"""Unix seconds: in the next century. What comes later is no time to everybody."""


class ShownCode(BaseModel):
    """What the cookie holds. Only its own browser can have written it, and it is only shown."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    code: str = Field(pattern="^[A-Z]{4}-[A-Z]{4}$", repr=False)
    department: str = Field(max_length=LONGEST)
    label: str = Field(max_length=LONGEST_LABEL)
    expires_at: float = Field(gt=0, lt=_LATEST)


def keep_code(response: Response, shown: ShownCode) -> None:
    """Have the browser keep it for as long as it holds."""
    value = urlsafe_b64encode(shown.model_dump_json().encode()).decode("ascii")
    response.set_cookie(
        COOKIE,
        value,
        max_age=LIFE_SECONDS,
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )


def kept_code(request: Request) -> ShownCode | None:
    """The one the browser keeps; None: none, or nothing that this could be."""
    value = request.cookies.get(COOKIE, "")[:_LONGEST_COOKIE]
    try:
        return ShownCode.model_validate(json.loads(urlsafe_b64decode(value)))
    except (ValueError, ValidationError):
        return None


def forget_code(response: Response) -> None:
    """Have the browser keep none."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
