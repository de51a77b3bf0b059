"""What a sweep of a thousand owners asks of the operating system while nothing is due."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from tests.frozen.golden import frozen
from tests.frozen.product import Sandbox, custody, environment
from tests.frozen.tracing import Call, traced

pytestmark = [pytest.mark.encryption("off"), pytest.mark.usefixtures("restored_logging")]
OWNERS: Final = 1000
_KINDS: Final = {
    **dict.fromkeys(("stat", "lstat", "newfstatat", "statx"), "stat"),
    **dict.fromkeys(("open", "openat"), "open"),
    **dict.fromkeys(("read", "pread64"), "read"),
}


def fill(folder: Path) -> None:
    """A credential for each, as google-auth writes them, good for an hour."""
    expiry = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    folder.mkdir(mode=0o700)
    for user in range(1, OWNERS + 1):
        kept = {
            **{"token": "ya29.x", "refresh_token": "1//x", "client_id": "x", "client_secret": ""},
            **{"token_uri": "https://oauth2.googleapis.com/token", "expiry": expiry},
        }
        path = folder / f"token_{user}.json"
        path.write_text(json.dumps(kept))
        path.chmod(0o600)


async def test_nothing_due_costs_one_stat(
    sandbox: Sandbox, tmp_path: Path, encryption_keys: object
) -> None:
    """The first pass opens each file once; the second opens none, and looks at each name once."""
    folder = tmp_path / "user_data"
    fill(folder)
    async with custody(environment(sandbox, folder)) as hands:
        with traced(tmp_path / "trace") as trace:
            for name in ("first", "second", "third"):
                trace.mark(name)
                await hands.sweep()
            trace.pause()
    for name, calls in trace.parts().items():
        counts, bounds = _counted(folder, calls), frozen("idle_sweep")[name]
        over = {kind: count for kind, count in counts.items() if count > bounds.get(kind, 0)}
        print(name, counts)
        assert over == {}, f"{name} pass: more than {bounds}"


def _counted(folder: Path, calls: list[Call]) -> Counter[str]:
    """The calls about credentials by kind; and how many there are about anything else on disk."""
    found: Counter[str] = Counter()
    for call in calls:
        if f"{folder}/token_" in call.text or '"token_' in call.text:
            found[_KINDS.get(call.name, call.name)] += 1
        elif str(folder) in call.text:
            found["anything else"] += 1
    return found
