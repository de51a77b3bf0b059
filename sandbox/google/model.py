"""The things Google keeps: accounts, clients, codes, tokens, files, upload sessions."""

from __future__ import annotations

from dataclasses import dataclass, field

FOLDER_TYPE = "application/vnd.google-apps.folder"
GIB = 1024**3
DRIVE_FILE = "https://www.googleapis.com/auth/drive.file"
DRIVE = "https://www.googleapis.com/auth/drive"
DRIVE_SCOPES = frozenset({DRIVE_FILE, DRIVE})
SHEETS_READONLY = "https://www.googleapis.com/auth/spreadsheets.readonly"
SHEETS_SCOPES = frozenset(
    {
        SHEETS_READONLY,
        "https://www.googleapis.com/auth/spreadsheets",
        "https://www.googleapis.com/auth/drive.readonly",
        DRIVE,
    }
)
IDENTITY_SCOPES = frozenset(
    {
        "openid",
        "email",
        "profile",
        "https://www.googleapis.com/auth/userinfo.email",
        "https://www.googleapis.com/auth/userinfo.profile",
    }
)
# https://developers.google.com/identity/protocols/oauth2/limited-input-device#allowedscopes
DEVICE_SCOPES = frozenset(
    {
        "openid",
        "email",
        "profile",
        DRIVE_FILE,
        "https://www.googleapis.com/auth/drive.appdata",
        "https://www.googleapis.com/auth/youtube",
        "https://www.googleapis.com/auth/youtube.readonly",
    }
)
KNOWN_SCOPES = (
    IDENTITY_SCOPES
    | DEVICE_SCOPES
    | DRIVE_SCOPES
    | SHEETS_SCOPES
    | {
        "https://www.googleapis.com/auth/drive.metadata.readonly",
    }
)

CODE_LIFE = 600.0
ACCESS_LIFE = 3599
DEVICE_LIFE = 1800
TESTING_LIFE = 7 * 86400.0
SESSION_LIFE = 7 * 86400.0
REFRESH_TOKENS_PER_CLIENT = 100


@dataclass
class Account:
    """A Google account and its storage."""

    email: str
    name: str
    permission_id: str
    root_id: str
    limit: int = 15 * GIB
    other_usage: int = 0  # what Gmail and Photos take, or what a test says is taken
    link_sharing: bool = True  # whether the organisation lets files be shared with anyone


@dataclass
class OAuthClient:
    """A client id of the one Google Cloud project the sandbox plays."""

    client_id: str
    secret: str
    state: str = "ok"  # ok | deleted | disabled | wrong_secret


@dataclass
class Consent:
    """What one account has allowed the project."""

    scopes: list[str]
    created: float


@dataclass
class AuthCode:
    """An authorisation code; works once."""

    code: str
    client_id: str
    redirect_uri: str
    account: str
    scopes: list[str]
    challenge: str | None
    method: str
    gives_refresh: bool
    created: float
    used: bool = False


@dataclass
class DeviceCode:
    """A device flow under way."""

    device_code: str
    user_code: str
    client_id: str
    scopes: list[str]
    interval: float
    created: float
    state: str = "pending"  # pending | allowed | denied | used
    account: str | None = None
    granted: list[str] = field(default_factory=list)
    last_poll: float | None = None


@dataclass
class RefreshToken:
    """A refresh token; dead ones are remembered, because Google tells them from rubbish."""

    token: str
    account: str
    client_id: str
    scopes: list[str]
    created: float
    origin: str  # the code it came from
    alive: bool = True


@dataclass
class AccessToken:
    """An access token."""

    token: str
    account: str
    client_id: str
    scopes: list[str]
    expires: float
    origin: str


@dataclass
class DriveFile:
    """A file or folder; ``by_app``: made through the API, so visible under drive.file."""

    id: str
    account: str
    name: str
    mime_type: str
    parents: list[str]
    created: str
    modified: str
    by_app: bool = True
    description: str | None = None
    app_properties: dict[str, str] = field(default_factory=dict)
    properties: dict[str, str] = field(default_factory=dict)
    starred: bool = False
    trashed: bool = False
    size: int | None = None
    md5: str | None = None
    blob: str | None = None
    original_name: str | None = None
    version: int = 1
    shared: dict[str, str] = field(default_factory=dict)  # permission id → role
    drive_id: str = ""  # of the shared drive it lies in

    @property
    def is_folder(self) -> bool:
        """Whether it can hold others."""
        return self.mime_type == FOLDER_TYPE
