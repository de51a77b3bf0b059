"""What each of Drive's methods costs of the project's quota, in Google's units.

https://developers.google.com/workspace/drive/api/guides/quotas. Of the requests within an upload
session Google's table says nothing: they are counted as requests and cost no units here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

_READ: Final = 5
_LIST: Final = 100
_DOWNLOAD: Final = 200
_CHANGE: Final = 50
_OTHER: Final = 5

UNITS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "about.get": _OTHER,
        "files.generateIds": _OTHER,
        "files.get": _READ,
        "files.get_media": _DOWNLOAD,
        "files.list": _LIST,
        "files.create": _CHANGE,
        "files.update": _CHANGE,
        "files.delete": _CHANGE,
        "permissions.list": _LIST,
        "permissions.create": _CHANGE,
        "permissions.delete": _CHANGE,
        "upload.send": 0,
        "upload.ask": 0,
        "upload.cancel": 0,
    }
)
"""By method; those of `upload` are the requests within an upload session."""

Count = Callable[[str, int], None]
"""Told of each request that was sent: its method, and how many bytes the answer's body had."""
