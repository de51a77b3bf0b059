"""Every setting, read once, as one frozen object. Nobody else reads the environment.

`load_settings` reports all faults together, by the variable's name and never with its value. The
kinds of values, and how each is checked, are in `config_values.py`.
The table of settings is in `docs/settings.md`; a test keeps the two equal.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from config_values import (
    Address,
    BotToken,
    ClientPairs,
    DepartmentPairs,
    Fault,
    FernetKeys,
    IdSet,
    ServerAddress,
    ServiceAccounts,
    WebhookAddress,
    WebhookSecret,
    is_for_telegrams_cloud,
)

TELEGRAMS_CLOUD: Final = "https://api.telegram.org"
GOOGLE_ADDRESSES: Final = {
    "google_auth_uri": "https://accounts.google.com/o/oauth2/v2/auth",
    "google_token_uri": "https://oauth2.googleapis.com/token",
    "google_device_uri": "https://oauth2.googleapis.com/device/code",
    "google_revoke_uri": "https://oauth2.googleapis.com/revoke",
    "google_api_endpoint": "https://www.googleapis.com",
}

_SERVICE_ACCOUNT = re.compile(r"([a-z][a-z0-9]*)_google_service_account_json(_file)?")


class SettingsError(Exception):
    """All faults of the settings at once, each as "NAME: what is wrong"."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(sorted(set(faults)))
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True, slots=True)
class GoogleClient:
    """One OAuth client of the Google Cloud project."""

    id: str
    secret: SecretStr


class _Variables(PydanticBaseSettingsSource):
    """The environment over the .env file, with `X_FILE` in the place of a secret `X`."""

    def __init__(self, settings_cls: type[BaseSettings], *layers: EnvSettingsSource) -> None:
        super().__init__(settings_cls)
        self._variables: dict[str, str] = {}
        for layer in layers:
            self._variables |= {k.lower(): v for k, v in layer.env_vars.items() if v}

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return (
            self._value(field_name, secret="SecretStr" in str(field.annotation)),
            field_name,
            False,
        )

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        values = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        # Pairs, not a dict: pydantic-settings would merge that with the default of a faulty field.
        values["service_accounts"] = [
            (match[1], self._value(_variable(match[1]), secret=True))
            for match in map(_SERVICE_ACCOUNT.fullmatch, self._variables)
            if match
        ]
        return {name: value for name, value in values.items() if value is not None}

    def _value(self, name: str, *, secret: bool) -> str | Fault | None:
        value, path = self._variables.get(name), self._variables.get(f"{name}_file")
        if not secret or path is None:
            return value
        if value is not None:
            return Fault(f"set it or {name.upper()}_FILE, not both")
        try:
            return Path(path).read_text(encoding="utf-8-sig").strip() or Fault(
                f"the file named by {name.upper()}_FILE is empty"
            )
        except (OSError, UnicodeDecodeError) as error:
            return Fault(f"the file named by {name.upper()}_FILE: {type(error).__name__}")


class Settings(BaseSettings):
    """See the table in `docs/settings.md`. Units are in the names."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    telegram_bot_token: BotToken | None = None
    telegram_api_base_url: ServerAddress = TELEGRAMS_CLOUD
    telegram_local_mode: bool = False
    telegram_link_base_url: Address = "https://t.me"
    telegram_webhook_url: WebhookAddress | None = None
    telegram_webhook_secret: WebhookSecret | None = None
    allowed_user_ids: IdSet = frozenset()
    allowed_chat_ids: IdSet = frozenset()
    admin_user_ids: IdSet = frozenset()
    uploads_at_once: int = Field(default=8, ge=1, le=64)
    uploads_per_user: int = Field(default=200, ge=1)

    google_client_id: str | None = None
    google_client_secret: SecretStr | None = None
    google_other_clients: ClientPairs = ()
    google_oauth_flow: Literal["device", "callback", "paste"] = "device"
    google_auth_uri: Address = GOOGLE_ADDRESSES["google_auth_uri"]
    google_token_uri: Address = GOOGLE_ADDRESSES["google_token_uri"]
    google_device_uri: Address = GOOGLE_ADDRESSES["google_device_uri"]
    google_revoke_uri: Address = GOOGLE_ADDRESSES["google_revoke_uri"]
    google_api_endpoint: Address = GOOGLE_ADDRESSES["google_api_endpoint"]

    token_encryption_key: FernetKeys = ()
    encryption_key: FernetKeys = ()
    token_backup_key: FernetKeys = ()
    token_require_encryption: bool = False
    token_maintenance_interval_minutes: float = Field(default=10, ge=0)
    token_maintenance_batch_size: int = Field(default=500, ge=1)
    token_maintenance_concurrency: int = Field(default=32, ge=1, le=256)
    token_maintenance_timeout_seconds: float = Field(default=30, gt=0)
    token_refresh_lead_minutes: float = Field(default=15, gt=0, le=50)
    token_idle_after_days: float = Field(default=0, ge=0)

    user_data_dir: Path = Path("user_data")
    database_url: SecretStr | None = None
    departments: DepartmentPairs = ("tanhae=淡海", "anping=安坑")
    service_accounts: ServiceAccounts = Field(default_factory=dict)
    """By slug the base64 of the key file, from each `<SLUG>_GOOGLE_SERVICE_ACCOUNT_JSON`."""

    public_url: Address | None = None
    web_host: str = "127.0.0.1"
    web_port: int = Field(default=8080, ge=0, le=65535)
    metrics_host: str = "127.0.0.1"
    metrics_port: int = Field(default=0, ge=0, le=65535)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "console"] | None = None
    log_mask_key: SecretStr | None = None

    @field_validator("*", mode="before")
    @classmethod
    def _report_fault(cls, value: Any) -> Any:
        if isinstance(value, Fault):
            raise ValueError(value.reason)  # noqa: TRY004 - pydantic collects ValueErrors
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        layers = [s for s in (dotenv_settings, env_settings) if isinstance(s, EnvSettingsSource)]
        return init_settings, _Variables(settings_cls, *layers)

    @property
    def encryption_keys(self) -> tuple[SecretStr, ...]:
        """Fernet keys, newest first; empty: plaintext."""
        return self.token_encryption_key or self.encryption_key

    @property
    def google_clients(self) -> tuple[GoogleClient, ...]:
        """Every client whose credentials may be refreshed; the first is for new consents."""
        others = (entry.get_secret_value().split(":") for entry in self.google_other_clients)
        pairs = [GoogleClient(id, SecretStr(secret)) for id, secret in others]
        if self.google_client_id and self.google_client_secret:
            pairs.insert(0, GoogleClient(self.google_client_id, self.google_client_secret))
        return tuple(pairs)

    @property
    def names_set(self) -> tuple[str, ...]:
        """The variables that are set, without their values."""
        names = [*(self.model_fields_set - {"service_accounts"})]
        return tuple(sorted(n.upper() for n in [*names, *map(_variable, self.service_accounts)]))

    @property
    def secrets(self) -> tuple[SecretStr, ...]:
        """Every secret value among the settings, for the tests that look for leaks."""
        values: list[Any] = []
        for name in type(self).model_fields:
            value = getattr(self, name)
            values += value if isinstance(value, tuple) else [value]
        values += self.service_accounts.values()
        return tuple(value for value in values if isinstance(value, SecretStr))


def load_settings(*, for_bot: bool = True, env_file: Path | None = Path(".env")) -> Settings:
    """Read the environment, and below it `env_file`.

    Args:
        for_bot: also demand what the bot cannot do without.
        env_file: lines of NAME=value; a file that is not there is no fault.

    Raises:
        SettingsError: with every fault found, so that an operator mends them in one go.
    """
    faults: dict[str, str] = {}
    defaults: dict[str, Any] = {}
    while True:
        try:
            settings = Settings(_env_file=env_file, **defaults)
            break
        except ValidationError as error:
            # Faulty fields get their defaults, so that the faults between fields show as well.
            for item in error.errors(include_input=False, include_url=False):
                field = str(item["loc"][0])
                name = _variable(item["loc"][1]) if field == "service_accounts" else field
                faults[name] = item["msg"].removeprefix("Value error, ")
                default = Settings.model_fields[field].get_default(call_default_factory=True)
                defaults[field] = default
        except (OSError, UnicodeDecodeError) as error:
            name = env_file.name if env_file else ".env"
            raise SettingsError([f"{name}: cannot be read ({type(error).__name__})"]) from None
    for name, reason in _faults_between(settings, for_bot=for_bot):
        faults.setdefault(name, reason)
    if faults:
        raise SettingsError(f"{name.upper()}: {reason}" for name, reason in faults.items())
    return settings


def _faults_between(s: Settings, *, for_bot: bool) -> Iterable[tuple[str, str]]:
    """Faults that only show when several settings are seen together."""
    if for_bot:
        for name in ("telegram_bot_token", "google_client_id", "google_client_secret"):
            if getattr(s, name) is None:
                yield name, "is missing"
        if s.google_oauth_flow == "callback" and s.public_url is None:
            yield "public_url", "is missing (GOOGLE_OAUTH_FLOW=callback needs it)"
        if s.google_oauth_flow == "callback" and s.web_port == 0:
            yield "web_port", "must not be 0 (GOOGLE_OAUTH_FLOW=callback needs the web server)"
        if s.telegram_webhook_url is not None and s.web_port == 0:
            yield "web_port", "must not be 0 (TELEGRAM_WEBHOOK_URL needs the web server)"
        if s.database_url is not None:
            yield "database_url", "is not supported by this version yet; leave it empty"
    if (
        s.telegram_webhook_url is not None
        and s.telegram_api_base_url == TELEGRAMS_CLOUD
        and not is_for_telegrams_cloud(s.telegram_webhook_url)
    ):
        yield (
            "telegram_webhook_url",
            "must begin with https:// and have port 443, 80, 88 or 8443 (Telegram wants it so)",
        )
    if bool(s.google_client_id) != bool(s.google_client_secret):
        missing = "google_client_secret" if s.google_client_id else "google_client_id"
        yield missing, "is missing (the client's id and secret go together)"
    if s.token_encryption_key and s.encryption_key and s.token_encryption_key != s.encryption_key:
        yield "encryption_key", "differs from TOKEN_ENCRYPTION_KEY; keep only one of them"
    if {*s.token_backup_key} & {*s.token_encryption_key, *s.encryption_key}:
        yield "token_backup_key", "holds a key of TOKEN_ENCRYPTION_KEY; backups need their own"
    if s.token_require_encryption and not s.encryption_keys:
        yield "token_encryption_key", "is missing (TOKEN_REQUIRE_ENCRYPTION=true needs it)"
    moved = {name for name, default in GOOGLE_ADDRESSES.items() if getattr(s, name) != default}
    for name in GOOGLE_ADDRESSES.keys() - moved if moved else ():
        yield name, "must be set too: Google's addresses are changed all together or not at all"
    ids = [client.id for client in s.google_clients]
    if len(set(ids)) < len(ids):
        yield "google_other_clients", "names a client twice"
    slugs = {entry.partition("=")[0] for entry in s.departments}
    for slug in s.service_accounts.keys() - slugs:
        yield _variable(slug), "belongs to no slug in DEPARTMENTS"


def _variable(slug: int | str) -> str:
    return f"{slug}_google_service_account_json"


def is_configured(env_file: Path = Path(".env")) -> bool:
    """Whether anybody has begun to set this installation up for Telegram and Google."""
    return env_file.exists() or any(map(_is_ours, os.environ))


def child_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment with `settings` in the place of its own for the bot."""
    kept = {name: value for name, value in os.environ.items() if not _is_ours(name)}
    return {**kept, **settings}


def _is_ours(name: str) -> bool:
    return name.upper().startswith(("TELEGRAM_", "GOOGLE_"))
