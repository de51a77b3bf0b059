"""Whoever waits for another process says for what, after a second."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import pytest

from processes import bot as bot_process
from security.encryption import TokenEncryption
from security.logging_utils import OwnerMask, configure_logging
from tests.places import settings_of
from tests.security.kit import ANN, MASK, a_credential, new_key, secret
from tests.stores import storage_in, store_in
from tests.waiting import run_until_heard

pytestmark = [pytest.mark.usefixtures("restored_logging"), pytest.mark.one_way("off")]
KEY = new_key()


async def test_a_second_bot_says_what_it_waits_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In its log, and in a sentence that says what to do; then it begins, or gives up."""
    log = io.StringIO()
    configure_logging(OwnerMask(b"key"), level="INFO", style="json", stream=log)
    storage = storage_in(tmp_path, TokenEncryption())
    said = asyncio.Event()

    async def second() -> None:
        async with bot_process.only_bot_on(storage_in(tmp_path, TokenEncryption())):
            said.set()

    async with asyncio.timeout(30):
        async with bot_process.only_bot_on(storage):
            waiting = asyncio.create_task(second())
            text = log.getvalue()
            while not text:
                await asyncio.sleep(0.02)
                text = log.getvalue()
            assert not said.is_set()
        await waiting
    (line,) = map(json.loads, log.getvalue().splitlines())
    assert (line["event"], line["result"]) == ("start_waits", "second_instance")
    assert line["seconds"] > 0
    told = capsys.readouterr().err
    assert "USER_DATA_DIR" in told
    assert "Stop it, or give this one a folder of its own." in told


@pytest.mark.one_way("files")
@pytest.mark.parametrize(
    "line", ["backup {archive}", "keys rotate", "quarantine purge {mask} --yes"]
)
def test_a_command_says_whose_credential_it_waits_for(
    line: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bot holds it for longer than a second; then the command goes on, and ends well."""
    old = new_key()
    store = store_in(folder, TokenEncryption([old]))
    store.prepare()
    store.save_consent(a_credential(ANN))
    if line.startswith("quarantine"):
        store.copies.set_aside(ANN, "invalid_grant")
    for name, value in {
        "USER_DATA_DIR": str(folder),
        "TOKEN_ENCRYPTION_KEY": f"{secret(KEY)},{secret(old)}",
        "TOKEN_BACKUP_KEY": secret(new_key()),
        "LOG_MASK_KEY": "a mask key for tests",
        **settings_of(folder),
    }.items():
        monkeypatch.setenv(name, value)
    lease = store.lease(ANN)
    assert lease is not None
    words = line.format(archive=folder.with_name("a.dkb"), mask=MASK(ANN.name))
    says = f"Waiting for {MASK(ANN.name)}"
    result = run_until_heard(words, says, lease.release)
    assert result.stderr.count(says) == 1
    assert "Waiting" not in result.stdout
    if not line.startswith("quarantine"):
        assert result.returncode == 0
