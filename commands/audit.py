"""`drivekeeper audit` and `drivekeeper whois`: what happened to whom, and who that is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Annotated, Final

import typer

from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, Mask, show_json, show_table, stop
from commands.runtime import Custody, open_custody
from commands.wording import count
from security.credential import Owner
from security.errors import CustodyError
from security.logs.schema import MASK
from security.storage.events import ACTIONS

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def audit(
    owner: Annotated[str | None, typer.Option(metavar="MASK", help="Only this owner.")] = None,
    action: Annotated[str | None, typer.Option(help=f"Only: {', '.join(ACTIONS)}.")] = None,
    since: Annotated[
        str | None, typer.Option(help="30m, 12h, 7d, 2w, or a date (UTC where it says nothing).")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
) -> None:
    """The audit trail, newest first."""
    if owner is not None and not MASK.fullmatch(owner):
        stop("--owner: that is no mask (u_ or d_ and 16 characters).", Exit.USAGE)
    if action is not None and action not in ACTIONS:
        stop(f"--action: one of {', '.join(ACTIONS)}.", Exit.USAGE)
    start = None if since is None else _moment(since)
    with open_custody(env_file) as custody:
        entries = custody.storage.events(owner=owner, action=action, since=start)
        found = list(islice(entries, limit))
    if as_json:
        show_json({"entries": [entry.to_document() for entry in found]})
        return
    show_table(
        f"{count(len(found), 'entry', 'entries')}, newest first",
        ("time (UTC)", "action", "owner", "result"),
        [(f"{e.time:%Y-%m-%d %H:%M:%S}", e.action, e.owner or "–", e.result) for e in found],
    )


def whois(
    mask: Mask,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
) -> None:
    """Print the Telegram id, or the department, behind a mask. Exit code 1: it is nobody's here.

    Masks are not reversible: this makes those of everybody of whom something is kept, and compares.
    """
    with open_custody(env_file) as custody:
        known, unread = _known(custody)
        found = [owner for owner in known if custody.mask(owner.name) == mask]
    for kind in unread:
        typer.echo(f"Left out, because it cannot be read: {kind}.", err=True)
    if not found:
        stop(
            "Nobody known here has this mask. Either nothing is kept of them (any more), or the "
            "mask was made under another key: compare LOG_MASK_KEY with that of the bot that wrote "
            "it. Where it is not set, the key is in user_data/log_mask.key, or in the database.",
            Exit.FINDINGS,
        )
    owner = found[0]
    if as_json:
        who = {"telegram_id": owner.telegram_id} if owner.kind == "user" else {"slug": owner.key}
        show_json({"mask": mask, "kind": owner.kind, **who, "found_in": sorted(known[owner])})
        return
    typer.echo(f"Telegram id {owner.key}" if owner.kind == "user" else f"department {owner.key}")


def _known(custody: Custody) -> tuple[dict[Owner, set[str]], list[str]]:
    """Everybody of whom anything is kept, with where that is; and kinds that cannot be listed."""
    known: dict[Owner, set[str]] = {}
    unread = []
    for kind in custody.storage.kinds:
        try:
            names = custody.storage.names(kind)
        except CustodyError:
            unread.append(kind.label)
            continue
        for owner in filter(None, map(kind.owner_of, names)):
            known.setdefault(owner, set()).add(kind.label)
    settings = custody.settings
    for slug in settings.departments:
        known.setdefault(Owner.parse(f"department:{slug.partition('=')[0]}"), set()).add("settings")
    for telegram_id in settings.allowed_user_ids | settings.admin_user_ids:
        known.setdefault(Owner.user(telegram_id), set()).add("settings")
    return known, unread


def _moment(text: str) -> datetime:
    try:
        if match := re.fullmatch(r"(\d{1,6})([mhdw])", text):
            return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        stop("--since: 30m, 12h, 7d, 2w, or a date such as 2026-01-31.", Exit.USAGE)
