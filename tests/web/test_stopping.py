"""A process that ends waits for nobody who does not come."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bot.monitoring.metrics import Metrics
from processes.sweeping import sweeping
from sandbox.clients.google_controls import GoogleControls
from tests.journeys import until_struck
from tests.security.kit import AMY
from tests.web.kit import TANHAE, RunningWeb

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("sqlite")]


async def test_a_sweep_that_is_stopped_ends(web: RunningWeb, google: GoogleControls) -> None:
    """The first one begins some seconds after the start."""
    if not web.custody.storage.is_shared:
        pytest.skip("on files the bot sweeps")
    await web.authorise(google, AMY)
    store = web.custody.store
    credential = store.read(TANHAE.owner).open()
    assert credential is not None
    soon = store.clock.now() + timedelta(minutes=1)
    store.save_newest(replace(credential, expires_at=soon))
    await google.fault("google.token.refresh", "latency", seconds=2)
    async with asyncio.timeout(30), sweeping(web.custody, web.settings, Metrics()):
        await until_struck(google, "google.token.refresh")
        web.custody.sweep.stop()
