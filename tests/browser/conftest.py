"""A browser for the tests of a module, and the bot's key for one of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright import async_api, sync_api
from playwright.sync_api import Browser, sync_playwright
from pydantic import SecretStr

from tests.installed import CHROMIUM

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 45_000
"""For what has to come: a busy machine takes its time."""
sync_api.expect.set_options(timeout=PATIENCE_MS)
async_api.expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield started
        started.close()


@pytest.fixture
def key(encryption_keys: tuple[SecretStr, ...]) -> str:
    return ",".join(key.get_secret_value() for key in encryption_keys)
