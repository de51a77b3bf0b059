"""What a log line may say: every event, result code and field there is.

Logs are an allow-list. A value that its field's rule does not know is replaced before rendering,
so that a new field leaks nothing until somebody has thought about it and named it here.
`docs/operations.md` explains each event and result; a test keeps the lists equal. What is shown of
other libraries' lines is in `library_lines.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

EVENTS: Final = frozenset(
    {
        # the process
        "bot_started",
        "bot_stopped",
        "bot_refused_to_start",
        "settings_loaded",
        "web_started",
        "web_ready",
        "web_stopped",
        "web_refused_to_start",
        "departments_not_served",
        "polling_conflict",
        "polling_failed",
        "webhook_set",
        "menu_not_published",
        "administrator_not_reached",
        "log_redaction_failed",
        "start_waits",
        "standby_waits",
        "standby_took_over",
        "lease_lost",
        "lease_not_renewed",
        "lease_renewed",
        "uncaught",
        # what libraries tell of
        "library",
        "web_request_failed",
        "web_stop_cut_short",
        "job_failed",
        "job_missed",
        "updates_not_understood",
        "background_failed",
        "event_loop_held_up",
        "python_warning",
        # updates
        "updates_resumed",
        "update_not_saved",
        "update_skipped",
        "update_refused",
        "update_set_aside",
        # people
        "access_denied",
        "command_handled",
        "user_blocked_bot",
        "group_moved",
        "handler_failed",
        "message_not_sent",
        "language_changed",
        "data_erased",
        "data_handed_out",
        "console_changed",
        "console_refused",
        # consent
        "consent_started",
        "consent_approved",
        "consent_saved",
        "consent_declined",
        "consent_lapsed",
        "consent_refused",
        "consent_failed",
        # custody
        "token_refreshed",
        "token_refresh_failed",
        "token_quarantined",
        "token_quarantine_failed",
        "token_held",
        "token_released",
        "memory_not_saved",
        "sweep_finished",
        "sweep_failed",
        "sweep_owner_failed",
        "incident_opened",
        "incident_closed",
        "owner_told",
        "testing_status_suspected",
        "token_disconnected",
        "token_revoke_failed",
        "audit_failed",
        "service_key_seen",
        "service_key_not_noted",
        *("sheet_changed", "sheet_not_taken", "sheet_not_read"),
        *("roster_link_changed", "roster_told"),
        "plaintext_allowed",
        "document_refused",
        # uploads
        "upload_queued",
        "upload_waiting",
        "upload_finished",
        "upload_not_saved",
        "upload_retried",
        "upload_failed",
        "upload_cancelled",
        "upload_handed",
        "upload_not_handed",
        "handed_upload_ended",
        "local_copy_kept",
        # departments' computers
        "client_changed",
        "token_not_given",
        "alert_not_sent",
        # files in Drive
        "file_changed",
        "file_sent",
        "file_not_sent",
    }
)

RESULTS: Final = frozenset(
    {
        "ok",
        "failed",
        # transient
        "unavailable",
        "timeout",
        "rate_limited",
        "not_json",
        # the person's organisation
        "org_policy",
        "org_internal",
        # operator faults
        "operator_fault",
        "invalid_client",
        "unauthorized_client",
        "deleted_client",
        "unknown_client",
        "invalid_request",
        "key_missing",
        "unknown_key",
        "unknown_envelope",
        "plaintext_refused",
        "wrong_document",
        "older_generation",
        "store_failed",
        "database_unreachable",
        "clock_skew",
        "database_untrusted",
        "database_refused",
        "schema_behind",
        "schema_ahead",
        "another_database",
        "moved_away",
        "locked",
        "second_instance",
        "invalid_bot_token",
        "stopped",
        # updates
        "updates_not_saved",
        "update_set_aside",
        "wrong_secret",
        # requests to the web front
        "not_signed_in",
        "other_site",
        "wrong_host",
        "wrong_type",
        "not_found",
        "no_department",
        "no_client",
        # consent
        "consent_required",
        "not_connected",
        "invalid_grant",
        "no_refresh_token",
        "access_denied",
        "expired",
        "wrong_state",
        "other_session",
        "incomplete",
        "wrong_owner",
        "used",
        "scope_missing",
        "superseded",
        "gone",
        "declined",
        # the hold
        "on_hold",
        # keys of service accounts
        "service_key_old",
        # spreadsheets
        *("sheet_not_shared", "sheet_not_found", "sheet_not_google", "sheet_too_large"),
        *("sheets_disabled", "sheet_stopped"),
        # people of rosters
        *("roster_asked", "roster_linked", "roster_refused", "roster_unlinked"),
        *("calendar_issued", "calendar_revoked"),
        # corruption
        "corrupt",
        "tampered",
        "unreadable",
        # people
        "not_allowed",
        "anonymous_sender",
        "not_private",
        "not_yours",
        "refused",
        "grant_ends",
        # uploads
        "too_big",
        "too_many",
        "too_many_uploads",
        "too_much",
        "duplicate",
        "quota_exceeded",
        "daily_limit",
        "too_many_items",
        "too_deep",
        "too_large_for_drive",
        "shared_drive_full",
        "folder_refused",
        "policy_forbidden",
        "not_permitted",
        "bin_forbidden",
        "harmful_file",
        "no_bytes",
        "sharing_forbidden",
        "drive_refused",
        "api_disabled",
        "api_not_found",
        "exists",
        "file_gone",
        "source_failed",
        "local_file_unreadable",
        "checksum_mismatch",
        "cancelled",
        "cancel_unconfirmed",
        "account_changed",
        # departments' computers
        "wrong_key",
        "key_revoked",
        "key_blocked",
        "wrong_code",
        "other_department",
        "token_not_allowed",
        "administrators_only",
        "personal",
        "no_calendar",
        "client_busy",
        "client_second_machine",
        "client_stopped_key",
        "client_other_department",
        "client_keys_guessed",
        "added",
        "paired",
        "revoked",
        "blocked",
        "unblocked",
        "other_file",
        "no_upload",
        # files in Drive
        "renamed",
        "moved",
        "shared",
        "unshared",
        "trashed",
        "restored",
        # what an administrator has said
        "purged",
    }
)

OPERATOR_FAULTS: Final = frozenset(
    {
        *("operator_fault", "invalid_client", "unauthorized_client", "deleted_client"),
        *("unknown_client", "invalid_request", "key_missing", "unknown_key", "unknown_envelope"),
        *("plaintext_refused", "wrong_document", "older_generation", "store_failed"),
        *("database_unreachable", "database_untrusted", "database_refused"),
    }
)
"""The results that only an operator can mend: administrators are told of them."""

CONNECTION_FAULTS: Final = frozenset(
    {
        "dns",  # the name was not found
        "refused",  # nobody listens there
        "unreachable",  # no way leads there
        "timeout",  # no answer within the time
        "proxy_refused",  # the proxy opened no tunnel
        "certificate",  # its certificate is of no authority that is believed, or for another name
        "tls",  # TLS failed otherwise
        "broken",  # it was ended from the other side
    }
)
"""Why a connection came to nothing: `security.google.connection_faults`."""

_FLOWS: Final = frozenset({"device", "callback", "paste"})
_KINDS: Final = frozenset(
    {
        *("document", "photo", "video", "audio", "voice", "video_note", "animation", "album"),
        *("live_photo", "sticker"),
        "other",
        # of documents that are kept
        *("credentials", "tombstones", "quarantine", "consents", "updates", "uploads"),
        *("preferences", "maintenance", "departments", "sheets"),
    }
)
_NUMBERS: Final = frozenset(
    {
        *("seconds", "size", "attempt", "generation", "count", "waiting", "minutes_left"),
        *("port", "line"),
        *("seen", "fresh", "refreshed", "transient", "operator", "quarantined", "held", "skipped"),
    }
)

MASK: Final = re.compile(r"[ud]_[a-z2-7]{16}")
CLIENT: Final = re.compile(r"[0-9a-f]{12}")
REFERENCE: Final = re.compile(r"[A-HJ-NP-Z2-9]{6}")
LOCATION: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,100}(:\d{1,6})?")
_VERSION: Final = re.compile(r"\d{1,4}(\.\d{1,6}){1,3}")


def _fits(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _one_of(values: frozenset[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in values


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float)


FIELDS: Final[dict[str, Callable[[Any], bool]]] = {
    "result": _one_of(RESULTS),
    "owner": _fits(MASK),
    "client": _fits(CLIENT),
    "reference": _fits(REFERENCE),
    "connection": _one_of(CONNECTION_FAULTS),
    "flow": _one_of(_FLOWS),
    "kind": _one_of(_KINDS),
    "version": _fits(_VERSION),
    "encrypted": lambda value: isinstance(value, bool),
    "sandbox": lambda value: isinstance(value, bool),
    "full": lambda value: isinstance(value, bool),
    **dict.fromkeys(_NUMBERS, _is_number),
}
"""Field → whether a value may be shown. Fields the logging itself adds are not listed here."""
