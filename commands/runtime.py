"""The composition root of the operator's commands: settings, logs, keys and the store.

They work beside a running bot: what they change is guarded by the same locks.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from commands.output import Exit, stop
from config import DEFAULT_ENV_FILE as DEFAULT_ENV_FILE
from config import Settings, SettingsError, load_settings
from security import encryption
from security.audit import AuditTrail
from security.consent.pending import PendingConsents
from security.encryption import TokenEncryption
from security.errors import CustodyError
from security.logging_utils import OwnerMask, configure_logging, load_mask_key, read_mask_key
from security.recovery.sealed_folders import holds_ours
from security.storage.files.private_files import reason_of
from security.token_store import TokenStore

EnvFile = Annotated[
    Path,
    typer.Option(help="Lines of NAME=value, below the environment. One that is named must exist."),
]


@dataclass(frozen=True, slots=True)
class Custody:
    """What commands work on. Nothing in it has touched the disk yet but the mask key."""

    settings: Settings
    mask: OwnerMask
    keyring: TokenEncryption
    store: TokenStore

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.settings.user_data_dir

    @property
    def consents(self) -> PendingConsents:
        """Requests for consent under way."""
        return PendingConsents(self.folder / "consents", self.keyring)

    @property
    def audit(self) -> AuditTrail:
        """The trail of who did what."""
        return AuditTrail(self.folder, self.mask)


def read_settings(env_file: Path) -> Settings:
    """The settings; faults end the command, all of them listed."""
    try:
        return load_settings(for_bot=False, env_file=env_file)
    except SettingsError as error:
        faults = "\n".join(f"  • {fault}" for fault in error.faults)
        stop(f"These settings are missing or wrong.\n{faults}", Exit.USAGE)


def build_custody(settings: Settings, mask_key: bytes) -> Custody:
    """The store as the settings say, and logs under these masks.

    Raises:
        OperatorFault: the keys do not serve.
    """
    mask = OwnerMask(mask_key)
    # Commands answer on stdout; stderr is for what went wrong.
    configure_logging(mask, level="WARNING", style=settings.log_format)
    keyring = TokenEncryption(settings.encryption_keys, required=settings.token_require_encryption)
    encryption.install(keyring)
    return Custody(settings, mask, keyring, TokenStore(settings.user_data_dir, keyring, mask))


@contextmanager
def open_custody(env_file: Path, *, changes: bool = False) -> Iterator[Custody]:
    """The store as the settings say; faults end the command with one sentence.

    Args:
        changes: whether the command is one that changes something: what only looks makes nothing,
            neither a folder nor a file, and mends no mode.
    """
    settings = read_settings(env_file)
    folder = settings.user_data_dir
    try:
        if not holds_ours(folder):
            why = "There is no data folder (USER_DATA_DIR): the bot has not run here yet."
            stop(why, Exit.USAGE)
        if changes:
            key = load_mask_key(folder, settings.log_mask_key)
        else:
            # Masks made under a key that nobody keeps are good for this one answer.
            key = read_mask_key(folder, settings.log_mask_key) or secrets.token_bytes(32)
        yield build_custody(settings, key)
    except CustodyError as error:
        stop(f"Not done: {error}.", Exit.FAULT)
    except BrokenPipeError:
        raise  # whoever read the answer has seen enough of it
    except OSError as error:
        stop(f"Not done: {reason_of(error)}.", Exit.FAULT)
