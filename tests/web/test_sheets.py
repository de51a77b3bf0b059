"""Departments' sheets for programs: who reads what, in which form, and what is decided of them."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from pydantic import SecretStr

from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from security.errors import OperatorFault
from security.storage.each import only
from security.storage.protocol import Drop, Found, Key, Storage, Unit
from sheets.keeping.kinds import KINDS, VERSIONS
from tests.web.sheets_kit import CODES, NAMES, ROSTER, SPREADSHEET, SheetsWeb, sheets_web

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]


def table(answer: httpx.Response) -> list[list[str]]:
    """The rows of a CSV answer."""
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return [*csv.reader(io.StringIO(answer.content.decode("utf-8-sig"), newline=""))]


async def test_a_sheet_is_read_when_it_is_asked_for_and_costs_nothing_while_it_is_the_same(
    front: SheetsWeb,
) -> None:
    """Nobody has looked before: the first answer has it; what whoever asks has is not sent again,
    in each form, and everything of a person is kept nowhere."""
    async with front.administrator() as browser:
        answer = await browser.get(ROSTER)
        assert answer.status_code == 200, answer.text
        said = answer.json()
        assert (said["kind"], said["period"], len(said["people"])) == ("roster", "2026-12", 4)
        person = said["people"][0]
        assert (person["number"], person["name"], len(person["days"])) == ("1011", NAMES[0], 31)
        assert person["days"]["2026-12-01"] == [{"kind": "shift", "text": "0905G", "code": "0905G"}]
        assert answer.headers["Cache-Control"] == "no-store"
        by_header = await browser.get(ROSTER, headers={"Accept": "text/csv"})
        rows = table(by_header)
        assert rows[0][:3] == ["number", "name", "2026-12-01"]
        assert rows[1][:3] == ["1011", NAMES[0], "0905G"]
        assert len(rows[0]) == 33
        assert 'filename="tanhae-roster-2026-12.csv"' in by_header.headers["Content-Disposition"]
        by_address = await browser.get(ROSTER, params={"format": "csv"})
        tag = by_address.headers["ETag"]
        assert tag == by_header.headers["ETag"] != answer.headers["ETag"]
        for given in (tag, f'"x", W/{tag}', "*"):
            same = await browser.get(
                ROSTER, params={"format": "csv"}, headers={"If-None-Match": given}
            )
            assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", tag)
        assert (await front.google.state())["sheets"][SPREADSHEET]["reads"] == 1
        await front.write("(特)")
        await front.sync()
        other = await browser.get(ROSTER, params={"format": "csv"}, headers={"If-None-Match": tag})
        assert table(other)[1][2] == "(特)"


async def test_a_computer_sees_how_many_and_never_who(front: SheetsWeb) -> None:
    await front.write("(病)", "代王小明", "1735N", "R")
    await front.sync()
    async with await front.computer() as computer:
        everything = [
            await computer.get(path, params={"format": form})
            for path in (ROSTER, f"{ROSTER}/shifts", f"{ROSTER}/versions", f"{ROSTER}/diff")
            for form in ("json", "csv")
        ]
        assert [one.status_code for one in everything] == [200, 200, 200, 200, 200, 200, 404, 404]
        await front.write("0905G", "(特)")
        await front.sync()
        everything.append(changed := await computer.get(f"{ROSTER}/diff"))
        for answer in everything:
            for personal in (*NAMES, "1011", "1014", "病", "特", "代王"):
                assert personal not in answer.text
        said = everything[0].json()
        assert [
            (one["off"], one["other"], [(c["code"], c["people"]) for c in one["crews"]])
            for one in said["days"][:4]
        ] == [
            (1, 0, [("0905G", 3)]),
            (0, 1, [("0905G", 3)]),
            (0, 0, [("0905G", 3), ("1735N", 1)]),
            (1, 0, [("0905G", 3)]),
        ]
        assert everything[0].headers["Cache-Control"] == "private, no-cache"
        timed = everything[2].json()["days"][2]["crews"]
        assert [one["end"] for one in timed] == [
            "2026-12-03T17:35:00+08:00",
            "2026-12-04T01:55:00+08:00",
        ]
        assert [one["day"] for one in changed.json()["crews"]] == [
            f"2026-12-0{n}" for n in range(1, 5)
        ]
        assert (await computer.get(f"{ROSTER}/shifts", params={"person": "1011"})).json()[
            "code"
        ] == "personal"
        assert (await computer.get(CODES)).json()["codes"][1]["end"] == "25:55"
        assert (await computer.get("/api/sheets/tanhae/phones")).status_code == 403
        stops = table(await computer.get("/api/sheets/tanhae/stops", params={"format": "csv"}))
        assert stops == [["站", "備註"], ["紅樹林", "'-5"], ["崁頂", "'@here"]]
        await front.write(people=2)
        await front.sync()
        few = await computer.get(ROSTER)  # of so few everybody knows who it is
        assert (few.status_code, few.json()["code"]) == (403, "personal")


async def test_of_few_people_a_computer_is_not_told_how_many(front: SheetsWeb) -> None:
    """Nor how much is another than before, as long as one of the two versions is of so few: that
    somebody came, changed or went. Nor of a table that may be of persons."""
    await front.sync()
    for cells, people in (([""] * 31, 3), (["(特)"], 2), (["(特)"], 4)):  # of three one has nothing
        await front.write(*cells, people=people)
        await front.sync()

    async def told(browser: httpx.AsyncClient, path: str) -> list[tuple[Any, Any, Any]]:
        versions = (await browser.get(f"{path}/versions")).json()["versions"]
        fields = ("people_or_rows", "cells", "difference")
        return [tuple(one.get(name) for name in fields) for one in versions]

    async with await front.computer() as computer, front.administrator() as browser:
        assert [one[:2] for one in await told(computer, ROSTER)] == [
            *((4, 124), (None, None), (None, None), (4, 124)),
        ]
        assert [one[2] for one in await told(computer, ROSTER)] == [None] * 4
        assert [one[:2] for one in await told(browser, ROSTER)] == [
            *((4, 124), (2, 62), (3, 62), (4, 124)),
        ]
        await front.write("(病)")
        await front.sync()
        [newest, *_] = await told(computer, ROSTER)
        assert newest == (4, 124, {"changed": 1, "came": 0, "went": 0})
        assert await told(computer, "/api/sheets/tanhae/phones") == [(None, None, None)]
        assert await told(browser, "/api/sheets/tanhae/phones") == [(2, 2, None)]
        for path in ("/api/sheets/tanhae/stops", CODES):
            assert await told(computer, path) == [(2, 2, None)]


async def test_shifts_have_their_times_by_person_and_month(front: SheetsWeb) -> None:
    await front.write("1735N", "R/0905G(+2)", "(特)", "站訓")
    await front.sync()
    async with front.administrator() as browser:
        answer = await browser.get(f"{ROSTER}/shifts", params={"person": "1011"})
        said = answer.json()
        assert (said["zone"], said["codes"]["sheet"]) == ("Asia/Taipei", "codes")
        night, rest, leave, unknown, *others = said["shifts"]
        assert len(others) == 27
        assert (night["start"], night["end"], night["minutes"]) == (
            "2026-12-01T17:35:00+08:00",
            "2026-12-02T01:55:00+08:00",
            500,
        )
        assert (rest["rest"], rest["overtime"], rest["end"]) == (
            *("R", 120),
            "2026-12-02T19:35:00+08:00",
        )
        assert (leave["kind"], leave["leave"]) == ("leave", "特休")
        assert (unknown["kind"], unknown["is_known"]) == ("unknown", False)
        rows = table(await browser.get(f"{ROSTER}/shifts", params={"format": "csv"}))
        assert len(rows) == 1 + 4 * 31
        nobody = await browser.get(f"{ROSTER}/shifts", params={"person": "9999"})
        assert (nobody.status_code, nobody.json()["code"]) == (404, "no_person")
        none = await browser.get(f"{CODES}/shifts")
        assert (none.status_code, none.json()["code"]) == (404, "no_shifts")


async def test_versions_tell_what_counted_when_and_how_they_differ(front: SheetsWeb) -> None:
    await front.sync()
    await front.write("(特)")
    await front.sync()
    async with front.administrator() as browser:
        listed = (await browser.get(f"{ROSTER}/versions")).json()
        assert (listed["state"], [one["state"] for one in listed["versions"]]) == (
            *("fine", ["current", "earlier"]),
        )
        new, old = (one["version"] for one in listed["versions"])
        assert listed["versions"][0]["difference"] == {"changed": 1, "came": 0, "went": 0}
        page = (await browser.get(f"{ROSTER}/versions", params={"limit": 1})).json()
        rest = await browser.get(f"{ROSTER}/versions", params={"before": page["next"]})
        assert [one["version"] for one in rest.json()["versions"]] == [old]
        diff = (await browser.get(f"{ROSTER}/diff")).json()
        assert (diff["from"]["version"], diff["to"]["version"]) == (old, new)
        assert [(one["number"], one["day"], one["new"][0]["leave"]) for one in diff["days"]] == [
            ("1011", "2026-12-01", "特休")
        ]
        back = (await browser.get(f"{ROSTER}/diff", params={"from": new, "to": old})).json()
        assert back["days"][0]["old"] == diff["days"][0]["new"]
        for version, text in zip(listed["versions"], ("(特)", "0905G"), strict=True):
            at = version["read_at"].replace("Z", "%2B00:00")
            assert table(await browser.get(f"{ROSTER}?format=csv&at={at}"))[1][2] == text
        early = await browser.get(ROSTER, params={"at": "0001-01-01T00:00:00+14:00"})
        assert (early.status_code, early.json()["code"]) == (404, "no_version")


async def test_who_decides_of_what_is_held_is_written_down(front: SheetsWeb) -> None:
    await front.sync()
    await front.write(people=1)
    async with front.administrator() as browser:
        looks = await asyncio.gather(*(browser.post(f"{ROSTER}/sync", json={}) for _ in range(8)))
        assert {one.status_code for one in looks} == {200}
        state = looks[0].json()
        [held] = state["held"]
        assert (state["state"], held["people_or_rows_gone"], held["of_people_or_rows"]) == (
            "held",
            3,
            4,
        )
        reads = (await front.google.state())["sheets"][SPREADSHEET]["reads"]
        assert reads <= 4  # the first, and of eight that came at once one or two
        async with await front.computer() as computer:
            seen = (await computer.get(f"{ROSTER}/versions")).json()["versions"]
            assert [one["state"] for one in seen] == ["current"]
            hidden = await computer.get(f"{ROSTER}/diff", params={"to": held["version"]})
            assert hidden.status_code == 404
        said = {"version": held["version"], "period": held["period"]}
        wrong = await browser.post(f"{ROSTER}/keep", json={**said, "version": "20000101-000000"})
        assert (wrong.status_code, wrong.json()["code"]) == (409, "not_held")
        assert (await browser.post(f"{ROSTER}/accept", json=said)).json()["outcome"] == "accepted"
        [newest, _] = (await browser.get(f"{ROSTER}/versions")).json()["versions"]
        assert (newest["state"], newest["accepted_by"]) == ("current", "operator:Ops")
        await front.write(people=4)
        await browser.post(f"{ROSTER}/sync", json={})
        await front.write(people=1)
        [held] = (await browser.post(f"{ROSTER}/sync", json={})).json()["held"]
        said = {"version": held["version"], "period": held["period"]}
        assert (await browser.post(f"{ROSTER}/keep", json=said)).json()["outcome"] == "kept"
        refused = [await browser.post(f"{ROSTER}/sync", json={}) for _ in range(3)][-1]
        assert refused.status_code == 429
        assert 0 < int(refused.headers["Retry-After"]) <= 60
    actions = [one.action for one in front.web.custody.storage.events(newest_first=False)]
    assert [one for one in actions if one != "client_added"] == [
        *("confirmed", "sheet_accepted", "confirmed", "sheet_kept")
    ]


async def test_the_status_of_departments_has_their_sheets_for_administrators(
    front: SheetsWeb,
) -> None:
    await front.sync()
    await front.write(people=1)
    await front.sync()
    async with front.administrator() as browser, await front.computer() as computer:
        tanhae, anping = (await browser.get("/api/google/status")).json()["departments"]
        roster, *others = tanhae["sheets"]
        assert (roster["sheet"], roster["title"], roster["state"], roster["held"]) == (
            *("roster", "班表", "held", ["2026-12"]),
        )
        assert {one["state"] for one in others} == {"fine"}
        assert (anping["sheets"], "revoked_at" in anping) == ([], False)
        [own] = (await computer.get("/api/google/status")).json()["departments"]
        assert "sheets" not in own


async def test_what_was_never_read_says_whom_to_ask(front: SheetsWeb) -> None:
    await front.google.act("sheet", id=SPREADSHEET, tabs=[], shared=[])
    async with front.administrator(**{"Accept-Language": "zh-TW"}) as browser:
        answer = await browser.get(ROSTER)
        assert (answer.status_code, answer.json()["code"]) == (409, "never_synced")
        assert answer.headers["Cache-Control"] == "no-store"
        state = (await browser.get(f"{ROSTER}/versions")).json()
        assert (state["state"], state["trouble"], state["versions"]) == (
            *("unread", "sheet_not_shared", []),
        )
        assert "iam.gserviceaccount.com" in state["because"]
        for path, code in (
            ("/api/sheets/tanhae/none", "no_sheet"),
            ("/api/sheets/anping/roster", "no_sheet"),
            ("/api/sheets/nowhere/roster", "no_department"),
        ):
            refused = await browser.get(path)
            assert (refused.status_code, refused.json()["code"]) == (404, code)
        assert (await browser.get("/api/sheets/%E6%B7%A1%E6%B5%B7/codes")).status_code == 409
    async with await front.computer() as computer:
        state = (await computer.get(f"{ROSTER}/versions")).json()
        assert "because" not in state
    assert json.dumps(NAMES[0]) not in front.web.log.getvalue()


async def test_odd_questions_are_refused_in_words_and_break_nothing(front: SheetsWeb) -> None:
    """Each with its status; what was sent is in no answer, and no refusal is a defect."""
    await front.sync()
    odd = {
        422: (
            *("period=2026-13", "period=2026-00", "period=", "period=２０２６-12", "format=xml"),
            *("at=2026-12-01", "at=0", "at=now", "at=2026-12-01T00:00:60Z", "at="),
            *("at=2026-13-01T00:00:00Z", "at=２026-12-01T00:00:00Z", "at=2026-12-01T00:00:00"),
        ),
        404: ("period=0000-01", "period=9999-12", "at=0001-01-01T00:00:00%2B14:00"),
        200: (
            *("at=9999-12-31T23:59:59-14:00", "period=2026-12&period=2026-12", "odd=1"),
            *("at=2099-12-01t00:00:00.123456789z", "at=2099-12-01T00:00+08:00"),
        ),
    }
    async with front.administrator() as browser:
        for status, queries in odd.items():
            for query in queries:
                answer = await browser.get(f"{ROSTER}?{query}")
                assert answer.status_code == status, (query, answer.text)
        for path, status in (
            (f"/api/sheets/{'x' * 5000}/roster", 422),
            (f"/api/sheets/tanhae/{'x' * 5000}", 422),
            ("/api/sheets/tanhae/Roster", 422),
            ("/api/sheets/tanhae/..%2f..", 404),
            ("/api/sheets/tanhae/roster.csv", 422),
            (f"{ROSTER}/diff?from=99999999-999999", 404),
            (f"{ROSTER}/diff?to=20261130-000000", 404),
            (f"{ROSTER}/diff?from=20261130-0000", 422),
            (f"{ROSTER}/versions?limit=0", 422),
            (f"{ROSTER}/versions?before=x", 422),
            (f"{ROSTER}/versions?before=00000000-000000-all", 200),
            (f"{ROSTER}/shifts?person=", 422),
            (f"{ROSTER}/shifts?person=%00", 404),
            (f"{ROSTER}/shifts?period=2027-01", 404),
        ):
            answer = await browser.get(path)
            assert answer.status_code == status, (path, answer.text)
        head = await browser.head(ROSTER)
        assert (head.status_code, head.headers["Allow"]) == (405, "GET")
        for form in ("text/plain", "application/x-www-form-urlencoded"):
            typed = await browser.post(
                f"{ROSTER}/keep", content=b"{}", headers={"Content-Type": form}
            )
            assert typed.status_code == 415
        quoted = table(await browser.get("/api/sheets/tanhae/phones?format=csv"))
        assert quoted[1:] == [["王小明", "'=1+1"], ["行控", "'+886 2 1234"]]
        wanted = {"Accept": "text/csv;q=0.5, application/json;q=0.9, */*;q=x"}
        assert (await browser.get(ROSTER, headers=wanted)).json()["kind"] == "roster"
    assert "Traceback" not in front.web.log.getvalue()


async def test_what_is_damaged_or_gone_is_no_empty_roster_and_is_read_anew(
    front: SheetsWeb,
) -> None:
    """The spreadsheet has not changed since, and so nothing would read it again by itself."""
    await front.sync()
    storage, asking = front.web.custody.storage, front.web.sheets.asking
    version = asking.version_at("tanhae.roster", "2026-12")
    assert version is not None
    only(storage.apply([Unit([Drop(Key(VERSIONS, version.name))])]))
    async with front.administrator() as browser:
        answer = await browser.get(ROSTER)
        assert (answer.status_code, answer.json()["code"]) == (503, "corrupt")
        assert int(answer.headers["Retry-After"]) >= 1
        await front.sync()
        again = await browser.get(ROSTER)
        assert (again.status_code, len(again.json()["people"])) == (200, 4)


class Away:
    """A storage that does not answer, of what sheets keep, while it is away."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self.is_away = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def read(self, keys: Sequence[Key]) -> list[Found]:
        if self.is_away and any(key.kind in KINDS for key in keys):
            raise OperatorFault("away", code="database_unreachable")
        return self._storage.read(keys)


async def test_a_database_that_is_away_is_said_and_over_by_itself(
    sandbox: Sandbox,
    google: GoogleControls,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = list[Away]()

    def through(storage: Storage) -> Storage:
        made.append(Away(storage))
        return cast(Storage, made[0])

    start = sheets_web(sandbox, google, tmp_path, encryption_keys, monkeypatch, through=through)
    async with start as front, front.administrator() as browser:
        await front.sync()
        made[0].is_away = True
        said = {"version": "20261130-000000", "period": "2026-12"}
        for answer in (
            *[await browser.get(f"{ROSTER}{below}") for below in ("", "/shifts", "/versions")],
            await browser.get(f"{ROSTER}/diff"),
            await browser.get("/api/google/status"),
            await browser.post(f"{ROSTER}/sync", json={}),
            await browser.post(f"{ROSTER}/accept", json=said),
        ):
            assert (answer.status_code, answer.json()["code"]) == (503, "database_unreachable")
            assert int(answer.headers["Retry-After"]) >= 1
        made[0].is_away = False
        assert (await browser.get(ROSTER)).status_code == 200
        assert "Traceback" not in front.web.log.getvalue()
