"""What the authorisation pages look like, for the redirect flow and the device flow alike."""

from __future__ import annotations

from urllib.parse import urlencode

from aiohttp import web

from sandbox.google.html import Html, avatar, hidden, join, page_to_raise, render
from sandbox.google.model import IDENTITY_SCOPES, Account
from sandbox.google.world import GoogleWorld

# Google's own wording, from the discovery document of Drive.
SCOPE_TEXT = {
    "https://www.googleapis.com/auth/drive.file": (
        "See, edit, create, and delete only the specific Google Drive files you use with this app"
    ),
    "https://www.googleapis.com/auth/drive": (
        "See, edit, create, and delete all of your Google Drive files"
    ),
    "https://www.googleapis.com/auth/drive.readonly": (
        "See and download all your Google Drive files"
    ),
    "https://www.googleapis.com/auth/drive.appdata": (
        "See, create, and delete its own configuration data in your Google Drive"
    ),
    "https://www.googleapis.com/auth/drive.metadata.readonly": (
        "See information about your Google Drive files"
    ),
    "https://www.googleapis.com/auth/spreadsheets": (
        "See, edit, create, and delete all your Google Sheets spreadsheets"
    ),
    "https://www.googleapis.com/auth/spreadsheets.readonly": (
        "See all your Google Sheets spreadsheets"
    ),
}


def chooser(world: GoogleWorld, target: str, query: list[tuple[str, str]]) -> Html:
    """A list of accounts, each a link to ``target`` with ``account`` added."""
    rows = [
        render(
            "account_row.html",
            href=f"{target}?{urlencode([*query, ('account', account.email)])}",
            avatar=avatar(account.email, account.name),
            name=account.name,
            email=account.email,
        )
        for account in world.accounts.values()
    ]
    return render("chooser.html", rows=join(rows), target=target, hidden=hidden(query))


def consent_card(
    account: Account,
    scopes: list[str],
    action: str,
    switch: str,
    fields: list[tuple[str, str]],
) -> Html:
    """Who wants what, with a tick box for each permission, Cancel and Allow."""
    boxes = [
        render("scope_box.html", scope=scope, text=SCOPE_TEXT.get(scope, scope))
        for scope in scopes
        if scope not in IDENTITY_SCOPES
    ]
    return render(
        "consent.html",
        action=action,
        switch=switch,
        avatar=avatar(account.email, account.name),
        name=account.name,
        email=account.email,
        boxes=join(boxes),
        hidden=hidden([("account", account.email), *fields]),
    )


def granted_scopes(asked: list[str], ticked: set[str]) -> list[str]:
    """What the person allowed: identity scopes have no tick box."""
    return [scope for scope in asked if scope in IDENTITY_SCOPES or scope in ticked]


def access_blocked(status: int, error: str, detail: str) -> web.HTTPException:
    """Google's "Access blocked" page, to raise: the request never gets back to the client."""
    body = render("blocked.html", status=status, error=error, detail=detail)
    return page_to_raise(f"Error {status}: {error}", body, status=status)
