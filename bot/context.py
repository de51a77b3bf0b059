"""What every handler is given: the services, typed, and the texts in the person's language."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import httpx
from pydantic import SecretStr
from telegram import CallbackQuery, Update
from telegram.ext import Application, CallbackContext, ExtBot, JobQueue

from bot.access.policy import Access
from bot.access.refusals import Refusals
from bot.preferences import Preferences
from bot.texts.catalogue import Texts
from bot.updates.inbox import Inbox
from bot.updates.pulse import Pulse
from bot.uploads.albums import Albums
from bot.uploads.destinations import Places
from bot.uploads.jobs import UploadJob
from bot.uploads.queue import UploadQueue
from drive import Drives
from metrics import Metrics
from security.consent.flows import ConsentDesk
from security.credential import Owner
from security.custody.custodian import Custodian
from security.custody.members import Members
from security.errors import OperatorFault
from security.google.network import DIRECT, Network
from security.maintenance.records import Records
from security.maintenance.sweep import Sweep
from security.quarantine.copies import Quarantine

if TYPE_CHECKING:
    from bot.drive_files.sending import Sender

Bag = dict[Any, Any]


@dataclass(frozen=True, slots=True)
class Core:
    """The core as this front uses it; the composition root builds it."""

    custodian: Custodian
    consents: ConsentDesk
    preferences: Preferences
    drives: Drives
    upload_drives: Drives
    """Like `drives`, with threads of their own: uploads keep nobody's /status waiting."""
    sending_drives: Drives
    """Likewise, for files on their way out."""
    downloads: httpx.Client
    """For files from Telegram: `bot.uploads.telegram_source.download_client`."""
    records: Records
    sweep: Sweep
    quarantine: Quarantine
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class BotOptions:
    """The settings this front needs."""

    allowed_user_ids: frozenset[int] = frozenset()
    allowed_chat_ids: frozenset[int] = frozenset()
    """The groups in which it answers; in every other one it is silent."""
    admin_user_ids: frozenset[int] = frozenset()
    link_base_url: str = "https://t.me"
    files_folder: Path | None = None
    """Of a local Bot API server: nothing is read elsewhere. None: files come over the network."""
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
    """What it proves itself by there."""

    @property
    def local_mode(self) -> bool:
        """Whether a local Bot API server puts files where this process reads them."""
        return self.files_folder is not None

    @property
    def members(self) -> Members:
        """Who may use the bot."""
        return Members(self.allowed_user_ids, self.admin_user_ids)


@dataclass(frozen=True, slots=True)
class Services:
    """Everything handlers reach for."""

    core: Core
    options: BotOptions
    access: Access
    uploads: UploadQueue
    albums: Albums
    progress_of: Callable[[UploadJob], str | None]
    """What a running upload's message says."""
    sender: Sender
    places: Places
    inbox: Inbox
    pulse: Pulse
    refusals: Refusals
    telling: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while people are told what a sweep found: nobody is told twice."""
    drawing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while a chart is drawn: that is a process's work."""


class BotContext(CallbackContext[ExtBot[int], Bag, Bag, Bag]):
    """python-telegram-bot makes one for every update and job."""

    services: ClassVar[Services]

    @property
    def core(self) -> Core:
        """The core."""
        return self.services.core

    def is_admin(self, owner: Owner) -> bool:
        """Whether `owner` administers this bot."""
        return owner.telegram_id in self.services.options.admin_user_ids

    @property
    def jobs(self) -> JobQueue[BotContext]:
        """The application's JobQueue, which `build_application` always gives it."""
        if self.job_queue is None:
            raise RuntimeError("the application was built without its JobQueue")
        return cast("JobQueue[BotContext]", self.job_queue)

    async def is_connected(self, owner: Owner) -> bool:
        """Whether a credential is kept, be it for now unreadable: an operator's to mend."""
        try:
            credential = await self.core.custodian.load(owner)
        except OperatorFault:
            return True
        return credential is not None and credential.state == "active"

    async def texts_for(self, owner: Owner) -> Texts:
        """The catalogue in this person's language."""
        return Texts(await self.core.preferences.language(owner))

    async def texts(self, update: Update) -> Texts:
        """The catalogue in the language of whoever sent `update`."""
        return await self.texts_for(owner_of(update))


BotApplication = Application[ExtBot[int], BotContext, Bag, Bag, Bag, JobQueue[BotContext]]


def owner_of(update: Update) -> Owner:
    """The owner behind an update the gate let through."""
    if update.effective_user is None:
        raise ValueError("an update without a sender")
    return Owner.user(update.effective_user.id)


def argument_of(query: CallbackQuery | None) -> str:
    """What comes after the verb of the button that was tapped; "" where none was."""
    return (query.data or "").partition(":")[2] if query else ""


def private_address(context: BotContext) -> str:
    """Where the bot's private chat opens."""
    return f"{context.services.options.link_base_url}/{context.bot.username}"


def chat_of(owner: Owner) -> int:
    """A person's private chat has the person's id."""
    if owner.telegram_id is None:
        raise ValueError("a department has no chat")
    return owner.telegram_id
