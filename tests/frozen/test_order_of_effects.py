"""In which order an operation locks, reads, reserves, asks Google, saves, unlocks and notes.

Seen from outside, in the system calls of the process; each operation has its file in `order/`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from filelock import FileLock

from tests.frozen.effects import Effects, blocks
from tests.frozen.golden import hold
from tests.frozen.people import ACCOUNTS, ANN, BOB, CAT, FLOWS, answer_at_google, connect, make_due
from tests.frozen.product import (
    CustodyError,
    GoogleControls,
    Person,
    Sandbox,
    command,
    custody,
    environment,
    new_key,
    run_bot,
)
from tests.frozen.texts import assert_as_ever
from tests.frozen.tracing import Trace, traced
from tests.journeys import connect as connected_by
from tests.journeys import until

pytestmark = [pytest.mark.encryption("off"), pytest.mark.usefixtures("restored_logging")]

_FULL = 5 * 1024 * 1024  # bytes


class Folder:
    """A data folder of plaintext, and what was done to it."""

    def __init__(self, base: Path) -> None:
        self.path, self.base = base / "user_data", base
        self.effects = Effects(self.path)

    def hold(self, trace: Trace, **choice: bool) -> None:
        """Each part of the trace is as its file says."""
        parts = trace.parts()
        for name, calls in parts.items():
            hold("locks", name, self.effects.nesting(calls))
        assert_as_ever(
            {
                f"order/{name}.txt": self.effects.told(calls, **choice)
                for name, calls in parts.items()
            }
        )


@pytest.fixture
def folder(tmp_path: Path, encryption_keys: object) -> Folder:
    """Not made yet."""
    return Folder(tmp_path)


async def test_refreshes(sandbox: Sandbox, google: GoogleControls, folder: Folder) -> None:
    """Due; rejected by Google; served by what is there; refused for good."""
    async with custody(environment(sandbox, folder.path, "paste")) as hands:
        for user in (ANN, BOB):
            await connect(hands, google, user)
        make_due(folder.path, ANN)
        with traced(folder.base / "trace") as trace:
            trace.mark("refresh")
            token = await hands.token(ANN)
            trace.mark("nothing due")
            await hands.token(ANN)
            trace.mark("refresh after a 401")
            await hands.another_token(ANN, token)
            trace.pause()
            make_due(folder.path, BOB, minutes_left=-5)
            await google.revoke(ACCOUNTS[BOB])
            trace.mark("refresh refused for good")
            with pytest.raises(CustodyError) as refused:
                await hands.token(BOB)
            trace.pause()
    assert (type(refused.value).__name__, refused.value.code) == (
        "ConsentRequired",
        "invalid_grant",
    )
    folder.hold(trace)


async def test_sweeps(sandbox: Sandbox, google: GoogleControls, folder: Folder) -> None:
    """One due, another refused for good, which is set aside at the end."""
    settings = environment(sandbox, folder.path, "paste") | {"TOKEN_MAINTENANCE_CONCURRENCY": "1"}
    async with custody(settings) as hands:
        for user in (ANN, BOB, CAT):
            await connect(hands, google, user)
        make_due(folder.path, ANN)
        with traced(folder.base / "trace") as trace:
            trace.mark("sweep of one due")
            await hands.sweep()
            trace.mark("sweep of none due")
            await hands.sweep()
            trace.pause()
            await google.revoke(ACCOUNTS[BOB])
            make_due(folder.path, BOB)
            trace.mark("sweep that sets aside")
            await hands.sweep()
            trace.pause()
    folder.hold(trace, looks=False)


async def test_disconnecting(sandbox: Sandbox, google: GoogleControls, folder: Folder) -> None:
    """Alone, of two with one account, of nobody, of one whose copy is in quarantine."""
    async with custody(environment(sandbox, folder.path, "paste")) as hands:
        await connect(hands, google, ANN)
        await connect(hands, google, BOB)
        await connect(hands, google, CAT, ACCOUNTS[BOB])
        with traced(folder.base / "trace") as trace:
            trace.mark("disconnect")
            await hands.disconnect(ANN)
            trace.mark("disconnect of a shared account")
            await hands.disconnect(BOB)
            trace.mark("disconnect of nobody")
            await hands.disconnect(ANN)
            trace.pause()
            make_due(folder.path, CAT)
            await google.revoke(ACCOUNTS[BOB])
            await hands.sweep()
            trace.mark("disconnect of a copy")
            await hands.disconnect(CAT)
            trace.pause()
    folder.hold(trace)


@pytest.mark.parametrize("flow", FLOWS)
async def test_consents(
    sandbox: Sandbox, google: GoogleControls, folder: Folder, flow: str
) -> None:
    """Begun, approved, claimed, confirmed."""
    async with custody(environment(sandbox, folder.path, flow)) as hands:
        with traced(folder.base / "trace") as trace:
            trace.mark(f"consent {flow} 1 begun")
            pending = await hands.begin_consent(ANN)
            trace.pause()
            redirect = await answer_at_google(pending, google, ACCOUNTS[ANN])
            trace.mark(f"consent {flow} 2 approved")
            await hands.approved(pending, redirect)
            if flow == "callback":
                trace.mark(f"consent {flow} 3 claimed")
                await hands.claim(ANN)
            trace.mark(f"consent {flow} 4 confirmed")
            await hands.confirm(ANN)
            trace.pause()
    folder.hold(trace)


@pytest.mark.one_way
async def test_commands(sandbox: Sandbox, google: GoogleControls, folder: Folder) -> None:
    """What an operator does to credentials, beside a bot that does not run."""
    settings = environment(sandbox, folder.path, "paste")
    settings["TOKEN_BACKUP_KEY"] = new_key()
    async with custody(settings) as hands:
        for user in (ANN, BOB, CAT):
            await connect(hands, google, user)
        for user in (BOB, CAT):
            await google.revoke(ACCOUNTS[user])
            make_due(folder.path, user)
            await hands.sweep()
        masks = [hands.mask(user) for user in (ANN, BOB, CAT)]
    codes: dict[str, int] = {}
    archive, env_file = str(folder.base / "archive"), folder.base / "env"
    keyed = settings | {"TOKEN_ENCRYPTION_KEY": new_key()}
    twice = settings | {"TOKEN_ENCRYPTION_KEY": f"{new_key()},{keyed['TOKEN_ENCRYPTION_KEY']}"}
    with traced(folder.base / "trace") as trace:
        for name, environ, line in (
            ("doctor", settings, ("doctor",)),
            ("backup", settings, ("backup", archive)),
            ("quarantine restore", settings, ("quarantine", "restore", masks[1])),
            ("quarantine purge", settings, ("quarantine", "purge", masks[2], "--yes")),
            ("tokens disconnect", settings, ("tokens", "disconnect", masks[0], "--yes")),
            ("maintenance run", settings, ("maintenance", "run")),
            ("restore", settings, ("restore", archive)),
            ("restore rollback", settings, ("restore", archive, "--rollback")),
            ("tokens encrypt", keyed, ("tokens", "encrypt", "--yes")),
            ("keys rotate", twice, ("keys", "rotate")),
            ("tokens decrypt", twice, ("tokens", "decrypt", "--yes")),
        ):
            trace.mark(f"command {name}")
            codes[name] = await command(environ, env_file, *line)
        trace.pause()
    parts = trace.parts()
    for name, calls in parts.items():
        hold("locks", name, folder.effects.nesting(calls))
    doctor = parts.pop("command doctor")  # who asks several at once
    assert_as_ever(
        {
            "order/command doctor.txt": folder.effects.told(doctor, reads=False, asks=False),
            **{
                f"order/{name}.txt": folder.effects.told(calls, reads=False)
                for name, calls in parts.items()
            },
            "order/exit codes.txt": [f"{name}: {code}" for name, code in codes.items()],
        }
    )


async def test_commands_beside_a_bot(
    sandbox: Sandbox, google: GoogleControls, folder: Folder
) -> None:
    """Somebody holds the lock of the one bot: it is looked at, or the command is refused."""
    settings = environment(sandbox, folder.path, "paste") | {"TOKEN_BACKUP_KEY": new_key()}
    async with custody(settings) as hands:
        await connect(hands, google, ANN)
        mask = hands.mask(ANN)
    archive, env_file = str(folder.base / "archive"), folder.base / "env"
    assert await command(settings, env_file, "backup", archive) == 0
    codes: dict[str, int] = {}
    bot = FileLock(folder.path / "locks" / "bot.lock")
    bot.acquire()
    with traced(folder.base / "trace") as trace:
        for name, line in (
            ("doctor", ("doctor",)),
            ("restore rollback", ("restore", archive, "--rollback")),
            ("tokens decrypt", ("tokens", "decrypt", "--yes")),
            ("maintenance run", ("maintenance", "run")),
            ("tokens disconnect", ("tokens", "disconnect", mask, "--yes")),
        ):
            trace.mark(f"beside a bot, {name}")
            codes[name] = await command(settings, env_file, *line)
        trace.pause()
    bot.release()
    parts = trace.parts()
    for name, calls in parts.items():
        hold("locks", name, folder.effects.nesting(calls))
    found = {
        f"order/{name}.txt": folder.effects.told(calls, reads=False, asks=False)
        for name, calls in parts.items()
    }
    told = [f"{name}: {code}" for name, code in codes.items()]
    assert_as_ever(found | {"order/beside a bot, exit codes.txt": told})


async def test_a_trail_that_is_full(
    sandbox: Sandbox, google: GoogleControls, folder: Folder
) -> None:
    """Its part is set aside under a lock of its own, inside of the owner's; readers take it."""
    settings = environment(sandbox, folder.path, "paste")
    async with custody(settings) as hands:
        await connect(hands, google, ANN)
        make_due(folder.path, ANN)
        trail = folder.path / "audit" / "audit.jsonl"
        await asyncio.to_thread(
            trail.write_text, trail.read_text() * (_FULL // trail.stat().st_size + 1)
        )
    async with custody(settings) as hands:
        with traced(folder.base / "trace") as trace:
            trace.mark("refresh with a full trail")
            await hands.token(ANN)
            trace.mark("command audit")
            await command(settings, folder.base / "env", "audit")
            trace.pause()
    folder.hold(trace, reads=False)


async def test_sweep_of_several(sandbox: Sandbox, google: GoogleControls, folder: Folder) -> None:
    """At once, for each as for one: nothing is asked without room, nor saved without an answer."""
    users = range(601, 613)
    async with custody(environment(sandbox, folder.path, "paste")) as hands:
        for user in users:
            await connect(hands, google, user, ACCOUNTS[ANN])
            make_due(folder.path, user)
        with traced(folder.base / "trace") as trace:
            trace.mark("sweep")
            await hands.sweep()
            trace.pause()
    lines = [
        line
        for line in folder.effects.lines(trace.parts()["sweep"])
        if not line.startswith("read ")
    ]
    each = {user: folder.effects.of_one(user, lines) for user in users}
    assert_as_ever({"order/sweep of several, for each.txt": each[601]})
    assert [told for told in each.values() if told != each[601]] == []
    done = dict.fromkeys(("reserve", "ask", "answered", "write"), 0)
    for line in lines:
        word = line.split()[0]
        if word in done:
            done[word] += 1
            assert done["write"] <= done["answered"] <= done["ask"] <= done["reserve"], line
    assert set(done.values()) == {len(users)}


def _is_forgotten(updates: Path) -> bool:
    """No update is kept, and what was done for that has ended: its lock is given back."""
    if any(updates.glob("[0-9]*.json")):
        return False
    lock = updates.parent / "locks" / "folder_updates.lock"
    return f":{lock.stat().st_ino} " not in Path("/proc/locks").read_text("ascii")


@pytest.mark.one_way
async def test_bot(
    sandbox: Sandbox, google: GoogleControls, folder: Folder, people: Callable[..., Person]
) -> None:
    """Its start and an update in their order; then every lock of a consent and of an upload."""
    person, updates = people(ANN), folder.path / "updates"
    with traced(folder.base / "trace") as trace:
        trace.mark("all")
        running = asyncio.create_task(run_bot(environment(sandbox, folder.path)))
        try:
            await person.send("/start")
            await person.wait_for("Send me a file")
            await until(partial(_is_forgotten, updates))
            trace.mark("consent and upload")
            await connected_by(person, google, ACCOUNTS[ANN])
            await person.send_document(b"content", "a.txt")
            await person.wait_for("is in your Drive")
            await until(partial(_is_forgotten, updates))
            # Written down once it has been said: a stop before that has the next start say it.
            await until(lambda: not any((folder.path / "uploads").glob("*.json")))
        finally:
            running.cancel()
            await asyncio.wait((running,))
        trace.pause()
    begun, went_on = trace.parts().values()
    start = folder.effects.told(begun, reads=False, asks=False)
    both = folder.effects.told(begun + went_on, reads=False, asks=False)
    assert (both[0], both[-1]) == ("lock locks/bot.lock", "unlock locks/bot.lock")
    lines = [line.strip() for line in both[1:-1]]
    assert_as_ever({"order/bot start and an update.txt": start})
    hold("locks", "bot, consent and upload", blocks(lines))
