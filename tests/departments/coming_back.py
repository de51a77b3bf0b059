"""A process that takes an administrator back from Google, and may die in the midst of it.

As it is told: after the credential was saved (`saved`), after the outcome was noted (`noted`), or
never (`never`). It comes back five times at once, and prints what it was told, each thing once.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from pydantic import SecretStr

from departments.authorising.outcomes import SAVED, Outcomes
from sandbox.clients.google_controls import GoogleControls
from security.consent.pending import PendingConsent
from security.encryption import TokenEncryption
from tests import places
from tests.departments.kit import Browser, consents_of
from tests.security.kit import MASK, World


class _Dying(Outcomes):
    dies_at = ""

    def note(self, pending: PendingConsent, code: str) -> None:
        if code == SAVED and self.dies_at == "saved":
            os._exit(9)
        super().note(pending, code)
        if code == SAVED and self.dies_at == "noted":
            os._exit(9)


async def come_back(told: dict[str, Any]) -> None:
    """Follow the address Google redirects to."""
    config = SimpleNamespace(client_id=told["client_id"], client_secret=told["client_secret"])
    sandbox = cast("Any", SimpleNamespace(url=told["url"], config=config))
    keyring = TokenEncryption([SecretStr(told["key"])])
    async with GoogleControls(told["url"]) as google:
        world = World(sandbox, google, Path(told["folder"]), keyring)
        _Dying.dies_at = told["dies_at"]
        storage = places.storage(
            world.folder, keyring, MASK, tells=True, lease_seconds=told["lease_seconds"]
        )
        custody = world.new_custody(storage=storage)
        browser = Browser(world, consents_of(world, custody, outcomes=_Dying))
        found = await asyncio.gather(*(browser.open(told["redirected"]) for _ in range(5)))
        print(*{outcome.result if outcome else "-" for outcome in found})
        await world.close()


if __name__ == "__main__":
    asyncio.run(come_back(json.loads(sys.stdin.read())))
