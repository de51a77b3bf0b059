"""(g) The token route, with its second of memory and without, against a bare one."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final

from bench.child import Child, Json
from bench.endpoint import access_token
from bench.report import Wrong, median_of
from bench.store.place import LIFE, Place
from bench.sweeps import endpoint_at, in_turns
from departments.tokens import MEMORY_SECONDS

CONNECTIONS: Final = 16
PUBLIC_URL: Final = "http://localhost:8080"
"""What browsers would say; whoever is measured has a port of its own."""
TOKEN: Final = access_token(0)
"""The first that the endpoint gives."""


def request_with(key: str) -> str:
    """A computer's request for its department's token."""
    return (
        "POST /api/google/get-access-token?department=tanhae HTTP/1.1\r\nHost: localhost:8080\r\n"
        f"Authorization: Bearer {key}\r\nAccept: application/json\r\nContent-Length: 0\r\n\r\n"
    )


def measure_tokens(place: Place) -> Json:
    """Microseconds of the processor for each answer, and answers a second, in turns.

    The ratio is the processor's: whoever asks has to keep up with a bare route, and may not.
    """
    scale = place.scale
    with ExitStack() as stack:
        endpoint = stack.enter_context(endpoint_at(place, life=LIFE))
        url = endpoint.hello["url"]
        settings = place.settings("tokens", url, PUBLIC_URL=PUBLIC_URL)
        memories = {"memory": MEMORY_SECONDS, "without": 0}
        contenders = {
            **{
                name: place.measured("bench.web.product", settings, seconds)
                for name, seconds in memories.items()
            },
            "bare": place.measured("bench.web.bare", PUBLIC_URL, TOKEN),
        }
        for child in contenders.values():
            stack.enter_context(child)
        contenders["memory"].ask("authorise")
        key = contenders["memory"].ask("add_computer")["key"]
        load = stack.enter_context(place.beside("bench.web.load"))
        rounds: list[Json] = []
        for number in range(scale.token_rounds + 1):
            entry: Json = {}
            for name, child in in_turns(contenders.items(), number):
                entry |= _ask(load, name, child, key, scale.tokens)
            rounds.append(entry)
        asked = endpoint.ask("count")["answered"]
        if asked != 1:
            raise Wrong(f"Google was asked {asked} times for a token that lasts an hour")
    rounds = rounds[1:]  # the first asks Google
    used = {name: median_of(rounds, f"{name}_cpu_us") for name in contenders}
    return {
        "token_route_over_bare": used["bare"] / used["memory"],
        "token_route_without_over_bare": used["bare"] / used["without"],
        "tokens_per_second": median_of(rounds, "memory"),
        "tokens_per_second_without": median_of(rounds, "without"),
        "bare_per_second": median_of(rounds, "bare"),
        "token_cpu_us": used["memory"],
        "token_cpu_us_without": used["without"],
        "bare_cpu_us": used["bare"],
        "rounds": rounds,
    }


def _ask(load: Child, name: str, child: Child, key: str, count: int) -> Json:
    before = child.ask("cpu")["cpu_seconds"]
    done = load.ask(
        "load",
        port=child.hello["port"],
        request=request_with(key),
        token=f'"{TOKEN}"',
        count=count,
        connections=CONNECTIONS,
    )
    if done["good"] != count:
        raise Wrong(f"{name}: {done['good']} of {count} answers held the token: {done['wrong']}")
    used = child.ask("cpu")["cpu_seconds"] - before
    return {name: count / done["seconds"], f"{name}_cpu_us": used / count * 1e6}
