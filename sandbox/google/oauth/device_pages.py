"""Where a person types the code that a device, or a bot, has shown them.

https://developers.google.com/identity/protocols/oauth2/limited-input-device#step-3
"""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from sandbox.google.html import Html, page, render
from sandbox.google.model import DeviceCode
from sandbox.google.oauth.consent_pages import chooser, consent_card, granted_scopes
from sandbox.google.world import GoogleWorld

_WRONG = "That code didn’t work. Check it and try again."


def device_routes(world: GoogleWorld) -> list[web.RouteDef]:
    """The pages of the device flow: code, account, decision."""
    pages = DevicePages(world)
    return [
        web.get("/device", pages.code),
        web.post("/device", pages.enter),
        web.get("/device/account", pages.account),
        web.get("/device/consent", pages.ask),
        web.post("/device/consent", pages.decide),
    ]


class DevicePages:
    """The three pages of the device flow."""

    def __init__(self, world: GoogleWorld):
        self._world = world

    async def code(self, request: web.Request) -> web.StreamResponse:
        """Show where the code is entered; ``?user_code=`` fills it in."""
        return page("Connect a device", _code_card(request.query.get("user_code", "")))

    async def enter(self, request: web.Request) -> web.StreamResponse:
        """Take the code that was typed."""
        user_code = str((await request.post()).get("user_code", ""))
        device = self._world.grants.pending_device(user_code)
        if device is None:
            return page("Connect a device", _code_card(user_code, _WRONG), status=400)
        raise web.HTTPSeeOther(f"/device/account?{urlencode({'user_code': device.user_code})}")

    async def account(self, request: web.Request) -> web.StreamResponse:
        """Show the accounts to choose from."""
        device = self._device(request.query.get("user_code", ""))
        query = [("user_code", device.user_code)]
        return page("Choose an account", chooser(self._world, "/device/consent", query))

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Ask whether to allow or cancel."""
        device = self._device(request.query.get("user_code", ""))
        name = request.query.get("account", "")
        switch = f"/device/account?{urlencode({'user_code': device.user_code})}"
        if not name.strip():
            raise web.HTTPFound(switch)
        card = consent_card(
            self._world.account_to_show(name),
            device.scopes,
            "/device/consent",
            switch,
            [("user_code", device.user_code)],
        )
        return page("Allow access", card)

    async def decide(self, request: web.Request) -> web.StreamResponse:
        """Take the decision: Allow or Cancel was pressed."""
        form = await request.post()
        device = self._device(str(form.get("user_code", "")))
        account = self._world.account(str(form.get("account", "")) or "nobody@example.com")
        allowed = form.get("decision") == "allow"
        ticked = {str(value) for value in form.getall("scope", [])}
        granted = granted_scopes(device.scopes, ticked)
        self._world.grants.decide_device(device, account.email, granted if allowed else None)
        self._world.note_change()
        if allowed:
            return page("Device connected", render("device_done.html", email=account.email))
        return page("Not connected", render("device_denied.html"))

    def _device(self, user_code: str) -> DeviceCode:
        device = self._world.grants.pending_device(user_code)
        if device is None:
            raise web.HTTPSeeOther(f"/device?{urlencode({'user_code': user_code})}")
        return device


def _code_card(user_code: str, problem: str = "") -> Html:
    shown = render("problem.html", text=problem) if problem else Html("")
    return render("device_code.html", user_code=user_code, problem=shown)
