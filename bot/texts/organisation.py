"""What an organisation forbids its members, in words: the same wherever somebody meets it."""

from __future__ import annotations

from bot.texts.catalogue import Texts


def organisation_refuses(code: str, t: Texts) -> str:
    """Who does not allow it, and whom to ask. `code`: of a `RefusedByOrganisation`."""
    if code == "org_internal":
        return t.tr(
            "🏢 This bot is for the members of one organisation, and your Google account is not "
            "among them. Connect an account of that organisation, or ask whoever runs this bot."
        )
    return t.tr(
        "🏢 The organisation your Google account belongs to, such as a company or a school, does "
        "not let this bot use your Google Drive. Ask its Google administrator to allow it, or "
        "connect another account. If you have turned on Google's Advanced Protection, it is that "
        "which forbids it."
    )
