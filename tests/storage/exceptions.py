"""What is not held against a database, and why: one line each."""

from __future__ import annotations

from typing import Final

_ALL_OR_NONE: Final = "a database gives every row, or does not answer at all"
_SEALED: Final = "nothing is kept in a database without a key"
_SECRET: Final = "a database is never empty: its own secret is sealed, and has to open"
OF_DATABASES: Final = {
    "test_what_cannot_be_read_can_be_dropped": _ALL_OR_NONE,
    "test_a_document_that_cannot_be_read_decides_nothing": _ALL_OR_NONE,
    "test_a_lease_that_cannot_be_asked_for_is_neither_held_nor_free": _ALL_OR_NONE,
    "test_a_fault_of_one_step_is_told_in_its_unit_alone": _ALL_OR_NONE,
    "test_a_copy_without_a_key_is_its_source": _SEALED,
    "test_plaintext_alone_is_refused_where_a_key_is_required": _SEALED,
    "test_of_what_is_looked_at_to_try_the_keys_nobody_is_told": _SEALED,
    "test_plaintext_is_believed_by_its_own_words_without_a_key": _SEALED,
    "test_an_empty_storage_opens_with_any_keys": _SECRET,
    "test_where_no_credential_is_sealed_the_kinds_in_use_decide": _SECRET,
    "test_without_room_nothing_is_reserved": "the claim of the lease was the proof of it",
    "test_what_is_known_was_looked_at": "whatever is there is known, by an index",
    "test_a_lease_ends_with_its_process": "a database's lease lapses, by its clock",
}


def reason_against(test: str, backend_class: object) -> str | None:
    """Why a test is not for a backend; None: it is."""
    is_database = getattr(backend_class, "is_database", False)
    return OF_DATABASES.get(test.partition("[")[0]) if is_database else None
