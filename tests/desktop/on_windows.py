"""A program of its own: what a desktop runs, where Unix modules and calls are not to be had.

The standard library and what others have written is imported before: that is for their authors to
have right. The rest is imported anew, and keeps its things over a stand-in for Windows' calls.
"""

from __future__ import annotations

import importlib
import mmap
import os
import select
import signal
import socket
import sys
from pathlib import Path
from typing import Any

OURS = ("commands", "config", "desktop", "drive", "looks", "processes", "security", "upload")
HIDDEN = ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty")
UNIX_CALLS = ("chown", "fchmod", "fork", "geteuid", "getuid", "pread", "pwrite", "O_NOFOLLOW")
UNIX_ALONE = (
    *((os, name) for name in (*UNIX_CALLS, "O_CLOEXEC", "O_NONBLOCK", "O_DIRECTORY", "fchown")),
    *((mmap, name) for name in ("MAP_PRIVATE", "MAP_ANONYMOUS", "MAP_SHARED")),
    *((select, name) for name in ("poll", "epoll")),
    *((signal, name) for name in ("SIGKILL", "SIGHUP", "SIGUSR1")),
    (socket, "AF_UNIX"),
)
RUN = (
    "processes.desktop.running",
    "processes.desktop.menu",
    "commands.starting.desktop",
    "commands.starting.menu",
    "desktop.keeping.windows",
    "desktop.menu.windows",
    "upload",
)


class StandIn:
    """Windows' calls: what is protected here opens on this "machine" alone."""

    def __init__(self, machine: bytes) -> None:
        self.machine = machine
        self.private: list[str] = []

    def protect(self, data: bytes) -> bytes:
        """CryptProtectData"""
        return self.machine + data[::-1]

    def unprotect(self, data: bytes) -> bytes:
        """CryptUnprotectData"""
        if not data.startswith(self.machine):
            raise OSError
        return data.removeprefix(self.machine)[::-1]

    def only_for_me(self, path: str) -> None:
        """SetFileSecurityW"""
        self.private.append(path)


class StandInShell:
    """Windows' shell: what its shortcuts say."""

    def __init__(self, top: Path) -> None:
        self.top = top
        self.links: dict[Path, tuple[str, str, str]] = {}

    def folder(self, known: str) -> str:
        """SHGetKnownFolderPath"""
        (self.top / known).mkdir(parents=True, exist_ok=True)
        return str(self.top / known)

    def save_link(self, path: str, target: str, arguments: str, icon: str) -> None:
        """IShellLinkW"""
        self.links[Path(path)] = (target, arguments, icon)
        Path(path).touch()


class _Hiding:
    """Finds nothing that a Windows has not."""

    def find_spec(self, name: str, *_: Any) -> None:
        """Raise where it is one of those."""
        if name in HIDDEN:
            raise ModuleNotFoundError(name)


def be_windows() -> None:
    """Have what is ours imported anew, as a Windows would."""
    for name in RUN:
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] in (*OURS, *HIDDEN)]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Hiding())
    for module, name in UNIX_ALONE:
        if hasattr(module, name):
            delattr(module, name)
    sys.platform = "win32"
    for name in RUN:
        importlib.import_module(name)
    unix = {name for name in sys.modules if name.endswith("keeping.unix")}
    assert not unix, unix


def keep_things(folder: Path) -> None:
    """Keys and a queue, over the stand-in; another machine opens nothing, and deletes nothing."""
    from pydantic import SecretStr

    from desktop.keeping.credentials import DesktopCredentialManager, Pairing
    from desktop.keeping.log_file import log_file
    from desktop.keeping.windows import Windows
    from desktop.queue.shelf import Shelf
    from desktop.receiving.receiver import Receiver
    from desktop.sending.sources import QueuedContent
    from drive.uploading.stopping import StopSignal
    from drive.uploading.window import Window

    calls = StandIn(b"this machine")
    system = Windows(calls)
    pairing = Pairing(
        cloud="https://drive.example.org",
        department="tanhae",
        name="淡海",
        label="行控中心 1",
        key=SecretStr("dkc_secret"),
    )
    kept = DesktopCredentialManager(folder, system)
    kept.keep(pairing)
    shelf = Shelf(folder / "queue", system, kept.keyring)
    receiver = Receiver(shelf, {"tanhae"}, lambda: None)
    receiver.begin("tanhae", "甲.pdf")
    content = b"%PDF-1.7\n" + b"x\r\n" * 1000 + b"%%EOF"
    receiver.take(content)
    receiver.end()
    again = DesktopCredentialManager(folder, system)
    assert again.pairings == (pairing,)
    [record] = Shelf(folder / "queue", system, again.keyring).all()
    with_source = Window(QueuedContent(shelf.content(record.id), record.size), StopSignal())
    with_source.finish()
    assert (with_source.read, with_source.md5) == (len(content), record.md5)
    log_file(system, folder).write("{}\n")
    for path in (folder, folder / "queue", shelf.content(record.id), folder / "desktop.log"):
        assert str(path) in calls.private, path
    assert (folder / ".key").read_bytes().startswith(b"dpapi:")
    stolen = DesktopCredentialManager(folder, Windows(StandIn(b"another machine")))
    assert (stolen.pairings, stolen.is_damaged) == ((), True)
    assert len(list(folder.glob("*.aside"))) == 2


def be_in_the_menu(folder: Path) -> None:
    """A shortcut that opens no console, found again and taken away, over the stand-in."""
    from desktop.menu.entry import this_launch
    from desktop.menu.windows import PROGRAMS, STARTUP, StartMenu

    calls = StandInShell(folder / "開始功能表")
    program = folder / "100% 甲's" / "pythonw.exe"
    program.parent.mkdir(parents=True)
    program.touch()
    sys.executable = str(program.with_name("python.exe"))
    for known in (PROGRAMS, STARTUP):
        link = calls.top / known / "Drivekeeper.lnk"
        for was_there in (False, True):
            added = StartMenu(calls, known).add(this_launch())
            assert (added.entry, added.was_there) == (link, was_there)
            target, arguments, icon = calls.links[link]
            assert (target, arguments) == (str(program), "-P -m cli desktop --from-menu")
            assert Path(icon).read_bytes().startswith(b"\0\0\1\0")
        assert StartMenu(calls, known).remove() == link
        assert StartMenu(calls, known).remove() is None


if __name__ == "__main__":
    be_windows()
    be_in_the_menu(Path(sys.argv[1]).with_name("menu"))
    keep_things(Path(sys.argv[1]))
    print("kept")
