"""What a department's computer is given: an access token, for an hour at most, and nothing else."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from pydantic import SecretStr

from departments.names import Department
from security.credential import Credential, Owner
from security.custody.custodian import Custodian
from security.errors import TransientFault

LEAST_LEFT: Final = timedelta(minutes=5)
"""A token with less left is given to nobody: whoever gets it begins an upload by it."""
MEMORY_SECONDS: Final = 1.0
"""So long a credential that was opened is remembered: a revocation works everywhere within it."""


@dataclass(frozen=True, slots=True)
class _Remembered:
    credential: Credential
    until: float


class Tokens:
    """Departments' access tokens."""

    def __init__(
        self,
        custodian: Custodian,
        on_use: Callable[[Owner], None] = lambda owner: None,
        *,
        memory_seconds: float = MEMORY_SECONDS,
    ) -> None:
        """
        Args:
            on_use: told whose token was asked for: they are not idle.
            memory_seconds: 0: nothing is remembered.
        """
        self._custodian = custodian
        self._on_use = on_use
        self._memory_seconds = memory_seconds
        self._remembered: dict[Owner, _Remembered] = {}

    async def token(self, department: Department, rejected: str | None = None) -> Credential:
        """The department's credential, whose access token serves for five minutes at least.

        Args:
            rejected: the SHA-256, in hexadecimal, of a token that Google answered 401 to; that one
                is not given again.

        Raises:
            ConsentRequired: nobody has authorised the department, or it has to be done again.
            TransientFault, OperatorFault, RefusedByOrganisation: nothing is wrong with the
                credential, and no token can be had just now.
        """
        owner, asked = department.owner, time.monotonic()
        known = self._remembered.get(owner)
        if known is not None and asked < known.until:
            credential = known.credential
        else:
            credential = await self._custodian.access_token(owner)
            self._on_use(owner)
        if rejected is not None and _is_of(credential.access_token, rejected):
            self.forget(department)
            credential = await self._custodian.access_token(owner, rejected=credential.access_token)
        if not credential.is_fresh(self._custodian.clock.now(), LEAST_LEFT):
            self.forget(department)
            raise TransientFault("no token that serves for long enough could be had")
        if known is None or known.credential is not credential:
            self._remembered[owner] = _Remembered(credential, asked + self._memory_seconds)
        return credential

    def forget(self, department: Department) -> None:
        """It has changed by this very process: look again."""
        self._remembered.pop(department.owner, None)


def _is_of(token: SecretStr | None, digest: str) -> bool:
    if token is None:
        return False
    own = hashlib.sha256(token.get_secret_value().encode()).hexdigest()
    return hmac.compare_digest(own, digest.lower())
