"""What is kept: whose it is, its tokens, when they expire, and which generation it is.

On disk a credential has the fields of google-auth's authorised-user format, so that files written
by `google.oauth2.credentials.Credentials.to_json()` load as they are, and google-auth loads ours.
What that format lacks stands in one object under "drivekeeper".
https://googleapis.dev/python/google-auth/latest/reference/google.oauth2.credentials.html
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeGuard

from pydantic import SecretStr

from security.errors import CorruptCredential

DRIVE_FILE_SCOPE: Final = "https://www.googleapis.com/auth/drive.file"
_DRIVE_SCOPE: Final = "https://www.googleapis.com/auth/drive"
"""Of other programs' consents: all of a Drive. Never asked for here."""
LONGEST_LIFE: Final = timedelta(days=1)
"""Of an access token, whatever is said of it; Google's live for an hour, some for twelve.
https://cloud.google.com/docs/authentication/token-types#access-tokens
"""
_DIGITS: Final = re.compile(r"[0-9]{9,}(\.[0-9]+)?")
_MILLISECONDS_FROM: Final = 1e11  # in seconds, the year 5138
_TESTING_TERM: Final = timedelta(days=8)  # seven, and some slack
_OWNER: Final = re.compile(r"user:([1-9][0-9]{0,18})|department:([a-z][a-z0-9]{0,30})")
_STEM: Final = re.compile(r"token_(?:([1-9][0-9]{0,18})|department_([a-z][a-z0-9]{0,30}))")


@dataclass(frozen=True, slots=True, order=True, repr=False)
class Owner:
    """Whom a credential belongs to. Build one with `user`, `parse` or `from_stem`."""

    kind: Literal["user", "department"]
    key: str

    @classmethod
    def user(cls, telegram_id: int) -> Owner:
        """The owner behind a Telegram user id."""
        return cls.parse(f"user:{telegram_id}")

    @classmethod
    def parse(cls, name: str) -> Owner:
        """The inverse of `name`; ValueError where it is none."""
        return cls._match(_OWNER.fullmatch(name))

    @classmethod
    def from_stem(cls, stem: str) -> Owner:
        """The inverse of `stem`; ValueError where it is none."""
        return cls._match(_STEM.fullmatch(stem))

    @classmethod
    def _match(cls, match: re.Match[str] | None) -> Owner:
        if match is None:
            raise ValueError("not an owner")
        return cls("user", match[1]) if match[1] else cls("department", match[2])

    @property
    def name(self) -> str:
        """`user:<telegram id>` or `department:<slug>`, as it stands inside a credential."""
        return f"{self.kind}:{self.key}"

    @property
    def stem(self) -> str:
        """The file's name without its ending: `token_<telegram id>`."""
        return f"token_{self.key}" if self.kind == "user" else f"token_department_{self.key}"

    @property
    def telegram_id(self) -> int | None:
        """The Telegram user id (also the id of the private chat); None for a department."""
        return int(self.key) if self.kind == "user" else None

    def __repr__(self) -> str:
        return f"Owner({self.kind})"


@dataclass(frozen=True, slots=True)
class Credential:
    """One owner's Google credential. Times are aware and in UTC."""

    owner: Owner
    client_id: str
    refresh_token: SecretStr | None
    access_token: SecretStr | None = None
    expires_at: datetime | None = None
    """When the access token expires; None: unknown, so it is never taken for fresh."""
    scopes: tuple[str, ...] = (DRIVE_FILE_SCOPE,)
    account: SecretStr | None = None
    """The Google account's address."""
    account_id: SecretStr | None = None
    """Drive's permissionId of the account: stays when the address changes."""
    generation: int = 0
    granted_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    """When Google ends the refresh token by itself; None: it has set no term."""
    state: Literal["active", "leaving"] = "active"

    def serves_until(self, now: datetime) -> float:
        """When the access token ends, in Unix seconds; 0: it does not serve, or none can tell."""
        return serves_until(self.access_token, self.expires_at, now)

    def is_fresh(self, now: datetime, lead: timedelta = timedelta()) -> bool:
        """Whether the access token still serves for longer than `lead`."""
        return self.serves_until(now) > (now + lead).timestamp()

    @property
    def ends_within_days(self) -> bool:
        """Whether Google gave the refresh token about a week: the app's status is "Testing".

        People may limit access in time as well, but to months.
        https://developers.google.com/identity/protocols/oauth2#expiration
        """
        return (
            self.refresh_expires_at is not None
            and self.granted_at is not None
            and self.refresh_expires_at - self.granted_at < _TESTING_TERM
        )

    def may_share_account(self, other: Credential) -> bool:
        """Whether both are of one Google account, or it cannot be told."""
        for own, theirs in (
            (self.account_id, other.account_id),
            (self.account, other.account),
        ):
            if own and theirs:
                return own.get_secret_value().lower() == theirs.get_secret_value().lower()
        return True

    @property
    def account_key(self) -> str | None:
        """What tells this Google account from another; None: unknown."""
        return _reveal(self.account_id) or _reveal(self.account)

    def to_document(self) -> dict[str, Any]:
        """The JSON object kept on disk.

        `client_secret` is there because google-auth demands the field, and empty because a
        stolen file should not bring the client's secret along.
        """
        return {
            "token": _reveal(self.access_token),
            "refresh_token": _reveal(self.refresh_token),
            "token_uri": "https://oauth2.googleapis.com/token",
            "client_id": self.client_id,
            "client_secret": "",
            "scopes": list(self.scopes),
            "universe_domain": "googleapis.com",
            "account": _reveal(self.account) or "",
            "expiry": _format(self.expires_at),
            "drivekeeper": {
                "owner": self.owner.name,
                "account_id": _reveal(self.account_id),
                "generation": self.generation,
                "granted_at": _format(self.granted_at),
                "refresh_expires_at": _format(self.refresh_expires_at),
                "state": self.state,
            },
        }

    @classmethod
    def from_document(cls, owner: Owner, document: dict[str, Any]) -> Credential:
        """The credential in `document`, which must belong to `owner`.

        Another program may have written it. What cannot be had again (refresh token, client, and
        what this program alone writes) is believed or refused; anything else that is missing, null,
        or of no use, counts as unknown: a refresh brings it anew, and no grant is lost over it.

        Raises:
            CorruptCredential: it holds no credential of this owner's that could be used.
        """
        own = document.get("drivekeeper")
        own = {} if own is None else own
        if not isinstance(own, dict):
            raise CorruptCredential("a field of the wrong type", code="unreadable")
        if own.get("owner", owner.name) != owner.name:
            raise CorruptCredential("belongs to another owner", code="wrong_owner")
        if not has_sound_fields(document, own):
            raise CorruptCredential("a field of the wrong type", code="unreadable")
        refresh_token, access_token = document.get("refresh_token"), document.get("token")
        return cls(
            owner=owner,
            client_id=document["client_id"],
            refresh_token=SecretStr(refresh_token) if refresh_token else None,
            access_token=SecretStr(access_token) if is_token(access_token) else None,
            expires_at=moment_of(document.get("expiry")),
            scopes=_scopes(document.get("scopes")),
            account=_secret(document.get("account")),
            account_id=_secret(own.get("account_id")),
            generation=own.get("generation", 0),
            granted_at=moment_of(own.get("granted_at")),
            refresh_expires_at=moment_of(own.get("refresh_expires_at")),
            state=own.get("state", "active"),
        )


def has_sound_fields(document: dict[str, Any], own: dict[str, Any]) -> bool:
    """Whether what cannot be had again is there, and of use.

    Args:
        own: the part that this program alone writes.
    """
    refresh_token, client_id = document.get("refresh_token"), document.get("client_id")
    generation = own.get("generation", 0)
    return (
        (is_token(refresh_token) or refresh_token in (None, ""))
        and isinstance(client_id, str)
        and client_id != ""
        and type(generation) is int
        and generation >= 0
        and own.get("state", "active") in ("active", "leaving")
    )


def serves_until(access_token: object, expires_at: datetime | None, now: datetime) -> float:
    """When a token ends, in Unix seconds; 0: there is none, or none can tell.

    An end further away than any access token lives is some mistake, and not waited for.
    """
    if not access_token or expires_at is None or expires_at - now > LONGEST_LIFE:
        return 0.0
    return expires_at.timestamp()


def is_token(value: object) -> TypeGuard[str]:
    """Whether it can be sent as a token: RFC 6749 appendix A; a header has to hold it."""
    return isinstance(value, str) and value != "" and value.isascii() and value.isprintable()


def covers_drive(scopes: Iterable[str]) -> bool:
    """Whether files can be put into a Drive by these scopes."""
    return not {DRIVE_FILE_SCOPE, _DRIVE_SCOPE}.isdisjoint(scopes)


def _reveal(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def _secret(value: object) -> SecretStr | None:
    return SecretStr(value) if isinstance(value, str) and value else None


def _scopes(value: object) -> tuple[str, ...]:
    """Of a list or, as google-auth reads it too, a text; drive.file where it is neither."""
    scopes = value.split() if isinstance(value, str) else value
    if isinstance(scopes, list) and scopes and all(isinstance(scope, str) for scope in scopes):
        return tuple(scopes)
    return (DRIVE_FILE_SCOPE,)


def _format(moment: datetime | None) -> str | None:
    # Whole seconds and a "Z": what google-auth's own reader understands.
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def moment_of(value: object) -> datetime | None:
    """ISO 8601, or seconds or milliseconds since 1970, as a number or a text; None: none of these.

    A text without an offset is in UTC, as google-auth means it.
    """
    try:
        if isinstance(value, str) and not _DIGITS.fullmatch(value):
            moment = datetime.fromisoformat(value)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        if isinstance(value, int | float | str) and not isinstance(value, bool):
            number = float(value)
            seconds = number / 1000 if number >= _MILLISECONDS_FROM else number
            return datetime.fromtimestamp(seconds, UTC) if math.isfinite(seconds) else None
    except (ValueError, OverflowError, OSError):
        pass
    return None
