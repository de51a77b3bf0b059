"""Everything that serves departments, put together by a process's composition root."""

from __future__ import annotations

from dataclasses import dataclass

from departments.administrators.links import SignInLinks
from departments.administrators.sessions import Sessions
from departments.authorising.consents import DepartmentConsents
from departments.clients.desk import ClientDesk
from departments.console.services import ConsoleServices
from departments.names import Departments
from departments.overview import Overview
from departments.service_accounts.service_keys import ServiceKeys
from departments.tokens import Tokens
from departments.uploads.handed import HandedUploads
from security.custody.workers import Workers
from security.storage.clock import Clock


@dataclass(frozen=True, slots=True)
class DepartmentServices:
    """What fronts reach for."""

    departments: Departments
    workers: Workers
    clock: Clock
    links: SignInLinks
    sessions: Sessions
    desk: ClientDesk
    consents: DepartmentConsents
    tokens: Tokens
    uploads: HandedUploads
    overview: Overview
    service_keys: ServiceKeys
    console: ConsoleServices
