"""What the front stands on: the core as it uses it, and the settings it needs."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import httpx
from pydantic import SecretStr

from bot.preferences.store import Preferences
from drive import Drives
from metrics import Metrics
from security.consent.flows import ConsentDesk
from security.credential import Owner
from security.custody.custodian import Custodian
from security.custody.members import Members
from security.errors import CustodyError
from security.google.network import DIRECT, Network
from security.maintenance.records import Records
from security.maintenance.sweep import Sweep
from security.quarantine.copies import Quarantine


@dataclass(frozen=True, slots=True)
class Core:
    """The core as this front uses it; the composition root builds it."""

    custodian: Custodian
    consents: ConsentDesk
    preferences: Preferences
    drives: Drives
    upload_drives: Drives
    """With threads of their own: uploads keep nobody's /status waiting."""
    sending_drives: Drives
    """With threads of their own, for files on their way out of Drive."""
    downloads: httpx.Client
    """For files from Telegram: `bot.uploads.running.telegram_source.download_client`."""
    records: Records
    sweep: Sweep
    quarantine: Quarantine
    metrics: Metrics

    @property
    def all_drives(self) -> tuple[Drives, Drives, Drives]:
        """Each of the pools of calls to people's Drives."""
        return self.drives, self.upload_drives, self.sending_drives

    async def note_owner_told(self, owner: Owner) -> None:
        """Remember that the owner was asked to connect again, so that no notice need follow."""
        self.records.memory.verdicts.tell(owner)
        with suppress(CustodyError):  # at worst they hear of it twice
            await self.custodian.under_lock(owner, self.quarantine.mark_owner_told, owner)


@dataclass(frozen=True, slots=True)
class BotOptions:
    """The settings this front needs."""

    allowed_user_ids: frozenset[int] = frozenset()
    allowed_chat_ids: frozenset[int] = frozenset()
    """The groups in which it answers; in every other one it is silent."""
    admin_user_ids: frozenset[int] = frozenset()
    link_base_url: str = "https://t.me"
    files_folder: Path | None = None
    """Where a local Bot API server's files may be read. None: files come over the network."""
    folder_name: str = "Telegram"
    maintenance_interval: timedelta = timedelta(minutes=10)
    """The pause between sweeps; none: there are no sweeps."""
    uploads_at_once: int = 8
    uploads_per_user: int = 200
    """How many unfinished files one person may have."""
    data_folder: Path = Path("user_data")
    """Where files are while they are sent, without a name."""
    network: Network = DIRECT
    """How Telegram is reached."""
    encrypted: bool = False
    """Whether there is a key for what is kept."""
    webhook_url: str | None = None
    """Where Telegram brings updates; None: it is asked for them."""
    webhook_secret: SecretStr | None = None
    """What Telegram proves itself by when it brings an update."""

    @property
    def local_mode(self) -> bool:
        """Whether a local Bot API server puts files where this process reads them."""
        return self.files_folder is not None

    @property
    def members(self) -> Members:
        """Who may use the bot."""
        return Members(self.allowed_user_ids, self.admin_user_ids)
