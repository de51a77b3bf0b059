"""sheets.toml: what is wrong with it is told all at once, each on its line."""

from __future__ import annotations

import json
import tomllib

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sheets.shapes import schema
from sheets.shapes.file import LARGEST, ShapeFaults, parse_shapes
from sheets.shapes.lines import line_of, lines_of
from sheets.shapes.models import CodeTable, MonthGrid
from sheets.shapes.patterns import compiled
from tests.sheets.kit import ID, ROSTER

SLUGS = {"tanhae", "anping"}
SCHEMA = jsonschema.Draft202012Validator(schema.schema())
MONTHS = "must be a list of whole numbers from -12 to 12, such as [0, 1]"
AN_ID = (
    "must be the id of a spreadsheet, or its address at docs.google.com "
    "(one that ends in /pubhtml will not do)"
)
A_TAB = "must be the title of a tab: a text on one line, of 100 characters at most"
PATTERNS = "must be a pattern, or a list of them, each of 500 characters at most"
NO_KEY = "is no key of a sheet of kind month-grid"
HOMELESS = "has no spreadsheet, and no sheet names it in codes"


def table(*lines: str, kind: str = "month-grid", name: str = "tanhae.roster") -> str:
    """One sheet that is right but for these lines."""
    head = (f"[{name}]", f'kind = "{kind}"', f'spreadsheet = "{ID}"')
    given = [line for line in lines if line]
    where = () if any(line.startswith(("tab =", "gid =")) for line in given) else ('tab = "x"',)
    return "\n".join((*head, *where, *given))


def faults(text: str | bytes) -> list[str]:
    """What is wrong with a file."""
    try:
        parse_shapes(text, SLUGS)
    except ShapeFaults as found:
        return [str(each) for each in found.faults]
    return []


GOOD = [
    ROSTER,
    "",
    "# nothing yet\n",
    table(),
    table('tab = "{roc}{mm}班表"', "months = [0, 1, -1]"),
    table('tab = "{yyyy}-{mm}"'),
    table('tab = "{yy}年{m}月"'),
    table("gid = 0"),
    table("header = 3", "header_is_fine = 1").replace("\nheader_is_fine = 1", ""),
    table('person = ["編號"]', 'person_name = ["姓名", "名字"]', "person_form = 'K\\d+'"),
    table('title = "班表"', 'zone = "Europe/Berlin"'),
    table(kind="long") + '\ndate = ["日"]\ncode = ["班"]',
    table(kind="code-table"),
    table(kind="table"),
    table('key = ["車號", "日期"]', kind="table"),
    table("[tanhae.roster.cell]", "shift = '(?P<code>\\d+)'", "leave = []", "rest = '休'"),
    table(
        "[tanhae.roster.cell]", "shift = ['(?P<code>\\d+)', '(?P<code>[A-Z]+)(?P<overtime>\\d)']"
    ),
    table("[tanhae.roster.cell]", "note = ['待命', '訓練.*']"),
    table("[tanhae.roster.leaves]", '"特" = "特休"'),
    table().replace(
        f'"{ID}"', f'"https://docs.google.com/spreadsheets/d/{ID}/edit?usp=sharing#gid=3"'
    ),
    table().replace(f'"{ID}"', f'"https://docs.google.com/a/x.tw/spreadsheets/u/1/d/{ID}"'),
    table(name="anping.duty-2"),
]
BAD = {
    table("colour = 1"): f"line 5: tanhae.roster.colour {NO_KEY}",
    table('persons = ["編號"]'): f"line 5: tanhae.roster.persons {NO_KEY}; person is meant perhaps",
    table(
        "person = []"
    ): 'line 5: tanhae.roster.person must be a list of column titles, such as ["姓名"], 40 at most',
    table(
        'person = "編號"'
    ): 'line 5: tanhae.roster.person must be a list of column titles, such as ["姓名"], 40 at most',
    table(
        "person = [1]"
    ): 'line 5: tanhae.roster.person must be a list of column titles, such as ["姓名"], 40 at most',
    table('tab = "{roc"'): "line 4: tanhae.roster.tab has a brace without its other half",
    table(
        'tab = "{month}"'
    ): "line 4: tanhae.roster.tab may name {yyyy} {yy} {roc} {m} {mm}, and nothing else in braces",
    table('tab = "x"', "gid = 1"): "line 1: tanhae.roster wants a tab or a gid, and not both",
    table(
        "gid = -1"
    ): "line 4: tanhae.roster.gid must be a whole number, as after #gid= in the address",
    table(
        'gid = "1"'
    ): "line 4: tanhae.roster.gid must be a whole number, as after #gid= in the address",
    table('tab = "{m}月"', "months = []"): f"line 5: tanhae.roster.months {MONTHS}",
    table('tab = "{m}月"', "months = [13]"): f"line 5: tanhae.roster.months {MONTHS}",
    table('tab = "{m}月"', "months = 1"): f"line 5: tanhae.roster.months {MONTHS}",
    table("header = 0"): 'line 5: tanhae.roster.header must be "auto" or the number of a row',
    table('header = "first"'): 'line 5: tanhae.roster.header must be "auto" or the number of a row',
    table("header = true"): 'line 5: tanhae.roster.header must be "auto" or the number of a row',
    table(
        'zone = "GMT +8"'
    ): "line 5: tanhae.roster.zone must be a zone of IANA's, such as Asia/Taipei",
    table(
        'codes = "codes"'
    ): 'line 5: tanhae.roster.codes must name a sheet, such as "tanhae.codes"',
    table(
        "cell = 1"
    ): "line 5: tanhae.roster.cell must be a table of patterns: shift, leave, rest, note",
    table("[tanhae.roster.cell]", "shift = 1"): f"line 6: tanhae.roster.cell.shift {PATTERNS}",
    table(
        "[tanhae.roster.cell]", "shifts = 'x'"
    ): "line 6: tanhae.roster.cell.shifts is no key of cell; shift is meant perhaps",
    table(
        "[tanhae.roster.leaves]", '"特" = 1'
    ): 'line 5: tanhae.roster.leaves must be a table of texts, such as "特" = "特休"',
    table(
        kind="roster"
    ): "line 2: tanhae.roster.kind must be month-grid, code-table, long or table",
    table().replace(
        'kind = "month-grid"\n', ""
    ): "line 1: tanhae.roster has no kind: it must be month-grid, code-table, long or table",
    table().replace(f'spreadsheet = "{ID}"\n', ""): "line 1: tanhae.roster has no spreadsheet",
    table().replace(ID, "x y"): f"line 3: tanhae.roster.spreadsheet {AN_ID}",
    table().replace(
        f'"{ID}"', '"https://docs.google.com/spreadsheets/d/e/2PACX-1vQ/pubhtml"'
    ): f"line 3: tanhae.roster.spreadsheet {AN_ID}",
    table(
        'title = ""'
    ): "line 5: tanhae.roster.title must be a text on one line, of 60 characters at most",
    table("tab = 3"): f"line 4: tanhae.roster.tab {A_TAB}",
    table('date = ["日"]'): f"line 5: tanhae.roster.date {NO_KEY}",
    table(
        'key = "車號"', kind="table"
    ): "line 5: tanhae.roster.key must be a list of column titles, 10 at most",
    table(
        name="tanhae.Roster"
    ): "line 1: tanhae.Roster is no name of a sheet: a-z, then a-z, 0-9 and -, 31 at most",
    "tanhae = 1": "line 1: tanhae must be a table of sheets",
    "[tanhae]\nroster = 1": "line 2: tanhae.roster must be a table",
}
"""What the schema knows as well."""
BAD_TOGETHER = {
    table(
        'codes = "tanhae.codes"'
    ): "line 5: tanhae.roster.codes names a sheet that is not in this file",
    table(
        'codes = "tanhae.roster"'
    ): "line 5: tanhae.roster.codes names a sheet that is no code-table",
    '[tanhae.codes]\nkind = "code-table"\ntab = "x"': f"line 1: tanhae.codes {HOMELESS}",
    table("months = [0]"): "line 1: tanhae.roster has months, but no {m} or {mm} in a tab",
    table('tab = "{roc}年"'): "line 4: tanhae.roster.tab has a year and no month: add {m} or {mm}",
    table(
        'zone = "Asia/Taipeh"'
    ): "line 5: tanhae.roster.zone is no zone of IANA's, such as Asia/Taipei",
    table("person_form = '('"): "line 1: tanhae.roster person_form is no pattern of RE2: missing )",
    table(
        "[tanhae.roster.cell]", "shift = '(?=x)'"
    ): "line 6: tanhae.roster.cell.shift is no pattern of RE2: invalid perl operator",
    table(
        "[tanhae.roster.cell]", "shift = '\\d{4}'"
    ): "line 6: tanhae.roster.cell.shift has no group (?P<code>…)",
    table(
        "[tanhae.roster.cell]", "leave = ['(?P<leave>x)', 'x']"
    ): "line 6: tanhae.roster.cell.leave pattern 2 has no group (?P<leave>…)",
    table(
        "[tanhae.roster.cell]", "rest = '(?P<code>x)'"
    ): "line 6: tanhae.roster.cell.rest names a group that rest does not have (it has rest)",
    table(
        "[tanhae.roster.cell]", "leave = '（(?P<leave>.)）'"
    ): "line 6: tanhae.roster.cell.leave has a full-width character, "
    "which cells no longer have when they are matched",
    table(
        "[tanhae.roster.cell]", "note = 'x*'"
    ): "line 6: tanhae.roster.cell.note matches an empty cell",
    table(name="taipei.roster"): "line 1: taipei is no department's slug in DEPARTMENTS",
}
"""What only the program can see."""


@pytest.mark.parametrize("text", GOOD)
def test_a_good_file_is_read_and_the_schema_agrees(text: str) -> None:
    assert faults(text) == []
    SCHEMA.validate(tomllib.loads(text))


@pytest.mark.parametrize("text", BAD)
def test_a_bad_file_is_refused_with_its_line_and_the_schema_agrees(text: str) -> None:
    assert faults(text) == [BAD[text]]
    with pytest.raises(jsonschema.ValidationError):
        SCHEMA.validate(tomllib.loads(text))


@pytest.mark.parametrize("text", BAD_TOGETHER)
def test_what_no_schema_can_say_is_told_too(text: str) -> None:
    assert faults(text) == [BAD_TOGETHER[text]]
    SCHEMA.validate(tomllib.loads(text))


def test_the_schema_that_is_shipped_is_the_programs() -> None:
    """`python -m sheets.shapes.schema` writes it anew."""
    assert schema.PATH.read_text("utf-8") == schema.text()
    jsonschema.Draft202012Validator.check_schema(json.loads(schema.text()))


def test_every_fault_is_told_at_once() -> None:
    """In the order of the lines; and of a sheet with faults its references as well."""
    text = "\n\n".join(
        (
            table("header = 0", 'codes = "tanhae.none"', "colour = 1"),
            table('zone = "Asia/Taipeh"', name="anping.duty"),
            table("[tanhae.two.cell]", "shift = '('", "leave = ')'", name="tanhae.two"),
        )
    )
    found = faults(text)
    assert [each.partition(":")[0] for each in found] == [
        *("line 5", "line 6", "line 7", "line 13", "line 20", "line 21"),
    ]


def test_what_is_wrong_is_told_without_the_value() -> None:
    """Anything may have been pasted there."""
    secret = "GOCSPX-hunter2"
    for key in ("title", "tab", "zone", "codes", "header", "person", "kind", "spreadsheet", "gid"):
        text = f"[tanhae.roster]\n{key} = {{ a = '{secret}' }}"
        assert faults(text)
        assert secret not in "\n".join(faults(text))
    assert secret not in "\n".join(faults(f"x = '{secret}"))
    assert secret not in "\n".join(faults(f"{secret}"))
    assert secret not in "\n".join(faults(f"['{secret}']\n['{secret}']"))


def test_a_table_of_codes_is_where_the_sheet_is_that_names_it() -> None:
    found = parse_shapes(ROSTER, SLUGS)
    assert found["tanhae.codes"].spreadsheet == found["tanhae.roster"].spreadsheet == ID
    assert isinstance(found["tanhae.codes"].shape, CodeTable)
    assert found["tanhae.roster"].codes == "tanhae.codes"


def test_a_table_of_codes_that_two_spreadsheets_name_is_in_none() -> None:
    other = table('codes = "tanhae.codes"', name="anping.duty").replace(ID, "2" * 44)
    assert faults(f"{ROSTER}\n{other}") == [
        "line 15: tanhae.codes has no spreadsheet, and sheets of several name it"
    ]


def test_of_an_address_only_the_id_is_kept() -> None:
    address = f"https://docs.google.com/spreadsheets/d/{ID}/edit?resourcekey=secret#gid=3"
    found = parse_shapes(table().replace(ID, address), SLUGS)["tanhae.roster"]
    assert found.spreadsheet == ID
    assert "secret" not in repr(found)


def test_the_fingerprint_changes_with_what_cells_may_mean() -> None:
    """And not with the name that people read."""
    plain, titled, other = (
        parse_shapes(table(line), SLUGS)["tanhae.roster"].fingerprint
        for line in ("", 'title = "班表"', "header = 2")
    )
    assert plain == titled != other


@pytest.mark.parametrize("text", ["x = ", "[a]\n[a]", "= 1", "[tanhae.roster", 'a = "\n"', b"\xff"])
def test_what_is_no_toml_is_refused_in_a_sentence(text: str | bytes) -> None:
    assert len(faults(text)) == 1
    assert faults(text)[0].startswith("line ")


def test_a_file_has_a_largest_size() -> None:
    assert faults("#" * (LARGEST + 1)) == ["line 1: the file is larger than 256 kB"]
    assert faults("\n".join(table(name=f"tanhae.s{n}") for n in range(201))) == [
        "line 1: names more than 200 sheets"
    ]


def test_deep_nesting_is_no_crash() -> None:
    assert faults("x = " + "[" * 50_000)
    assert faults("[" + ".".join("a" * 20_000) + "]")


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    for line in faults(text):
        assert line.startswith("line ")


def test_lines_are_found_past_strings_lists_and_comments() -> None:
    text = (
        '# [x]\n[a."b.c"] # [y]\nk = """\n[no]\nm = 1\n"""\n'
        "l = [ # ]\n  \"]\",\n  '''\nx = 1''',\n]\n"
        "n = { z = 1 }\n[[d]]\no.p = 1\n"
    )
    found = lines_of(text)
    assert found == {
        ("a",): 2,
        ("a", "b.c"): 2,
        ("a", "b.c", "k"): 3,
        ("a", "b.c", "l"): 7,
        ("a", "b.c", "n"): 12,
        ("d",): 13,
        ("d", "o"): 14,
        ("d", "o", "p"): 14,
    }
    assert line_of(found, ("a", "b.c", "n", "z")) == 12
    assert tomllib.loads(text)["a"]["b.c"]["l"] == ["]", "x = 1"]


@pytest.mark.timeout(20)
def test_no_pattern_can_hang() -> None:
    """What takes a backtracking matcher for ever."""
    for pattern, text in (("(a+)+b", "a" * 5000), ("(a|a)*b", "a" * 5000), ("(.*)*x", "y" * 5000)):
        assert compiled(pattern).fullmatch(text) is None


def test_the_patterns_of_the_design_read_the_cells_of_the_design() -> None:
    shape = parse_shapes(ROSTER, SLUGS)["tanhae.roster"].shape
    assert isinstance(shape, MonthGrid)
    match = compiled(shape.cell.shift[0]).fullmatch("R(國)/1425G(+2)")
    assert match.groupdict() == {"rest": "R(國)/", "code": "1425G", "overtime": "2"}
