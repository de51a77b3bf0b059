"""Departments' sheets in the marked department's life: everybody asks for everything of a roster
whose people, numbers and remarks are canaries."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

from security.credential import Owner
from sheets.people.asks import Decider
from sheets.people.calendars import address_of
from tests.canaries import marker, telegram_id
from tests.sandbox.sheets_kit import public_pem
from tests.sheets.keeping_kit import HEAD
from tests.web.marked import ADMINISTRATOR, NOBODY, Stay
from tests.web.sheets_kit import ROSTER, SPREADSHEET, TOML, tabs

PERSON: Final = "person on a roster"
LINKED: Final = "Telegram id of somebody who is linked"
"""Whose documents have it in their names, as everybody's have."""
REMARK: Final = "remark on a roster"
_BELOW: Final = ("", "/shifts", "/versions", "/diff")


def shapes_in(folder: Path) -> str:
    """SHEETS_FILE."""
    (file := folder / "sheets.toml").write_text(TOML.replace("{id}", SPREADSHEET), "utf-8")
    return str(file)


async def look_at_sheets(stay: Stay, cookie: str, keys: list[str], account_key: str) -> None:
    """In every form, as everybody; held, accepted, damaged questions, and a calendar."""
    said = json.loads(base64.b64decode(account_key))
    shared = [said["client_email"]]
    known = {"key_id": said["private_key_id"], "public_key": public_pem()}
    await stay.google.act("service_account", address=shared[0], **known)
    people = [(stay.world.new(PERSON), stay.world.new(PERSON)) for _ in range(4)]

    async def write(*cells: str, count: int = 4) -> None:
        rows = [[*person, *[*cells, *["0905G"] * 31][:31]] for person in people[:count]]
        roster: list[list[Any]] = [["115年12月"], [*HEAD], *rows]
        await stay.google.act("sheet", id=SPREADSHEET, tabs=tabs(roster), shared=shared)

    async with (
        stay.browser(ADMINISTRATOR, cookie) as administrator,
        stay.computer(keys[0]) as computer,
        stay.browser(NOBODY) as nobody,
    ):
        for cells, count in ((("1735N",), 4), ((stay.world.new(REMARK), "(特)"), 4), ((), 1)):
            await write(*cells, count=count)
            looked = await administrator.post(f"{ROSTER}/sync", json={})
            assert looked.status_code == 200, looked.text
            for client in (administrator, computer, nobody):
                for below in _BELOW:
                    for form in ("json", "csv"):
                        query = {"format": form, "at": "2099-01-01T00:00:00Z", "odd": marker()}
                        await client.get(f"{ROSTER}{below}", params=query)
        own = {"person": people[0][0]}
        assert (await administrator.get(f"{ROSTER}/shifts", params=own)).status_code == 200
        assert (await computer.get(f"{ROSTER}/shifts", params=own)).status_code == 403
        for path in (f"/api/sheets/tanhae/{people[0][0]}", f"/api/sheets/{people[0][1]}/roster"):
            await administrator.get(path)
        path = await _calendar_of(stay, people[1][0])
        got = await nobody.get(path)
        assert got.status_code == 200, got.text
        for wrong in (f"{path}x", path.removesuffix(".ics"), f"/calendar/{marker(43)}.ics"):
            assert (await nobody.get(wrong)).status_code == 404
        [held] = looked.json()["held"]
        decision = {"version": held["version"], "period": held["period"]}
        for below in ("accept", "keep"):
            await administrator.post(f"{ROSTER}/{below}", json=decision)


async def _calendar_of(stay: Stay, number: str) -> str:
    people, run, linked = stay.web.sheets.people, stay.web.custody.workers.run, telegram_id()
    stay.world.canaries.add(LINKED, linked, identity=True)
    owner = Owner.user(linked)
    ask, _ = await run(people.asks.ask, owner, number, stay.world.new(PERSON))
    assert await run(people.asks.confirm, ask.id, "tanhae", number, Decider(owner, "x")) is not None
    issued = await run(people.calendars.issue, owner)
    stay.add("address of a calendar", issued.secret)
    return address_of("", issued.secret)
