"""People who connect and are connected, against the sandbox, in a folder without a key."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from tests.frozen.product import Custody

if TYPE_CHECKING:
    from tests.frozen.product import GoogleControls, PendingConsent

ANN, BOB, CAT = 501, 502, 503
ACCOUNTS = {ANN: "amy@example.com", BOB: "ben@example.com", CAT: "cat@example.com"}
FLOWS = ("device", "callback", "paste")


async def answer_at_google(
    pending: PendingConsent, google: GoogleControls, account: str
) -> dict[str, str]:
    """The person approves on Google's pages; what a redirect brings back."""
    if pending.flow == "device":
        await google.approve_device(pending.user_code, account)
        return {}
    redirect = await google.consent(pending.address, account)
    return dict(parse_qsl(urlsplit(redirect).query))


async def connect(custody: Custody, google: GoogleControls, user: int, account: str = "") -> None:
    """From the asking to the saving."""
    pending = await custody.begin_consent(user)
    redirect = await answer_at_google(pending, google, account or ACCOUNTS[user])
    await custody.approved(pending, redirect)
    if pending.flow == "callback":
        await custody.claim(user)
    await custody.confirm(user)


def document(folder: Path, user: int) -> dict[str, object] | None:
    """What is stored for somebody, without a key; None: nothing."""
    path = folder / f"token_{user}.json"
    found: dict[str, object] | None = json.loads(path.read_bytes()) if path.exists() else None
    return found


def make_due(folder: Path, user: int, minutes_left: float = 5) -> None:
    """The stored access token is said to end soon."""
    kept = document(folder, user)
    assert kept is not None
    ends = datetime.now(UTC) + timedelta(minutes=minutes_left)
    kept["expiry"] = ends.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    (folder / f"token_{user}.json").write_text(json.dumps(kept))
