"""Keys of departments' service accounts: how old are they, and does Google take them?"""

from __future__ import annotations

import asyncio

from commands.checks.finding import Finding, failed, ok, sentence, skipped, warning
from commands.checks.http import TIMEOUT_SECONDS
from commands.runtime import Installation
from commands.service_accounts.standings import UNKEPT, age_of, standings
from config import Settings
from config.service_accounts import ServiceAccountKey
from departments.service_accounts.standing import REPLACE_DAYS, KeyStanding
from departments.service_accounts.token import fetch_token
from security.errors import CustodyError, TransientFault
from security.google.network import Network

NAME = "service accounts"
_REPLACE = "Make a new key, set it, and delete this one at Google: docs/service-accounts.md."


def check_ages(there: Installation) -> list[Finding]:
    """Of every key that is set."""
    found, unknown = standings(there)
    if unknown is not None:
        return [skipped("service keys", f"Their age cannot be looked up: see `{there.place}`.")]
    if not there.settings.encryption_keys:
        return [skipped("service keys", UNKEPT)]
    return [_judge_age(one) for one in found if one.state != "missing"]


def _judge_age(one: KeyStanding) -> Finding:
    name = f"service key {one.department.slug}"
    if one.days is None:
        return ok(name, "It is set; the next start notes since when.")
    says = f"It {age_of(one)}."
    if one.state == "ok":
        return ok(name, says)
    return warning(name, f"{says} It should be replaced after {REPLACE_DAYS} days.", _REPLACE)


async def check_tokens(settings: Settings) -> list[Finding]:
    """Google is asked for a token by each key; it goes no further."""
    return await asyncio.gather(
        *(
            asyncio.to_thread(_ask, settings, slug, key)
            for slug, key in settings.service_accounts.items()
        )
    )


def _ask(settings: Settings, slug: str, key: ServiceAccountKey) -> Finding:
    name = f"service account {slug}"
    network = Network.of(settings)
    try:
        fetch_token(key, settings.google_token_uri, network, TIMEOUT_SECONDS)
    except TransientFault as fault:
        return warning(name, sentence(fault), "See `google`, and run this again.")
    except CustodyError as fault:
        return failed(name, sentence(fault), _REPLACE)
    return ok(name, "Google gives a token for its key.")
