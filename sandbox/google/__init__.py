"""Google's half of the sandbox: OAuth, its consent pages, and Drive v3."""

from __future__ import annotations

from aiohttp import web

from sandbox.google.drive.pages import page_routes
from sandbox.google.drive.routes import drive_routes
from sandbox.google.oauth.consent import consent_routes
from sandbox.google.oauth.endpoints import oauth_routes
from sandbox.google.uploads.routes import upload_routes
from sandbox.google.world import DEFAULT_ACCOUNTS, GoogleWorld

__all__ = ["DEFAULT_ACCOUNTS", "GoogleWorld", "google_routes"]


def google_routes(world: GoogleWorld) -> web.RouteTableDef:
    """Every route of Google's half."""
    table = web.RouteTableDef()
    # RouteTableDef offers only decorators in public; its list is what add_routes() reads.
    for routes in (
        oauth_routes(world),
        consent_routes(world),
        drive_routes(world),
        upload_routes(world),
        page_routes(world),
    ):
        table._items.extend(routes)
    return table
