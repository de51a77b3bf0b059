"""The routes that `drivekeeper web` serves. `python -m bench.web.product FILE MEMORY`.

FILE holds the settings; MEMORY is for how many seconds keys and tokens are remembered. A computer
may ask as often as it likes. Nothing else is another than in `processes.web`.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

from bench.child import Json
from bench.owners import credential_of, read_settings
from bench.sweeps import DUE
from bench.web.ports import serve_at_port
from bot.monitoring.metrics import Metrics
from departments.clients.clients import May
from departments.clients.desk import ClientDesk
from departments.limits import Limits
from departments.names import Department
from departments.secret import AccessSecret
from departments.tokens import Tokens
from processes.storage import storage_of
from processes.web import prepare_logs, services
from security.credential import Owner
from web.app import create_app

TANHAE: Final = Department("tanhae", "淡海")
_ANY: Final = Limits(tokens=1_000_000_000, uploads=1_000_000_000)


async def main() -> None:
    """Answer "authorise" and "add_computer" until there are no more commands."""
    file, memory = sys.argv[1:]
    settings = read_settings(Path(file))
    mask = prepare_logs(settings)
    storage = storage_of(settings, mask)
    async with services(settings, storage, mask, Metrics(), _ANY) as (parts, made):
        workers = parts.workers
        secret = await workers.run(AccessSecret.of, storage)
        desk = ClientDesk(
            storage, workers, secret, _ANY, blocks=False, memory_seconds=float(memory)
        )

        def note_use(owner: Owner) -> None:
            parts.state.activity.note(owner, storage.now())

        if made.departments is None:
            raise RuntimeError("no departments")
        tokens = Tokens(parts.custodian, note_use, memory_seconds=float(memory))
        served = replace(made.departments.services, desk=desk, tokens=tokens)
        departments = replace(made.departments, services=served)

        async def authorise() -> Json:
            """A grant whose token is due."""
            due = replace(credential_of(1, DUE), owner=TANHAE.owner)
            await workers.run(parts.store.save_newest, due)
            return {}

        async def add_computer() -> Json:
            may: tuple[May, ...] = ("upload", "token")
            _, key = await workers.run(desk.clients.add, TANHAE.slug, "1", may, "operator:Ops")
            return {"key": key.get_secret_value()}

        answers = {"authorise": authorise, "add_computer": add_computer}
        try:
            await serve_at_port(create_app(replace(made, departments=departments)), answers)
        finally:
            await desk.close()


if __name__ == "__main__":
    asyncio.run(main())
