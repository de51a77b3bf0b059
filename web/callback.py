"""Where Google's consent page sends the browser, whoever asked: somebody in a chat, or on a page.

https://developers.google.com/identity/protocols/oauth2/web-server#handlingresponse
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.datastructures import Headers

from web.chat_returns import HEADERS, ChatReturns

if TYPE_CHECKING:  # it brings the pages' templates along, and the bot may serve none
    from web.department_returns import DepartmentReturns

CALLBACK_PATH: Final = "/api/auth/google/callback"
_PURPOSES: Final = ("Sec-Purpose", "Purpose", "X-Purpose", "X-Moz")


def add_callback(
    app: FastAPI, chat: ChatReturns | None, departments: DepartmentReturns | None
) -> None:
    """Serve the address for whoever asks for consents here: one of them at least."""

    @app.get(CALLBACK_PATH)
    async def google_callback(
        request: Request, state: str = "", code: str | None = None, error: str | None = None
    ) -> Response:
        """Take somebody back, any number of times."""
        if _is_speculative(request.headers):
            return Response(status_code=503, headers=HEADERS)
        if departments is not None:
            answer = await departments.answer(request, state, code, error)
            if answer is not None:
                return answer
        if chat is not None:
            return await chat.answer(request, state, code, error)
        return Response(status_code=404, headers=HEADERS)


def _is_speculative(headers: Headers) -> bool:
    """Whether a browser fetches the page ahead, unseen, and may never show it.

    It asks again when it needs the page: https://wicg.github.io/nav-speculation/prefetch.html
    """
    said = (headers.get(name, "").strip().lower() for name in _PURPOSES)
    return any(purpose.startswith(("prefetch", "prerender", "preview")) for purpose in said)
