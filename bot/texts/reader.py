"""Who reads a text: to an administrator "whoever runs this bot" is themselves."""

from __future__ import annotations

from bot.texts.catalogue import Texts


def that_is_you(t: Texts) -> str:
    """Where an administrator looks, after a text that speaks of whoever runs this bot; "" for
    anybody else, who can do nothing about it.
    """
    if not t.to_administrator:
        return ""
    return "\n\n" + t.tr(
        "🛠 That is you: /health shows what is wrong, <code>drivekeeper doctor</code> what to do, "
        "and the log has every code."
    )
