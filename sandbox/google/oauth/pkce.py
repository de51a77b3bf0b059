"""Proof Key for Code Exchange: whoever redeems a code shows that it was they who asked for it."""

from __future__ import annotations

import base64
import hashlib
import secrets


def verifies(challenge: str, method: str, verifier: str) -> bool:
    """Whether a verifier belongs to the challenge (RFC 7636 §4.6)."""
    if method == "plain":
        return secrets.compare_digest(challenge.encode(), verifier.encode())
    digest = hashlib.sha256(verifier.encode()).digest()
    mine = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return secrets.compare_digest(mine, challenge.encode())
