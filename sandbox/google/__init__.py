"""Google's half of the sandbox: OAuth, its consent pages, and Drive v3, and reading Sheets v4."""

from __future__ import annotations

from aiohttp import web

from sandbox.google.drive.pages import page_routes
from sandbox.google.drive.routes import drive_routes
from sandbox.google.oauth.consent import consent_routes
from sandbox.google.oauth.endpoints import oauth_routes
from sandbox.google.sheets.pages import sheet_page_routes
from sandbox.google.sheets.routes import sheets_routes
from sandbox.google.uploads.routes import upload_routes
from sandbox.google.world import GoogleWorld

__all__ = ["GoogleWorld", "google_routes"]


def google_routes(world: GoogleWorld) -> list[web.AbstractRouteDef]:
    """Every route of Google's half."""
    return [
        *oauth_routes(world),
        *consent_routes(world),
        *drive_routes(world),
        *upload_routes(world),
        *page_routes(world),
        *sheets_routes(world),
        *sheet_page_routes(world),
    ]
