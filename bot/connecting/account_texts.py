"""About a person's account, in words."""

from __future__ import annotations

from bot.commands import DUTY, command_menu
from bot.texts.catalogue import Texts
from drive import About


def help_(t: Texts, limit: int, folder: str, bot_name: str, *, has_rosters: bool = False) -> str:
    """/help: three blocks, for administrators a fourth, and a word about groups.

    Args:
        limit: the largest file that can be had from Telegram, in bytes.
        folder: where files go as long as nobody has chosen anything else.
        has_rosters: whether there is /duty.
    """
    about_files = t.tr(
        "Any file, album, photo, video, audio or voice message, of up to {limit}. It goes into the "
        "folder “{folder}” of your own Google Drive, or into the one you choose. Its caption "
        "becomes its description; “{wish}” at the beginning of the caption, or of a reply, gives "
        "it another name.",
        limit=t.limit(limit),
        folder=folder,
        wish="#name …",
    )
    about_buttons = t.tr("Under each file are buttons: open, rename, move, share, delete.")
    connection = ("connect", "status", "disconnect", "language", "privacy", "help")
    blocks = [
        _block(t, t.tr("📎 <b>Send me files</b>"), about_files, ("folder", "uploads", "cancel")),
        _block(t, t.tr("🗂 <b>What is in your Drive</b>"), about_buttons, ("files", "get")),
        _block(t, t.tr("👤 <b>You and your connection</b>"), "", connection),
    ]
    if has_rosters:
        blocks.insert(2, _block(t, t.tr("📅 <b>Your duties</b>"), "", (DUTY,)))
    if t.to_administrator:
        theirs = ("health", "quarantine", "console")
        blocks.append(_block(t, t.tr("🛠 <b>You run this bot</b>"), "", theirs))
    in_groups = t.tr(
        "👥 In a group that I was let into: name me in a file's caption, or reply to a file with "
        "/save{name}.",
        name=f"@{bot_name}",
    )
    return "\n\n".join([*blocks, in_groups])


def _block(t: Texts, head: str, about: str, names: tuple[str, ...]) -> str:
    menu = dict(command_menu(is_admin=True, has_rosters=True))
    lines = [f"/{name} – {t.label(menu[name])}" for name in names]
    return "\n".join([head, *([about] if about else []), *lines])


def room(about: About, t: Texts) -> str:
    """How much of the Drive is used, and how much is free; what is nothing is said in words."""
    used, limit, free = about.usage, about.limit, about.free or 0
    if limit is None:
        if not used:
            return t.tr("Your Drive is empty, and has no limit.")
        return t.tr("Used: {used}, no limit", used=t.size(used))
    if not limit:
        return t.tr("Google gives this account no room for files.")
    if not used:
        return t.tr("Your Drive is empty: {free} free", free=t.size(limit))
    if not free:
        return t.tr("Used: {used} of {limit}, nothing free", used=t.size(used), limit=t.size(limit))
    return t.tr(
        "Used: {used} of {limit}, {free} free",
        used=t.size(used),
        limit=t.size(limit),
        free=t.size(free),
    )
