"""The measurements beside those of sweeps: a start, and updates that come in."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from bench.child import Json
from bench.report import Wrong, median_of
from bench.start import bot_process
from bench.store.place import NOWHERE, Place, filled
from bench.sweeps import HOURS
from bench.world import BOT_TOKEN

TRIP_SECONDS: Final = 0.02
AT_ONCE: Final = 40
"""Updates that Telegram brings to a webhook at once, unless told otherwise (setWebhook)."""
_LONGEST_START: Final = 60
Databases = Mapping[int, Mapping[str, str]]
"""By how many owners are in it, the settings that lead to a database."""


def fill_databases(place: Place) -> Databases:
    """One with few owners and one with very many, of whom none is due."""
    databases = {owners: place.new_database() for owners in place.scale.idle_owners}
    for owners, leads in databases.items():
        settings = place.settings_with(f"fill-{owners}", NOWHERE, **leads)
        with filled(place, settings, owners, HOURS):
            pass
    return databases


def measure_start(place: Place, databases: Databases) -> Json:
    """(d) How long the bot takes to start with very many owners, against few."""
    few, many = databases
    with place.beside("bench.world", place.folder / "world", place.folder / "nobody", 0) as world:
        url = world.hello["url"]
        telegram = {
            "TELEGRAM_BOT_TOKEN": BOT_TOKEN,
            "TELEGRAM_API_BASE_URL": url,
            "TELEGRAM_LINK_BASE_URL": url,
        }
        places = {
            owners: place.settings_with(f"start-{owners}", url, **leads, **telegram)
            for owners, leads in databases.items()
        }
        rounds: list[Json] = [
            {f"start_{owners}": start(place, settings) for owners, settings in places.items()}
            for _ in range(place.scale.start_rounds + 1)
        ][1:]  # the first reads what is not in memory yet
    return {
        "start_seconds": median_of(rounds, f"start_{many}"),
        "start_growth": median_of(rounds, f"start_{many}") / median_of(rounds, f"start_{few}"),
        "rounds": rounds,
    }


def start(place: Place, settings: Path) -> float:
    """Seconds from the start of the bot's process until it says that it has started.

    Raises:
        Wrong: it did not start.
    """
    log = place.folder / "bot.log"
    began, late = time.time(), time.monotonic() + _LONGEST_START
    with bot_process(place, settings, log):
        while time.monotonic() < late:
            for line in log.read_text("utf-8").splitlines():
                if '"bot_started"' in line:
                    moment = json.loads(line)["timestamp"]
                    return datetime.fromisoformat(moment).timestamp() - began
            time.sleep(0.05)
    raise Wrong(f"the bot did not start: see {log}")


def measure_updates(place: Place) -> Json:
    """(e) The database is 20 ms away: updates a second that the journal writes down."""
    scale, database = place.scale, place.server.make_database()
    with place.beside("bench.store.slow_line", place.server.socket, TRIP_SECONDS) as line:
        url = place.server.url(database, port=line.hello["port"]).get_secret_value()
        settings = place.settings_with("updates", NOWHERE, DATABASE_URL=f"{url}?tls=off")
        with place.measured("bench.store.journal", settings) as journal:
            journal.ask("write", count=AT_ONCE, at_once=AT_ONCE)  # connects
            rounds: list[Json] = []
            for _ in range(scale.update_rounds):
                seconds = journal.ask("write", count=scale.updates, at_once=AT_ONCE)["seconds"]
                rounds.append({"updates": scale.updates / seconds})
            written = AT_ONCE + scale.updates * scale.update_rounds
            there = journal.ask("look")["there"]
            if there != written:
                raise Wrong(f"of {written} updates {there} are there")
    return {"updates_per_second": median_of(rounds, "updates"), "rounds": rounds}
