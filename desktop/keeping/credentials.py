"""What opens the cloud to this computer: its departments' keys, and short access tokens.

In `~/.driver_management_system/`: `.key`, and `tokens.encrypted` under it. Never a refresh token.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from cryptography.fernet import Fernet
from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError, field_serializer

from desktop.keeping import files
from desktop.keeping.system import NotOurs, System
from security.encryption import TokenEncryption
from security.errors import CustodyError

_KIND: Final = "desktop_credentials"
_ASIDE: Final = ".aside"
_LARGEST: Final = 64 * 1024
"""Bytes: more than the pairings of a computer take."""
_REFRESH_TOKEN: Final = ("1//", "1/")
"""How Google's begin. https://developers.google.com/identity/protocols/oauth2#size"""


class RefreshTokenRefused(Exception):
    """Somebody wants to keep a refresh token here, which opens a Drive for good."""


class _Kept(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class AccessToken(_Kept):
    """Of a department's Drive, for an hour at most."""

    value: SecretStr
    expires_at: datetime

    @field_serializer("value")
    def _shown(self, value: SecretStr) -> str:
        return value.get_secret_value()


class Pairing(_Kept):
    """This computer's right to upload for one department."""

    cloud: str
    """The service's address."""
    department: str
    """The slug."""
    name: str
    """The department's name."""
    label: str
    """What this computer is called there."""
    key: SecretStr
    may: tuple[str, ...] = ("upload",)
    token: AccessToken | None = None

    @field_serializer("key")
    def _shown(self, key: SecretStr) -> str:
        return key.get_secret_value()


@dataclass(frozen=True, slots=True)
class _Opened:
    keyring: TokenEncryption
    pairings: tuple[Pairing, ...]


class DesktopCredentialManager:
    """One for a folder; any thread may use it."""

    def __init__(
        self, folder: Path, system: System, *, now: Callable[[], float] = time.time
    ) -> None:
        """
        Raises:
            OSError, NotOurs: the folder cannot be had, or what is in it not be read just now.
        """
        self.folder = folder
        self._system = system
        self._now = now
        self._lock = threading.Lock()
        system.make_folder(folder)
        self._key_file = folder / ".key"
        self._file = folder / "tokens.encrypted"
        opened = self._open()
        self.keyring = opened.keyring
        """For what else is kept sealed here."""
        self._pairings = opened.pairings

    @property
    def pairings(self) -> tuple[Pairing, ...]:
        """The departments that this computer uploads for, by their order of pairing."""
        return self._pairings

    @property
    def is_damaged(self) -> bool:
        """Whether there were keys once that cannot be opened any more, and none since."""
        return not self._pairings and any(self.folder.glob(f"*{_ASIDE}"))

    def of(self, department: str) -> Pairing | None:
        """The pairing of a department, by its slug."""
        return next((one for one in self._pairings if one.department == department), None)

    def need_room(self) -> None:
        """See that a pairing can be kept, before its code is spent.

        Raises:
            OSError: the disk takes nothing.
        """
        file = self.folder / "room"
        files.write(self._system, file, bytes(_LARGEST))
        file.unlink()

    def keep(self, pairing: Pairing) -> None:
        """Keep it in the place of the department's earlier one."""
        self._change(
            lambda kept: [*(o for o in kept if o.department != pairing.department), pairing]
        )

    def rename(self, department: str, name: str) -> None:
        """A department is called so now."""
        self._change(
            lambda kept: [
                one.model_copy(update={"name": name}) if one.department == department else one
                for one in kept
            ]
        )

    def keep_token(
        self,
        department: str,
        value: SecretStr,
        expires_at: datetime,
        *,
        asked_by: SecretStr | None = None,
    ) -> None:
        """Remember a department's access token until it ends.

        Args:
            asked_by: the key. Where there is another by now, which may have none, nothing is kept.

        Raises:
            RefreshTokenRefused: it is a refresh token.
        """
        token = AccessToken(value=value, expires_at=expires_at)
        self._change(
            lambda kept: [
                _with_token(one, department, token) if asked_by in (None, one.key) else one
                for one in kept
            ]
        )

    def forget_token(self, department: str) -> None:
        """It serves no more."""
        self._change(lambda kept: [_with_token(one, department, None) for one in kept])

    def _change(self, change: Callable[[tuple[Pairing, ...]], Iterable[Pairing]]) -> None:
        with self._lock:
            changed = tuple(change(self._pairings))
            for one in changed:
                secrets = [one.key, *([one.token.value] if one.token else [])]
                if any(s.get_secret_value().startswith(_REFRESH_TOKEN) for s in secrets):
                    raise RefreshTokenRefused
            document = {"kind": _KIND, "pairings": [one.model_dump(mode="json") for one in changed]}
            sealed = self.keyring.encrypt(json.dumps(document, ensure_ascii=False).encode())
            files.write(self._system, self._file, sealed)
            self._pairings = changed

    def _open(self) -> _Opened:
        keyring, sealed = self._keyring(), None
        if keyring is not None and not os.path.lexists(self._file):
            self._bring_back(keyring)
        try:
            sealed = files.read(self._file)
        except FileNotFoundError:
            return _Opened(keyring or self._new_key(), ())
        except NotOurs:
            pass
        pairings = None
        if keyring is not None and sealed is not None:
            pairings = _pairings_in(keyring, sealed)
        if pairings is None:
            self._set_aside(self._file)
        return _Opened(keyring or self._new_key(), pairings or ())

    def _keyring(self) -> TokenEncryption | None:
        """Under the key that is kept; None: there is none any more."""
        try:
            return _under(self._system.unwrap(files.read(self._key_file)))
        except FileNotFoundError:
            return None
        except (NotOurs, ValueError):
            self._set_aside(self._key_file)
            return None

    def _new_key(self) -> TokenEncryption:
        key = Fernet.generate_key()
        files.write(self._system, self._key_file, self._system.wrap(key))
        return _under(key)

    def _bring_back(self, keyring: TokenEncryption) -> None:
        """What was set aside last, where its key is here again: what is older may be none now."""
        aside = max(self.folder.glob(f"{self._file.name}.*{_ASIDE}"), default=None)
        with suppress(NotOurs, OSError):
            if aside is not None and _pairings_in(keyring, files.read(aside)) is not None:
                aside.rename(self._file)

    def _set_aside(self, path: Path) -> None:
        """Nothing is deleted: somebody may bring the key back."""
        path.rename(path.with_name(f"{path.name}.{int(self._now() * 1000)}{_ASIDE}"))


def _under(key: bytes) -> TokenEncryption:
    return TokenEncryption([SecretStr(key.strip().decode("ascii"))], required=True)


def _pairings_in(keyring: TokenEncryption, sealed: bytes) -> tuple[Pairing, ...] | None:
    """None: the key does not open it, or it is something else."""
    try:
        document: Any = json.loads(keyring.decrypt(sealed))
        if document["kind"] != _KIND:
            return None
        return tuple(Pairing.model_validate(one) for one in document["pairings"])
    except (CustodyError, ValueError, KeyError, TypeError, ValidationError):
        return None


def _with_token(pairing: Pairing, department: str, token: AccessToken | None) -> Pairing:
    if pairing.department != department:
        return pairing
    return pairing.model_copy(update={"token": token})
