"""What each refusal of a route says: what happened, and what to do next."""

from __future__ import annotations

from typing import Final

from config.languages import N_
from web.site.texts import Texts

_TEXTS: Final[dict[str, tuple[str, str]]] = {
    "failed": (
        N_("Something is broken here"),
        N_("Nothing was changed. Try again; if it stays so, tell whoever runs this service."),
    ),
    "invalid_request": (
        N_("The request is not understood"),
        N_("“errors” says which field is wrong, and what is, where that can be said."),
    ),
    "not_found": (N_("There is nothing at this address"), N_("Check the address.")),
    "no_department": (
        N_("There is no such department"),
        N_("Use the slug or the name of a department as the settings have it."),
    ),
    "no_client": (
        N_("There is no such computer"),
        N_("The list of computers says which there are."),
    ),
    "wrong_key": (
        N_("The key of this computer is not known"),
        N_("Ask an administrator for a new pairing code, and pair this computer anew."),
    ),
    "key_revoked": (
        N_("The key of this computer was revoked"),
        N_("Ask an administrator for a new pairing code, and pair this computer anew."),
    ),
    "key_blocked": (
        N_("The key of this computer is blocked"),
        N_("It was used in an unusual way. Ask an administrator to look at it and unblock it."),
    ),
    "wrong_code": (
        N_("This pairing code is not known"),
        N_("It holds for ten minutes, once. Ask an administrator for a new one."),
    ),
    "other_department": (
        N_("This computer belongs to another department"),
        N_("Ask an administrator of the department for a pairing code of its own."),
    ),
    "token_not_allowed": (
        N_("The key of this computer gives no access tokens"),
        N_("Upload by an upload session, or ask an administrator for a key that gives tokens."),
    ),
    "administrators_only": (
        N_("This is for administrators"),
        N_("The key of a computer does not open it: sign in, and do it there."),
    ),
    "too_many_uploads": (
        N_("Too many uploads of this computer are unfinished"),
        N_("Send the bytes of those that were begun; each ends by itself after a week."),
    ),
    "not_permitted": (
        N_("This address takes other methods"),
        N_("The header Allow says which."),
    ),
    "wrong_host": (
        N_("This service has another address"),
        N_("Use the address that your administrator gave you."),
    ),
    "too_big": (
        N_("The request is too large"),
        N_("It may bring 64 kB at most. Files go to Google Drive directly, not through here."),
    ),
    "wrong_type": (
        N_("The request's form is not taken here"),
        N_("Send JSON, and say so: Content-Type: application/json."),
    ),
    "timeout": (
        N_("It took too long"),
        N_("Try again in a moment."),
    ),
    "unavailable": (
        N_("Not available just now"),
        N_("Nothing is lost. Try again in a moment."),
    ),
    "database_unreachable": (
        N_("The database does not answer"),
        N_("Nothing is lost, and it goes on by itself. Try again in a moment."),
    ),
    "rate_limited": (
        N_("Too many requests"),
        N_("Wait as long as the header Retry-After says."),
    ),
    "not_signed_in": (
        N_("Sign in first"),
        N_("Open a sign-in link: of the bot, where there is one, or of whoever runs this service."),
    ),
    "other_site": (
        N_("This did not come from this site's own page"),
        N_("Open the page anew, and try again there."),
    ),
    "not_connected": (
        N_("Nobody has authorised Google Drive for this department"),
        N_("Ask an administrator to do so on the page “Google services”."),
    ),
    "consent_required": (
        N_("Google Drive must be authorised for this department"),
        N_("Ask an administrator to do so on the page “Google services”."),
    ),
    "org_policy": (
        N_("The Google account's organisation does not allow it"),
        N_("Ask the administrator of that Google Workspace to allow this app."),
    ),
    "org_internal": (
        N_("The Google account is of another organisation"),
        N_("An administrator has to authorise an account of the right organisation."),
    ),
    "policy_forbidden": (
        N_("The Google account's organisation does not allow it"),
        N_("Ask the administrator of that Google Workspace to allow this app."),
    ),
    "quota_exceeded": (
        N_("The department's Google Drive is full"),
        N_("Delete what is not needed in it and empty its bin, or get more space; then try again."),
    ),
    "daily_limit": (
        N_("Google takes no more from this account today"),
        N_("Try again in some hours."),
    ),
    "too_many_items": (
        N_("The department's folder in Google Drive takes no more files"),
        N_("Move some of its files into another folder; then try again."),
    ),
    "too_deep": (
        N_("The department's folder lies too deep in Google Drive"),
        N_("Move it further up; then try again."),
    ),
    "folder_refused": (
        N_("Google Drive does not take the file into the department's folder"),
        N_("Move that folder to My Drive; then try again."),
    ),
    "too_large_for_drive": (
        N_("The file is too large for Google Drive"),
        N_("It takes files of 5 TB at most."),
    ),
    "drive_refused": (
        N_("Google Drive refuses it"),
        N_("Try again; if it stays so, tell whoever runs this service."),
    ),
    "not_json": (
        N_("Google did not answer as it should"),
        N_("Nothing is lost. Try again in a moment."),
    ),
    "other_file": (
        N_("Another file was announced by this Idempotency-Key"),
        N_("Use a new key for each file, and the same one to try again."),
    ),
    "no_upload": (
        N_("There is no such upload"),
        N_("This computer has not begun it, or it was two weeks ago. Begin it anew."),
    ),
    "no_sheet": (
        N_("There is no such sheet"),
        N_("Use the name that it has in the settings, such as “roster”."),
    ),
    "no_period": (
        N_("There is nothing of this month"),
        N_("The spreadsheet has no tab for it yet, or it was never looked at. Ask for another."),
    ),
    "no_version": (
        N_("There is no such version"),
        N_(
            "The list of versions says which there are; each is kept for 400 days. Before the "
            "first there is none to compare with."
        ),
    ),
    "no_person": (
        N_("There is nobody with this number"),
        N_("Numbers are as they stand in the sheet. Leave it out to see all."),
    ),
    "no_shifts": (
        N_("This sheet has no people’s duties"),
        N_("Ask for the sheet itself."),
    ),
    "no_calendar": (
        N_("There is no such calendar"),
        N_("It was revoked, or the address is not complete. Ask the bot for a new one: /duty"),
    ),
    "never_synced": (
        N_("This sheet was never read yet"),
        N_(
            "It is looked at every few minutes. If it stays so, ask an administrator: the page "
            "“Google services” says what is missing, and with which address to share it."
        ),
    ),
    "not_held": (
        N_("There is nothing to decide"),
        N_("Another version is held by now, or none any more. Look at the sheet again."),
    ),
    "other_kind": (
        N_("These two versions cannot be compared"),
        N_("The settings have made another kind of sheet of it in between. Choose later ones."),
    ),
    "personal": (
        N_("This may say something of single persons"),
        N_("It is for administrators alone: sign in, and open it there."),
    ),
    "locked": (
        N_("Somebody is at it just now"),
        N_("Try again in a moment."),
    ),
    "corrupt": (
        N_("What is kept of it cannot be read"),
        N_("It is read anew from the spreadsheet. Try again in some minutes."),
    ),
    "unknown_client": (
        N_("The Google client for this is not set up"),
        N_("Whoever runs this service has to set WEB_GOOGLE_CLIENT_ID and its secret."),
    ),
}
_OF_OPERATORS: Final = (
    N_("This service cannot do it just now"),
    N_("Nothing is lost. Whoever runs this service has been told."),
)


def title_of(code: str, texts: Texts) -> str:
    """What happened, in a few words. `code` is a result code."""
    return texts.label(_TEXTS.get(code, _OF_OPERATORS)[0])


def detail_of(code: str, texts: Texts) -> str:
    """What to do next."""
    return texts.label(_TEXTS.get(code, _OF_OPERATORS)[1])


def known_codes() -> frozenset[str]:
    """Of which there is something to say."""
    return frozenset(_TEXTS)
