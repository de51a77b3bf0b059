"""Moves that are killed, at ever other moments, and made again: there and back, over and over.

`python -m tests.database.killed_moves FOLDER KEY POINTS`, with DATABASE_URL: every move is made by
a process of its own, which kills itself before one of the things that it asks of the disk or the
database. Prints how many points there were, and what was found wrong.
"""

from __future__ import annotations

import json
import os
import pickle
import random
import signal
import sys
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import event

from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.storage.files.data_folder import load_mask_key
from security.storage.moves.marks import SideName
from security.storage.moves.sides import Side
from tests.database.conftest import Place
from tests.database.stores import seed
from tests.database.test_moving import World, damage

SEED: Final = 20_261_129
FILES: Final = frozenset({"open", "os.rename", "os.remove"})


class Killer:
    """Ends the process before its n-th question to the disk or the database."""

    def __init__(self, world: World, at: int | None) -> None:
        self.count = 0
        self._at = at
        event.listen(world.engine, "before_cursor_execute", lambda *_: self.step())
        event.listen(world.engine, "commit", lambda *_: self.step())
        folder = str(world.folder)

        def hear(name: str, arguments: tuple[Any, ...]) -> None:
            if name in FILES and str(arguments[0]).startswith(folder):
                self.step()

        sys.addaudithook(hear)

    def step(self) -> None:
        """One question more."""
        self.count += 1
        if self.count == self._at:
            os.kill(os.getpid(), signal.SIGKILL)


def in_child(work: Callable[[], object]) -> Any:
    """What a process of its own gives; None: it was killed."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        try:
            answer = work()
        except BaseException as error:
            answer = error
        with os.fdopen(writing, "wb") as file:
            file.write(pickle.dumps(answer))
            file.flush()
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as file:
        data = file.read()
    _, status = os.waitpid(child, 0)
    answer = pickle.loads(data) if os.WIFEXITED(status) and data else None  # noqa: S301 - our own
    if isinstance(answer, BaseException):
        raise answer
    return answer


class Trial:
    """One world, moved to and fro."""

    def __init__(self, folder: Path, place: Place, keyring: TokenEncryption) -> None:
        self._folder = folder
        self._place = place
        self._keyring = keyring

    def world(self) -> World:
        """It, for one process."""
        return World(self._folder, self._place, self._keyring, lease_seconds=1)

    def begin(self) -> Any:
        """Everything in files; what there is."""
        world = self.world()
        world.files.prepare()
        load_mask_key(world.folder, None)
        seed(world.files)
        damage(world)
        return world.state(world.files)

    def move(self, to: SideName, at: int | None) -> int:
        """How many questions a move asks."""
        world = self.world()
        killer = Killer(world, at)
        report = world.move(to).run(lambda _: nullcontext(lambda done, total: None))
        assert report.is_complete
        return killer.count

    def state(self, to: SideName) -> Any:
        """What there is on a side that serves."""
        world = self.world()
        storage = world.rows if to == "sql" else world.files
        storage.open()
        return world.state(storage)

    def serving(self) -> list[SideName]:
        """The sides that a process would work with."""
        world, found = self.world(), list[SideName]()
        sides: tuple[Side, ...] = (world.file_side, world.row_side)
        for side in sides:
            try:
                if side.is_there():
                    side.storage.open()
                    found.append(side.name)
            except OperatorFault as fault:
                if fault.code != "moved_away":
                    raise
        return found


def main() -> None:
    """See the module."""
    ca = os.environ.get("DATABASE_CA")
    place = Place(SecretStr(os.environ["DATABASE_URL"]), Path(ca) if ca else None)
    folder, keyring = Path(sys.argv[1]), TokenEncryption([SecretStr(sys.argv[2])])
    wanted, chance = int(sys.argv[3]), random.Random(SEED)  # noqa: S311 - which moments
    trial, wrong, points = Trial(folder, place, keyring), list[str](), 0
    before = in_child(trial.begin)
    sides: tuple[SideName, ...] = ("sql", "files")
    steps = {to: in_child(partial(trial.move, to, None)) for to in sides}
    while points < wanted:
        for number, to in enumerate(sides):
            # Spread over the whole of it, wherever in each part.
            part = steps[to] * (points // 2) * 2 // wanted
            at = 1 + part + chance.randrange(max(1, steps[to] * 2 // wanted))
            other = sides[1 - number]
            was_killed = in_child(partial(trial.move, to, at)) is None
            serving = in_child(trial.serving)
            if len(serving) > 1 or (was_killed and serving not in ([], [other], [to])):
                wrong.append(f"{to} killed at {at} of {steps[to]}: {serving} serve")
            if serving and in_child(partial(trial.state, serving[0])) != before:
                wrong.append(f"{to} killed at {at} of {steps[to]}: {serving} is not complete")
            in_child(partial(trial.move, to, None))
            if in_child(trial.serving) != [to] or in_child(partial(trial.state, to)) != before:
                wrong.append(f"{to} killed at {at} of {steps[to]}: not the same after it")
            points += was_killed
    print(json.dumps({"points": points, "steps": steps, "wrong": wrong}))


if __name__ == "__main__":
    main()
