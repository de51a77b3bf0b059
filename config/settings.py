"""Every setting, as one frozen object.

The kinds of values, and how each is checked, are in `values.py` and `addresses.py`.
The table of settings is in `docs/settings.md`; a test keeps the two equal.
"""

from __future__ import annotations

import logging
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from config.addresses import Address, AlertAddress, PublicAddress, ServerAddress, WebhookAddress
from config.database import DatabaseAddress
from config.network import CertDir, CertFile, Exemptions, Proxy, ProxyAddress
from config.service_accounts import ServiceAccounts
from config.sources import Variables, read_text, read_variables, trimmed
from config.values import (
    BotToken,
    ChatIds,
    ClientId,
    ClientPairs,
    ClientSecret,
    DatabaseUrl,
    DepartmentPairs,
    Fault,
    FernetKeys,
    Folder,
    Host,
    HostsPort,
    MaskKey,
    Switch,
    UserIds,
    WebhookSecret,
    number,
    one_of,
    whole,
)

TELEGRAMS_CLOUD: Final = "https://api.telegram.org"
GOOGLE_ADDRESSES: Final = {
    "google_auth_uri": "https://accounts.google.com/o/oauth2/v2/auth",
    "google_token_uri": "https://oauth2.googleapis.com/token",
    "google_device_uri": "https://oauth2.googleapis.com/device/code",
    "google_revoke_uri": "https://oauth2.googleapis.com/revoke",
    "google_api_endpoint": "https://www.googleapis.com",
}

# pydantic-settings reads the file beside us, and tells of a line that is none: so do we, by name.
logging.getLogger("dotenv").setLevel(logging.ERROR)
_SERVICE_ACCOUNT = re.compile(r"([a-z][a-z0-9]*)_google_service_account_json(_file)?")


@dataclass(frozen=True, slots=True)
class GoogleClient:
    """One OAuth client of the Google Cloud project."""

    id: str
    secret: SecretStr


class _Variables(PydanticBaseSettingsSource):
    """The environment over the settings file, with `X_FILE` in the place of a secret `X`."""

    def __init__(self, settings_cls: type[BaseSettings], file: Path | None) -> None:
        super().__init__(settings_cls)
        self._variables = read(file).values

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self._value(field_name, secret=_is_secret(field)), field_name, False

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        values = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        # Pairs, not a dict: pydantic-settings would merge that with the default of a faulty field.
        values["service_accounts"] = [
            (match[1], self._value(service_account_variable(match[1]), secret=True))
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
            content = trimmed(read_text(Path(path).expanduser()))
        except (OSError, RuntimeError, ValueError) as error:  # no such home, a NUL, not UTF-8
            return Fault(f"the file named by {name.upper()}_FILE: {type(error).__name__}")
        return content or Fault(f"the file named by {name.upper()}_FILE is empty")


def _is_secret(field: FieldInfo) -> bool:
    return "SecretStr" in str(field.annotation)


def read(file: Path | None) -> Variables:
    fields = Settings.model_fields
    named = [name for name in fields if name != "service_accounts"]
    accounts = [
        service_account_variable(entry.partition("=")[0]) for entry in fields["departments"].default
    ]
    secrets = [name for name in named if _is_secret(fields[name])] + accounts
    return read_variables(file, os.environ, [*named, *accounts], secrets)


class Settings(BaseSettings):
    """See the table in `docs/settings.md`. Units are in the names."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    telegram_bot_token: BotToken | None = None
    telegram_api_base_url: ServerAddress = TELEGRAMS_CLOUD
    telegram_local_mode: Switch = False
    telegram_files_dir: Folder | None = None
    telegram_link_base_url: Address = "https://t.me"
    telegram_webhook_url: WebhookAddress | None = None
    telegram_webhook_secret: WebhookSecret | None = None
    allowed_user_ids: UserIds = frozenset()
    allowed_chat_ids: ChatIds = frozenset()
    admin_user_ids: UserIds = frozenset()
    uploads_at_once: Annotated[int, whole(1, 64)] = 8
    uploads_per_user: Annotated[int, whole(1, 100_000)] = 200

    google_client_id: ClientId | None = None
    google_client_secret: ClientSecret | None = None
    google_other_clients: ClientPairs = ()
    web_google_client_id: ClientId | None = None
    web_google_client_secret: ClientSecret | None = None
    google_oauth_flow: Annotated[
        Literal["device", "callback", "paste"], one_of("device", "callback", "paste")
    ] = "device"
    google_auth_uri: Address = GOOGLE_ADDRESSES["google_auth_uri"]
    google_token_uri: Address = GOOGLE_ADDRESSES["google_token_uri"]
    google_device_uri: Address = GOOGLE_ADDRESSES["google_device_uri"]
    google_revoke_uri: Address = GOOGLE_ADDRESSES["google_revoke_uri"]
    google_api_endpoint: Address = GOOGLE_ADDRESSES["google_api_endpoint"]

    token_encryption_key: FernetKeys = ()
    encryption_key: FernetKeys = ()
    token_backup_key: FernetKeys = ()
    token_require_encryption: Switch | None = None
    """Whether plaintext is refused; None: where there is a key."""
    token_maintenance_interval_minutes: Annotated[float, number(0, 100_000)] = 10
    token_maintenance_batch_size: Annotated[int, whole(1, 100_000)] = 500
    token_maintenance_concurrency: Annotated[int, whole(1, 256)] = 32
    token_maintenance_timeout_seconds: Annotated[float, number(0, 3600, above=True)] = 30
    token_refresh_lead_minutes: Annotated[float, number(0, 50, above=True)] = 15
    token_idle_after_days: Annotated[float, number(0, 36_500)] = 0

    user_data_dir: Folder = Path("user_data")
    database_url: DatabaseUrl | None = None
    database_ca: CertFile | None = None
    departments: DepartmentPairs = ("tanhae=淡海", "anping=安坑")
    service_accounts: ServiceAccounts = Field(default_factory=dict)
    """By slug the key in each `<SLUG>_GOOGLE_SERVICE_ACCOUNT_JSON`."""
    sheets_file: Folder | None = None
    sheets_interval_minutes: Annotated[float, number(0, 1440, above=True)] = 10
    sheets_settle_minutes: Annotated[float, number(0, 1440)] = 5
    client_alarm: Annotated[Literal["report", "block"], one_of("report", "block")] = "report"
    alert_webhook_url: AlertAddress | None = None
    desktop_cloud_url: Address | None = None

    public_url: PublicAddress | None = None
    web_host: Host = "127.0.0.1"
    web_port: Annotated[int, whole(0, 65535)] = 8080
    trusted_proxy_hops: Annotated[int, whole(0, 10)] = 0
    port: HostsPort = None
    """Where a host of programs sets it: see `web_address`."""
    metrics_host: Host = "127.0.0.1"
    metrics_port: Annotated[int, whole(0, 65535)] = 0

    https_proxy: ProxyAddress | None = None
    no_proxy: Exemptions = ()
    ssl_cert_file: CertFile | None = None
    ssl_cert_dir: CertDir | None = None

    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], one_of("DEBUG", "INFO", "WARNING", "ERROR")
    ] = "INFO"
    log_format: Annotated[Literal["json", "console"] | None, one_of("json", "console")] = None
    log_mask_key: MaskKey | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        named = (
            dotenv_settings.env_file if isinstance(dotenv_settings, DotEnvSettingsSource) else ""
        )
        return init_settings, _Variables(settings_cls, Path(str(named)) if named else None)

    @property
    def web_address(self) -> tuple[str, int]:
        """Where the web front listens: host and port, 0 for none.

        A host that runs this program says by PORT where it will look for it, from outside.
        """
        if self.port is None or "web_port" in self.model_fields_set:
            return self.web_host, self.web_port
        host = self.web_host if "web_host" in self.model_fields_set else "0.0.0.0"  # noqa: S104
        return host, self.port

    @property
    def encryption_keys(self) -> tuple[SecretStr, ...]:
        """Fernet keys, newest first; empty: plaintext."""
        return self.token_encryption_key or self.encryption_key

    @property
    def database(self) -> DatabaseAddress | None:
        """Where everything is kept; None: in files."""
        url = self.database_url
        return None if url is None else DatabaseAddress.parse(url, self.database_ca)

    @property
    def proxy(self) -> Proxy | None:
        """What https addresses are asked through."""
        return Proxy.parse(self.https_proxy.get_secret_value()) if self.https_proxy else None

    @property
    def google_clients(self) -> tuple[GoogleClient, ...]:
        """Every client whose credentials may be refreshed; the first is for the bot's consents."""
        common = _pair(self.google_client_id, self.google_client_secret)
        others = (entry.get_secret_value().split(":", 1) for entry in self.google_other_clients)
        pairs = [*common, *(GoogleClient(id, SecretStr(secret)) for id, secret in others)]
        ids = {client.id for client in pairs}
        return (*pairs, *(client for client in self._web_client if client.id not in ids))

    @property
    def web_google_client(self) -> GoogleClient | None:
        """The client for departments' consents, on a web page; None: there is none for that."""
        called_back = self.google_oauth_flow == "callback"
        common = _pair(self.google_client_id, self.google_client_secret) if called_back else ()
        return next(iter((*self._web_client, *common)), None)

    @property
    def _web_client(self) -> tuple[GoogleClient, ...]:
        return _pair(self.web_google_client_id, self.web_google_client_secret)

    @property
    def names_set(self) -> tuple[str, ...]:
        """The variables that are set, without their values."""
        names = [*(self.model_fields_set - {"service_accounts"})]
        names += map(service_account_variable, self.service_accounts)
        return tuple(sorted(name.upper() for name in names))


def _pair(id: str | None, secret: SecretStr | None) -> tuple[GoogleClient, ...]:
    return (GoogleClient(id, secret),) if id and secret else ()


def service_account_variable(slug: int | str) -> str:
    return f"{slug}_google_service_account_json"
