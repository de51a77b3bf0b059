"""The sandbox's own controls over HTTP: what goes wrong, what was called, what Google holds.

Tests and the control panel use the same paths; docs/sandbox.md lists them.
"""

from __future__ import annotations

from pathlib import Path
from types import NoneType

from aiohttp import web

from sandbox.faults.plan import FaultPlan
from sandbox.google import GoogleWorld
from sandbox.google.actions import ACTIONS, act
from sandbox.json_api import Kinds, check_kinds, explaining, read_object

BASE = "/sandbox/control"
_RATE: Kinds = {"target": str, "bytes_per_second": (int, float, NoneType)}
STATIC = Path(__file__).parent / "static"
PANEL_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'"
)


def control_routes(faults: FaultPlan, google: GoogleWorld | None) -> list[web.AbstractRouteDef]:
    """The control API, and its panel."""
    api = ControlApi(faults, google)
    return [
        web.get(BASE, api.panel),
        web.static(f"{BASE}/static", STATIC),
        web.get(f"{BASE}/faults", api.list_faults),
        web.post(f"{BASE}/faults", explaining(api.add_fault)),
        web.delete(f"{BASE}/faults", api.clear_faults),
        web.delete(f"{BASE}/faults/{{id}}", api.remove_fault),
        web.get(f"{BASE}/rate", api.list_rates),
        web.post(f"{BASE}/rate", explaining(api.set_rate)),
        web.get(f"{BASE}/calls", api.calls),
        web.delete(f"{BASE}/calls", api.forget_calls),
        web.get(f"{BASE}/google/state", api.google_state),
        web.get(f"{BASE}/google/file/{{id}}", api.google_file),
        web.post(f"{BASE}/google/{{action}}", explaining(api.google_action)),
    ]


class ControlApi:
    """Handlers of /sandbox/control."""

    def __init__(self, faults: FaultPlan, google: GoogleWorld | None):
        self._faults = faults
        self._google = google

    async def panel(self, request: web.Request) -> web.StreamResponse:
        """The page beside the chat."""
        headers = {"Content-Security-Policy": PANEL_POLICY, "X-Frame-Options": "SAMEORIGIN"}
        return web.FileResponse(STATIC / "panel.html", headers=headers)

    async def list_faults(self, request: web.Request) -> web.StreamResponse:
        """GET faults: all rules with their hits."""
        return web.json_response(
            {"faults": [fault.as_dict() for fault in self._faults.faults.values()]}
        )

    async def add_fault(self, request: web.Request) -> web.StreamResponse:
        """POST faults: a new rule."""
        return web.json_response(self._faults.add(await read_object(request)).as_dict())

    async def clear_faults(self, request: web.Request) -> web.StreamResponse:
        """DELETE faults: no rule any more, and nobody hangs."""
        self._faults.clear()
        return web.json_response({})

    async def remove_fault(self, request: web.Request) -> web.StreamResponse:
        """DELETE faults/{id}."""
        if not self._faults.remove(request.match_info["id"]):
            raise web.HTTPNotFound
        return web.json_response({})

    async def list_rates(self, request: web.Request) -> web.StreamResponse:
        """GET rate: all limits."""
        rates = self._faults.rates.items()
        return web.json_response(
            {"rates": [{"target": target, "bytes_per_second": limit} for target, limit in rates]}
        )

    async def set_rate(self, request: web.Request) -> web.StreamResponse:
        """POST rate: limit the bytes per second of each matching request; 0 lifts it."""
        body = await read_object(request)
        check_kinds(body, _RATE, "target")
        self._faults.set_rate(body["target"], body.get("bytes_per_second"))
        return web.json_response({})

    async def calls(self, request: web.Request) -> web.StreamResponse:
        """GET calls: counts by operation, the last thousand, and bodies that come slowly."""
        reading = [
            {"operation": operation, "bytes": meter.passed}
            for operation, meter in self._faults.reading
        ]
        return web.json_response(
            {
                "counts": dict(self._faults.counts),
                "calls": list(self._faults.recent),
                "reading": reading,
            }
        )

    async def forget_calls(self, request: web.Request) -> web.StreamResponse:
        """DELETE calls: start counting anew."""
        self._faults.counts.clear()
        self._faults.recent.clear()
        return web.json_response({})

    def _world(self) -> GoogleWorld:
        if self._google is None:
            raise web.HTTPNotFound
        return self._google

    async def google_state(self, request: web.Request) -> web.StreamResponse:
        """GET google/state."""
        token = {
            operation.removeprefix("google.token."): count
            for operation, count in self._faults.counts.items()
            if operation.startswith("google.token.")
        }
        return web.json_response({**self._world().summary(), "token_calls": token})

    async def google_file(self, request: web.Request) -> web.StreamResponse:
        """GET google/file/{id}: the raw bytes."""
        world = self._world()
        file = world.files.get(request.match_info["id"])
        if file is None or file.blob is None:
            raise web.HTTPNotFound
        return web.FileResponse(
            world.files.path(file), headers={"Content-Type": "application/octet-stream"}
        )

    async def google_action(self, request: web.Request) -> web.StreamResponse:
        """POST google/{action}; see ``sandbox/google/actions.py``."""
        world, name = self._world(), request.match_info["action"]
        if name not in ACTIONS:
            raise web.HTTPNotFound
        return web.json_response(act(world, name, await read_object(request)))
