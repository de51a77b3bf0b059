"""The bot's process, with leases that are over soon. `python -m tests.failover.bot SECONDS`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from config import Settings, load_settings
from processes.bot import run_to_the_end
from processes.storage import open_storage, place_of
from security import encryption
from security.encryption import TokenEncryption
from security.logging_utils import OwnerMask
from security.storage.protocol import Storage


def main(lease_seconds: float) -> None:
    """As `drivekeeper bot`, which has no such setting."""

    def storage_of(settings: Settings, mask: OwnerMask) -> Storage:
        keyring = TokenEncryption(settings.encryption_keys, required=True)
        encryption.install(keyring)
        return open_storage(place_of(settings), keyring, mask, lease_seconds=lease_seconds)

    run_to_the_end(load_settings(env_file=Path(os.devnull)), storage_of)


if __name__ == "__main__":
    main(float(sys.argv[1]))
