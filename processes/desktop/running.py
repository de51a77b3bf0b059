"""`drivekeeper desktop`, put together: one on a machine for each account."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
import webbrowser
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Final

from filelock import Timeout

from config import Settings
from config.places import has_screen
from desktop.app import create_app
from desktop.gate.entering import FILE, Entering, address_in
from desktop.gate.visible import visible_places
from desktop.keeping.credentials import DesktopCredentialManager
from desktop.keeping.log_file import log_file
from desktop.keeping.system import NotOurs, System, this_system
from desktop.queue.shelf import Shelf
from desktop.sending.route import Route
from desktop.sending.sender import Sender
from desktop.sending.standing import Standings
from desktop.services import Services
from desktop.serving import NoPort, listen, serving
from drive.api import DriveApi
from processes.desktop.ending import home, is_told_to_end, lock_of
from security.google.network import Network
from security.logging_utils import redact_logs

__all__ = [
    "NoPort",
    "NotOurs",
    "RunningAlready",
    "Started",
    "address_in",
    "home",
    "log_to",
    "run",
    "services_of",
    "show",
    "visible_places",
    "way_in",
]
_QUEUE: Final = "queue"
_LOOKS_EVERY_SECONDS: Final = 1
_CLEARED_EVERY: Final = 600
"""Looks."""
_FIRST_CLEARED: Final = 60
"""Look: a cloud that was asleep has answered by then."""
_WAYS_IN_LOOKS: Final = 6


class RunningAlready(Exception):
    """Another of this account's has the folder."""


@dataclass(frozen=True, slots=True)
class Started:
    """What runs."""

    services: Services
    entering: Entering
    port: int


@contextmanager
def services_of(
    settings: Settings, folder: Path, system: System | None = None
) -> Iterator[Services]:
    """Everything but the page's port; what is under way at the end goes on at the next start.

    Raises:
        RunningAlready: by the folder's lock.
        OSError, NotOurs: the folder cannot be had.
    """
    system = system or this_system()
    system.make_folder(folder)
    lock = lock_of(folder)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise RunningAlready from None
    try:
        network = Network.of(settings)
        credentials = DesktopCredentialManager(folder, system)
        shelf = Shelf(folder / _QUEUE, system, credentials.keyring)
        google = settings.google_api_endpoint
        route = Route(shelf, credentials, network, google, lambda at: DriveApi(at, network))
        sender = Sender(route)
        standing = Standings(credentials, network, sender.wake)
        sender.goes = standing.goes
        cloud = settings.desktop_cloud_url or ""
        sender.start()
        try:
            yield Services(credentials, shelf, sender, standing, network, time.time(), cloud)
        finally:
            sender.stop()
    finally:
        lock.release()


async def run(
    settings: Settings,
    folder: Path,
    port: int,
    started: Callable[[Started], object],
    until: asyncio.Event | None = None,
    visible: Iterable[Path] = (),
) -> None:
    """Run until SIGINT, SIGTERM or SIGHUP, or until this is set.

    Args:
        visible: as `Entering` has it.

    Raises: as `services_of`; NoPort; OSError: nothing can listen here.
    """
    ended = until or _stopped()
    with services_of(settings, folder) as services:
        is_told_to_end(folder)  # one that has ended already was
        taken, listeners = listen(port)
        entering = Entering(folder, this_system(), taken, visible)
        try:
            async with serving(create_app(services, entering, taken), listeners):
                started(Started(services, entering, taken))
                services.standing.look()
                for look in count():
                    if look % _CLEARED_EVERY == _FIRST_CLEARED:
                        told = services.standing.time()
                        with suppress(OSError):  # it is tried again
                            await asyncio.to_thread(services.shelf.forget_old, told)
                    entering.look()
                    services.sender.look()
                    if is_told_to_end(folder):
                        break
                    with suppress(TimeoutError):
                        async with asyncio.timeout(_LOOKS_EVERY_SECONDS):
                            await ended.wait()
                    if ended.is_set():
                        break
        finally:
            entering.close()


def _stopped() -> asyncio.Event:
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    if sys.platform == "win32":  # its loops know no signals
        signal.signal(signal.SIGINT, lambda *_: loop.call_soon_threadsafe(ended.set))
    else:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            # nohup has it ignore that its terminal is gone.
            if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
                loop.add_signal_handler(number, ended.set)
    return ended


def log_to(folder: Path, settings: Settings) -> None:
    """Have the log go into a file there, as the settings want it."""
    stream = log_file(this_system(), folder)
    redact_logs(level=settings.log_level, style=settings.log_format, stream=stream)


def way_in(folder: Path, visible: Iterable[Path] = ()) -> Path | None:
    """The file that leads to the page of the one that runs, once it is there."""
    for _ in range(_WAYS_IN_LOOKS):
        for path in (*visible, folder / FILE):
            if path.exists():
                return path
        time.sleep(_LOOKS_EVERY_SECONDS / 2)  # it may have begun just now
    return None


def show(path: Path) -> bool:
    """Have the browser open a file that this account alone may read; whether there is one."""
    return has_screen() and webbrowser.open(path.as_uri())
