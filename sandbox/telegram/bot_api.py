"""The Bot API over HTTP: tokens, methods, downloads.

https://core.telegram.org/bots/api#authorizing-your-bot and #making-requests.
"""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web

from sandbox.operations import OWNER
from sandbox.telegram.call import Described, Raw, read_call
from sandbox.telegram.errors import ApiError, bad_request
from sandbox.telegram.files.store import DOWNLOAD_LIMIT, StoredFile
from sandbox.telegram.methods import METHODS
from sandbox.telegram.model import dumps
from sandbox.telegram.world import TelegramWorld

_TOKEN = re.compile(r"[1-9]\d{0,16}:[\w-]{20,}", re.ASCII)
# Parameters that others have replaced, or that no bot here uses.
_NOT_MODELLED = (
    *("reply_to_message_id", "allow_sending_without_reply", "disable_web_page_preview"),
    "protect_content",
)


def bot_api_routes(world: TelegramWorld) -> list[web.RouteDef]:
    """Methods and downloads."""
    api = BotApi(world)
    method = r"/bot{token:[^/]*}/{method:.*}"
    return [
        web.get(method, api.call, allow_head=False),
        web.post(method, api.call),
        web.get(r"/file/bot{token:[^/]*}/{path:.*}", api.download),
    ]


class BotApi:
    """Handlers for /bot<token>/<method> and /file/bot<token>/<path>."""

    def __init__(self, world: TelegramWorld):
        self.world = world

    def _check_token(self, token: str) -> None:
        """The cloud answers a token of the wrong shape 404, a local server 401."""
        if not _TOKEN.fullmatch(token):
            if self.world.local_mode:
                raise ApiError(401, "Unauthorized: invalid token specified")
            raise ApiError(404, "Not Found")
        if token != self.world.token:
            raise ApiError(401, "Unauthorized")

    async def call(self, request: web.Request) -> web.StreamResponse:
        """Carry a method out."""
        try:
            return _answer(await self._carry_out(request))
        except ApiError as error:
            return _refusal(error)

    async def _carry_out(self, request: web.Request) -> Any:
        self._check_token(request.match_info["token"])
        name = request.match_info["method"].lower()
        found = METHODS.get(name)
        if found is None:
            raise ApiError(404, "Not Found: method not found")
        if self.world.logged_out and name != "logout":
            raise ApiError(400, "Logged out")
        canonical, method = found
        self.world.calls[canonical] += 1
        call = await read_call(request, self.world, canonical)
        for parameter in _NOT_MODELLED:
            if parameter in call.args:
                raise bad_request(f"the sandbox does not model {parameter}")
        request[OWNER] = call.text("chat_id") or None  # for the record of calls
        return await method(call)

    async def download(self, request: web.Request) -> web.StreamResponse:
        """Serve a file; a local server serves none, and nothing above 20 MB has a path here."""
        try:
            stored = self._stored(request)
        except ApiError as error:
            return _refusal(error)
        headers = {"Content-Type": "application/octet-stream"}
        return web.FileResponse(stored.blob.path, headers=headers)

    def _stored(self, request: web.Request) -> StoredFile:
        self._check_token(request.match_info["token"])
        stored = self.world.files.at(request.match_info["path"])
        if (
            self.world.local_mode
            or stored is None
            or not stored.blob.path.exists()
            or stored.blob.size > DOWNLOAD_LIMIT
        ):
            raise ApiError(404, "Not Found")
        return stored


def _answer(result: Any) -> web.Response:
    if isinstance(result, Raw):
        text = f'{{"ok":true,"result":{result.text}}}'
    elif isinstance(result, Described):
        text = dumps({"ok": True, "result": result.result, "description": result.description})
    else:
        text = dumps({"ok": True, "result": result})
    return web.Response(body=text.encode("utf-8", "replace"), content_type="application/json")


def _refusal(error: ApiError) -> web.Response:
    headers = {}
    if "retry_after" in error.parameters:
        headers["Retry-After"] = str(error.parameters["retry_after"])
    text = dumps(error.as_json())
    return web.Response(
        text=text, status=error.code, headers=headers, content_type="application/json"
    )
