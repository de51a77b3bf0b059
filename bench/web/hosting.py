"""What `drivekeeper web` asks of a small host: (h) its start, (i) its memory."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Final

from bench.child import Json
from bench.endpoint import access_token
from bench.owners import CLIENT_ID, CLIENT_SECRET
from bench.report import Wrong, median_of
from bench.store.place import Place
from bench.sweeps import endpoint_at
from bench.uploads.processes import MB, processor_seconds, resident
from bench.web.process import first_answer, settings_at, sign_in_link, web_process
from bench.web.visiting import visitor
from sandbox.ports import free_port

_CLIENT: Final = {
    "WEB_GOOGLE_CLIENT_ID": CLIENT_ID,
    "WEB_GOOGLE_CLIENT_SECRET": CLIENT_SECRET,
}
_ROUTE: Final = "/api/google/get-access-token?department=tanhae"


def measure_web_start(place: Place) -> Json:
    """(h) Processor seconds from exec to the first answers; the token has ended meanwhile."""
    with endpoint_at(place) as endpoint:  # its tokens are due at once, and serve all the same
        port = free_port()
        settings = place.settings("web", endpoint.hello["url"], **settings_at(port))
        with place.measured("bench.web.product", settings, 0) as product:
            product.ask("authorise")
            key = product.ask("add_computer")["key"]
        rounds = [_start(place, settings, port, key) for _ in range(place.scale.start_rounds + 1)]
        asked = endpoint.ask("count")["answered"]
    if asked != len(rounds):
        raise Wrong(f"Google was asked {asked} times in {len(rounds)} starts")
    rounds = rounds[1:]  # the first reads what is not in memory yet
    return {
        "web_start_cpu_seconds": median_of(rounds, "token_cpu"),
        "web_healthz_cpu_seconds": median_of(rounds, "healthz_cpu"),
        "web_start_seconds": median_of(rounds, "token_seconds"),
        "rounds": rounds,
    }


def _start(place: Place, settings: Path, port: int, key: str) -> Json:
    found: Json = {}
    began = time.monotonic()
    with web_process(settings, place.folder / "web.log", place.client_core) as pid:
        first_answer(port, "/healthz")
        found["healthz_cpu"] = processor_seconds(pid)
        headers = {"Authorization": f"Bearer {key}"}
        answer = json.loads(first_answer(port, _ROUTE, "POST", **headers))
        found["token_cpu"] = processor_seconds(pid)
        found["token_seconds"] = time.monotonic() - began
    if len(answer["access_token"]) != len(access_token(0)):
        raise Wrong("another token than the endpoint's")
    return found


def measure_web_memory(place: Place) -> Json:
    """(i) Resident memory (RSS) after many requests for everything there is."""
    with place.beside("bench.world", place.folder / "web-world", place.folder / "none", 0) as world:
        google, port = world.hello["url"], free_port()
        settings = place.settings("web-memory", google, **settings_at(port), **_CLIENT)
        with web_process(settings, place.folder / "web.log", place.client_core) as pid:
            first_answer(port, "/healthz")
            found = {"web_mb_started": resident(pid) / MB}
            link = sign_in_link(settings, "Ops")
            found["web_requests"] = asyncio.run(_visit(place.scale.requests, port, google, link))
            found["web_mb"] = resident(pid) / MB
    return {**found, "rounds": [found]}


async def _visit(requests: int, port: int, google: str, link: str) -> int:
    async with visitor(f"http://localhost:{port}", google) as visits:
        await visits.sign_in(link)
        while visits.asked < requests:
            await visits.go_round()
        return visits.asked
