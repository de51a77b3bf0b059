"""Key files of service accounts, as Google's console gives them; their keys open nothing."""

from __future__ import annotations

import base64
import json
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

ADDRESS = "reader@example-project.iam.gserviceaccount.com"
KEY_ID = "0123456789abcdef0123456789abcdef0123c41f"
TOKEN_URI = "https://oauth2.googleapis.com/token"
VARIABLE = "TANHAE_GOOGLE_SERVICE_ACCOUNT_JSON"


def rsa_key(number: int = 0, bits: int = 2048) -> rsa.RSAPrivateKey:
    """One of the run's own: making one takes longer than most tests."""
    return _made(number, bits)


@cache
def _made(number: int, bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def pem_of(key: Any) -> str:
    """As key files have it."""
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii"))


def key_file(number: int = 0, **changes: Any) -> dict[str, Any]:
    """What is in a key file; a change to None leaves the field out.

    Args:
        number: of which key.
    """
    found = {
        "type": "service_account",
        "project_id": "example-project",
        "private_key_id": KEY_ID,
        "private_key": pem_of(rsa_key(number)),
        "client_email": ADDRESS,
        "client_id": "123456789012345678901",
        "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": TOKEN_URI,
        "auth_provider_x509_cert_url": "https://www.googleapis.com/oauth2/v1/certs",
        "client_x509_cert_url": "https://www.googleapis.com/robot/v1/metadata/x509/reader",
        "universe_domain": "googleapis.com",
        **changes,
    }
    return {field: value for field, value in found.items() if value is not None}


def in_json(number: int = 0, **changes: Any) -> str:
    """The file's text."""
    return json.dumps(key_file(number, **changes), indent=2)


def encoded(number: int = 0, **changes: Any) -> str:
    """The variable's value."""
    return base64.b64encode(in_json(number, **changes).encode()).decode("ascii")
