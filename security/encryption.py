"""The keyring: what is kept is encrypted with Fernet where there is a key, else left as it is.

A sealed file is one JSON object, the envelope `{"v": 1, "alg": "fernet", "kid": …, "data": …}`.
`kid` is a fingerprint of the key, so that an operator learns *which* key is missing.
Fernet: https://github.com/fernet/spec/blob/master/Spec.md
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any, Final

from cryptography.fernet import Fernet, InvalidToken
from pydantic import SecretStr

from security.errors import CorruptCredential, OperatorFault

_VERSION: Final = 1
_ALGORITHM: Final = "fernet"
_BARE_FERNET: Final = b"gAAAA"


def fingerprint(key: SecretStr) -> str:
    """The `kid` of a Fernet key: 12 hex digits that say nothing about the key itself."""
    raw = base64.urlsafe_b64decode(key.get_secret_value())
    return hashlib.sha256(b"drivekeeper kid:" + raw).hexdigest()[:12]


PUT_IT_THERE: Final = "put it there, behind the others, or see “A key is lost” in docs/keys.md"
"""What an operator does about a key that is lacking."""


def lacks(name: str) -> str:
    """What is said wherever the key of something is not among those that are configured.

    Args:
        name: the key's, with its fingerprint where that is known.
    """
    return f"TOKEN_ENCRYPTION_KEY lacks {name}: {PUT_IT_THERE}"


class TokenEncryption:
    """Encrypts under the newest key and decrypts under any configured one."""

    def __init__(self, keys: Sequence[SecretStr] = (), *, required: bool | None = None) -> None:
        """
        Args:
            keys: Fernet keys, newest first; none: plaintext.
            required: refuse plaintext in both directions; None: where there is a key. Otherwise
                whoever can write into the data folder needs no key.
        """
        self._keys = {fingerprint(key): Fernet(key.get_secret_value()) for key in keys}
        self._required = bool(keys) if required is None else required
        if required and not keys:
            raise OperatorFault("encryption is required, but there is no key", code="key_missing")

    @property
    def kid(self) -> str | None:
        """The newest key's fingerprint; None: plaintext."""
        return next(iter(self._keys), None)

    @property
    def kids(self) -> tuple[str, ...]:
        """Every configured key's fingerprint, newest first."""
        return tuple(self._keys)

    @property
    def requires_sealing(self) -> bool:
        """Whether plaintext is refused."""
        return self._required

    def accepting_plaintext(self) -> TokenEncryption:
        """The same keys, where plaintext is read even if encryption is required: to convert it."""
        made = TokenEncryption()
        made._keys = self._keys
        return made

    def encrypt(self, data: bytes) -> bytes:
        """`data` in an envelope, or as it is where there is no key."""
        if self.kid is None:
            return data
        envelope = {
            "v": _VERSION,
            "alg": _ALGORITHM,
            "kid": self.kid,
            "data": self._keys[self.kid].encrypt(data).decode("ascii"),
        }
        return json.dumps(envelope).encode("ascii")

    def decrypt(self, data: bytes) -> bytes:
        """What `encrypt` was given. Plaintext comes back as it is, unless encryption is required.

        Raises: as `open`.
        """
        return self.open(data)[0]

    def open(self, data: bytes) -> tuple[bytes, str | None]:
        """What `encrypt` was given, and the fingerprint of the key that opened it.

        None in its place: it was plaintext.

        Raises:
            OperatorFault: the key is not configured, or the envelope is of an unknown kind.
            CorruptCredential: the key is configured and the bytes do not open with it.
        """
        if data.startswith(_BARE_FERNET):
            return self._try_all(data.strip(), "a key without a name")
        envelope = parse_envelope(data)
        if envelope is None:
            if self._required:
                raise _refused(data)
            return data, None
        if envelope.get("v") != _VERSION or envelope.get("alg") != _ALGORITHM:
            raise OperatorFault("an envelope of an unknown version", code="unknown_envelope")
        token, kid = envelope.get("data"), envelope.get("kid")
        if not isinstance(token, str) or not isinstance(kid, str):
            raise CorruptCredential("an envelope without its data or key id", code="tampered")
        raw = token.encode("utf-8", "replace")
        if kid not in self._keys:
            return self._try_all(raw, f"key {kid}" if is_kid(kid) else "a key with a damaged id")
        try:
            return self._keys[kid].decrypt(raw), kid
        except InvalidToken:
            raise CorruptCredential(f"does not open under key {kid}", code="tampered") from None

    def _try_all(self, token: bytes, name: str) -> tuple[bytes, str]:
        for kid, fernet in self._keys.items():
            try:
                return fernet.decrypt(token), kid
            except InvalidToken:
                continue
        if not self._keys:
            raise OperatorFault(
                f"encrypted under {name}, and TOKEN_ENCRYPTION_KEY is not set: put that key there, "
                "or see “A key is lost” in docs/keys.md",
                code="key_missing",
            )
        raise OperatorFault(lacks(name), code="unknown_key")


def _refused(data: bytes) -> OperatorFault | CorruptCredential:
    """Why what is no envelope is refused: it is plaintext, or no document at all."""
    if is_object(data):
        return OperatorFault("plaintext, but encryption is required", code="plaintext_refused")
    return CorruptCredential("neither encrypted nor a document", code="unreadable")


def is_object(data: bytes, *, utf8: bool = False) -> bool:
    """Whether `data` is one JSON object.

    Args:
        utf8: in the one encoding that JSON has since RFC 8259, without a byte order mark.
    """
    return parse_object(data, utf8=utf8) is not None


def parse_object(data: bytes, *, utf8: bool = False) -> dict[str, Any] | None:
    """The one JSON object that `data` is, or None where it is anything else.

    Args:
        utf8: as of `is_object`.
    """
    try:
        document = json.loads(data.decode("utf-8") if utf8 else data)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def parse_envelope(data: bytes) -> dict[str, Any] | None:
    """The envelope, or None where `data` is anything else."""
    if b'"alg"' not in data:  # plaintext is not to be read twice
        return None
    document = parse_object(data)
    return document if document is not None and "alg" in document else None


def is_encrypted(data: bytes) -> bool:
    """Whether `data` is an envelope or a bare Fernet token."""
    return data.startswith(_BARE_FERNET) or parse_envelope(data) is not None


def kid_of(data: bytes) -> str | None:
    """The fingerprint an envelope gives; None where it gives none, or there is no envelope."""
    kid = (parse_envelope(data) or {}).get("kid")
    return kid if isinstance(kid, str) and is_kid(kid) else None


def is_kid(text: str) -> bool:
    """Whether `text` looks like a `fingerprint`: only then is it shown to anybody."""
    return len(text) == 12 and all(digit in "0123456789abcdef" for digit in text)


_process_keyring = TokenEncryption()


def install(keyring: TokenEncryption) -> None:
    """Make `keyring` what the functions below use. The composition root calls this, once."""
    global _process_keyring  # noqa: PLW0603 - one keyring a process, as one settings object
    _process_keyring = keyring


def encrypt(data: bytes) -> bytes:
    """`TokenEncryption.encrypt` of the process's keyring; without one, `data` as it is."""
    return _process_keyring.encrypt(data)


def decrypt(data: bytes) -> bytes:
    """`TokenEncryption.decrypt` of the process's keyring; without one, plaintext as it is."""
    return _process_keyring.decrypt(data)
