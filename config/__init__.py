"""Every setting, read once, as one frozen object. Nobody else reads the environment."""

from config.addresses import is_loopback as is_loopback
from config.loading import DEFAULT_ENV_FILE as DEFAULT_ENV_FILE
from config.loading import SettingsError as SettingsError
from config.loading import child_environment as child_environment
from config.loading import is_configured as is_configured
from config.loading import load_settings as load_settings
from config.loading import settings_warnings as settings_warnings
from config.settings import GOOGLE_ADDRESSES as GOOGLE_ADDRESSES
from config.settings import TELEGRAMS_CLOUD as TELEGRAMS_CLOUD
from config.settings import GoogleClient as GoogleClient
from config.settings import Settings as Settings
