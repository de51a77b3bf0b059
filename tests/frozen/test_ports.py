"""What a browser, a load balancer and a Prometheus server find at the bot's ports."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.bot.upkeep import by_hand, sweep
from tests.fixtures import StartBot
from tests.frozen.golden import hold
from tests.frozen.product import GoogleControls, Person
from tests.journeys import connect

People = Callable[..., Person]
# Nothing of it depends on how credentials are kept.
pytestmark = pytest.mark.one_way("off")
CALLBACK: Final = "/api/auth/google/callback"
PATHS: Final = ("/healthz", "/readyz", "/metrics")
CALLBACKS: Final = (
    *(CALLBACK, f"{CALLBACK}?state=none&code=none", f"{CALLBACK}?error=access_denied&state=none"),
)


def free_port() -> int:
    """One that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def look(session: aiohttp.ClientSession, method: str, url: str) -> dict[str, Any]:
    """What is answered, without what people read of it."""
    async with session.request(method, url, allow_redirects=False) as answer:
        kind, text = answer.content_type, await answer.text()
        found: dict[str, Any] = {"status": answer.status, "kind": kind}
        found["kept by caches"] = answer.headers.get("Cache-Control", "")
        return found | ({"body": json.loads(text)} if kind == "application/json" else {})


async def look_at_all(session: aiohttp.ClientSession, port: str, *besides: str) -> dict[str, Any]:
    """Each path, got and posted to."""
    return {
        f"{method} {path}": await look(session, method, port + path)
        for path in (*PATHS, *besides)
        for method in ("GET", "POST")
    }


async def test_the_callback_answers_as_it_did(start_bot: StartBot) -> None:
    """What a browser gets that nobody has sent."""
    port = free_port()
    async with start_bot(flow="callback", WEB_PORT=port), aiohttp.ClientSession() as session:
        found = await look_at_all(session, f"http://127.0.0.1:{port}", *CALLBACKS)
        hold("ports", "web with callbacks", found)


async def test_ports_answer_as_they_did(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Paths, methods, status, keys; and each sample that a server reads once somebody is here."""
    operations = f"http://127.0.0.1:{free_port()}"
    settings = {"METRICS_PORT": operations.rpartition(":")[2], "WEB_PORT": free_port()}
    async with (
        start_bot(flow="device", **settings) as bot,
        aiohttp.ClientSession() as session,
    ):
        by_hand(bot)
        hold("ports", "operations", await look_at_all(session, operations))
        web = f"http://127.0.0.1:{settings['WEB_PORT']}"
        hold("ports", "web", await look_at_all(session, web))
        await connect(people(), google, "amy@example.com")
        await sweep(bot)
        async with session.get(f"{operations}/metrics") as answer:
            text = await answer.text()
        samples: dict[str, dict[str, set[str]]] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                if sample.name.startswith("drivekeeper_"):
                    labels = samples.setdefault(sample.name, {})
                    for label, value in sample.labels.items():
                        labels.setdefault(label, set()).add(re.sub(r"^\d+\.\d+\.\d+$", "*", value))
        plain = {
            name: {label: sorted(values) for label, values in labels.items()}
            for name, labels in samples.items()
        }
        hold("metrics", "of a bot at work", plain)
