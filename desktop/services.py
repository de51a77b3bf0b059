"""What the page is served with, as a process has put it together."""

from __future__ import annotations

from dataclasses import dataclass

from desktop.keeping.credentials import DesktopCredentialManager
from desktop.queue.shelf import Shelf
from desktop.sending.sender import Sender
from desktop.sending.standing import Standings
from security.google.network import Network


@dataclass(frozen=True, slots=True)
class Services:
    """One for a process."""

    credentials: DesktopCredentialManager
    shelf: Shelf
    sender: Sender
    standing: Standings
    network: Network
    began_at: float
    """Unix seconds."""
    cloud: str = ""
    """DESKTOP_CLOUD_URL: what the pairing page has in its field."""
