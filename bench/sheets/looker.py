"""Who looks: the product's parts, its peers, and the floor. `python -m bench.sheets.looker FILE`.

FILE holds the settings. Every figure is of this process's processor.
"""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import sys
import time
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from bench.child import Json, serve
from bench.owners import read_settings
from bench.report import Wrong
from bench.sheets.plain import compare, walk
from bench.sheets.planner import CHANGED, ID
from bench.sweeps import in_turns
from departments.service_accounts.token import fetch_token
from processes.bot import prepare_logs
from processes.storage import storage_of
from processes.wiring import tune_garbage_collector
from security.google.network import Network
from sheets.answer import FIELDS, open_answer, raw_digest
from sheets.keeping.changes import PendingChanges
from sheets.keeping.configured import sheets_in
from sheets.keeping.looking import Looking
from sheets.keeping.sources import sources_of
from sheets.parsing import look
from sheets.reading.readers import Readers
from sheets.versions.difference import RosterDifference, difference
from sheets.versions.judging import judge
from sheets.wanted import wanted

_NEAR: Final = date(2026, 12, 1)
_TAIPEI: Final = ZoneInfo("Asia/Taipei")
_A_DAY: Final = timedelta(days=1)
_KIB: Final = 1024


class Looker:
    """One process's parts, and the answers it has fetched."""

    def __init__(self, file: Path) -> None:
        settings = read_settings(file)
        self._settings = settings
        slugs = [entry.partition("=")[0] for entry in settings.departments]
        sheets = sheets_in(settings.sheets_file, slugs)
        [self._source] = sources_of(sheets.values())
        [self._sheet] = self._source.sheets
        self._storage = storage_of(settings, prepare_logs(settings))
        self._storage.prepare()
        self._readers = Readers(
            settings.service_accounts, settings.google_api_endpoint, settings.google_token_uri
        )
        self._bodies: dict[str, bytes] = {}
        self._given = b""
        self._looking = Looking(self._storage, lambda *_: self._given)
        self._changes = PendingChanges(self._storage)

    # Fetching

    def fetch(self, state: str) -> Json:
        """One look's request and answer, by the product, and the same by the standard library."""
        tabs = wanted(self._sheet, _NEAR)
        reader, bodies = self._readers.of("tanhae"), [b"", b""]

        def product() -> None:
            bodies[0] = reader.read(ID, tabs)

        product()  # the first looks up what the tab is called
        token = fetch_token(
            self._settings.service_accounts["tanhae"],
            self._settings.google_token_uri,
            Network.of(self._settings),
        ).value.get_secret_value()
        address = urlsplit(self._settings.google_api_endpoint)
        path = f"/v4/spreadsheets/{quote(ID)}?" + urlencode(
            {"ranges": "'班表'", "fields": FIELDS, "prettyPrint": "false", "alt": "json"}
        )
        connection = http.client.HTTPConnection(address.hostname or "", address.port)

        def bare() -> None:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            bodies[1] = connection.getresponse().read()

        bare()
        found = {"fetch_ms": _ms(product), "bare_fetch_ms": _ms(bare)}
        connection.close()
        if bodies[0] != bodies[1]:
            raise Wrong("the two have fetched something else")
        self._bodies[state] = bodies[0]
        return {**found, "bytes": len(bodies[0])}

    # One part after another

    def parts(self, turn: int) -> Json:
        """What each contender takes for the same bytes, in turns."""
        base, touched, changed = (self._bodies[one] for one in ("base", "touched", "changed"))
        sheet, was = self._sheet, walk(base)
        first = look(sheet, open_answer(base).tabs[0], "", _NEAR)
        if first.parsed is None or first.parsed.contents is None:
            raise Wrong("the roster was not understood")
        last, known = first.parsed.contents, raw_digest(base)

        def same() -> None:
            _must(raw_digest(base) == known)

        def unchanged() -> None:
            _must(raw_digest(touched) != known)
            _must(look(sheet, open_answer(touched).tabs[0], "", _NEAR, first.digest).parsed is None)

        def all_changed() -> None:
            _must(raw_digest(changed) != known)
            found = look(sheet, open_answer(changed).tabs[0], "", _NEAR, first.digest).parsed
            change = None if found is None else judge(found, last).change
            _must(isinstance(change, RosterDifference) and len(change.duties) == CHANGED)

        def plain_unchanged() -> None:
            _must(compare(was, walk(touched)) == 0)

        def plain_changed() -> None:
            _must(compare(was, walk(changed)) == CHANGED)

        other = look(sheet, open_answer(changed).tabs[0], "", _NEAR).parsed
        if other is None or (new := other.contents) is None:
            raise Wrong("the changed roster was not understood")
        contenders: dict[str, Callable[[], object]] = {
            "json": lambda: json.loads(touched),
            "same": same,
            "unchanged": unchanged,
            "changed": all_changed,
            "difference": lambda: difference(last, new),
            "plain_unchanged": plain_unchanged,
            "plain_changed": plain_changed,
        }
        return {f"{name}_ms": _ms(run) for name, run in in_turns(contenders.items(), turn)}

    # Whole looks

    def looks(self) -> Json:
        """What a look at an answer takes that was fetched: parsed, compared, kept sealed."""
        found: Json = {}
        self._look("base")  # whatever there was before
        for name, state in (("same", "base"), ("unchanged", "touched"), ("changed", "changed")):
            found[f"look_{name}_ms"] = self._look(state)
        # Told, as in earnest: else there would be ever more to tell.
        self._changes.take(self._sheet.id, datetime.now(_TAIPEI).replace(hour=12) + _A_DAY)
        return found

    def _look(self, state: str) -> float:
        self._given = self._bodies[state]
        return _ms(lambda: self._looking.look(self._source, before=float("inf")))

    # Memory

    def memory(self) -> Json:
        """How much more than before a look takes at its highest, what it fetches included."""
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS")
        reader = self._readers.of("tanhae")
        self._given = reader.read(ID, wanted(self._sheet, _NEAR))
        self._looking.look(self._source, before=float("inf"))
        return {"before_mb": before, "peak_mb": _status("VmHWM") - before}


def _ms(run: Callable[[], object]) -> float:
    """Of the processor, with the passes of the collector that it brings about itself, and none that
    others have made due."""
    gc.collect()
    began = time.process_time_ns()
    run()
    return (time.process_time_ns() - began) / 1e6


def _must(is_so: bool) -> None:
    if not is_so:
        raise Wrong("a contender has found something else")


def _status(name: str) -> float:
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    [line] = [line for line in lines if line.startswith(f"{name}:")]
    return int(line.split()[1]) * _KIB / 1e6


async def main() -> None:
    """Do what is asked for."""
    looker = Looker(Path(sys.argv[1]))
    tune_garbage_collector()

    async def answer(command: Json) -> Json:
        match command["command"]:
            case "fetch":
                return looker.fetch(command["state"])
            case "parts":
                return looker.parts(command["turn"])
            case "looks":
                return looker.looks()
            case "memory":
                return looker.memory()
        raise ValueError(command["command"])

    await serve({}, answer)


if __name__ == "__main__":
    asyncio.run(main())
