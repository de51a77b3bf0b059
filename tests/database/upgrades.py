"""Upgrades in processes of their own: `python -m tests.database.upgrades killed|together [EVERY]`.

DATABASE_URL and DATABASE_CA say of what; it prints one JSON list. Each upgrade is a fork of this
process, which has no threads and has imported everything. One may be killed in earnest, before or
after any statement.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, Final

from alembic.runtime import migration  # noqa: F401 - imported once, by none of the forks
from alembic.script import base  # noqa: F401
from sqlalchemy import Engine, event

from config import load_settings
from security.storage.sql import schema
from security.storage.sql.engine import make_engine

EVERY: Final = int((*sys.argv, "1", "1")[2])
"""So many halves of statements later than the one before it each upgrade is killed."""


def killed(new_engine: Callable[[], Engine]) -> list[int]:
    """One upgrade after the other, each killed at a later statement; the last one gets through.

    Returns how each ended: the signal that killed it, or 0.
    """
    ends: list[int] = []
    while not ends or ends[-1]:
        ends.append(_forked(lambda: _upgrade_until(new_engine(), len(ends) * EVERY)))
    return ends


def _upgrade_until(engine: Engine, most: int) -> None:
    """`most`: halves of statements: one that was sent, one that was answered, …"""
    left = most

    def count(*_: Any) -> None:
        nonlocal left
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1

    event.listen(engine, "before_cursor_execute", count)
    event.listen(engine, "after_cursor_execute", count)
    schema.upgrade(engine)


def together(new_engine: Callable[[], Engine]) -> list[Any]:
    """Four at once. Returns for each what it made."""
    gate_in, gate_out = os.pipe()
    answer_in, answer_out = os.pipe()

    def upgrade() -> None:
        os.close(gate_out)
        engine = new_engine()
        os.read(gate_in, 1)  # its end: all go at once
        made = schema.upgrade(engine)
        schema.check(engine)
        os.write(answer_out, json.dumps(made).encode() + b"\n")

    children = [_fork(upgrade) for _ in range(4)]
    os.close(gate_out)
    os.close(answer_out)
    ends = [os.waitpid(child, 0)[1] for child in children]
    with os.fdopen(answer_in) as answers:
        return [*map(json.loads, answers)] if not any(ends) else ends


def _fork(work: Callable[[], None]) -> int:
    if child := os.fork():
        return child
    try:
        work()
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _forked(work: Callable[[], None]) -> int:
    status = os.waitstatus_to_exitcode(os.waitpid(_fork(work), 0)[1])
    if status > 0:
        raise SystemExit(status)
    return -status


if __name__ == "__main__":
    settings = load_settings(for_bot=False, env_file=None)
    assert settings.database is not None
    address = settings.database
    does = {"killed": killed, "together": together}[sys.argv[1]]
    print(json.dumps(does(lambda: make_engine(address))))
