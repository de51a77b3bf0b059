"""Sheets v4, as far as it is read: spreadsheets.get and spreadsheets.values.get.

https://developers.google.com/workspace/sheets/api/reference/rest
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.google.drive.access import bearer_of
from sandbox.google.errors import Answer, refusing
from sandbox.google.model import SHEETS_SCOPES
from sandbox.google.selection import pick
from sandbox.google.sheets import a1
from sandbox.google.sheets.description import check_query, selector
from sandbox.google.sheets.model import Area, Spreadsheet, Tab
from sandbox.google.sheets.refusals import (
    bad_range,
    bad_request,
    insufficient_scope,
    not_found,
    not_shared,
    office_file,
    unauthenticated,
)
from sandbox.google.sheets.resource import spreadsheet_resource, value_range
from sandbox.google.world import GoogleWorld
from sandbox.operations import OWNER

_RENDERS = ("FORMATTED_VALUE", "UNFORMATTED_VALUE", "FORMULA")
_TIMES = ("SERIAL_NUMBER", "FORMATTED_STRING")
_DIMENSIONS = ("ROWS", "COLUMNS")


def sheets_routes(world: GoogleWorld) -> list[web.RouteDef]:
    """The API."""
    api = SheetsApi(world)
    return [
        web.get("/v4/spreadsheets/{id}", api.get),
        web.get("/v4/spreadsheets/{id}/values/{range:.*}", api.values),
    ]


class SheetsApi:
    """Handlers; each authenticates first."""

    def __init__(self, world: GoogleWorld):
        self._world = world

    @refusing
    async def get(self, request: web.Request) -> Answer:
        """spreadsheets.get."""
        check_query(request, "get")
        fields = request.query.get("fields")
        tree = selector(fields, "Spreadsheet") if fields else None
        found = self._spreadsheet(request)
        asked = request.query.getall("ranges", [])
        parts = [_part(text, found) for text in asked] if asked else None
        with_data = request.query.get("includeGridData") == "true"
        if tree is not None:  # then the mask alone counts
            sheets = tree.get("sheets", tree.get("*", {}))
            with_data = ("sheets" in tree or "*" in tree) and (
                sheets is None or "data" in sheets or "*" in sheets
            )
        found.reads += with_data
        resource = spreadsheet_resource(
            found, parts, self._world.origin(request), with_data=with_data
        )
        answer: dict[str, Any] = pick(resource, tree)
        return answer

    @refusing
    async def values(self, request: web.Request) -> Answer:
        """spreadsheets.values.get."""
        check_query(request, "values", "get")
        render = _one_of(request, "valueRenderOption", _RENDERS)
        times = _one_of(request, "dateTimeRenderOption", _TIMES)
        by_columns = _one_of(request, "majorDimension", _DIMENSIONS) == "COLUMNS"
        fields = request.query.get("fields")
        tree = selector(fields, "ValueRange") if fields else None
        found = self._spreadsheet(request)
        tab, area = _part(request.match_info["range"], found)
        found.reads += 1
        resource = value_range(tab, area, render=render, times=times, by_columns=by_columns)
        answer: dict[str, Any] = pick(resource, tree)
        return answer

    def _spreadsheet(self, request: web.Request) -> Spreadsheet:
        token = bearer_of(request)
        if not token:
            raise unauthenticated(missing=True)
        access = self._world.grants.bearer(token)
        if access is None:
            raise unauthenticated()
        request[OWNER] = access.account
        if SHEETS_SCOPES.isdisjoint(access.scopes):
            raise insufficient_scope()
        self._world.sheets.count_read(access.account)
        found = self._world.sheets.all.get(request.match_info["id"])
        if found is None:
            raise not_found()
        if access.account not in found.shared:
            raise not_shared()
        if found.is_office_file:
            raise office_file()
        return found


def _part(text: str, spreadsheet: Spreadsheet) -> tuple[Tab, Area]:
    try:
        return a1.find(text, spreadsheet)
    except ValueError:
        raise bad_range(text) from None


def _one_of(request: web.Request, name: str, known: tuple[str, ...]) -> str:
    """A parameter that is one of these; the first where it lacks."""
    value = request.query.get(name, known[0])
    if value not in known:
        text = f"Invalid value at '{name}'"
        raise bad_request(text, field=name, description=f'{text}, "{value}"')
    return value
