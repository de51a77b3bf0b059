"""Spreadsheets to look at, and to change cell by cell, as whoever plans the shifts does.

It works without script: the bar above the table is a form. No sign-in; it is a sandbox.
"""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from sandbox.google.html import Html, join, page, page_to_raise, render
from sandbox.google.sheets import a1
from sandbox.google.sheets.formats import entered, shown
from sandbox.google.sheets.model import Area, Cell, Spreadsheet, Tab
from sandbox.google.world import GoogleWorld

_LEAST_ROWS, _LEAST_COLUMNS = 8, 6
_MOST_ROWS, _MOST_COLUMNS = 2000, 100
_LONGEST = 5000


def sheet_page_routes(world: GoogleWorld) -> list[web.AbstractRouteDef]:
    """Pages for people."""
    pages = SheetPages(world)
    edit = "/spreadsheets/d/{id}/edit"
    return [
        web.get("/spreadsheets", pages.home),
        web.get(edit, pages.show),
        web.post(edit, pages.write),
    ]


class SheetPages:
    """The list, and a tab as a table."""

    def __init__(self, world: GoogleWorld):
        self._world = world

    async def home(self, request: web.Request) -> web.StreamResponse:
        """/spreadsheets: all there are."""
        rows = [
            render(
                "sheet_row.html",
                href=_link(found),
                title=found.title,
                shared=", ".join(found.shared) or "nobody",
            )
            for found in self._world.sheets.all.values()
        ]
        body = render("sheets.html", rows=join(rows) if rows else render("sheets_none.html"))
        return page("Spreadsheets", body, wide=True)

    async def show(self, request: web.Request) -> web.StreamResponse:
        """/spreadsheets/d/{id}/edit?gid=…: one tab; ?cell=…: with this one chosen."""
        found, tab = self._found(request, request.query.get("gid", ""))
        return self._page(found, tab, request.query.get("cell", ""))

    async def write(self, request: web.Request) -> web.StreamResponse:
        """POST: what somebody types into a cell stands there at once."""
        form = await request.post()
        found, tab = self._found(request, str(form.get("gid", "")))
        name, text = str(form.get("cell", "")), str(form.get("text", ""))[:_LONGEST]
        place = a1.place_of(name)
        if place is None or place[0] >= _MOST_ROWS or place[1] >= _MOST_COLUMNS:
            return self._page(found, tab, name, "There is no such cell.", status=400)
        cell = entered(text, tab.cells.get(place, Cell()), self._world.sheets.today())
        tab.write(place, cell)
        self._world.note_change()
        raise web.HTTPSeeOther(_link(found, tab, cell=a1.place_name(*place)))

    def _found(self, request: web.Request, gid: str) -> tuple[Spreadsheet, Tab]:
        found = self._world.sheets.all.get(request.match_info["id"])
        if found is None or not found.tabs:
            raise page_to_raise("Not found", render("gone.html"), status=404)
        tab = found.tab(int(gid)) if gid.isdecimal() else None
        return found, tab or found.tabs[0]

    def _page(
        self, found: Spreadsheet, tab: Tab, chosen: str, fault: str = "", *, status: int = 200
    ) -> web.Response:
        place = a1.place_of(chosen)
        cell = tab.cells.get(place) if place else None
        body = render(
            "sheet.html",
            title=found.title,
            shared=", ".join(found.shared) or "nobody",
            zone=found.zone,
            gid=tab.gid,
            cell=chosen,
            text="" if cell is None else _typed(cell),
            fault=render("problem.html", text=fault) if fault else Html(""),
            note=self._world.sheets.note(),
            tabs=join([_tab_link(found, one, is_open=one is tab) for one in found.tabs]),
            table=_table(tab, place),
        )
        title = f"{tab.title} – {found.title}"
        return page(title, body, status=status, layout="sheet", scripted=True)


def _link(found: Spreadsheet, tab: Tab | None = None, **more: str) -> str:
    query = ({} if tab is None else {"gid": str(tab.gid)}) | more
    return f"/spreadsheets/d/{found.id}/edit" + (f"?{urlencode(query)}" if query else "")


def _tab_link(found: Spreadsheet, tab: Tab, *, is_open: bool) -> Html:
    current = Html(' aria-current="page"' if is_open else "")
    return render("sheet_tab.html", href=_link(found, tab), title=tab.title, current=current)


def _typed(cell: Cell) -> str:
    """What the bar shows of a cell: what was typed into it, more or less."""
    return cell.formula or shown(cell)


def _table(tab: Tab, chosen: tuple[int, int] | None) -> Html:
    rows = min(max((row for row, _ in tab.cells), default=0) + 3, _MOST_ROWS)
    columns = min(max((column for _, column in tab.cells), default=0) + 2, _MOST_COLUMNS)
    rows, columns = max(rows, _LEAST_ROWS), max(columns, _LEAST_COLUMNS)
    inside = {
        (row, column): area
        for area in tab.merges
        for row in range(area.top, area.bottom)
        for column in range(area.left, area.right)
    }
    head = [render("sheet_letter.html", letters=a1.letters(column)) for column in range(columns)]
    lines = [
        render(
            "sheet_line.html",
            number=row + 1,
            cells=join(
                [
                    _cell(tab, (row, column), inside.get((row, column)), chosen)
                    for column in range(columns)
                ]
            ),
        )
        for row in range(rows)
    ]
    return render("sheet_table.html", head=join(head), lines=join(lines))


def _cell(
    tab: Tab, place: tuple[int, int], area: Area | None, chosen: tuple[int, int] | None
) -> Html:
    if area is not None and place != (area.top, area.left):
        return Html("")
    cell = tab.cells.get(place, Cell())
    is_number = isinstance(cell.value, int | float) and not isinstance(cell.value, bool)
    state = "wrong" if cell.error else "figure" if is_number else "text"
    name = a1.place_name(*place)
    return render(
        "sheet_cell.html",
        name=name,
        href="?" + urlencode({"gid": tab.gid, "cell": name}),
        text=shown(cell),
        typed=_typed(cell),
        state=state + (" chosen" if place == chosen else ""),
        across=1 if area is None else area.right - area.left,
        down=1 if area is None else area.bottom - area.top,
    )
