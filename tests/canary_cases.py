"""Every command's cases, those that go well and those that do not: for the search for canaries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from tests.canary_troubles import (
    Trouble,
    backed_up,
    beside_a_bot,
    bot_runs,
    copies_damaged,
    cut,
    damaged,
    desk_is_a_link,
    fine,
    folders_are_files,
    forged,
    full,
    gone,
    gone_and_full,
    google_says,
    linked,
    moved,
    no_archive,
    sheet_held,
    sheet_read,
    sheet_whole,
    somebody_writes,
    swapped,
    with_tables,
)
from tests.service_accounts import TOKEN_URI


@dataclass(frozen=True)
class Case:
    """A command's line, what it says, and its exit code."""

    line: str
    code: int
    says: str = ""
    trouble: Trouble = fine
    settings: dict[str, str] = field(default_factory=dict)
    """STRANGER stands for a key nobody has used; MARK for a marked text, HOUSE for a folder."""
    kind: str = "encrypted"
    answer: str | None = None


ANOTHER_KEY: Final = {"TOKEN_ENCRYPTION_KEY": "STRANGER"}
SERVED: Final = {"PUBLIC_URL": "http://localhost:8080", "WEB_PORT": "8080"}
NO_KEY: Final = {"TOKEN_ENCRYPTION_KEY": ""}
WRONG_SECRET: Final = {"GOOGLE_CLIENT_SECRET": "GOCSPX-MARK"}
MALFORMED: Final = {
    **dict.fromkeys(("TOKEN_ENCRYPTION_KEY", "ADMIN_USER_IDS", "LOG_LEVEL", "WEB_PORT"), "MARK"),
    **{"GOOGLE_TOKEN_URI": "http://MARK.example/MARK", "DATABASE_URL": "mysql://MARK:MARK@MARK/"},
}
NO_ACCOUNT: Final = {"TANHAE_GOOGLE_SERVICE_ACCOUNT_JSON": ""}
ELSEWHERE: Final = (
    *("TELEGRAM_API_BASE_URL", "GOOGLE_API_ENDPOINT", "GOOGLE_AUTH_URI"),
    *("GOOGLE_TOKEN_URI", "GOOGLE_DEVICE_URI", "GOOGLE_REVOKE_URI"),
)
NOWHERE: Final = {**dict.fromkeys(ELSEWHERE, "http://127.0.0.1:9"), **NO_ACCOUNT}
NO_PROXY_THERE: Final = {
    **dict.fromkeys(ELSEWHERE, "https://nobody.test"),
    **NO_ACCOUNT,
    "HTTPS_PROXY": "http://MARK:MARK@127.0.0.1:9",
}
LOCAL_SERVER: Final = {
    "TELEGRAM_LOCAL_MODE": "true",
    "TELEGRAM_FILES_DIR": "/dev/null/MARK/MARK",
    "TELEGRAM_API_BASE_URL": "http://127.0.0.1:9",
}
DATABASE: Final = {"DATABASE_URL": "sqlite:///HOUSE/MARK/MARK.db"}
NO_SERVER: Final = {"DATABASE_URL": "mysql://MARK:MARK@127.0.0.1:9/MARK?tls=off"}
UNKNOWN_TLS: Final = {"DATABASE_URL": "mysql://MARK:MARK@MARK.example/MARK?ssl_ca=MARK"}
SOCKS: Final = {"HTTPS_PROXY": "socks5://MARK:MARK@MARK"}
NO_FOLDER: Final = {"USER_DATA_DIR": "/dev/null/MARK"}
TOO_LONG: Final = {"USER_DATA_DIR": f"MARK{'x' * 300}"}

NO_MENU: Final = {"XDG_DATA_HOME": "/dev/null/menu"}
SHEETS: Final = {
    "SHEETS_FILE": "ROSTERFILE",
    "TANHAE_GOOGLE_SERVICE_ACCOUNT_JSON": "READER",
}
"""A roster whose people are marked, and an account that may read it."""
FAULTY_SHEETS: Final = {"SHEETS_FILE": "FAULTYFILE"}

CASES: Final[dict[str, tuple[Case, ...]]] = {
    "version": (Case("version", 0, "drivekeeper"),),
    "keys generate": (Case("keys generate", 0, "="),),
    "keys check": (
        Case("keys check", 0, "documents need key"),
        Case("keys check", 1, "not configured", settings=ANOTHER_KEY),
        Case(
            "keys check",
            1,
            "plaintext",
            kind="plain",
            settings=ANOTHER_KEY | {"TOKEN_REQUIRE_ENCRYPTION": "true"},
        ),
    ),
    "keys rotate": (
        Case("keys rotate", 0, "under key"),
        Case("keys rotate --dry-run", 0, "dry run"),
        Case("keys rotate", 2, "no key", settings=NO_KEY),
        Case("keys rotate", 1, "", settings=ANOTHER_KEY),
        Case("keys rotate", 1, "", damaged),
        Case("keys rotate", 3, "Stopped", full),
    ),
    "clients add": (
        Case("clients add tanhae --label MARK", 0, "dkc_"),
        Case("clients add {town_id} --label Desk", 2, "no such department"),
        Case("clients add tanhae --label Desk", 2, "never kept in plaintext", settings=NO_KEY),
    ),
    "clients list": (
        Case("clients list", 0, "2 of departments' computers"),
        Case("clients list", 2, "is not there", settings=NO_FOLDER),
    ),
    "clients revoke": (
        Case("clients revoke {computer} --yes", 0, "revoked"),
        Case("clients revoke {computer}", 1, "Nothing was changed", answer="n\n"),
        Case("clients revoke {ann_id} --yes", 2, "no such computer"),
    ),
    "clients unblock": (
        Case("clients unblock {blocked}", 0, "active"),
        Case("clients unblock {computer}", 1, "not blocked"),
        Case("clients unblock {ann_id}", 2, "no such computer"),
    ),
    "desktop install": (
        Case("desktop install", 0, "is in the start menu"),
        Case("desktop install", 3, "was not changed", settings=NO_MENU),
    ),
    "desktop uninstall": (
        Case("desktop uninstall", 0, "was not in the start menu"),
        Case("desktop uninstall", 3, "was not changed", settings=NO_MENU),
    ),
    "desktop stop": (
        Case("desktop stop", 0, "does not run"),
        Case("desktop stop", 3, "another account's", desk_is_a_link),
    ),
    "console-link": (
        Case("console-link", 0, "/console/enter/", settings=SERVED),
        Case("console-link --revoke", 0, "Sessions ended: 0"),
        Case("console-link", 2, "PUBLIC_URL is not set", settings={"PUBLIC_URL": ""}),
        Case("console-link", 2, "TOKEN_ENCRYPTION_KEY is not set", settings=NO_KEY),
    ),
    "service-account encode": (
        Case(
            "service-account encode {key_file} --department tanhae",
            0,
            "_ACCOUNT_JSON=",
            settings={"GOOGLE_TOKEN_URI": TOKEN_URI},
        ),
        Case("service-account encode {key_file} --department tanhae", 2, "GOOGLE_TOKEN_URI"),
        Case("service-account encode {folder} --department tanhae", 2, "cannot be read"),
        Case("service-account encode {archive}.json --department tanhae", 2, "cannot be read"),
        Case("service-account encode {key_file} --department {ann_id}", 2, "--department"),
    ),
    "service-account check": (
        Case("service-account check", 0, "Share spreadsheets with"),
        Case("service-account check --online", 1, "does not accept the key"),
        Case("service-account check", 2, "JSON", settings=dict.fromkeys(NO_ACCOUNT, "MARK")),
        Case("service-account check", 3, "could not be looked up", settings=TOO_LONG),
    ),
    "sheets guess": (
        Case("sheets guess {spreadsheet}", 0, "[tanhae.roster]", sheet_whole, SHEETS),
        Case("sheets guess {ann_id}", 2, "neither the address"),
        Case("sheets guess {spreadsheet} --department {town_id}", 2, "--department"),
        Case("sheets guess {spreadsheet}", 3, "Not done"),
    ),
    "sheets check": (
        Case("sheets check", 0, "4 people", sheet_whole, SHEETS),
        Case("sheets check --offline", 0, "is in order", settings=SHEETS),
        Case("sheets check", 2, "line 2", settings=FAULTY_SHEETS),
        Case("sheets check", 2, "SHEETS_FILE is not set"),
        Case("sheets check", 3, "tanhae.roster", google_says("status", status=500), SHEETS),
    ),
    "sheets sync": (
        Case("sheets sync", 0, "fine", sheet_whole, SHEETS),
        Case("sheets sync tanhae.roster", 1, "held", sheet_held, SHEETS),
        Case("sheets sync {town_id}", 2, "no such sheet", settings=SHEETS),
        Case("sheets sync", 3, "Not done", full, SHEETS),
    ),
    "sheets list": (
        Case("sheets list", 0, "never", settings=SHEETS),
        Case("sheets list", 1, "held", sheet_held, SHEETS),
        Case("sheets list", 2, "line 2", settings=FAULTY_SHEETS),
    ),
    "sheets diff": (
        Case("sheets diff tanhae.roster", 0, "3 went", sheet_held, SHEETS),
        Case("sheets diff tanhae.roster", 1, "only one version", sheet_read, SHEETS),
        Case("sheets diff tanhae.roster", 2, "Nothing is kept", settings=SHEETS),
    ),
    "sheets accept": (
        Case("sheets accept tanhae.roster --yes", 0, "counts from now", sheet_held, SHEETS),
        Case("sheets accept tanhae.roster", 1, "", sheet_held, SHEETS, answer="n\n"),
        Case("sheets accept tanhae.roster", 2, "Nothing is kept", settings=SHEETS),
    ),
    "sheets links": (
        Case("sheets links", 0, "1 linked to a roster", linked),
        Case("sheets links", 3, "", linked, ANOTHER_KEY),
    ),
    "sheets unlink": (
        Case("sheets unlink {ann} --yes", 0, "not told", linked),
        Case("sheets unlink {ann} --yes", 1, "no such link"),
        Case("sheets unlink {ann_id} --yes", 2, "no mask"),
    ),
    "tokens encrypt": (
        Case("tokens encrypt --yes", 0, "plaintext", kind="plain", settings=ANOTHER_KEY),
        Case("tokens encrypt", 1, "Nothing was changed", kind="plain", settings=ANOTHER_KEY),
        Case("tokens encrypt", 2, "no key", kind="plain"),
        Case("tokens encrypt --yes", 3, "Stopped", full, kind="plain", settings=ANOTHER_KEY),
    ),
    "tokens decrypt": (
        Case("tokens decrypt --yes", 0, "Keep a copy of the key"),
        Case("tokens decrypt", 1, "Nothing was changed"),
        Case("tokens decrypt --yes", 3, "bot is running", bot_runs),
        Case("tokens decrypt", 2, "", settings={"TOKEN_REQUIRE_ENCRYPTION": "true"}),
        Case("tokens decrypt --yes", 1, "lacks its key", settings=ANOTHER_KEY),
        Case("tokens decrypt --yes", 3, "Stopped", full),
    ),
    "tokens list": (
        Case("tokens list", 0, "active"),
        Case("tokens list", 1, "unknown_client", settings={"GOOGLE_CLIENT_ID": "MARK"}),
        Case("tokens list", 1, "locked", settings=NO_KEY),
    ),
    "tokens show": (
        Case("tokens show {ann}", 0, "active"),
        Case("tokens show {dora}", 0, "invalid_grant"),
        Case("tokens show {dora}", 1, "wrong_owner", swapped),
        Case("tokens show {nobody}", 1),
        Case("tokens show {ann_id}", 2, "no mask"),
    ),
    "tokens verify": (
        Case("tokens verify", 0, ""),
        Case("tokens verify", 1, "wrong_owner", swapped, kind="plain"),
        Case("tokens verify", 1, "unknown_key", settings=ANOTHER_KEY),
    ),
    "tokens disconnect": (
        Case("tokens disconnect {ann} --yes", 0, "Disconnected"),
        Case("tokens disconnect {ann}", 1, "Nothing was changed", answer="n\n"),
        Case("tokens disconnect {nobody} --yes", 1, "Nothing was done"),
        Case("tokens disconnect {ann_id}", 2, "no mask"),
    ),
    "quarantine list": (
        Case("quarantine list", 0, "invalid_grant"),
        Case("quarantine list", 0, "unreadable", copies_damaged),
        Case("quarantine list", 0, "0 in quarantine", folders_are_files),
        Case("quarantine list", 2, "is not there", settings=NO_FOLDER),
        Case("quarantine list", 3, "too long", settings=TOO_LONG),
    ),
    "quarantine restore": (
        Case("quarantine restore {cleo}", 0, "generation"),
        Case("quarantine restore {dora}", 1, "superseded"),
        Case("quarantine restore {cleo}", 1, "unreadable", copies_damaged, kind="plain"),
        Case("quarantine restore {cleo}", 3, "lacks key", settings=ANOTHER_KEY),
        Case("quarantine restore {cleo}", 3, "data folder", full),
        Case("quarantine restore {cleo_id}", 2, "no such copy"),
    ),
    "quarantine purge": (
        Case("quarantine purge {cleo} --yes", 0),
        Case("quarantine purge {cleo}", 1, "Nothing was deleted", answer="n\n"),
        Case("quarantine purge {nobody} --yes", 2, "no such copy"),
    ),
    "maintenance run": (
        Case("maintenance run", 0, "refreshed"),
        Case("maintenance run", 0, "refreshed", bot_runs),
        Case("maintenance run --dry-run", 0, "refreshed"),
        Case("maintenance run", 1, "unavailable", google_says("status", status=503)),
        Case("maintenance run", 1, "not_json", google_says("html")),
        Case("maintenance run", 1, "unavailable", google_says("drop")),
        Case("maintenance run", 1, "invalid_request", google_says("oauth_error")),
        Case("maintenance run", 1, "unavailable", settings=NOWHERE),
        Case("maintenance run", 1, "unavailable", settings=NO_PROXY_THERE),
        Case("maintenance run", 2, "SOCKS", settings=SOCKS),
        Case("maintenance run", 1, "invalid_client", settings=WRONG_SECRET),
        Case("maintenance run", 1, "unknown_client", settings={"GOOGLE_CLIENT_ID": "MARK"}),
        Case("maintenance run", 1, "wrong_owner", swapped),
        Case("maintenance run", 3, "TOKEN_ENCRYPTION_KEY", settings=ANOTHER_KEY),
        Case("maintenance run", 3, "data folder", full),
        Case(
            "maintenance run",
            2,
            "",
            settings=dict.fromkeys(
                ("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET", "GOOGLE_OTHER_CLIENTS"), ""
            ),
        ),
    ),
    "audit": (
        Case("audit", 0, "authorised"),
        Case("audit --owner {ann}", 0, "authorised"),
        Case("audit --owner {ann_id}", 2, "no mask"),
        Case("audit --since {ann_id}", 2, "--since"),
        Case("audit --action {ann_id}", 2, "--action"),
        Case("audit", 0, "", damaged),
    ),
    "whois": (
        Case("whois {ann}", 0),
        Case("whois {town}", 0),
        Case("whois {nobody}", 1, "Nobody known"),
        Case("whois {ann}", 1, "Nobody known", settings={"LOG_MASK_KEY": "MARK"}),
        Case("whois {ann_id}", 2, "no mask"),
    ),
    "doctor": (
        Case(
            "doctor", 0, "agrees with Google", settings={"GOOGLE_OTHER_CLIENTS": "", **NO_ACCOUNT}
        ),
        Case("doctor --offline", 0, "all of them open"),
        Case("doctor", 1, "took no connection", settings=NOWHERE),
        Case("doctor", 1, "", settings=NO_PROXY_THERE),
        Case("doctor", 1, "TELEGRAM_FILES_DIR", settings=LOCAL_SERVER),
        Case("doctor", 1, "SOCKS", settings=SOCKS),
        Case("doctor", 1, "invalid_client", settings=WRONG_SECRET),
        Case(
            "doctor", 1, "TELEGRAM_BOT_TOKEN", settings={"TELEGRAM_BOT_TOKEN": "1234567:MARKMARK"}
        ),
        Case("doctor", 1, "does not speak", google_says("html")),
        Case("doctor", 1, "does not speak", google_says("status", status=400)),
        Case("doctor", 1, "broke the connection", google_says("drop")),
        Case("doctor --offline", 1, "settings", settings=MALFORMED),
        Case("doctor --offline", 1, "", folders_are_files),
    ),
    "db upgrade": (
        Case("db upgrade", 0, "1 change made", settings=DATABASE),
        Case("db upgrade", 2, "DATABASE_URL is not set"),
        Case("db upgrade", 2, "not known here", settings=UNKNOWN_TLS),
        Case("db upgrade", 2, "DATABASE_URL needs it", settings=DATABASE | NO_KEY),
        Case("db upgrade", 3, "cannot be reached", settings=NO_SERVER),
        Case("db upgrade", 3, "", full, DATABASE),
    ),
    "db check": (
        Case("db check", 0, "tried: locks", with_tables, DATABASE),
        Case("db check", 1, "upgrade` first", settings=DATABASE),
        Case("db check", 1, "cannot be reached", settings=NO_SERVER),
        Case("db check", 2, "DATABASE_URL is not set"),
    ),
    "tokens move": (
        Case("tokens move --to sql", 0, "in the database now", settings=DATABASE),
        Case("tokens move --to sql --dry-run", 0, "dry run", settings=DATABASE),
        Case("tokens move --to files", 0, "in the data folder now", moved, DATABASE),
        Case("tokens move --to files", 3, "nothing in the database", settings=DATABASE),
        Case("tokens move --to sql", 2, "DATABASE_URL is not set"),
        Case("tokens move --to sql", 3, "cannot be reached", settings=NO_SERVER),
        Case("tokens move --to sql", 3, "", bot_runs, DATABASE),
        Case("tokens move --to sql", 3, "", settings=DATABASE | ANOTHER_KEY),
        Case("tokens move --to sql", 3, "damaged id", damaged, DATABASE),
    ),
    "backup": (
        Case("backup {archive}", 0, "credentials"),
        Case("backup {archive}", 0, "credentials", somebody_writes),
        Case("backup {archive}", 3, "--force", backed_up),
        Case("backup {folder}/a.dkb", 3),
        Case("backup {folder}", 3),
        Case("backup {archive}/a.dkb", 3),
        Case("backup {archive}", 1, "unreadable", damaged),
        Case("backup {archive}", 1, "unknown_key", settings=ANOTHER_KEY),
        Case("backup {archive}", 3, "", full),
        Case("backup {archive}", 2, "TOKEN_BACKUP_KEY", settings={"TOKEN_BACKUP_KEY": ""}),
    ),
    "restore": (
        Case("restore {archive}", 0, "restored", gone),
        Case("restore {archive} --dry-run", 0, "", backed_up),
        Case("restore {archive} --rollback", 0, "", gone),
        Case("restore {archive} --rollback", 3, "stop it", beside_a_bot),
        Case("restore {archive}", 0, "Set when the archive was made", gone, {"LOG_LEVEL": ""}),
        Case(
            "restore {archive}", 3, "TOKEN_BACKUP_KEY", backed_up, {"TOKEN_BACKUP_KEY": "STRANGER"}
        ),
        Case("restore {archive}", 2, "plaintext", backed_up, NO_KEY),
        Case("restore {archive}", 3, "damaged", cut),
        Case("restore {archive}", 3, "damaged id", forged),
        Case("restore {archive}", 3, "no archive", no_archive),
        Case("restore {archive}", 3),
        Case("restore {folder}", 3),
        Case("restore {archive}", 3, "", gone_and_full),
    ),
}
ON_THEIR_OWN: Final = {"bot", "desktop", "run", "sandbox", "web"}
"""These run until they are stopped: a test each, below."""
