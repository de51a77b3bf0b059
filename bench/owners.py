"""Data folders full of credentials, and the settings that lead to them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.fernet import Fernet
from pydantic import SecretStr

from config import Settings, load_settings
from security.credential import Credential, Owner
from security.encryption import TokenEncryption

CLIENT_ID: Final = "bench-client.apps.googleusercontent.com"
CLIENT_SECRET: Final = "GOCSPX-nobodys-secret"  # noqa: S105 - of nobody
FIRST_ID: Final = 7_000_000_000
"""Of Telegram's users, whose ids have ten digits by now."""


def new_key() -> str:
    """A Fernet key."""
    return Fernet.generate_key().decode("ascii")


def credential_of(number: int, minutes_left: float) -> Credential:
    """Of one of the owners, of the size that a real one has.

    Args:
        minutes_left: until its access token expires.
    """
    now = datetime.now(UTC)
    return Credential(
        owner=Owner.user(FIRST_ID + number),
        client_id=CLIENT_ID,
        refresh_token=SecretStr(f"1//0{number:012d}" + "r" * 90),
        access_token=SecretStr(f"ya29.{number:012d}" + "x" * 200),
        expires_at=now + timedelta(minutes=minutes_left),
        account=SecretStr(f"somebody{number}@example.com"),
        account_id=SecretStr(f"{number:020d}"),
        generation=1,
        granted_at=now - timedelta(days=30),
    )


def fill(folder: Path, count: int, *, key: str | None, minutes_left: float) -> None:
    """Write that many credentials as files.

    Args:
        key: a Fernet key to encrypt them under; None: plaintext.
        minutes_left: until their access tokens expire.
    """
    folder.mkdir(mode=0o700, parents=True)
    encryption = TokenEncryption([SecretStr(key)] if key else [])
    for number in range(count):
        credential = credential_of(number, minutes_left)
        data = encryption.encrypt(json.dumps(credential.to_document(), indent=1).encode("ascii"))
        descriptor = os.open(
            folder / f"{credential.owner.stem}.json", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600
        )
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)


def write_settings(path: Path, folder: Path, url: str, **changes: object) -> Path:
    """An environment file for a data folder, with Google at `url`; its path."""
    values: Mapping[str, object] = {
        "USER_DATA_DIR": folder,
        "GOOGLE_CLIENT_ID": CLIENT_ID,
        "GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
        "GOOGLE_AUTH_URI": f"{url}/o/oauth2/v2/auth",
        "GOOGLE_TOKEN_URI": f"{url}/token",
        "GOOGLE_DEVICE_URI": f"{url}/device/code",
        "GOOGLE_REVOKE_URI": f"{url}/revoke",
        "GOOGLE_API_ENDPOINT": url,
        "WEB_PORT": 0,
        "LOG_FORMAT": "json",
        **changes,
    }
    lines = [f"{name}={value}\n" for name, value in values.items()]
    path.write_text("".join(lines), encoding="utf-8")
    path.chmod(0o600)
    return path


def read_settings(path: Path, *, for_bot: bool = False) -> Settings:
    """What `write_settings` wrote."""
    return load_settings(for_bot=for_bot, env_file=path)
