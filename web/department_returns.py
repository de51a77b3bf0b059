"""Administrators who come back from Google to the page where they asked for a department."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

import structlog
from fastapi import Request
from fastapi.responses import RedirectResponse, Response

from departments.administrators.sessions import Session
from departments.authorising.consents import DepartmentConsents, OtherSession
from departments.authorising.outcomes import ASK, DECLINED, SAVED, UNDER_WAY, Outcome
from security.errors import ConsentDenied, CustodyError
from web.gate.hosts import Hosts
from web.site.frame import Frame, answer
from web.site.pages import Problem, render_problem
from web.site.texts import texts_of

SETTINGS_PATH: Final = "/settings/google"
_DONE: Final = {SAVED: "authorised", DECLINED: "kept", UNDER_WAY: "waiting"}
_STATUSES: Final[dict[Problem, int]] = {"not_asked": 400, "other_session": 403, "unavailable": 503}
_NOT_FOR_OTHERS: Final = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
"""The address holds a code."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class DepartmentReturns:
    """Who asked, and whose browser it is that comes."""

    consents: DepartmentConsents
    session_of: Callable[[Request], Awaitable[Session | None]]
    """Whom a request's cookie belongs to; raises CustodyError where the storage does not say."""
    hosts: Hosts
    is_alone: bool
    """Whether nobody else takes people back here: what is no department's is then nobody's."""

    async def answer(
        self, request: Request, state: str, code: str | None, error: str | None
    ) -> Response | None:
        """Where the page is that says what became of it; None: it is for others to answer.

        Who has not asked learns nothing but that.
        """
        if not self.is_alone and not self.hosts.are_asked(request.headers):
            return None  # a chat's: a proxy may always have passed those on under a name of its own
        try:
            session = await self.session_of(request)
            session_id = None if session is None else session.id
            outcome = await self.consents.come_back(session_id, state=state, code=code, error=error)
        except OtherSession:
            return _refusal(request, "other_session")
        except ConsentDenied as refusal:
            _log.warning("access_denied", result=refusal.code)
            return _refusal(request, "not_asked")
        except CustodyError as fault:
            _log.warning("consent_refused", result=fault.code)
            return _refusal(request, "unavailable")
        if outcome is not None:
            return RedirectResponse(address_of(outcome), 303, _NOT_FOR_OTHERS)
        if not self.is_alone:
            return None
        _log.warning("access_denied", result="wrong_state")
        return _refusal(request, "not_asked")


def address_of(outcome: Outcome) -> str:
    """The page that says what became of a request, or asks, in words of ours alone."""
    said = {"department": outcome.department}
    if outcome.result in _DONE:
        said["done"] = _DONE[outcome.result]
    elif outcome.result != ASK:  # which the page shows by itself
        said["error"] = outcome.result
    return f"{SETTINGS_PATH}?{urlencode(said)}"


def _refusal(request: Request, problem: Problem) -> Response:
    """Nothing of the request's address is in the page: that holds a code."""
    page = render_problem(Frame(texts_of(request), SETTINGS_PATH), problem)
    return answer(request, page, _STATUSES[problem], **_NOT_FOR_OTHERS)
