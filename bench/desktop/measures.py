"""(6) A PDF from drop to ✓ against curl, (7) the start, (8) memory; with both kinds of key."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Final

from bench.child import Json
from bench.desktop.office import Office, office
from bench.desktop.process import Page, desktop
from bench.report import Site, median_of
from bench.uploads.content import Content, make
from bench.uploads.processes import MB, memory, processor_seconds, resident
from bench.uploads.scale import Scale

RIGHTS: Final[Mapping[str, tuple[str, ...]]] = {
    "session": ("upload",),
    "token": ("upload", "token"),
}
"""Of the computers: one uploads by the cloud's sessions, one by an access token of its own."""
_PDF: Final = 20 * MB
_BEGINS: Final = b"%PDF-1.7\n"
_ENDS: Final = b"\n%%EOF\n"
_SETTLING_SECONDS: Final = 2.0


def measure_desktop(site: Site, scale: Scale) -> Json:
    """All three, of computers that are paired with a real `drivekeeper web`."""
    homes = {kind: site.folder / f"home-{kind}" for kind in RIGHTS}
    with office(site, list(RIGHTS.values())) as place:
        for home, code in zip(homes.values(), place.codes, strict=True):
            home.mkdir()
            with desktop(site, home, place.settings) as (_, page):
                page.send("/pair", {"address": place.cloud, "code": code})
        starts = [_start(site, place, homes["session"]) for _ in range(scale.desktop_starts + 1)][
            1:
        ]
        place.limit()
        rounds, held = _uploads(site, place, homes, scale)
    up = median_of(rounds, "curl_seconds")
    return {
        "desktop_over_curl": median_of(rounds, "session_seconds") / up,
        "desktop_token_over_curl": median_of(rounds, "token_seconds") / up,
        "desktop_start_cpu_seconds": median_of(starts, "cpu_seconds"),
        "desktop_start_seconds": median_of(starts, "seconds"),
        **{f"desktop_{name}": max(one[name] for one in held.values()) for name in held["session"]},
        "rounds": {"uploads": rounds, "starts": starts, "memory": held},
    }


def _start(site: Site, place: Office, home: Path) -> Json:
    """From exec until a browser has the page of a paired computer."""
    began = time.monotonic()
    with desktop(site, home, place.settings) as (pid, _):
        return {"cpu_seconds": processor_seconds(pid), "seconds": time.monotonic() - began}


def _uploads(
    site: Site, place: Office, homes: Mapping[str, Path], scale: Scale
) -> tuple[list[Json], Json]:
    """Seconds of each contender, in turns; and what the desktops hold before and after a file."""
    held: Json = {}
    with ExitStack() as stack:
        desks = {
            kind: stack.enter_context(desktop(site, home, place.settings))
            for kind, home in homes.items()
        }
        for kind, (pid, _) in desks.items():
            held[kind] = _memory(pid, "started")
        # With the first, small one the department's folder is made, and everybody gets warm.
        _round(site, place, desks, 0, MB)
        for kind, (pid, _) in desks.items():
            held[kind] |= _memory(pid, "after_one")
        rounds = [
            _round(site, place, desks, number + 1, _PDF) for number in range(scale.desktop_rounds)
        ]
        for kind, (pid, _) in desks.items():
            held[kind] |= _memory(pid, "at_end")
    return rounds, held


def _round(
    site: Site, place: Office, desks: Mapping[str, tuple[int, Page]], number: int, size: int
) -> Json:
    found: Json = {"curl_seconds": place.curl_up(_pdf(site, size), f"curl-{number}.pdf")}
    for kind, (pid, page) in desks.items():
        # Another content for each: the same would not be sent again.
        content, name = _pdf(site, size), f"{kind}-{number}.pdf"
        cpu, at = processor_seconds(pid), time.time()
        found[f"{kind}_seconds"] = page.drop(content, name)
        found[f"{kind}_seconds_to_drive"] = place.arrived(name, content) - at
        found[f"{kind}_cpu_seconds"] = processor_seconds(pid) - cpu
    return found


def _pdf(site: Site, size: int) -> Content:
    return make(site.folder / "dropped.pdf", size, _BEGINS, _ENDS)


def _memory(pid: int, when: str) -> Json:
    """PSS, with whatever is in files in memory, and RSS; when nothing has moved for a while."""
    time.sleep(_SETTLING_SECONDS)
    looks = [memory(pid, Path("/nonexistent")) for _ in range(5)]
    return {f"mb_{when}": median(looks) / MB, f"rss_mb_{when}": resident(pid) / MB}
