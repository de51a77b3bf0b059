"""Google's Drive service: the requests it makes, and where they may go."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final

import httplib2
from googleapiclient import discovery_cache
from googleapiclient.discovery import build_from_document

from drive.cache import DriveCache
from drive.connection import Admit, Http
from drive.quota import UNITS, Count
from drive.resources import origin_of
from security.google.network import DIRECT, Network

_RESOURCES: Final = ("about", "files", "permissions")
_ALL_DRIVES: Final = frozenset({"supportsAllDrives", "includeItemsFromAllDrives"})
_CACHES: Final = 1000


class DriveApi:
    """Drive's service, built once from the description packaged with Google's client."""

    def __init__(
        self,
        endpoint: str,
        network: Network = DIRECT,
        *,
        retries: int = 2,
        count: Count = lambda method, received: None,
        admit: Admit = lambda pause: None,
    ) -> None:
        """
        Args:
            endpoint: the base of Google's API, e.g. https://www.googleapis.com
            network: how it is reached.
            retries: of small requests, after 5xx, rate limits and broken connections.
            count: told of each request that was sent, from any thread.
            admit: called before anything goes out; see `Admit`.
        """
        self.count = count
        self._admit = admit
        self._network = network
        self.retries = retries
        self.cache_of = lru_cache(_CACHES)(lambda owner, account_key: DriveCache())
        """The cache of an owner who uses this account: identifiers serve only the account they are
        for. Called from one thread only: another might be given a second cache."""
        document = json.loads(discovery_cache.get_static_doc("drive", "v3"))
        root = endpoint.rstrip("/") + "/"
        self._origin = origin_of(root)
        # `client_options.api_endpoint` would leave uploads on https://www.googleapis.com.
        document |= {"rootUrl": root, "baseUrl": root + document["servicePath"]}
        document |= _what_is_called(document)
        self.always = _shared_drive_parameters(document)  # the build changes the document
        """By method: the one place that decides about shared drives (https://developers.google.com/
        workspace/drive/api/guides/enable-shareddrives): without it what lies in one is not found.
        """
        # Unless told, it takes part of the host's name from GOOGLE_CLOUD_UNIVERSE_DOMAIN.
        universe = {"universe_domain": "googleapis.com"}
        service = build_from_document(document, http=self.connect(), client_options=universe)
        # It builds one anew whenever it is asked, for milliseconds; they hold nothing of anybody.
        self._resources = {name: getattr(service, name)() for name in _RESOURCES}

    def connect(self) -> httplib2.Http:
        """New connections, for one thread at a time."""
        return Http(self._network, self._admit)

    def owns(self, address: str) -> bool:
        """Whether this is an address of Drive's: an owner's token goes nowhere else."""
        return origin_of(address) == self._origin

    def request(self, method: str, **parameters: Any) -> Any:
        """The request of a method, e.g. "files.get", with what it always says."""
        resource, _, name = method.partition(".")
        return getattr(self._resources[resource], name)(**self.always[method], **parameters)


def _what_is_called(document: dict[str, Any]) -> dict[str, Any]:
    """Of a description the methods that are called. Of what they take and give no fields: Google's
    client would write them out for readers, at each start."""
    resources = {
        name: {
            "methods": {
                method: described
                for method, described in document["resources"][name]["methods"].items()
                if f"{name}.{method}" in UNITS
            }
        }
        for name in _RESOURCES
    }
    schemas = {
        name: {"id": name, "type": "object", "properties": {}} for name in document["schemas"]
    }
    return {"resources": resources, "schemas": schemas}


def _shared_drive_parameters(document: dict[str, Any]) -> dict[str, dict[str, bool]]:
    """By method, what each request says about shared drives, as far as the method knows it."""
    always = {
        f"{name}.{method}": dict.fromkeys(_ALL_DRIVES & described["parameters"].keys(), True)
        for name in _RESOURCES
        for method, described in document["resources"][name]["methods"].items()
    }
    return always | {"files.get_media": always["files.get"]}
