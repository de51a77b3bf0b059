"""Google's half of the sandbox, with one spreadsheet. `python -m bench.sheets.planner FOLDER`.

The sheet is a roster of 200 people and 31 days. Told to, the planner makes it what it was, gives it
another title and leaves every cell as it was, or changes one cell of a hundred.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Final

from bench.child import Json, serve
from sandbox.google.oauth.service_accounts import made
from sandbox.google.sheets.model import Cell, Spreadsheet, Tab
from sandbox.google.sheets.samples import shift_of
from sandbox.server import Sandbox, SandboxConfig

ID: Final = "1BenchRoster00000000000000000000000000000AAA"
GID: Final = 7
PEOPLE: Final = 200
DAYS: Final = 31
MONTH: Final = "115年12月"
"""December 2026."""
STATES: Final = ("base", "touched", "changed")
CHANGED: Final = PEOPLE * DAYS // 100
_EVERY: Final = 100
_NAMES: Final = ("林以晴", "陳柏翰", "黃詩涵", "張家豪", "李宜蓁", "王冠廷", "吳佩珊")


def roster(state: str = "base") -> Spreadsheet:
    """The sheet in one of its states."""
    tab = Tab(GID, "班表")
    titles: list[str | int] = ["員編", "姓名", *range(1, DAYS + 1)]
    tab.write((0, 0), Cell(MONTH))
    for column, title in enumerate(titles):
        tab.write((1, column), Cell(title))
    for person in range(PEOPLE):
        row = person + 2
        tab.write((row, 0), Cell(f"{1001 + person}", kind="TEXT"))
        tab.write((row, 1), Cell(f"{_NAMES[person % len(_NAMES)]}{person}"))
        for day in range(1, DAYS + 1):
            is_other = state == "changed" and (person * DAYS + day) % _EVERY == 0
            shift = "訓練" if is_other else shift_of(person, day)
            tab.write((row, 1 + day), Cell(shift))
    title = "淡海班表（甲）" if state == "touched" else "淡海班表"
    return Spreadsheet(ID, title, tabs=[tab])


async def main() -> None:
    """Say where it is, and be the planner."""
    config = SandboxConfig(Path(sys.argv[1]), parts=frozenset({"google"}))
    async with Sandbox(config) as sandbox:
        google = sandbox.google
        if google is None:
            raise RuntimeError("a sandbox with Google has one")
        account, key_file = made("tanhae", f"{sandbox.url}/token")
        google.service_accounts.add(account)
        google.sheets.reads_of_user = google.sheets.reads_of_project = sys.maxsize

        async def answer(command: Json) -> Json:
            sheet = roster(command["state"])
            sheet.shared = [account.address]
            google.sheets.add(sheet)
            return {}

        await serve({"url": sandbox.url, "key_file": json.dumps(key_file)}, answer)


if __name__ == "__main__":
    asyncio.run(main())
