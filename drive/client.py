"""Drive's service, and one owner's Drive over it."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any, Final

import httplib2
from googleapiclient import discovery_cache
from googleapiclient.discovery import build_from_document

from drive.cache import DriveCache
from drive.calls import Resources
from drive.connection import Http, TokenSource, authorized
from drive.content import Contents
from drive.files import Files
from drive.folders import Folders
from drive.resources import About, origin_of
from drive.sharing import Sharing
from security.credential import Owner
from security.google.network import DIRECT, Network

_USED: Final = ("about", "files", "permissions")
_ALL_DRIVES: Final = frozenset({"supportsAllDrives", "includeItemsFromAllDrives"})
_CACHES: Final = 1000


def _shared_drive_parameters(document: dict[str, Any]) -> dict[str, dict[str, bool]]:
    """By method, what each request says about shared drives, as far as the method knows it."""
    always = {
        f"{name}.{method}": dict.fromkeys(_ALL_DRIVES & described["parameters"].keys(), True)
        for name in _USED
        for method, described in document["resources"][name]["methods"].items()
    }
    return always | {"files.get_media": always["files.get"]}


def _new_cache(owner: Owner, account_key: str) -> DriveCache:
    return DriveCache()


class Drive(Files, Folders, Sharing, Contents):
    """One owner's Drive over connections of its own. One thread at a time may use it."""

    def about(self, *, cached: bool = False) -> About:
        """The account and its space; drive.file suffices for that.

        `cached` takes what was told within the last minute: enough to see before an upload that
        there is no room for it, since Drive itself refuses what does not fit.
        """
        if cached and (seen := self._cache.about) is not None:
            return seen
        about = About.from_answer(self._ask("about.get", fields="user,storageQuota"))
        self._cache.note_about(about)
        return about


class DriveApi:
    """Drive's service, built once from the description packaged with Google's client."""

    def __init__(self, endpoint: str, network: Network = DIRECT, *, retries: int = 2) -> None:
        """
        Args:
            endpoint: the base of Google's API, e.g. https://www.googleapis.com
            network: how it is reached.
            retries: of small requests, after 5xx, rate limits and broken connections.
        """
        self._network = network
        self._retries = retries
        self.cache_of = lru_cache(_CACHES)(_new_cache)
        """The cache of an owner who uses this account: identifiers serve only the account they are
        for. Called from one thread only: another might be given a second cache."""
        document = json.loads(discovery_cache.get_static_doc("drive", "v3"))
        root = endpoint.rstrip("/") + "/"
        # `client_options.api_endpoint` would leave uploads on https://www.googleapis.com.
        document |= {"rootUrl": root, "baseUrl": root + document["servicePath"]}
        always = _shared_drive_parameters(document)  # before the build, which changes the document
        # Unless told, it takes part of the host's name from GOOGLE_CLOUD_UNIVERSE_DOMAIN.
        universe = {"universe_domain": "googleapis.com"}
        service = build_from_document(document, http=self.connect(), client_options=universe)
        built = {name: getattr(service, name)() for name in _USED}
        self._resources = Resources(built, origin_of(root), always)

    def connect(self) -> httplib2.Http:
        """New connections, for one thread at a time."""
        return Http(self._network)

    def of(
        self,
        tokens: TokenSource,
        http: httplib2.Http | None = None,
        cache: DriveCache | None = None,
    ) -> Drive:
        """The Drive that these tokens open, over `http` or new connections."""
        connections = authorized(tokens, http if http is not None else self.connect())
        return Drive(self._resources, connections, self._retries, cache or DriveCache())
