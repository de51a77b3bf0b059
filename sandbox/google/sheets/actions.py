"""What tests and the control panel may do to spreadsheets and service accounts, by name."""

from __future__ import annotations

from typing import Any, cast

from sandbox.google.oauth.service_accounts import ServiceAccount
from sandbox.google.sheets import a1, samples
from sandbox.google.sheets.formats import entered, shown
from sandbox.google.sheets.model import Area, Cell, Spreadsheet, Tab, Value
from sandbox.google.sheets.store import new_spreadsheet_id
from sandbox.google.world import GoogleWorld
from sandbox.json_api import InvalidRequest

Answer = dict[str, Any]
_SHIFTS = ("0905G", "(特)", "1425G")


def _sheet(world: GoogleWorld, sheet: str) -> Spreadsheet:
    found = world.sheets.all.get(sheet)
    if found is None:
        raise InvalidRequest("sheet: no such spreadsheet")
    return found


def _tab(world: GoogleWorld, sheet: str, tab: str | int) -> Tab:
    found = _sheet(world, sheet).tab(tab)
    if found is None:
        raise InvalidRequest("tab: no such tab")
    return found


def sheet(
    world: GoogleWorld,
    tabs: object,
    title: str = "Spreadsheet",
    zone: str = "Asia/Taipei",
    shared: object = (),
    id: str = "",
    is_office_file: bool = False,
) -> Answer:
    """A new spreadsheet, or one in the place of another of this ``id``.

    ``tabs``: objects of ``title``, ``gid``, ``rows`` and ``merges`` (each top, left, bottom,
    right; the ends outside), ``hidden``. A cell is text, a number, true, null, or an object of
    ``value``, ``formula``, ``error``, ``kind`` and ``pattern``.
    """
    made = Spreadsheet(
        id or new_spreadsheet_id(),
        title,
        zone,
        shared=[str(one) for one in cast("list[Any]", shared)],
        is_office_file=is_office_file,
    )
    try:
        for number, described in enumerate(cast("list[dict[str, Any]]", tabs)):
            made.tabs.append(_made_tab(number, **described))
    except (TypeError, ValueError, AttributeError) as error:
        raise InvalidRequest("tabs: not as they should be") from error
    world.sheets.add(made)
    return {"id": made.id, "url": f"/spreadsheets/d/{made.id}/edit"}


def _made_tab(
    number: int,
    title: str,
    rows: list[list[Any]],
    gid: int | None = None,
    merges: list[list[int]] | None = None,
    hidden: bool = False,
) -> Tab:
    tab = Tab(number if gid is None else gid, title, hidden=hidden)
    for row, cells in enumerate(rows):
        for column, found in enumerate(cells):
            tab.write((row, column), Cell(**found) if isinstance(found, dict) else Cell(found))
    tab.merges = [Area(*sides) for sides in merges or ()]
    return tab


def sheet_cell(world: GoogleWorld, sheet: str, tab: str | int, cell: str, text: str = "") -> Answer:
    """A planner types this into a cell; "": empties it."""
    found, place = _tab(world, sheet, tab), a1.place_of(cell)
    if place is None:
        raise InvalidRequest("cell: no such cell")
    before = found.cells.get(place, Cell())
    found.write(place, after := entered(text, before, world.sheets.today()))
    return {"cell": cell, "before": shown(before), "after": shown(after)}


def sheet_clear(world: GoogleWorld, sheet: str, tab: str | int) -> Answer:
    """A planner empties a whole tab."""
    _tab(world, sheet, tab).clear()
    return {}


def sheet_tab(
    world: GoogleWorld,
    sheet: str,
    tab: str | int,
    title: str | None = None,
    delete: bool = False,
    hidden: bool | None = None,
) -> Answer:
    """A planner renames a tab, hides or shows it, or deletes it."""
    found = _tab(world, sheet, tab)
    if title:
        found.title = title
    if hidden is not None:
        found.hidden = hidden
    if delete:
        _sheet(world, sheet).tabs.remove(found)
    return {"gid": found.gid, "title": found.title}


def sheet_share(world: GoogleWorld, sheet: str, address: str, on: bool = True) -> Answer:
    """A planner shares a spreadsheet with this address, or no longer."""
    shared = _sheet(world, sheet).shared
    if address in shared:
        shared.remove(address)
    if on:
        shared.append(address)
    return {"shared": shared}


def sheet_delete(world: GoogleWorld, sheet: str) -> Answer:
    """A spreadsheet is deleted for good: 404."""
    del world.sheets.all[_sheet(world, sheet).id]
    return {}


def sheet_samples(world: GoogleWorld, address: str) -> Answer:
    """The spreadsheets of 淡海 to try with, shared with this address, as at their beginning."""
    made = samples.samples(world.sheets.today(), address)
    for one in made:
        world.sheets.add(one)
    return {"ids": [one.id for one in made]}


def sheet_change(world: GoogleWorld, person: int = 0, day: int | None = None) -> Answer:
    """The planner of 淡海 changes a shift of this month's roster: to the next of a few.

    ``day``: of this month; null: today.
    """
    today = world.sheets.today()
    tab = _tab(world, samples.ROSTER_ID, samples.tab_title(today, "班表"))
    if not 0 <= person < len(samples.PEOPLE):
        raise InvalidRequest("person: no such person")
    place = (3 + person, 1 + (day or today.day))
    before = shown(tab.cells.get(place, Cell()))
    after = _SHIFTS[(_SHIFTS.index(before) + 1) % len(_SHIFTS)] if before in _SHIFTS else "(特)"
    tab.write(place, Cell(cast("Value", after)))
    cell = a1.place_name(*place)
    name = samples.PEOPLE[person][1]
    return {"tab": tab.title, "cell": cell, "person": name, "before": before, "after": after}


def sheet_quota(
    world: GoogleWorld, of_user: int | None = None, of_project: int | None = None
) -> Answer:
    """Reads a minute: of one account, and of all."""
    sheets = world.sheets
    sheets.reads_of_user = sheets.reads_of_user if of_user is None else of_user
    sheets.reads_of_project = sheets.reads_of_project if of_project is None else of_project
    return {"of_user": sheets.reads_of_user, "of_project": sheets.reads_of_project}


def service_account(
    world: GoogleWorld, address: str, key_id: str = "", public_key: str = "", disabled: bool = False
) -> Answer:
    """A service account; a ``key_id`` with a ``public_key`` in PEM becomes one of its keys, and
    without one is deleted."""
    keys = {key_id: public_key} if key_id and public_key else {}
    world.service_accounts.add(ServiceAccount(address, keys))
    found = world.service_accounts.all[address]
    if key_id and not public_key:
        found.keys.pop(key_id, None)
    found.disabled = disabled
    return {"address": address, "keys": [*found.keys], "disabled": disabled}


SHEET_ACTIONS = (
    *(sheet, sheet_cell, sheet_clear, sheet_tab, sheet_share, sheet_delete, sheet_samples),
    *(sheet_change, sheet_quota, service_account),
)
