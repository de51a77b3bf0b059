"""What an operator's commands do to all owners: restore, rotate, encrypt-all, backup."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Final

from pydantic import SecretBytes, SecretStr

from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import CustodyError, OperatorFault
from security.recovery.backup import About, read_backup, write_backup
from security.recovery.restore import Restore, verify
from security.recovery.rotation import Mode, Rotation
from security.recovery.snapshot import OwnerSnapshot
from security.storage.protocol import Key, Stored
from tests.crash.fates import Both, Current, Damaged, Fate, Kept, SetAside, Unknown
from tests.crash.operation import ALL_DONE, Hands, Operation, Steps
from tests.crash.world import (
    ANN,
    BOB,
    CANARY,
    CAT,
    EVE,
    FAY,
    GUS,
    MOMENT,
    TOWN,
    World,
    a_credential,
)

_ARCHIVE: Final = "archive.backup"


def _backup_keys(world: World) -> list[SecretStr]:
    return [world.backup_key]


def _write_archive(hands: Hands, day: int) -> None:
    about = About(
        created=MOMENT + timedelta(days=day),
        version="1",
        settings=("USER_DATA_DIR",),
        mask_key=SecretBytes(b"mask"),
    )
    target, keys = hands.scratch / _ARCHIVE, _backup_keys(hands.world)
    store = hands.store()
    report = write_backup(target, keys, about, store, outside=hands.folder, replace=True)
    if report.left_out or report.locked:  # the command says so, and its exit code as well
        raise OperatorFault("the archive lacks what the disk did not give", code="store_failed")


def _first_archive(hands: Hands) -> None:
    _write_archive(hands, day=1)


def _backup(hands: Hands) -> Steps:
    """A new archive in the place of an older one."""
    _write_archive(hands, day=2)
    yield ALL_DONE


def _read_archive(hands: Hands) -> tuple[About, dict[Owner, OwnerSnapshot]]:
    about, *held = read_backup(hands.scratch / _ARCHIVE, _backup_keys(hands.world))
    assert isinstance(about, About)
    return about, {one.owner: one for one in held if isinstance(one, OwnerSnapshot)}


def _archive_is_whole(hands: Hands) -> list[str]:
    """The older archive or the new one opens, and has every owner, or says what it lacks."""
    try:
        _, kept = _read_archive(hands)
    except CustodyError as error:
        return [f"the archive: {error}"]
    return [
        f"the archive lacks owner {owner.key}"
        for owner in (ANN, BOB, CAT, TOWN, EVE, FAY, GUS)
        if not (held := kept.get(owner))
        or not (held.fault == "store_failed" or _is_kept(hands.world, held) or _lacks_copies(held))
    ]


def _lacks_copies(held: OwnerSnapshot) -> bool:
    """Copies that the disk did not give are told by the command, not by the archive."""
    return held.owner in (FAY, GUS) and not held.copies


def _archive_is_new(hands: Hands) -> list[str]:
    about, kept = _read_archive(hands)
    lacking = [owner.key for owner, held in kept.items() if not _is_kept(hands.world, held)]
    found = [f"the archive lacks owner {key}, and does not say so" for key in lacking]
    if about.created != MOMENT + timedelta(days=2):
        found.append("the archive is the older one")
    return found


def _is_kept(world: World, held: OwnerSnapshot) -> bool:
    """Whether an archive holds what there was of this owner."""
    if held.owner in (FAY, GUS):
        return [copy.content for copy in held.copies] == [world.raw[held.owner]]
    if held.owner == EVE:
        return held.sealed == world.raw[EVE]
    there = world.credentials[held.owner]
    return held.credential is not None and replace(held.credential, generation=0) == replace(
        there, generation=0
    )


def _lose_some(hands: Hands) -> None:
    """After the archive was made: two vanish, one is damaged, one gets newer."""
    _first_archive(hands)
    for owner in (BOB, CAT):
        hands.take_away(owner)
    hands.damage(ANN)
    newest = hands.world.credentials[TOWN].generation
    hands.store().save(a_credential(TOWN, version="new"), based_on=newest)


def _restore(hands: Hands) -> Steps:
    """Two copies out of quarantine, then everything out of the archive."""
    store = hands.store()
    for owner in (FAY, GUS):
        if store.load(owner) is None:
            store.copies.restore(store.copies.names(owner)[0])
        yield owner.name
    archive, keys = hands.scratch / _ARCHIVE, _backup_keys(hands.world)
    restore = Restore(store)
    restore.run(archive, keys, verify(archive, keys))
    if "tombstone_unreadable" in restore.report.refused:  # the command says so as well
        raise OperatorFault("not everything could be restored", code="store_failed")
    yield ALL_DONE


def _lost(world: World) -> dict[Owner, Fate]:
    return {
        ANN: Damaged(world.damaged_ann),
        BOB: Unknown(),
        CAT: Unknown(),
        TOWN: Current(a_credential(TOWN, version="new")),
    }


def _restored(world: World) -> dict[Owner, Fate]:
    """All credentials are back; what was damaged is in quarantine; what is newer stays."""
    back = {owner: Current(world.credentials[owner]) for owner in (BOB, CAT, FAY, GUS)}
    ann = Both(Current(world.credentials[ANN]), Kept(world.damaged_ann))
    return {**back, ANN: ann, TOWN: _lost(world)[TOWN]}


def _half_restored(world: World) -> dict[Owner, Fate]:
    """A start finds the damaged file and a copy of it, and finishes the quarantine.

    For a restore the owner's credential has ended then: bringing it back is left to a rollback.
    """
    return {ANN: SetAside(world.damaged_ann)}


def _convert(hands: Hands, mode: Mode) -> Steps:
    report = Rotation(hands.store()).run(mode)
    if not report.is_complete:  # the command says so, and its exit code as well
        raise OperatorFault("not everything could be tried", code="store_failed")
    yield ALL_DONE


def _rotate(hands: Hands) -> Steps:
    """Everything under the newest key."""
    return _convert(hands, Mode.ROTATE)


def _encrypt_all(hands: Hands) -> Steps:
    """Everything that is plaintext under the key there is."""
    return _convert(hands, Mode.ENCRYPT)


def _needs_no_old_key(hands: Hands) -> list[str]:
    """The old key may be dropped: nothing needs it any more."""
    return _open_under(hands, TokenEncryption([hands.world.new_key], required=True))


def _holds_no_plaintext(hands: Hands) -> list[str]:
    return _open_under(hands, TokenEncryption([hands.world.old_key], required=True))


def _open_under(hands: Hands, keyring: TokenEncryption) -> list[str]:
    """Every document is an envelope and opens, but for the one that was damaged before."""
    found = []
    storage = hands.storage(keyring)
    for kind in storage.kinds:
        keys = [Key(kind, name) for name in storage.names(kind)]
        for key, stored in zip(keys, storage.read(keys), strict=True):
            data = stored.raw if isinstance(stored, Stored) else b""
            try:
                if data != hands.world.raw[EVE]:
                    storage.sealer.examine(kind, key.name, data)
            except CustodyError as error:
                found.append(f"{kind.name}: {error}")
            if CANARY.encode() in data:
                found.append(f"{kind.name}: one is plaintext")
    return found


OPERATOR_OPERATIONS = (
    Operation(
        "restore",
        _restore,
        _restored,
        _half_restored,
        stays=frozenset({ANN}),
        prepare=_lose_some,
        begins=_lost,
    ),
    Operation(
        "rotate",
        _rotate,
        keyring=lambda world: world.rotating,
        finally_also=_needs_no_old_key,
    ),
    Operation("encrypt-all", _encrypt_all, finally_also=_holds_no_plaintext),
    Operation(
        "backup",
        _backup,
        prepare=_first_archive,
        also=_archive_is_whole,
        finally_also=_archive_is_new,
    ),
)
