"""What the console says about trouble, code by code: what it is, and what to do about it."""

from __future__ import annotations

from typing import NamedTuple

from markupsafe import Markup

from web.site.texts import Texts


class Said(NamedTuple):
    """About one kind of trouble."""

    title: Markup
    meaning: Markup


class Words:
    """In one language."""

    def __init__(self, texts: Texts) -> None:
        self._t = texts

    def incident(self, code: str) -> Said:
        """What an incident is, and what follows or is to be done."""
        return self._of_google(code) or self._of_storage(code) or self._of_bot(code)

    def _of_google(self, code: str) -> Said | None:
        t = self._t
        match code:
            case "on_hold":
                return Said(
                    t.tr("Many credentials went bad at once and are on hold"),
                    t.tr(
                        "Most likely a setting and not the accounts. Look at what changed in the "
                        "last hour; once that is put right they are released by themselves."
                    ),
                )
            case "unavailable":
                return Said(
                    t.tr("Google does not answer"),
                    t.tr(
                        "Nothing is lost: everything is tried again by itself. If it lasts, "
                        "<code>drivekeeper doctor</code> shows whether this machine reaches Google."
                    ),
                )
            case "invalid_client" | "unauthorized_client":
                return Said(
                    t.tr("Google refuses this service’s OAuth client"),
                    t.tr(
                        "Nobody’s token can be refreshed, and no credential is lost. Compare "
                        "GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET with the Google Cloud console, "
                        "then restart."
                    ),
                )
            case "deleted_client":
                return Said(
                    t.tr("The OAuth client was deleted at Google"),
                    t.tr(
                        "Restore it in the Google Cloud console within 30 days, and restart. With "
                        "a new client everybody would have to authorise again."
                    ),
                )
            case "unknown_client":
                return Said(
                    t.tr("Credentials of an OAuth client that is not configured"),
                    t.tr(
                        "Put the earlier client into GOOGLE_OTHER_CLIENTS, and restart. The "
                        "credentials stay as they are."
                    ),
                )
            case "invalid_request":
                return Said(
                    t.tr("Google does not understand this service’s requests"),
                    t.tr("<code>drivekeeper doctor</code> says more. No credential is lost."),
                )
            case "api_not_found" | "api_disabled":
                return Said(
                    t.tr("Google Drive’s interface is not there for this project"),
                    t.tr(
                        "Files do not reach Drive. Enable the Google Drive API in the Google Cloud "
                        "console, and look at GOOGLE_API_ENDPOINT if it is set."
                    ),
                )
        return None

    def _of_storage(self, code: str) -> Said | None:
        t = self._t
        match code:
            case "key_missing" | "unknown_key":
                return Said(
                    t.tr("Stored credentials cannot be decrypted: a key is missing"),
                    t.tr(
                        "Put the missing key behind the others in TOKEN_ENCRYPTION_KEY, and "
                        "restart. <code>drivekeeper keys check</code> shows its fingerprint."
                    ),
                )
            case "unknown_envelope":
                return Said(
                    t.tr("Stored credentials were written by a newer version"),
                    t.tr("Install that version again. They stay as they are meanwhile."),
                )
            case "plaintext_refused":
                return Said(
                    t.tr("Documents in plaintext are not believed"),
                    t.tr(
                        "Find out who put them there. If they are yours, <code>drivekeeper tokens "
                        "encrypt</code> lists them and asks."
                    ),
                )
            case "wrong_document" | "older_generation":
                return Said(
                    t.tr("Stored documents were moved, or old ones have come back"),
                    t.tr(
                        "None of them is used. <code>drivekeeper audit --action refused</code> "
                        "says whose they are, and when they were met."
                    ),
                )
            case "store_failed" | "updates_not_saved":
                return Said(
                    t.tr("Data cannot be read or written"),
                    t.tr(
                        "No token is refreshed that could not be saved, so none is lost. Is the "
                        "disk full, read-only, or somebody else’s? It needs no restart."
                    ),
                )
            case "database_unreachable":
                return Said(
                    t.tr("The database did not answer"),
                    t.tr("Nothing is lost; it is tried again by itself, and needs no restart."),
                )
            case "database_untrusted":
                return Said(
                    t.tr("The connection to the database is not private"),
                    t.tr(
                        "It must offer TLS with a certificate that is valid for its host. "
                        "<code>drivekeeper doctor</code> says what is wrong with it."
                    ),
                )
            case "database_refused":
                return Said(
                    t.tr("The database refuses this service’s account"),
                    t.tr("Look at the user, the password and the name in DATABASE_URL."),
                )
            case "clock_skew":
                return Said(
                    t.tr("A machine’s clock is wrong"),
                    t.tr(
                        "All go by the database’s clock, so nothing is refreshed wrongly. Let NTP "
                        "set that machine’s; the processes show which one it is."
                    ),
                )
        return None

    def _of_bot(self, code: str) -> Said:
        t = self._t
        match code:
            case "failed":
                return Said(
                    t.tr("The sweeps over the credentials fail"),
                    t.tr(
                        "Tokens are refreshed only when somebody needs them. Look for "
                        "<code>sweep_failed</code> in the logs and report it; a restart may help."
                    ),
                )
            case "update_set_aside":
                return Said(
                    t.tr("A message that crashed the bot three times is no longer tried"),
                    t.tr("Its sender got no answer; everybody else is served. Please report it."),
                )
            case "service_key_old":
                return Said(
                    t.tr("A service account’s key should be replaced"),
                    t.tr(
                        "It has been here for 90 days or longer. Nothing has stopped; "
                        "docs/service-accounts.md says how it is replaced."
                    ),
                )
            case "local_file_unreadable":
                return Said(
                    t.tr("Files of the local Bot API server cannot be read"),
                    t.tr("Look at TELEGRAM_FILES_DIR, and whom the folder belongs to."),
                )
        return Said(
            t.tr("Something in the set-up is wrong"),
            t.tr("<code>drivekeeper doctor</code> names it. No credential is lost."),
        )

    def alarm(self, code: str, *, label: str, count: int, busiest: int) -> Said:
        """What makes one think that a computer's key is in other hands."""
        t, title = self._t, self._t.tr("A key may be in other hands: {label}", label=label)
        match code:
            case "client_busy":
                return Said(
                    title,
                    t.tr(
                        "It was used {count} times in an hour; its busiest hour of two weeks had "
                        "{busiest}.",
                        count=count,
                        busiest=busiest,
                    ),
                )
            case "client_second_machine":
                return Said(title, t.tr("Another machine came with the same key."))
            case "client_stopped_key":
                return Said(
                    t.tr("A key that was stopped is still used: {label}", label=label),
                    t.tr("It opens nothing. Somebody still has it, perhaps the computer itself."),
                )
            case "client_other_department":
                return Said(title, t.tr("It asked for another department, and got nothing."))
            case "client_keys_guessed":
                return Said(
                    t.tr("Somebody guesses keys"),
                    t.tr(
                        "Over 50 keys that are none came from one address within ten minutes. It "
                        "is held up, and has found nothing."
                    ),
                )
        return Said(title, t.tr("It was used in a way that it never was before."))

    def reason(self, code: str) -> Markup:
        """Why a credential was set aside, or is on hold."""
        t = self._t
        texts = {
            "invalid_grant": t.tr("Google took the authorisation back"),
            "access_denied": t.tr("Google denies access by it"),
            "scope_missing": t.tr("It no longer covers Google Drive"),
            "no_refresh_token": t.tr("It has no refresh token"),
            "tampered": t.tr("It was cut or changed"),
            "wrong_owner": t.tr("It is another owner’s"),
            "superseded": t.tr("It was older than another one"),
        }
        return texts.get(code, t.tr("Damaged: it cannot be read"))

    def action(self, action: str) -> Markup:
        """What an entry of the audit trail tells of; "" of one that has no words yet."""
        t = self._t
        texts = {
            "authorised": t.tr("Authorised"),
            "refreshed": t.tr("Token refreshed"),
            "denied": t.tr("Access denied"),
            "revoked": t.tr("Authorisation revoked"),
            "quarantined": t.tr("Put into quarantine"),
            "held": t.tr("Put on hold"),
            "confirmed": t.tr("An administrator said so"),
            "restored": t.tr("Restored"),
            "purged": t.tr("Purged"),
            "refused": t.tr("Document not believed"),
            "believed": t.tr("Plaintext believed"),
            "client_added": t.tr("Computer added"),
            "client_paired": t.tr("Computer paired"),
            "client_revoked": t.tr("Computer disabled"),
            "client_blocked": t.tr("Key blocked"),
            "client_unblocked": t.tr("Key unblocked"),
            "client_alarm": t.tr("Alarm about a key"),
            "client_dismissed": t.tr("Alarm dismissed"),
        }
        return texts.get(action, Markup())

    def group(self, group: str) -> str:
        """What a filter of the audit trail lets through."""
        t = self._t
        return {
            "": t.label("All but refreshes"),
            "all": t.label("All"),
            "denied": t.label("Access denied"),
            "quarantine": t.label("Quarantine and hold"),
            "consent": t.label("Authorised and revoked"),
            "clients": t.label("Computers"),
            "refreshed": t.label("Refreshes"),
        }[group]
