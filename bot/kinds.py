"""The kinds of documents that the bot keeps, and the kinds of trouble it opens and ends itself."""

from __future__ import annotations

from typing import Final

from security.credential import Owner
from security.storage.catalogue import Claims, Document, Kind, claims_owner

UPDATES_NOT_SAVED: Final = "updates_not_saved"
UPDATE_SET_ASIDE: Final = "update_set_aside"
DATABASE_UNREACHABLE: Final = "database_unreachable"
"""It may be back at any moment, and nobody who waits need be told more than that."""
LOCAL_FILE_UNREADABLE: Final = "local_file_unreadable"
"""What the local Bot API server has fetched cannot be read."""
INCIDENTS: Final = frozenset({UPDATES_NOT_SAVED, UPDATE_SET_ASIDE, LOCAL_FILE_UNREADABLE})


def _owner_of_job(name: str) -> Owner | None:
    """A job's id is the owner's key, a hyphen and what tells it from their others."""
    try:
        return Owner.parse(f"user:{name.rpartition('-')[0]}")
    except ValueError:
        return None


def _claims_of_job(document: Document) -> Claims:
    return document.get("id"), document.get("owner")


def _claims_of_update(document: Document) -> Claims:
    number = document.get("update_id")
    return None if number is None else str(number), None


UPDATES: Final = Kind("updates", in_use=False, owner_of=lambda _: None, claims=_claims_of_update)
UPLOADS: Final = Kind("uploads", owner_of=_owner_of_job, claims=_claims_of_job)
FINISHED_UPLOADS: Final = Kind(
    "finished_uploads",
    in_use=False,
    owner_of=_owner_of_job,
    claims=_claims_of_job,
    reported_as=UPLOADS.name,
)
"""What is kept for a while for whoever looks back: a start does not read it."""
PREFERENCES: Final = Kind("preferences", claims=claims_owner)
KINDS: Final = (UPDATES, UPLOADS, FINISHED_UPLOADS, PREFERENCES)
