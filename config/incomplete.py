"""What can be read, or has to be said, where settings are missing or faulty."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from config.addresses import Address
from config.loading import DEFAULT_ENV_FILE, SettingsError, load_settings, read_or_refuse
from config.settings import GOOGLE_ADDRESSES, Settings

_ADDRESS: Final[TypeAdapter[str]] = TypeAdapter(Address)
_SAY_NOTHING: Final = frozenset(
    {
        *("PORT", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"),
        *("LOG_LEVEL", "LOG_FORMAT", "LOG_MASK_KEY"),
    }
)
"""Variables that stand in many an environment, and make no installation."""


def token_uri_of(env_file: Path | None) -> str:
    """GOOGLE_TOKEN_URI, whatever is wrong with other settings.

    Raises:
        SettingsError: the file cannot be read, or this setting is faulty.
    """
    value = read_or_refuse(env_file).values.get("google_token_uri")
    if value is None:
        return GOOGLE_ADDRESSES["google_token_uri"]
    try:
        return _ADDRESS.validate_python(value)
    except ValidationError as error:
        says = error.errors(include_input=False, include_url=False)[0]["msg"]
        reason = says.removeprefix("Value error, ")
        raise SettingsError([f"GOOGLE_TOKEN_URI: {reason}"]) from None


def without_settings(settings: Settings, env_file: Path | None = DEFAULT_ENV_FILE) -> str:
    """What to say where nobody has set anything up; "": somebody has."""
    if {*settings.names_set} - _SAY_NOTHING:
        return ""
    try:
        load_settings(for_web=True, env_file=env_file)
    except SettingsError as error:
        name = env_file.name if env_file else ""
        faults = "\n".join(f"  • {fault}" for fault in error.faults)
        return (
            f"There are no settings here: none in the environment, and none in {name} in this "
            "folder. Run this where they are, or name their file with --env-file. What the bot and "
            f"the web process would miss:\n{faults}"
        )
    return ""
