"""Which computer of which department asks, by the key it brings."""

from __future__ import annotations

from typing import Final

from fastapi import Request

from departments.clients.clients import Client
from departments.clients.desk import ClientDesk, Wants
from departments.clients.refusals import NotAllowed, Refused, TooOften, WrongKey
from departments.names import Department
from web.gate.addresses import client_address
from web.gate.problems import Problem

MACHINE_HEADER: Final = "X-Drivekeeper-Machine"
"""A computer's own name for itself: a second one with the same key is a suspicion."""
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer"}


class ClientKeys:
    """Asked by routes for computers."""

    def __init__(self, desk: ClientDesk, hops: int) -> None:
        """
        Args:
            hops: TRUSTED_PROXY_HOPS.
        """
        self._desk = desk
        self._hops = hops

    @staticmethod
    def are_brought(request: Request) -> bool:
        """Whether the request brings a key, good or not."""
        return "Authorization" in request.headers

    def address_of(self, request: Request) -> str:
        """From where it is asked."""
        return client_address(request, self._hops)

    async def admit(
        self,
        request: Request,
        department: Department | None,
        wants: Wants,
    ) -> Client:
        """The computer, which may have that of this department (None: of its own).

        Raises:
            Problem: it may not (401, 403, 429); it is logged.
            OperatorFault: the storage does not answer.
        """
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        try:
            return await self._desk.admit(
                key.strip() if scheme.lower() == "bearer" else "",
                address=self.address_of(request),
                machine=request.headers.get(MACHINE_HEADER),
                department=department,
                wants=wants,
            )
        except Refused as refused:
            raise problem_of_refusal(refused) from refused


def problem_of_refusal(refused: Refused) -> Problem:
    """The answer to a computer that was refused."""
    match refused:
        case TooOften(retry_after=seconds):
            return Problem(429, refused.code, retry_after=seconds)
        case NotAllowed():
            return Problem(403, refused.code)
        case WrongKey(code="wrong_code"):
            return Problem(400, refused.code)
        case WrongKey(code="no_calendar"):
            return Problem(404, refused.code)
        case _:
            return Problem(401, refused.code, headers=_CHALLENGE)
