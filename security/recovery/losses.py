"""Whose credential is not where it should be: set aside, or gone without a word in the trail.

Of what is not there, nothing tells but what was written down before. So the audit trail is asked
who was connected last, and the quarantine whose copy lies there instead.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from security.credential import Owner
from security.errors import CustodyError
from security.quarantine.policy import GRANT
from security.quarantine.records import QuarantineRecord
from security.storage.events import Action, AuditEntry
from security.storage.protocol import Storage
from security.token_store import TokenStore

_KEPT: Final[frozenset[Action]] = frozenset(
    {"authorised", "refreshed", "restored", "quarantined", "held", "believed"}
)
"""After it a credential, or a copy of one, is here."""
_ENDED: Final[frozenset[Action]] = frozenset({"revoked", "purged"})
"""After it none is, and that was meant."""


@dataclass(frozen=True, slots=True)
class Losses:
    """Who has no credential here and had one."""

    set_aside: tuple[QuarantineRecord, ...] = ()
    """The newest copy of each owner who has copies in quarantine and no credential."""
    lost: tuple[str, ...] = ()
    """Masks of those who were connected last, and of whom neither credential nor copy is here."""
    reasons: Counter[str] = field(default_factory=Counter)
    """Result code → how many were set aside for it."""

    @property
    def damaged(self) -> int:
        """How many were set aside for what they are, and not for what Google has said of them."""
        return sum(number for code, number in self.reasons.items() if code not in GRANT)

    def are_serious(self, good: int) -> bool:
        """Whether an operator has something to mend. Few who have revoked the grant are nothing.

        Args:
            good: how many credentials work.
        """
        return bool(self.lost) or len(self.set_aside) > good


def find_losses(
    store: TokenStore, masks_since: datetime | None, present: Collection[Owner] | None = None
) -> Losses:
    """Look for them. Changes nothing; reads the whole audit trail, which is 50 MB of files at most.

    Args:
        masks_since: since when masks are certainly made as now; None: not known.
        present: whose credential is known to be here; None: whoever has a document of one.

    Raises:
        OperatorFault: the storage cannot be listed.
    """
    present = set(store.owners() if present is None else present)
    newest = {copy.owner: copy for copy in store.copies.records() if copy.owner not in present}
    here = {store.copies.mask_of(owner) for owner in present | newest.keys()}
    return Losses(
        set_aside=tuple(newest.values()),
        lost=tuple(sorted(_lost(store, here, masks_since))),
        reasons=Counter(copy.reason for copy in newest.values()),
    )


def _lost(store: TokenStore, here: set[str], since: datetime | None) -> Iterable[str]:
    """Masks of the trail whose last word is that something is kept of them, and nothing is."""
    known = here | {store.copies.mask_of(owner) for owner in _named(store.storage)}
    last: dict[str, AuditEntry] = {}
    for entry in store.storage.events():
        if entry.owner is None:
            continue
        if entry.action in _KEPT | _ENDED:
            last.setdefault(entry.owner, entry)
        if entry.owner in known:
            since = entry.time if since is None else min(since, entry.time)
    # Before the first mask that anybody here is known by, masks may be of another key: whom those
    # stand for cannot be told. Where nobody is known at all, whoever the trail names is lost.
    for mask, entry in last.items():
        is_ours = entry.time >= since if since is not None else not known
        if entry.action in _KEPT and mask not in here and is_ours:
            yield mask


def _named(storage: Storage) -> set[Owner]:
    """Everybody of whom anything is kept, credential or not."""
    owners: set[Owner] = set()
    for kind in storage.kinds:
        try:
            names = storage.names(kind)
        except CustodyError:  # what cannot be listed names nobody
            continue
        owners.update(owner for name in names if (owner := kind.owner_of(name)))
    return owners
