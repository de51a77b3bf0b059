"""Each of the console's pages, from what it shows to its HTML."""

from __future__ import annotations

from typing import Any

from markupsafe import Markup

from security.maintenance.incidents import MOST_SKEW_SECONDS
from web.console.charts import left_chart, line_chart, sweep_chart
from web.console.views import GROUPS, Page
from web.console.words import Words
from web.site.frame import Frame, render

_TABS = ("overview", "incidents", "quarantine", "computers", "processes", "audit")


def render_console(page: Page, frame: Frame) -> str:
    """One page."""
    return render(f"console_{page.name}.html", frame, _values(page, frame))


def render_console_live(page: Page, frame: Frame) -> str:
    """The overview's parts that change, for its script to put in their places."""
    return render("console_live.html", frame, _values(page, frame))


def _values(page: Page, frame: Frame) -> dict[str, Any]:
    values: dict[str, Any] = {
        "page": page,
        "words": Words(frame.texts),
        "groups": GROUPS,
        "tabs": _TABS,
        "most_skew": MOST_SKEW_SECONDS,
        "number": _number,
    }
    if (fleet := page.fleet) is not None:
        values["left"] = left_chart(fleet.bins, fleet.lead_minutes)
        values["swept"] = sweep_chart(fleet.hours)
        values["fewest"] = line_chart(fleet.hours)
    return values


def _number(count: float) -> Markup:
    """1,204."""
    return Markup(f"{count:,.0f}")  # noqa: S704 - digits and commas
