"""Every setting, read once, as one frozen object. Nobody else reads the environment."""

from config.addresses import is_loopback
from config.database import DatabaseAddress
from config.incomplete import token_uri_of, without_settings
from config.loading import (
    DEFAULT_ENV_FILE,
    SettingsError,
    child_environment,
    is_configured,
    load_settings,
    settings_warnings,
)
from config.settings import GOOGLE_ADDRESSES, TELEGRAMS_CLOUD, GoogleClient, Settings

__all__ = [
    "DEFAULT_ENV_FILE",
    "GOOGLE_ADDRESSES",
    "TELEGRAMS_CLOUD",
    "DatabaseAddress",
    "GoogleClient",
    "Settings",
    "SettingsError",
    "child_environment",
    "is_configured",
    "is_loopback",
    "load_settings",
    "settings_warnings",
    "token_uri_of",
    "without_settings",
]
