"""What the console says about trouble, code by code: what it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from markupsafe import Markup

from config.languages import N_
from web.site.sheets.views import SheetLine
from web.site.sheets.words import SheetWords
from web.site.texts import Texts

_CLIENT_REFUSED: Final = (
    N_("Google refuses this service’s OAuth client"),
    N_(
        "Nobody’s token can be refreshed, and no credential is lost. Compare GOOGLE_CLIENT_ID and "
        "GOOGLE_CLIENT_SECRET with the Google Cloud console, then restart."
    ),
)
_NO_INTERFACE: Final = (
    N_("Google Drive’s interface is not there for this project"),
    N_(
        "Files do not reach Drive. Enable the Google Drive API in the Google Cloud console, and "
        "look at GOOGLE_API_ENDPOINT if it is set."
    ),
)
_KEY_MISSING: Final = (
    N_("Stored credentials cannot be decrypted: a key is missing"),
    N_(
        "Put the missing key behind the others in TOKEN_ENCRYPTION_KEY, and restart. "
        "<code>drivekeeper keys check</code> shows its fingerprint."
    ),
)
_MOVED: Final = (
    N_("Stored documents were moved, or old ones have come back"),
    N_(
        "None of them is used. <code>drivekeeper audit --action refused</code> says whose they "
        "are, and when they were met."
    ),
)
_NOT_KEPT: Final = (
    N_("Data cannot be read or written"),
    N_(
        "No token is refreshed that could not be saved, so none is lost. Is the disk full, "
        "read-only, or somebody else’s? It needs no restart."
    ),
)
_INCIDENTS: Final[Mapping[str, tuple[str, str]]] = {
    # Google's
    "unavailable": (
        N_("Google does not answer"),
        N_(
            "Nothing is lost: everything is tried again by itself. If it lasts, <code>drivekeeper "
            "doctor</code> shows whether this machine reaches Google."
        ),
    ),
    "invalid_client": _CLIENT_REFUSED,
    "unauthorized_client": _CLIENT_REFUSED,
    "deleted_client": (
        N_("The OAuth client was deleted at Google"),
        N_(
            "Restore it in the Google Cloud console within 30 days, and restart. With a new client "
            "everybody would have to authorise again."
        ),
    ),
    "unknown_client": (
        N_("Credentials of an OAuth client that is not configured"),
        N_(
            "Put the earlier client into GOOGLE_OTHER_CLIENTS, and restart. The credentials stay "
            "as they are."
        ),
    ),
    "invalid_request": (
        N_("Google does not understand this service’s requests"),
        N_("<code>drivekeeper doctor</code> says more. No credential is lost."),
    ),
    "api_not_found": _NO_INTERFACE,
    "api_disabled": _NO_INTERFACE,
    # of what is kept
    "key_missing": _KEY_MISSING,
    "unknown_key": _KEY_MISSING,
    "unknown_envelope": (
        N_("Stored credentials were written by a newer version"),
        N_("Install that version again. They stay as they are meanwhile."),
    ),
    "plaintext_refused": (
        N_("Documents in plaintext are not believed"),
        N_(
            "Find out who put them there. If they are yours, <code>drivekeeper tokens "
            "encrypt</code> lists them and asks."
        ),
    ),
    "wrong_document": _MOVED,
    "older_generation": _MOVED,
    "store_failed": _NOT_KEPT,
    "updates_not_saved": _NOT_KEPT,
    "database_unreachable": (
        N_("The database did not answer"),
        N_("Nothing is lost; it is tried again by itself, and needs no restart."),
    ),
    "database_untrusted": (
        N_("The connection to the database is not private"),
        N_(
            "It must offer TLS with a certificate that is valid for its host. <code>drivekeeper "
            "doctor</code> says what is wrong with it."
        ),
    ),
    "database_refused": (
        N_("The database refuses this service’s account"),
        N_("Look at the user, the password and the name in DATABASE_URL."),
    ),
    "clock_skew": (
        N_("A machine’s clock is wrong"),
        N_(
            "All go by the database’s clock, so nothing is refreshed wrongly. Let NTP set that "
            "machine’s; the processes show which one it is."
        ),
    ),
    # of the processes
    "failed": (
        N_("The sweeps over the credentials fail"),
        N_(
            "Tokens are refreshed only when somebody needs them. Look for <code>sweep_failed</code>"
            " in the logs and report it; a restart may help."
        ),
    ),
    "update_set_aside": (
        N_("A message that crashed the bot three times is no longer tried"),
        N_("Its sender got no answer; everybody else is served. Please report it."),
    ),
    "service_key_old": (
        N_("A service account’s key should be replaced"),
        N_(
            "It has been here for 90 days or longer. Nothing has stopped; docs/service-accounts.md "
            "says how it is replaced."
        ),
    ),
    "sheet_stopped": (
        N_("A department’s spreadsheet is not taken over as it stands"),
        N_(
            "What was read last goes on counting. <code>drivekeeper sheets list</code> says which "
            "one and why; docs/sheets.md says what to do."
        ),
    ),
    "local_file_unreadable": (
        N_("Files of the local Bot API server cannot be read"),
        N_("Look at TELEGRAM_FILES_DIR, and whom the folder belongs to."),
    ),
}
_OTHER_INCIDENT: Final = (
    N_("Something in the set-up is wrong"),
    N_("<code>drivekeeper doctor</code> names it. No credential is lost."),
)
_LOST: Final = (
    N_("{department} has to be authorised again"),
    N_(
        "Google took its authorisation back, or what is stored of it is damaged. Nothing can be "
        "uploaded for it until an administrator authorises it again."
    ),
)
_IN_OTHER_HANDS: Final = N_("A key may be in other hands: {label}")
_ALARMS: Final[Mapping[str, tuple[str, str]]] = {
    "client_busy": (
        _IN_OTHER_HANDS,
        N_("It was used {count} times in an hour; its busiest hour of two weeks had {busiest}."),
    ),
    "client_second_machine": (_IN_OTHER_HANDS, N_("Another machine came with the same key.")),
    "client_stopped_key": (
        N_("A key that was stopped is still used: {label}"),
        N_("It opens nothing. Somebody still has it, perhaps the computer itself."),
    ),
    "client_other_department": (
        _IN_OTHER_HANDS,
        N_("It asked for another department, and got nothing."),
    ),
    "client_keys_guessed": (
        N_("Somebody guesses keys"),
        N_(
            "Over 50 keys that are none came from one address within ten minutes. It is held up, "
            "and has found nothing."
        ),
    ),
}
_OTHER_ALARM: Final = (_IN_OTHER_HANDS, N_("It was used in a way that it never was before."))
_REASONS: Final[Mapping[str, str]] = {
    "invalid_grant": N_("Google took the authorisation back"),
    "access_denied": N_("Google denies access by it"),
    "scope_missing": N_("It no longer covers Google Drive"),
    "no_refresh_token": N_("It has no refresh token"),
    "tampered": N_("It was cut or changed"),
    "wrong_owner": N_("It is another owner’s"),
    "superseded": N_("It was older than another one"),
}
_OTHER_REASON: Final = N_("Damaged: it cannot be read")
_ACTIONS: Final[Mapping[str, str]] = {
    "authorised": N_("Authorised"),
    "refreshed": N_("Token refreshed"),
    "denied": N_("Access denied"),
    "revoked": N_("Authorisation revoked"),
    "quarantined": N_("Put into quarantine"),
    "held": N_("Put on hold"),
    "confirmed": N_("An administrator said so"),
    "restored": N_("Restored"),
    "purged": N_("Purged"),
    "refused": N_("Document not believed"),
    "believed": N_("Plaintext believed"),
    "client_added": N_("Computer added"),
    "client_paired": N_("Computer paired"),
    "client_revoked": N_("Computer disabled"),
    "client_blocked": N_("Key blocked"),
    "client_unblocked": N_("Key unblocked"),
    "client_alarm": N_("Alarm about a key"),
    "client_dismissed": N_("Alarm dismissed"),
    "sheet_accepted": N_("Held sheet accepted"),
    "sheet_kept": N_("Held sheet left out"),
    "roster_asked": N_("Staff number given"),
    "roster_linked": N_("Linked to a roster"),
    "roster_refused": N_("Not linked to a roster"),
    "roster_unlinked": N_("Link to a roster ended"),
    "calendar_issued": N_("Calendar address made"),
    "calendar_revoked": N_("Calendar address revoked"),
}
_GROUPS: Final[Mapping[str, str]] = {
    "": N_("All but refreshes"),
    "all": N_("All"),
    "denied": N_("Access denied"),
    "quarantine": N_("Quarantine and hold"),
    "consent": N_("Authorised and revoked"),
    "clients": N_("Computers"),
    "sheets": N_("Sheets"),
    "refreshed": N_("Refreshes"),
}


class Said(NamedTuple):
    """About one kind of trouble."""

    title: Markup
    meaning: Markup


class Words:
    """In one language."""

    def __init__(self, texts: Texts) -> None:
        self._t = texts

    def incident(self, code: str, owners: int = 0) -> Said:
        """What an incident is, and what follows or is to be done.

        Args:
            owners: how many it is about.
        """
        if code == "on_hold":
            return self._on_hold(owners)
        return self._said(_INCIDENTS.get(code, _OTHER_INCIDENT))

    def lost(self, department: str) -> Said:
        """A department has no credential any more that can be used.

        Args:
            department: its name.
        """
        return self._said(_LOST, department=department)

    def sheet(self, line: SheetLine, department: str) -> Said:
        """A sheet that is not taken over as it stands.

        Args:
            department: its name.
        """
        t, words = self._t, SheetWords(self._t)
        named = {"department": department, "sheet": line.title}
        if line.state == "held" and line.held:
            title = t.tr("A version of “{department} {sheet}” waits for a decision", **named)
            gone = line.held[0]
            number = (
                words.number(line.what, gone.people) if gone.people else words.cells(gone.cells)
            )
            return Said(
                title,
                t.tr(
                    "It lacks {number}: an accident more often than a plan. What was read before "
                    "still counts.",
                    number=number,
                ),
            )
        if line.state == "fault" and line.fault is not None:
            title = t.tr("“{department} {sheet}” is not understood", **named)
            found = words.finding(line.fault).title
        else:
            title = t.tr("“{department} {sheet}” cannot be read", **named)
            found = words.trouble(line.trouble, is_lasting=line.is_lasting).title
        said = t.tr("{found}. What was read before still counts.", found=found)
        return Said(title, said if line.number is not None else t.tr("{found}.", found=found))

    def alarm(self, code: str, *, label: str, count: int, busiest: int) -> Said:
        """What makes one think that a computer's key is in other hands."""
        said = _ALARMS.get(code, _OTHER_ALARM)
        return self._said(said, label=label, count=count, busiest=busiest)

    def reason(self, code: str) -> Markup:
        """Why a credential was set aside, or is on hold."""
        return self._t.tr(_REASONS.get(code, _OTHER_REASON))

    def action(self, action: str) -> Markup:
        """What an entry of the audit trail tells of; "" of one that has no words yet."""
        return self._t.tr(_ACTIONS[action]) if action in _ACTIONS else Markup()

    def group(self, group: str) -> str:
        """What a filter of the audit trail lets through."""
        return self._t.label(_GROUPS[group])

    def _said(self, texts: tuple[str, str], **values: object) -> Said:
        title, meaning = texts
        return Said(self._t.tr(title, **values), self._t.tr(meaning, **values))

    def _on_hold(self, owners: int) -> Said:
        """By the rule of security/quarantine/policy.py, which may hold a single one."""
        t = self._t
        return Said(
            t.plural(
                "{number} credential is on hold: several failed within an hour",
                "{number} credentials are on hold: several failed within an hour",
                owners,
            ),
            t.tr(
                "Three or more failed, over a tenth of those tried: most likely a setting, or one "
                "Google account that several use. Where a setting is put right they go on by "
                "themselves. Where Google withdrew the authorisation they stay on hold until they "
                "are authorised again, or set aside."
            ),
        )
