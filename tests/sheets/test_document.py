"""docs/sheets.md: what it shows is what there is."""

from __future__ import annotations

import re

import pytest

from sheets.faults import KEEPS
from sheets.shapes.file import ShapeFaults, parse_shapes
from tests.documents import ROOT
from tests.sheets.kit import ID

TEXT = (ROOT / "docs/sheets.md").read_text("utf-8")
EXAMPLES = re.findall(r"```toml\n(.*?)```", TEXT, re.DOTALL)


def test_its_three_examples_can_be_used_as_they_are_but_for_the_address() -> None:
    whole = "\n".join(EXAMPLES).replace('= "…"', f'= "{ID}"').replace("/d/…/", f"/d/{ID}/")
    found = parse_shapes(whole, ["tanhae", "anping"])
    assert [*found] == ["tanhae.roster", "tanhae.codes", "tanhae.duty", "anping.phones"]
    assert {sheet.spreadsheet for sheet in found.values()} == {ID}


def test_its_faults_are_told_in_those_words() -> None:
    text = (
        f'[tanhae.roster]\nspreadsheet = "{ID}"\n\ntab = 3\nkind = "month-grid"\n\n\n\n'
        'pearson = ["x"]\n'
    )
    with pytest.raises(ShapeFaults) as told:
        parse_shapes(text, ["tanhae"])
    for fault in told.value.faults:
        assert f"  • {fault}\n" in TEXT


def test_every_fault_that_keeps_a_sheet_out_is_explained() -> None:
    assert {code for code in KEEPS if f"`{code}`" not in TEXT} == set()
