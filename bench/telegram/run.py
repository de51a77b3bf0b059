"""`make bench-telegram`: processor time of a request to Telegram, three ways, in turns."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Final

from bench.child import Json
from bench.report import Aims, Site, median_of, report

AIMS: Final[Aims] = {
    "library_over_ours": ("python-telegram-bot's own over ours, processor time", ""),
    "ours_over_bare": ("ours over a bare POST by aiohttp", ""),
    "ours_ms": ("ours, ms of the processor", ""),
    "library_ms": ("python-telegram-bot's own, ms", ""),
    "bare_ms": ("bare POST, ms", ""),
}
KINDS: Final = ("ours", "library", "bare")


def _measure(site: Site, quick: bool, found: Json) -> Iterator[tuple[str, Json]]:
    count, turns = (100, 2) if quick else (2000, 7)
    with ExitStack() as stack:
        endpoint = stack.enter_context(site.beside("bench.endpoint", 0.0))
        contenders = {
            kind: stack.enter_context(
                site.measured("bench.telegram.contenders", kind, endpoint.hello["url"])
            )
            for kind in KINDS
        }
        for child in contenders.values():
            child.ask("send", count=100)
        rounds = [
            {
                kind: child.ask("send", count=count)["milliseconds"]
                for kind, child in contenders.items()
            }
            for _ in range(turns)
        ]
    ours, library, bare = (median_of(rounds, kind) for kind in KINDS)
    yield (
        "telegram",
        {
            "library_over_ours": library / ours,
            "ours_over_bare": ours / bare,
            "ours_ms": ours,
            "library_ms": library,
            "bare_ms": bare,
            "rounds": rounds,
        },
    )


if __name__ == "__main__":
    sys.exit(report("make bench-telegram", AIMS, _measure))
