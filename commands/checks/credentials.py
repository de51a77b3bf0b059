"""Is whoever was connected still here?"""

from __future__ import annotations

from commands.checks.finding import Finding, failed, ok, skipped
from commands.losses import losses_in_short
from commands.runtime import Installation
from commands.wording import count
from security.errors import CustodyError

NAME = "credentials"


def check_credentials(there: Installation) -> list[Finding]:
    """Credentials that are set aside or gone, weighed against those that are here."""
    try:
        if not there.is_in_use():
            return [skipped(NAME, "Nobody has connected here yet.")]
    except CustodyError:  # somebody else's, or not to be entered
        return [skipped(NAME, f"They cannot be looked at: see `{there.place}`.")]
    try:
        store = there.store
        stored, losses = len(store.owners()), there.losses()
    except CustodyError as fault:
        if not there.is_in_files:
            return [skipped(NAME, f"They cannot be looked at: see `{there.place}`.")]
        do = "Run this as the user the bot runs as."
        return [failed(NAME, f"They could not be listed: {fault}.", do)]
    says = f"{count(stored, 'credential')} stored{losses_in_short(losses)}."
    if losses.are_serious(stored):
        return [failed(NAME, says, "`drivekeeper tokens verify` says who, and what to do.")]
    return [ok(NAME, says)]
