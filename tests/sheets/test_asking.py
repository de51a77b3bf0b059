"""Which version of a sheet counts, or counted at a moment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from departments.documents import Shelf
from security.encryption import TokenEncryption
from security.errors import CorruptCredential
from security.storage.each import only
from security.storage.protocol import Drop, Key, Unit
from sheets.keeping.asking import Asking
from sheets.keeping.deciding import Decisions
from sheets.keeping.forms import Period, SheetState, VersionRecord
from sheets.keeping.kinds import SHEETS, VERSIONS
from sheets.keeping.versions import Version, Versions, id_at
from sheets.kinds.contents import Codes, CodeTimes, Roster
from sheets.shapes.file import parse_shapes
from tests.stores import storage_in

pytestmark = pytest.mark.encryption("on")
ROSTER, CODES, MONTH, T0 = "tanhae.roster", "tanhae.codes", "2026-12", 1_790_000_000.0
TOML = """
[tanhae.roster]
spreadsheet = "1aBcDeFgHiJkLmNoP"
tab = "{roc}{mm}班表"
months = [0, 1]
kind = "month-grid"
zone = "Asia/Taipei"
codes = "tanhae.codes"
[tanhae.codes]
kind = "code-table"
tab = "代碼"
"""


class Kept:
    """Versions written at moments of a test's own."""

    def __init__(self, folder: Path, keyring: TokenEncryption) -> None:
        self.storage = storage_in(folder, keyring)
        self.storage.prepare()
        self.versions = Versions(self.storage)
        self.states = Shelf(self.storage, SHEETS, SheetState)
        self.sheets = parse_shapes(TOML, ["tanhae"])
        self.asking = Asking(self.storage, self.sheets)

    def add(self, at: float, sheet: str = ROSTER, period: str = MONTH) -> Version:
        """One that was read then."""
        codes = Codes({"0905G": CodeTimes(545, 1055, 510)})
        contents = Roster({"1011": f"{at}"}, {}) if sheet == ROSTER else codes
        version = Version(sheet, period, id_at(at))
        put = self.versions.putting(version, VersionRecord(at=at, body=""), contents)
        only(self.storage.apply([Unit([put])]))
        return version

    def stand(self, period: str, current: Version, held: str = "", sheet: str = ROSTER) -> None:
        """How it stands."""
        one = Period(current=current.id, held=held)
        self.states.write(sheet, SheetState(looked_at=T0, periods={period: one}))


@pytest.fixture
def kept(run_way: str, tmp_path: Path, keyring: TokenEncryption) -> Iterator[Kept]:
    made = Kept(tmp_path / "user_data", keyring)
    yield made
    made.storage.close()


def test_what_was_held_counts_from_when_somebody_accepted_it(kept: Kept) -> None:
    first, second, third = (kept.add(T0 + n * 1000) for n in range(3))
    now = kept.storage.now()
    kept.stand(MONTH, second, third.id)
    ask = kept.asking.version_at
    assert ask(ROSTER, MONTH, T0 - 1) is None
    assert ask(ROSTER, MONTH, T0) == ask(ROSTER, MONTH, T0 + 999) == first
    assert ask(ROSTER, MONTH, T0 + 5000) == ask(ROSTER, MONTH) == second
    assert kept.asking.before(second) == first
    assert kept.asking.before(third) == second
    Decisions(kept.storage).accept(ROSTER, MONTH, "operator:Ops")
    assert ask(ROSTER, MONTH) == ask(ROSTER, MONTH, now + 60) == third
    assert ask(ROSTER, MONTH, T0 + 5000) == second  # though it had been read by then
    assert kept.asking.before(first) is None
    assert ask(ROSTER, "2027-01") is None is ask("tanhae.none", MONTH)


def test_the_month_that_is_meant_is_this_one_or_the_next_best(kept: Kept) -> None:
    sheet = kept.sheets[ROSTER]
    one = Period(current="20261101-000000")
    state = SheetState(periods={"2026-11": one, "2027-01": one, "2027-02": Period()})
    month = kept.asking.month
    assert month(sheet, state, date(2026, 11, 3)) == "2026-11"
    assert month(sheet, state, date(2026, 12, 3)) == "2026-11"
    assert month(sheet, state, date(2027, 2, 3)) == "2027-01"
    assert month(sheet, state, date(2026, 1, 3)) == "2026-11"
    assert month(sheet, SheetState(periods={"": one})) == ""
    assert month(sheet, SheetState()) is None


def test_codes_are_those_of_the_moment_and_what_is_damaged_is_no_empty_answer(kept: Kept) -> None:
    sheet = kept.sheets[ROSTER]
    assert kept.asking.codes_for(sheet, MONTH) is None
    old, new = (kept.add(T0 + n, CODES, "") for n in (0, 100))
    kept.stand("", new, sheet=CODES)
    found = kept.asking.codes_for(sheet, MONTH)
    assert found is not None
    assert found.version == new
    then = kept.asking.codes_for(sheet, MONTH, T0 + 50)
    assert then is not None
    assert then.version == old
    only(kept.storage.apply([Unit([Drop(Key(VERSIONS, new.name))])]))
    with pytest.raises(CorruptCredential):
        kept.asking.codes_for(sheet, MONTH)
