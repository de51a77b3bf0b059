"""Departments' readers: each with its own service account, over what they share."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import partial

from config.service_accounts import ServiceAccountKey
from config.settings import service_account_variable
from departments.service_accounts.token import fetch_token
from security.errors import OperatorFault
from security.google.network import DIRECT, Network
from sheets.reading.api import SheetsApi
from sheets.reading.reader import Reader


class Readers:
    """One for a process. Any thread may use it; before the first look it holds next to nothing."""

    def __init__(
        self,
        keys: Mapping[str, ServiceAccountKey],
        endpoint: str,
        token_uri: str,
        network: Network = DIRECT,
    ) -> None:
        """
        Args:
            keys: by the department's slug.
            endpoint: the base of Google's API.
            token_uri: where service accounts fetch their tokens.
            network: how Google is reached.
        """
        self._keys, self._endpoint = keys, endpoint
        self._token_uri, self._network = token_uri, network
        self._api: SheetsApi | None = None
        self._readers: dict[str, Reader] = {}
        self._lock = threading.Lock()
        self._closed = False

    def of(self, department: str) -> Reader:
        """A department's.

        Args:
            department: its slug.

        Raises:
            OperatorFault: no key is set for it.
        """
        key = self._keys.get(department)
        if key is None:
            variable = service_account_variable(department).upper()
            raise OperatorFault(
                f"the department has no service account: set {variable}", code="key_missing"
            )
        with self._lock:
            if department not in self._readers:
                self._api = self._api or SheetsApi(self._endpoint, self._network)
                fetch = partial(fetch_token, key, self._token_uri, self._network)
                self._readers[department] = Reader(self._api, key.address, fetch)
                if self._closed:
                    self._readers[department].close()
            return self._readers[department]

    def close(self) -> None:
        """Ask for nothing more, and end what is under way."""
        with self._lock:
            self._closed = True
            for reader in self._readers.values():
                reader.close()
