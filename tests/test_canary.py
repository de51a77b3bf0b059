"""Nothing secret or personal is printed, whatever happens: everything happens here.

Marked secrets stand wherever a secret or something personal can stand, the bot runs at DEBUG
through all of its work and all that can go wrong with it, and no slice of any of them is found in
anything it prints (`tests/canaries.py` says in which forms). That the scan can find something is
tested as well: leaks planted on purpose are found.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import hashlib
import json
import logging
import os
import re
import secrets
import signal
import sys
import traceback
import warnings
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit, urlunsplit

import aiohttp
import pytest
import structlog
from cryptography.fernet import Fernet
from pydantic import SecretStr
from typer.testing import CliRunner

import cli
from bot.core import Timing
from bot.updates.journal import UpdateJournal
from bot.uploads.running.telegram_source import LocalFile
from config import child_environment
from drive.uploading.stopping import StopSignal
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from sandbox.ports import free_port
from sandbox.run import bot_settings
from sandbox.server import Sandbox
from security.consent.pending import PendingConsent
from security.credential import Owner
from security.encryption import TokenEncryption, is_encrypted
from security.logs.schema import EVENTS
from security.storage.events import Event
from security.token_store import TokenStore
from tests.bot.upkeep import among_many, by_hand, sweep
from tests.canaries import (
    SLICE,
    Canaries,
    MarkedWorld,
    exploding,
    marker,
    telegram_id,
    wide_marker,
)
from tests.canary_files import keep_house
from tests.canary_fixtures import canaries as canaries  # fixtures
from tests.canary_fixtures import sandbox as sandbox
from tests.canary_fixtures import world as world
from tests.canary_groups import make_group, meet
from tests.canary_outside import (
    flood,
    odd_tokens,
    plant_documents,
    refusal_of_drive,
    send_no_files,
    settings_file,
)
from tests.fixtures import RunningBot, StartBot
from tests.journeys import DEVICE_CODE, ask_to_connect, connect, out_of_place, put, until
from tests.network_kit import NAME, Authority, proxy_to
from tests.running import in_rest
from tests.stores import storage_in

ROOT: Final = Path(__file__).parent.parent
DEVICE_EVENTS: Final = frozenset(
    {
        *("settings_loaded", "web_started", "library", "polling_conflict", "polling_failed"),
        *("access_denied", "command_handled", "user_blocked_bot", "handler_failed"),
        *("message_not_sent", "language_changed", "data_erased", "update_skipped", "group_moved"),
        *("data_handed_out", "administrator_not_reached"),
        *("consent_started", "consent_approved", "consent_saved", "consent_declined"),
        *("consent_lapsed", "consent_refused", "consent_failed"),
        *("token_refreshed", "token_refresh_failed", "token_quarantined"),
        *("testing_status_suspected", "token_disconnected", "token_revoke_failed"),
        *("audit_failed", "menu_not_published"),
        *("upload_queued", "upload_waiting", "upload_finished", "upload_retried"),
        *("upload_failed", "upload_cancelled", "upload_not_saved"),
        *("file_changed", "file_sent", "file_not_sent"),
    }
)
CALLBACK_EVENTS: Final = frozenset(
    {
        *("settings_loaded", "web_started", "library", "consent_started", "consent_approved"),
        *("consent_saved", "consent_refused", "upload_finished", "upload_failed"),
        *("handler_failed", "message_not_sent"),
    }
)
PASTE_EVENTS: Final = frozenset(
    {
        *("settings_loaded", "library", "consent_started", "consent_approved", "consent_saved"),
        *("consent_refused", "upload_finished", "upload_failed", "message_not_sent"),
        "local_copy_kept",
    }
)
UPKEEP_EVENTS: Final = frozenset(
    {
        *("access_denied", "command_handled", "consent_saved", "library", "message_not_sent"),
        *("sweep_finished", "sweep_failed", "sweep_owner_failed", "memory_not_saved"),
        *("token_held", "token_released", "token_quarantined", "token_quarantine_failed"),
        *("incident_opened", "incident_closed", "owner_told"),
    }
)
UPDATES_EVENTS: Final = frozenset(
    {
        *("settings_loaded", "web_started", "library", "access_denied", "polling_conflict"),
        *("webhook_set", "updates_resumed", "update_not_saved", "update_skipped"),
        *("update_set_aside", "update_refused", "incident_opened", "incident_closed"),
    }
)
PROCESS_EVENTS: Final = frozenset(
    {
        *("settings_loaded", "web_started", "bot_started", "bot_stopped", "library"),
        *("consent_saved", "upload_queued", "upload_finished"),
    }
)
LIBRARY_EVENTS: Final = frozenset(
    {
        *("web_request_failed", "web_stop_cut_short", "job_failed", "job_missed", "uncaught"),
        *("updates_not_understood", "background_failed", "event_loop_held_up", "python_warning"),
    }
)
"""Of lines that libraries write, without their texts: tests/security/test_library_lines.py."""
PLANTED_EVENTS: Final = frozenset({"document_refused", "plaintext_allowed"})
REFUSAL_EVENTS: Final = frozenset({"bot_refused_to_start"})
STANDBY_EVENTS: Final = frozenset(
    {
        *("standby_waits", "standby_took_over"),
        *("lease_lost", "lease_renewed", "lease_not_renewed"),
    }
)
"""Of two bots on one database, with a result code alone: tests/bot/test_standby.py."""
UPLOAD_SESSION_EVENTS: Final = frozenset(
    {"token_not_given", "upload_handed", "upload_not_handed", "handed_upload_ended"}
)
"""Of departments' computers: tests/web/test_marked.py looks for what must not be in them."""
SHEET_EVENTS: Final = frozenset(
    {
        *("sheet_changed", "sheet_not_taken", "sheet_not_read"),
        *("roster_link_changed", "roster_told"),
    }
)
"""Of departments' sheets, with whose it is, masked, and a code or a number alone;
tests/bot/duty/test_canaries.py looks for what must not be in the latter two."""
COMPUTER_EVENTS: Final = frozenset({"client_changed", "alert_not_sent"})
"""The same, and tests/departments/test_alerts.py for the address that is told."""
OPERATOR_EVENTS: Final = frozenset(
    {
        *("console_changed", "console_refused", "service_key_seen", "service_key_not_noted"),
        *("web_ready", "web_stopped", "web_refused_to_start", "departments_not_served"),
    }
)
"""With a result code or a version alone, and whose account it is; tests/web/test_marked.py."""
UNPROVOKED: Final = (
    LIBRARY_EVENTS
    | STANDBY_EVENTS
    | UPLOAD_SESSION_EVENTS
    | SHEET_EVENTS
    | COMPUTER_EVENTS
    | OPERATOR_EVENTS
    | {"log_redaction_failed", "start_waits"}
)
"""By tests of their own."""


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries do not wait: their number is what matters here."""
    monkeypatch.setattr(StopSignal, "pause", lambda stop, seconds: stop.check())
    polling = SimpleNamespace(**{**vars(asyncio), "sleep": lambda seconds: asyncio.sleep(0.02)})
    monkeypatch.setattr("telegram.ext._utils.networkloop.asyncio", polling)


@pytest.fixture
def timing() -> Timing:
    """As impatient. Takes the place of conftest's."""
    return Timing(
        chat_burst=1000,
        messages_per_second=1000,
        background_per_second=1000,
        send_pauses=(0.01, 0.01, 0.01),
        get_file_pauses=(0.01, 0.01),
        download_pause=0.01,
        upload_pause=0.01,
        same_request=0,
    )


@dataclass
class Stage:
    """What every scene needs."""

    world: MarkedWorld
    sandbox: Sandbox
    google: GoogleControls
    bot: RunningBot

    @property
    def canaries(self) -> Canaries:
        """The marked secrets."""
        return self.world.canaries

    def owner(self, person: Person) -> Owner:
        """The person as the bot knows them."""
        return Owner.user(person.id)

    async def pending(self, person: Person) -> PendingConsent:
        """The person's request for consent; all of its secrets are canaries from here on."""
        found = await self.bot.services.core.consents.latest(self.owner(person))
        assert found is not None
        self.canaries.add("consent id", found.id)
        for name in ("state", "code_verifier", "claim_code"):
            if secret := getattr(found, name).get_secret_value():
                self.canaries.add(name, secret)
        if challenge := parse_qs(urlsplit(found.address).query).get("code_challenge"):
            self.canaries.add("code challenge", challenge[0])
        return found

    async def ask_code(self, person: Person) -> str:
        """/connect with the device flow; the code the bot shows."""
        message = await ask_to_connect(person, "Enter this code")
        found = DEVICE_CODE.search(message.text)
        assert found
        await self.pending(person)
        return found[0]

    async def connected(self, person: Person) -> str:
        """Connect with the device flow; the account's address."""
        account = self.world.account()
        await connect(person, self.google, account)
        return account

    async def says(self, event: str, count: int = 1) -> None:
        """Wait until the log has this event so many times."""
        async with asyncio.timeout(15):
            while self.bot.log.getvalue().count(event) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def spent(self, *fault_ids: str) -> None:
        """Wait until these faults have struck for the last time."""
        left = await self._unspent(fault_ids)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(15):
                while left := await self._unspent(fault_ids):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        assert not left

    async def _unspent(self, fault_ids: Collection[str]) -> list[dict[str, Any]]:
        rules = await self.google.faults()
        return [rule for rule in rules if rule["id"] in fault_ids and rule["remaining"]]

    def token_file(self, person: Person) -> Path:
        """Where the person's credential is kept."""
        return self.bot.folder / f"token_{person.id}.json"

    def everything(self) -> str:
        """Every secret there is so far, in one text: for errors that must not show theirs."""
        self.world.harvest()
        return " ".join(self.canaries.texts)


Scene = Callable[[Stage, Person], Awaitable[None]]


def events_of(log: str) -> set[str]:
    """The names of the events in a log; each of its lines must be one JSON object."""
    return {json.loads(line)["event"] for line in log.splitlines()}


def libraries_in(log: str) -> set[str]:
    """Which libraries' records went through the log."""
    return set(re.findall(r'"?where"?[:=] ?"?([a-z_]+(?:\.ext)?)', log))


# -- the device flow -----------------------------------------------------------------------------


async def talk(stage: Stage, ann: Person) -> None:
    """Every command and every button of it, chat text, and what cannot be uploaded."""
    world = stage.world
    await ann.start(world.new("start payload"))
    await ann.wait_for("your own Google Drive")
    said = await ann.send(f"{world.new_wide('chat text')} {world.new('chat text')}")
    await ann.wait_for("Send me a file")
    await ann.edit(said.id, world.new("chat text"))
    await ann.send(f"/{world.new('unknown command')}")
    await ann.wait_for("I do not know this command")
    for command, answer in {
        "/help": "20 MiB",
        "/status": "not connected",
        "/cancel": "nothing to cancel",
        "/privacy": "What I keep about you",
    }.items():
        await ann.send(f"{command} {world.new('argument of a command')}")
        await ann.wait_for(answer)
    await ann.send("/language")
    await ann.wait_for("Which language?")
    await ann.tap("language:en")
    await ann.wait_for("I speak English")
    await send_no_files(stage, ann, said)
    phone = str(secrets.randbelow(9 * 10**14) + 10**14)
    stage.canaries.add("phone number", phone, identity=True)
    await ann.send_contact(f"+{phone}", world.new("contact's name"))
    await ann.wait_for("cannot put this into a Drive")
    place = f"{secrets.randbelow(9 * 10**11) + 10**11}1"
    stage.canaries.add("place", place[:-1])
    await ann.send_location(float(f"25.{place}"), float(f"121.{place[:-2]}"))
    await ann.wait_for("cannot put this into a Drive")
    await stage.connected(ann)
    await ann.send("/status")
    await ann.wait_for("15 GiB")
    await ann.send_document(world.new("file content").encode(), world.file_name("txt"))
    await ann.wait_for("is in your Drive")
    for wish, answer in {
        "No, keep everything": "stays as it is",
        "Yes, disconnect": "Disconnected",
    }.items():
        await ann.send("/disconnect")
        await ann.wait_for("Disconnect your Google Drive?")
        await ann.tap(wish)
        await ann.wait_for(answer)
    await stage.connected(ann)
    await ann.send("/privacy")
    await ann.wait_for("What I keep about you")
    await ann.tap("Delete all my data")
    await ann.wait_for("Delete everything")
    await ann.tap("Yes, delete everything")
    await ann.wait_for("deleted too")


async def send_media(stage: Stage, ann: Person) -> None:
    """A file of every kind, with captions and names, alone and together."""
    world = stage.world
    await stage.connected(ann)
    await ann.send_sticker()
    await ann.wait_for("is in your Drive")
    for kind in ("document", "photo", "video", "audio", "voice", "video_note", "animation"):
        options = {"caption": world.new("caption")}
        if kind in ("document", "video", "audio", "animation"):
            options |= {"name": world.file_name("bin"), "mime": f"application/{marker()}"}
        if kind == "audio":
            options |= {"title": world.new("title"), "performer": world.new("performer")}
        await getattr(ann, f"send_{kind}")(os.urandom(2000), **options)
        await ann.wait_for("is in your Drive")
    album = [(kind, os.urandom(2000), world.file_name("bin")) for kind in ("document", "photo")]
    await ann.send_album([(kind, data, name) for kind, data, name in album], world.new("caption"))
    await ann.wait_for("2 of 2 files are in your Drive")
    await ann.send_document(bytes(20 * 1024 * 1024 + 1), world.file_name("iso"))
    await ann.wait_for("too big")


async def hesitate(stage: Stage, ann: Person) -> None:
    """Requests for consent that come to nothing, and at last one that does."""
    await ann.send_document(b"waiting", stage.world.file_name("txt"))
    await ann.wait_for("is waiting")
    google = stage.google
    await google.approve_device(await stage.ask_code(ann), stage.world.account(), allow=False)
    await ann.wait_for("You declined")
    await google.approve_device(await stage.ask_code(ann), stage.world.account(), grant_drive=False)
    await ann.wait_for("was not ticked")
    await stage.ask_code(ann)
    await google.approve_device(await stage.ask_code(ann), stage.world.account())
    await ann.wait_for("has approved")
    await ann.tap("No, not mine")
    await ann.wait_for("Nothing was connected")
    await stage.ask_code(ann)
    await ann.tap("Cancel")
    await ann.wait_for("Cancelled")
    account = await stage.connected(ann)
    await ann.wait_for("is in your Drive")
    await google.fault("google.upload.start", "latency", seconds=60, owner=account)
    await ann.send_document(b"cancelled", stage.world.file_name("txt"))
    message = await ann.wait_for("upload starts in a moment")
    await ann.tap("Cancel", message)
    await ann.wait_for("was cancelled")


async def lose_uploads(stage: Stage, ann: Person) -> None:
    """Every way in which Drive fails, with canaries in its answers."""
    google, rubbish = stage.google, stage.world.new("Google's answer")
    account = await stage.connected(ann)

    async def send(wanted: str, *faults: tuple[str, str, dict[str, Any]]) -> None:
        ids = [
            await google.fault(f"google.{target}", kind, owner=account, **options)
            for target, kind, options in faults
        ]
        await ann.send_document(os.urandom(400_000), stage.world.file_name("bin"))
        await ann.wait_for(wanted, timeout=20)
        await stage.spent(*ids)

    chunk, start = "upload.chunk", "upload.start"
    await send(
        "is in your Drive",
        ("drive.files.generateIds", "status", {"status": 503, "body": rubbish}),
        ("drive.files.list", "drop", {}),
        ("drive.files.create", "after", {}),
        (start, "status", {"status": 503}),
        (start, "drop", {}),
        (start, "status", {"reason": "userRateLimitExceeded"}),
        (chunk, "status", {"status": 503, "body": rubbish, "content_type": "text/plain"}),
        (chunk, "cut_body", {"after_bytes": 300_000}),
        (chunk, "status", {"status": 404}),
    )
    await send(
        "is in your Drive",
        (chunk, "drop", {}),
        (chunk, "status", {"status": 429}),
        (chunk, "after", {}),
    )
    await send("", (chunk, "html", {"body": f"<html>{rubbish}</html>"}))
    await send("is in your Drive", (start, "html", {"body": f"<html>{rubbish}</html>"}))
    await send("did not accept", (start, "status", {"status": 403, "reason": rubbish}))
    await send("did not accept", (start, "status", {"status": 400, "body": {"error": rubbish}}))
    await send("set-up", (start, "status", {"status": 403, "reason": "accessNotConfigured"}))
    for wanted, reason in {"did not accept": "", "set-up": "SERVICE_DISABLED"}.items():
        body = refusal_of_drive(stage.world.new("Google's answer"), reason)
        await send(wanted, (start, "status", {"status": 403, "body": body}))
    await google.set_quota(account, limit=1000)
    await send("Free some space")
    await google.set_quota(account, limit=10**10)
    await ann.tap("Try again")
    await ann.wait_for("is in your Drive")
    away = ("drive.files.list", "status")
    await send("is in your Drive", (*away, {"status": 503, "count": 3}))
    await send("does not answer", (*away, {"status": 503, "count": 0}))
    await google.forget_sessions(account)


def tampered(data: bytes) -> bytes:
    """The same file with something in the middle changed."""
    middle = data.index(b'"data": "gAAAA') + 40 if is_encrypted(data) else data.index(b":")
    return (
        data[:middle] + (b"?" if data[middle : middle + 1] != b"?" else b"!") + data[middle + 1 :]
    )


async def lose_tokens(stage: Stage, ann: Person) -> None:
    """Refreshes that fail in every way; damaged files; a grant that ends."""
    google, rubbish = stage.google, stage.world.new("Google's answer")
    account = await stage.connected(ann)

    async def status(wanted: str, *, expire: bool = True) -> None:
        if expire:
            await google.expire_access_tokens(account)
        await ann.send("/status")
        await ann.wait_for(wanted, timeout=20)

    failures: list[tuple[str, str, dict[str, Any]]] = [
        ("does not answer", "status", {"status": 503, "body": rubbish}),
        ("does not answer", "html", {"body": f"<html>{rubbish}</html>"}),
        ("does not answer", "drop", {}),
        ("set-up", "oauth_error", {"error": "invalid_client", "error_description": rubbish}),
        ("set-up", "oauth_error", {"error": rubbish, "error_description": rubbish}),
    ]
    odd = odd_tokens(stage.world.new("Google's answer"))
    failures += [("", "status", {"status": 200, "body": json.dumps(body)}) for body in odd]
    for wanted, kind, options in failures:
        rule = await google.fault("google.token.refresh", kind, owner=account, **options)
        await status(wanted)
        await stage.spent(rule)
    await status("Connected as")
    await google.fault(
        "google.drive.about", "html", owner=account, count=3, body=f"<html>{rubbish}</html>"
    )
    await status("does not answer", expire=False)
    file = stage.token_file(ann)
    kept = file.read_bytes()
    # Beside a key what is in plaintext is nobody's word, and no damage either.
    plain = "set-up" if is_encrypted(kept) else "has stopped working"
    damages: list[tuple[str, str | bytes]] = [
        ("set-up", json.dumps({"v": 9, "alg": rubbish, "kid": rubbish, "data": rubbish})),
        ("set-up", TokenEncryption([SecretStr(Fernet.generate_key().decode())]).encrypt(kept)),
        (plain, f'{{"token": "{rubbish}", "refresh_token": ["{rubbish}"]}}'),
        (plain, f'{{"drivekeeper": {{"owner": "user:{marker(9)}"}}}}'),
        ("has stopped working", rubbish),
        ("has stopped working", kept[: len(kept) // 2]),
        ("has stopped working", tampered(kept)),
    ]
    for wanted, damaged in damages:
        file.write_bytes(damaged if isinstance(damaged, bytes) else damaged.encode())
        await status(wanted, expire=False)
    account = await stage.connected(ann)
    # A week ago, under an app in "Testing".
    store = TokenStore(stage.bot.services.core.storage, str)
    credential = store.load(stage.owner(ann))
    assert credential is not None
    store.save_newest(
        replace(credential, granted_at=datetime.now(UTC) - timedelta(days=7, hours=1))
    )
    await google.revoke(account)
    await status("has stopped working", expire=False)
    account = await stage.connected(ann)
    await google.fault("google.revoke", "status", status=503, count=0, owner=account, body=rubbish)
    await ann.send("/disconnect")
    await ann.wait_for("Disconnect your Google Drive?")
    await ann.tap("Yes, disconnect")
    await ann.wait_for("Google could not be told")


TELEGRAM_FAILS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("status", {"status": 400}),
    ("status", {"status": 403}),
    ("status", {"status": 502}),
    ("html", {"status": 502}),
    ("html", {}),
    ("drop", {}),
)


SLOW_DOWN: Final = {
    "status": 429,
    "body": {"ok": False, "error_code": 429, "description": "", "parameters": {"retry_after": 0.1}},
}


async def lose_messages(stage: Stage, ann: Person) -> None:
    """Every way in which Telegram fails to take a message, an edit, an answer to a tap."""
    google, world = stage.google, stage.world
    await stage.connected(ann)
    chat = str(ann.id)
    for number, (kind, options) in enumerate(TELEGRAM_FAILS):
        text = world.new("Telegram's answer")
        said = {"reason": text} if kind == "status" else {"body": text} if kind == "html" else {}
        rule = await google.fault("telegram.sendMessage", kind, owner=chat, **options, **said)
        await ann.send("/help")
        await stage.spent(rule)
        await ann.send("/language")
        shown = await ann.wait_for("Which language?")
        rule = await google.fault("telegram.editMessageText", kind, owner=chat, **options, **said)
        if number % 3 == 0:
            await ann.send_document(os.urandom(20), world.file_name("txt"))
        else:
            await ann.tap("language:en", shown)
        await stage.spent(rule)
    rule = await google.fault("telegram.sendMessage", "status", owner=chat, **SLOW_DOWN)
    await ann.send("/help")
    await stage.spent(rule)


async def block(stage: Stage, ann: Person) -> None:
    """Leave while a file is on its way."""
    account = await stage.connected(ann)
    held = await stage.google.fault("google.upload.start", "latency", seconds=60, owner=account)
    await ann.send_document(os.urandom(20), stage.world.file_name("txt"))
    await ann.wait_for("upload starts in a moment")
    await ann.block()
    await stage.google.ask("DELETE", f"/faults/{held}")
    await stage.says('"user_blocked_bot"')


async def intrude(stage: Stage, eve: Person) -> None:
    """Somebody who is not allowed in, groups, anonymous administrators, other people's buttons."""
    world = stage.world
    await eve.start()
    await eve.wait_for("🔒")
    await eve.send_document(os.urandom(20), world.file_name("txt"))
    await stage.says('"not_allowed"', 2)
    async with TelegramControls(stage.sandbox.url) as telegram:
        group = await telegram.make_group(world.new("title of a group"), [eve.id], told=False)
        await telegram.group_message(group, eve.id, f"/status {world.new('chat text')}")
        await telegram.anonymous_message(group, f"/connect {world.new('chat text')}")
    await stage.says('"anonymous_sender"')
    await stage.says('"not_private"')


async def forge(stage: Stage, ann: Person) -> None:
    """Taps on buttons that nobody was given."""
    await ann.start()
    shown = await ann.wait_for("your own Google Drive")
    text = stage.world.new("button's data")
    user = {"id": ann.id, "is_bot": False, "first_name": ann.first_name, "language_code": "en"}
    async with TelegramControls(stage.sandbox.url) as telegram:
        for data in (
            *(text, f"upload-cancel:{ann.id + 1}-{text}", f"upload-cancel:{ann.id}-{text}"),
            *(f"upload-retry:../{text}", f"consent-yes:{text}", f"consent-no:{text}"),
            *(f"language:{text}", f"disconnect:{text}", f"erase:{text}"),
        ):
            query = {"id": text, "from": user, "message": shown.raw, "chat_instance": text}
            await telegram.inject("callback_query", {**query, "data": data})
    await stage.says('"not_yours"')


async def alone(stage: Stage, ann: Person) -> None:
    """What happens to everybody at once: polling, files both ways, clients, disk, lapsed codes."""
    google, world = stage.google, stage.world
    text = world.new("Telegram's answer")
    await stage.connected(ann)
    await ann.send("/privacy")
    await ann.wait_for("What I keep about you")
    await ann.tap("My data as a file")
    await stage.says('"data_handed_out"')
    for kind, options in (*TELEGRAM_FAILS, ("status", SLOW_DOWN)):
        said = {"reason": text} if kind == "status" else {"body": text} if kind == "html" else {}
        rule = await google.fault("telegram.getFile", kind, **options, **said)
        await ann.send_document(os.urandom(20), world.file_name("txt"))
        await ann.wait_for(lambda m: any(word in m.text for word in ("✅", "⚠️")), timeout=20)
        await stage.spent(rule)
    for kind, options in (
        ("status", {"status": 502}),
        ("drop", {"count": 4}),
        ("cut_response", {"after_bytes": 100_000}),
        ("status", {"status": 404}),
    ):
        rule = await google.fault("telegram.download", kind, **options)
        await ann.send_document(os.urandom(300_000), world.file_name("txt"))
        await ann.wait_for(lambda m: any(word in m.text for word in ("✅", "⚠️")), timeout=20)
        await stage.spent(rule)
    await ann.tap("Try again", next(m for m in ann.messages() if m.button("Try again")))
    await stage.says('"upload_retried"')
    for kind, options in (
        ("status", {"status": 503}),
        ("html", {"body": text}),
        ("drop", {}),
        ("oauth_error", {"error": "invalid_client", "error_description": text}),
    ):
        rule = await google.fault("google.device_code", kind, **options)
        await connect_again(ann)
        await ann.wait_for(lambda m: "just now" in m.text or "has to fix it" in m.text)
        await stage.spent(rule)
    await stage.ask_code(ann)
    await google.act("expire_device_codes")
    await ann.wait_for("has expired")
    await ann.send("/language")
    await ann.wait_for("Which language?")
    rule = await google.fault(
        "telegram.answerCallbackQuery", "status", status=400, reason=world.new("Telegram's answer")
    )
    with contextlib.suppress(AssertionError):
        await ann.tap("language:en", timeout=0.5)
    await stage.spent(rule)


async def connect_again(person: Person) -> None:
    """/connect by who is connected already."""
    await person.send("/connect")
    await person.tap("Connect again", await person.wait_for("You are connected already"))


async def break_disk(stage: Stage, ann: Person) -> None:
    """Folders that are files; files that are folders."""
    folder, world = stage.bot.folder, stage.world
    account = await stage.connected(ann)
    deeds: dict[str, Callable[[], Awaitable[object]]] = {
        "uploads": lambda: ann.send_document(os.urandom(20), world.file_name("txt")),
        "locks": lambda: ann.send("/help"),
        "consents": lambda: ann.send("/connect"),
        f"token_{ann.id}.json": lambda: ann.send("/status"),
    }
    for name, deed in deeds.items():
        path, aside = folder / name, folder.with_name(f"aside-{name}")
        wrong = folder.with_name(f"wrong-{name}")
        path.rename(aside)
        if aside.is_dir():
            wrong.write_text(world.new("a file in the wrong place"))
        else:
            wrong.mkdir()
        put(wrong, path)
        await deed()
        if name == "locks":  # then no update is written down, and none handled until it is
            await stage.says('"update_not_saved"')
        else:
            await ann.wait_for("set-up")
        put(aside, path)
        if name == "locks":
            await ann.wait_for("20 MiB")
    last = await stage.google.fault("google.upload.chunk", "latency", seconds=100, owner=account)
    await ann.send_document(os.urandom(20), world.file_name("txt"))
    await stage.spent(last)
    (folder / "uploads").rename(folder.with_name("aside-uploads"))
    folder.with_name("wrong-uploads").write_text(world.new("a file in the wrong place"))
    put(folder.with_name("wrong-uploads"), folder / "uploads")
    await stage.google.clear_faults()
    await stage.says('"upload_not_saved"')
    await ann.wait_for("is in your Drive")
    put(folder.with_name("aside-uploads"), folder / "uploads")
    storage = stage.bot.services.core.storage
    (folder / "audit").rename(folder.with_name("aside-audit"))
    folder.with_name("wrong-audit").write_text(world.new("a file in the wrong place"))
    put(folder.with_name("wrong-audit"), folder / "audit")
    storage.close()
    storage.record([Event("denied", Owner.user(ann.id), world.new("no result code"))])
    await stage.says('"audit_failed"')
    put(folder.with_name("aside-audit"), folder / "audit")


async def explode_everywhere(stage: Stage, ann: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    """Defects of the program: exceptions nobody expected, at each of its ends."""
    core, explode = stage.bot.services.core, exploding(stage.everything())
    await stage.connected(ann)
    with monkeypatch.context() as broken:
        broken.setattr(core.drives, "run", explode)
        broken.setattr(core.upload_drives, "run", explode)
        broken.setattr(core.consents, "poll", explode)
        broken.setattr(core.disconnecting, "disconnect", explode)
        await ann.send("/status")
        await ann.wait_for("whoever runs this bot this code")
        await ann.send_document(os.urandom(20), stage.world.file_name("txt"))
        await ann.wait_for("something went wrong on my side")
        await connect_again(ann)
        await stage.says("handler_failed", 3)
        await ann.send("/disconnect")
        await ann.wait_for("Disconnect your Google Drive?")
        await ann.tap("Yes, disconnect")
        await ann.wait_for("whoever runs this bot this code")
        # And then telling the person fails, too.
        rule = await stage.google.fault(
            "telegram.sendMessage", "status", owner=str(ann.id), status=502
        )
        await ann.send("/status")
        await stage.spent(rule)


async def misbehave(text: str) -> None:
    """What libraries and the interpreter do with secrets when something is wrong."""

    async def fail() -> None:
        exploding(text)()

    task = asyncio.create_task(fail())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert task.done()
    del task
    gc.collect()  # "Task exception was never retrieved"
    loop = asyncio.get_running_loop()
    loop.call_exception_handler({"message": text, "exception": ValueError(text), "handle": text})
    loop.call_soon(exploding(text))
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn(text, UserWarning, stacklevel=1)
    for name in (
        *("aiohttp.client", "httpx", "httpcore", "telegram.ext"),
        *("googleapiclient.http", "apscheduler", ""),
    ):
        library = logging.getLogger(name)
        library.error("%s %d", text, text)  # its formatting fails
        library.info(text, extra={"secret": text}, stack_info=True)
        try:
            exploding(text)()
        except Exception:
            library.exception(text)
    log = structlog.get_logger(secret=text)
    log.error(text, owner=text, result=text, count=text, name=text, exc_info=ValueError(text))
    log.bind(owner=text).warning("upload_failed", **{text: text}, stack_info=True)
    await asyncio.sleep(0)


async def poison(stage: Stage) -> None:
    """An update that is none: the library shows it whole when it cannot read it."""
    text = stage.world.new("a broken update")
    assert stage.sandbox.telegram is not None
    async with TelegramControls(stage.sandbox.url) as telegram:
        await telegram.inject("message", {"message_id": text, "chat": text, "from": text})
        await stage.says('"update_skipped"')


@pytest.mark.one_way("off")
async def test_the_device_flow_with_all_that_can_go_wrong(
    start_bot: StartBot,
    sandbox: Sandbox,
    world: MarkedWorld,
    google: GoogleControls,
    impatient: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Every command, every kind of file, every fault, at DEBUG: no canary in any line."""
    scenes: list[Scene] = [
        *(talk, send_media, hesitate, lose_uploads, lose_tokens, lose_messages, block, forge),
        keep_house,
        meet,
    ]
    later: list[Scene] = [break_disk, alone]
    cast = [world.person(sandbox.url) for _ in (*scenes, *later)]
    eve, zoe = world.person(sandbox.url, "zh-hant"), world.person(sandbox.url)
    other = f"{world.new('another client')}:{world.new('another client secret')}"
    settings = {
        "USER_DATA_DIR": tmp_path / world.new("data folder") / "user_data",
        "ALLOWED_USER_IDS": ",".join(str(person.id) for person in (*cast, zoe)),
        "ALLOWED_CHAT_IDS": await make_group(sandbox, world, cast[scenes.index(meet)], told=False),
        "ADMIN_USER_IDS": zoe.id,
        "GOOGLE_OTHER_CLIENTS": other,
        "LOG_MASK_KEY": world.new("mask key"),
        "TELEGRAM_WEBHOOK_SECRET": world.new("webhook secret"),
    }
    people = [*cast, eve, zoe]
    text = world.new("Telegram's answer")
    await google.fault("telegram.setMy*", "status", status=400, reason=text, count=0)
    try:
        async with start_bot(flow="device", LOG_LEVEL="DEBUG", **settings) as bot:
            stage = Stage(world, sandbox, google, bot)
            for number, (status, kind) in enumerate(
                ((409, "status"), (502, "status"), (200, "html"))
            ):
                text = world.new("Telegram's answer")
                said = (
                    {"reason": text} if status == 502 else {"body": text} if kind == "html" else {}
                )
                await google.fault(
                    "telegram.getUpdates", kind, status=status, skip=4 * number, **said
                )
            await asyncio.gather(
                *(scene(stage, person) for scene, person in zip(scenes, cast, strict=False)),
                intrude(stage, eve),
            )
            await google.clear_faults()
            for scene, person in zip(later, cast[len(scenes) :], strict=True):
                await scene(stage, person)
            await explode_everywhere(stage, zoe, monkeypatch)
            await misbehave(stage.everything())
            await poison(stage)
    finally:
        for person in people:
            await person.close()
    world.harvest()
    log = bot.log.getvalue()
    assert world.canaries.find("\n".join((log, *capfd.readouterr()))) == []
    # And there was something to find, and where to find it.
    assert events_of(log) >= DEVICE_EVENTS
    assert log.count("\n") > 2500
    libraries = {"aiohttp", "httpx", "httpcore", "telegram.ext", "apscheduler", "asyncio"}
    assert libraries <= libraries_in(log)
    issued = world.count()
    assert min(issued["devices"], issued["refresh"], issued["access"]) > 10


# -- the callback flow, in the console's style ---------------------------------------------------


async def visit(address: str) -> str:
    """Open a page as a browser does."""
    async with aiohttp.ClientSession() as session, session.get(address) as response:
        return await response.text()


async def odd_requests(stage: Stage, address: str) -> None:
    """Requests no browser sends, each with the redirect's code and state."""
    parts = urlsplit(address)
    target, host = f"{parts.path}?{parts.query}", f"127.0.0.1:{stage.bot.settings.web_port}"
    secret = parts.query.encode()
    for request in (
        f"GET {target} HTTP/9.9\r\nHost: {host}\r\n\r\n".encode(),
        f"{parts.query} / HTTP/1.1\r\n\r\n".encode(),
        f"POST {target} HTTP/1.1\r\nHost: {host}\r\nContent-Length: x\r\n\r\n".encode(),
        f"GET {target} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Key: {'a' * 22}==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode(),
        f"POST {target} HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        + b"zz\r\n"
        + secret
        + b"\r\n",
        f"GET {address} HTTP/1.1\r\n\r\n".encode(),
        f"GET {target}&{parts.query}&scope={quote(address)}#{parts.query} HTTP/1.1\r\n"
        f"Host: {host}\r\nX-Forwarded-For: {parts.query}\r\nX-Forwarded-Proto: {address}\r\n"
        f"X-Forwarded-Host: {parts.query}\r\nForwarded: for={parts.query}\r\n"
        f"Referer: {address}\r\nUser-Agent: {address}\r\nAccept-Language: {address}\r\n\r\n"
        "".encode(),
        f"GET {target} HTTP/1.1\r\nHost: {parts.query}\r\nOrigin: {address}\r\n\r\n".encode(),
        f"GET /{target}/../{target} HTTP/1.1\r\nCookie: {parts.query}\r\n\r\n".encode(),
        b"GET " + target.encode() + b"&x=\x00\xff HTTP/1.1\r\n" + secret + b"\r\n\r\n",
        f"GET {target}&x={'x' * 70_000} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode(),
        b"\x16\x03\x01" + secret,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", stage.bot.settings.web_port)
        with contextlib.suppress(ConnectionError, TimeoutError):
            writer.write(request)
            await writer.drain()
            writer.write_eof()
            await asyncio.wait_for(reader.read(), 1)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()


@pytest.mark.one_way("on")
async def test_the_callback_flow_in_the_consoles_style(
    start_bot: StartBot,
    sandbox: Sandbox,
    world: MarkedWorld,
    google: GoogleControls,
    impatient: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Redirects, replays, hijacks and requests no browser sends: no canary in any line."""
    ann, eve = world.person(sandbox.url), world.person(sandbox.url)
    folder = tmp_path / world.new("data folder") / "user_data"
    async with (
        ann,
        eve,
        start_bot(
            flow="callback",
            USER_DATA_DIR=folder,
            LOG_LEVEL="DEBUG",
            LOG_FORMAT="console",
            METRICS_PORT=(operations := free_port()),
            TOKEN_REQUIRE_ENCRYPTION="false",
        ) as bot,
    ):
        stage = Stage(world, sandbox, google, bot)
        world.canaries.add("mask key", (folder / "log_mask.key").read_text())
        address = world.account()

        async def ask(person: Person, **consent: Any) -> str:
            message = await ask_to_connect(person, "Back to Telegram")
            await stage.pending(person)
            url = person.button_url("Open Google's page", message)
            return await google.consent(url, address, **consent)

        async def claim_code(person: Person, page: str) -> str:
            await stage.pending(person)
            found = re.search(r'href="([^"]+)"', page)
            assert found
            return parse_qs(urlsplit(unescape(found[1])).query)["start"][0]

        # Fault after fault, hijack after hijack.
        rubbish = world.new("Google's answer")
        for kind, options in (
            ("status", {"status": 503, "body": rubbish}),
            ("html", {"body": rubbish}),
            ("drop", {}),
            ("oauth_error", {"error": "invalid_client", "error_description": rubbish}),
            ("oauth_error", {"error": rubbish, "error_description": rubbish}),
        ):
            await google.fault("google.token.exchange", kind, **options)
            await visit(await ask(ann))
        await visit(await ask(ann, allow=False))
        await visit(await ask(ann, grant_drive=False))
        hers, his = urlsplit(await ask(ann)), urlsplit(await ask(eve))
        state, code = parse_qs(hers.query)["state"][0], parse_qs(his.query)["code"][0]
        await visit(urlunsplit(hers._replace(query=f"state={state}&code={quote(code)}")))
        await visit(
            urlunsplit(hers._replace(query=f"state={rubbish}&code={rubbish}&error={rubbish}"))
        )
        eves = await claim_code(eve, await visit(urlunsplit(his)))
        await ann.start(eves)
        await ann.wait_for("does not belong")
        # A defect behind the page, and a chat that cannot be reached.
        with monkeypatch.context() as broken:
            broken.setattr(
                bot.services.core.consents, "accept_redirect", exploding(stage.everything())
            )
            await visit(await ask(ann))
        redirected = await ask(ann)
        edit, owner = "telegram.editMessageText", str(ann.id)
        await google.fault(edit, "status", owner=owner, status=502, reason=rubbish, count=0)
        page = await visit(redirected)
        await visit(redirected)
        await until(lambda: "message_not_sent" in bot.log.getvalue(), 30)
        await google.clear_faults()
        await odd_requests(stage, redirected)
        await ann.start(await claim_code(ann, page))
        await ann.wait_for("has approved")
        await ann.tap("Yes, that is mine")
        await ann.wait_for("Connected as")
        await odd_requests(stage, await ask(eve))
        await ann.send_document(
            os.urandom(5000), world.file_name("pdf"), caption=world.new("caption")
        )
        await ann.wait_for("is in your Drive")
        await google.set_quota(address, limit=1000)
        await ann.send_document(os.urandom(5000), world.file_name("pdf"))
        await ann.wait_for("Free some space")
        with monkeypatch.context() as broken:
            broken.setattr(bot.services.core.drives, "run", exploding(stage.everything()))
            await ann.send("/status")
            await ann.wait_for("this code")
        await misbehave(stage.everything())
        bot.services.core.metrics.swept(await bot.services.core.sweep.run())
        told = [
            await visit(f"http://127.0.0.1:{operations}/{page}")
            for page in ("metrics", "readyz", "healthz")
        ]
    world.harvest()
    log = bot.log.getvalue()
    assert world.canaries.find("\n".join((log, *told, *capfd.readouterr()))) == []
    assert not log.startswith("{")
    assert set(re.findall(r"\] ([a-z_]+)(?: |$)", log, re.MULTILINE)) >= CALLBACK_EVENTS
    assert log.count("\n") > 300
    assert {"aiohttp", "httpx", "httpcore", "telegram.ext", "uvicorn"} <= libraries_in(log)
    assert world.count()["codes"] > 9


# -- the paste flow, with a local Bot API server -------------------------------------------------


@pytest.mark.one_way("off")
async def test_the_paste_flow_with_a_local_bot_api_server(
    start_bot: StartBot,
    sandbox: Sandbox,
    world: MarkedWorld,
    google: GoogleControls,
    impatient: None,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Pasted addresses, and files whose paths hold the token: no canary in any line."""
    ann, eve = world.person(sandbox.url), world.person(sandbox.url)
    folder = tmp_path / world.new("data folder") / "user_data"
    async with (
        ann,
        eve,
        TelegramControls(sandbox.url) as telegram,
        start_bot(
            flow="paste", USER_DATA_DIR=folder, LOG_LEVEL="DEBUG", TELEGRAM_LOCAL_MODE="true"
        ) as bot,
    ):
        await telegram.local_mode(True)
        stage = Stage(world, sandbox, google, bot)
        address = world.account()

        async def ask(person: Person, **consent: Any) -> str:
            message = await ask_to_connect(person, "Copy that page's whole address")
            await stage.pending(person)
            url = person.button_url("Open Google's page", message)
            return await google.consent(url, address, **consent)

        first, hers = await ask(ann), await ask(eve)
        await ann.send(hers)
        await ann.wait_for("does not belong")
        text = world.new("pasted rubbish")
        await ann.send(f"http://{text}/?code={text}")
        await ann.wait_for("That is not the address I need")
        for rubbish in (f"http://[::1?state={text}", f"state={text}&code={text}"):
            await ann.send(rubbish)
            await ann.wait_for("does not belong")
        state = parse_qs(urlsplit(first).query)["state"][0]
        await ann.send(f"http://127.0.0.1:47851/?state={state}&code={text}")
        await ann.wait_for("used already")
        await ann.send(await ask(ann, allow=False))
        await ann.wait_for("You declined")
        await google.fault(
            "google.token.exchange", "oauth_error", error="invalid_client", error_description=text
        )
        await ann.send(await ask(ann))
        await ann.wait_for("whoever runs this bot has to fix it")
        await google.fault("telegram.deleteMessage", "status", status=400, reason=text)
        await ann.send(await ask(ann))
        await ann.wait_for("has approved")
        await ann.tap("Yes, that is mine")
        await ann.wait_for("Connected as")
        await ann.send_document(os.urandom(5000), world.file_name("pdf"))
        await ann.wait_for("is in your Drive")
        # The server says where the file is, and then it is not there, or not one of its own.
        assert bot.settings.telegram_files_dir is not None
        own = bot.settings.telegram_files_dir / world.config.bot_token / "documents"
        own.mkdir(parents=True, exist_ok=True)
        (link := own / world.new("link to a file")).symlink_to(f"/{text}/{text}")
        os.mkfifo(pipe := own / world.new("pipe"))
        for path in (own / text, link, pipe, own, own / ".." / ".." / text, f"/{text}", text):
            found = {"file_id": text, "file_unique_id": text, "file_path": str(path)}
            body = {"ok": True, "result": found}
            await google.fault("telegram.getFile", "status", status=200, body=body)
            await ann.send_document(os.urandom(5000), world.file_name("pdf"))
            await ann.wait_for("wrong with this bot's set-up")
        # And it names a folder, whose path holds a canary as its own holds the token.
        token = SecretStr(folder.parent.name)
        LocalFile(folder, 1, folder=folder.parents[1], token=token).remove()
    world.harvest()
    log = bot.log.getvalue()
    assert world.canaries.find("\n".join((log, *capfd.readouterr()))) == []
    assert events_of(log) >= PASTE_EVENTS
    assert log.count("\n") > 200
    assert world.count()["codes"] >= 4


# -- sweeps, and what administrators see and do ---------------------------------------------------


async def fail_to_refresh(stage: Stage, root: Person, cast: list[Person]) -> None:
    """Google refuses three at once: on hold, released, set aside, told; the disk fails amid it."""
    google, rubbish = stage.google, stage.world.new("Google's answer")
    for person in cast:
        account = await stage.connected(person)
        due(stage, person)
        error = {"error": "invalid_grant", "error_description": rubbish}
        await google.fault("google.token.refresh", "oauth_error", owner=account, **error)
    await sweep(stage.bot)
    alert = await root.wait_for("on hold", since=0)
    await cast[0].send("/status")  # and this time Google knows better
    await cast[0].wait_for("Connected as")
    for name in ("maintenance", "quarantine"):
        wrong = stage.world.new("a file in the wrong place")
        with out_of_place(stage.bot.folder / name, wrong):
            await sweep(stage.bot)
            await root.tap("aside", alert)
            await root.wait_for("credentials aside?")
            if name == "quarantine":
                await root.tap("Yes, set")
                await root.wait_for("could not be set aside")
            else:
                await root.tap("No, leave")
                await root.wait_for("stay where they are")
    await root.tap("aside", alert)
    await root.wait_for("credentials aside?")
    text = stage.world.new("Telegram's answer")
    owner = str(cast[1].id)
    await google.fault(
        "telegram.sendMessage", "status", owner=owner, status=502, reason=text, count=0
    )
    await root.tap("Yes, set")
    await root.wait_for("Over:")
    await stage.says('"message_not_sent"')
    await google.clear_faults()
    await sweep(stage.bot)
    for person in cast[1:]:
        await person.wait_for("no longer connected", since=0)


def due(stage: Stage, person: Person) -> None:
    """The person's access token is about to end."""
    store = TokenStore(stage.bot.services.core.storage, str)
    credential = store.load(stage.owner(person))
    assert credential is not None
    soon = datetime.now(UTC) + timedelta(minutes=1)
    store.save(replace(credential, expires_at=soon), based_on=credential.generation)


async def administer(stage: Stage, root: Person, ann: Person) -> None:
    """Every button of /quarantine and /health, also forged; copies that cannot be restored."""
    rubbish = stage.world.new("a damaged file")
    for _ in range(2):
        stage.token_file(ann).write_text(f'{{"refresh_token": ["{rubbish}"]')
        await sweep(stage.bot)
    await root.send(f"/quarantine {stage.world.new('argument of a command')}")
    await root.wait_for("Quarantine")
    for wish, answer in {"1": "Why:", "Restore": "is damaged", "Back": "Quarantine"}.items():
        await root.tap(wish)
        await root.wait_for(answer)
    for wish, answer in {"1": "Why:", "Purge": "for good?", "Yes, delete": "Deleted"}.items():
        await root.tap(wish)
        await root.wait_for(answer)
    await root.send("/quarantine")
    shown = await root.wait_for("Quarantine")
    await root.tap("2", shown)  # one whose grant Google has never ended
    await root.wait_for("Google no longer accepts it")
    await root.tap("Restore")
    await root.wait_for("Restored")
    await root.send("/health")
    await root.wait_for("Connected:", timeout=60)
    text = stage.world.new("button's data")
    async with TelegramControls(stage.sandbox.url) as telegram:
        for person, data in (
            *((root, data) for data in (f"quarantine:open:{text}", f"quarantine:{text}:{text}")),
            *((root, data) for data in (f"quarantine:page:{text}", f"hold:{text}")),
            (ann, f"quarantine:restore:{text}"),
        ):
            user = {"id": person.id, "is_bot": False, "first_name": "x", "language_code": "en"}
            query = {"id": text, "from": user, "message": shown.raw, "chat_instance": text}
            await telegram.inject("callback_query", {**query, "data": data})
    await stage.says('"not_allowed"')


@pytest.mark.one_way("on")
async def test_sweeps_and_administrators_with_all_that_can_go_wrong(
    start_bot: StartBot,
    sandbox: Sandbox,
    world: MarkedWorld,
    google: GoogleControls,
    impatient: None,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """What comes by itself, what it is answered with, defects in the midst of it: no canary."""
    root, *cast = [world.person(sandbox.url) for _ in range(5)]
    settings = {
        "USER_DATA_DIR": tmp_path / world.new("data folder") / "user_data",
        "ADMIN_USER_IDS": root.id,
        "LOG_MASK_KEY": world.new("mask key"),
    }
    try:
        async with start_bot(flow="device", LOG_LEVEL="DEBUG", **settings) as bot:
            by_hand(bot)
            stage = Stage(world, sandbox, google, bot)
            await root.start(world.new("start payload"))
            await root.wait_for("Drivekeeper")
            await fail_to_refresh(stage, root, cast[:3])
            await stage.connected(cast[3])
            among_many(bot)
            core, explode = bot.services.core, exploding(stage.everything())
            with monkeypatch.context() as broken:
                broken.setattr(core.custodian, "refresh_within", explode)
                due(stage, cast[3])
                await sweep(bot)
                broken.setattr(core.sweep, "run", explode)
                await sweep(bot)
            await sweep(bot)
            await administer(stage, root, cast[3])
            if bot.settings.encryption_keys:
                await plant_documents(stage, cast[3], *cast[:2])
    finally:
        for person in (root, *cast):
            await person.close()
    world.harvest()
    log = bot.log.getvalue()
    assert world.canaries.find("\n".join((log, *capfd.readouterr()))) == []
    assert events_of(log) >= UPKEEP_EVENTS
    assert world.count()["refresh"] >= 4


@pytest.mark.encryption("on")
async def test_documents_that_are_not_believed_are_told_without_what_is_in_them(
    start_bot: StartBot,
    sandbox: Sandbox,
    world: MarkedWorld,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Planted beside a key, and moved: neither their names, nor whose, nor what they say."""
    folder = tmp_path / world.new("data folder") / "user_data"
    ann, bob = (world.person(sandbox.url) for _ in range(2))
    (folder / "uploads").mkdir(parents=True)
    for owner, number in ((ann, 7), (bob, 8)):
        job = {"id": f"{ann.id}-7", "name": world.file_name("pdf"), "link": world.new("link")}
        (folder / "uploads" / f"{owner.id}-{number}.json").write_text(json.dumps(job))
    log = ""
    try:
        for required in ("false", "true"):  # by the second start something is sealed
            async with start_bot(USER_DATA_DIR=folder, TOKEN_REQUIRE_ENCRYPTION=required) as bot:
                by_hand(bot)
                await ann.start()
                await ann.wait_for("Drivekeeper")
                await sweep(bot)
                log += bot.log.getvalue()
    finally:
        for person in (ann, bob):
            await person.close()
    world.harvest()
    assert events_of(log) >= PLANTED_EVENTS
    assert {"wrong_document", "plaintext_refused"} <= set(re.findall(r'"result": "(\w+)"', log))
    assert world.canaries.find("\n".join((log, *capfd.readouterr()))) == []


# -- updates left by an earlier run, and a webhook ------------------------------------------------


def leave_updates(stage_folder: Path, keyring: TokenEncryption, world: MarkedWorld) -> Path:
    """What an earlier run has left of one person's: to be handled, set aside, damaged."""
    folder = stage_folder / "updates"
    bot_id = int(world.config.bot_token.partition(":")[0])
    storage = storage_in(stage_folder, keyring)
    storage.prepare()
    journal = UpdateJournal(storage, bot_id)
    person = {"id": 7, "is_bot": False, "first_name": world.new("first name")}
    chat = {"id": 7, "type": "private", "first_name": world.new("first name")}
    for number in range(1, 4):
        content = {"message_id": number, "date": 1, "from": person, "chat": chat}
        text = world.new("message left over")
        journal.write(number, {"update_id": number, "message": {**content, "text": text}})
    journal.write(4, {"update_id": 4, "message": {"message_id": world.new("a broken update")}})
    journal.settle({"handled": [], "begun": {2: 3}, "aside": {}}, ())
    (folder / "3.json").write_text(f'{{"alg": "{world.new("damage")}"')
    return folder


@pytest.mark.one_way("on")
async def test_updates_left_over_and_a_webhook(
    start_bot: StartBot,
    sandbox: Sandbox,
    world: MarkedWorld,
    google: GoogleControls,
    keyring: TokenEncryption,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Whoever posts whatever there, and a disk that takes nothing: no canary in any line."""
    data = tmp_path / world.new("data folder") / "user_data"
    folder = leave_updates(data, keyring, world)
    port, path, secret = free_port(), world.new("webhook path"), world.new("webhook secret")
    address = f"http://127.0.0.1:{port}/{path}"
    settings = {
        "USER_DATA_DIR": data,
        "LOG_MASK_KEY": world.new("mask key"),
        "WEB_PORT": port,
        "TELEGRAM_WEBHOOK_URL": address,
        "TELEGRAM_WEBHOOK_SECRET": secret,
    }
    assert sandbox.telegram is not None
    sandbox.telegram.webhook.first_pause = 0.05
    ann, rubbish = world.person(sandbox.url), world.new("posted rubbish")
    async with (
        ann,
        start_bot(LOG_LEVEL="DEBUG", **settings) as bot,
        aiohttp.ClientSession() as session,
    ):
        stage = Stage(world, sandbox, google, bot)
        header = "X-Telegram-Bot-Api-Secret-Token"
        for given, body in (
            (rubbish, rubbish),
            (secret, rubbish),
            (secret, f'{{"update_id": 9, "message": {{"{rubbish}": "{rubbish}"}}}}'),
            (secret, f'{{"update_id": "{rubbish}"}}'),
        ):
            async with session.post(address, headers={header: given}, data=body) as answer:
                assert await answer.read() == b""
        await ann.start(world.new("start payload"))
        await ann.wait_for("Drivekeeper")
        wrong = world.new("a file in the wrong place")
        with out_of_place(folder, wrong):
            await ann.send(world.new("message"))
            await stage.says('"update_not_saved"')
        await ann.wait_for("Send me a file")
        with monkeypatch.context() as narrow:
            narrow.setattr("bot.updates.capacity.MOST_EACH", 5)
            await flood(stage, ann)
        await sandbox.telegram.webhook.delete()
        jobs = bot.application.job_queue
        assert jobs is not None
        await jobs.get_jobs_by_name("watch")[0].run(bot.application)
        await stage.says('"polling_conflict"')
        await stage.says('"incident_closed"')
    world.harvest()
    log = bot.log.getvalue()
    assert world.canaries.find("\n".join((log, *capfd.readouterr()))) == []
    assert events_of(log) >= UPDATES_EVENTS


# -- as a process of its own ---------------------------------------------------------------------

MISBEHAVIOUR: Final = """
import asyncio, gc, logging, os, signal, sys, threading, warnings

TEXT = os.environ["MISBEHAVIOUR"]


class Destroyed:
    def __del__(self):
        raise ValueError(TEXT)


def fail(*args):
    raise RuntimeError(TEXT)


async def fail_later():
    fail()


def misbehave():
    thread = threading.Thread(target=fail, name=TEXT)
    thread.start()
    thread.join()
    Destroyed()
    warnings.warn(TEXT)
    logging.getLogger("httpx").error("%d", TEXT)
    open(os.devnull)
    gc.collect()
    loop = asyncio.get_running_loop()
    loop.create_task(fail_later())
    loop.call_soon(fail)
    loop.call_soon(gc.collect)


def at_its_next_turn(*args):  # not here: what was cut off may hold the log's lock
    asyncio.get_running_loop().call_soon_threadsafe(misbehave)


signal.signal(signal.SIGUSR1, at_its_next_turn)
"""
"""Put in by `sitecustomize`, which Python imports by itself: what SIGUSR1 then does."""


class Process:
    """`drivekeeper bot` as an operator runs it, with everything it prints."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._output = bytearray()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, settings: dict[str, Any], *arguments: str) -> Process:
        """Run it with these settings, and in Python's development mode."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-X", "dev", "-m", "cli", "bot", *arguments),
            env=child_environment({name: str(value) for name, value in settings.items()}),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        return cls(process)

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while piece := await self._process.stdout.read(65536):
            self._output += piece

    @property
    def output(self) -> str:
        """All it has printed."""
        return self._output.decode("utf-8", "replace")

    async def prints(self, text: str) -> None:
        """Wait until it has printed `text`."""
        async with asyncio.timeout(30):
            while text not in self.output:
                assert self._process.returncode is None, "it has ended"
                await asyncio.sleep(0.02)

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def end(self) -> int:
        """Wait for its end; the exit code."""
        async with asyncio.timeout(30):
            await self._reading
            return await self._process.wait()


@pytest.mark.one_way
async def test_the_process_prints_no_canary_whatever_ends_it(
    sandbox: Sandbox,
    world: MarkedWorld,
    google: GoogleControls,
    encryption_keys: tuple[SecretStr, ...],
    tmp_path: Path,
) -> None:
    """Refused starts; a run with an interpreter that goes wrong; SIGTERM amid an upload."""
    home = tmp_path / world.new("home folder")
    home.mkdir()
    (home / "sitecustomize.py").write_text(MISBEHAVIOUR)
    key = ",".join(key.get_secret_value() for key in encryption_keys)
    settings = {
        **bot_settings(sandbox, home / world.new("data folder"), "device"),
        "TOKEN_ENCRYPTION_KEY": key,
        "LOG_LEVEL": "DEBUG",
        "PYTHONPATH": home,
        "MISBEHAVIOUR": world.new("interpreter's message"),
    }
    no_file = ("--env-file", os.devnull)
    wrong_token = f"{telegram_id()}:{world.new('wrong token')}{world.new('wrong token')}"
    wrong = {
        "TELEGRAM_BOT_TOKEN": wrong_token,
        "USER_DATA_DIR": home / world.new("data folder"),
        "WEB_PORT": 0,
    }
    refused = await Process.start({**settings, **wrong}, *no_file)
    process = await Process.start(settings, *no_file)
    ann = world.person(sandbox.url)
    async with ann:
        await process.prints('"bot_started"')
        await ann.start(world.new("start payload"))
        account = world.account()
        await connect(ann, google, account)
        await ann.send_document(
            os.urandom(5000), world.file_name("pdf"), caption=world.new("caption")
        )
        await ann.wait_for("is in your Drive")
        process.signal(signal.SIGUSR1)
        await google.rate("google.upload.chunk", 500_000)
        await ann.send_document(os.urandom(8_000_000), world.file_name("pdf"))
        await ann.wait_for("% ·")
        process.signal(signal.SIGTERM)
        assert await process.end() == 0
    assert await refused.end() == 3
    world.harvest()
    assert world.canaries.find(process.output) == []
    assert world.canaries.find(refused.output) == []
    assert "bot_refused_to_start" in refused.output
    printed = [line for line in process.output.splitlines() if line.startswith("{")]
    assert {json.loads(line)["event"] for line in printed} >= PROCESS_EVENTS
    assert process.output.count('"uncaught') >= 2, "a thread's and a destructor's, in the log"


@pytest.mark.parametrize("reason", ["foreign key", "folder is a file", "unreadable .env"])
def test_what_keeps_it_from_starting_is_said_without_secrets(
    reason: str, canaries: Canaries, tmp_path: Path, restored_logging: None
) -> None:
    """Paths, keys and half of a settings file among them."""
    text, file = marker(), tmp_path / "env"
    canaries.add("a secret", text)
    home = tmp_path / text
    home.mkdir(mode=0o700)
    environment = {
        "TELEGRAM_BOT_TOKEN": f"1234567:{text}{text}",
        "GOOGLE_CLIENT_ID": text,
        "GOOGLE_CLIENT_SECRET": text,
        "USER_DATA_DIR": str(home),
        "LOG_LEVEL": "DEBUG",
    }
    file.write_text("")
    if reason == "foreign key":
        sealed = TokenEncryption([SecretStr(Fernet.generate_key().decode())]).encrypt(text.encode())
        (home / f"token_{telegram_id()}.json").write_bytes(sealed)
    elif reason == "folder is a file":
        (home / text).write_text(text)
        environment["USER_DATA_DIR"] = str(home / text)
    else:
        file = home / "env"
        file.write_bytes(b"TELEGRAM_BOT_TOKEN=" + text.encode() + b"\xff\n")
    result = CliRunner().invoke(cli.app, ["bot", "--env-file", str(file)], env=environment)
    assert result.exit_code != 0
    assert canaries.find(result.output) == []
    if result.exc_info and not isinstance(result.exception, SystemExit):
        assert canaries.find("".join(traceback.format_exception(result.exception))) == []


WRONG: Final = {
    "TELEGRAM_BOT_TOKEN": "{}",
    "TELEGRAM_API_BASE_URL": "https://user:{}@[{}]/",
    "TELEGRAM_LINK_BASE_URL": "https://{}:{}@host／{}/",
    "TELEGRAM_LOCAL_MODE": "{}",
    "ALLOWED_USER_IDS": "1,{}",
    "ADMIN_USER_IDS": "{}",
    "GOOGLE_OTHER_CLIENTS": "{}",
    "GOOGLE_OAUTH_FLOW": "{}",
    "GOOGLE_TOKEN_URI": "http://{}.example/{}",
    "GOOGLE_AUTH_URI": "{}",
    "TOKEN_ENCRYPTION_KEY": "{}",
    "ENCRYPTION_KEY": "{}=",
    "TOKEN_REFRESH_LEAD_MINUTES": "{}",
    "TANHAE_GOOGLE_SERVICE_ACCOUNT_JSON": "{}",
    "DEPARTMENTS": "{}={}",
    "DATABASE_URL": "mysql://{}:{}@{}/",
    "PUBLIC_URL": "http://[{}",
    "WEB_PORT": "{}",
    "LOG_LEVEL": "{}",
    "LOG_FORMAT": "{}",
    "GOOGLE_CLIENT_SECRET_FILE": "/{}/{}",
    "LOG_MASK_KEY_FILE": "{}\udcff",
    "HTTPS_PROXY": "socks5://{}:{}@{}:1080",
    "HTTPS_PROXI": "http://{}:{}@{}",
    "NO_PROXY": "{}/{}",
    "SSL_CERT_FILE": "/{}/{}",
    "SSL_CERT_DIR": "/{}/{}",
    "TELEGRAM_FILES_DIR": "{}/{}",
    "TELEGRAM_WEBHOOK_URL": "http://{}/{}",
    "TELEGRAM_WEBHOOK_SECRET": "{} {}",
    "ALLOWED_CHAT_IDS": "@{}",
    "TOKEN_BACKUP_KEY": "{}",
    "TOKEN_REQUIRE_ENCRYPTION": "{}",
    "GOOGLE_CLIENT_ID": "{}",
    "GOOGLE_CLIENT_SECRTE": "{}",
}


@pytest.mark.parametrize(
    "names",
    [*((name,) for name in WRONG), tuple(WRONG)],
    ids=lambda n: n[0] if len(n) == 1 else "all",
)
def test_wrong_settings_are_refused_without_their_values(
    names: tuple[str, ...], canaries: Canaries
) -> None:
    """Whatever is wrong with them."""
    text = marker()
    canaries.add("a wrong setting", text)
    environment = {name: WRONG[name].replace("{}", text) for name in names}
    result = CliRunner().invoke(cli.app, ["bot", "--env-file", os.devnull], env=environment)
    assert result.exit_code == 2
    assert canaries.find(result.output) == []
    assert "Drivekeeper cannot start" in result.output


def test_a_spoilt_settings_file_is_refused_without_its_values(
    canaries: Canaries, tmp_path: Path
) -> None:
    """Misspelt names, lines that are none, values that are out of place."""
    text = marker()
    canaries.add("a line of a settings file", text)
    file, wrong = settings_file(tmp_path, text)
    result = CliRunner().invoke(cli.app, ["bot", "--env-file", str(file)])
    assert result.exit_code == 2
    assert canaries.find(result.output) == []
    assert result.output.count("\n  •") >= wrong, result.output
    assert result.output.startswith("Drivekeeper cannot start")


PROXY_SAYS: Final = {
    "a password it does not know": b"407 Proxy Authentication Required",
    "no": b"403 Forbidden",
    "nothing that is HTTP": b"\xff",
    "yes": None,
}


@pytest.mark.one_way
@pytest.mark.parametrize("answer", ["yes", *in_rest(*sorted(PROXY_SAYS.keys() - {"yes"}))])
async def test_behind_a_proxy(
    answer: str,
    sandbox: Sandbox,
    world: MarkedWorld,
    google: GoogleControls,
    encryption_keys: tuple[SecretStr, ...],
    tmp_path: Path,
) -> None:
    """Its user and its password are in no line, whether it opens tunnels or not."""
    authority = Authority(tmp_path)
    port = await sandbox.listen_by_tls(authority.server_side())
    user, password, text = (world.new(what) for what in ("user", "password", "proxy's answer"))
    api, refusal = f"https://www.{NAME}", PROXY_SAYS[answer]
    if refusal is not None:
        refusal += f" {text}\r\nProxy-Authenticate: Basic realm={text}".encode()
    account = base64.b64encode(f"{user}:{password}".encode()).decode()
    world.canaries.add("the proxy's header", account)
    async with world.person(sandbox.url) as ann, proxy_to(port, refusal) as proxy:
        settings = {
            **bot_settings(sandbox, tmp_path / world.new("data folder"), "device"),
            "TOKEN_ENCRYPTION_KEY": ",".join(key.get_secret_value() for key in encryption_keys),
            "TELEGRAM_API_BASE_URL": f"https://telegram.{NAME}",
            "GOOGLE_API_ENDPOINT": api,
            **{
                f"GOOGLE_{name}_URI": f"{api}/{path}"
                for name, path in (
                    *(("AUTH", "o/oauth2/v2/auth"), ("TOKEN", "token")),
                    *(("DEVICE", "device/code"), ("REVOKE", "revoke")),
                )
            },
            "HTTPS_PROXY": f"http://{user}:{password}@127.0.0.1:{proxy.port}",
            "SSL_CERT_FILE": authority.cert_file,
            "WEB_PORT": 0,
            "LOG_LEVEL": "DEBUG",
        }
        process = await Process.start(settings, "--env-file", os.devnull)
        if refusal is None:
            await process.prints('"bot_started"')
            await connect(ann, google, world.account())
            await ann.send_document(os.urandom(20), world.file_name("txt"))
            await ann.wait_for("is in your Drive")
        else:
            await process.prints('"polling_failed"')
        process.signal(signal.SIGTERM)
        assert await process.end() == 0
    assert proxy.heads
    world.harvest()
    assert world.canaries.find(process.output) == []


# -- the scan itself -----------------------------------------------------------------------------


async def test_a_leak_planted_on_purpose_is_found(
    start_bot: StartBot,
    sandbox: Sandbox,
    world: MarkedWorld,
    google: GoogleControls,
    tmp_path: Path,
) -> None:
    """One handler without the redaction on the same stream, and the libraries tell everything."""
    ann = world.person(sandbox.url)
    folder = tmp_path / world.new("data folder")
    settings = {"LOG_LEVEL": "DEBUG", "LOG_MASK_KEY": world.new("mask key")}
    async with ann, start_bot(USER_DATA_DIR=folder, **settings) as bot:
        raw = logging.StreamHandler(bot.log)
        logging.getLogger().addHandler(raw)
        await connect(ann, google, world.account())
        await ann.send(world.new("chat text"))
        await ann.wait_for("Send me a file")
        await ann.send_document(b"leaked", world.file_name("txt"), caption=world.new("caption"))
        await ann.wait_for("is in your Drive")
        logging.getLogger().removeHandler(raw)
    world.harvest()
    found = {leak.name for leak in world.canaries.find(bot.log.getvalue())}
    assert found >= {
        *("bot token", "the bot's id", "Telegram id", "first name", "last name", "username"),
        *("chat text", "caption", "file name", "Telegram file id", "user code"),
        "Google address",
    }


ENCODINGS: Final[dict[str, Callable[[str], str]]] = {
    "plain": str,
    "upper case": str.upper,
    "percent-encoded": lambda text: quote(text, safe=""),
    "percent-encoded twice": lambda text: quote(quote(text, safe=""), safe=""),
    "every byte percent-encoded": lambda text: "".join(f"%{b:02X}" for b in text.encode()),
    "json": json.dumps,
    "json in json": lambda text: json.dumps(json.dumps(text)),
    "json without escapes": lambda text: json.dumps(text, ensure_ascii=False),
    "escapes": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "python": ascii,
    "python bytes": lambda text: repr(text.encode()),
    "html": lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
    "hexadecimal": lambda text: text.encode().hex(),
    "hexadecimal in capitals": lambda text: text.encode().hex().upper(),
    **{
        f"{name} behind {before} bytes": lambda text, before=before, encode=encode: encode(  # type: ignore[misc]
            b"u" * before + text.encode() + b":x"
        ).decode()
        for before in range(4)
        for name, encode in (
            ("base64", base64.b64encode),
            ("url-safe base64", base64.urlsafe_b64encode),
        )
    },
}
SECRETS: Final[dict[str, Callable[[], str]]] = {
    "a name": marker,
    "Han characters": wide_marker,
    "a token": lambda: secrets.token_urlsafe(60),
    "a code with slashes": lambda: base64.b64encode(secrets.token_bytes(48)).decode(),
    "an id": lambda: str(secrets.randbelow(3 * 10**15) + 10**15),
}


@pytest.mark.parametrize("kind", SECRETS)
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_secret_is_found_in_any_form_whole_or_cut(
    kind: str, encoding: str, canaries: Canaries
) -> None:
    """The whole of it, its first half, its second half, any slice; in the middle of a line."""
    secret, encode = SECRETS[kind](), ENCODINGS[encoding]
    canaries.add(kind, secret)
    size = SLICE if secret.isascii() else 4
    half = max(len(secret) // 2, size)
    start = secrets.randbelow(len(secret) - size + 1)
    for part in (secret, secret[:half], secret[-half:], secret[start : start + size]):
        line = json.dumps({"event": "library", "where": "x"}) + f" x{encode(part)}x\n"
        assert {leak.name for leak in canaries.find(line)} == {kind}, part
        assert {leak.name for leak in canaries.find(line.encode())} == {kind}


def test_hidden_identities_are_found(canaries: Canaries) -> None:
    """A mask that is no more than base32, or a hash without a key, hides nobody."""
    name = str(secrets.randbelow(3 * 10**15) + 10**15)
    canaries.add("Telegram id", name, identity=True)
    raw = name.encode()
    for hidden in (
        base64.b32encode(raw).decode().lower(),
        base64.b32encode(b"user:" + raw).decode(),
        hashlib.sha256(raw).hexdigest()[:16],
        base64.b32encode(hashlib.sha256(raw).digest()).decode().lower()[:16],
        f"{int(name):x}",
        f"{int(name):,}",
    ):
        assert canaries.find(f'{{"owner": "u_{hidden}"}}')


def test_what_holds_no_secret_is_left_in_peace(canaries: Canaries) -> None:
    """Other random texts of the same kinds are no leak."""
    for make in SECRETS.values():
        for _ in range(20):
            canaries.add("a secret", make(), identity=True)
    others = "\n".join(make() for make in SECRETS.values() for _ in range(200))
    assert canaries.find(others + others.encode().hex() + quote(others)) == []


def test_every_event_there_is_was_made_to_happen() -> None:
    """A new event is to be provoked in one of the journeys above."""
    flows = DEVICE_EVENTS | CALLBACK_EVENTS | PASTE_EVENTS
    provoked = flows | UPKEEP_EVENTS | UPDATES_EVENTS | PROCESS_EVENTS | REFUSAL_EVENTS
    provoked |= PLANTED_EVENTS
    assert provoked | UNPROVOKED == EVENTS
