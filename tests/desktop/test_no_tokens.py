"""A computer whose key may upload alone holds nothing that opens the department's Drive."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from desktop.keeping.credentials import DesktopCredentialManager
from desktop.keeping.files import FOLDER
from desktop.keeping.system import this_system
from sandbox.clients.google_controls import GoogleControls
from sandbox.run import google_settings
from sandbox.server import Sandbox
from tests.desktop.kit import FORM, code_for, pdf
from tests.desktop.relay import relay
from tests.desktop.test_killed import desktop
from tests.journeys import until, until_struck
from tests.security.kit import AMY
from tests.web.kit import TANHAE, RunningWeb
from tests.web.test_uploads import files

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way]
TOKEN = re.compile(rb"ya29\.[\w-]+|1//0[\w-]+")


@pytest.mark.parametrize("may", [("upload",), ("upload", "token")], ids=["upload", "token"])
async def test_no_token_is_in_what_it_asks_keeps_or_logs(
    web: RunningWeb,
    google: GoogleControls,
    sandbox: Sandbox,
    tmp_path: Path,
    may: tuple[str, ...],
) -> None:
    """Over pairing, uploads, faults, a kill, and a department that is revoked. It knows the cloud
    and Drive by these addresses alone. With a key that may, a token is found: one would be seen."""
    await web.authorise(google, AMY)
    log, queue = tmp_path / "log", tmp_path / FOLDER / "queue"
    async with relay(sandbox.url) as drive, relay(web.url, drive) as cloud:
        known = {
            name: address.replace(sandbox.url, drive.url)
            for name, address in google_settings(sandbox).items()
        }
        async with desktop(tmp_path, log, **known) as (process, browser):
            fields = {"address": cloud.url, "code": await code_for(web, may=may)}
            await browser.post("/pair", data={**fields, "code": "AAAA-AAAA"}, headers=FORM)
            assert (await browser.post("/pair", data=fields, headers=FORM)).status_code == 303
            await add(browser, 1)
            await until(lambda: not list(queue.glob("*.pdf")), 40)
            await google.expire_access_tokens(AMY)
            await google.fault("google.upload.chunk", "status", status=503)
            await add(browser, 2)
            await until(lambda: not list(queue.glob("*.pdf")), 40)
            await google.fault("google.upload.chunk", "hang")
            await add(browser, 3)
            await until_struck(google, "google.upload.chunk", 2)
            process.kill()
        await google.clear_faults()
        async with desktop(tmp_path, log, **known) as (_, browser):
            await until(lambda: not list(queue.glob("*.pdf")), 40)
            async with web.browser(await web.sign_in()) as administrator:
                asked = {"department": TANHAE.slug}
                await administrator.delete("/api/google/authorization", params=asked)
            await add(browser, 4)
            async with asyncio.timeout(20):
                while "Waiting for auth" not in (await browser.get("/live")).text:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            await until(lambda: b"upload_waiting" in log.read_bytes())  # said before it is logged
    assert len(await files(google)) == 3
    kept = DesktopCredentialManager(tmp_path / FOLDER, this_system())
    [pairing] = kept.pairings
    async with web.computer(pairing.key) as computer:
        asked_for = await computer.post(
            "/api/google/get-access-token", params={"department": "tanhae"}, json={}
        )
    assert (asked_for.status_code == 403) is (may == ("upload",))
    sealed = [tmp_path / FOLDER / "tokens.encrypted", *queue.glob("*.record")]
    places = {
        "asks the cloud": bytes(cloud.asked),
        "is told": bytes(cloud.answered),
        "asks Drive": bytes(drive.asked),
        "is told by Drive": bytes(drive.answered),
        "logs": log.read_bytes(),
        "keeps": b"".join(p.read_bytes() for p in (tmp_path / FOLDER).rglob("*") if p.is_file()),
        "keeps sealed": b"".join(kept.keyring.decrypt(path.read_bytes()) for path in sealed),
    }
    assert b"upload_waiting" in places["logs"]
    assert all(len(place) > 200 for place in places.values())  # each was looked at
    assert sandbox.google is not None
    secrets = [*sandbox.google.grants.refresh, sandbox.config.client_secret]
    assert len(secrets) > 1
    found = {
        name
        for name, place in places.items()
        if TOKEN.search(place) or any(secret.encode() in place for secret in secrets)
    }
    is_seen = {"is told", "asks Drive"}
    assert found == (set() if may == ("upload",) else is_seen)
    key = pairing.key.get_secret_value().encode()
    assert {name for name, place in places.items() if key in place} == {
        *("asks the cloud", "is told", "keeps sealed")
    }


async def add(browser: httpx.AsyncClient, number: int) -> None:
    """A file."""
    sent = {"files": (f"{number}.pdf", pdf(300_000, number), "application/pdf")}
    answer = await browser.post("/files", data={"department": "tanhae"}, files=sent, headers=FORM)
    assert answer.status_code == 303
