"""What there is once in a database: the installation's secrets, sealed like any other document."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from security.encryption import kid_of, lacks
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.storage.catalogue import Document, Kind
from security.storage.each import only
from security.storage.moves.marks import Marked
from security.storage.protocol import ABSENT, Conflict, Key, Put, Storage, Stored, Unit

INSTALLATION: Final = Kind("installation", owner_of=lambda _: None)
SECRET: Final = "secret"  # noqa: S105 - a name
"""What keyed hashes and keys are derived from: re-sealed by a rotation, never changed."""
MASK_KEY: Final = "log_mask_key"
OLD: Final = ".old"
"""Behind the name of what was replaced."""
_BYTES: Final = 32


def find_value(storage: Storage, name: str) -> bytes | None:
    """One of the installation's secrets; None: there is none of this name yet.

    Raises:
        OperatorFault: it cannot be read, or its key is not configured.
    """
    found = only(storage.read([Key(INSTALLATION, name)]))
    if found is None:
        return None
    try:
        return bytes.fromhex(found.open()["value"])
    except (CorruptCredential, KeyError, TypeError, ValueError):
        raise OperatorFault(
            "the installation's own secret in the database is damaged: bring the database back "
            "from a backup of it",
            code="store_failed",
        ) from None


def find_or_make_value(storage: Storage, name: str) -> bytes:
    """One of the installation's secrets, made at random where there is none: of several processes
    one makes it.

    Raises:
        OperatorFault: as `find_value`, or it cannot be kept.
    """
    value = find_value(storage, name)
    if value is not None:
        return value
    # As text, which a file keeps as well: there, white space at the ends is none of the value.
    made = secrets.token_hex(_BYTES).encode("ascii")
    step = Put(Key(INSTALLATION, name), _document(storage, made), ABSENT)
    [outcome] = storage.apply([Unit([step])])
    if isinstance(outcome, Exception) and not isinstance(outcome, Conflict):
        raise outcome
    value = find_value(storage, name)
    if value is None:
        raise OperatorFault(
            "the database has not kept what was put there: `drivekeeper db check` tries what "
            "it keeps",
            code="store_failed",
        )
    return value


def check_secret(storage: Storage) -> None:
    """Raise OperatorFault where no configured key opens the installation's secret: one look tells
    wrong keys, or another installation's database, whatever else is in it."""
    found = only(storage.read([Key(INSTALLATION, SECRET)]))
    if found is None or not isinstance(found.fault, OperatorFault):
        return
    kid = kid_of(found.raw)
    raise OperatorFault(
        "the database of DATABASE_URL is another installation's, or "
        + lacks("its key" if kid is None else f"key {kid}"),
        code=found.fault.code,
    )


def since(storage: Storage, name: str) -> datetime | None:
    """Since when one of the secrets has certainly been the one; None: not known."""
    with suppress(CustodyError):
        if (found := only(storage.read([Key(INSTALLATION, name)]))) is not None:
            return _since(found)
    return None


def read_mark(storage: Storage, mark: str) -> Marked | None:
    """A mark of the database; None: it is not there.

    Raises:
        CustodyError: the database does not say.
    """
    found = only(storage.read([Key(INSTALLATION, mark)]))
    return None if found is None else Marked(_since(found))


def _since(found: Stored) -> datetime | None:
    with suppress(CustodyError, KeyError, TypeError, ValueError):
        return datetime.fromtimestamp(found.open()["since"], UTC)
    return None


def replace_value(storage: Storage, name: str, value: bytes) -> None:
    """Keep one of the secrets, whatever was there; what was there stays beside it.

    Raises:
        OperatorFault: what was there cannot be read, or it cannot be kept.
    """
    former = find_value(storage, name)
    kept = {name: value} if former is None else {name + OLD: former, name: value}
    steps = [Put(Key(INSTALLATION, one), _document(storage, kept[one])) for one in kept]
    only(storage.apply([Unit(steps)]))


def put_value(storage: Storage, name: str, value: bytes, since: datetime | None) -> None:
    """Keep one of the secrets that comes from elsewhere, instead of what was there.

    Args:
        since: since when it is the one; None: not known, or since now.

    Raises:
        OperatorFault: it cannot be kept.
    """
    document = _document(storage, value)
    if since is not None:
        document["since"] = since.timestamp()
    only(storage.apply([Unit([Put(Key(INSTALLATION, name), document)])]))


def _document(storage: Storage, value: bytes) -> Document:
    return {"value": value.hex(), "since": storage.now()}


class KeyedHashes:
    """By what documents are found: HMAC-SHA256 under a key of the installation's own.

    Who reads the database learns neither a value nor whether it is that of another installation.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def __call__(self, kind: Kind, index: str, value: str) -> bytes:
        """The hash of a value of one of the kind's indexes, 32 bytes.

        Raises:
            OperatorFault: the installation's secret cannot be read.
        """
        named = "\0".join((kind.name, index, value)).encode("utf-8", "surrogatepass")
        return hmac.digest(self._key, named, hashlib.sha256)

    def load(self) -> None:
        """Read the secret, where that has not been done yet. Raises as a call."""
        _ = self._key

    @cached_property
    def _key(self) -> bytes:
        """RFC 5869."""
        secret = find_or_make_value(self._storage, SECRET)
        return HKDF(SHA256(), length=_BYTES, salt=None, info=b"drivekeeper index").derive(secret)
