"""Sheets v4: who may read, what an answer has and what it leaves out."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.google.sheets.samples import CODES, DUTY_ID, PEOPLE, ROSTER_ID
from sandbox.server import Sandbox, SandboxConfig
from tests.sandbox.google_kit import Kit
from tests.sandbox.sheets_kit import Sheets
from tests.service_accounts import ADDRESS

MASK = (
    "spreadsheetId,properties(title,timeZone),sheets(properties(sheetId,title,index,hidden),merges,"
    "data(startRow,startColumn,rowData(values(effectiveValue,formattedValue,"
    "effectiveFormat(numberFormat(type))))))"
)
ROSTER = {"title": "11412班表", "gid": 77, "rows": [["員編", "姓名", 1], ["1011", "林", "0905G"]]}


@pytest.fixture
async def sheets(kit: Kit) -> Sheets:
    found = Sheets(kit)
    await found.sign_in()
    return found


def text_of(value: str) -> dict[str, Any]:
    return {"effectiveValue": {"stringValue": value}, "formattedValue": value}


async def test_one_read_has_what_its_mask_names_and_no_more(sheets: Sheets) -> None:
    sheet = await sheets.add(ROSTER, {"title": "代碼", "rows": []}, title="班表")
    reply = await sheets.get(sheet, "'11412班表'", fields=MASK)
    assert reply.json == {
        "spreadsheetId": sheet,
        "properties": {"title": "班表", "timeZone": "Asia/Taipei"},
        "sheets": [
            {
                "properties": {"sheetId": 77, "title": "11412班表", "index": 0},
                "data": [
                    {
                        "rowData": [
                            {
                                "values": [
                                    text_of("員編"),
                                    text_of("姓名"),
                                    {"effectiveValue": {"numberValue": 1}, "formattedValue": "1"},
                                ]
                            },
                            {"values": [text_of("1011"), text_of("林"), text_of("0905G")]},
                        ]
                    }
                ],
            }
        ],
    }
    assert (await sheets.kit.google.state())["sheets"][sheet]["reads"] == 1
    assert (await sheets.kit.google.calls())["counts"]["google.sheets.get"] == 1


async def test_trailing_cells_and_rows_are_left_out_and_empty_ones_between_are_not(
    sheets: Sheets,
) -> None:
    rows = [[None, "a", "", None], [], [None], ["b"], [], [""]]
    sheet = await sheets.add({"title": "x", "rows": rows}, {"title": "empty", "rows": []})
    found = (await sheets.get(sheet, fields=MASK)).json["sheets"]
    assert found[0]["data"] == [
        {
            "rowData": [
                {"values": [{}, text_of("a"), text_of("")]},
                {},
                {},
                {"values": [text_of("b")]},
                {},
                {"values": [text_of("")]},
            ]
        }
    ]
    assert found[1]["data"] == [{}]


async def test_a_cell_that_has_only_a_format_is_there(sheets: Sheets) -> None:
    rows = [["a", None, {"kind": "DATE", "pattern": "m/d"}]]
    sheet = await sheets.add({"title": "x", "rows": rows})
    [row] = (await sheets.get(sheet, fields=MASK)).json["sheets"][0]["data"][0]["rowData"]
    assert row["values"][1:] == [{}, {"effectiveFormat": {"numberFormat": {"type": "DATE"}}}]


async def test_values_formats_and_errors_stand_as_google_has_them(sheets: Sheets) -> None:
    cells = {
        "530": {"value": 530},
        "0530": {"value": 530, "kind": "NUMBER", "pattern": "0000"},
        "12/3": {"value": 46359, "kind": "DATE", "pattern": "m/d"},
        "2026/12/03": {"value": 46359, "kind": "DATE", "pattern": "yyyy/mm/dd"},
        "5:30": {"value": 5.5 / 24, "kind": "TIME", "pattern": "h:mm"},
        "24:30": {"value": 24.5 / 24, "kind": "TIME", "pattern": "[h]:mm"},
        "2026-12-03 05:30:00": {
            "value": 46359 + 5.5 / 24,
            "kind": "DATE_TIME",
            "pattern": 'yyyy"-"mm-dd hh:mm:ss',
        },
        "12月3日": {"value": 46359, "kind": "DATE", "pattern": 'm"月"d"日"'},
        "1,234.50": {"value": 1234.5, "kind": "NUMBER", "pattern": "#,##0.00"},
        "TRUE": {"value": True},
        "0.1": {"value": 0.1},
        "#REF!": {"error": "REF", "formula": "=#REF!"},
        "#N/A": {"error": "N_A", "formula": "=NA()"},
    }
    sheet = await sheets.add({"title": "x", "rows": [[*cells.values()]]})
    answer = (await sheets.get(sheet, fields="sheets.data.rowData.values")).json
    values = answer["sheets"][0]["data"][0]["rowData"][0]["values"]
    assert [one["formattedValue"] for one in values] == [*cells]
    by_text = dict(zip(cells, values, strict=True))
    assert by_text["#REF!"]["effectiveValue"] == {
        "errorValue": {"type": "REF", "message": "Reference does not exist."}
    }
    assert by_text["#REF!"]["userEnteredValue"] == {"formulaValue": "=#REF!"}
    assert by_text["TRUE"]["effectiveValue"] == {"boolValue": True}
    assert by_text["0530"]["effectiveFormat"] == {
        "numberFormat": {"type": "NUMBER", "pattern": "0000"}
    }


async def test_merges_hidden_tabs_and_quoted_titles(sheets: Sheets) -> None:
    odd = {
        "title": "It's 班表",
        "gid": 5,
        "rows": [["a"]],
        "merges": [[0, 0, 2, 3]],
        "hidden": True,
    }
    sheet = await sheets.add({"title": "A1", "rows": [["first"]]}, odd)
    [found] = (await sheets.get(sheet, "'It''s 班表'", fields=MASK)).json["sheets"]
    assert found["properties"] == {"sheetId": 5, "title": "It's 班表", "index": 1, "hidden": True}
    assert found["merges"] == [
        {
            "sheetId": 5,
            "startRowIndex": 0,
            "endRowIndex": 2,
            "startColumnIndex": 0,
            "endColumnIndex": 3,
        }
    ]


async def test_data_come_only_where_the_mask_or_the_parameter_asks(sheets: Sheets) -> None:
    sheet = await sheets.add(ROSTER)
    for query, has in (
        ({}, False),
        ({"includeGridData": "true"}, True),
        ({"fields": "sheets.properties(sheetId,title)", "includeGridData": "true"}, False),
        ({"fields": "sheets"}, True),
        ({"fields": "*"}, True),
        ({"fields": "properties.title"}, None),
    ):
        answer = (await sheets.get(sheet, **query)).json
        if has is None:
            assert answer == {"properties": {"title": "Spreadsheet"}}
        else:
            assert ("data" in answer["sheets"][0]) is has
    assert (await sheets.kit.google.state())["sheets"][sheet]["reads"] == 3


async def test_parts_of_a_tab_say_where_they_begin(sheets: Sheets) -> None:
    rows = [[f"{row}{column}" for column in "abcd"] for row in range(4)]
    sheet = await sheets.add({"title": "t", "rows": rows})
    [found] = (await sheets.get(sheet, "t!B2:C3", "t!D:D", fields=MASK)).json["sheets"]
    first, second = found["data"]
    assert (first["startRow"], first["startColumn"]) == (1, 1)
    assert first["rowData"] == [
        {"values": [text_of(f"{row}{one}") for one in "bc"]} for row in (1, 2)
    ]
    assert (second.get("startRow"), second["startColumn"], len(second["rowData"])) == (None, 3, 4)


@pytest.mark.parametrize(
    "text", ["'nowhere'", "t!", "t!A0", "t!ZZZ1", "'t", "t!A1:", "", "nowhere!A1"]
)
async def test_a_range_that_names_nothing_is_refused(sheets: Sheets, text: str) -> None:
    sheet = await sheets.add({"title": "t", "rows": [["a"]]})
    reply = await sheets.get(sheet, "t", text, fields=MASK)
    assert (reply.status, reply.json["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert reply.json["error"]["message"] == f"Unable to parse range: {text}"


async def test_plain_values_without_what_is_empty_at_the_ends(sheets: Sheets) -> None:
    rows = [
        ["a", "", None],
        [],
        [{"value": 0.25, "kind": "TIME", "pattern": "h:mm"}, 2],
        [None, ""],
    ]
    sheet = await sheets.add({"title": "班表", "rows": rows})
    shown = (await sheets.values(sheet, "'班表'!A1:C9")).json
    assert shown == {
        "range": "'班表'!A1:C9",
        "majorDimension": "ROWS",
        "values": [["a"], [], ["6:00", "2"]],
    }
    raw = (await sheets.values(sheet, "班表!A3:B", valueRenderOption="UNFORMATTED_VALUE")).json
    assert raw["values"] == [[0.25, 2]]
    columns = (await sheets.values(sheet, "A1:B3", majorDimension="COLUMNS")).json
    assert columns["values"] == [["a", "", "6:00"], ["", "", "2"]]
    assert "values" not in (await sheets.values(sheet, "C1")).json
    assert (await sheets.values(sheet, "A1", valueRenderOption="X")).status == 400


async def test_who_may_not_read_is_told_in_googles_words(sheets: Sheets, kit: Kit) -> None:
    own = await sheets.add(ROSTER)
    await kit.google.act("sheet_share", sheet=own, address=ADDRESS, on=False)
    reply = await sheets.get(own, fields=MASK)
    assert (reply.status, reply.json["error"]) == (
        403,
        {
            "code": 403,
            "message": "The caller does not have permission",
            "status": "PERMISSION_DENIED",
        },
    )
    reply = await sheets.get("1nowhere", fields=MASK)
    assert (reply.status, reply.json["error"]["message"]) == (
        404,
        "Requested entity was not found.",
    )
    await kit.google.act("sheet_share", sheet=own, address=ADDRESS)
    assert (await sheets.get(own, fields=MASK)).status == 200
    await kit.google.act("sheet_delete", sheet=own)
    assert (await sheets.get(own, fields=MASK)).status == 404
    excel = await sheets.add(ROSTER, is_office_file=True)
    reply = await sheets.get(excel, fields=MASK)
    assert (reply.status, reply.json["error"]["status"]) == (400, "FAILED_PRECONDITION")


async def test_tokens_that_are_missing_dead_or_for_something_else(sheets: Sheets, kit: Kit) -> None:
    sheet = await sheets.add(ROSTER)
    tokens = await kit.connect()
    for token, status in (("", 401), ("ya29.x", 401), (tokens["access_token"], 403)):
        sheets.token = token
        assert (await sheets.get(sheet, fields=MASK)).status == status
    await sheets.sign_in()
    assert await kit.google.expire_access_tokens(ADDRESS.upper()) == 2
    reply = await sheets.get(sheet)
    assert (reply.status, reply.json["error"]["status"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize(
    "query",
    [{"fields": "sheet"}, {"fields": "sheets(data"}, {"field": "sheets"}, {"fields": "a.b"}],
)
async def test_a_mask_or_parameter_that_there_is_not_is_refused(
    sheets: Sheets, query: dict[str, str]
) -> None:
    sheet = await sheets.add(ROSTER)
    reply = await sheets.get(sheet, **query)
    assert (reply.status, reply.json["error"]["status"]) == (400, "INVALID_ARGUMENT")


async def test_reads_are_counted_by_the_minute(sheets: Sheets, kit: Kit) -> None:
    sheet = await sheets.add(ROSTER)
    replies = await asyncio.gather(*(sheets.get(sheet, fields="spreadsheetId") for _ in range(63)))
    refused = [reply.json["error"] for reply in replies if reply.status == 429]
    assert len(refused) == 3
    assert refused[0]["status"] == "RESOURCE_EXHAUSTED"
    assert "'Read requests per minute per user'" in refused[0]["message"]
    assert refused[0]["details"][0]["metadata"]["quota_limit_value"] == "60"
    await kit.google.act("advance_clock", seconds=61)
    assert (await sheets.get(sheet)).status == 200
    await kit.google.act("sheet_quota", of_user=1000, of_project=1)
    assert "per minute' of" in (await sheets.get(sheet)).text


@pytest.mark.parametrize(
    ("options", "status", "says"),
    [
        ({"status": 403}, 403, "PERMISSION_DENIED"),
        ({"status": 404}, 404, "NOT_FOUND"),
        ({"status": 401}, 401, "UNAUTHENTICATED"),
        ({"status": 429, "retry_after": 7}, 429, "RESOURCE_EXHAUSTED"),
        ({"status": 503}, 503, "UNAVAILABLE"),
        ({"status": 500}, 500, "INTERNAL"),
        ({"reason": "SERVICE_DISABLED"}, 403, "PERMISSION_DENIED"),
    ],
)
async def test_faults_have_sheets_own_shape(
    sheets: Sheets, kit: Kit, options: dict[str, Any], status: int, says: str
) -> None:
    sheet = await sheets.add(ROSTER)
    await kit.google.fault("google.sheets.*", "status", owner=ADDRESS, **options)
    reply = await sheets.get(sheet)
    assert (reply.status, reply.json["error"]["status"]) == (status, says)
    assert reply.headers.get("retry-after") == (
        str(options["retry_after"]) if "retry_after" in options else None
    )
    assert (await sheets.get(sheet)).status == 200


@pytest.mark.parametrize(
    ("text", "shown", "value"),
    [
        ("0905G", "0905G", {"stringValue": "0905G"}),
        ("0530", "530", {"numberValue": 530}),
        ("'0530", "0530", {"stringValue": "0530"}),
        ("24:30", "24:30", {"numberValue": 24.5 / 24}),
        ("2026/12/3", "2026/12/3", {"numberValue": 46359}),
        ("2/30", "2/30", {"stringValue": "2/30"}),
        ("true", "TRUE", {"boolValue": True}),
        ("#REF!", "#REF!", None),
        ("=A9+#REF!", "#REF!", None),
        ("=nonsense", "#NAME?", None),
    ],
)
async def test_what_a_planner_types_becomes_what_google_makes_of_it(
    sheets: Sheets, kit: Kit, text: str, shown: str, value: dict[str, Any] | None
) -> None:
    sheet = await sheets.add(ROSTER)
    did = await kit.google.act("sheet_cell", sheet=sheet, tab="11412班表", cell="C2", text=text)
    assert (did["before"], did["after"]) == ("0905G", shown)
    answer = (await sheets.get(sheet, "'11412班表'!C2", fields=MASK)).json
    [cell] = answer["sheets"][0]["data"][0]["rowData"][0]["values"]
    assert cell["formattedValue"] == shown
    if value is not None:
        assert cell["effectiveValue"] == value


async def test_tabs_are_cleared_renamed_and_deleted(sheets: Sheets, kit: Kit) -> None:
    sheet = await sheets.add(ROSTER, {"title": "代碼", "gid": 8, "rows": [["a"]]})
    await kit.google.act("sheet_clear", sheet=sheet, tab=77)
    await kit.google.act("sheet_tab", sheet=sheet, tab="代碼", title="新代碼")
    found = (await sheets.get(sheet, fields=MASK)).json["sheets"]
    assert found[0]["data"] == [{}]
    assert found[1]["properties"]["title"] == "新代碼"
    await kit.google.act("sheet_tab", sheet=sheet, tab=8, delete=True)
    assert len((await sheets.get(sheet)).json["sheets"]) == 1


async def test_samples_are_a_departments_rosters_and_duty_tables(sheets: Sheets, kit: Kit) -> None:
    await kit.google.act("sheet_samples", address=ADDRESS)
    today = kit.sandbox.google.sheets.today()  # type: ignore[union-attr]
    roc = f"{today.year - 1911}{today.month:02}"
    answer = (await sheets.get(ROSTER_ID, f"'{roc}班表'", "'代碼'", fields=MASK)).json
    roster, codes = answer["sheets"]
    rows = roster["data"][0]["rowData"]
    assert [cell.get("formattedValue") for cell in rows[1]["values"][:3]] == ["員編", "姓名", "1"]
    assert len(rows) == 3 + len(PEOPLE)
    assert rows[-1]["values"][0]["formattedValue"] == "0107"
    assert len(codes["data"][0]["rowData"]) == 1 + len(CODES)
    [_, duty] = (await sheets.get(DUTY_ID, fields=MASK)).json["sheets"]
    assert duty["properties"]["title"].endswith("勤務表")
    assert duty["data"][0]["rowData"][0]["values"][0] == {}
    seen = [await kit.google.act("sheet_change", day=3) for _ in range(3)]
    assert [one["before"] for one in seen[1:]] == [one["after"] for one in seen[:-1]]
    assert all(one["before"] != one["after"] for one in seen)


async def test_spreadsheets_and_accounts_survive_a_restart(tmp_path: Path) -> None:
    config = SandboxConfig(tmp_path, parts=frozenset({"google"}))
    before: dict[str, Any] = {}
    for _ in range(2):
        async with Sandbox(config) as sandbox, GoogleControls(sandbox.url) as google:
            if not before:
                await google.act("service_account", address=ADDRESS, key_id="k", public_key="p")
                await google.act("sheet", tabs=[{**ROSTER, "merges": [[0, 0, 1, 2]]}])
                await google.act("sheet_samples", address=ADDRESS)
                before = sandbox.google.sheets.all  # type: ignore[union-attr]
            assert before == sandbox.google.sheets.all  # type: ignore[union-attr]
            assert ADDRESS in (await google.state())["service_accounts"]
