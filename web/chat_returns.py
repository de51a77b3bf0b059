"""People who come back from Google to the chat they came from: a page whose button leads there.

It knows the core and, of the bot, only that somebody wants to be told.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog
from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from security.consent.flows import ConsentFlows
from security.consent.pending import PendingConsent
from security.custody.deadline import Deadline
from security.errors import CustodyError, OperatorFault, TransientFault
from web.pages import approved_page, refused_page

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
_NOT_NOW: Final = frozenset({"unavailable", "timeout", "rate_limited", "not_json"})
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ChatParts:
    """What the page needs of the bot."""

    consents: ConsentFlows
    offers_callback: bool
    """Whether people are sent here; a request from a time when they were is served either way."""
    bot_link: Callable[[], str | None]
    """The bot's address at Telegram, e.g. https://t.me/some_bot; None: it is still starting."""
    on_approved: Callable[[PendingConsent], Awaitable[None]]
    """Tells the person in the chat."""
    on_refused: Callable[[PendingConsent, CustodyError], Awaitable[None]]
    """Tells the person in the chat, with the reason."""


class ChatReturns:
    """People who come back, some of them several times.

    Those who ask the same at the same time wait for one answer, and the chat is told once. Nobody
    waits for that: the page itself says how to go on.
    """

    def __init__(self, parts: ChatParts) -> None:
        self._parts = parts
        self._under_way: dict[_Answer, asyncio.Task[PendingConsent]] = {}
        self._telling: set[asyncio.Task[None]] = set()

    async def answer(
        self, request: Request, state: str, code: str | None, error: str | None
    ) -> Response:
        """The page's button goes back to the asker's own chat; a reload shows it again."""
        languages = request.headers.get("Accept-Language", "")
        link = self._parts.bot_link()
        if link is None:  # before anything is spent: the page may be loaded again
            return HTMLResponse(refused_page("unavailable", languages), 503, HEADERS)
        try:
            pending = await self._taken(state, code, error)
        except CustodyError as refusal:
            _log.info("consent_refused", result=refusal.code)
            ours = isinstance(refusal, OperatorFault | TransientFault)
            status = 503 if ours or refusal.code in _NOT_NOW else 400
            if refusal.code == "wrong_state" and not self._parts.offers_callback:
                status = 404  # nothing here comes from a consent page
            return HTMLResponse(refused_page(refusal.code, languages), status, HEADERS)
        link = f"{link}?start={pending.claim_code.get_secret_value()}"
        return HTMLResponse(approved_page(link, languages), 200, HEADERS)

    async def _taken(self, state: str, code: str | None, error: str | None) -> PendingConsent:
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
        if asked is not None and asked.session:
            asked = None  # nobody's in a chat
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
