"""What administrators are told about trouble, code by code: what it is, and what to do."""

from __future__ import annotations

from bot.texts.catalogue import Html, Texts


def title(code: str, t: Texts) -> str:
    """The trouble in a few words."""
    texts = {
        "on_hold": t.tr("Many credentials went bad at once and are on hold"),
        "unavailable": t.tr("Google does not answer"),
        "failed": t.tr("The sweeps over the credentials fail"),
        **dict.fromkeys(
            ("invalid_client", "unauthorized_client", "deleted_client"),
            t.tr("Google refuses this bot's OAuth client"),
        ),
        "unknown_client": t.tr("Credentials of an OAuth client that is not configured"),
        "invalid_request": t.tr("Google refuses this bot's requests"),
        **dict.fromkeys(
            ("key_missing", "unknown_key"),
            t.tr("Stored credentials cannot be decrypted: a key is missing"),
        ),
        "unknown_envelope": t.tr("Stored credentials were written by a newer version"),
        "plaintext_refused": t.tr("Documents in plaintext are not believed"),
        "wrong_document": t.tr("Stored documents were moved under other names"),
        "older_generation": t.tr("Old documents have come back"),
        "store_failed": t.tr("The bot's data cannot be read or written"),
        "database_unreachable": t.tr("The database does not answer"),
        "database_untrusted": t.tr("The connection to the database is not private"),
        "database_refused": t.tr("The database refuses this bot's account"),
        "clock_skew": t.tr("This machine's clock and the database's differ"),
        "updates_not_saved": t.tr("Messages cannot be written down, and wait at Telegram"),
        "update_set_aside": t.tr("A message that crashed the bot three times is no longer tried"),
        "api_not_found": t.tr("There is no Google Drive at the address in GOOGLE_API_ENDPOINT"),
        "api_disabled": t.tr("The Google Drive API is not enabled in the Cloud project"),
        "local_file_unreadable": t.tr("Files of the local Bot API server cannot be read"),
        "service_key_old": t.tr("A service account's key should be replaced"),
        "sheet_stopped": t.tr("A department's spreadsheet is not taken over as it stands"),
    }
    return texts.get(code, t.tr("Something in this bot's set-up is wrong"))


def meaning(code: str, t: Texts) -> str:
    """What it means for people."""
    texts = {
        "on_hold": t.tr(
            "Within an hour so many credentials stopped working that it looks like a fault of "
            "the configuration rather than of their owners. They stay on hold until you set "
            "them aside or they work again. All others go on being refreshed."
        ),
        "unavailable": t.tr(
            "Access tokens cannot be refreshed, and uploads wait or fail. Nobody's credential "
            "is lost: I try again by myself, with growing pauses."
        ),
        "failed": t.tr(
            "Each ends with an error nobody expected, which is a defect of the program. "
            "Credentials are refreshed only when somebody needs them."
        ),
        **dict.fromkeys(
            ("store_failed", "database_unreachable", "database_untrusted", "database_refused"),
            t.tr(
                "No token is refreshed as long as a new one could not be saved. Nobody's "
                "credential is lost."
            ),
        ),
        "clock_skew": t.tr(
            "By more than five seconds. I go by the database's, as all processes do, so nothing is "
            "refreshed wrongly; but the times in the logs are wrong, and connections to Google "
            "fail if it grows to hours."
        ),
        "updates_not_saved": t.tr(
            "Before I take a message from Telegram I write it down, so that none is lost; just "
            "now that fails. Nobody is answered meanwhile. Telegram keeps everything for 24 hours, "
            "and I try again by myself."
        ),
        "update_set_aside": t.tr(
            "Each time I began to handle it, the process ended, which is a defect of the "
            "program. It is not tried again, and its sender got no answer; everybody else is "
            "served."
        ),
        **dict.fromkeys(
            ("api_not_found", "api_disabled"),
            t.tr(
                "Nobody's files reach Drive, and nobody can connect. Whoever sent one was told, "
                "and can try again by a button."
            ),
        ),
        "local_file_unreadable": t.tr(
            "The server has them, and this bot may not read them, so nobody's files reach "
            "Drive. Whoever sent one was told so, and can try again by a button."
        ),
        "service_key_old": t.tr(
            "It has been here for 90 days or longer. Nothing has stopped: it opens a department's "
            "spreadsheets as before. But whoever has got hold of a copy of it can read them too, "
            "until it is deleted at Google."
        ),
        "sheet_stopped": t.tr(
            "It cannot be read, something in it is wrong, or over half of it has gone, which is "
            "held until you accept it. What was read last goes on counting; nobody's roster is "
            "emptied."
        ),
        **dict.fromkeys(
            ("plaintext_refused", "wrong_document", "older_generation"),
            t.tr(
                "Somebody may have changed the bot's data, in the data folder or the database. "
                "None of these is used: it is as if their owners had none, or they cannot upload "
                "for now. Everybody else is served as usual."
            ),
        ),
        **dict.fromkeys(
            ("key_missing", "unknown_key", "unknown_envelope"),
            t.tr(
                "Their owners cannot upload for now. The files stay as they are, and everybody "
                "else is served as usual."
            ),
        ),
    }
    return texts.get(
        code,
        t.tr(
            "Access tokens cannot be refreshed, so the owners affected cannot upload for now. "
            "Nobody's credential is lost, and nobody has to connect again."
        ),
    )


def what_to_do(said: str, t: Texts) -> str:
    """Before it, what it is."""
    return t.tr("<b>What to do:</b> {what}", what=Html(said))


def remedy(code: str, t: Texts) -> str:
    """What to do, down to the setting or command."""
    texts = {
        "on_hold": t.tr(
            "look at what changed in the last hour: GOOGLE_CLIENT_ID and "
            "GOOGLE_CLIENT_SECRET, the project in the Google Cloud console (is its app still "
            "in testing?), the data folder or the database. Put that right, and they are "
            "released by themselves. If they really are lost, set them aside: their owners are "
            "then asked to connect again."
        ),
        "unavailable": t.tr(
            "usually nothing but wait. If it lasts, run <code>drivekeeper doctor</code>: it "
            "shows whether this machine reaches Google (network, DNS, proxy, firewall)."
        ),
        "failed": t.tr(
            "look for <code>sweep_failed</code> in the logs and report it. A restart may help."
        ),
        **dict.fromkeys(
            ("invalid_client", "unauthorized_client"),
            t.tr(
                "check GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET (and GOOGLE_OTHER_CLIENTS) "
                "against the Google Cloud console, then restart. "
                "<code>drivekeeper doctor</code> tries them."
            ),
        ),
        "deleted_client": t.tr(
            "restore the client in the Google Cloud console, which keeps it for 30 days, and "
            "restart: then everybody is tried at once. With a new client everybody would have "
            "to connect again."
        ),
        "unknown_client": t.tr(
            "put the earlier client into GOOGLE_OTHER_CLIENTS as <code>id:secret</code>, and "
            "restart. <code>drivekeeper tokens verify</code> counts who needs it."
        ),
        "invalid_request": t.tr(
            "run <code>drivekeeper doctor</code>, and look for the code in the logs."
        ),
        **dict.fromkeys(
            ("key_missing", "unknown_key"),
            t.tr(
                "put the missing key behind the others in TOKEN_ENCRYPTION_KEY, and restart. "
                "<code>drivekeeper keys check</code> shows its fingerprint."
            ),
        ),
        "clock_skew": t.tr(
            "let NTP set the clock of this machine (<code>timedatectl</code> tells whether it "
            "does), or that of the database's server if it is the wrong one. It needs no restart."
        ),
        "unknown_envelope": t.tr(
            "install the newer version again, or restore a backup made before it."
        ),
        "plaintext_refused": t.tr(
            "find out who put them there. If they are yours (a key was set lately, a backup "
            "was copied back), <code>drivekeeper tokens encrypt</code> lists them and asks. "
            "If not, delete them."
        ),
        **dict.fromkeys(
            ("wrong_document", "older_generation"),
            t.tr(
                "find out who moved or brought back files in the data folder, or rows in the "
                "database: <code>drivekeeper audit --action refused</code> says whose, and when. "
                "After putting a copy or a dump back by hand, restart."
            ),
        ),
        "update_set_aside": t.tr(
            "look for what the logs say just before the last starts, and report it. The "
            "message is kept for a day, and then deleted."
        ),
        "service_key_old": t.tr(
            "<code>drivekeeper service-account check</code> says whose it is. Make a new key in "
            "the Google Cloud console, set it, restart, and delete the old one there: "
            "docs/service-accounts.md goes through it."
        ),
        "sheet_stopped": t.tr(
            "<code>drivekeeper sheets list</code> says which one and why: docs/sheets.md."
        ),
        "api_not_found": t.tr(
            "put GOOGLE_API_ENDPOINT right, or leave it and the other addresses of Google "
            "out, and restart. The next file ends this alert."
        ),
        "api_disabled": t.tr(
            "enable the Google Drive API in the Google Cloud console (APIs &amp; Services, "
            "Library). It takes a few minutes; the next file ends this alert."
        ),
        "local_file_unreadable": t.tr(
            "let TELEGRAM_FILES_DIR be the server's working folder, shared with this bot under "
            "the same path, and run both as the same user. The next file that can be read "
            "ends this alert."
        ),
        "database_unreachable": t.tr(
            "is the database running, and can this machine reach it? I try again by myself; it "
            "needs no restart."
        ),
        "database_untrusted": t.tr(
            "the database must offer TLS with a certificate that is valid for its host. "
            "<code>drivekeeper doctor</code> says what is wrong with it; an authority of your own "
            "is named in DATABASE_CA."
        ),
        "database_refused": t.tr(
            "look at the user, the password and the database's name in DATABASE_URL, and at what "
            "the account may do. <code>drivekeeper doctor</code> says what is missing."
        ),
        **dict.fromkeys(
            ("store_failed", "updates_not_saved"),
            t.tr(
                "look at USER_DATA_DIR, or at the database where DATABASE_URL is set: is the disk "
                "full, is it read-only, does it belong to another user? <code>drivekeeper "
                "doctor</code> says which. It needs no restart."
            ),
        ),
    }
    return texts.get(code, t.tr("run <code>drivekeeper doctor</code>: it names what is wrong."))


def reason(code: str, t: Texts) -> str:
    """Why a credential was condemned."""
    texts = {
        "invalid_grant": t.tr("Google no longer accepts it"),
        "access_denied": t.tr("Google denies access by it"),
        "scope_missing": t.tr("it no longer covers Google Drive"),
        "no_refresh_token": t.tr("it has no refresh token"),
        "tampered": t.tr("it was cut or changed"),
        "wrong_owner": t.tr("it is another owner's file"),
        "superseded": t.tr("it was older than another one"),
    }
    return texts.get(code, t.tr("it cannot be read"))


def over(code: str, lasted: str, t: Texts) -> str:
    """That it has ended.

    Args:
        lasted: for how long it went on, in words.
    """
    texts = {
        "on_hold": t.tr("Nothing is on hold any more. It lasted {duration}.", duration=lasted),
        "service_key_old": t.tr("No key that old is set any more."),
        "sheet_stopped": t.tr("All spreadsheets are taken over again."),
    }
    return texts.get(code, t.tr("Everything works again. It lasted {duration}.", duration=lasted))
