"""The web process of compose.yaml, as far as it can be checked without a container engine."""

from __future__ import annotations

import yaml

from tests.documents import ROOT
from tests.test_docs import _commands


def test_departments_have_a_process_of_their_own_where_it_is_asked_for() -> None:
    """Like the bot in what guards and keeps it, by `extends`; on a port of its own."""
    services = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
    web = services["web"]
    assert web["extends"] == {"service": "bot"}
    assert web["profiles"] == ["web"]
    (command,) = web["command"]
    assert command in _commands()
    assert set(web) == {"extends", "profiles", "command", "ports", "mem_limit"}
    (port,) = web["ports"]
    assert port.startswith("127.0.0.1:")
    assert port not in services["bot"].get("ports", ["127.0.0.1:8080:8080"])
    assert services["bot"]["healthcheck"]["test"][-1].count("/healthz") == 1
