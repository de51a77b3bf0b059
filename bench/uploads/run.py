"""`make bench-upload`: all measurements of one run, printed, and as JSON where asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from bench.child import Json
from bench.desktop.measures import measure_desktop
from bench.report import Aims, Site, report
from bench.uploads.cloud import measure_small, measure_stream
from bench.uploads.installation import NoCurl, curl
from bench.uploads.local import Local
from bench.uploads.scale import QUICK, Scale

AIMS: Final[Aims] = {
    "stream_over_slower_leg": ("(1) 18 MB over HTTP: over the slower leg by curl", "<= 1.25"),
    "speedup_over_download_then_upload": ("    times as fast as download, then upload", ">= 1.5"),
    "path_over_curl": ("(2) 1 GB from a path: over curl uploading it", "<= 1.1"),
    "cpu_over_mediafileupload": ("(3) CPU for a GB: over MediaFileUpload and md5", "<= 1.2"),
    "peak_mb_one": ("(4) peak memory above idle, 1 GB, MB", "<= 64"),
    "peak_mb_eight": ("    8 times 1 GB at once, MB", "<= 64"),
    "small_files_over_floor": ("(5) small files: rate over that of bare requests", ""),
    "small_files_per_second": ("    small files a second", ""),
    "desktop_over_curl": ("(6) desktop, 20 MB at 20 Mbit/s, drop to ✓: over curl", "<= 1.15"),
    "desktop_token_over_curl": ("    with a key that may have tokens", "<= 1.15"),
    "desktop_start_cpu_seconds": ("(7) CPU seconds from exec to the page served", "<= 1.5"),
    "desktop_start_seconds": ("    seconds", ""),
    "desktop_mb_started": ("(8) memory at rest after the start (PSS), MB", ""),
    "desktop_rss_mb_started": ("    RSS, MB", ""),
    "desktop_mb_after_one": ("    after an upload (PSS), MB", ""),
    "desktop_rss_mb_after_one": ("    RSS, MB", ""),
    "desktop_mb_at_end": ("    after all of them (PSS), MB", ""),
    "desktop_rss_mb_at_end": ("    RSS, MB", ""),
}


def main() -> int:
    """The exit code: 0 measured, 1 something went wrong, 2 there is no disk or no curl."""
    try:
        curl()
    except NoCurl as refusal:
        print(refusal, file=sys.stderr)
        return 2
    return report("make bench-upload", AIMS, _measure)


def _measure(site: Site, quick: bool, _: Json) -> Iterator[tuple[str, Json]]:
    scale = QUICK if quick else Scale()
    yield "stream", measure_stream(site, scale)
    with Local(site, scale) as local:
        yield "path", local.path()
        yield "cpu", local.cpu()
        yield "memory", local.memory()
    yield "small", measure_small(site, scale)
    yield "desktop", measure_desktop(site, scale)


if __name__ == "__main__":
    sys.exit(main())
