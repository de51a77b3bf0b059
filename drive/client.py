"""Drive's service, and one owner's Drive over it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, Final

import httplib2
from googleapiclient import discovery_cache
from googleapiclient.discovery import build_from_document

from drive.calls import Resources
from drive.connection import TokenSource, authorized, new_http
from drive.content import Contents
from drive.files import Files
from drive.folders import Folders
from drive.known import Known, KnownDrives
from drive.resources import About, origin_of
from drive.sharing import Sharing
from security.google.network import DIRECT, Network

_USED: Final = {
    "about": ("get",),
    "files": ("create", "delete", "generateIds", "get", "list", "update"),
    "permissions": ("create", "delete", "list"),
}
"""Resource → the methods that are called: each takes a while to build."""

_ALL_DRIVES: Final = frozenset({"supportsAllDrives", "includeItemsFromAllDrives"})


@cache
def _description() -> str:
    """Drive's description, as it is packaged with Google's client, without what nobody uses.

    As JSON: building the service changes what it is given.
    """
    document = json.loads(discovery_cache.get_static_doc("drive", "v3"))
    document["resources"] = {
        name: {
            "methods": {method: document["resources"][name]["methods"][method] for method in used}
        }
        for name, used in _USED.items()
    }
    # Every method would have them all, and a doc string of whole schemas.
    document["parameters"] = {"fields": document["parameters"]["fields"]}
    document["schemas"] = {name: {"type": "object"} for name in document["schemas"]}
    return json.dumps(document)


def _always(document: dict[str, Any]) -> dict[str, dict[str, bool]]:
    """By method, what each request says about shared drives, as far as the method knows it."""
    always = {
        f"{name}.{method}": dict.fromkeys(_ALL_DRIVES & described["parameters"].keys(), True)
        for name, resource in document["resources"].items()
        for method, described in resource["methods"].items()
    }
    return always | {"files.get_media": always["files.get"]}


class Drive(Files, Folders, Sharing, Contents):
    """One owner's Drive over connections of its own. One thread at a time may use it."""

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def about(self, *, known: bool = False) -> About:
        """The account and its space; drive.file suffices for that.

        `known` takes what was told within the last minute: enough to see before an upload that
        there is no room for it, since Drive itself refuses what does not fit.
        """
        if known and (seen := self._known.about) is not None:
            return seen
        answer = self._ask("about.get", fields="user,storageQuota")
        about = About.from_answer(answer)
        self._known.note_about(about)
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
        self.known = KnownDrives()
        document = json.loads(_description())
        root = endpoint.rstrip("/") + "/"
        # `client_options.api_endpoint` would leave uploads on https://www.googleapis.com.
        document |= {"rootUrl": root, "baseUrl": root + document["servicePath"]}
        # Unless told, it takes part of the host's name from GOOGLE_CLOUD_UNIVERSE_DOMAIN.
        universe = {"universe_domain": "googleapis.com"}
        service = build_from_document(document, http=self.connect(), client_options=universe)
        built = {name: getattr(service, name)() for name in _USED}
        self._resources = Resources(built, origin_of(root), _always(document))

    def connect(self) -> httplib2.Http:
        """New connections, for one thread at a time."""
        return new_http(self._network)

    def of(
        self, tokens: TokenSource, http: httplib2.Http | None = None, known: Known | None = None
    ) -> Drive:
        """The Drive of whoever `tokens` belongs to, over new connections or those of `http`."""
        connections = authorized(tokens, http if http is not None else self.connect())
        return Drive(self._resources, connections, self._retries, known or Known())
