"""A department's spreadsheets in the sandbox, and the service account that may read them."""

from __future__ import annotations

import base64
import json
from datetime import datetime, time, timedelta, timezone
from pathlib import Path
from typing import Final

from sandbox.google import GoogleWorld
from sandbox.google.oauth.service_accounts import made
from sandbox.google.sheets.samples import PEOPLE, SHEETS_TOML, samples

_SLUG: Final = "tanhae"
_SECONDS: Final = 4
"""From one look to the next, and before a change is told: whoever tries it waits for it."""
_TAIPEI: Final = timezone(timedelta(hours=8))
_DAY: Final = (time(7), time(22))


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
    google.sheets.note = lambda: note(datetime.fromtimestamp(google.now(), _TAIPEI).time())
    encoded = base64.b64encode(json.dumps(key_file).encode()).decode("ascii")
    (file := folder / "sheets.toml").write_text(SHEETS_TOML, "utf-8")
    return {
        f"{_SLUG.upper()}_GOOGLE_SERVICE_ACCOUNT_JSON": encoded,
        "SHEETS_FILE": str(file),
        "SHEETS_INTERVAL_MINUTES": f"{_SECONDS / 60:.3f}",
        "SHEETS_SETTLE_MINUTES": f"{_SECONDS / 60:.3f}",
    }


def note(now: time) -> str:
    """What a planner has to know who waits for somebody to be told.

    Args:
        now: in Taipei, by which the bot keeps the night quiet.
    """
    number, name = PEOPLE[0]
    says = (
        "What is written here is told in the chat within some ten seconds. To be "
        f"{name} there: as Alice, send /duty {number}, say yes to it as the administrator, send "
        "/duty, and tap “Tell me of changes”."
    )
    if not _DAY[0] <= now < _DAY[1]:
        says += f" It is {now:%H:%M} in Taipei: until 07:00 only of the next 24 hours."
    return says
