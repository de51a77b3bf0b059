"""What is not held against a database, and why: one line each.

The contract of storages and the tests of custody and of commands run over databases as well, all
but these.
"""

from __future__ import annotations

from typing import Final

_ALL_OR_NONE: Final = "a database gives every row, or does not answer at all"
_SEALED: Final = "nothing is kept in a database without a key"
_SECRET: Final = "a database is never empty: its own secret is sealed, and has to open"
_AT_ONCE: Final = "a database makes all steps of a unit, or none: nothing stays half done"
_FOLDERS: Final = "folders of other people's: their files, modes, times and links"
_LOCKS: Final = "the lock of a file, which other programs take as well"
_CLAIM: Final = "that there is room shows when the lease is claimed; none is kept"
_COLUMN: Final = "whose account a row is of says its column, also of an older one that came back"
_LAPSES: Final = (
    "a database's lease lapses, by its clock: it outlives its process, and is waited for"
)
_CENSUS: Final = "of files; keys of rows are counted in tests/database/test_keys.py"
_FLEET: Final = "many processes tell, each of what it has claimed"
WHOLE_MODULES: Final = {
    "tests.commands.test_doctor": "of files; tests/database/test_commands.py has a database's",
    "tests.commands.test_reading": _FOLDERS,
    "tests.security.test_key_use": _SECRET,
    "tests.web.test_described": "of the routes' forms, whatever keeps the documents",
}
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
    "test_without_room_nothing_is_reserved": _CLAIM,
    "test_what_is_known_was_looked_at": "whatever is there is known, by an index",
    "test_a_lease_ends_with_its_process": _LAPSES,
    # of custody
    "test_a_second_attempt_goes_on_with_the_copy_of_the_first": _AT_ONCE,
    "test_nothing_stays_of_who_leaves_where_times_of_folders_are_coarse": _FOLDERS,
    "test_without_a_key_no_envelope_is_brought_in": _SEALED,
    "test_room_that_was_kept_for_a_save_is_given_back_where_there_is_none": _CLAIM,
    "test_the_file_of_a_pending_request_is_private": _FOLDERS,
    "test_once_the_folder_is_left_alone_no_file_is_looked_at": _FOLDERS,
    "test_what_lies_in_one_persons_place_is_nobody_elses_concern": _FOLDERS,
    "test_what_the_disk_did_not_give_once_is_found_later": _ALL_OR_NONE,
    "test_what_is_older_than_what_was_seen_may_be_of_any_account": _COLUMN,
    "test_one_folder_in_the_place_of_a_file_waits_alone": _FOLDERS,
    "test_a_file_that_cannot_be_read_stays_an_incident": _ALL_OR_NONE,
    "test_an_older_credential_is_told_of_where_somebody_is_looked_for_before_the_sweep": _COLUMN,
    "test_start_up_finishes_what_a_crash_interrupted": _AT_ONCE,
    "test_start_up_keeps_away_from_what_somebody_is_at": _AT_ONCE,
    "test_a_rollback_is_refused_while_the_bot_runs": _LAPSES,
    "test_on_files_what_is_told_is_marked_first": _FLEET,
    "test_restored_files_are_private": _FOLDERS,
    "test_what_no_archive_holds_is_no_reason_against_a_restore": _FOLDERS,
    "test_an_old_copy_that_cannot_be_read_holds_up_nobody": _ALL_OR_NONE,
    "test_what_no_archive_holds_is_no_reason_against_one": _FOLDERS,
    "test_an_archive_in_the_data_folder_is_refused": _FOLDERS,
    "test_every_file_and_folder_is_private": _FOLDERS,
    "test_files_that_are_not_ours_are_ignored": _FOLDERS,
    "test_the_file_of_a_lock_is_private_and_stays": _LOCKS,
    "test_a_lock_and_one_of_filelock_keep_each_other_out": _LOCKS,
    "test_a_lock_ends_with_its_process": _LAPSES,
    "test_plaintext_loads_where_it_is_allowed_and_is_encrypted_at_the_next_save": _SEALED,
    "test_start_up_without_a_key_is_refused_where_envelopes_are": _SEALED,
    "test_off_on_rotated_and_off_again_gives_the_very_same_documents": _SEALED,
    "test_a_dry_run_changes_no_byte_and_counts_what_a_run_would": _SEALED,
    "test_plaintext_is_converted_also_where_it_is_refused_otherwise": _SEALED,
    "test_without_a_key_there_is_nothing_to_encrypt_under": _SEALED,
    "test_killed_in_the_middle_it_goes_on_when_run_again": _SEALED,
    "test_files_that_are_not_ours_are_left_in_peace": _FOLDERS,
    "test_what_a_crash_left_in_plaintext_is_removed_where_nothing_else_lies": _FOLDERS,
    "test_folders_without_documents_stop_nothing": _FOLDERS,
    "test_a_stray_file_among_ours_is_converted_and_stops_nothing": _FOLDERS,
    # of commands
    "test_the_way_from_plaintext_over_two_keys_and_back": _SEALED,
    "test_check_counts_each_folder_and_each_key_for_programs": _CENSUS,
    "test_a_dry_run_of_a_conversion_changes_nothing_and_says_so": _SEALED,
    "test_what_does_not_open_is_not_decrypted_and_is_a_finding": _SEALED,
    "test_what_cannot_be_meant_is_refused_before_anything_is_done": _SEALED,
    "test_a_data_folder_that_is_not_there_is_no_empty_one": _FOLDERS,
    "test_decrypting_beside_a_running_bot_is_refused": _SEALED,
    "test_no_bot_starts_while_everything_is_decrypted": _SEALED,
    "test_without_an_answer_nothing_is_converted": _SEALED,
    "test_what_is_planted_after_the_question_is_not_believed": _SEALED,
    "test_plaintext_that_the_settings_refuse_is_a_finding": _SEALED,
    "test_what_was_encrypted_is_not_restored_in_plaintext": _SEALED,
    "test_a_rollback_wants_the_bot_stopped": _LAPSES,
    "test_a_restore_that_stops_half_way_says_what_to_do": _ALL_OR_NONE,
    "test_without_a_data_folder_nothing_is_made": _FOLDERS,
    "test_what_no_key_opens_is_not_said_to_be_missing": _SECRET,
    "test_a_restore_that_the_settings_refuse_does_not_speak_of_a_rollback": _SEALED,
    "test_beside_a_running_bot_its_memory_is_left_to_it": _FLEET,
}


def reason_against(test: str, backend_class: object) -> str | None:
    """Why a test is not for a backend; None: it is."""
    is_database = getattr(backend_class, "is_database", False)
    return OF_DATABASES.get(test.partition("[")[0]) if is_database else None
