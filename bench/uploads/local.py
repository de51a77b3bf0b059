"""The measurements of large files: how long, how much of the processor, how much memory."""

from __future__ import annotations

import itertools
import time
from statistics import median
from types import TracebackType
from typing import Final, Self

from bench.child import Child, Json
from bench.report import Site, Wrong, median_of
from bench.uploads.content import make
from bench.uploads.installation import Installation, Sent
from bench.uploads.processes import MB, Watch, memory, processor_seconds
from bench.uploads.scale import GB, Scale
from bench.uploads.servers import account_of
from bench.uploads.small import AT_ONCE

_SETTLING_SECONDS: Final = 2.0


class Local:
    """Large files that a local Bot API server has put on a shared volume: (2), (3) and (4)."""

    def __init__(self, site: Site, scale: Scale) -> None:
        self._scale = scale
        # It is the same file over and over, and a bot may say so: nobody sends it twice.
        people = scale.path_rounds + scale.cpu_rounds + 1 + scale.memory_rounds * (1 + AT_ONCE)
        self._place = Installation(site, "local", people, telegram="local")
        self._people = itertools.count(1)
        self._names = 0

    def __enter__(self) -> Self:
        self._place.__enter__()
        self._content = make(self._place.folder / "large.bin", self._scale.large)
        self._blob = self._place.known_to_telegram(self._content, "large.bin")["blob"]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._place.__exit__(kind, error, traceback)

    def _name(self) -> str:
        self._names += 1
        return f"large-{self._names}.bin"

    def _send_all(self, times: int) -> list[Sent]:
        people = list(itertools.islice(self._people, times))
        return self._place.send(self._content, self._blob, self._name(), people)

    def _send(self) -> Sent:
        return self._send_all(1)[0]

    def path(self) -> Json:
        """(2) One file, both legs limited, against curl uploading the same."""
        place, rounds = self._place, []
        with place.bot() as bot, place.peer("curl") as curl:
            place.limit(True)
            idle = self._idle(bot)
            for _ in range(self._scale.path_rounds):
                with Watch(bot.pid, place.temporary, pause=0.25) as watch:
                    sent = self._send()
                up = place.curl_up(curl, self._content, self._name())
                rounds.append(
                    {
                        "product_seconds": sent.seconds,
                        "product_seconds_to_drive": sent.seconds_to_drive,
                        "product_peak_mb": (watch.peak - idle) / MB,
                        "curl_seconds": up,
                    }
                )
            place.limit(False)
        over = median_of(rounds, "product_seconds") / median_of(rounds, "curl_seconds")
        return {"path_over_curl": over, "rounds": rounds}

    def cpu(self) -> Json:
        """(3) Processor seconds for a GB, nothing limited, md5 counted on both sides."""
        place, rounds = self._place, []
        with place.bot() as bot, place.peer("client") as client:
            for _ in range(self._scale.cpu_rounds + 1):
                product, client_ = processor_seconds(bot.pid), processor_seconds(client.pid)
                sent = self._send()
                name = self._name()
                done = client.ask("path", path=str(self._content.path), name=name, md5=True)
                place.arrived(account_of(0), name, self._content)
                if done["md5"] != self._content.md5:
                    raise Wrong("Google's client has counted another md5")
                per_gb = GB / self._content.size
                rounds.append(
                    {
                        "product_cpu_per_gb": (processor_seconds(bot.pid) - product) * per_gb,
                        "client_cpu_per_gb": (processor_seconds(client.pid) - client_) * per_gb,
                        "product_seconds": sent.seconds,
                        "client_seconds": done["seconds"],
                    }
                )
        del rounds[0]  # for everybody to get warm
        over = median_of(rounds, "product_cpu_per_gb") / median_of(rounds, "client_cpu_per_gb")
        return {"cpu_over_mediafileupload": over, "rounds": rounds}

    def memory(self) -> Json:
        """(4) The peak above a fresh bot's idle memory, for one file and for many at once."""
        rounds = []
        for _ in range(self._scale.memory_rounds):
            one, many = self._peak(1), self._peak(AT_ONCE)
            rounds.append(
                {
                    "peak_mb_one": one["peak_mb"] - one["idle_mb"],
                    "peak_mb_eight": many["peak_mb"] - many["idle_mb"],
                    "one": one,
                    "eight": many,
                }
            )
        return {
            "peak_mb_one": median_of(rounds, "peak_mb_one"),
            "peak_mb_eight": median_of(rounds, "peak_mb_eight"),
            "rounds": rounds,
        }

    def _idle(self, bot: Child) -> float:
        time.sleep(_SETTLING_SECONDS)
        return median(memory(bot.pid, self._place.temporary) for _ in range(20))

    def _peak(self, times: int) -> Json:
        place = self._place
        with place.bot() as bot:
            idle = self._idle(bot)
            with Watch(bot.pid, place.temporary) as watch:
                sent = self._send_all(times)
        return {
            "idle_mb": idle / MB,
            "peak_mb": watch.peak / MB,
            "looks": watch.looks,
            "seconds": max(file.seconds for file in sent),
        }
