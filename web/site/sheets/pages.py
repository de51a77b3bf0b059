"""The pages of sheets, from what they show to their HTML."""

from __future__ import annotations

from web.site.frame import Frame, render
from web.site.sheets.views import SheetPage, SheetsPage
from web.site.sheets.words import SheetWords


def render_sheet(page: SheetPage, frame: Frame) -> str:
    """One sheet's."""
    return render("sheet.html", frame, {"page": page, "words": SheetWords(frame.texts)})


def render_sheets(page: SheetsPage, frame: Frame) -> str:
    """The list of all."""
    return render("sheets.html", frame, {"page": page, "words": SheetWords(frame.texts)})
