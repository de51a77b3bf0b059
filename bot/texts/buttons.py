"""Buttons under messages. Their `callback_data` is `verb` or `verb:argument`."""

from __future__ import annotations

from collections.abc import Callable

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.texts.catalogue import Texts

Row = list[InlineKeyboardButton]
Shown = tuple[str, InlineKeyboardMarkup | None]
"""A message: its text, and the buttons under it."""


def button(text: str, data: str) -> InlineKeyboardButton:
    """A button whose tap brings `data` back."""
    return InlineKeyboardButton(text, callback_data=data)


def link(text: str, address: str) -> InlineKeyboardButton:
    """A button that opens an address."""
    return InlineKeyboardButton(text, url=address)


def keyboard(*rows: Row) -> InlineKeyboardMarkup:
    """The buttons of a message, row by row; an empty row is left out."""
    return InlineKeyboardMarkup([row for row in rows if row])


def turns(
    page: int, data: Callable[[int], str], *, more: bool, back: str = "◀", on: str = "▶"
) -> Row:
    """To the pages beside this one, as far as there are any.

    Args:
        page: this one, from 0.
        data: of the button that leads to a page of that number.
        more: whether another one follows.
    """
    row: Row = []
    if page:
        row.append(button(back, data(page - 1)))
    if more:
        row.append(button(on, data(page + 1)))
    return row


def connect_row(t: Texts) -> Row:
    """One button that begins a connection."""
    return [button(t.label("🔗 Connect Google Drive"), "connect")]


def connect(t: Texts) -> InlineKeyboardMarkup:
    """Nothing but the button that begins a connection."""
    return keyboard(connect_row(t))
