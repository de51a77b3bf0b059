"""`make bench-sheets`: what looking at a sheet of 200 people and 31 days costs the processor."""

from __future__ import annotations

import base64
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

from bench.child import Child, Json
from bench.owners import new_key, write_settings
from bench.report import Aims, Site, median_of, report
from bench.sheets.planner import GID, ID, STATES

AIMS: Final[Aims] = {
    "same_over_json": ("(a) the same bytes: over reading their JSON alone", ""),
    "unchanged_over_json": ("    other bytes, the same cells", "<= 1.5"),
    "changed_over_json": ("    one cell of a hundred changed, and the difference", "<= 5"),
    "unchanged_over_plain": ("    other bytes, the same cells: over a plain script's walk", ""),
    "changed_over_plain": ("    one of a hundred: over a plain script's walk", ""),
    "json_ms": ("    reading the JSON alone, ms", ""),
    "unchanged_ms": ("    other bytes, the same cells, ms", ""),
    "changed_ms": ("    one of a hundred changed, ms", ""),
    "difference_ms": ("        of which the difference, ms", ""),
    "look_same_ms": ("(b) a look at an answer, with what is kept: the same bytes, ms", ""),
    "look_unchanged_ms": ("    other bytes, the same cells, ms", ""),
    "look_changed_ms": ("    one of a hundred changed: a version sealed and saved, ms", ""),
    "fetch_ms": ("(c) fetching the answer, ms", ""),
    "fetch_over_bare": ("    over the same by http.client", ""),
    "memory_mb_first": ("(d) MB above idle of a process's first look, at its highest", ""),
    "memory_mb": ("    of its next ones", ""),
}
_SHEETS: Final = f"""\
[tanhae.roster]
spreadsheet = "{ID}"
gid = {GID}
kind = "month-grid"
zone = "Asia/Taipei"
"""


def _measure(site: Site, quick: bool, _: Json) -> Iterator[tuple[str, Json]]:
    turns, looks, fetches, memories = (20, 5, 5, 1) if quick else (200, 40, 40, 3)
    with site.beside("bench.sheets.planner", site.folder / "world") as planner:
        with ExitStack() as stack:
            looker = stack.enter_context(_looker(site, planner, "parts"))
            yield "fetch", _fetching(planner, looker, fetches)
            yield "parts", _parts([looker.ask("parts", turn=turn) for turn in range(turns + 1)])
            yield "looks", _looks([looker.ask("looks") for _ in range(looks + 1)])
        rounds = []
        for number in range(memories):
            planner.ask("write", state="base")
            with _looker(site, planner, f"memory{number}") as looker:
                first = looker.ask("memory")
                planner.ask("write", state="changed")
                again = looker.ask("memory")
            rounds.append({"first": first["peak_mb"], "again": again["peak_mb"], **first})
        yield (
            "memory",
            {
                "memory_mb_first": median_of(rounds, "first"),
                "memory_mb": median_of(rounds, "again"),
                "idle_mb": median_of(rounds, "before_mb"),
                "rounds": rounds,
            },
        )


def _looker(site: Site, planner: Child, name: str) -> Child:
    (folder := site.folder / name).mkdir()
    (file := folder / "sheets.toml").write_text(_SHEETS, "utf-8")
    encoded = base64.b64encode(planner.hello["key_file"].encode()).decode("ascii")
    settings = write_settings(
        folder / "settings.env",
        folder / "user_data",
        planner.hello["url"],
        TOKEN_ENCRYPTION_KEY=new_key(),
        SHEETS_FILE=file,
        TANHAE_GOOGLE_SERVICE_ACCOUNT_JSON=encoded,
    )
    return site.measured("bench.sheets.looker", settings)


def _fetching(planner: Child, looker: Child, count: int) -> Json:
    """(c), and the answers that are looked at afterwards."""
    rounds: list[Json] = []
    for state in STATES:
        planner.ask("write", state=state)
        rounds += [looker.ask("fetch", state=state) for _ in range(count + 1)][1:]
    fetch, bare = median_of(rounds, "fetch_ms"), median_of(rounds, "bare_fetch_ms")
    found = {"fetch_ms": fetch, "fetch_over_bare": fetch / bare, "bytes": rounds[0]["bytes"]}
    return {**found, "rounds": rounds}


def _parts(rounds: list[Json]) -> Json:
    """(a), the first turn left out, in which patterns are compiled."""
    rounds = rounds[1:]
    used = {name: median_of(rounds, name) for name in rounds[0]}
    return {
        **{f"{one}_over_json": used[f"{one}_ms"] / used["json_ms"] for one in _LOOKS},
        "unchanged_over_plain": used["unchanged_ms"] / used["plain_unchanged_ms"],
        "changed_over_plain": used["changed_ms"] / used["plain_changed_ms"],
        **used,
        "rounds": rounds,
    }


def _looks(rounds: list[Json]) -> Json:
    """(b), the first round left out, in which there was no version yet."""
    rounds = rounds[1:]
    return {**{name: median_of(rounds, name) for name in rounds[0]}, "rounds": rounds}


_LOOKS: Final = ("same", "unchanged", "changed")


if __name__ == "__main__":
    sys.exit(report("make bench-sheets", AIMS, _measure))
