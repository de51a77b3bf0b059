"""Keys of departments' computers: `dkc_`, 32 random characters, and a checksum of six.

The form is that of GitHub's tokens, so that scanners which look for secrets in repositories and
logs find one for certain, and a mistyped one is known as such before any storage is asked:
https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/
"""

from __future__ import annotations

import re
import secrets
import string
import zlib
from typing import Final

from pydantic import SecretStr

PREFIX: Final = "dkc_"
_RANDOM: Final = 32
_CHECKSUM: Final = 6
_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_FORM: Final = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{_RANDOM}}})([0-9A-Za-z]{{{_CHECKSUM}}})")


def new_key() -> SecretStr:
    """A key of 190 random bits."""
    random = "".join(secrets.choice(_BASE62) for _ in range(_RANDOM))
    return SecretStr(f"{PREFIX}{random}{checksum(random)}")


def is_key(text: str) -> bool:
    """Whether it has a key's form, checksum and all: perhaps nobody's."""
    found = _FORM.fullmatch(text)
    return found is not None and checksum(found[1]) == found[2]


def ending(key: SecretStr) -> str:
    """By which people tell keys apart: four characters of the checksum, which open nothing."""
    return key.get_secret_value()[-4:]


def checksum(random: str) -> str:
    """CRC-32 of the random characters, in six digits of base 62."""
    number, digits = zlib.crc32(random.encode("ascii")), ""
    for _ in range(_CHECKSUM):
        number, digit = divmod(number, len(_BASE62))
        digits = _BASE62[digit] + digits
    return digits
