"""The Start menu of Windows: a shortcut in the account's own folder of programs.

By the shell's own interface, called directly: WScript.Shell loses what is not in the machine's
code page, a Chinese name among it. Like `desktop.keeping.windows`, what stands here has run against
a stand-in alone.
"""

from __future__ import annotations

import ctypes
import uuid
from pathlib import Path
from subprocess import list2cmdline
from typing import Any, Final, Protocol

from desktop.menu.entry import NAME, Added, Launch

_ICON: Final = Path(__file__).parent / "drivekeeper.ico"
PROGRAMS: Final = "A77F5D77-2E2B-44C3-A6A2-ABA601054A51"
STARTUP: Final = "B97D20BB-F46A-4C97-BA10-5E3608430854"
"""FOLDERID_Programs, FOLDERID_Startup"""
_SHELL_LINK: Final = "00021401-0000-0000-C000-000000000046"
_I_SHELL_LINK: Final = "000214F9-0000-0000-C000-000000000046"
_I_PERSIST_FILE: Final = "0000010B-0000-0000-C000-000000000046"
# Methods, by their places in the interfaces (shobjidl_core.h, objidl.h; compared with mingw-w64's).
_QUERY_INTERFACE, _RELEASE = 0, 2
_SET_DESCRIPTION, _SET_ARGUMENTS, _SET_ICON, _SET_PATH = 7, 11, 17, 20
_SAVE = 6


class MenuCalls(Protocol):
    """The few functions of Windows that are needed, each raising OSError."""

    def folder(self, known: str) -> str:
        """A folder of the account's own by its id, made if it is not there."""

    def save_link(self, path: str, target: str, arguments: str, icon: str) -> None:
        """Write a shortcut, in the place of an earlier one."""


class StartMenu:
    """As `Menu` says."""

    def __init__(self, calls: MenuCalls, folder: str) -> None:
        """
        Args:
            folder: its id: PROGRAMS or STARTUP.
        """
        self._calls = calls
        self._link = Path(calls.folder(folder)) / f"{NAME}.lnk"

    def add(self, launch: Launch) -> Added:
        """The arguments are the program's own words: no path is among them."""
        was_there = self._link.exists()
        arguments = list2cmdline(launch.arguments)
        self._calls.save_link(str(self._link), str(launch.program), arguments, str(_ICON))
        return Added(self._link, was_there)

    def found(self) -> Path | None:
        """As `Menu.found`."""
        return self._link if self._link.exists() else None

    def remove(self) -> Path | None:
        """As `Menu.remove`."""
        try:
            self._link.unlink()
        except FileNotFoundError:
            return None
        return self._link


class Calls:
    """Windows itself. https://learn.microsoft.com/en-us/windows/win32/shell/links"""

    def __init__(self) -> None:
        load: Any = getattr(ctypes, "WinDLL")  # noqa: B009 - only there does it exist
        self._ole, self._shell, self._user = load("ole32"), load("shell32"), load("user32")
        self._prototype: Any = getattr(ctypes, "WINFUNCTYPE")  # noqa: B009

    def say(self, text: str) -> None:
        """MessageBoxW: one button, a sign of trouble, before all other windows."""
        shown = ctypes.c_wchar_p(text), ctypes.c_wchar_p(NAME)
        self._user.MessageBoxW(None, *shown, ctypes.c_uint32(0x10 | 0x10000))

    def folder(self, known: str) -> str:
        """SHGetKnownFolderPath"""
        found = ctypes.c_wchar_p()
        create = ctypes.c_uint32(0x8000)  # KF_FLAG_CREATE
        ask = self._shell.SHGetKnownFolderPath
        _check(ask(_guid(known), create, None, ctypes.byref(found)))
        try:
            return str(found.value)
        finally:
            self._ole.CoTaskMemFree(found)

    def save_link(self, path: str, target: str, arguments: str, icon: str) -> None:
        """IShellLinkW and IPersistFile"""
        _check(self._ole.CoInitializeEx(None, ctypes.c_uint32(0x2)))  # COINIT_APARTMENTTHREADED
        link, file = ctypes.c_void_p(), ctypes.c_void_p()
        try:
            make, here = self._ole.CoCreateInstance, ctypes.c_uint32(0x1)  # CLSCTX_INPROC_SERVER
            _check(make(_guid(_SHELL_LINK), None, here, _guid(_I_SHELL_LINK), ctypes.byref(link)))
            self._call(link, _SET_PATH, ctypes.c_wchar_p(target))
            self._call(link, _SET_ARGUMENTS, ctypes.c_wchar_p(arguments))
            self._call(link, _SET_ICON, ctypes.c_wchar_p(icon), ctypes.c_int(0))
            self._call(link, _SET_DESCRIPTION, ctypes.c_wchar_p(NAME))
            self._call(link, _QUERY_INTERFACE, _guid(_I_PERSIST_FILE), ctypes.pointer(file))
            self._call(file, _SAVE, ctypes.c_wchar_p(path), ctypes.c_int(1))
        finally:
            for one in (file, link):
                if one:
                    self._call(one, _RELEASE)
            self._ole.CoUninitialize()

    def _call(self, of: ctypes.c_void_p, method: int, *values: Any) -> None:
        """A method of an interface, by its place in it."""
        table = ctypes.cast(of, ctypes.POINTER(ctypes.POINTER(ctypes.c_void_p))).contents
        kinds = [type(value) for value in values]
        function = self._prototype(ctypes.c_int32, ctypes.c_void_p, *kinds)(table[method])
        _check(function(of, *values))


def _guid(text: str) -> Any:
    """A pointer to one."""
    return ctypes.pointer((ctypes.c_byte * 16).from_buffer_copy(uuid.UUID(text).bytes_le))


def _check(result: int) -> None:
    """Of an HRESULT, which is negative where it failed."""
    if ctypes.c_int32(result).value < 0:
        raise OSError(f"Windows refuses it ({result & 0xFFFFFFFF:#010x})")
