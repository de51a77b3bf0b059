"""The one place where the frozen tests reach into the product: its names, not its behaviour.

When something moves or is renamed, its import is changed here, and nothing else beside it. Each
function is small, and gives plain data.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography.fernet import Fernet
from prometheus_client.parser import text_string_to_metric_families
from pydantic import SecretStr
from telegram import Bot, Update
from typer.main import get_command
from typer.testing import CliRunner

import cli
from bot.access.policy import Access
from bot.monitoring.metrics import Metrics
from bot.readiness import REASONS
from bot.services import Services
from bot.updates import capacity as _capacity
from bot.updates import inbox as _inbox
from bot.updates import ordering as _ordering
from bot.updates import polled_queue as _polled_queue
from bot.updates.inbox import Inbox
from bot.updates.journal import UpdateJournal
from bot.updates.ordering import PerUserOrder
from cli import app
from commands.checks.finding import State as CheckState
from commands.output import Exit
from config import Settings, SettingsError, load_settings
from drive import DriveApi, Drives
from processes import bot as bot_process
from processes import storage as storage_parts
from processes import wiring
from sandbox.clients.google_controls import GoogleControls as GoogleControls
from sandbox.clients.group import Group as Group
from sandbox.clients.messages import Message as Message
from sandbox.clients.person import Person as Person
from sandbox.clients.telegram_controls import TelegramControls as TelegramControls
from sandbox.run import bot_settings
from sandbox.server import Sandbox as Sandbox
from security.consent.flows import PASTE_REDIRECT, ConsentFlows, ConsentMethod
from security.consent.pending import PendingConsent as PendingConsent
from security.credential import Credential, Owner
from security.custody.members import Members
from security.custody.workers import Workers
from security.encryption import TokenEncryption
from security.errors import CustodyError as CustodyError
from security.errors import OperatorFault as OperatorFault
from security.google.network import Network
from security.logging_utils import OwnerMask
from security.logs import schema as log_schema
from security.maintenance.incidents import Incidents
from security.maintenance.report import SweepReport
from security.recovery.inspection import FINDINGS, STATES
from security.storage import events

ROOT: Final = Path(__file__).parents[2]
MOVED: Final[dict[str, str]] = {}
"""A top-level folder or module of ours that has a new name → the frozen one it stands for."""
SANDBOX_ALONE: Final = "sandbox.run"
"""What `drivekeeper sandbox` runs."""
_BOT_ID: Final = 110201543
"""Telegram counts each bot's updates apart."""
MASK_KEY: Final = "a mask key for frozen tests"
_WRITTEN: Final = ROOT / "tests" / "security" / "folders_of_before.json"
OTHERS: Final = frozenset({"tests", "bench", "sandbox", "docs"})
"""Top-level folders whose exceptions never stand in an operator's log."""


def log_names() -> dict[str, list[str]]:
    """Every event, result and field of a log line."""
    return {
        "events": sorted(log_schema.EVENTS),
        "results": sorted(log_schema.RESULTS),
        "operator faults": sorted(log_schema.OPERATOR_FAULTS),
        "connection faults": sorted(log_schema.CONNECTION_FAULTS),
        "fields": sorted(log_schema.FIELDS),
    }


def may_be_logged(field: str, value: Any) -> bool:
    """Whether a field of a log line shows this value."""
    return bool(log_schema.FIELDS[field](value))


def codes() -> dict[str, list[str]]:
    """Words that stand in answers, in the audit trail and in metrics."""
    return {
        "audit actions": sorted(events.ACTIONS),
        "why not ready": sorted(REASONS),
        "states of a credential": sorted(STATES),
        "findings about a credential": sorted(FINDINGS),
        "states of a doctor's check": sorted(state.value for state in CheckState),
    }


def exit_codes() -> list[str]:
    """What a command may end with."""
    return sorted(str(int(code)) for code in Exit)


def exceptions() -> dict[str, str]:
    """Every exception of the product's by its name, as a log line has it, with its own code."""
    tops = [top for top in ROOT.iterdir() if top.stem.isidentifier() and top.name not in OTHERS]
    paths = [path for top in tops for path in (top.rglob("*.py") if top.is_dir() else [top])]
    names = (path.relative_to(ROOT).with_suffix("").parts for path in paths if path.suffix == ".py")
    dotted = sorted(".".join(parts).removesuffix(".__init__") for parts in names)
    modules = [importlib.import_module(name) for name in dotted]
    return {
        kind.__name__: str(getattr(kind, "default_code", "-"))
        for module in modules
        for kind in vars(module).values()
        if inspect.isclass(kind)
        and issubclass(kind, BaseException)
        and kind.__module__ == module.__name__
        and not kind.__name__.startswith("_")
    }


def told_metrics() -> Iterator[Any]:
    """Every metric of the bot's, told of every result code there is, as a server reads it."""
    metrics, now = Metrics(), datetime.now(UTC)
    every = dict.fromkeys([*sorted(log_schema.RESULTS), "nobody's code"], 1)
    for code in every:
        metrics.refreshed(code)
        metrics.uploaded(code, 1)
        metrics.swept(
            SweepReport(
                started_at=now,
                seconds=1,
                full=True,
                minutes_left=5,
                results={code: 1},
                ended_by=code,
            )
        )
    metrics.minutes_left([(0, 1), (math.inf, 9)])
    metrics.incidents(every)
    metrics.ask_quarantine(lambda: 1)
    metrics.ask_telegram(lambda: True)
    return iter(text_string_to_metric_families(metrics.text().decode()))


def command_line() -> Any:
    """All that `drivekeeper` understands."""
    return get_command(cli.app)


def run_command() -> Any:
    """For typer's CliRunner."""
    return cli.app


def settings() -> dict[str, Any]:
    """The default of each setting, by its variable's name; departments' own keys have none."""
    return {
        name.upper(): field.get_default(call_default_factory=True)
        for name, field in Settings.model_fields.items()
        if name != "service_accounts"
    }


def faults_of_settings() -> list[str]:
    """What is wrong with the settings in the environment: "NAME: what"."""
    try:
        load_settings(for_bot=False, env_file=None)
    except SettingsError as error:
        return list(error.faults)
    return []


def folder_of_before(kind: str) -> dict[str, str]:
    """A data folder as an earlier version has left it: "plain" or "sealed"; its files' texts."""
    written: dict[str, Any] = json.loads(_WRITTEN.read_text("ascii"))
    return dict(written[kind])


def key_of_before() -> str:
    """What the sealed one is sealed with."""
    return str(json.loads(_WRITTEN.read_text("ascii"))["key"])


@dataclass(frozen=True, slots=True)
class Custody:
    """Custody of one data folder, as one process has it: what can be asked of it."""

    parts: wiring.Custody
    consents: ConsentFlows
    method: ConsentMethod

    async def token(self, user: int) -> str:
        """An access token of this Telegram user's that serves."""
        return _text(await self.parts.custodian.access_token(Owner.user(user)))

    async def another_token(self, user: int, rejected: str) -> str:
        """One that is not `rejected`, to which Google has said 401."""
        old, owner = SecretStr(rejected), Owner.user(user)
        return _text(await self.parts.custodian.access_token(owner, rejected=old))

    async def sweep(self) -> None:
        """One pass over everybody."""
        await self.parts.sweep.run()

    async def disconnect(self, user: int) -> None:
        """End it, here and at Google."""
        await self.parts.disconnecting.disconnect(Owner.user(user))

    async def restore(self, user: int) -> None:
        """The newest quarantined copy back in its owner's place."""
        copies, workers = self.parts.store.copies, self.parts.workers
        name = (await workers.read(copies.names, Owner.user(user)))[-1]
        await workers.run(copies.restore, name)

    async def begin_consent(self, user: int) -> PendingConsent:
        """A request; its `address`, and with the device flow its `user_code`."""
        return await self.consents.begin(Owner.user(user), self.method)

    async def approved(self, pending: PendingConsent, redirect: Mapping[str, str]) -> None:
        """Google's yes comes in: by a poll, a redirect that is opened, or one that is pasted."""
        match pending.flow:
            case "device":
                await self.consents.poll(pending)
            case "paste":
                query = "&".join(f"{name}={value}" for name, value in redirect.items())
                await self.consents.accept_pasted(pending.owner, f"{PASTE_REDIRECT}?{query}")
            case "callback":
                asked = await self.consents.by_state(redirect["state"])
                await self.consents.accept_redirect(asked, code=redirect["code"], error=None)

    async def claim(self, user: int) -> None:
        """callback: the asker comes back from the result page by its button."""
        pending = await self.consents.latest(Owner.user(user))
        assert pending is not None
        await self.consents.claim(pending.owner, pending.claim_code.get_secret_value())

    async def confirm(self, user: int) -> None:
        """The asker says that the account is theirs."""
        pending = await self.consents.latest(Owner.user(user))
        assert pending is not None
        await self.consents.confirm(pending.owner, pending.id)

    def mask(self, user: int) -> str:
        """What stands for this user in logs and commands."""
        return self.parts.store.copies.mask_of(Owner.user(user))

    def stop(self) -> None:
        """The process is told to end."""
        self.parts.sweep.stop()
        self.parts.workers.stop()


def _text(credential: Credential) -> str:
    assert credential.access_token is not None
    return credential.access_token.get_secret_value()


@asynccontextmanager
async def custody(environment: Mapping[str, str]) -> AsyncIterator[Custody]:
    """Begun and, at the end, closed as a process does."""
    settings = Settings.model_validate({key.lower(): value for key, value in environment.items()})
    mask = OwnerMask(MASK_KEY.encode())
    storage, options = storage_parts.storage_of(settings, mask), wiring.CustodyOptions.of(settings)
    async with wiring.custody(settings, storage, mask, options) as parts:
        drives = Drives(
            DriveApi(settings.google_api_endpoint, Network.of(settings)), parts.custodian, threads=1
        )
        flow = settings.google_oauth_flow
        redirect_uri = (
            f"{settings.public_url}/oauth/callback" if flow == "callback" else PASTE_REDIRECT
        )
        method = ConsentMethod(flow, settings.google_clients[0], redirect_uri)
        try:
            yield Custody(parts, parts.consent_flows(drives.account), method)
        finally:
            await parts.workers.close()
            await drives.close()


async def command(environment: Mapping[str, str], env_file: Path, *line: str) -> int:
    """`drivekeeper LINE`, in a thread, where it brings its own event loop; its exit code."""
    await asyncio.to_thread(_write, env_file, environment)
    words = [*line, "--env-file", str(env_file)]
    done = await asyncio.to_thread(CliRunner().invoke, app, words)
    print(done.output)  # pytest shows it when the test has failed
    return done.exit_code


def _write(env_file: Path, environment: Mapping[str, str]) -> None:
    env_file.write_text("".join(f"{name}={value}\n" for name, value in environment.items()))
    env_file.chmod(0o600)


async def run_bot(environment: Mapping[str, str]) -> None:
    """`drivekeeper bot`, until it is cancelled."""
    settings = Settings.model_validate({key.lower(): value for key, value in environment.items()})
    await bot_process.run(settings)


def environment(sandbox: Sandbox, folder: Path, flow: str = "device") -> dict[str, str]:
    """The environment variables of a process on this data folder, against the sandbox."""
    return {**bot_settings(sandbox, folder, flow), "LOG_MASK_KEY": MASK_KEY, "WEB_PORT": "0"}


def new_key() -> str:
    """A Fernet key."""
    return Fernet.generate_key().decode()


def is_answered(services: Services, user: int) -> bool:
    """Whether all that this person has sent, and that has come in, is handled."""
    return services.inbox.waiting.count(user) == (0, 0)


class UpdatesRun:
    """One run of the bot, as far as updates go: the queue and the processor that the library has.

    It is used as python-telegram-bot does (`put`, `get`, `process_update`) and as `bot_process`,
    the webhook and the commands do.
    """

    def __init__(self, folder: Path, keyring: TokenEncryption, members: frozenset[int]) -> None:
        """
        Args:
            members: Telegram ids of those who may write.
        """
        storage = storage_parts.open_storage(folder, keyring, OwnerMask(b"frozen"))
        storage.open()
        journal = UpdateJournal(storage, _BOT_ID)
        self._threads = Workers()

        async def nothing_is_kept(owner: Owner) -> bool:
            return False

        access = Access(Members(members), frozenset(), nothing_is_kept)
        self._inbox = Inbox(journal, self._threads, Incidents(), access, 0.001)
        self._order = PerUserOrder(self._inbox)
        self.refused: list[int] = []
        """The updates whose senders are told that there is no room for more."""
        self._inbox.on_overflow = lambda update: self.refused.append(update.update_id)

    async def resume(self, bot: Bot) -> None:
        """Begin with what an earlier run left; raises OperatorFault where the disk fails."""
        await self._inbox.resume(bot)

    async def poll(self, update: Update) -> None:
        """Polling has brought it; acknowledged once this returns."""
        await self._inbox.put(update)

    async def bring(self, update: Update) -> None:
        """The webhook has brought it; acknowledged once this returns, OperatorFault: not."""
        await self._inbox.accept(update)

    async def next(self) -> Update:
        """The next one to be handled."""
        update = await self._inbox.get()
        assert isinstance(update, Update)
        return update

    async def process(self, update: Update, handlers: Coroutine[Any, Any, None]) -> None:
        """Have it handled."""
        await self._order.process_update(update, handlers)

    async def look_after(self) -> None:
        """What is done twice a minute."""
        await self._inbox.look_after()

    async def drop_files(self, user: int, before: int) -> int:
        """The person disconnects: files that wait, and came before this update, are not wanted."""
        return len(await self._inbox.drop_files(Owner.user(user), before))

    async def forget(self, user: int) -> None:
        """The person wants everything deleted."""
        await self._inbox.forget(Owner.user(user))

    def hold_files(self, of: Callable[[int], bool]) -> None:
        """Files of these people have to wait: too many of theirs are being uploaded."""
        self._inbox.waiting.is_full = of

    def look_again(self) -> None:
        """Some of them no longer have to."""
        self._inbox.release()

    def begin_stop(self) -> None:
        """Nothing is taken in or handed out from here on."""
        self._inbox.close()

    async def end_stop(self) -> None:
        """The handlers have ended, or were cancelled."""
        await self._inbox.uncount_interrupted()

    async def close(self) -> None:
        """Give the threads back."""
        await self._threads.close()


@contextmanager
def small_updates(each: int, texts_beside: int, total: int, total_for_texts: int) -> Iterator[None]:
    """Within, little is kept of each person (updates) and in all (bytes), and nothing waits."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_capacity, "MOST_EACH", each)
        patch.setattr(_capacity, "_TEXTS_BESIDE", texts_beside)
        patch.setattr(_capacity, "MOST_BYTES", total)
        patch.setattr(_capacity, "_BYTES_FOR_TEXTS", total_for_texts)
        patch.setattr(_ordering, "_BREATH_SECONDS", 0)
        for module in (_inbox, _polled_queue):
            patch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.001)
        yield


def updates_kept(folder: Path) -> dict[int, Path]:
    """The documents of updates in this data folder, by number."""
    found = (folder / "updates").glob("*.json")
    return {int(path.stem): path for path in found if path.stem.isdecimal()}


def updates_ledger(folder: Path) -> Path:
    """Where the numbers of handled updates are kept."""
    return folder / "updates" / "ledger.json"


def read_ledger(folder: Path, keyring: TokenEncryption) -> dict[str, Any] | None:
    """`handled` as [first, last, when], `begun` and `aside` by number; None: it is damaged."""
    path = updates_ledger(folder)
    if not path.exists():
        return {"handled": [], "begun": {}, "aside": {}}
    try:
        document: dict[str, Any] = json.loads(keyring.decrypt(path.read_bytes()))
    except (ValueError, CustodyError):
        return None
    return document
