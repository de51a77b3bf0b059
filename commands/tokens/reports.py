"""`drivekeeper tokens list`, `show`, `verify`: how credentials are, and nothing that is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import typer

from commands.losses import losses_document, tell_losses
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, Mask, at, on, say, show_json, show_table
from commands.runtime import Custody, open_custody
from commands.wording import count
from security.credential import Owner
from security.encryption import lacks
from security.recovery.inspection import FINDINGS, STATES, TokenFacts, inspect, inspect_all

_FAULTS: Final = {
    "key_missing": "It is encrypted, and TOKEN_ENCRYPTION_KEY is not set.",
    "unknown_key": f"{lacks('its key')}.",
    "plaintext_refused": "In plaintext, and a key is set: see `drivekeeper tokens encrypt`.",
}
"""What an operator mends, and how."""


def list_tokens(env_file: EnvFile = DEFAULT_ENV_FILE, as_json: AsJson = False) -> None:
    """Everybody with a stored credential: its state, expiry, key, and what wants attention.

    Exit code 1: one of them wants attention, or some that should be here are not.
    """
    with open_custody(env_file) as custody:
        found = list(inspect_all(custody.store, _client_ids(custody)))
        losses = custody.losses(_present(found))
        if as_json:
            shown = [_document(custody, facts) for facts in found]
            show_json({"credentials": shown, **losses_document(losses)})
        else:
            now = datetime.now(UTC)
            show_table(
                count(len(found), "stored credential"),
                ("owner", "state", "token", "key", "gen.", "granted"),
                [_row(custody, facts, now) for facts in found],
            )
            _show_findings(custody, found)
            tell_losses(losses, stored=len(found))
        if any(facts.findings for facts in found) or losses.are_serious(_good(found)):
            raise typer.Exit(Exit.FINDINGS)


def show_token(
    mask: Mask,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
) -> None:
    """One owner's credential, and the owner's copies in quarantine.

    Exit code 1: it wants attention, or there is none.
    """
    with open_custody(env_file) as custody:
        owners = [o for o in custody.store.owners() if custody.mask(o.name) == mask]
        facts = inspect(custody.store, owners[0], _client_ids(custody)) if owners else None
        copies = [r for r in custody.store.copies.records() if r.owner_mask == mask]
        if as_json:
            show_json(
                {
                    "owner": mask,
                    "credential": _document(custody, facts) if facts else None,
                    "quarantined": [
                        {"id": copy.id, "reason": copy.reason, "time": copy.time.isoformat()}
                        for copy in copies
                    ],
                }
            )
        else:
            shown = _details(custody, facts) if facts else [("credential", "there is none")]
            shown += [("in quarantine", f"{c.id} since {at(c.time)}: {c.reason}") for c in copies]
            show_table(mask, ("", ""), shown)
            if facts is None:
                say(_where_it_went(mask, bool(copies)))
        if facts is None or facts.findings:
            raise typer.Exit(Exit.FINDINGS)


def verify_tokens(env_file: EnvFile = DEFAULT_ENV_FILE, as_json: AsJson = False) -> None:
    """Open every stored credential in full, and count what is wrong.

    Decrypts it, compares its owner, its OAuth client with the configured ones, its scopes, its
    refresh token, and the file's mode (0600). Says who has none here any more: set aside, or gone.
    Changes nothing. Exit code 1: something is wrong, or some that should be here are not, or there
    is no good one at all.
    """
    with open_custody(env_file) as custody:
        found = list(inspect_all(custody.store, _client_ids(custody)))
        losses = custody.losses(_present(found))
        bad = [facts for facts in found if facts.findings]
        good = _good(found)
        if as_json:
            show_json(
                {
                    "checked": len(found),
                    "good": good,
                    "findings": Counter(code for facts in bad for code in facts.findings),
                    "bad": [_document(custody, facts) for facts in bad],
                    **losses_document(losses),
                }
            )
        else:
            say(f"{count(len(found), 'credential')} checked, {good} of them good.")
            if ended := len(found) - good - len(bad):
                say(f"{ended} count as none: their owners have disconnected, or are about to.")
            _show_findings(custody, found)
            tell_losses(losses, stored=len(found))
        if bad or not good or losses.damaged or losses.are_serious(good):
            raise typer.Exit(Exit.FINDINGS)


def _show_findings(custody: Custody, found: Sequence[TokenFacts]) -> None:
    meanings = {**FINDINGS, **_FAULTS}
    rows = [
        (custody.mask(facts.owner.name), code, meanings.get(code, STATES[facts.state]))
        for facts in found
        for code in facts.findings
    ]
    if rows:
        bad = sum(bool(facts.findings) for facts in found)
        title = "1 wants attention" if bad == 1 else f"{bad} want attention"
        show_table(title, ("owner", "finding", "meaning"), rows)
    if any(facts.state == "damaged" for facts in found):
        say(
            "What is damaged the bot sets aside, and asks its owner to connect again; "
            "`drivekeeper restore ARCHIVE` brings it back from an archive."
        )


def _where_it_went(mask: str, has_copies: bool) -> str:
    if has_copies:
        return (
            "Set aside: their owner connects again, or `drivekeeper quarantine restore ID` puts a "
            "copy back once its cause is mended."
        )
    return f"`drivekeeper audit --owner {mask}` says what became of it."


def _present(found: Sequence[TokenFacts]) -> set[Owner]:
    return {facts.owner for facts in found if facts.state != "ended"}


def _good(found: Sequence[TokenFacts]) -> int:
    return sum(facts.state == "active" and not facts.findings for facts in found)


def _client_ids(custody: Custody) -> set[str]:
    return {client.id for client in custody.settings.google_clients}


def _row(custody: Custody, facts: TokenFacts, now: datetime) -> tuple[object, ...]:
    credential = facts.credential
    return (
        custody.mask(facts.owner.name),
        f"{facts.state} !" if facts.findings else facts.state,
        _left(facts, now),
        _key(facts),
        facts.generation,
        on(credential.granted_at) if credential and credential.granted_at else None,
    )


def _details(custody: Custody, facts: TokenFacts) -> list[tuple[str, object]]:
    credential = facts.credential
    rows: list[tuple[str, object]] = [
        ("state", f"{facts.state}: {STATES[facts.state]}"),
        ("encrypted under", _key(facts)),
        ("file is private (0600)", _yes(facts.private)),
    ]
    if credential is not None:
        end = credential.refresh_expires_at
        rows += [
            ("generation", credential.generation),
            ("granted", at(credential.granted_at) if credential.granted_at else "not known"),
            ("the grant ends", at(end) if end else "not known to end"),
            ("access token", _left(facts, datetime.now(UTC)) or "no expiry"),
            ("has an access token", _yes(credential.access_token is not None)),
            ("has a refresh token", _yes(credential.refresh_token is not None)),
            ("Google account known", _yes(credential.account_key is not None)),
            ("may use Drive", _yes("scope_missing" not in facts.findings)),
            ("OAuth client configured", _yes(credential.client_id in _client_ids(custody))),
        ]
    meanings = [
        f"{code}: {FINDINGS[code]}" if code in FINDINGS else code for code in facts.findings
    ]
    return [*rows, ("wants attention", "; ".join(meanings) or "no")]


def _document(custody: Custody, facts: TokenFacts) -> dict[str, Any]:
    """For programs; the same as for people."""
    credential = facts.credential
    document: dict[str, Any] = {
        "owner": custody.mask(facts.owner.name),
        "state": facts.state,
        "encrypted": facts.encrypted,
        "kid": facts.kid,
        "private": facts.private,
        "findings": list(facts.findings),
    }
    if credential is not None:
        document |= {
            "generation": credential.generation,
            "expires_at": _iso(credential.expires_at),
            "granted_at": _iso(credential.granted_at),
            "grant_ends_at": _iso(credential.refresh_expires_at),
            "has_access_token": credential.access_token is not None,
            "has_refresh_token": credential.refresh_token is not None,
            "account_known": credential.account_key is not None,
            "client_configured": credential.client_id in _client_ids(custody),
            "scope_granted": "scope_missing" not in facts.findings,
        }
    return document


def _key(facts: TokenFacts) -> str:
    if facts.kid is not None:
        return facts.kid
    return "a key without a name" if facts.encrypted else "plaintext"


def _left(facts: TokenFacts, now: datetime) -> str | None:
    minutes = facts.minutes_left(now)
    if minutes is None:
        return None
    return f"{minutes:.0f} min left" if minutes > 0 else "expired"


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _yes(is_so: bool) -> str:
    return "yes" if is_so else "no"
