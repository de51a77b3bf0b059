"""Does everything that is encrypted open, and is everything encrypted?"""

from __future__ import annotations

from commands.checks.finding import Finding, failed, ok, skipped, warning
from commands.runtime import Installation
from commands.wording import count
from config import Settings
from security.encryption import PUT_IT_THERE
from security.errors import OperatorFault
from security.recovery.key_use import Census, census

_SHOWN = 5


def check_keys(there: Installation) -> list[Finding]:
    """Every document is tried with the configured keys; nothing is changed."""
    kid = there.storage.sealer.keyring.kid
    encryption = "encryption"
    found = [ok(encryption, f"What is saved is encrypted under key {kid}.")]
    if kid is None:
        says = "TOKEN_ENCRYPTION_KEY is not set: credentials are kept in plaintext."
        do = "Make a key (drivekeeper keys generate), set it, and keep a copy elsewhere."
        found = [warning(encryption, says, do)]
    try:
        if not there.is_there():
            says = f"There is nothing in the {there.place} yet, hence nothing to open."
            return [*found, skipped("keys", says)]
        counted = census(there.storage)
    except OperatorFault as fault:
        if not there.is_in_files or fault.code == "moved_away":
            says = f"What is kept cannot be looked at: see `{there.place}`."
            return [*found, skipped("keys", says)]
        do = "Run this as the user the bot runs as."
        return [*found, failed("keys", f"The documents could not be read: {fault}.", do)]
    return [*found, *_plaintext(counted, there.settings), *judge_keys(counted, there)]


def _plaintext(counted: Census, settings: Settings) -> list[Finding]:
    number = sum(use.total for use in counted.of("plaintext"))
    if not number or not settings.encryption_keys:
        return []
    says = f"{count(number, 'document')} still in plaintext"
    do = "drivekeeper tokens encrypt"
    if settings.token_require_encryption is not False:
        return [failed("encryption", f"{says}, which is not believed where a key is set.", do)]
    return [warning("encryption", f"{says}.", do)]


def judge_keys(counted: Census, there: Installation) -> list[Finding]:
    """What the census says of keys that are missing, and of damage outside the quarantine."""
    name = "keys"
    findings = []
    if missing := counted.of("not set", "unnamed"):
        number = sum(use.total for use in missing)
        kids = sorted(use.kid for use in missing if use.kid)
        named = ", ".join(kids[:_SHOWN]) + (" and others" if len(kids) > _SHOWN else "")
        whose = f"key {named}" if kids else "a key that they do not name"
        under = f"{count(number, 'document')} encrypted under it"
        says = f"TOKEN_ENCRYPTION_KEY lacks {whose}: {under}."
        findings.append(failed(name, says, f"{PUT_IT_THERE[:1].upper()}{PUT_IT_THERE[1:]}."))
    # What is damaged in quarantine lies there because it is.
    damaged = sum(
        number
        for use in counted.of("damaged")
        for kind, number in use.files.items()
        if kind != "quarantine"
    )
    if damaged:
        says = f"{count(damaged, 'document')} damaged: no key opens them any more."
        disk = "the disk" if there.is_in_files else "the database's disk"
        do = f"The bot sets damaged credentials aside and asks their owners; look at {disk}."
        findings.append(warning(name, says, do))
    if unread := sum(use.total for use in counted.of("not readable")):
        says = f"{count(unread, 'document')} could not be read."
        do = "Run this as the user the bot runs as."
        if not there.is_in_files:
            do = "See `database`, and run this again."
        findings.append(failed(name, says, do))
    opened = sum(use.total for use in counted.of("newest", "older", "plaintext"))
    return findings or [ok(name, f"{count(opened, 'document')} tried, and all of them open.")]
