"""Eight processes that sweep and refresh the same owners; started by test_race.py.

Forked from one that has imported everything: arguments are the folder, the token endpoint, the
client's id and secret, the keys, how many processes and how many owners.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from pathlib import Path

from pydantic import SecretStr

from config import GoogleClient
from processes.wiring import Custody, CustodyOptions
from security.credential import Owner
from security.encryption import TokenEncryption
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from security.logging_utils import OwnerMask, configure_logging
from security.maintenance.sweep import SweepOptions
from tests.stores import storage_in


async def contend(
    folder: Path, token_uri: str, client: GoogleClient, keys: list[SecretStr], count: int
) -> dict[str, object]:
    """One process's part: a sweep, and people who come by in another order meanwhile."""
    keyring, mask = TokenEncryption(keys), OwnerMask(b"a mask key for tests")
    oauth = GoogleOAuth(OAuthEndpoints("", token_uri, "", ""))
    options = CustodyOptions(clients=[client], sweep=SweepOptions(concurrency=16), remembers=False)
    custody = Custody(storage_in(folder, keyring, mask), mask, oauth, options)
    owners = [Owner.user(1000 + number) for number in range(count)]
    random.shuffle(owners)
    sweeping = asyncio.create_task(custody.sweep.run())
    served = await asyncio.gather(
        *(custody.custodian.access_token(owner) for owner in owners[: count // 4])
    )
    report = await sweeping
    await custody.close()
    return {
        "refreshed": report.refreshed,
        "results": report.results,
        "transient": report.transient,
        "operator": report.operator,
        "quarantined": report.quarantined,
        "held": report.held,
        "served": len(served),
    }


def main() -> None:
    """Fork, wait, and print each process's counts as a line of JSON."""
    folder, token_uri, client_id, secret, keys, processes, owners = sys.argv[1:]
    client = GoogleClient(client_id, SecretStr(secret))
    children = []
    for _ in range(int(processes)):
        child = os.fork()
        if child == 0:
            random.seed()
            configure_logging(OwnerMask(b"a mask key for tests"), level="ERROR", style="json")
            ring = [SecretStr(key) for key in keys.split(",") if key]
            counts = asyncio.run(contend(Path(folder), token_uri, client, ring, int(owners)))
            os.write(1, (json.dumps(counts) + "\n").encode())
            os._exit(0)
        children.append(child)
    failed = [child for child in children if os.waitpid(child, 0)[1] != 0]
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
