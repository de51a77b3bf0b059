"""What one person works, out of the versions that count, over a real look at a spreadsheet."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.duty.own import is_there
from security.credential import Owner
from security.encryption import TokenEncryption
from sheets.months import Month
from sheets.people.links import Link
from sheets.people.names import Names
from sheets.people.rosters import Rosters
from tests.sheets.keeping_kit import keeper, rows, tab, toml
from tests.sheets.reading.conftest import Desk, desk

__all__ = ["desk"]
OWNER = Owner.user(501)
pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]


async def test_one_tab_that_says_of_which_month_it_is(
    desk: Desk, tmp_path: Path, keyring: TokenEncryption
) -> None:
    """It is overwritten each month: what was before is still there."""
    sheet = await desk.add({**tab(), "rows": [["115年12月"], *rows()]})
    async with keeper(desk, tmp_path / "user_data", keyring, toml(sheet)) as kept:
        await kept.mirror.look()
        january = {**tab(), "rows": [["116年1月"], *rows(shift="(特)")]}
        state = (await desk.google.state())["sheets"][sheet]
        await desk.google.act("sheet", id=sheet, tabs=[january], shared=state["shared"])
        await kept.mirror.sync(["tanhae.r0"])
        rosters = Rosters(kept.storage, kept.mirror.sheets, Names(kept.storage))
        first = Month(2026, 12)
        [own] = rosters.of(Link(OWNER, "tanhae", "1011"), [first])
        assert {part: len(found.shifts) for part, found in own.parts.items()} == {"2026-12": 31}
        assert [is_there(own, first.plus(n)) for n in (-1, 0, 1, 2)] == [
            *(False, True, True, False)
        ]
        late = datetime(2027, 4, 1, tzinfo=UTC).timestamp()
        for now in (kept.storage.now(), late):  # a month without a roster ends nobody's number
            [named] = rosters.named("１０１１", now)
            assert (named.department, named.number, named.names) == ("tanhae", "1011", ("林0",))
        assert rosters.named("1", late) == []
        assert rosters.of(Link(OWNER, "anping", "1011"), [first]) == []
