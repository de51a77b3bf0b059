"""Re-encryption of everything under the data folder: under a new key, from plaintext, or back.

Each document is read, opened, converted, opened again for comparison and replaced in one step,
under the lock that its writers hold: beside a running bot no save is lost, and nothing deleted
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
from functools import partial
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict

from security.credential import Owner
from security.encryption import TokenEncryption, is_object, kid_of
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.recovery.sealed_folders import Place, documents, owner_of
from security.storage.catalogue import Kind
from security.storage.files.locks import LOCK_POLL_SECONDS
from security.storage.files.private_files import SealedFolder, ensure_private_folder
from security.storage.sealing import Sealer
from security.token_store import TokenStore

_IN_A_ROW: Final = 20
_MIGHT_OPEN: Final = frozenset({"locked", "store_failed", "failed"})

Outcome = Literal["changed", "already", "unreadable", "locked", "vanished"]
OUTCOMES: Final[tuple[Outcome, ...]] = get_args(Outcome)
Convert = Callable[[bytes], bytes | None]


class Mode(StrEnum):
    """What a run does."""

    ROTATE = "rotate"
    """Everything under the newest key, plaintext as well."""
    ENCRYPT = "encrypt"
    """Plaintext and bare Fernet tokens into envelopes; envelopes stay as they are."""
    DECRYPT = "decrypt"
    """Everything to plaintext."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """A document in plaintext: anybody who can write into the folder may have put it there."""

    place: str
    owner: Owner | None
    """None: it is nobody's alone."""
    digest: str
    """Of its name and its bytes."""


class Left(BaseModel):
    """One document that was left as it is."""

    model_config = ConfigDict(frozen=True)

    place: str
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
    places: dict[str, dict[Outcome, int]]
    """Place → outcome → documents."""
    left: list[Left]
    """Unreadable or locked."""

    def count(self, *outcomes: Outcome) -> int:
        """Documents with one of `outcomes`, in all places."""
        return sum(counts[o] for counts in self.places.values() for o in outcomes)

    @property
    def is_complete(self) -> bool:
        """Whether every document that any configured key opens was converted."""
        return not any(left.result in _MIGHT_OPEN for left in self.left)


class Rotation:
    """Runs over the data folder of `store`. Blocks on the disk and on locks."""

    def __init__(
        self,
        store: TokenStore,
        sealer: Sealer | TokenEncryption,
        mask: Callable[[str], str],
        *,
        lock_seconds: float = 30,
        believed: Collection[Doubt] | None = None,
    ) -> None:
        """
        Args:
            believed: the only plaintext that `Mode.ENCRYPT` takes; None: all there is.
            mask: turns an owner's name into what reports may show.
            lock_seconds: how long to wait for one owner's lock before their document is left.
        """
        self._store = store
        self._sealer = Sealer.of(sealer)
        self._reader = self._sealer.believing_plaintext()
        self._mask = mask
        self._lock_seconds = lock_seconds
        self._taken = believed

    def doubts(self) -> list[Doubt]:
        """What lies there in plaintext, or was set aside as such. Changes nothing."""
        found = []
        for place, sealed, names in documents(self._store.folder, self._sealer):
            for name in names:
                with suppress(CustodyError):  # a run says why it is left
                    data = sealed.read_bytes(name)
                    if data is not None and self._is_doubtful(place.kind, name, data):
                        found.append(self._doubt(place.kind, name, data))
        return found

    def _is_doubtful(self, kind: Kind, name: str, data: bytes) -> bool:
        opened = self._reader.examine(kind, name, data)
        return opened.kid is None or opened.was_plaintext

    def _doubt(self, kind: Kind, name: str, data: bytes) -> Doubt:
        digest = hashlib.sha256(name.encode() + b"\0" + data).hexdigest()
        return Doubt(kind.name, owner_of(name), digest)

    def run(
        self,
        mode: Mode,
        *,
        dry_run: bool = False,
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> RotationReport:
        """Convert everything.

        Args:
            dry_run: change nothing and take no lock.
            progress: called with the documents done and their number.

        Raises:
            OperatorFault: there is no key to encrypt under, or the disk does not take any more.
                What was converted by then stays so.
        """
        if mode is not Mode.DECRYPT and not self._sealer.is_sealing:
            raise OperatorFault("TOKEN_ENCRYPTION_KEY is not set", code="key_missing")
        found = list(documents(self._store.folder, self._sealer))
        if not dry_run:
            ensure_private_folder(self._store.folder / "locks")
            for _, sealed, names in found:
                if names:  # a crash may have left an older save's plaintext half written
                    ensure_private_folder(sealed.folder)
        total, done = sum(len(names) for _, _, names in found), 0
        places: dict[str, dict[Outcome, int]] = {}
        left: list[Left] = []
        for place, sealed, names in found:
            counts: Counter[Outcome] = Counter()
            for name in names:
                convert = self._converter(mode, place.kind, name)
                try:
                    outcome = self._one(place, sealed, name, convert, dry_run)
                except _LeftAsItIs as reason:
                    outcome = "locked" if reason.result == "locked" else "unreadable"
                    left.append(self._entry(place, name, reason))
                counts[outcome] += 1
                done += 1
                progress(done, total)
                if outcome == "changed" and not dry_run and not place.by_owner:
                    _let_others_in(counts["changed"])
            places[place.label] = {outcome: counts[outcome] for outcome in OUTCOMES}
        return RotationReport(mode=mode, dry_run=dry_run, places=places, left=left)

    def _converter(self, mode: Mode, kind: Kind, name: str) -> Convert:
        steps = {Mode.ROTATE: self._rotated, Mode.ENCRYPT: self._believed, Mode.DECRYPT: self._bare}
        return partial(steps[mode], kind, name)

    def _believed(self, kind: Kind, name: str, data: bytes) -> bytes | None:
        opened = self._reader.examine(kind, name, data)
        # A bare token has no kid, and a damaged one is not the key's that opened it.
        if opened.kid is not None and kid_of(data) == opened.kid and not opened.was_plaintext:
            return None
        is_doubtful = opened.kid is None or opened.was_plaintext
        taken = self._taken
        if is_doubtful and taken is not None and self._doubt(kind, name, data) not in taken:
            raise OperatorFault("put there since it was asked", code="plaintext_refused")
        return self._sealed(kind, name, opened.content)

    def _rotated(self, kind: Kind, name: str, data: bytes) -> bytes | None:
        keyring = self._sealer.keyring
        plain, kid = self._reader.keyring.open(data)
        if kid is None and keyring.requires_sealing:
            if is_object(data):
                raise OperatorFault("in plaintext, and not believed", code="plaintext_refused")
            return self._sealed(kind, name, plain, was_plaintext=True)  # damage, byte for byte
        is_newest = kid == keyring.kid == kid_of(data)
        try:
            opened = self._reader.examine(kind, name, data)
        except CorruptCredential:  # another document, moved here: it stays one, under the new key
            return None if is_newest else keyring.encrypt(plain)
        if is_newest and opened.is_bound:
            return None
        return self._sealed(kind, name, opened.content, was_plaintext=opened.was_plaintext)

    def _bare(self, kind: Kind, name: str, data: bytes) -> bytes | None:
        opened = self._reader.examine(kind, name, data)
        return None if opened.kid is None else opened.content

    def _sealed(
        self, kind: Kind, name: str, content: bytes, *, was_plaintext: bool = False
    ) -> bytes:
        sealed = self._sealer.seal_content(kind, name, content, was_plaintext=was_plaintext)
        if self._reader.examine(kind, name, sealed).content != content:
            raise OperatorFault("does not come back as it was", code="failed")
        return sealed

    def _one(
        self, place: Place, sealed: SealedFolder, name: str, convert: Convert, dry_run: bool
    ) -> Outcome:
        data: bytes | None = None
        # Without the lock first: on a second run almost everything is converted already.
        try:
            data = sealed.read_bytes(name)
            if data is None:
                return "vanished"
            if convert(data) is None:
                return "already"
        except CustodyError as fault:
            raise _LeftAsItIs(fault.code, data) from None
        if dry_run:
            return "changed"
        refusals: list[_LeftAsItIs] = []

        def convert_now(data: bytes) -> bytes | None:
            try:
                return convert(data)
            except CustodyError as fault:  # replaced meanwhile, by something that does not open
                refusals.append(_LeftAsItIs(fault.code, data))
                return None

        try:
            with self._guard(place, name):
                outcome: Outcome = sealed.reseal(name, convert_now)
        except OperatorFault as fault:
            if fault.code != "locked":
                raise
            raise _LeftAsItIs("locked", data) from None
        if refusals:
            raise refusals[0]
        return outcome

    def _guard(self, place: Place, name: str) -> AbstractContextManager[None]:
        owner = owner_of(name) if place.by_owner else None
        if owner is None:
            return nullcontext()  # the folder's own lock; a stray file there has no writer
        return self._store.locked(owner, self._lock_seconds)

    def _entry(self, place: Place, name: str, reason: _LeftAsItIs) -> Left:
        owner = owner_of(name)
        return Left(
            place=place.label,
            owner=None if owner is None else self._mask(owner.name),
            result=reason.result,
            kid=None if reason.data is None else kid_of(reason.data),
        )


class _LeftAsItIs(Exception):
    def __init__(self, result: str, data: bytes | None) -> None:
        super().__init__(result)
        self.result = result
        self.data = data


def _let_others_in(changed: int) -> None:
    """Now and then pause for longer than a writer's look at the lock, or it might wait for long."""
    if changed % _IN_A_ROW == 0:
        time.sleep(2 * LOCK_POLL_SECONDS)
