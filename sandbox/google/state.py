"""Google's state as JSON, so that ``make run`` may be stopped and started again.

Upload sessions are not kept: a restarted sandbox has forgotten them, as the real one may.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.google.drive.shared_drives import SharedDrive
from sandbox.google.model import (
    AccessToken,
    Account,
    AuthCode,
    Consent,
    DeviceCode,
    DriveFile,
    RefreshToken,
)
from sandbox.google.oauth.service_accounts import ServiceAccount

if TYPE_CHECKING:
    from sandbox.google.world import GoogleWorld

VERSION = 1
SAVE_EVERY = 5.0  # seconds, at least
SAVE_SHARE = 0.02  # of the time may go into saving, at most, however large the state


def dump(world: GoogleWorld) -> dict[str, Any]:
    """Everything but the bytes of files."""
    grants = world.grants
    kept: dict[str, Iterable[Any]] = {
        "accounts": world.accounts.values(),
        "codes": grants.codes.values(),
        "devices": grants.devices.values(),
        "refresh": grants.refresh.values(),
        "access": grants.access.values(),
        "files": world.files.all(),
        "shared_drives": world.shared_drives.values(),
    }
    return {
        "version": VERSION,
        "consents": {key: vars(value) for key, value in grants.consents.items()},
        "generated": world.files.generated,
        "service_accounts": [vars(one) for one in world.service_accounts.all.values()],
        "sheets": world.sheets.as_list(),
        **{key: [vars(item) for item in items] for key, items in kept.items()},
    }


def load(world: GoogleWorld, path: Path) -> None:
    """Read what ``dump`` wrote; nothing where there is nothing, or of another version."""
    if not path.exists() or (data := json.loads(path.read_text("utf-8")))["version"] != VERSION:
        return
    grants = world.grants
    for item in data.get("service_accounts", ()):  # older files have none
        world.service_accounts.add(ServiceAccount(**item))
    world.sheets.load(data.get("sheets", ()))
    world.shared_drives = {item["id"]: SharedDrive(**item) for item in data["shared_drives"]}
    world.accounts = {item["email"]: Account(**item) for item in data["accounts"]}
    grants.consents = {key: Consent(**value) for key, value in data["consents"].items()}
    grants.codes = {item["code"]: AuthCode(**item) for item in data["codes"]}
    grants.devices = {item["device_code"]: DeviceCode(**item) for item in data["devices"]}
    for item in data["refresh"]:
        grants.add_refresh(RefreshToken(**item))
    for item in data["access"]:
        grants.add_access(AccessToken(**item))
    for item in data["files"]:
        world.files.add(DriveFile(**item))
    world.files.generated.update(data["generated"])
