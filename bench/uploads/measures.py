"""The measurements. Each gives its ratios, and the rounds they are medians of."""

from __future__ import annotations

import itertools
import time
from contextlib import ExitStack
from dataclasses import dataclass
from statistics import median
from types import TracebackType
from typing import Final, Self

from bench.child import Child, Json
from bench.report import Site, Wrong, median_of
from bench.uploads.content import Content, make
from bench.uploads.installation import Installation, Sent
from bench.uploads.processes import MB, Watch, memory, processor_seconds
from bench.uploads.servers import account_of
from bench.uploads.small import AT_ONCE, KNOWN
from bench.world import BOT_TOKEN

GB: Final = 1_000_000_000
_STREAMED: Final = 18 * MB
_SETTLING_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured. Sizes in bytes."""

    stream_rounds: int = 11
    path_rounds: int = 3
    cpu_rounds: int = 5
    memory_rounds: int = 3
    large: int = GB
    small: int = 16_000
    small_files: int = 160
    small_rounds: int = 7


QUICK: Final = Scale(
    stream_rounds=3,
    path_rounds=1,
    cpu_rounds=2,
    memory_rounds=1,
    large=100 * MB,
    small_files=40,
    small_rounds=3,
)


def measure_stream(site: Site, scale: Scale) -> Json:
    """(1) Files of 18 MB from Telegram's cloud, both legs limited."""
    with ExitStack() as stack:
        place = stack.enter_context(Installation(site, "stream", people=1, telegram="cloud"))
        bot = stack.enter_context(place.bot())
        curl, client = (stack.enter_context(place.peer(kind)) for kind in ("curl", "client"))
        place.limit(True)
        rounds = [
            _stream(place, curl, client, number, bot.pid)
            for number in range(scale.stream_rounds + 1)
        ][1:]  # in the first everybody gets warm, and the bot makes the person's folder
    slower = max(median_of(rounds, "curl_up_seconds"), median_of(rounds, "curl_down_seconds"))
    product = median_of(rounds, "product_seconds")
    return {
        "stream_over_slower_leg": product / slower,
        "speedup_over_download_then_upload": median_of(rounds, "client_seconds") / product,
        "rounds": rounds,
    }


def _stream(place: Installation, curl: Child, client: Child, number: int, bot_pid: int) -> Json:
    name = f"stream-{number}.bin"
    # No two of one size: a bot may look whether one that agrees with another is the same.
    content = make(place.folder / name, _STREAMED - number)
    known = place.known_to_telegram(content, name)
    cpu = processor_seconds(bot_pid)
    (sent,) = place.send(content, known["blob"], name, [1])
    cpu = processor_seconds(bot_pid) - cpu
    up = _curl_up(place, curl, content, f"curl-{name}")
    asked = {"telegram": place.telegram_url, "file_id": known["file_id"]}
    relayed = client.ask("relay", name=f"client-{name}", **asked)["seconds"]
    place.arrived(account_of(0), f"client-{name}", content)
    address = f"{place.telegram_url}/file/bot{BOT_TOKEN}/{known['file_path']}"
    down = curl.ask("down", address=address)["seconds"]
    content.path.unlink()
    return {
        "product_seconds": sent.seconds,
        "product_seconds_to_drive": sent.seconds_to_drive,
        "product_cpu_seconds": cpu,
        "curl_up_seconds": up,
        "curl_down_seconds": down,
        "client_seconds": relayed,
    }


def _curl_up(place: Installation, curl: Child, content: Content, name: str) -> float:
    done = curl.ask("up", path=str(content.path), name=name)
    place.arrived(account_of(0), name, content)
    return float(done["seconds"])


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
                with Watch(bot.pid, place.temporary) as watch:
                    sent = self._send()
                up = _curl_up(place, curl, self._content, self._name())
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


def measure_small(site: Site, scale: Scale) -> Json:
    """(5) Small files a second, against the same number of bare requests."""
    with ExitStack() as stack:
        place = stack.enter_context(Installation(site, "small", AT_ONCE, telegram="cloud"))
        arguments = ("product", place.settings), ("bare", place.url, place.telegram_url)
        product, bare = (
            stack.enter_context(site.measured("bench.uploads.small", *given)) for given in arguments
        )
        # In the first round everybody gets warm, and people's folders are made.
        rounds = [
            _small(place, product, bare, scale, number) for number in range(scale.small_rounds + 1)
        ][1:]
    over = median_of(rounds, "product_per_second") / median_of(rounds, "bare_per_second")
    return {
        "small_files_over_floor": over,
        "small_files_per_second": median_of(rounds, "product_per_second"),
        "rounds": rounds,
    }


def _small(place: Installation, product: Child, bare: Child, scale: Scale, number: int) -> Json:
    files, contents = [], []
    for n in range(number * scale.small_files, (number + 1) * scale.small_files):
        content = make(place.folder / "small", scale.small + n)  # no two of one size
        known = place.known_to_telegram(content, "small.bin")
        person = 1 + n % AT_ONCE
        files.append(
            {
                "person": person,
                "token": place.tokens[person],
                "file_id": known["file_id"],
                "name": f"{n}.bin",
                "size": content.size,
            }
        )
        contents.append(content)
    _calls(place)
    done = product.ask("all", files=files)
    calls = _calls(place)
    bares = [{**file, "name": f"bare-{file['name']}"} for file in files]
    floor = bare.ask("all", files=shares(bares, calls))
    if _calls(place) != calls:
        raise Wrong("the floor has asked more or less than the product")
    for file, content in zip(files + bares, contents * 2, strict=True):
        place.arrived(account_of(file["person"]), file["name"], content)
    return {
        "product_per_second": len(files) / done["seconds"],
        "bare_per_second": len(files) / floor["seconds"],
        "product_cpu_ms": done["cpu_seconds"] / len(files) * 1000,
        "bare_cpu_ms": floor["cpu_seconds"] / len(files) * 1000,
        "requests": calls,
    }


def _calls(place: Installation) -> dict[str, int]:
    return place.telegram.ask("calls") | place.google.ask("calls")


def shares(files: list[Json], calls: dict[str, int]) -> list[Json]:
    """Each file with its share of `calls`, in the order in which they are asked.

    Raises:
        Wrong: among them is one that the floor cannot ask.
    """
    if unknown := calls.keys() - KNOWN:
        raise Wrong(f"the floor does not know these requests: {sorted(unknown)}")
    count = len(files)
    return [
        {
            **file,
            "operations": [
                operation
                for operation in sorted(calls, key=_ORDER.index)
                for _ in range(calls[operation] * n // count, calls[operation] * (n + 1) // count)
            ],
        }
        for n, file in enumerate(files)
    ]


_ORDER: Final = (
    *sorted(name for name in KNOWN if name.startswith("google.drive.")),
    "telegram.getFile",
    "telegram.download",
    "google.upload.start",
    "google.upload.chunk",
)
