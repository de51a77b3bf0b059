"""A department's spreadsheets in the sandbox, and the service account that may read them."""

from __future__ import annotations

import base64
import json
from typing import Final

from sandbox.google import GoogleWorld
from sandbox.google.oauth.service_accounts import made
from sandbox.google.sheets.samples import samples

_SLUG: Final = "tanhae"


def sheet_settings(google: GoogleWorld, token_uri: str) -> dict[str, str]:
    """Make them, and the environment variable with the account's key.

    Args:
        token_uri: where the account fetches its tokens.
    """
    account, key_file = made(_SLUG, token_uri)
    google.service_accounts.add(account)
    for spreadsheet in samples(google.sheets.today(), account.address):
        google.sheets.add(spreadsheet)
    encoded = base64.b64encode(json.dumps(key_file).encode()).decode("ascii")
    return {f"{_SLUG.upper()}_GOOGLE_SERVICE_ACCOUNT_JSON": encoded}
