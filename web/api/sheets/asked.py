"""Who asks for a sheet, and for which: administrators for any, a computer for its department's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import Request

from departments.administrators.sessions import Session
from departments.clients.clients import Client
from departments.names import LONGEST, Department, Departments
from web.api.sheets.answers import JSON
from web.gate.asked_first import Guard, administrators
from web.gate.keys import ClientKeys
from web.gate.problems import Problem
from web.gate.signed_in import SignedIn

if TYPE_CHECKING:
    from sheets.keeping.services import SheetServices
    from sheets.shapes.file import Sheet


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody who may ask."""

    department: Department | None
    """None: there is none of that name."""
    session: Session | None = None
    """Not None: an administrator."""
    client: Client | None = None

    @property
    def administrator(self) -> str:
        """Who it is, as in departments/administrators/who.py.

        Raises:
            TypeError: it is a computer.
        """
        if self.session is None:
            raise TypeError("a computer decides nothing")
        return self.session.administrator

    @property
    def sees_people(self) -> bool:
        """Whether they are told of persons."""
        return self.session is not None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is asked for of a sheet."""

    asker: Asker
    sheet: Sheet
    period: str | None = None
    """None: the month that it is, or the next best."""
    at: float | None = None
    """None: now."""
    form: str = JSON
    person: str = ""
    """Of shifts: whose; empty: everybody's."""


def readers(departments: Departments, signed_in: SignedIn, keys: ClientKeys) -> Guard:
    """Lets administrators in, and computers of the department that is asked for."""

    async def guard(request: Request) -> Asker:
        department = _department(request, departments)
        if keys.are_brought(request):
            client = await keys.admit(request, department, "sheets")
            return Asker(department, client=client)
        return Asker(department, await signed_in(request))

    return guard


def deciders(departments: Departments, signed_in: SignedIn, keys: ClientKeys) -> Guard:
    """Lets administrators in, on this site's own pages."""
    admit = administrators(signed_in, keys)

    async def guard(request: Request) -> Asker:
        return Asker(_department(request, departments), await admit(request))

    return guard


def asked_of(
    request: Request, sheets: SheetServices | None, name: str
) -> tuple[Asker, SheetServices, Sheet]:
    """Who asks, and for which sheet.

    Args:
        sheets: None: SHEETS_FILE is not set.

    Raises:
        Problem: there is no such department, or no such sheet (404).
    """
    asker = request.state.asker
    if not isinstance(asker, Asker):
        raise TypeError("the route has another guard")
    if asker.department is None:
        raise Problem(404, "no_department")
    sheet = None if sheets is None else sheets.named(asker.department.slug, name)
    if sheets is None or sheet is None:
        raise Problem(404, "no_sheet")
    return asker, sheets, sheet


def _department(request: Request, departments: Departments) -> Department | None:
    name = request.path_params["department"]
    return departments.find(name) if len(name) <= LONGEST else None
