"""What Google has, for commands that keep nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from commands.output import Exit, stop
from config import Settings
from security.errors import CustodyError
from security.google.network import Network
from sheets.answer import Reading, open_answer
from sheets.guess import MOST_TABS
from sheets.reading.readers import Readers
from sheets.wanted import TabWanted


@contextmanager
def readers_of(settings: Settings) -> Iterator[Readers]:
    """Departments' readers, as the settings say."""
    readers = Readers(
        settings.service_accounts,
        settings.google_api_endpoint,
        settings.google_token_uri,
        Network.of(settings),
    )
    try:
        yield readers
    finally:
        readers.close()


def read_all(readers: Readers, department: str, spreadsheet: str) -> Reading:
    """A spreadsheet with the cells of its tabs; faults end the command with one sentence."""
    nothing = TabWanted(None, -1, needed=False)
    try:
        reader = readers.of(department)
        listed = open_answer(reader.read(spreadsheet, [nothing]))
        tabs = [TabWanted(tab.title, None) for tab in listed.tabs if not tab.hidden][:MOST_TABS]
        return open_answer(reader.read(spreadsheet, tabs)) if tabs else listed
    except CustodyError as fault:
        stop(f"Not done: {fault}.", Exit.FAULT)
