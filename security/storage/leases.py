"""Leases: who may begin a change; and reservations: that it can be written."""

from __future__ import annotations

from typing import Final, Protocol

BOT_LEASE: Final = "bot"
"""What the one bot of an installation holds as long as it lives."""
HOLD_LEASE: Final = "fleet.hold"
"""Whoever has it decides, for all processes, who is set aside and who is put on hold."""
FULL_LEASE: Final = "fleet.full"
"""Whoever has it reads every credential, due or not, as one of all processes does once a day."""
TELL_LEASE: Final = "fleet.tell"
"""Whoever has it opens, ends and tells of what all processes see: each once."""
ALERT_LEASE: Final = "fleet.alert"
"""Whoever has it tells of the same to the address of ALERT_WEBHOOK_URL, which may take its time."""
FOLDER_LEASE: Final = "fleet.folder"
"""Whoever has it makes a department's folder in its Drive, where there is none."""
_OF_A_LIVING_PROCESS: Final = 30.0
_MARGIN: Final = 5.0


def patience(lease_seconds: float | None) -> float:
    """How long whoever must have a lease waits for it, in seconds.

    Longer than a lease lasts whose holder has died; where leases do not lapse (None), for as long
    as whatever is done under one may take.
    """
    return _OF_A_LIVING_PROCESS if lease_seconds is None else lease_seconds + _MARGIN


class Lease(Protocol):
    """The right to begin a change of what goes by a name: an owner's documents, or the bot's."""

    @property
    def name(self) -> str:
        """What is leased."""

    @property
    def taken_over_at(self) -> float | None:
        """When it was taken from a holder whose lease had lapsed unreleased, in Unix seconds by the
        storage's clock: the late one may still save. None: it was not, or longer ago than a lease
        lasts. It holds for whoever has the lease after this one, too."""

    def may_begin(self) -> bool:
        """Whether it is certainly still held, by this process's own clock, which counts the time a
        machine sleeps. What has begun by then may be saved in any case."""

    def renew(self) -> bool:
        """Hold it for its whole length from now on; False: it is not this holder's any more.

        Blocks.

        Raises:
            OperatorFault: it could not be asked; it is held as long as it was.
        """

    def release(self) -> None:
        """Give it back: from any thread, only what is still held, and without an error."""


class Reservation(Protocol):
    """Proof that a save can be written, had before a token is spent."""

    @property
    def is_open(self) -> bool:
        """Whether it has neither been used by a `Put` nor been given up. No conflict spends it."""

    def give_up(self) -> None:
        """It will not be used."""
