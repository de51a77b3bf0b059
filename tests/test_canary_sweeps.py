"""Sweeps say nothing secret at DEBUG, whatever they meet; nor does the trail they leave.

What administrators and owners are told of it in the chat is in `test_canary.py`.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Final

import pytest
import structlog
from pydantic import SecretStr

import cli
from config import Settings
from processes.storage import storage_of
from processes.wiring import Custody, CustodyOptions, custody
from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.logging_utils import configure_logging
from tests.canaries import exploding
from tests.canary_installation import House, Installation
from tests.canary_troubles import (
    Trouble,
    fine,
    folders_are_files,
    full,
    google_says,
    revoked,
    swapped,
)
from tests.security.kit import full_disk

Act = Callable[[Custody, House], AbstractContextManager[object] | None]


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Made once: its folders are copied for each case."""
    made = Installation(tmp_path_factory.mktemp("marked"))
    yield made
    made.close()


def nothing(parts: Custody, house: House) -> None:
    """It sweeps, and that is all."""


def disk_fills(parts: Custody, house: House) -> AbstractContextManager[object]:
    """The disk takes nothing more once it runs."""
    return full_disk()


def another_secret(parts: Custody, house: House) -> None:
    """The settings were changed, and wrongly."""
    for client in parts.clients._by_id.values():
        object.__setattr__(client, "secret", SecretStr(house.new("wrong secret")))


def another_key(parts: Custody, house: House) -> None:
    """Files of another installation come in while it runs."""
    stranger = TokenEncryption([house.marked.stranger])
    for path in house.folder.glob("token_*.json"):
        path.write_bytes(stranger.encrypt(path.read_bytes()))


def all_damaged(parts: Custody, house: House) -> None:
    """Every credential holds something else: too many to be chance."""
    for path in house.folder.glob("token_*.json"):
        path.write_text(house.new("damage"))


def refresh_crashes(parts: Custody, house: House) -> None:
    """A defect, with everything in its exceptions."""
    house.marked.world.harvest()
    text = " ".join(house.marked.canaries.texts)
    parts.custodian._ask_google = exploding(text)  # type: ignore[method-assign]


def reading_crashes(parts: Custody, house: House) -> None:
    """Likewise, where the whole pass ends."""
    house.marked.world.harvest()
    text = " ".join(house.marked.canaries.texts)
    parts.store.read_all = exploding(text)  # type: ignore[method-assign]


SWEEPS: Final[dict[str, tuple[Trouble, Act, str]]] = {
    "good": (fine, nothing, "token_refreshed"),
    "503": (google_says("status", status=503), nothing, "unavailable"),
    "HTML": (google_says("html"), nothing, "not_json"),
    "cut connections": (google_says("drop"), nothing, "unavailable"),
    "a refusal": (google_says("oauth_error"), nothing, "invalid_request"),
    "on hold, then confirmed": (fine, all_damaged, "token_held"),
    "swapped": (swapped, nothing, "token_quarantined"),
    "full disk": (full, nothing, "store_failed"),
    "a disk that fills up": (fine, disk_fills, "memory_not_saved"),
    "wrong client secret": (fine, another_secret, "invalid_client"),
    "unknown key": (fine, another_key, "unknown_key"),
    "folders are files": (folders_are_files, nothing, "store_failed"),
    "a defect of a refresh": (fine, refresh_crashes, "sweep_owner_failed"),
    "a defect of the pass": (fine, reading_crashes, "ExceptionGroup"),
    "revoked": (revoked, nothing, "invalid_grant"),
}
"""What is wrong before and after the start, and what is then said of it. Revoked is the last: the
grants are gone for good."""


async def sweep(settings: Settings, house: House, act: Act) -> str:
    """Two passes, with whatever is on hold set aside between them; what they report."""
    reports = ""
    mask = house.marked.mask
    storage, options = storage_of(settings, mask), CustodyOptions.of(settings)
    async with custody(settings, storage, mask, options) as parts:
        with act(parts, house) or nullcontext():
            for _ in range(2):
                try:
                    report = await parts.sweep.run(full=True)
                except Exception:
                    structlog.get_logger().exception("sweep_failed")  # as bot/maintenance.py does
                else:
                    reports += report.model_dump_json()
                await parts.rejecting.confirm_held()
    return reports


@pytest.mark.parametrize("case", SWEEPS)
def test_a_sweep_says_nothing_secret(
    case: str,
    marked: Installation,
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In its lines, in its report, in the trail, in what it writes down of itself."""
    trouble, act, wanted = SWEEPS[case]
    house, log = marked.house(cli.app, "encrypted"), io.StringIO()
    for name, value in house.settings.items():
        monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None)
    configure_logging(marked.mask, level="DEBUG", style="json", stream=log)
    with trouble(house) or nullcontext():
        try:
            reports = asyncio.run(sweep(settings, house, act))
        except OperatorFault as fault:  # it does not start at all
            reports = f"{fault} ({fault.code})"
    marked.said = [("log", log.getvalue()), ("reports", reports), ("trail", house.trail())]
    assert marked.search() == []
    assert wanted in log.getvalue() + reports
