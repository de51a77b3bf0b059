"""`drivekeeper service-account check`: whose key is set, whom to share with, how old it is."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, say, show_json, stop
from commands.runtime import Installation, read_settings
from commands.service_accounts.standings import UNKEPT, age_of, standings
from config import Settings, without_settings
from config.settings import service_account_variable
from departments.service_accounts.standing import REPLACE_DAYS, KeyStanding
from security.errors import CustodyError, OperatorFault

Answers = dict[str, CustodyError | None]
"""By slug what became of asking Google; None: it gave a token."""


def check(
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
    online: Annotated[
        bool, typer.Option("--online", help="Also ask Google for a token by each key.")
    ] = False,
) -> None:
    """Say of each department whose key is set, whom to share spreadsheets with, and its age.

    Exit code 1: a key is to be replaced, or Google refuses one. Changes nothing.
    """
    settings = read_settings(env_file)  # which names every fault of a key
    if nothing := without_settings(settings, env_file):
        stop(nothing, Exit.USAGE)
    there = Installation.of(settings)
    found, unknown = standings(there)
    there.storage.close()
    answers = _ask_google(settings) if online else {}
    if as_json:
        show_json({"departments": [_entry(one, answers) for one in found]})
    else:
        for one in found:
            _show(one, answers)
        if unknown is not None:
            say(f"Since when keys are here could not be looked up: {unknown}.")
        elif settings.service_accounts and not settings.encryption_keys:
            say(UNKEPT)
        if any(map(_is_due, found)):
            say("docs/service-accounts.md says how a key is replaced.")
    refused = [fault for fault in answers.values() if fault is not None]
    if any(isinstance(fault, OperatorFault) for fault in refused) or any(map(_is_due, found)):
        raise typer.Exit(Exit.FINDINGS)
    if refused or unknown is not None:
        raise typer.Exit(Exit.FAULT)


def _ask_google(settings: Settings) -> Answers:
    # Whoever only looks need not wait for these.
    from departments.service_accounts.token import fetch_token
    from security.google.network import Network

    answers: Answers = {}
    for slug, key in settings.service_accounts.items():
        try:
            fetch_token(key, settings.google_token_uri, Network.of(settings))
        except CustodyError as fault:
            answers[slug] = fault
        else:
            answers[slug] = None
    return answers


def _is_due(one: KeyStanding) -> bool:
    return one.state in ("old_soon", "old")


def _variable(one: KeyStanding) -> str:
    return service_account_variable(one.department.slug).upper()


def _entry(one: KeyStanding, answers: Answers) -> dict[str, object]:
    entry: dict[str, object] = {
        "department": one.department.slug,
        "name": one.department.name,
        "variable": _variable(one),
        "state": one.state,
        "address": one.address or None,
        "key": one.key or None,
        "days": one.days,
    }
    if one.department.slug in answers:
        fault = answers[one.department.slug]
        entry["google"] = "ok" if fault is None else fault.code
    return entry


def _show(one: KeyStanding, answers: Answers) -> None:
    slug = one.department.slug
    say(f"{slug} ({one.department.name}): {says_of(one)}")
    say(f"    Variable: {_variable(one)}")
    if one.address:
        typer.echo(f"    Share spreadsheets with: {one.address}")  # in one piece, to be copied
    if slug in answers:
        fault = answers[slug]
        say(f"    Google: {'gave a token' if fault is None else fault}.")


def says_of(one: KeyStanding) -> str:
    """One sentence about the key's age."""
    if one.state == "missing":
        return "no key is set."
    if one.days is None:
        return f"key …{one.key} is set, and no process has noted since when."
    age = f"key …{one.key} {age_of(one)}"
    if one.state == "ok":
        return f"{age}, and is to be replaced after {REPLACE_DAYS} days."
    if one.state == "old_soon":
        return f"{age}. Replace it within {one.days_left} days."
    return f"{age}, and should have been replaced after {REPLACE_DAYS} days."
