"""What the commands say of credentials that are not where they should be, and what to do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from commands.output import say
from commands.wording import count
from security.recovery.losses import Losses

_NAMED: Final = 20


def losses_document(losses: Losses) -> dict[str, Any]:
    """For programs."""
    return {
        "set_aside": dict(sorted(losses.reasons.items())),
        "lost": list(losses.lost),
    }


def losses_in_short(losses: Losses) -> str:
    """The end of a sentence about those that are here; nothing where none is missing."""
    quarantined, gone = len(losses.set_aside), len(losses.lost)
    return (f", {owners(quarantined)} in quarantine instead" if quarantined else "") + (
        f", {owners(gone)} gone" if gone else ""
    )


def tell_losses(losses: Losses, *, stored: int) -> None:
    """A sentence or two for each kind of loss: where they are, and what to type.

    Args:
        stored: how many credentials are stored, good or not.
    """
    for line in _sentences(losses, stored):
        say(line)


def _sentences(losses: Losses, stored: int) -> Iterator[str]:
    if not stored:
        yield "No credential is stored (USER_DATA_DIR, or DATABASE_URL, says where)."
        if not losses.set_aside and not losses.lost:
            yield (
                "Whoever was connected, if anybody was, has disconnected, or their copy was purged."
            )
            yield "Is it the right place?"
    if number := len(losses.set_aside):
        yield f"In quarantine instead of in use: {owners(number)}."
        told = sum(copy.told for copy in losses.set_aside)
        if losses.damaged:
            yield (
                f"  Damaged or not believed: {losses.damaged}. Mend the cause, then "
                "`drivekeeper quarantine restore ID`, or `drivekeeper restore ARCHIVE --rollback` "
                "with the bot stopped."
            )
        if losses.damaged < number:
            yield (
                f"  Without Google's permission: {number - losses.damaged}. The bot asks them to "
                f"connect again. Told so far: {told} of {number}."
            )
        yield "  `drivekeeper quarantine list` says who, why and since when."
    if losses.lost:
        shown = ", ".join(losses.lost[:_NAMED]) + (", …" if len(losses.lost) > _NAMED else "")
        yield f"Gone: {owners(len(losses.lost))}. Connected, says the audit trail, and not here:"
        yield f"  {shown}"
        yield (
            "  `drivekeeper restore ARCHIVE` brings them back from an archive. Without one they "
            "connect again; nobody has told them."
        )


def owners(number: int) -> str:
    """So many owners."""
    return count(number, "owner")
