"""The web front: where Google's consent page comes back to, a health check, and the webhook.

It knows the core and, of the bot, only that somebody wants to be told.
https://developers.google.com/identity/protocols/oauth2/web-server#handlingresponse
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from starlette.datastructures import Headers

from security.consent.flows import ConsentFlows
from security.consent.pending import PendingConsent
from security.custody.deadline import Deadline
from security.errors import CustodyError, OperatorFault, TransientFault
from web.pages import approved_page, refused_page
from web.webhook import Webhook, add_webhook

CALLBACK_PATH: Final = "/api/auth/google/callback"
HEADERS: Final = {
    # The address holds a code, and the page a one-time code: neither is for anybody else.
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'",
}
_PATIENCE_SECONDS: Final = 12
"""For Google's answers, while somebody looks at an empty page."""
_Answer = tuple[str, str | None, str | None]
_OTHERS: Final = frozenset({"used", "wrong_state", "superseded", "locked"})
"""Refusals of an address that leave the request as it was."""
_PURPOSES: Final = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")
_NOT_NOW: Final = frozenset({"unavailable", "timeout", "rate_limited", "not_json"})
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class WebParts:
    """What the pages need of the rest of the process."""

    consents: ConsentFlows
    offers_callback: bool
    """Whether people are sent here; a request from a time when they were is served either way."""
    is_alive: Callable[[], bool]
    bot_link: Callable[[], str | None]
    """The bot's address at Telegram, e.g. https://t.me/some_bot; None: it is still starting."""
    on_approved: Callable[[PendingConsent], Awaitable[None]]
    """Tells the person in the chat."""
    on_refused: Callable[[PendingConsent, CustodyError], Awaitable[None]]
    """Tells the person in the chat, with the reason."""
    webhook: Webhook | None = None
    """Where Telegram brings updates; None: the bot asks for them."""


def create_app(parts: WebParts) -> FastAPI:
    """The pages of the bot's process."""
    app = FastAPI(
        title="Drivekeeper",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        # They are built from the Host header, which anybody writes.
        redirect_slashes=False,
    )

    returns = _Returns(parts)

    @app.get("/healthz")
    async def healthz() -> Response:
        """200 while Telegram answers the bot, else 503."""
        alive = parts.is_alive()
        return JSONResponse({"alive": alive}, status_code=200 if alive else 503)

    @app.get(CALLBACK_PATH)
    async def google_callback(
        request: Request, state: str = "", code: str | None = None, error: str | None = None
    ) -> Response:
        """The page's button goes back to the asker's own chat; a reload shows it again."""
        if _is_speculative(request.headers):
            return Response(status_code=503, headers=HEADERS)
        languages = request.headers.get("Accept-Language", "")
        link = parts.bot_link()
        if link is None:  # before anything is spent: the page may be loaded again
            return HTMLResponse(refused_page("unavailable", languages), 503, HEADERS)
        try:
            pending = await returns.take(state, code, error)
        except CustodyError as refusal:
            _log.info("consent_refused", result=refusal.code)
            ours = isinstance(refusal, OperatorFault | TransientFault)
            status = 503 if ours or refusal.code in _NOT_NOW else 400
            if refusal.code == "wrong_state" and not parts.offers_callback:
                status = 404  # nothing here comes from a consent page
            return HTMLResponse(refused_page(refusal.code, languages), status, HEADERS)
        link = f"{link}?start={pending.claim_code.get_secret_value()}"
        return HTMLResponse(approved_page(link, languages), 200, HEADERS)

    if parts.webhook is not None:
        add_webhook(app, parts.webhook)
    return app


def _is_speculative(headers: Headers) -> bool:
    """Whether a browser fetches the page ahead, unseen, and may never show it.

    It asks again when it needs the page: https://wicg.github.io/nav-speculation/prefetch.html
    """
    said = (headers.get(name, "").strip().lower() for name in _PURPOSES)
    return any(purpose.startswith(("prefetch", "prerender", "preview")) for purpose in said)


class _Returns:
    """People who come back from Google, some of them several times.

    Those who ask the same at the same time wait for one answer, and the chat is told once. Nobody
    waits for that: the page itself says how to go on.
    """

    def __init__(self, parts: WebParts) -> None:
        self._parts = parts
        self._under_way: dict[_Answer, asyncio.Task[PendingConsent]] = {}
        self._telling: set[asyncio.Task[None]] = set()

    async def take(self, state: str, code: str | None, error: str | None) -> PendingConsent:
        """The request, with the code for the page's button.

        Raises:
            CustodyError: as `ConsentFlows.accept_redirect`; TransientFault("timeout"): it goes on,
                and the chat is told how it ends.
        """
        answer = state, code, error
        task = self._under_way.get(answer)
        if task is None:
            task = asyncio.create_task(self._take(*answer))
            self._under_way[answer] = task
            task.add_done_callback(partial(self._ended, answer))
        async with Deadline.after(_PATIENCE_SECONDS).kept():
            return await asyncio.shield(task)  # it goes on, though the browser may have gone

    def _ended(self, answer: _Answer, task: asyncio.Task[PendingConsent]) -> None:
        del self._under_way[answer]
        if not task.cancelled():
            task.exception()  # not lost, though whoever waited for it may have gone

    async def _take(self, state: str, code: str | None, error: str | None) -> PendingConsent:
        asked = await self._parts.consents.by_state(state)
        try:
            pending = await self._parts.consents.accept_redirect(asked, code=code, error=error)
        except CustodyError as refusal:
            if asked is not None and refusal.code not in _OTHERS:
                self._tell(self._parts.on_refused(asked, refusal))
            raise
        if asked is None or asked.stage != "approved":  # else they have been told
            self._tell(self._parts.on_approved(pending))
        return pending

    def _tell(self, message: Awaitable[None]) -> None:
        task = asyncio.create_task(_logged(message))
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)


async def _logged(message: Awaitable[None]) -> None:
    try:
        await message
    except Exception:
        _log.warning("message_not_sent", exc_info=True)
