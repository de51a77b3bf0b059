"""Departments on the sandbox's pages: how an administrator signs in, and what can go wrong.

The page works without script: whoever tries departments without it has to get in as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from string import Template
from typing import Final, TypeVar

from aiohttp import web

from sandbox.departments.office import NotNow, Office
from sandbox.json_api import check_kinds, explaining, read_object

T = TypeVar("T")
PAGE: Final = "/departments"
BASE: Final = "/sandbox/control/departments"
_NAME: Final = "Sandbox"
_LONGEST_NAME: Final = 40
_TEMPLATE: Final = Path(__file__).parent / "static" / "departments.html"
PAGE_HEADERS: Final = {
    # No form-action: it would forbid the way on to the web process.
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}


def department_routes(office: Callable[[], Office | None]) -> list[web.RouteDef]:
    """The page, and the controls.

    Args:
        office: None: no departments are served beside this sandbox.
    """
    pages = DepartmentPages(office)
    return [
        web.get(PAGE, pages.show),
        web.post(f"{PAGE}/link", pages.sign_in),
        web.get(BASE, pages.state),
        web.post(f"{BASE}/sweep", explaining(pages.sweep, NotNow)),
        web.post(f"{BASE}/database", explaining(pages.database, NotNow)),
        web.post(f"{BASE}/sleep", explaining(pages.sleep, NotNow)),
    ]


class DepartmentPages:
    """Handlers of /departments and /sandbox/control/departments."""

    def __init__(self, office: Callable[[], Office | None]) -> None:
        self._found = office

    def _office(self) -> Office:
        return there(self._found(), "No departments are served")

    async def show(self, request: web.Request) -> web.StreamResponse:
        """GET /departments."""
        return self._page(_NAME)

    async def sign_in(self, request: web.Request) -> web.StreamResponse:
        """POST /departments/link: to the page of a real link, whose button signs in."""
        name = str((await request.post()).get("as", ""))[:_LONGEST_NAME]
        try:
            link = await self._office().link(name)
        except NotNow as reason:
            return self._page(name, str(reason), status=503)
        return web.Response(status=303, headers={**PAGE_HEADERS, "Location": link})

    async def state(self, request: web.Request) -> web.StreamResponse:
        """GET: where they are served, if they are, and what keeps them from being."""
        office = self._found()
        if office is None:
            return web.json_response({"url": None})
        return web.json_response(
            {
                "url": office.url,
                "database_away": office.is_database_away,
                "asleep": office.is_asleep,
            }
        )

    async def sweep(self, request: web.Request) -> web.StreamResponse:
        """POST sweep: `drivekeeper maintenance run`, to which every token is due."""
        return web.json_response(await self._office().sweep())

    async def database(self, request: web.Request) -> web.StreamResponse:
        """POST database {"away"}: its file is somewhere else, or is put back."""
        body = await read_object(request)
        check_kinds(body, {"away": bool}, "away")
        await self._office().take_database_away(body["away"])
        return await self.state(request)

    async def sleep(self, request: web.Request) -> web.StreamResponse:
        """POST sleep {"asleep"}: the web process answers nobody, or wakes."""
        body = await read_object(request)
        check_kinds(body, {"asleep": bool}, "asleep")
        await self._office().sleep(body["asleep"])
        return await self.state(request)

    def _page(self, name: str, fault: str = "", *, status: int = 200) -> web.Response:
        fields = {"url": self._office().url, "name": name}
        return rendered(_TEMPLATE, fields, fault=fault, status=status)


def there(found: T | None, none: str) -> T:
    """What is run beside the sandbox.

    Raises:
        web.HTTPNotFound: nothing, which is said with `none`.
    """
    if found is None:
        raise web.HTTPNotFound(text=f"{none} beside this sandbox.\n")
    return found


def rendered(
    template: Path, fields: Mapping[str, str], *, fault: str = "", done: str = "", status: int = 200
) -> web.Response:
    """A page without script, with what went wrong, or went well, where it has `$said`."""
    said = f'<p class="fault" role="alert">{escape(fault)}</p>' if fault else ""
    said += f'<p class="done" role="status">{escape(done)}</p>' if done else ""
    escaped = {name: escape(text) for name, text in fields.items()}
    return web.Response(
        status=status,
        text=Template(template.read_text("utf-8")).substitute(escaped, said=said),
        content_type="text/html",
        charset="utf-8",
        headers=PAGE_HEADERS,
    )
