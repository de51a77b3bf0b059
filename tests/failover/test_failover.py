"""The bot dies, or stands still for longer than its lease: its standby loses nothing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest

from tests.crash.upload_bot import Moment, Step
from tests.failover.trial import Trial, Way
from tests.mariadb import MariaDB

_CHUNK: Final = "google.upload.chunk"
_SIZE: Final = 20_000_000
MOMENTS: Final = {
    "half of a file has gone": Moment(Step(_CHUNK, 2), "amid", _SIZE // 2),
    "a message about progress goes out": Moment(Step("telegram.editMessageText", 2), "before"),
    "a file has come": Moment(Step("telegram.getUpdates", 1), "after"),
    "a first message was sent": Moment(Step("telegram.sendMessage", 2), "after"),
    "Telegram is asked for a file": Moment(Step("telegram.getFile", 1), "before"),
    "Drive has given identifiers": Moment(Step("google.drive.files.generateIds", 1), "after"),
    "a session is asked for": Moment(Step("google.upload.start", 2), "before"),
    "a session was begun": Moment(Step("google.upload.start", 3), "after"),
    "a file's first byte has gone": Moment(Step(_CHUNK, 1), "amid", 1),
    "another file is about to go": Moment(Step(_CHUNK, 3), "before"),
    "Drive has all of a file": Moment(Step(_CHUNK, 1), "after"),
    "a message about progress went out": Moment(Step("telegram.editMessageText", 1), "after"),
}
OF_A_SERVER: Final = {
    "a first message goes out": Moment(Step("telegram.sendMessage", 1), "before"),
    "Telegram has said where a file is": Moment(Step("telegram.getFile", 2), "after"),
    "the first session is asked for": Moment(Step("google.upload.start", 1), "before"),
    "a later piece of a file goes": Moment(Step(_CHUNK, 5), "amid", 100_000),
    "Drive has the beginning of a file": Moment(Step(_CHUNK, 3), "after"),
    "a third message about progress went out": Moment(Step("telegram.editMessageText", 3), "after"),
}
"""With those of files in a shared folder, below, these are twenty."""
WAYS: Final[tuple[Way, ...]] = ("killed", "stopped", "stopped for long")
ALL: Final = [(name, WAYS[number % len(WAYS)]) for number, name in enumerate(MOMENTS)]
SERVED: Final = [(name, WAYS[number % len(WAYS)]) for number, name in enumerate(OF_A_SERVER)]
pytestmark = pytest.mark.encryption("on")


# In CI alone, as all of these: each starts several processes. `make test` has the parts of it, in
# bot/test_standby.py, bot/test_inbox.py and bot/test_upload_queue.py.
@pytest.mark.one_way
@pytest.mark.parametrize(("name", "struck"), ALL)
async def test_nothing_is_lost_and_nothing_done_twice(
    name: str, struck: Way, tmp_path: Path
) -> None:
    """Every file is once in Drive; messages, requests to connect and to disconnect go on."""
    trial = Trial(tmp_path, MOMENTS[name], struck)
    await trial.run()
    assert trial.met
    assert trial.losses == []


@pytest.mark.one_way
@pytest.mark.parametrize(("name", "struck"), SERVED)
async def test_nothing_is_lost_over_a_server(
    name: str, struck: Way, tmp_path: Path, mariadb: MariaDB
) -> None:
    """The same on MariaDB, where a process that stands still keeps nobody out for long."""
    address = await asyncio.to_thread(mariadb.new_database)
    trial = Trial(tmp_path, OF_A_SERVER[name], struck, address=address, ca=mariadb.ca)
    await trial.run()
    assert trial.met
    assert trial.losses == []


@pytest.mark.one_way
@pytest.mark.parametrize("struck", ["killed", "stopped for long"])
async def test_files_of_a_shared_folder_go_on(struck: Way, tmp_path: Path) -> None:
    """Both machines see what a local Bot API server has put there: 100 MB."""
    moment = Moment(Step(_CHUNK, 2), "amid", 30_000_000)
    trial = Trial(tmp_path, moment, struck, size=100_000_000, rate=20_000_000, local=True)
    await trial.run()
    assert trial.met
    assert trial.losses == []


@pytest.mark.one_way
async def test_of_files_that_the_standby_does_not_see_people_are_told_so(tmp_path: Path) -> None:
    """Nothing else is lost by it."""
    moment = Moment(Step(_CHUNK, 3), "amid", 1_000_000)
    trial = Trial(tmp_path, moment, "killed", size=9_000_000, local=True, shares_folder=False)
    await trial.run()
    assert trial.met
    assert trial.losses == []
