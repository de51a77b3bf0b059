"""Each page, from what it shows to its HTML."""

from __future__ import annotations

from typing import Any, Literal

from web.site.frame import Frame, render
from web.site.settings.views import SettingsPage
from web.site.sheets.words import SheetWords

Leaving = Literal["", "left", "left_everywhere", "over"]
"""What has just happened to whoever sees how to sign in."""
Problem = Literal[
    "not_found",
    "forbidden",
    "over",
    "too_many",
    "too_big",
    "too_slow",
    "unavailable",
    "failed",
    "defect",
    "not_asked",
    "other_session",
    "wrong_host",
]
"""404 · 403, of a form · 410, of a link · 429 · 413 and 408, of a form · 503: the database does not
answer · 5xx · 500. Of whoever comes back from Google: 400, nobody has asked with that · 403,
another session has. 421: at another address than this service's."""


def render_sign_in(frame: Frame, news: Leaving = "") -> str:
    """How one signs in: what whoever has no session sees."""
    return render("sign_in.html", frame, {"news": news})


def render_link(frame: Frame) -> str:
    """A sign-in link, opened: its button posts to the same address, and nothing else does."""
    return render("link.html", frame, {})


def render_problem(frame: Frame, kind: Problem, *, since: float | None = None) -> str:
    """What went wrong, what is safe, and what to do.

    Args:
        since: Unix seconds from which on the database has not answered, where that is known.
    """
    return render("problem.html", frame, {"kind": kind, "since": since})


def render_settings(page: SettingsPage, frame: Frame) -> str:
    """The page "Google services"."""
    return render("settings.html", frame, _values(page, frame))


def render_live(page: SettingsPage, frame: Frame) -> str:
    """Its parts that change, for its script to put in their places."""
    return render("live.html", frame, _values(page, frame))


def _values(page: SettingsPage, frame: Frame) -> dict[str, Any]:
    return {"page": page, "words": SheetWords(frame.texts)}
