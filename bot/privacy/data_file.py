"""The button of /privacy that sends a person everything that is kept of them, as a JSON file.

It is put together in memory, off the event loop, and never written to disk.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from telegram import InputFile, Message, Update
from telegram.error import TelegramError

from bot.context import BotContext
from bot.delivery.conversation import Conversation
from bot.delivery.messages import acknowledge, privately, put_into, say
from bot.privacy.contents import SECTIONS, is_theirs
from security.credential import Owner
from security.errors import CustodyError
from security.storage.catalogue import Kind
from security.storage.each import portions
from security.storage.protocol import Key, Storage, Stored

FORMAT: Final = "drivekeeper-data"
VERSION: Final = 1
"""Raised where a field changes its meaning or goes; new fields may come at any time."""
FILE_NAME: Final = "drivekeeper-data.json"
_READ_AT_ONCE: Final = 100
_log = structlog.get_logger()


async def send(update: Update, context: BotContext) -> None:
    """My data as a file: to the person's private chat alone."""
    await acknowledge(update.callback_query)
    core, owner = context.core, context.owner
    await core.state.save()  # what sweeps remember is on disk a while later otherwise
    try:
        content = await core.workers.read(
            _written, core.storage, owner, core.quarantine.mask_of(owner)
        )
    except CustodyError as error:
        _log.warning("data_handed_out", owner=owner, result=error.code)
        raise

    async def once(here: Conversation, _: int | None) -> Message:
        return await context.bot.send_document(
            here.chat_id,
            InputFile(content, filename=FILE_NAME),
            caption=context.t.tr(
                "🔐 All that I keep about you, but for the tokens themselves. Whoever has this "
                "file can read it: keep it to yourself."
            ),
            message_thread_id=here.topic_id,
            disable_content_type_detection=True,
        )

    try:
        await put_into(privately(update, owner), once)
    except TelegramError:
        _log.info("data_handed_out", owner=owner, result="unavailable")
        text = context.t.tr("⚠️ Telegram did not take the file. Please try again in a few minutes.")
        await say(update, context, text)
        return
    _log.info("data_handed_out", owner=owner, result="ok")


def _written(storage: Storage, owner: Owner, mask: str) -> bytes:
    found = json.dumps(collect(storage, owner, mask), ensure_ascii=False, indent=2)
    return found.encode(errors="replace")  # half a character may have been sent


def collect(storage: Storage, owner: Owner, mask: str) -> dict[str, Any]:
    """Everything that is kept of `owner`, as docs/privacy-data.md explains it. Blocks.

    Args:
        mask: under which the audit trail knows them.

    Raises:
        OperatorFault: the storage cannot be read.
    """
    found: dict[str, list[dict[str, Any]]] = {section.title: [] for section in SECTIONS.values()}
    for kind, section in SECTIONS.items():
        for name, stored in _of(storage, kind, owner):
            if stored.document is None:
                code = stored.fault.code if stored.fault is not None else "unreadable"
                found[section.title].append({"unreadable": code})
                continue
            try:
                shown = section.shown(name, stored.document)
            except (ValueError, TypeError, KeyError, OverflowError):
                shown = {"unreadable": "unreadable"}
            found[section.title].append(shown)
    return {
        "format": FORMAT,
        "version": VERSION,
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "telegram_id": owner.telegram_id,
        **found,
        "events": [
            {name: value for name, value in entry.to_document().items() if name != "owner"}
            for entry in storage.events(newest_first=False, owner=mask)
        ],
    }


def _of(storage: Storage, kind: Kind, owner: Owner) -> Iterator[tuple[str, Stored]]:
    """The owner's documents of a kind, by name."""
    names = [
        name
        for prefix in SECTIONS[kind].prefixes(owner)
        for name in storage.names(kind, prefix)
        if kind.owner_of(name) in (None, owner)
    ]
    for some in portions(names, _READ_AT_ONCE):
        stored = storage.read([Key(kind, name) for name in some])
        for name, one in zip(some, stored, strict=True):
            if isinstance(one, Stored) and is_theirs(kind, one.document, owner):
                yield name, one
            elif isinstance(one, Exception):
                raise one
