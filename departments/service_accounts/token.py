"""A token for a service account, by its key: a signed statement for which Google gives one.

google-auth signs and asks; where it asks is the setting's word, never the key file's.
RFC 7523 §2.1, https://developers.google.com/identity/protocols/oauth2/service-account
"""

from __future__ import annotations

import re
from contextlib import closing
from datetime import UTC
from http.client import HTTPException
from typing import Final

import google_auth_httplib2
import httplib2
from google.auth.exceptions import GoogleAuthError, RefreshError
from google.oauth2.service_account import Credentials
from pydantic import SecretStr

from config.service_accounts import UNIVERSE, ServiceAccountKey
from drive.connection import AccessToken, Http
from security.errors import CustodyError, OperatorFault, TransientFault
from security.google.network import Network

SCOPE: Final = "https://www.googleapis.com/auth/spreadsheets.readonly"
"""The only one: nothing can be changed with it, and nothing read that is not shared with it."""
_CODE: Final = re.compile(r"[a-z_]{1,40}")
_ODD: Final = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


def fetch_token(
    key: ServiceAccountKey, token_uri: str, network: Network, seconds: float = 10
) -> AccessToken:
    """A token for `SCOPE`, which Google gives for an hour. Blocks.

    Args:
        seconds: how long each answer is waited for; a fault of Google's is asked about twice more.

    Raises:
        OperatorFault: Google refuses the key.
        TransientFault: Google does not answer, or not in a way that can be read.
    """
    credentials = Credentials.from_service_account_info(  # type: ignore[no-untyped-call]
        {
            "type": "service_account",
            "client_email": key.address,
            "private_key_id": key.id,
            "private_key": key.private_key.get_secret_value(),
            "token_uri": token_uri,
            "universe_domain": UNIVERSE,
        },
        scopes=[SCOPE],
    )
    http = Http(network)
    http.timeout, http.follow_redirects = seconds, False  # a signed statement goes nowhere else
    try:
        with closing(http):
            credentials.refresh(google_auth_httplib2.Request(http))
    except RefreshError as refusal:
        raise _fault_of(refusal) from None  # its text repeats the answer
    except (GoogleAuthError, httplib2.HttpLib2Error, HTTPException, OSError) as error:
        raise TransientFault("Google could not be reached") from error
    except _ODD:
        raise _unreadable() from None
    token, expiry = credentials.token, credentials.expiry
    if not isinstance(token, str) or not token or expiry is None:
        raise _unreadable()
    return AccessToken(SecretStr(token), expiry.replace(tzinfo=UTC))


def _fault_of(refusal: RefreshError) -> CustodyError:
    answer = refusal.args[1] if len(refusal.args) > 1 else None
    code = answer.get("error") if isinstance(answer, dict) else None
    if refusal.retryable:
        return TransientFault("Google does not answer just now")
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        return _unreadable()
    if code == "invalid_grant":
        return OperatorFault(
            "Google does not accept the key (invalid_grant): it or its account was deleted or "
            "disabled, or this machine's clock is wrong"
        )
    return OperatorFault(f"Google refuses the key ({code})")


def _unreadable() -> TransientFault:
    return TransientFault("Google's answer could not be read", code="not_json")
