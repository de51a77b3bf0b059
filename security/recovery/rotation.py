"""Re-encryption of everything that is kept: under a new key, from plaintext, or back.

Each document is read, opened, converted, opened again for comparison and replaced in one step,
with its writers kept away: beside a running bot no save is lost, and nothing deleted
comes back. What is converted already is left alone, so that a run that was stopped is simply run
again. Generations stay as they are.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict

from security.credential import Owner
from security.encryption import kid_of
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.storage.catalogue import Kind
from security.storage.documents import read_one
from security.storage.leases import Lease
from security.storage.protocol import Convert, Key, Storage
from security.storage.sealing import Opened
from security.token_store import TokenStore

_IN_A_ROW: Final = 20
_PAUSE_SECONDS: Final = 0.01
_MIGHT_OPEN: Final = frozenset({"locked", "store_failed", "failed"})
_AWAY: Final = frozenset({"database_unreachable", "database_untrusted", "database_refused"})
"""Nothing can be read any more, whatever document comes next."""

Outcome = Literal["changed", "already", "unreadable", "locked", "vanished"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)


class Mode(StrEnum):
    """What a run does."""

    ROTATE = "rotate"
    """Everything under the newest key, plaintext as well."""
    ENCRYPT = "encrypt"
    """Plaintext and bare Fernet tokens into envelopes; envelopes stay as they are."""
    DECRYPT = "decrypt"
    """Everything to plaintext."""


@dataclass(frozen=True, slots=True)
class Plaintext:
    """A document in plaintext: anybody who can write into the folder may have put it there."""

    kind: str
    owner: Owner | None
    """None: it is nobody's alone."""
    digest: str
    """Of its name and its bytes."""


class Unconverted(BaseModel):
    """One document that was left as it is."""

    model_config = ConfigDict(frozen=True)

    kind: str
    owner: str | None
    """The owner's mask; None: it is nobody's alone."""
    result: str
    """A result code."""
    kid: str | None
    """The fingerprint of the key it names."""


class RotationReport(BaseModel):
    """What a run did, or in a dry run would have done."""

    model_config = ConfigDict(frozen=True)

    mode: Mode
    dry_run: bool
    kinds: dict[str, dict[Outcome, int]]
    """Kind → outcome → documents."""
    left: list[Unconverted]
    """Unreadable or locked."""

    def count(self, *outcomes: Outcome) -> int:
        """Documents with one of `outcomes`, of all kinds."""
        return sum(counts[o] for counts in self.kinds.values() for o in outcomes)

    @property
    def is_complete(self) -> bool:
        """Whether every document that any configured key opens was converted."""
        return not any(left.result in _MIGHT_OPEN for left in self.left)


class Rotation:
    """Runs over the storage of `store`. Blocks on the storage and on leases."""

    def __init__(
        self,
        store: TokenStore,
        *,
        lease_seconds: float | None = None,
        believed: Collection[Plaintext] | None = None,
    ) -> None:
        """
        Args:
            believed: the only plaintext that `Mode.ENCRYPT` takes; None: all there is.
            lease_seconds: how long to wait for an owner's lease before their document is left;
                None: `patience`.
        """
        self._store = store
        self._storage = store.storage
        self._sealer = store.storage.sealer
        self._reader = self._sealer.believing_plaintext()
        self._lease_seconds = lease_seconds
        self._taken = believed

    def find_plaintext(self) -> list[Plaintext]:
        """What lies there in plaintext, or was set aside as such. Changes nothing."""
        found = []
        for kind, name in self._keys():
            with suppress(CustodyError):  # a run says why it is left
                stored = read_one(self._storage, Key(kind, name))
                if stored and _is_doubtful(self._reader.examine(kind, name, stored.raw)):
                    found.append(self._plaintext(kind, name, stored.raw))
        return found

    def _keys(self) -> list[Key]:
        kinds = self._storage.kinds
        return [Key(kind, name) for kind in kinds for name in self._storage.names(kind)]

    def _plaintext(self, kind: Kind, name: str, data: bytes) -> Plaintext:
        digest = hashlib.sha256(name.encode() + b"\0" + data).hexdigest()
        return Plaintext(kind.label, kind.owner_of(name), digest)

    def run(
        self,
        mode: Mode,
        *,
        dry_run: bool = False,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> RotationReport:
        """Convert everything.

        Args:
            dry_run: change nothing and take no lease.
            progress: called with the documents done and their number.

        Raises:
            OperatorFault: there is no key to encrypt under, the storage takes no plaintext, or it
                does not take any more. What was converted by then stays so.
        """
        if mode is Mode.DECRYPT:
            check_takes_plaintext(self._storage)
        elif not self._sealer.is_sealing:
            raise OperatorFault("TOKEN_ENCRYPTION_KEY is not set", code="key_missing")
        keys = self._keys()
        if not dry_run:  # a crash may have left an older save's plaintext half written
            self._storage.prepare(list(dict.fromkeys(key.kind for key in keys)))
        usual = (kind for kind in self._storage.kinds if not kind.is_seldom)
        counts = {kind.label: Counter[Outcome]() for kind in usual}
        left: list[Unconverted] = []
        for done, key in enumerate(keys, start=1):
            try:
                outcome = self._one(key, mode, dry_run)
            except _LeftAsItIs as reason:
                left.append(self._entry(key, reason))
                outcome = "locked" if reason.code == "locked" else "unreadable"
            counts.setdefault(key.kind.label, Counter())[outcome] += 1
            progress(done, len(keys))
            if outcome == "changed" and not dry_run and not key.kind.leased:
                _let_others_in(counts[key.kind.label]["changed"])
        kinds = {kind: {o: count[o] for o in OUTCOMES} for kind, count in counts.items()}
        return RotationReport(mode=mode, dry_run=dry_run, kinds=kinds, left=left)

    def _converter(self, mode: Mode, key: Key) -> Convert:
        convert = {
            Mode.ROTATE: self._sealer.resealed,
            Mode.ENCRYPT: self._believed,
            Mode.DECRYPT: self._bare,
        }[mode]

        def convert_or_leave(data: bytes) -> bytes | None:
            try:
                converted = convert(*key, data)
                if converted is not None and not self._is_same(key, data, converted):
                    raise OperatorFault("does not come back as it was", code="failed")
            except CustodyError as fault:
                raise _LeftAsItIs(fault.code, data) from None
            return converted

        return convert_or_leave

    def _believed(self, kind: Kind, name: str, data: bytes) -> bytes | None:
        opened = self._reader.examine(kind, name, data)
        # A bare token has no kid, and a damaged one is not the key's that opened it.
        if not _is_doubtful(opened):
            if kid_of(data) == opened.kid:
                return None
        elif self._taken is not None and self._plaintext(kind, name, data) not in self._taken:
            raise OperatorFault("put there since it was asked", code="plaintext_refused")
        return self._sealer.seal_content(kind, name, opened.content)

    def _bare(self, kind: Kind, name: str, data: bytes) -> bytes | None:
        opened = self._reader.examine(kind, name, data)
        return None if opened.kid is None else opened.content

    def _is_same(self, key: Key, before: bytes, after: bytes) -> bool:
        """Whether the content comes back; what was moved here from elsewhere has none."""
        try:
            content = self._reader.examine(*key, before).content
        except CorruptCredential:
            return True
        return self._reader.examine(*key, after).content == content

    def _one(self, key: Key, mode: Mode, dry_run: bool) -> Outcome:
        """What became of one document; raises `_LeftAsItIs` where it is not converted."""
        convert = self._converter(mode, key)
        # Without the lease first: on a second run almost everything is converted already.
        try:
            found = read_one(self._storage, key)
        except CustodyError as fault:
            if fault.code in _AWAY:
                raise
            raise _LeftAsItIs(fault.code, None) from None
        if found is None:
            return "vanished"
        if convert(found.raw) is None:
            return "already"
        if dry_run:
            return "changed"
        try:
            with self._leased(key) as lease:
                return self._storage.reseal(key, convert, lease)
        except OperatorFault as fault:
            if fault.code != "locked":
                raise
            raise _LeftAsItIs("locked", found.raw) from None

    def _leased(self, key: Key) -> AbstractContextManager[Lease | None]:
        owner = key.leased_by
        if owner is None:
            return nullcontext()  # the storage's own lock; a stray document has no writer
        return self._store.leased(owner, self._lease_seconds)

    def _entry(self, key: Key, reason: _LeftAsItIs) -> Unconverted:
        owner = key.kind.owner_of(key.name)
        return Unconverted(
            kind=key.kind.label,
            owner=None if owner is None else self._store.copies.mask_of(owner),
            result=reason.code,
            kid=None if reason.raw is None else kid_of(reason.raw),
        )


def check_takes_plaintext(storage: Storage) -> None:
    """Raise OperatorFault where nothing may be kept in plaintext."""
    if not storage.takes_plaintext:
        raise OperatorFault(
            "nothing is kept in a database in plaintext: `drivekeeper tokens move --to files` "
            "brings everything into files, where that can be done",
            code="plaintext_refused",
        )


class _LeftAsItIs(CustodyError):
    """A document is not converted; `code` says why."""

    def __init__(self, code: str, raw: bytes | None) -> None:
        super().__init__("left as it is", code=code)
        self.raw = raw


def _is_doubtful(opened: Opened) -> bool:
    """Whether it is plaintext, or was set aside as such."""
    return opened.kid is None or opened.was_plaintext


def _let_others_in(changed: int) -> None:
    """Now and then pause for longer than a writer's look at the lock, or it might wait for long."""
    if changed % _IN_A_ROW == 0:
        time.sleep(_PAUSE_SECONDS)
