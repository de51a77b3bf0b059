"""Each operation of custody, cancelled or stopped at every moment of it: how it may end.

Every await is a place where the person's chat is gone, a time-out is over, or the process is told
to end. Whatever Google has been asked for is saved then, no lock stays, no half a file; what is on
disk is one of the states in `golden/cut_short.json`, and the next request succeeds.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest

from tests.frozen.golden import hold
from tests.frozen.people import ACCOUNTS, ANN, FLOWS, answer_at_google, connect, document, make_due
from tests.frozen.product import (
    Custody,
    CustodyError,
    GoogleControls,
    Sandbox,
    custody,
    environment,
)
from tests.frozen.steps import struck

pytestmark = [pytest.mark.encryption("off"), pytest.mark.usefixtures("restored_logging")]
_ASKED: Final = ("google.token", "google.device_code", "google.revoke")
_FEWEST: Final = 4  # moments; fewer, and nothing was tried
_MOST: Final = 500


@dataclass
class Trial:
    """One data folder, used once."""

    folder: Path
    google: GoogleControls
    flow: str = "paste"
    notes: Any = None
    """What the preparation leaves for the operation."""

    def state(self) -> str:
        """What is on the disk, in a few words."""
        kept, consent = document(self.folder, ANN), self.document("consents")
        own: Any = {} if kept is None else kept["drivekeeper"]
        copies = [path for path in self.listed("quarantine") if ".note" not in path.name]
        told = [f"credential {own['generation']} {own['state']}" if own else "no credential"]
        told += [f"consent {consent['stage']}"] if consent else []
        told += ["a copy in quarantine"] * len(copies)
        told += ["tombstone"] * bool(self.document("tombstones"))
        return ", ".join(told)

    def document(self, kind: str) -> dict[str, Any] | None:
        """The user's document of this kind."""
        return document(self.folder / kind, ANN)

    def listed(self, kind: str) -> list[Path]:
        """The files of this kind."""
        return sorted((self.folder / kind).glob("*.json"))

    def remains(self) -> list[str]:
        """What must not stay: half a file, a lock that is held."""
        found = [f"half a file: {path.name}" for path in self.folder.rglob(".*.tmp")]
        for path in (self.folder / "locks").iterdir():
            descriptor = os.open(path, os.O_RDWR)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                found.append(f"held: {path.name}")
            finally:
                os.close(descriptor)
        return found


Step = Callable[[Custody, Trial], Awaitable[Any]]


async def _nothing(hands: Custody, trial: Trial) -> None:
    """Nobody is connected."""


async def _connected(hands: Custody, trial: Trial) -> None:
    await connect(hands, trial.google, ANN)


async def _due(hands: Custody, trial: Trial) -> None:
    await _connected(hands, trial)
    await asyncio.to_thread(make_due, trial.folder, ANN)


async def _rejected(hands: Custody, trial: Trial) -> None:
    await _connected(hands, trial)
    trial.notes = await hands.token(ANN)


async def _revoked(hands: Custody, trial: Trial) -> None:
    await _due(hands, trial)
    await trial.google.revoke(ACCOUNTS[ANN])


async def _set_aside(hands: Custody, trial: Trial) -> None:
    await _revoked(hands, trial)
    await hands.sweep()


async def _answered(hands: Custody, trial: Trial) -> None:
    pending = await hands.begin_consent(ANN)
    trial.notes = pending, await answer_at_google(pending, trial.google, ACCOUNTS[ANN])


async def _approved(hands: Custody, trial: Trial) -> None:
    await _answered(hands, trial)
    await hands.approved(*trial.notes)


async def _claimed(hands: Custody, trial: Trial) -> None:
    await _approved(hands, trial)
    if trial.flow == "callback":
        await hands.claim(ANN)


OPERATIONS: Final[dict[str, tuple[Step, Step]]] = {
    "refresh": (_due, lambda hands, _: hands.token(ANN)),
    "refresh after a 401": (_rejected, lambda hands, trial: hands.another_token(ANN, trial.notes)),
    "refresh refused for good": (_revoked, lambda hands, _: hands.token(ANN)),
    "sweep": (_due, lambda hands, _: hands.sweep()),
    "sweep that sets aside": (_revoked, lambda hands, _: hands.sweep()),
    "disconnect": (_connected, lambda hands, _: hands.disconnect(ANN)),
    "quarantine restore": (_set_aside, lambda hands, _: hands.restore(ANN)),
    "consent begun": (_nothing, lambda hands, _: hands.begin_consent(ANN)),
    "consent approved": (_answered, lambda hands, trial: hands.approved(*trial.notes)),
    "consent claimed": (_approved, lambda hands, _: hands.claim(ANN)),
    "consent confirmed": (_claimed, lambda hands, _: hands.confirm(ANN)),
}


def _stop_and_cancel(hands: Custody, task: asyncio.Task[Any]) -> None:
    hands.stop()
    task.cancel()


STRIKES: Final[dict[str, Callable[[Custody, asyncio.Task[Any]], Any]]] = {
    "cancelled": lambda _, task: task.cancel(),
    "stopped": lambda hands, _: hands.stop(),
    "stopped and cancelled": _stop_and_cancel,
}


async def ends(
    sandbox: Sandbox, google: GoogleControls, base: Path, name: str, flow: str, how: str
) -> list[str]:
    """How the operation ends, struck at each of its moments."""
    prepare, operation = OPERATIONS[name]
    found: set[str] = set()
    for at in range(1, _MOST):
        trial = Trial(base / "user_data", google, flow)
        settings = environment(sandbox, trial.folder, flow)
        async with custody(settings) as hands:
            await prepare(hands, trial)
        await google.forget_calls()
        async with custody(settings) as hands:
            work = _coroutine(operation(hands, trial))
            was_struck, raised = await struck(work, at, partial(STRIKES[how], hands))
        remains = trial.remains()
        assert remains == [], f"{name}, {how} at its moment {at}: {remains}"
        asked = [kind for kind in (await google.calls())["counts"] if kind.startswith(_ASKED)]
        found.add(f"{_outcome(raised)}; asked {sorted(asked)}; {trial.state()}")
        await _goes_on(sandbox, trial, settings)
        await asyncio.to_thread(shutil.rmtree, trial.folder)
        if not was_struck:
            assert at > _FEWEST
            return sorted(found)
    raise AssertionError(f"{name} has more than {_MOST} moments")


async def _coroutine(awaitable: Awaitable[Any]) -> Any:
    return await awaitable


def _outcome(raised: BaseException | None) -> str:
    if isinstance(raised, asyncio.CancelledError):
        return "cancelled"
    if isinstance(raised, CustodyError):
        return f"{type(raised).__name__} {raised.code}"
    if raised is not None:
        raise raised
    return "done"


async def _goes_on(sandbox: Sandbox, trial: Trial, settings: dict[str, str]) -> None:
    """The next request succeeds: a token that Google takes, after connecting where that is due."""
    async with custody(settings) as hands:
        try:
            token = await hands.token(ANN)
        except CustodyError as error:
            if type(error).__name__ != "ConsentRequired":
                raise
            await connect(hands, trial.google, ANN)
            token = await hands.token(ANN)
    headers = {"Authorization": f"Bearer {token}"}
    address = f"{sandbox.url}/drive/v3/about?fields=user"
    async with aiohttp.ClientSession(headers=headers) as client, client.get(address) as answer:
        assert answer.status == 200


QUICK: Final = (
    ("refresh", "paste", "cancelled"),
    ("disconnect", "paste", "cancelled"),
    ("quarantine restore", "paste", "cancelled"),
    ("consent confirmed", "paste", "cancelled"),
)
"""What `make test` tries; CI tries the rest."""


def _others() -> Iterator[tuple[str, str, str]]:
    for name, how in product(OPERATIONS, STRIKES):
        flows: tuple[str, ...] = FLOWS if name.startswith("consent") else ("paste",)
        for flow in ("callback",) if name == "consent claimed" else flows:
            if (name, flow, how) not in QUICK:
                yield name, flow, how


@pytest.mark.parametrize(("name", "flow", "how"), QUICK)
@pytest.mark.one_way
async def test_every_end_is_a_whole_one(
    sandbox: Sandbox,
    google: GoogleControls,
    tmp_path: Path,
    encryption_keys: object,
    name: str,
    flow: str,
    how: str,
) -> None:
    """Whoever waits is gone, or the process is told to end."""
    found = await ends(sandbox, google, tmp_path, name, flow, how)
    hold("cut_short", f"{name}, {flow}, {how}", found)


@pytest.mark.one_way
@pytest.mark.parametrize(("name", "flow", "how"), [*_others()])
async def test_so_is_every_other(
    sandbox: Sandbox,
    google: GoogleControls,
    tmp_path: Path,
    encryption_keys: object,
    name: str,
    flow: str,
    how: str,
) -> None:
    """Of the other operations, in every flow; and whoever waits is gone as the process ends."""
    found = await ends(sandbox, google, tmp_path, name, flow, how)
    hold("cut_short", f"{name}, {flow}, {how}", found)
