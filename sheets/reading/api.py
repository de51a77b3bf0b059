"""Google's Sheets service: the requests it makes, and where they go."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from googleapiclient import discovery_cache
from googleapiclient.discovery import build_from_document

from drive.connection import Http
from security.google.network import DIRECT, Network
from sheets.answer import MAX_BODY

_GOOGLES: Final = "www.googleapis.com"
"""Where all of Google's older services are, and Sheets is not."""


class SheetsApi:
    """Built once from the description packaged with Google's client. It holds nothing of anybody:
    a token goes with each request."""

    def __init__(self, endpoint: str, network: Network = DIRECT) -> None:
        """
        Args:
            endpoint: the base of Google's API, e.g. https://www.googleapis.com
            network: how it is reached.
        """
        document = json.loads(discovery_cache.get_static_doc("sheets", "v4"))
        root = endpoint.rstrip("/") + "/"
        if urlsplit(root).hostname == _GOOGLES:
            root = document["rootUrl"]
        document |= {"rootUrl": root, "baseUrl": root + document["servicePath"]}
        # Of the largest of Google's descriptions one method is called: the others cost memory.
        spreadsheets = document["resources"]["spreadsheets"]
        only = {"methods": {"get": spreadsheets["methods"]["get"]}}
        answer = {"id": "Spreadsheet", "type": "object", "properties": {}}  # it is not read by it
        document |= {
            "resources": {"spreadsheets": only},
            "schemas": {"Spreadsheet": answer},
        }
        self._network = network
        # Unless told, it takes part of the host's name from GOOGLE_CLOUD_UNIVERSE_DOMAIN.
        universe = {"universe_domain": "googleapis.com"}
        service = build_from_document(document, http=self.connect(), client_options=universe)
        # It builds one anew whenever it is asked.
        self._spreadsheets = service.spreadsheets()

    def connect(self) -> Http:
        """New connections, for one thread at a time. Redirects are not followed: the token in a
        request is for this host alone."""
        http = Http(self._network)
        http.follow_redirects, http.most_bytes = False, MAX_BODY
        return http

    def request(self, spreadsheet: str, fields: str, ranges: Sequence[str] = ()) -> Any:
        """The request for a spreadsheet.

        Args:
            spreadsheet: its id.
            fields: the mask.
            ranges: in A1 notation; none: all tabs.
        """
        return self._spreadsheets.get(
            spreadsheetId=spreadsheet, ranges=[*ranges], fields=fields, prettyPrint=False
        )
