"""The measurements of files from Telegram's cloud: streamed, and small ones."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from bench.child import Child, Json
from bench.report import Site, Wrong, median_of
from bench.uploads.content import make
from bench.uploads.installation import Installation
from bench.uploads.processes import MB, processor_seconds
from bench.uploads.scale import Scale
from bench.uploads.servers import account_of
from bench.uploads.small import AT_ONCE, KNOWN
from bench.world import BOT_TOKEN

_STREAMED: Final = 18 * MB


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
    up = place.curl_up(curl, content, f"curl-{name}")
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
