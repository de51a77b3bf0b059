"""Settings: read once, checked at start, every fault named and no value told."""

from __future__ import annotations

import base64
import textwrap
from pathlib import Path

import pytest
from pydantic import SecretStr

from config import (
    GOOGLE_ADDRESSES,
    Settings,
    SettingsError,
    child_environment,
    is_configured,
    is_loopback,
    load_settings,
)
from tests.service_accounts import encoded, pem_of, rsa_key

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
SECRET = "GOCSPX-canary-secret"
# Fixed, so that every worker of a parallel run collects tests of the same names.
KEY, OTHER_KEY = (base64.urlsafe_b64encode(bytes([n]) * 32).decode() for n in (1, 2))
NEEDED = {"TELEGRAM_BOT_TOKEN": TOKEN, "GOOGLE_CLIENT_ID": "id", "GOOGLE_CLIENT_SECRET": SECRET}


def load(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    """The bot's settings of an environment with nothing else in it."""
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return load_settings(env_file=None)


def faults(monkeypatch: pytest.MonkeyPatch, **variables: str) -> dict[str, str]:
    """What is wrong, by variable."""
    with pytest.raises(SettingsError) as caught:
        load(monkeypatch, **variables)
    for value in variables.values():
        assert len(value) < 9 or value not in str(caught.value)
    return {fault.partition(": ")[0]: fault.partition(": ")[2] for fault in caught.value.faults}


def test_the_needed_variables_alone_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest has defaults, Google's and Telegram's own addresses among them."""
    settings = load(monkeypatch, **NEEDED)
    assert settings.google_oauth_flow == "device"
    assert settings.telegram_api_base_url == "https://api.telegram.org"
    assert settings.encryption_keys == ()
    assert [client.id for client in settings.google_clients] == ["id"]


def test_every_missing_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """In one go."""
    assert faults(monkeypatch) == dict.fromkeys(NEEDED, "is missing")


def test_faults_of_every_kind_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one variable, between variables, and what is missing."""
    found = faults(
        monkeypatch,
        TELEGRAM_BOT_TOKEN="canary-token",
        WEB_PORT="canary-port",
        TOKEN_REFRESH_LEAD_MINUTES="600",
        GOOGLE_OAUTH_FLOW="callback",
        TOKEN_REQUIRE_ENCRYPTION="true",
        TANHAE_GOOGLE_SERVICE_ACCOUNT_JSON="canary-json",
    )
    assert {*found} == {
        "TELEGRAM_BOT_TOKEN",
        "GOOGLE_CLIENT_ID",
        "GOOGLE_CLIENT_SECRET",
        "WEB_PORT",
        "TOKEN_REFRESH_LEAD_MINUTES",
        "PUBLIC_URL",
        "TOKEN_ENCRYPTION_KEY",
        "TANHAE_GOOGLE_SERVICE_ACCOUNT_JSON",
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TELEGRAM_BOT_TOKEN", "no-token-at-all"),
        ("TELEGRAM_BOT_TOKEN", "1234567890"),
        ("TELEGRAM_API_BASE_URL", "ftp://canary"),
        ("TELEGRAM_API_BASE_URL", "http://[canary"),
        ("TELEGRAM_API_BASE_URL", "http://canary:port"),
        ("TELEGRAM_API_BASE_URL", "https://canary.example\u2100"),
        ("TELEGRAM_LOCAL_MODE", "canary-maybe"),
        ("ALLOWED_USER_IDS", "501,canary-id"),
        ("ADMIN_USER_IDS", "@canary-name"),
        ("GOOGLE_OAUTH_FLOW", "canary-flow"),
        ("GOOGLE_OTHER_CLIENTS", "canary-without-secret"),
        ("GOOGLE_OTHER_CLIENTS", "a:b,canary:"),
        ("TOKEN_ENCRYPTION_KEY", "canary-key"),
        ("TOKEN_ENCRYPTION_KEY", f"{KEY},canary-key"),
        ("ENCRYPTION_KEY", "canary-clé"),
        ("TOKEN_BACKUP_KEY", f"{KEY},canary-key"),
        ("TOKEN_REQUIRE_ENCRYPTION", "canary-yes"),
        ("TOKEN_MAINTENANCE_INTERVAL_MINUTES", "-1"),
        ("TOKEN_MAINTENANCE_BATCH_SIZE", "0"),
        ("TOKEN_MAINTENANCE_CONCURRENCY", "0"),
        ("TOKEN_MAINTENANCE_TIMEOUT_SECONDS", "0"),
        ("TOKEN_REFRESH_LEAD_MINUTES", "0"),
        ("TOKEN_REFRESH_LEAD_MINUTES", "nan"),
        ("TOKEN_IDLE_AFTER_DAYS", "canary"),
        ("DEPARTMENTS", "Canary=大寫"),
        ("DEPARTMENTS", "a=1,a=2"),
        ("PUBLIC_URL", "http://canary.example"),
        ("PUBLIC_URL", "canary.example"),
        ("WEB_PORT", "70000"),
        ("METRICS_PORT", "canary-port"),
        ("LOG_LEVEL", "canary-loud"),
        ("LOG_FORMAT", "canary-xml"),
    ],
)
def test_a_bad_value_is_named_and_not_told(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """Anything may have been pasted into the wrong variable."""
    monkeypatch.delenv(name, raising=False)
    found = faults(monkeypatch, **(NEEDED | {name: value}))
    assert {*found} == {name}
    assert "canary" not in found[name]


# Files, .env, empty strings


@pytest.mark.parametrize("content", [TOKEN, f"{TOKEN}\n", f"\ufeff{TOKEN}\r\n"])
def test_a_secret_may_come_from_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str
) -> None:
    """X_FILE; the newline at its end and an editor's byte order mark are not part of it."""
    (tmp_path / "token").write_text(content, encoding="utf-8")
    variables = NEEDED | {"TELEGRAM_BOT_TOKEN_FILE": str(tmp_path / "token")}
    del variables["TELEGRAM_BOT_TOKEN"]
    settings = load(monkeypatch, **variables)
    assert settings.telegram_bot_token is not None
    assert settings.telegram_bot_token.get_secret_value() == TOKEN


def test_a_secret_and_its_file_at_once_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Which one holds cannot be guessed."""
    (tmp_path / "token").write_text(TOKEN)
    found = faults(monkeypatch, **NEEDED, TELEGRAM_BOT_TOKEN_FILE=str(tmp_path / "token"))
    assert found == {"TELEGRAM_BOT_TOKEN": "set it or TELEGRAM_BOT_TOKEN_FILE, not both"}


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe"])
def test_a_secrets_file_that_gives_nothing_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    """Missing, empty, not text."""
    path = tmp_path / "canary-file"
    if content is not None:
        path.write_bytes(content)
    variables = NEEDED | {"GOOGLE_CLIENT_SECRET_FILE": str(path)}
    del variables["GOOGLE_CLIENT_SECRET"]
    found = faults(monkeypatch, **variables)
    assert {*found} == {"GOOGLE_CLIENT_SECRET"}


def test_empty_strings_are_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compose files pass on what is not set as an empty string."""
    empty = dict.fromkeys(
        ["TOKEN_ENCRYPTION_KEY", "TOKEN_ENCRYPTION_KEY_FILE", "PUBLIC_URL", "WEB_PORT",
         "ALLOWED_USER_IDS", "TANHAE_GOOGLE_SERVICE_ACCOUNT_JSON", "LOG_FORMAT"], ""
    )  # fmt: skip
    settings = load(monkeypatch, **NEEDED, **empty)
    assert (settings.encryption_keys, settings.public_url, settings.web_port) == ((), None, 8080)


def env_file(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    """A .env."""
    path = tmp_path / ".env"
    path.write_text(textwrap.dedent(text), encoding=encoding)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_the_environment_stands_above_the_env_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, encoding: str
) -> None:
    """Also a file that Windows' editor has saved."""
    path = env_file(
        tmp_path,
        f"""\
        TELEGRAM_BOT_TOKEN={TOKEN}
        # a comment
        GOOGLE_CLIENT_ID=from-the-file
        GOOGLE_CLIENT_SECRET="{SECRET}"
        DEPARTMENTS=tanhae=淡海
        WEB_PORT=9000
        """,
        encoding,
    )
    monkeypatch.setenv("GOOGLE_CLIENT_ID", "from-the-environment")
    monkeypatch.setenv("WEB_PORT", "")
    settings = load_settings(env_file=path)
    assert settings.google_client_id == "from-the-environment"
    assert settings.web_port == 9000
    assert settings.departments == ("tanhae=淡海",)


def test_an_env_file_that_is_not_text_is_one_fault(tmp_path: Path) -> None:
    """Saved in another encoding: said plainly, without a traceback."""
    (tmp_path / ".env").write_bytes("DEPARTMENTS=tanhae=淡海".encode("big5"))
    with pytest.raises(SettingsError):
        load_settings(env_file=tmp_path / ".env")


def test_an_env_file_that_is_not_there_is_no_fault(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The environment may hold everything. One that was named is meant."""
    for name, value in NEEDED.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert load_settings()
    with pytest.raises(SettingsError):
        load_settings(env_file=tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["TELEGRAM_X", "GOOGLE_X", "telegram_x"])
def test_any_variable_of_telegram_or_google_counts_as_configured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    """Then `make run` does not fall back to the sandbox."""
    assert not is_configured(tmp_path / ".env")
    monkeypatch.setenv(name, "")
    assert is_configured(tmp_path / ".env")


def test_an_env_file_counts_as_configured(tmp_path: Path) -> None:
    """Even an empty one."""
    assert is_configured(env_file(tmp_path, ""))


def test_a_child_gets_none_of_our_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sandbox's bot must not meet the real Telegram or Google."""
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET_FILE", "/run/secret")
    monkeypatch.setenv("WEB_GOOGLE_CLIENT_ID", "web")
    monkeypatch.setenv("KEPT", "yes")
    for name in ("HTTPS_PROXY", "https_proxy", "no_proxy"):  # a SOCKS proxy would be refused
        monkeypatch.setenv(name, "socks5://proxy:1080")
    child = child_environment({"TELEGRAM_BOT_TOKEN": "sandbox"})
    assert not {"HTTPS_PROXY", "https_proxy", "no_proxy"} & child.keys()
    assert not {"GOOGLE_CLIENT_SECRET_FILE", "WEB_GOOGLE_CLIENT_ID"} & child.keys()
    assert (child["KEPT"], child["TELEGRAM_BOT_TOKEN"]) == ("yes", "sandbox")


def test_a_child_of_its_own_gets_no_other_setting_but_those_of_the_logs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The bot's key, database and ports are not the web process's."""
    mine = ("TOKEN_ENCRYPTION_KEY_FILE", "encryption_key", "DATABASE_CA", "METRICS_PORT", "PORT")
    for name in (*mine, "LOG_FORMAT", "KEPT"):
        monkeypatch.setenv(name, "1")
    child = child_environment({"WEB_PORT": "1"}, is_alone=True)
    assert not {*mine} & child.keys()
    assert {"LOG_FORMAT", "KEPT", "WEB_PORT"} <= child.keys()


# Keys and clients


def test_keys_are_read_newest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comma-separated, blanks around them."""
    settings = load(monkeypatch, **NEEDED, TOKEN_ENCRYPTION_KEY=f"{KEY} , {OTHER_KEY}")
    assert [key.get_secret_value() for key in settings.encryption_keys] == [KEY, OTHER_KEY]


def test_the_other_name_of_the_key_counts_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    """ENCRYPTION_KEY, alone or with the same value."""
    assert len(load(monkeypatch, **NEEDED, ENCRYPTION_KEY=KEY).encryption_keys) == 1
    assert len(load(monkeypatch, TOKEN_ENCRYPTION_KEY=KEY).encryption_keys) == 1


def test_two_key_variables_that_differ_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the files would be under the one, half under the other."""
    found = faults(monkeypatch, **NEEDED, TOKEN_ENCRYPTION_KEY=KEY, ENCRYPTION_KEY=OTHER_KEY)
    assert {*found} == {"ENCRYPTION_KEY"}


def test_a_backup_key_that_opens_the_data_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has an archive's key shall not have the data's, nor the other way round."""
    shared = f"{OTHER_KEY},{KEY}"
    for name in ("TOKEN_ENCRYPTION_KEY", "ENCRYPTION_KEY"):
        monkeypatch.delenv("TOKEN_ENCRYPTION_KEY", raising=False)
        found = faults(monkeypatch, **NEEDED, **{name: KEY}, TOKEN_BACKUP_KEY=shared)
        assert {*found} == {"TOKEN_BACKUP_KEY"}
    settings = load(monkeypatch, **NEEDED, ENCRYPTION_KEY=KEY, TOKEN_BACKUP_KEY=OTHER_KEY)
    assert len(settings.token_backup_key) == 1


def test_required_encryption_wants_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is content with one."""
    assert {*faults(monkeypatch, **NEEDED, TOKEN_REQUIRE_ENCRYPTION="true")} == {
        "TOKEN_ENCRYPTION_KEY"
    }
    assert load(monkeypatch, ENCRYPTION_KEY=KEY).token_require_encryption


@pytest.mark.parametrize(
    "name",
    [
        *("GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"),
        *("WEB_GOOGLE_CLIENT_ID", "WEB_GOOGLE_CLIENT_SECRET"),
    ],
)
def test_half_a_client_is_a_fault_also_without_the_bot(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Id and secret go together."""
    monkeypatch.setenv(name, "x")
    with pytest.raises(SettingsError) as caught:
        load_settings(for_bot=False, env_file=None)
    assert len(caught.value.faults) == 1


def test_other_clients_come_after_the_one_for_new_consents(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Their credentials are still refreshed."""
    settings = load(monkeypatch, **NEEDED, GOOGLE_OTHER_CLIENTS="old:s1, older:s2")
    assert [
        (client.id, client.secret.get_secret_value()) for client in settings.google_clients
    ] == [
        ("id", SECRET),
        ("old", "s1"),
        ("older", "s2"),
    ]


def test_a_client_named_twice_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which secret holds cannot be guessed."""
    assert {*faults(monkeypatch, **NEEDED, GOOGLE_OTHER_CLIENTS="id:other")} == {
        "GOOGLE_OTHER_CLIENTS"
    }


WEB = {"WEB_GOOGLE_CLIENT_ID": "web", "WEB_GOOGLE_CLIENT_SECRET": "web-s"}


def test_departments_are_asked_by_a_client_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """It refreshes what it was given, and is never the one the bot asks by."""
    settings = load(monkeypatch, **NEEDED, **WEB, GOOGLE_OTHER_CLIENTS="old:s1")
    assert settings.web_google_client is not None
    assert settings.web_google_client.id == "web"
    assert [client.id for client in settings.google_clients] == ["id", "old", "web"]


def test_departments_are_asked_by_the_common_client_where_its_flow_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A client for devices has no page to come back to."""
    assert load(monkeypatch, **NEEDED).web_google_client is None
    called_back = {"GOOGLE_OAUTH_FLOW": "callback", "PUBLIC_URL": "https://example.org"}
    settings = load(monkeypatch, **NEEDED, **called_back)
    assert settings.web_google_client == settings.google_clients[0]


@pytest.mark.parametrize("others", [{"GOOGLE_OTHER_CLIENTS": "web:web-s"}, {}], ids=["other", "-"])
def test_a_client_of_departments_may_be_named_elsewhere_with_the_same_secret(
    monkeypatch: pytest.MonkeyPatch, others: dict[str, str]
) -> None:
    """After it was the common one, or before it shall be."""
    settings = load(monkeypatch, **NEEDED, **WEB, **others)
    assert [client.id for client in settings.google_clients] == ["id", "web"]


def test_a_client_of_departments_has_one_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of two holds cannot be guessed."""
    found = faults(monkeypatch, **NEEDED, **WEB, GOOGLE_OTHER_CLIENTS="web:another")
    assert {*found} == {"WEB_GOOGLE_CLIENT_SECRET"}


# Addresses


def google_at(root: str) -> dict[str, str]:
    """Google somewhere else."""
    return {name.upper(): f"{root}/{name}" for name in GOOGLE_ADDRESSES}


@pytest.mark.parametrize(
    "root", ["http://127.0.0.1:8765", "http://localhost:1", "http://[::1]:1", "https://g.example"]
)
def test_google_may_be_elsewhere_as_a_whole(monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    """Plain http on this machine itself only."""
    settings = load(monkeypatch, **NEEDED, **google_at(root))
    assert settings.google_token_uri == f"{root}/google_token_uri"


@pytest.mark.parametrize("left_out", [name.upper() for name in GOOGLE_ADDRESSES])
def test_googles_addresses_are_changed_all_or_none(
    monkeypatch: pytest.MonkeyPatch, left_out: str
) -> None:
    """Else tokens of one Google would be sent to another."""
    variables = google_at("https://g.example")
    del variables[left_out]
    assert {*faults(monkeypatch, **NEEDED, **variables)} == {left_out}


@pytest.mark.parametrize(
    "root",
    ["http://g.example", "http://10.0.0.5", "http://127.0.0.1.evil.example", "http://0.0.0.0",
     "http://localhost.evil.example", "http://user@evil.example"],
)  # fmt: skip
def test_plain_http_off_this_machine_is_a_fault(monkeypatch: pytest.MonkeyPatch, root: str) -> None:
    """Tokens would go over the wire."""
    assert {*faults(monkeypatch, **NEEDED, **google_at(root))} == {*google_at(root)}


@pytest.mark.parametrize("root", ["http://bot-api:8081", "http://10.0.0.5:8081"])
def test_a_local_bot_api_server_may_speak_plain_http(
    monkeypatch: pytest.MonkeyPatch, root: str
) -> None:
    """It is the container next door."""
    assert (
        load(monkeypatch, **NEEDED, TELEGRAM_API_BASE_URL=f"{root}/").telegram_api_base_url == root
    )


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True),
     ("", False), ("10.0.0.1", False), ("example.org", False)],
)  # fmt: skip
def test_loopback_is_this_machine_itself(host: str, expected: bool) -> None:
    """By name or number."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("variables", "name"),
    [({}, "PUBLIC_URL"), ({"PUBLIC_URL": "https://x.example", "WEB_PORT": "0"}, "WEB_PORT")],
)
def test_the_callback_flow_needs_an_address_and_a_port(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str
) -> None:
    """Google has to reach it."""
    assert {*faults(monkeypatch, **NEEDED, GOOGLE_OAUTH_FLOW="callback", **variables)} == {name}


# The webhook


@pytest.mark.parametrize(
    "address",
    [
        *("https://bot.example", "https://bot.example/telegram/x-1_2.~", "https://[2001:db8::1]/x"),
        *(f"https://bot.example:{port}/x" for port in (80, 88, 443, 8443)),
    ],
)
def test_a_webhook_telegram_takes_is_taken(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Four ports, and any plain path."""
    assert load(monkeypatch, **NEEDED, TELEGRAM_WEBHOOK_URL=address).telegram_webhook_url == address


@pytest.mark.parametrize(
    "address",
    [
        *("http://bot.example/x", "http://127.0.0.1/x", "https://bot.example:8080/x", "canary"),
        *("https://canary@bot.example/x", "https://bot.example/x?canary=1", "ftp://bot.example/x"),
        *("https://bot.example/{canary}", "https://bot.example/can%61ry", "https://bot.example/é"),
        *("https://bot.example/healthz", "https://bot.example/api/auth/google/callback/"),
    ],
)
def test_a_webhook_nobody_could_reach_is_refused(
    monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """By Telegram, or by the web server here."""
    assert {*faults(monkeypatch, **NEEDED, TELEGRAM_WEBHOOK_URL=address)} == {
        "TELEGRAM_WEBHOOK_URL"
    }


def test_a_local_servers_webhook_may_be_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    """On any port: https://core.telegram.org/bots/api#using-a-local-bot-api-server."""
    variables = {"TELEGRAM_WEBHOOK_URL": "http://bot:9000/x", "TELEGRAM_API_BASE_URL": "http://api"}
    assert load(monkeypatch, **NEEDED, **variables).telegram_webhook_url == "http://bot:9000/x"


def test_a_webhook_needs_the_web_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is served there."""
    variables = {"TELEGRAM_WEBHOOK_URL": "https://bot.example/x", "WEB_PORT": "0"}
    assert {*faults(monkeypatch, **NEEDED, **variables)} == {"WEB_PORT"}


@pytest.mark.parametrize("secret", ["canary canary", "canary-é-canary", "c" * 257])
def test_a_webhook_secret_telegram_would_refuse_is_refused(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    """https://core.telegram.org/bots/api#setwebhook."""
    found = faults(monkeypatch, **NEEDED, TELEGRAM_WEBHOOK_SECRET=secret)
    assert {*found} == {"TELEGRAM_WEBHOOK_SECRET"}


# Departments and service accounts: more in test_service_account_settings.py


def test_every_faulty_service_account_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Not only the first."""
    found = faults(
        monkeypatch,
        **NEEDED,
        TANHAE_GOOGLE_SERVICE_ACCOUNT_JSON="canary-one",
        ANPING_GOOGLE_SERVICE_ACCOUNT_JSON_FILE=str(tmp_path / "nowhere"),
    )
    assert {*found} == {
        "TANHAE_GOOGLE_SERVICE_ACCOUNT_JSON",
        "ANPING_GOOGLE_SERVICE_ACCOUNT_JSON",
    }


def test_a_service_account_of_no_department_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slug that was spelt differently."""
    found = faults(monkeypatch, **NEEDED, TAMHAE_GOOGLE_SERVICE_ACCOUNT_JSON=encoded())
    assert {*found} == {"TAMHAE_GOOGLE_SERVICE_ACCOUNT_JSON"}


# Nothing shows


def test_settings_show_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither their text nor anything in them; and each is a secret by its type."""
    settings = load(
        monkeypatch,
        **NEEDED,
        TOKEN_ENCRYPTION_KEY=KEY,
        GOOGLE_OTHER_CLIENTS="old:other-secret",
        LOG_MASK_KEY="mask-key-canary",
        TANHAE_GOOGLE_SERVICE_ACCOUNT_JSON=encoded(),
    )
    hidden = [TOKEN, SECRET, KEY, "old:other-secret", "mask-key-canary", pem_of(rsa_key())]
    shown = f"{settings!r} {settings} {settings.google_clients!r}"
    assert all(value not in shown for value in hidden)
    assert {*hidden} == {one.get_secret_value() for one in secrets_of(settings)}


def secrets_of(settings: Settings) -> list[SecretStr]:
    """Every secret value among the settings."""
    values: list[object] = [key.private_key for key in settings.service_accounts.values()]
    for name in Settings.model_fields:
        value = getattr(settings, name)
        values += value if isinstance(value, tuple) else [value]
    return [value for value in values if isinstance(value, SecretStr)]


def test_settings_cannot_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Frozen: everybody sees the same."""
    settings = load(monkeypatch, **NEEDED)
    with pytest.raises(ValueError, match="frozen"):
        settings.web_port = 1  # type: ignore[misc]
