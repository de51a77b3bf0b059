"""What a refusal by Google's OAuth endpoints means: the table of error codes × question × class.

The same word means different things in answer to different questions: `access_denied` to a device's
poll is the person's "no", to a refresh it is the end of their grant. And some words speak of one
person's account, some of the client that everybody shares. RFC 6749 §4.1.2.1 and §5.2, RFC 7009
§2.2.1, RFC 8628 §3.5, OpenID Connect Core §3.1.2.6, and Google's own:
https://developers.google.com/identity/protocols/oauth2/web-server#authorization-errors
https://developers.google.com/identity/protocols/oauth2/limited-input-device
https://support.google.com/accounts/answer/16668185
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final

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


class Question(StrEnum):
    """What was asked, and of which endpoint."""

    REFRESH = "refresh"
    """Of the token endpoint, with a refresh token."""
    EXCHANGE = "exchange"
    """Of the token endpoint, with an authorisation code."""
    DEVICE_CODE = "device_code"
    """Of the device endpoint: it concerns no person yet."""
    POLL = "poll"
    """Of the token endpoint, with a device code."""
    REVOKE = "revoke"
    """Of the revocation endpoint."""
    REDIRECT = "redirect"
    """Of Google's consent page: the answer is the `error` of the redirected address."""


class Meaning(Enum):
    """What a refusal says: the class of error, its result code, and a sentence for operators."""

    PASSING = (TransientFault, "unavailable", "Google is not available")
    PATIENCE = (TransientFault, "rate_limited", "Google asks for patience")
    CLIENT_REFUSED = (ClientRefused, "invalid_client", "Google refuses the OAuth client")
    CLIENT_DELETED = (ClientRefused, "deleted_client", "the OAuth client was deleted at Google")
    CLIENT_DISABLED = (OperatorFault, "invalid_client", "the OAuth client is disabled at Google")
    NOT_AUTHORISED = (OperatorFault, "unauthorized_client", "the OAuth client may not do this")
    REQUEST_REFUSED = (OperatorFault, "invalid_request", "Google refused the request")
    ORGANISATION = (RefusedByOrganisation, "org_policy", "the person's organisation refuses")
    OTHERS_ONLY = (RefusedByOrganisation, "org_internal", "the app is another organisation's own")
    GRANT_ENDED = (ConsentRequired, "invalid_grant", "Google does not accept this grant any more")
    ACCESS_DENIED = (ConsentRequired, "access_denied", "Google denies access by this grant")
    DECLINED = (ConsentDenied, "access_denied", "the person declined")
    CODE_LAPSED = (ConsentDenied, "expired", "the code's time is over")
    UNDECIDED = (DevicePending, "unavailable", "not approved yet")
    SLOW_DOWN = (DevicePending, "unavailable", "not approved yet, and asked for too often")
    NOTHING_LEFT = (None, "ok", "there is nothing to revoke any more")

    def error(self) -> CustodyError | None:
        """What is to be raised; None: it is as good as a yes."""
        kind, code, sentence = self.value
        if kind is None:
            return None
        if kind is DevicePending:
            return DevicePending(slow_down=self is Meaning.SLOW_DOWN)
        made: CustodyError = kind(sentence, code=code)
        return made


_M = Meaning
_Row = Mapping[Question, Meaning]


def _row(*meanings: Meaning) -> _Row:
    return MappingProxyType(dict(zip(Question, meanings, strict=True)))


def _always(meaning: Meaning) -> _Row:
    return _row(*[meaning] * len(Question))


def _of_the_grant(meaning: Meaning = _M.GRANT_ENDED) -> _Row:
    """About one grant or code. The device endpoint has been shown none."""
    return _row(
        *(meaning, _M.GRANT_ENDED, _M.REQUEST_REFUSED, _M.GRANT_ENDED),
        *(_M.NOTHING_LEFT, _M.REQUEST_REFUSED),
    )


def _of_the_person() -> _Row:
    """They have to look at Google's page once more."""
    return _row(
        *(_M.GRANT_ENDED, _M.GRANT_ENDED, _M.REQUEST_REFUSED, _M.GRANT_ENDED),
        *(_M.PASSING, _M.DECLINED),
    )


def _of_the_organisation(meaning: Meaning = _M.ORGANISATION) -> _Row:
    """Where no person has anything to do with it yet, it can only speak of the client."""
    return _row(meaning, meaning, _M.NOT_AUTHORISED, meaning, meaning, meaning)


TABLE: Final[Mapping[str, _Row]] = MappingProxyType(
    {
        # RFC 6749 §5.2
        "invalid_request": _always(_M.REQUEST_REFUSED),
        "invalid_client": _always(_M.CLIENT_REFUSED),
        "invalid_grant": _of_the_grant(),
        "unauthorized_client": _always(_M.NOT_AUTHORISED),
        "unsupported_grant_type": _always(_M.REQUEST_REFUSED),
        "invalid_scope": _always(_M.REQUEST_REFUSED),
        # RFC 6749 §4.1.2.1, of the consent page
        "access_denied": _row(
            *(_M.ACCESS_DENIED, _M.DECLINED, _M.NOT_AUTHORISED, _M.DECLINED),
            *(_M.REQUEST_REFUSED, _M.DECLINED),
        ),
        "unsupported_response_type": _always(_M.REQUEST_REFUSED),
        "server_error": _always(_M.PASSING),
        "temporarily_unavailable": _always(_M.PASSING),
        # RFC 8628 §3.5. No other question has anything to be decided, or a code to lapse: a refresh
        # that is told of a token whose time is over is told of its own.
        "authorization_pending": _row(
            *(_M.PASSING, _M.PASSING, _M.PASSING, _M.UNDECIDED, _M.PASSING, _M.PASSING)
        ),
        "slow_down": _row(
            *(_M.PATIENCE, _M.PATIENCE, _M.PATIENCE, _M.SLOW_DOWN, _M.PATIENCE, _M.PATIENCE)
        ),
        "expired_token": _row(
            *(_M.GRANT_ENDED, _M.CODE_LAPSED, _M.PASSING, _M.CODE_LAPSED),
            *(_M.NOTHING_LEFT, _M.CODE_LAPSED),
        ),
        # RFC 7009 §2.2.1, RFC 6750 §3.1
        "unsupported_token_type": _always(_M.REQUEST_REFUSED),
        "invalid_token": _of_the_grant(),
        # OpenID Connect Core §3.1.2.6
        "interaction_required": _of_the_person(),
        "login_required": _of_the_person(),
        "account_selection_required": _of_the_person(),
        "consent_required": _of_the_person(),
        # Google's, about the client and how it asks
        "deleted_client": _always(_M.CLIENT_DELETED),
        "disabled_client": _always(_M.CLIENT_DISABLED),
        "restricted_client": _always(_M.NOT_AUTHORISED),
        "redirect_uri_mismatch": _always(_M.REQUEST_REFUSED),
        "origin_mismatch": _always(_M.REQUEST_REFUSED),
        "invalid_audience": _always(_M.REQUEST_REFUSED),
        "disallowed_useragent": _always(_M.REQUEST_REFUSED),
        # Google's, about one person's account: what its administrators or Advanced Protection allow
        "admin_policy_enforced": _of_the_organisation(),
        "policy_enforced": _of_the_organisation(),
        "access_not_configured": _of_the_organisation(),
        "org_internal": _of_the_organisation(_M.OTHERS_ONLY),
        # Google's, about one session: https://support.google.com/a/answer/9368756
        "invalid_rapt": _of_the_person(),
        "rapt_required": _of_the_person(),
        # Google's, about itself
        "internal_failure": _always(_M.PASSING),
        "internal_error": _always(_M.PASSING),
        "backend_error": _always(_M.PASSING),
        "quota_exceeded": _always(_M.PASSING),
        "rate_limit_exceeded": _always(_M.PASSING),
        # The statuses of Google's other services: https://cloud.google.com/apis/design/errors
        "INVALID_ARGUMENT": _always(_M.REQUEST_REFUSED),
        "FAILED_PRECONDITION": _always(_M.REQUEST_REFUSED),
        "UNAUTHENTICATED": _always(_M.REQUEST_REFUSED),
        "PERMISSION_DENIED": _always(_M.REQUEST_REFUSED),
        "NOT_FOUND": _always(_M.REQUEST_REFUSED),
        "ABORTED": _always(_M.PASSING),
        "CANCELLED": _always(_M.PASSING),
        "DEADLINE_EXCEEDED": _always(_M.PASSING),
        "INTERNAL": _always(_M.PASSING),
        "UNKNOWN": _always(_M.PASSING),
        "UNAVAILABLE": _always(_M.PASSING),
        "RESOURCE_EXHAUSTED": _always(_M.PATIENCE),
    }
)
_UNKNOWN: Final = _always(_M.REQUEST_REFUSED)
"""What Google has not invented yet is about how we ask: it ends no grant, and skips nobody."""


def meaning_of(question: Question, error: str) -> Meaning:
    """What the word `error` says in answer to `question`."""
    return TABLE.get(error, _UNKNOWN)[question]
