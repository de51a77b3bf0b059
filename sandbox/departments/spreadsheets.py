"""A department's spreadsheets in the sandbox, and the service account that may read them."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Final

from sandbox.google import GoogleWorld
from sandbox.google.oauth.service_accounts import made
from sandbox.google.sheets.samples import SHEETS_TOML, samples

_SLUG: Final = "tanhae"
_SECONDS: Final = 4
"""From one look to the next, and before a change is told: whoever tries it waits for it."""


def sheet_settings(google: GoogleWorld, token_uri: str, folder: Path) -> dict[str, str]:
    """Make them, and the environment variables: the account's key, and what the sheets are.

    Args:
        token_uri: where the account fetches its tokens.
        folder: where the file is written that says what the sheets are.
    """
    account, key_file = made(_SLUG, token_uri)
    google.service_accounts.add(account)
    for spreadsheet in samples(google.sheets.today(), account.address):
        google.sheets.add(spreadsheet)
    encoded = base64.b64encode(json.dumps(key_file).encode()).decode("ascii")
    (file := folder / "sheets.toml").write_text(SHEETS_TOML, "utf-8")
    return {
        f"{_SLUG.upper()}_GOOGLE_SERVICE_ACCOUNT_JSON": encoded,
        "SHEETS_FILE": str(file),
        "SHEETS_INTERVAL_MINUTES": f"{_SECONDS / 60:.3f}",
        "SHEETS_SETTLE_MINUTES": f"{_SECONDS / 60:.3f}",
    }
