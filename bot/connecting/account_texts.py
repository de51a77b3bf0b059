"""About a person's account, in words."""

from __future__ import annotations

from bot.texts.catalogue import Texts
from drive import About


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
