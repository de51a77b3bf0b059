"""One call of a Bot API method: its parameters and uploads, however they came.

https://core.telegram.org/bots/api#making-requests: query string, form, multipart or JSON.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, web

from sandbox.telegram.errors import bad_request
from sandbox.telegram.files.store import LOCAL_LIMIT, UPLOAD_LIMIT, Blob, StoredFile
from sandbox.telegram.model import Chat, Json, dumps
from sandbox.telegram.parameters import parse_json

if TYPE_CHECKING:
    from sandbox.telegram.world import TelegramWorld

PIECE = 64 * 1024


@dataclass(frozen=True)
class Upload:
    """A file that came with the call."""

    blob: Blob
    name: str
    mime: str


@dataclass
class Call:
    """Parameters are strings, as the real server keeps them; JSON values are written out again."""

    world: TelegramWorld
    method: str
    args: dict[str, str] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """A parameter, or the empty string."""
        return self.args.get(name, "")

    def flag(self, name: str) -> bool:
        """A Boolean parameter (`Client::to_bool`)."""
        return self.text(name).strip().lower() in ("true", "yes", "1")

    def number(
        self, name: str, default: int = 0, low: int = -(2**31), high: int = 2**31 - 1
    ) -> int:
        """An integer parameter, forced into its bounds; rubbish counts as 0."""
        try:
            value = int(self.text(name) or default)
        except ValueError:
            value = 0
        return max(low, min(high, value))

    def chat(self) -> Chat:
        """The chat that `chat_id` names; raises ApiError."""
        return self.world.find_chat(self.text("chat_id"))

    def strings(self, name: str) -> list[str] | None:
        """A parameter that is a JSON array of strings."""
        raw = self.text(name)
        if not raw:
            return None
        otherwise = f"Can't parse {name} JSON object"
        return [str(item) for item in parse_json(raw, name, list, otherwise)]

    def media(self, name: str, kind: str, given: str | None = None) -> Upload | StoredFile | None:
        """A file to send: uploaded, sent again by identifier, or (local mode) a file:// path."""
        value = self.text(name).strip() if given is None else given
        if value.startswith("attach://"):
            return self.files.get(value.removeprefix("attach://"))
        if value.startswith("file:/") and self.world.local_mode:
            path = Path("/" + value.removeprefix("file:").lstrip("/"))
            # The real server takes any file it may read; here whoever opens the port may ask.
            if not self.world.files.holds(path):
                raise bad_request("Wrong file identifier/HTTP URL specified")
            return Upload(self.world.files.copy(path), path.name, "")
        if "." in value:  # as the library decides: a URL, which the sandbox never fetches
            raise bad_request("Failed to get HTTP URL content")
        if value:
            return self.world.files.find_for_sending(value, kind)
        return self.files.get(name)


Method = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True)
class Described:
    """A result that comes with a description."""

    result: Any
    description: str


@dataclass(frozen=True)
class Raw:
    """A result that is written out already."""

    text: str


class Methods(dict[str, tuple[str, Method]]):
    """Methods by their name in small letters: "all methods … are case-insensitive"."""

    def add(self, *names: str) -> Callable[[Method], Method]:
        """Register a function under one or more names."""

        def register(function: Method) -> Method:
            for name in names:
                self[name.lower()] = (name, function)
            return function

        return register


METHODS = Methods()


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else dumps(value)


async def _pieces(part: BodyPartReader) -> AsyncIterator[bytes]:
    while piece := await part.read_chunk(PIECE):
        yield piece


async def _multipart(request: web.Request, call: Call) -> None:
    limit = LOCAL_LIMIT if call.world.local_mode else UPLOAD_LIMIT
    async for part in await request.multipart():
        if not isinstance(part, BodyPartReader) or not part.name:
            continue
        if part.filename is None:
            call.args[part.name] = (await part.read()).decode("utf-8", "replace")
            continue
        blob = await call.world.files.receive(_pieces(part), limit)
        mime = part.headers.get("Content-Type", "").partition(";")[0]
        call.files[part.name] = Upload(blob, part.filename, mime)


async def read_call(request: web.Request, world: TelegramWorld, method: str) -> Call:
    """Collect the parameters of a request; uploads go to disk as they come."""
    call = Call(world, method, dict(request.query))
    kind = request.content_type
    if request.method != "POST" or not request.body_exists:
        return call
    if kind == "multipart/form-data":
        try:
            await _multipart(request, call)
        except ValueError as error:
            raise bad_request("can't parse multipart/form-data") from error
    elif kind == "application/json":
        try:
            body: Json = json.loads(await request.read() or b"{}")
            call.args.update(
                {name: _written(value) for name, value in body.items() if value is not None}
            )
        except (ValueError, AttributeError):
            raise bad_request("can't parse JSON object") from None
    else:
        form = await request.post()
        call.args.update({name: str(value) for name, value in form.items()})
    return call
