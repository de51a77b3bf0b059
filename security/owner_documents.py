"""What is kept of one owner: a credential, a tombstone, copies in quarantine with their notes.

The kinds of these documents, their names and forms, and the one rule of what has ended. The owner's
lease guards all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from security.credential import Credential, Owner, has_sound_fields, moment_of, serves_until
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.storage.catalogue import NOTE, Claims, Document, Kind, claims_owner
from security.storage.each import each, only
from security.storage.parts import size_of
from security.storage.protocol import Found, Key, Storage, Version

_TIME: Final = "%Y%m%dt%H%M%S%f"
COPY_TIME: Final = re.compile(r"\d{8}t\d{12}")
"""What stands behind the owner's stem in a copy's name."""


def _claims_of_credential(document: Document) -> Claims:
    return None, _own_part(document).get("owner")


def _indexes_of(document: Document) -> dict[str, str | None]:
    own = document.get("drivekeeper")
    own = {} if own is None else own
    if not isinstance(own, dict) or not has_sound_fields(document, own):
        # No credential: nothing else in it is believed either.
        return {"account_id": None, "account": None, "client_id": None}
    return {
        "account_id": _folded(own.get("account_id")),
        "account": _folded(document.get("account")),
        "client_id": document["client_id"],
    }


def _own_part(document: Document) -> dict[str, Any]:
    """What google-auth's format lacks; empty where another program has written it."""
    own = document.get("drivekeeper")
    return own if isinstance(own, dict) else {}


def _generation_of(document: Document) -> int:
    generation = _own_part(document).get("generation")
    return generation if type(generation) is int else 0


def _folded(value: object) -> str | None:
    return value.lower() if isinstance(value, str) and value else None


def _runs_out(document: Document, now: float) -> float | None:
    """When the access token does; whoever is disconnecting is to be looked at in any case."""
    if _own_part(document).get("state") == "leaving":
        return None
    expires_at = moment_of(document.get("expiry"))
    return serves_until(document.get("token"), expires_at, datetime.fromtimestamp(now, UTC))


CREDENTIALS: Final = Kind(
    "credentials",
    leased=True,
    claims=_claims_of_credential,
    is_owners=True,
    indexes=_indexes_of,
    due=_runs_out,
    apart=("refresh_token", "token"),
    generation=_generation_of,
)
TOMBSTONES: Final = Kind("tombstones", leased=True, in_use=False, claims=claims_owner)
QUARANTINE: Final = Kind("quarantine", leased=True, in_use=False, copies_of=CREDENTIALS)
OWNER_KINDS: Final = (CREDENTIALS, TOMBSTONES, QUARANTINE)
"""What a backup holds of every owner."""


def credential_key(owner: Owner) -> Key:
    """Where the owner's credential is kept."""
    return Key(CREDENTIALS, owner.stem)


def tombstone_key(owner: Owner) -> Key:
    """Where the newest generation of the owner's that has ended is kept."""
    return Key(TOMBSTONES, owner.stem)


def copy_key(name: str) -> Key:
    """Where a copy is kept."""
    return Key(QUARANTINE, name)


def note_key(copy: str) -> Key:
    """Where the note beside a copy is kept."""
    return Key(QUARANTINE, copy + NOTE)


def name_copy(owner: Owner, time: datetime) -> str:
    """A copy's name: `<owner's stem>.<time>`. `time` is in UTC."""
    return f"{owner.stem}.{time.strftime(_TIME)}"


def owner_of_copy(name: str) -> Owner | None:
    """Whose copy it is; None: the name is none of a copy."""
    stem, _, time = name.partition(".")
    try:
        return Owner.from_stem(stem) if COPY_TIME.fullmatch(time) else None
    except ValueError:
        return None


def time_of_copy(name: str) -> datetime:
    """When a copy was made, by its name; the beginning of 1970 where that tells no time."""
    try:
        return datetime.strptime(name.partition(".")[2], _TIME).replace(tzinfo=UTC)
    except ValueError:  # digits, but no time
        return datetime.fromtimestamp(0, UTC)


def tombstone_of(owner: Owner, generation: int) -> dict[str, Any]:
    """The document that says that this generation, and all before it, have ended."""
    return {"owner": owner.name, "generation": generation}


def ended_generation(document: Document | None) -> int:
    """The newest generation that has ended; 0: none has.

    Raises:
        CorruptCredential: the document does not tell.
    """
    generation = 0 if document is None else document.get("generation")
    if type(generation) is not int or generation < 0:
        raise CorruptCredential("a field of the wrong type", code="unreadable")
    return generation


def has_ended(credential: Credential, ended: int) -> bool:
    """Whether a credential is no newer than its owner's tombstone: an old backup has come back.

    Other programs' files have no generation, and count as new. Whoever is disconnecting has marked
    theirs, which is to be finished.
    """
    return credential.state == "active" and 0 < credential.generation <= ended


def _may_have_ended(credential: Credential | None) -> bool:
    """Other programs' credentials have no generation, and count as new."""
    return credential is not None and credential.state == "active" and credential.generation > 0


class Generations:
    """The newest generation of each owner that this process has seen: nothing older is believed.

    Somebody who can write into the data folder may keep a sealed document and bring it back later,
    when its owner has connected another account, or none. Over a restart nothing is remembered:
    what remains stands in docs/security.md. Single operations are safe from any thread.
    """

    def __init__(self) -> None:
        self._newest: dict[int | str, int] = {}  # of a hundred thousand: no object for each

    def newest(self, owner: Owner) -> int:
        """0: none was seen. Asked before a look at the storage: what is saved beside that look is
        no step back."""
        return self._newest.get(owner.telegram_id or owner.key, 0)

    def saw(self, owner: Owner, generation: int) -> None:
        """It was read, or is durable by now."""
        if generation > self.newest(owner):
            self._newest[owner.telegram_id or owner.key] = generation


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found of a credential, or damage; neither: nothing that counts."""

    version: Version | None
    """Which state of the document it was; None: there is none."""
    credential: Credential | None = None
    damage: CorruptCredential | None = None
    size: int = 0
    """Of the document as it stands, in bytes."""

    def open(self) -> Credential | None:
        """The credential, where there is one that counts; raises `damage`."""
        if self.damage is not None:
            raise self.damage
        return self.credential


class OwnerReader:
    """Reads credentials beside their tombstones, and believes nothing older than it has seen."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.seen = Generations()
        """The newest generation of each owner's credential."""
        self.ended = Generations()
        """The newest generation of each owner's that has ended."""

    def read(self, owners: Sequence[Owner]) -> list[Reading | Exception]:
        """For each owner what is kept of their credential, or why it cannot be told."""
        # Asked before the look: what is saved beside it is no step back.
        newest = {owner: self.seen.newest(owner) for owner in owners}
        before = {owner: self.ended.newest(owner) for owner in owners}
        found, tombstones = self._look(owners)
        readings = each(_parsed, zip(owners, found, strict=True))
        asked = [
            owner
            for owner, reading in zip(owners, readings, strict=True)
            if isinstance(reading, Reading) and _may_have_ended(reading.credential)
        ]
        if tombstones is None:
            there = self._storage.read([tombstone_key(owner) for owner in asked])
            tombstones = dict(zip(asked, there, strict=True))
        ends = [(owner, before[owner], tombstones[owner]) for owner in asked]
        ended = dict(zip(asked, each(self._ended_by_then, ends), strict=True))
        believed = each(partial(self._believed, newest, ended), readings)
        # The storage has opened them all the same: of these it would see no change.
        self._storage.look_again(
            [
                credential_key(owner)
                for owner, reading in zip(owners, believed, strict=True)
                if isinstance(reading, Exception) or reading.credential is None
            ]
        )
        return believed

    def _look(self, owners: Sequence[Owner]) -> tuple[list[Found], dict[Owner, Found] | None]:
        """The credentials; and the tombstones, where to ask for both together is less work."""
        keys = [credential_key(owner) for owner in owners]
        if not self._storage.is_shared:
            return self._storage.read(keys), None
        # Tombstones last: who is disconnecting meanwhile writes theirs first.
        found = self._storage.read([*keys, *map(tombstone_key, owners)])
        return found[: len(keys)], dict(zip(owners, found[len(keys) :], strict=True))

    def _believed(
        self, newest: Mapping[Owner, int], ended: Mapping[Owner, int | Exception], reading: Reading
    ) -> Reading:
        credential = reading.credential
        if credential is None:
            return reading
        owner, generation = credential.owner, credential.generation
        end = ended.get(owner, 0)
        if isinstance(end, Exception):
            raise end
        if has_ended(credential, end):
            return replace(reading, credential=None)
        if 0 < generation < newest[owner]:
            self._refuse_older(credential_key(owner), partial(self._read_one, owner))
        self.seen.saw(owner, generation)
        return reading

    def _ended_by_then(self, asked: tuple[Owner, int, Found]) -> int:
        return self._ended_at(*asked, unreadable=0)

    def _ended_at(self, owner: Owner, newest: int, found: Found, *, unreadable: int) -> int:
        """The newest generation that has ended; `unreadable` where nobody can tell.

        Never less than this process has seen, whatever is kept by now.
        """
        try:
            generation = _ended_by([found])
            if generation < newest:
                self._refuse_older(tombstone_key(owner), partial(self._read_ended, owner))
        except CustodyError:
            return max(unreadable, newest)
        self.ended.saw(owner, generation)
        return generation

    def newest_ended(self, owner: Owner, unreadable: int) -> int:
        """The newest generation that has ended; `unreadable` where nobody can tell."""
        newest = self.ended.newest(owner)
        [found] = self._storage.read([tombstone_key(owner)])
        return self._ended_at(owner, newest, found, unreadable=unreadable)

    def _read_ended(self, owner: Owner) -> None:
        """Raise CustodyError while the tombstone is older than one that was seen."""
        if _ended_by(self._storage.read([tombstone_key(owner)])) < self.ended.newest(owner):
            raise OperatorFault("an older tombstone", code="older_generation")

    def _refuse_older(self, key: Key, look: Callable[[], object]) -> None:
        self._storage.sealer.refusals.note(key.kind, key.name, "older_generation", look)
        raise OperatorFault(
            "an older generation than one that was seen before", code="older_generation"
        )

    def _read_one(self, owner: Owner) -> None:
        """Raise CustodyError while the owner's credential is not to be believed."""
        only(self.read([owner]))


def _ended_by(tombstone: Sequence[Found]) -> int:
    """As `ended_generation`; raises CustodyError where that cannot be told."""
    found = only(tombstone)
    return ended_generation(None if found is None else found.open())


def _parsed(asked: tuple[Owner, Found]) -> Reading:
    owner, outcome = asked
    found = only([outcome])
    if found is None:
        return Reading(None)
    try:
        credential = Credential.from_document(owner, found.open())
    except CorruptCredential as damage:
        return Reading(found.version, damage=damage, size=size_of(found.kept))
    return Reading(found.version, credential, size=size_of(found.kept))
