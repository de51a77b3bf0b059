"""The address that is told: one POST of JSON for each incident that begins or is over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import aiohttp
import structlog
from pydantic import SecretStr

from security.google.network import Network

_SECONDS: Final = 10.0
_log = structlog.get_logger()


class Webhook:
    """Whoever answers with 2xx has been told. Redirects are not followed: they would take what is
    said, and the secret of the address, elsewhere."""

    def __init__(self, address: SecretStr, network: Network, seconds: float = _SECONDS) -> None:
        """
        Args:
            seconds: how long it is waited for.
        """
        self._address = address
        self._network = network
        self._timeout = aiohttp.ClientTimeout(total=seconds)
        self._is_failing = False

    async def tell(self, body: Mapping[str, Any]) -> bool:
        """Whether it was told. Never raises: what went wrong is in the log, once."""
        address = self._address.get_secret_value()
        try:
            async with (
                self._network.session(self._timeout) as session,
                session.post(
                    address, json=body, allow_redirects=False, **self._network.through(address)
                ) as answer,
            ):
                if 200 <= answer.status < 300:
                    self._is_failing = False
                    return True
                self._note("rate_limited" if answer.status == 429 else "refused")
        except TimeoutError:
            self._note("timeout")
        except (aiohttp.ClientError, OSError, ValueError):  # its text may hold the address
            self._note("unavailable")
        return False

    def _note(self, result: str) -> None:
        if not self._is_failing:
            self._is_failing = True
            _log.warning("alert_not_sent", result=result)
