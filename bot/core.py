"""What the front stands on: the core as it uses it, and the settings it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx
from pydantic import SecretStr

from bot.monitoring.metrics import Metrics
from bot.preferences.store import Preferences
from departments.administrators.links import SignInLinks
from departments.alerts.alerts import Alerts
from departments.clients.stopping import KeyStops
from departments.services import DepartmentServices
from drive import Drives
from security.consent.flows import ConsentFlows, ConsentMethod
from security.credential import Owner
from security.custody.custodian import Custodian
from security.custody.disconnect import Disconnecting
from security.custody.leases import Leases
from security.custody.members import Members
from security.custody.rejecting import Rejecting
from security.custody.workers import Workers
from security.errors import OperatorFault
from security.google.network import DIRECT, Network
from security.maintenance.fleet import Fleet
from security.maintenance.putting_back import note_told
from security.maintenance.state import MaintenanceState
from security.maintenance.sweep import Sweep
from security.quarantine.copies import Quarantine
from security.storage.events import Event
from security.storage.holding.held_lease import HeldLease
from security.storage.protocol import Storage
from upload import PAUSE_SECONDS

if TYPE_CHECKING:  # whoever has no sheets need not wait for what reads them
    from sheets.keeping.services import SheetServices


@dataclass(frozen=True, slots=True)
class Core:
    """The core as this front uses it; the composition root builds it."""

    workers: Workers
    leases: Leases
    storage: Storage
    lease: HeldLease
    """The bot's own: what this process may begin, it may as long as it has it."""
    custodian: Custodian
    rejecting: Rejecting
    disconnecting: Disconnecting
    consents: ConsentFlows
    consent_method: ConsentMethod
    """How people are asked in the chat."""
    preferences: Preferences
    drives: Drives
    upload_drives: Drives
    """With threads of their own: uploads keep nobody's /status waiting."""
    sending_drives: Drives
    """With threads of their own, for files on their way out of Drive."""
    downloads: httpx.Client
    """For files from Telegram: `bot.uploads.running.telegram_connections.download_client`."""
    state: MaintenanceState
    sweep: Sweep
    fleet: Fleet
    quarantine: Quarantine
    metrics: Metrics
    alerts: Alerts
    key_stops: KeyStops
    """Blocks and unblocks the keys of departments' computers."""
    keep_unsaved: Callable[[Mapping[str, float]], None]
    """Keeps over a restart, beside a database that does not take it, of what administrators were
    told: by code, since when. Blocks."""
    links: SignInLinks | None = None
    """By which administrators sign in to the web pages; None: there is no key, and no pages."""
    departments: DepartmentServices | None = None
    """What this process serves departments with, where it does."""
    sheets: SheetServices | None = None
    """What looks at departments' sheets and keeps them; None: there are none."""

    @property
    def has_rosters(self) -> bool:
        """Whether sheets are read that say who works when: then there is /duty."""
        return self.sheets is not None and bool(self.sheets.people.rosters.sheets)

    async def keeps(self, owner: Owner) -> bool:
        """Whether something is kept of this person that they may take back: a credential, or who
        they are on a roster."""
        if await self.custodian.keeps(owner):
            return True
        try:
            sheets = self.sheets
            return sheets is not None and await self.workers.read(sheets.people.keeps, owner)
        except OperatorFault:  # something is there perhaps
            return True

    @property
    def all_drives(self) -> tuple[Drives, Drives, Drives]:
        """Each of the pools of calls to people's Drives."""
        return self.drives, self.upload_drives, self.sending_drives

    async def record(self, event: Event) -> None:
        """Write one event into the trail."""
        await self.workers.run(self.storage.record, [event])

    async def note_owner_told(self, owner: Owner) -> None:
        """See `putting_back.note_told`."""
        await note_told(self.leases, self.quarantine, self.state, owner)


@dataclass(frozen=True, slots=True)
class Timing:
    """How fast the bot goes about what no setting says. In seconds, where nothing else is said."""

    chat_burst: float = 4.5
    """Messages to one chat in a row; after that one a second. Half a one is kept for late ones."""
    messages_per_second: int = 30
    """To all chats together, as Telegram allows."""
    background_per_second: int = 16
    """Of these, what comes in masses."""
    send_pauses: tuple[float, ...] = (0.5, 2.0, 5.0)
    """Before each further try to say what Telegram did not take for a passing reason."""
    first_progress: float = 1.0
    """Before an upload's progress is shown at all: what is over by then needs none."""
    progress_interval: float = 3.0
    """Between edits that show progress, at least."""
    unusual: float = 15.0
    """How long an upload is prepared before its message says that it takes longer than usual."""
    busy_after: float = 0.6
    """Before a chat shows that the bot is at it: what is answered by then needs none."""
    answer: float = 12.0
    """How long whoever has asked waits for Google, all in all; then they are told so."""
    get_file_pauses: tuple[float, ...] = (1.0, 3.0)
    """Before Telegram is asked for a file once more."""
    download_pause: float = 0.5
    """Before a broken download goes on; doubles each time."""
    upload_pause: float = PAUSE_SECONDS
    """Before an upload's second try; doubles with every further one."""
    album_end: float = 1.0
    """An album is complete when this long nothing has come. Telegram sends its parts at once."""
    renaming: float = 600.0
    """How long a file waits for its new name; then it goes on under its old one."""
    same_request: float = 20.0
    """For so long whoever asks to connect once more is shown the same request again."""
    ask_account_again: float = 5.0
    """Before the question whose account it is, which Telegram did not take, is put again."""
    menu: float = 0.0
    """After a start, before the menu is published."""
    menu_again: float = 600.0
    """Before a menu that Telegram did not take is published again, at least."""
    last_handlers: float = 4.0
    """For what is being handled when the bot stops."""


IN_EARNEST: Final = Timing()


@dataclass(frozen=True, slots=True)
class BotOptions:
    """The settings this front needs."""

    allowed_user_ids: frozenset[int] = frozenset()
    allowed_chat_ids: frozenset[int] = frozenset()
    """The groups in which it answers; in every other one it is silent."""
    admin_user_ids: frozenset[int] = frozenset()
    link_base_url: str = "https://t.me"
    public_url: str | None = None
    """Where the web pages are."""
    files_folder: Path | None = None
    """Where a local Bot API server's files may be read. None: files come over the network."""
    folder_name: str = "Telegram"
    sheets_settle: timedelta = timedelta(minutes=5)
    """So long a changed cell of a sheet must have stood still before anybody is told."""
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
    timing: Timing = IN_EARNEST

    @property
    def local_mode(self) -> bool:
        """Whether a local Bot API server puts files where this process reads them."""
        return self.files_folder is not None

    @property
    def members(self) -> Members:
        """Who may use the bot."""
        return Members(self.allowed_user_ids, self.admin_user_ids)
