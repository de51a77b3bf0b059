"""Values of settings: exactly their form, or refused in a sentence of ours, wherever from."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from config import Settings, SettingsError, load_settings
from tests.service_accounts import encoded
from tests.test_config import KEY, NEEDED, OTHER_KEY, TOKEN, faults, load

SPELT_OTHERWISE = base64.b64encode(b"\xfb\xff" + bytes(30)).decode()
URL_SAFE = SPELT_OTHERWISE.replace("+", "-").replace("/", "_")
NAMES = sorted({name.upper() for name in Settings.model_fields} - {"SERVICE_ACCOUNTS"})

OTHER_SLUG = "has a slug that is none: at most 31 small letters (a-z) and digits, a letter first"
NO_PAIR = "must be id:secret, and one of them is not a client's secret (one word, such as GOCSPX-…)"
REFUSED = [
    # Keys with anything else between them than commas, blanks and line ends; comments
    ("TOKEN_ENCRYPTION_KEY", f"{KEY};{OTHER_KEY}", "entry 1 is not a Fernet key"),
    ("TOKEN_ENCRYPTION_KEY", f"{KEY} # mine", "each of the entries 2 and 3 is not a Fernet key"),
    ("TOKEN_ENCRYPTION_KEY", f"{KEY}{OTHER_KEY}", "entry 1 is not a Fernet key"),
    ("TOKEN_ENCRYPTION_KEY", KEY.rstrip("="), "entry 1 is not a Fernet key"),
    ("TOKEN_ENCRYPTION_KEY", f"{KEY},{KEY[:-1]}é", "entry 2 is not a Fernet key"),
    ("TOKEN_BACKUP_KEY", f"{OTHER_KEY}|{KEY}", "entry 1 is not a Fernet key"),
    ("TOKEN_ENCRYPTION_KEY", ",", "holds separators alone"),
    ("TOKEN_BACKUP_KEY", " , ,", "holds separators alone"),
    # Of several variables put together, none of which was set
    ("ALLOWED_USER_IDS", ",", "holds separators alone"),
    ("ADMIN_USER_IDS", " , ", "holds separators alone"),
    ("ALLOWED_CHAT_IDS", ",,", "holds separators alone"),
    ("GOOGLE_OTHER_CLIENTS", ",", "holds separators alone"),
    ("DEPARTMENTS", ",", "holds separators alone"),
    # Clients
    ("GOOGLE_OTHER_CLIENTS", "canary:b:c", "entry 1 must be id:secret"),
    ("GOOGLE_OTHER_CLIENTS", "a:b;canary:d", "entry 1 must be id:secret"),
    ("TELEGRAM_BOT_TOKEN", f"{'9' * 5000}:{'a' * 35}", "is not a bot token"),
    # Paths with what only a shell, or systemd, replaces
    ("USER_DATA_DIR", "$HOME/canary", "must be a path as it is"),
    ("USER_DATA_DIR", "%h/canary", "must be a path as it is"),
    ("USER_DATA_DIR", "file:///canary", "must be a path as it is"),
    ("USER_DATA_DIR", "/srv/canary\x1b[2J", "must be a path as it is"),
    # Ids
    ("ALLOWED_USER_IDS", "501,canary", "entry 2 is not the Telegram ID of a person"),
    ("ALLOWED_USER_IDS", "501;502", "entry 1 is not the Telegram ID of a person"),
    ("ALLOWED_USER_IDS", "@canary", "entry 1 is not the Telegram ID of a person"),
    ("ALLOWED_USER_IDS", "-1001234567890", "entry 1 is not the Telegram ID of a person"),
    ("ALLOWED_USER_IDS", "0", "entry 1 is not the Telegram ID of a person"),
    ("ALLOWED_USER_IDS", "5_0_1", "entry 1 is not the Telegram ID of a person"),
    ("ALLOWED_USER_IDS", "501.0", "entry 1 is not the Telegram ID of a person"),
    ("ALLOWED_USER_IDS", "５０１", "entry 1 is not the Telegram ID of a person"),
    ("ALLOWED_USER_IDS", "9" * 30, "entry 1 is not the Telegram ID of a person"),
    ("ADMIN_USER_IDS", "[501]", "entry 1 is not the Telegram ID of a person"),
    ("ALLOWED_CHAT_IDS", "-100123,1001234567890", "entry 2 is not the Telegram ID of a group"),
    # Numbers and words
    ("WEB_PORT", "8080 # mine", "must be a whole number from 0 to 65535"),
    ("WEB_PORT", "8_080", "must be a whole number from 0 to 65535"),
    ("WEB_PORT", "8080.0", "must be a whole number from 0 to 65535"),
    ("UPLOADS_AT_ONCE", "65", "must be a whole number from 1 to 64"),
    ("UPLOADS_PER_USER", "1e9", "must be a whole number from 1 to 100000"),
    ("TOKEN_MAINTENANCE_INTERVAL_MINUTES", "inf", "must be a number from 0 to 100000"),
    ("TOKEN_MAINTENANCE_INTERVAL_MINUTES", "999999999", "must be a number from 0 to 100000"),
    ("TOKEN_MAINTENANCE_TIMEOUT_SECONDS", "0", "must be a number more than 0 and at most 3600"),
    ("TOKEN_IDLE_AFTER_DAYS", "99999999", "must be a number from 0 to 36500"),
    ("TELEGRAM_LOCAL_MODE", "truee", "must be true or false"),
    ("GOOGLE_OAUTH_FLOW", "web", "must be device, callback or paste"),
    ("LOG_LEVEL", "TRACE", "must be DEBUG, INFO, WARNING or ERROR"),
    ("LOG_FORMAT", "text", "must be json or console"),
    ("LOG_MASK_KEY", "k", "must have 12 characters or more"),
    # Addresses
    ("TELEGRAM_API_BASE_URL", "http://127.0.0.1:8081/bot", "must end before /bot"),
    ("TELEGRAM_API_BASE_URL", "https://api.telegram.org/bot/", "must end before /bot"),
    ("TELEGRAM_API_BASE_URL", f"https://api.telegram.org/bot{TOKEN}", "must end before /bot"),
    ("TELEGRAM_API_BASE_URL", "https://api.telegram.org/file/bot", "must end before /bot"),
    ("TELEGRAM_API_BASE_URL", "https://api.tele gram.org", "must be an address"),
    ("PUBLIC_URL", "https://x.example/api/auth/google/callback", "must end before /api/auth"),
    ("TELEGRAM_API_BASE_URL", "http://134744072", "must be an address"),
    ("TELEGRAM_API_BASE_URL", "http://0x8080808", "must be an address"),
    ("TELEGRAM_API_BASE_URL", "https://canary..example", "must be an address"),
    ("TELEGRAM_API_BASE_URL", f"https://{'c' * 64}.example", "must be an address"),
    ("TELEGRAM_API_BASE_URL", "https://ex%41mple.com", "must be an address"),
    ("PUBLIC_URL", "https://.", "must be an address"),
    ("PUBLIC_URL", "https://x.example?", "must be a plain address"),
    ("PUBLIC_URL", "https://x.example/#", "must be a plain address"),
    ("PUBLIC_URL", "https://@x.example", "must be a plain address"),
    ("PUBLIC_URL", "https://x.example/{slug}", "must have a path of plain characters"),
    ("PUBLIC_URL", "https://x.example\\@evil.example", "must be an address"),
    ("WEB_HOST", "0.0.0.0:8080", "must be an address such as 127.0.0.1 or ::"),
    ("WEB_HOST", "http://0.0.0.0", "must be an address such as 127.0.0.1 or ::"),
    ("METRICS_HOST", "300.1.1.1", "must be an address such as 127.0.0.1 or ::"),
    ("USER_DATA_DIR", "~nobody-of-that-name/dk", "begins with ~"),
    # Google's client
    ("GOOGLE_CLIENT_ID", "GOCSPX-canary", "is a client's secret"),
    ("GOOGLE_CLIENT_ID", "me@example.com", "is not a client's id"),
    ("GOOGLE_CLIENT_ID", "https://console.cloud.google.com", "is not a client's id"),
    ("GOOGLE_CLIENT_SECRET", "1-a.apps.googleusercontent.com", "is a client's id"),
    ("GOOGLE_CLIENT_SECRET", "GOCSPX-a # mine", "is not a client's secret"),
    ("GOOGLE_OTHER_CLIENTS", "a:b,canary", "entry 2 must be id:secret"),
    ("GOOGLE_OTHER_CLIENTS", "a:b;c:d,GOCSPX-x:c", "entry 1 must be id:secret"),
    ("DEPARTMENTS", "tanhae=淡海，anping=安坑", "entry 1 must be slug=name"),
    ("DEPARTMENTS", "tanhae=淡海,Anping=安坑", "entry 2 has a slug that is none: at most 31 small"),
    (
        "DEPARTMENTS",
        "Tan=淡海,anping",
        f"entry 1 {OTHER_SLUG}; entry 2 must be slug=name, such as tanhae=淡海",
    ),
    ("DEPARTMENTS", "Tan=淡海,b=b,An=安坑", "each of the entries 1 and 3 has a slug"),
    ("ALLOWED_USER_IDS", "canary,502,@canary,0", "each of the entries 1, 3 and 4 is not the Teleg"),
    ("TOKEN_ENCRYPTION_KEY", f"canary,{KEY},canary", "each of the entries 1 and 3 is not a Fernet"),
    (
        "GOOGLE_OTHER_CLIENTS",
        "a:b,canary,c:d:e",
        f"entry 2 {NO_PAIR}; entry 3 must be id:secret (pairs are",
    ),
    ("NO_PROXY", "localhost,exa mple.org*,10.", "each of the entries 3 and 4 is not understood"),
    ("DEPARTMENTS", "tanhae=淡海,tanhae=安坑", "entry 2 has a slug that stands there already"),
    # Departments' computers
    ("CLIENT_ALARM", "canary", "must be report or block"),
    ("TRUSTED_PROXY_HOPS", "11", "must be a whole number from 0 to 10"),
    ("TRUSTED_PROXY_HOPS", "-1", "must be a whole number from 0 to 10"),
    ("ALERT_WEBHOOK_URL", "http://hooks.example/canary", "must begin with https://"),
    ("ALERT_WEBHOOK_URL", "ftp://hooks.example/canary", "must be an address"),
    ("ALERT_WEBHOOK_URL", "https://me:canary@hooks.example", "must be a plain address"),
    ("ALERT_WEBHOOK_URL", "https://hooks.example/a#canary", "must be a plain address"),
    ("ALERT_WEBHOOK_URL", "https://hooks.example/a?b=c#canary", "must be an address"),
    ("ALERT_WEBHOOK_URL", "https://hooks.example/a?b=c canary", "must be an address"),
]


@pytest.mark.parametrize(("name", "value", "reason"), REFUSED)
def test_a_value_of_another_form_is_refused_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, value: str, reason: str
) -> None:
    """The same one from the environment and from the file; which entry of a list is said."""
    monkeypatch.delenv(name, raising=False)
    found = faults(monkeypatch, **(NEEDED | {name: value}))
    assert {*found} == {name}
    assert found[name].startswith(reason)


GARBAGE = ("canary'", "${HOME}/x", '"5"', "é€", "{}", "[1", "nan", "-", "=", " , ; ", "x" * 5000)


@pytest.mark.parametrize("value", GARBAGE)
def test_every_fault_is_in_our_words(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """Never a library's, never the value, each variable once."""
    for name in NAMES:
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        load_settings(env_file=None)
    lines = caught.value.faults
    assert len(lines) > len(NAMES) / 2
    assert len({line.partition(":")[0] for line in lines}) == len(lines)
    assert not any("Input should" in line or "Value error" in line for line in lines)
    assert not any(value in line for line in lines if len(value) > 2)


@pytest.mark.parametrize(
    ("value", "reason"),
    [("${HOME}/dk", "holds ${…}"), ('"true"', "stands in quotes"), ("'5'", "stands in quotes")],
)
def test_what_nobody_replaces_or_takes_away_is_refused(
    monkeypatch: pytest.MonkeyPatch, value: str, reason: str
) -> None:
    """`docker run --env-file` hands both on as they stand."""
    found = faults(monkeypatch, **dict.fromkeys(NAMES, value))
    assert [name for name in NAMES if not found[name].startswith(reason)] == []


def test_a_place_for_another_variable_is_refused_in_the_file_as_well(tmp_path: Path) -> None:
    """Whatever quotes it stands in."""
    path = tmp_path / ".env"
    for quote in ("", "'", '"'):
        path.write_text(f"USER_DATA_DIR={quote}${{HOME}}/dk{quote}\n")
        with pytest.raises(Exception, match=r"USER_DATA_DIR: holds \$\{…\}"):
            load_settings(env_file=path)


@pytest.mark.parametrize("between", [",", " , ", "\n", "\r\n", " ", ",\n"])
def test_keys_are_separated_by_commas_blanks_or_line_ends(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, between: str
) -> None:
    """From the environment and from a file alike: none is dropped in silence."""
    text = f"\ufeff{KEY}{between}{OTHER_KEY}\n"
    (tmp_path / "keys").write_text(text, "utf-8")
    from_file = load(monkeypatch, TOKEN_ENCRYPTION_KEY_FILE=str(tmp_path / "keys"), **NEEDED)
    monkeypatch.delenv("TOKEN_ENCRYPTION_KEY_FILE")
    from_environment = load(monkeypatch, TOKEN_ENCRYPTION_KEY=text)
    for settings in (from_file, from_environment):
        assert [k.get_secret_value() for k in settings.encryption_keys] == [KEY, OTHER_KEY]


def test_one_key_in_two_spellings_is_one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the two alphabets of base64, and of the bits that a last letter has to spare."""
    assert URL_SAFE != SPELT_OTHERWISE
    settings = load(monkeypatch, **NEEDED, TOKEN_ENCRYPTION_KEY=f"{SPELT_OTHERWISE},{URL_SAFE}")
    assert [key.get_secret_value() for key in settings.encryption_keys] == [URL_SAFE]
    found = faults(monkeypatch, TOKEN_BACKUP_KEY=URL_SAFE)
    assert {*found} == {"TOKEN_BACKUP_KEY"}
    monkeypatch.setenv("TOKEN_BACKUP_KEY", "")
    spare = KEY[:-2] + chr(ord(KEY[-2]) + 1) + "="
    same = load(monkeypatch, TOKEN_ENCRYPTION_KEY=f"{KEY},{spare}")
    assert len(same.encryption_keys) == 1


@pytest.mark.parametrize("edge", [" ", "\t", "\n", "\u00a0", "\u3000", "\ufeff", "\u200b"])
def test_values_are_trimmed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, edge: str) -> None:
    """What comes along when a value is copied is no part of it."""
    variables = {name: f"{edge}{value}{edge}" for name, value in NEEDED.items()}
    settings = load(monkeypatch, **variables, WEB_PORT=f"{edge}0", USER_DATA_DIR=f"data{edge}")
    assert settings.telegram_bot_token is not None
    assert settings.telegram_bot_token.get_secret_value() == TOKEN
    assert (settings.web_port, settings.user_data_dir) == (0, Path("data"))


def test_a_home_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In the folder's name and in those of files with secrets: no folder is called `~`."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "token").write_text(TOKEN)
    variables = NEEDED | {"USER_DATA_DIR": "~/dk", "TELEGRAM_BOT_TOKEN_FILE": "~/token"}
    del variables["TELEGRAM_BOT_TOKEN"]
    settings = load(monkeypatch, **variables)
    assert settings.user_data_dir == tmp_path / "dk"
    assert settings.telegram_bot_token is not None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("WEB_HOST", "[::]", "::"),
        ("WEB_HOST", "::1", "::1"),
        ("WEB_HOST", "localhost", "localhost"),
        ("LOG_LEVEL", "debug", "DEBUG"),
        ("GOOGLE_OAUTH_FLOW", "Paste", "paste"),
        ("TELEGRAM_LOCAL_MODE", "False", False),
        ("TOKEN_IDLE_AFTER_DAYS", "2.5", 2.5),
        ("ALLOWED_USER_IDS", "501 502\n503,504", frozenset({501, 502, 503, 504})),
        ("ALLOWED_CHAT_IDS", "-1001234567890", frozenset({-1001234567890})),
        ("PUBLIC_URL", "https://x.example/drive/", "https://x.example/drive"),
        ("CLIENT_ALARM", "Block", "block"),
        ("TRUSTED_PROXY_HOPS", "1", 1),
        ("ALERT_WEBHOOK_URL", "https://x.example/a?k=b", SecretStr("https://x.example/a?k=b")),
        ("ALERT_WEBHOOK_URL", "http://127.0.0.1:9/", SecretStr("http://127.0.0.1:9/")),
        ("TELEGRAM_API_BASE_URL", "http://bot-api:8081/", "http://bot-api:8081"),
    ],
)
def test_what_is_meant_is_taken(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expected: object
) -> None:
    """Words in capitals or not, an address in brackets, a path that a proxy takes away again."""
    assert getattr(load(monkeypatch, **NEEDED, **{name: value}), name.lower()) == expected


def test_a_fault_leads_to_no_second_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """A faulty key is not missing as well, nor is a slug unknown where the list is faulty."""
    found = faults(
        monkeypatch,
        **NEEDED,
        ENCRYPTION_KEY="canary-key",
        TOKEN_REQUIRE_ENCRYPTION="true",
        DEPARTMENTS="Depot=a",
        DEPOT_GOOGLE_SERVICE_ACCOUNT_JSON=encoded(),
    )
    assert {*found} == {"ENCRYPTION_KEY", "DEPARTMENTS"}


def local(folder: object, **others: str) -> dict[str, str]:
    """A local Bot API server's settings."""
    return {**NEEDED, "TELEGRAM_LOCAL_MODE": "true", "TELEGRAM_FILES_DIR": str(folder), **others}


def test_local_mode_needs_the_folder_of_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is read from anywhere else."""
    found = faults(monkeypatch, **{**local(""), "TELEGRAM_FILES_DIR": ""})
    assert {*found} == {"TELEGRAM_FILES_DIR"}
    assert "is missing" in found["TELEGRAM_FILES_DIR"]


def test_without_local_mode_that_folder_means_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is."""
    settings = load(monkeypatch, **{**local("/"), "TELEGRAM_LOCAL_MODE": "false"})
    assert settings.telegram_files_dir == Path("/")


@pytest.mark.parametrize(
    "what",
    ["root", "relative", "data", "holds data", "in data", "program", "holds it", "in it", "linked"],
)
def test_nothing_of_ours_may_lie_where_a_local_servers_files_come_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str
) -> None:
    """Nor they among ours; by whatever name."""
    data, program = tmp_path / "data" / "user_data", Path(__file__).parents[1]
    data.mkdir(parents=True)
    (tmp_path / "link").symlink_to(data)
    folder = {
        "root": Path("/"),
        "relative": Path("telegram"),
        "data": data,
        "holds data": data.parent,
        "in data": data / "telegram",
        "program": program,
        "holds it": program.parent,
        "in it": program / "telegram",
        "linked": tmp_path / "link" / "telegram",
    }[what]
    found = faults(monkeypatch, **local(folder, USER_DATA_DIR=str(data)))
    assert {*found} == {"TELEGRAM_FILES_DIR"}
    assert str(tmp_path) not in found["TELEGRAM_FILES_DIR"]


def test_a_folder_of_its_own_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Beside the data folder, and need not be there yet."""
    variables = local(tmp_path / "telegram", USER_DATA_DIR=str(tmp_path / "user_data"))
    assert load(monkeypatch, **variables).telegram_files_dir == tmp_path / "telegram"


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("place", "reason"),
    [("pipe", "NotAFile"), ("device", "NotAFile"), ("large", "TooLarge"), ("folder", "IsADir")],
)
def test_what_is_no_file_of_settings_is_refused_and_not_waited_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str, reason: str
) -> None:
    path = tmp_path / "settings"
    if place == "pipe":
        os.mkfifo(path)
    elif place == "device":
        path = Path("/dev/zero")
    elif place == "large":
        with path.open("wb") as file:
            file.truncate(3 * 1024**3)
    else:
        path.mkdir()
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refusal:
        load_settings(env_file=path)
    assert reason in str(refusal.value)
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEY_FILE", str(path))
    with pytest.raises(SettingsError) as refusal:
        load_settings(env_file=None)
    assert reason in str(refusal.value)


@pytest.mark.timeout(20)
def test_a_pipe_is_no_file_of_authorities(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "authorities")
    found = faults(monkeypatch, **NEEDED, SSL_CERT_FILE=str(tmp_path / "authorities"))
    assert found == {"SSL_CERT_FILE": "the file cannot be read (it is a pipe)"}


def test_a_secrets_file_may_be_a_link_that_is_put_elsewhere_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As Kubernetes and agents put a new secret in place: the next start reads that one."""
    link = tmp_path / "key"
    for name, key in (("first", KEY), ("second", OTHER_KEY)):
        (tmp_path / name).write_text(f"{key}\n")
        (tmp_path / name).chmod(0o400)
        (tmp_path / "next").symlink_to(tmp_path / name)
        (tmp_path / "next").replace(link)
        settings = load(monkeypatch, TOKEN_ENCRYPTION_KEY_FILE=str(link), **NEEDED)
        assert [k.get_secret_value() for k in settings.encryption_keys] == [key]


@pytest.mark.timeout(20)
def test_a_pipe_in_the_place_of_a_secrets_file_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody may ever write into it: the start would hang without a word."""
    os.mkfifo(tmp_path / "key", mode=0o600)
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(SettingsError, match="TOKEN_ENCRYPTION_KEY"):
        load(monkeypatch, **NEEDED)
