"""Many people at once: everyone's file in their own Drive, and /status answered meanwhile."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.journeys import connect, md5_of, until

SIZE = 5_000_000
PROBES = 10
EVERY = 2.0


@asynccontextmanager
async def sandbox_process(folder: Path, keys: tuple[SecretStr, ...]) -> AsyncIterator[str]:
    """`drivekeeper sandbox` as people run it: the sandbox, and the bot in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")}
    environment["TOKEN_ENCRYPTION_KEY"] = ",".join(key.get_secret_value() for key in keys)
    log = folder.with_suffix(".log")  # a file, not a pipe: nobody reads while the test runs
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "sandbox", "--port", "0", "--folder", str(folder)),
            env=environment,
            stdout=output,
            stderr=output,
        )
    try:
        await until(lambda: '"bot_started"' in log.read_text())
        found = re.search(r"Chat +(http://\S+?)/\s", log.read_text())
        assert found
        yield found[1]
    finally:
        process.send_signal(signal.SIGINT)
        await process.wait()
    assert process.returncode == 0, log.read_text()
    assert '"handler_failed"' not in log.read_text(), log.read_text()


@pytest.mark.load
async def test_many_people_connect_and_upload_at_once(
    tmp_path: Path, encryption_keys: tuple[SecretStr, ...], pytestconfig: pytest.Config
) -> None:
    """And p99 of /status stays below a second."""
    count = pytestconfig.getoption("--people")  # CI: a hundred
    async with sandbox_process(tmp_path / "sandbox", encryption_keys) as url, AsyncExitStack() as s:
        google = await s.enter_async_context(GoogleControls(url))
        await google.device_interval(1)
        people = [
            await s.enter_async_context(Person(url, 1000 + n, f"P{n}", "en")) for n in range(count)
        ]
        probes = [
            await s.enter_async_context(Person(url, 5000 + n, f"Probe{n}", "en"))
            for n in range(PROBES)
        ]
        await asyncio.gather(*(connect(probe, google, "probe@example.com") for probe in probes))
        # Already with Telegram: what is measured is the bot, not a hundred phones on these cores.
        contents = [os.urandom(SIZE) for _ in people]
        blobs = [await person.upload(data) for person, data in zip(people, contents, strict=True)]
        waits: list[float] = []
        asking = [asyncio.create_task(_ask_on(probe, waits)) for probe in probes]
        began = time.monotonic()
        await asyncio.gather(
            *(_journey(person, google, blob) for person, blob in zip(people, blobs, strict=True))
        )
        seconds = time.monotonic() - began
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        for person, content in zip(people, contents, strict=True):
            files = await google.files(f"u{person.id}@example.com")
            assert [f["md5"] for f in files if f["md5"]] == [md5_of(content)]
    waits.sort()
    p99 = waits[int(len(waits) * 0.99)]
    print(
        f"{count} people in {seconds:.1f} s; /status asked {len(waits)} times: "
        f"median {waits[len(waits) // 2]:.3f} s, p99 {p99:.3f} s"
    )
    assert len(waits) >= count
    assert p99 < 1.0


async def _journey(person: Person, google: GoogleControls, blob: str) -> None:
    """Send a file, connect, and see it arrive."""
    await person.send_document(blob, f"{person.id}.bin")
    await connect(person, google, f"u{person.id}@example.com", patience=90)
    await person.wait_for("is in your Drive", since=0, timeout=90)


async def _ask_on(probe: Person, waits: list[float]) -> None:
    """/status every two seconds, each probe at its own time, for as long as it takes."""
    due = time.monotonic() + EVERY * (probe.id % PROBES) / PROBES
    while True:
        await asyncio.sleep(max(due - time.monotonic(), 0))
        due += EVERY
        began = time.monotonic()
        await probe.send("/status")
        await probe.wait_for("Connected as", timeout=30)
        waits.append(time.monotonic() - began)
