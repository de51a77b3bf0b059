"""Buttons about a person's account."""

from __future__ import annotations

from collections.abc import Sequence

from telegram import InlineKeyboardMarkup

from bot.texts.buttons import Row, button, keyboard, link
from bot.texts.catalogue import Texts
from config.languages import LANGUAGES
from security.credential import Owner


def approve(t: Texts, address: str) -> InlineKeyboardMarkup:
    """To Google's page, and a way out."""
    return keyboard(
        [link(t.label("Open Google's page"), address)],
        [button(t.label("Cancel"), "consent-cancel")],
    )


def confirm_account(t: Texts, consent_id: str) -> InlineKeyboardMarkup:
    """Whether the account that approved is the asker's own."""
    return keyboard(
        [button(t.label("✅ Yes, that is mine"), f"consent-yes:{consent_id}")],
        [button(t.label("❌ No, not mine"), f"consent-no:{consent_id}")],
    )


def connect_all_the_same(t: Texts) -> InlineKeyboardMarkup:
    """To go on although there is a connection, or to leave it."""
    return keyboard(
        [button(t.label("🔁 Connect again"), "connect")],
        [button(t.label("👌 Leave it as it is"), "connect-keep")],
    )


def try_again(t: Texts) -> InlineKeyboardMarkup:
    """Nothing but a button that begins a connection anew."""
    return keyboard([button(t.label("🔄 Try again"), "connect")])


def yes_no(t: Texts, verb: str, yes: str) -> InlineKeyboardMarkup:
    """A question whose yes is spelt out; `verb` gets the argument yes or no."""
    return keyboard(
        [button(yes, f"{verb}:yes")],
        [button(t.label("No, keep everything"), f"{verb}:no")],
    )


def status(t: Texts) -> InlineKeyboardMarkup:
    """What a connected person may want next."""
    return keyboard(
        [button(t.label("🔁 Use another account"), "connect")],
        [button(t.label("Disconnect"), "disconnect:ask")],
    )


def unlink(t: Texts, owner: Owner) -> Row:
    """To be on no roster any more, which asks first; `bot.duty` answers."""
    return [button(t.label("Unlink me from the roster"), f"duty:{owner.key}:u")]


def privacy(t: Texts, rows: Sequence[Row] = ()) -> InlineKeyboardMarkup:
    """To have everything, or have it deleted, which asks first.

    Args:
        rows: what else there is to take back.
    """
    return keyboard(
        *rows,
        [button(t.label("📄 My data as a file"), "my-data")],
        [button(t.label("🗑 Delete all my data"), "erase:ask")],
    )


def languages() -> InlineKeyboardMarkup:
    """Every language by its own name."""
    return keyboard(*([button(name, f"language:{code}")] for code, name in LANGUAGES.items()))
