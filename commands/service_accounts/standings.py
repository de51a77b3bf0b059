"""How the keys of all departments stand, for whoever only looks."""

from __future__ import annotations

from commands.runtime import Installation
from departments.names import Departments
from departments.service_accounts.service_keys import ServiceKeys
from departments.service_accounts.standing import KeyStanding
from security.errors import CustodyError
from security.storage.disk_faults import disk_faults

UNKEPT = "Without TOKEN_ENCRYPTION_KEY nothing is kept of departments, nor the age of their keys."


def standings(there: Installation) -> tuple[list[KeyStanding], CustodyError | None]:
    """Each department's, in the setting's order; and why ages could not be looked up, if so."""
    settings, fault = there.settings, None
    departments = Departments(settings.departments)
    keys = ServiceKeys(there.storage, departments, settings.service_accounts)
    try:
        with disk_faults():
            if there.is_there():
                keys.look()
    except CustodyError as error:
        fault = error
    return [keys.of(department) for department in departments], fault


def age_of(one: KeyStanding) -> str:
    """In words; "" where it is not known."""
    if one.days is None:
        return ""
    if not one.days:
        return "was first seen today"
    return f"is at least {'1 day' if one.days == 1 else f'{one.days} days'} old"
