"""What can go wrong, on order: rules, rates, and the middleware that applies them.

A rule names operations by a pattern (see ``operations.py``) and what becomes of the next N calls.
The middleware also keeps the record of calls, since it is the one place that sees all of them.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from fnmatch import fnmatchcase
from typing import Any, cast

from aiohttp import web

from sandbox.faults.answers import failure_response, html_response, odd_response
from sandbox.faults.metering import (
    SLOW,
    AlteredWriter,
    ConnectionCutError,
    Meter,
    MeteredReader,
    MeteredWriter,
    PlainFileResponse,
    read_little_ahead,
)
from sandbox.faults.rules import Fault, read_fault
from sandbox.json_api import InvalidRequest, read_object
from sandbox.operations import OWNER, drain, operation_of

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HISTORY = 1000


class FaultPlan:
    """All rules in force, and what has been called."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.faults: dict[str, Fault] = {}
        self.rates: dict[str, float] = {}  # pattern → bytes a second, each way, of each request
        self.reading: list[tuple[str, Meter]] = []  # bodies that come slowly, just now
        self.counts: Counter[str] = Counter()
        self.recent: deque[dict[str, Any]] = deque(maxlen=HISTORY)
        self.on_slow_line: Callable[[], None] = lambda: None
        # Set by the Google half: who a bearer token belongs to, for rules with an owner.
        self.owner_of: Callable[[web.Request], Awaitable[str | None]] | None = None

    def add(self, spec: dict[str, Any]) -> Fault:
        """Make a rule of a JSON object; raises InvalidRequest."""
        number = str(next(self._numbers))
        fault = read_fault(number, spec)
        self.faults[number] = fault
        return fault

    def remove(self, fault_id: str) -> bool:
        """Take one rule out and let go of whoever hangs on it."""
        fault = self.faults.pop(fault_id, None)
        if fault is not None:
            fault.cleared.set()
        return fault is not None

    def clear(self) -> None:
        """Take all rules out."""
        for fault_id in list(self.faults):
            self.remove(fault_id)

    def set_rate(self, target: str, bytes_per_second: float | None) -> None:
        """Limit matching requests; 0 or None lifts the limit of exactly this pattern."""
        self.rates.pop(target, None)
        if bytes_per_second:
            self.rates[target] = float(bytes_per_second)
            if bytes_per_second < SLOW:
                self.on_slow_line()

    def rate_of(self, operation: str) -> float | None:
        """The tightest limit on an operation."""
        limits = [
            limit
            for target, limit in self.rates.items()
            if fnmatchcase(operation.lower(), target.lower())
        ]
        return min(limits, default=None)

    async def _striking(self, operation: str, request: web.Request) -> list[Fault]:
        """The rules that strike a call: every latency, and of the others the oldest."""
        chosen: list[Fault] = []
        struck = False
        owner: str | None = None
        for fault in list(self.faults.values()):
            if (struck and fault.kind != "latency") or not fault.matches(operation):
                continue
            if fault.owner is not None:
                owner = owner or await self._owner(request)
                if owner != fault.owner:
                    continue
            if fault.kind == "cut_body" and not _reaches(request, fault.options["after_bytes"]):
                continue
            if fault.count_call():
                chosen.append(fault)
                struck = struck or fault.kind != "latency"
        return chosen

    async def _owner(self, request: web.Request) -> str:
        if request.path.startswith(("/bot", "/file/bot")):
            return await _telegram_owner(request)
        return (self.owner_of and await self.owner_of(request)) or ""

    def record(self, operation: str, status: int, started: float, request: web.Request) -> None:
        """Note one finished call; status 0: it got no answer; length: of its body, announced."""
        self.counts[operation] += 1
        self.recent.append(
            {
                "operation": operation,
                "status": status,
                "seconds": round(time.monotonic() - started, 4),
                "owner": request.get(OWNER),
                "length": request.content_length or 0,
                "at": round(time.time(), 3),
            }
        )

    @web.middleware
    async def middleware(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Make the rules happen."""
        operation = await operation_of(request)
        if operation is None:
            return await handler(request)
        started = time.monotonic()
        status = 0
        try:
            response = await self._answer(operation, request, handler)
            status = response.status
        except web.HTTPException as answer:
            status = answer.status
            raise
        except _DropError:
            return _closed(request)
        except ConnectionResetError:
            if request.transport is not None:
                raise
            return _closed(request)  # whoever asked has left in the middle of it
        finally:
            self.record(operation, status, started, request)
        return response

    async def _answer(
        self, operation: str, request: web.Request, handler: Handler
    ) -> web.StreamResponse:
        fault: Fault | None = None
        for strike in await self._striking(operation, request) if self.faults else ():
            if strike.kind == "latency":
                await _wait(strike, request, float(strike.options["seconds"]))
            else:
                fault = strike
        kind, options = (fault.kind, fault.options) if fault else ("", {})
        if kind in ("status", "oauth_error", "html"):
            await drain(request)
            make = html_response if kind == "html" else failure_response
            return make(operation, options)
        if fault and kind == "hang":
            await _wait(fault, request, None)
        if kind in ("drop", "hang"):
            raise _DropError
        rate = self.rate_of(operation)
        inside = cast("Any", request)
        incoming: Meter | None = None
        if rate or kind in ("cut_body", "cut_response"):
            cut = options.get("after_bytes")
            incoming = Meter(rate, cut if kind == "cut_body" else None)
            if rate:
                if rate < SLOW:
                    read_little_ahead(request)
                self.reading.append((operation, incoming))
            outgoing = Meter(rate, cut if kind == "cut_response" else None)
            inside._payload = MeteredReader(inside._payload, incoming)
            writer = inside._payload_writer
            inside._payload_writer = MeteredWriter(writer, outgoing, lambda: _close(request))
        if kind == "altered":
            inside._payload_writer = AlteredWriter(inside._payload_writer, options)
        try:
            response = await handler(request)
        except ConnectionCutError as cut_error:
            if request.transport is not None:
                request.transport.abort()
            raise _DropError from cut_error
        finally:
            self.reading = [one for one in self.reading if one[1] is not incoming]
        if kind in ("after", "cut_body"):  # a body of unknown length may end before its cut
            raise _DropError
        if kind == "odd":
            return odd_response(response, options)
        if (rate or kind in ("cut_response", "altered")) and isinstance(response, web.FileResponse):
            return PlainFileResponse(
                response._path, status=response.status, headers=response.headers
            )
        return response


class _DropError(Exception):
    """End the connection without an answer."""


def _reaches(request: web.Request, size: int) -> bool:
    """Whether the body is long enough to be cut there; a short one goes by, and is not counted."""
    return request.content_length is None or request.content_length > size


async def _wait(fault: Fault, request: web.Request, seconds: float | None) -> None:
    """Wait, but not for a client who has left nor for a rule that was cleared."""
    end = None if seconds is None else time.monotonic() + seconds
    while request.transport is not None and not request.transport.is_closing():
        left = 0.2 if end is None else min(0.2, end - time.monotonic())
        if left <= 0:
            return
        try:
            await asyncio.wait_for(fault.cleared.wait(), left)
        except TimeoutError:
            continue
        return


def _close(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.close()


def _closed(request: web.Request) -> web.Response:
    """Close the connection; the answer returned here finds it closed and is not sent."""
    _close(request)
    response = web.Response(status=500)
    response.force_close()
    return response


async def _telegram_owner(request: web.Request) -> str:
    """The chat a Bot API call is about, where it says so without an upload."""
    found: Mapping[str, Any] = request.query
    if "chat_id" not in found and request.content_type == "application/json":
        with suppress(InvalidRequest):
            found = await read_object(request)
    elif "chat_id" not in found and request.content_type == "application/x-www-form-urlencoded":
        found = await request.post()
    return str(found.get("chat_id") or found.get("user_id") or "")
