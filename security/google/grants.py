"""What Google's OAuth endpoints answer, field by field: nothing of it is believed unseen.

Each field that lacks, is null, of another type, empty or absurd has a decided end. A field the RFC
makes optional is optional; what cannot be used makes the whole answer unreadable, which passes by
itself (`TransientFault`, "not_json"): no grant is lost over it. RFC 6749 §5.1, RFC 8628 §3.2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeGuard
from urllib.parse import urlsplit

from pydantic import SecretStr

from security.credential import LONGEST_LIFE, is_token
from security.errors import TransientFault
from security.google.answers import json_object
from security.google.oauth_errors import Question, meaning_of

ASSUMED_LIFE: Final = timedelta(hours=1)
"""Of an access token of which Google does not say how long it lives: what its tokens always live.
One that ends earlier is renewed when Drive refuses it."""
LONGEST_TOKEN: Final = 16 * 1024
"""Characters. Google's have 2,048 at most, which it may change
(https://developers.google.com/identity/protocols/oauth2#size); no server takes longer headers, and
every storage keeps them."""
_LONGEST_CODE: Final = timedelta(hours=1)
_POLL_EVERY: Final = 5.0  # seconds: RFC 8628 §3.2
_SLOWEST_POLL: Final = 60.0
_LONGEST_USER_CODE: Final = 64
_TRANSIENT_STATUS: Final = frozenset({408, 425, 429})
Answer = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """What the token endpoint gave. `expires_at` is aware, in UTC."""

    access_token: SecretStr
    expires_at: datetime
    refresh_token: SecretStr | None
    scopes: tuple[str, ...] | None
    """The scopes granted; None where the answer did not say (RFC 6749 §5.1: as asked), empty where
    the person ticked none."""
    refresh_expires_at: datetime | None
    """When the refresh token ends by itself, aware, in UTC; None: Google sets it no term.

    `refresh_token_expires_in`, seconds: there for access that is limited in time, which the grants
    of an app in "Testing" are, to seven days.
    https://developers.google.com/identity/protocols/oauth2#expiration
    """


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """RFC 8628 §3.2. Times in seconds from the request."""

    device_code: SecretStr
    user_code: str
    verification_url: str
    expires_in: float
    interval: float


def read_answer(question: Question, status: int, body: bytes, retry_after: str | None) -> Answer:
    """The JSON object of a good answer (any will do where nothing is asked back).

    Raises:
        CustodyError: of the class that `oauth_errors.TABLE` says, for any other.
    """
    if status in _TRANSIENT_STATUS or status >= 500:
        seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
        code = "rate_limited" if status == 429 else "unavailable"
        raise TransientFault(f"Google answered {status}", code=code, retry_after=seconds)
    answer = json_object(body)
    if answer is None:
        raise unreadable()
    if status == 200:
        return answer
    error = _error_of(answer)
    if error is None or status < 400:  # no refusal in OAuth's form
        raise unreadable()
    refusal = meaning_of(question, error).error()
    if refusal is not None:
        raise refusal
    return answer


def read_grant(answer: Answer, now: datetime) -> TokenGrant:
    """The tokens in an answer of the token endpoint.

    Args:
        now: aware, by the clock that they shall end by.

    Raises:
        TransientFault: it cannot be read, or its access token cannot be used, or one is too long.
    """
    access_token, kind = answer.get("access_token"), answer.get("token_type")
    # RFC 6749 §7.1: a type that is not understood is not used. Google's answers all name this one.
    is_bearer = kind is None or (isinstance(kind, str) and kind.lower() == "bearer")
    refresh_token = answer.get("refresh_token")
    if not is_token(access_token) or not is_bearer:
        raise unreadable()
    if any(is_token(one) and len(one) > LONGEST_TOKEN for one in (access_token, refresh_token)):
        raise unreadable()
    return TokenGrant(
        access_token=SecretStr(access_token),
        expires_at=now + _life(answer.get("expires_in"), LONGEST_LIFE, ASSUMED_LIFE),
        refresh_token=SecretStr(refresh_token) if is_token(refresh_token) else None,
        scopes=_scopes(answer.get("scope")),
        refresh_expires_at=_term(answer.get("refresh_token_expires_in"), now),
    )


def read_device(answer: Answer) -> DeviceAuthorization:
    """The codes in an answer of the device endpoint.

    Raises:
        TransientFault: one of them, or the address to go to, cannot be used.
    """
    device_code, user_code = answer.get("device_code"), answer.get("user_code")
    addresses = (answer.get("verification_url"), answer.get("verification_uri"))
    address = next((found for found in addresses if _is_address(found)), None)
    if not is_token(device_code) or not _is_shown(user_code) or address is None:
        raise unreadable()
    interval = _number(answer.get("interval"))
    return DeviceAuthorization(
        device_code=SecretStr(device_code),
        user_code=user_code,
        verification_url=address,
        expires_in=_life(answer.get("expires_in"), _LONGEST_CODE).total_seconds(),
        interval=min(interval, _SLOWEST_POLL) if interval and interval > 0 else _POLL_EVERY,
    )


def unreadable() -> TransientFault:
    """For an answer that is not what the RFCs promise."""
    return TransientFault("Google's answer could not be read", code="not_json")


def _error_of(answer: Answer) -> str | None:
    error = answer.get("error") or answer.get("error_code")  # the latter: device codes used up
    if isinstance(error, dict):  # the shape of Google's other services
        error = error.get("status")
    return error if isinstance(error, str) and error else None


def _number(value: object) -> float | None:
    """A finite number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _life(value: object, longest: timedelta, assumed: timedelta | None = None) -> timedelta:
    """So many seconds, at most `longest`; `assumed` where the answer does not say."""
    if value is None and assumed is not None:
        return assumed
    seconds = _number(value)
    if seconds is None or seconds <= 0:
        raise unreadable()
    return timedelta(seconds=min(seconds, longest.total_seconds()))


def _term(value: object, now: datetime) -> datetime | None:
    """That many seconds from now; None for anything else: no grant is worth losing over it."""
    seconds = None if isinstance(value, str) else _number(value)
    if seconds is None or seconds <= 0:
        return None
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError:
        return None


def _scopes(value: object) -> tuple[str, ...] | None:
    """Of a text or, as some servers have it, a list; None for anything else."""
    if isinstance(value, str):
        return tuple(value.split())
    if isinstance(value, list) and all(isinstance(scope, str) for scope in value):
        return tuple(value)
    return None


def _is_address(value: object) -> TypeGuard[str]:
    """Whether a button can lead there: plain http is for the sandbox, on this machine."""
    if not isinstance(value, str) or not value.isprintable() or " " in value:
        return False
    try:
        parts = urlsplit(value)
    except ValueError:
        return False
    return parts.scheme in ("https", "http") and bool(parts.hostname)


def _is_shown(value: object) -> TypeGuard[str]:
    """Whether a person can be shown it, and enter it."""
    return (
        isinstance(value, str)
        and 0 < len(value.strip()) <= len(value) <= _LONGEST_USER_CODE
        and value.isprintable()
    )
