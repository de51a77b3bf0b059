"""Private on Windows: by access lists for the account's own SID, and the key by DPAPI.

What stands here has run against a stand-in alone (tests/desktop/on_windows.py), which
docs/desktop-setup.md says. Nothing that only a Unix has is imported, here or by what else a desktop
runs.
"""

from __future__ import annotations

import base64
import ctypes
import os
import stat
from pathlib import Path
from typing import Any, Final, Protocol

from desktop.keeping.system import NotOurs

_FORM: Final = b"dpapi:"
_NO_QUESTIONS: Final = 0x1
"""CRYPTPROTECT_UI_FORBIDDEN"""
_OWN_ACCESS: Final = "D:P(A;OICI;FA;;;OW)(A;OICI;FA;;;{sid})"
"""Protected from what a folder above would add; everything for one account, and for nobody else.
https://learn.microsoft.com/en-us/windows/win32/secauthz/ace-strings"""


class WindowsCalls(Protocol):
    """The few functions of Windows that are needed, each raising OSError."""

    def protect(self, data: bytes) -> bytes:
        """CryptProtectData, for this account on this machine."""

    def unprotect(self, data: bytes) -> bytes:
        """CryptUnprotectData."""

    def only_for_me(self, path: str) -> None:
        """Give a file or folder an access list that names this account alone."""


class Windows:
    """As `System` says."""

    def __init__(self, calls: WindowsCalls) -> None:
        self._calls = calls

    def make_folder(self, folder: Path) -> None:
        """Its access list is what is made in it inherits."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir()
        except FileExistsError:
            status = folder.lstat()
            points = getattr(status, "st_file_attributes", 0) & stat.FILE_ATTRIBUTE_REPARSE_POINT
            if not stat.S_ISDIR(status.st_mode) or points:  # a junction leads elsewhere, too
                raise NotOurs from None
        self._calls.only_for_me(str(folder))

    def create(self, path: Path) -> int:
        """It has the folder's access list; its own as well, before there is anything in it."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags | getattr(os, "O_NOINHERIT", 0), 0o600)
        try:
            self._calls.only_for_me(str(path))
        except BaseException:
            os.close(descriptor)
            path.unlink(missing_ok=True)
            raise
        return descriptor

    def sync_folder(self, folder: Path) -> None:
        """A folder cannot be flushed there: NTFS has a journal of renames, in their order."""

    def wrap(self, key: bytes) -> bytes:
        """By DPAPI: a copy of the file opens nothing on another machine."""
        return _FORM + base64.b64encode(self._calls.protect(key))

    def unwrap(self, kept: bytes) -> bytes:
        """Raises ValueError where Windows does not open it."""
        if not kept.startswith(_FORM):
            raise ValueError("not wrapped")
        try:
            return self._calls.unprotect(base64.b64decode(kept.removeprefix(_FORM), validate=True))
        except OSError:
            raise ValueError("wrapped elsewhere") from None


class _Blob(ctypes.Structure):
    """DATA_BLOB"""

    _fields_ = (("size", ctypes.c_uint32), ("data", ctypes.POINTER(ctypes.c_char)))


class Calls:
    """Windows itself. https://learn.microsoft.com/en-us/windows/win32/api/dpapi/"""

    def __init__(self) -> None:
        load: Any = getattr(ctypes, "WinDLL")  # noqa: B009 - only there does it exist
        self._crypt = load("crypt32", use_last_error=True)
        self._advapi = load("advapi32", use_last_error=True)
        self._kernel = load("kernel32", use_last_error=True)
        self._kernel.GetCurrentProcess.restype = ctypes.c_void_p
        self._sid = self._own_sid()

    def protect(self, data: bytes) -> bytes:
        """As `WindowsCalls.protect`."""
        return self._blob(self._crypt.CryptProtectData, data)

    def unprotect(self, data: bytes) -> bytes:
        """As `WindowsCalls.unprotect`."""
        return self._blob(self._crypt.CryptUnprotectData, data)

    def only_for_me(self, path: str) -> None:
        """SetFileSecurityW, of a descriptor made from its text."""
        described = ctypes.c_void_p()
        text = _OWN_ACCESS.format(sid=self._sid)
        make = self._advapi.ConvertStringSecurityDescriptorToSecurityDescriptorW
        self._check(make(ctypes.c_wchar_p(text), 1, ctypes.byref(described), None))
        try:
            dacl = ctypes.c_uint32(0x4 | 0x80000000)  # DACL, PROTECTED_DACL
            self._check(self._advapi.SetFileSecurityW(ctypes.c_wchar_p(path), dacl, described))
        finally:
            self._kernel.LocalFree(described)

    def _blob(self, call: Any, data: bytes) -> bytes:
        buffer = ctypes.create_string_buffer(data, len(data))
        given = _Blob(len(data), ctypes.cast(buffer, ctypes.POINTER(ctypes.c_char)))
        found = _Blob()
        asked = (ctypes.byref(given), None, None, None, None, _NO_QUESTIONS, ctypes.byref(found))
        self._check(call(*asked))
        try:
            return ctypes.string_at(found.data, found.size)
        finally:
            self._kernel.LocalFree(ctypes.cast(found.data, ctypes.c_void_p))

    def _own_sid(self) -> str:
        token = ctypes.c_void_p()
        process = ctypes.c_void_p(self._kernel.GetCurrentProcess())
        self._check(self._advapi.OpenProcessToken(process, 0x8, ctypes.byref(token)))  # TOKEN_QUERY
        try:
            size = ctypes.c_uint32()
            ask = self._advapi.GetTokenInformation
            ask(token, 1, None, 0, ctypes.byref(size))  # TokenUser: how long it is
            buffer = ctypes.create_string_buffer(size.value)
            self._check(ask(token, 1, buffer, size, ctypes.byref(size)))
            text = ctypes.c_wchar_p()
            sid = ctypes.cast(buffer, ctypes.POINTER(ctypes.c_void_p))[0]
            make = self._advapi.ConvertSidToStringSidW
            self._check(make(ctypes.c_void_p(sid), ctypes.byref(text)))
            try:
                return str(text.value)
            finally:
                self._kernel.LocalFree(ctypes.cast(text, ctypes.c_void_p))
        finally:
            self._kernel.CloseHandle(token)

    @staticmethod
    def _check(done: Any) -> None:
        if not done:
            raise OSError("Windows refuses it")
