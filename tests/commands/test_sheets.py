"""`drivekeeper sheets …`, against the sandbox's spreadsheets."""

from __future__ import annotations

import asyncio
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from typer.testing import CliRunner, Result

from cli import app
from config import load_settings
from processes.storage import storage_of
from security.credential import Owner
from sheets.people.asks import Decider
from sheets.people.kinds import CALENDARS
from sheets.people.services import DutyPeople
from tests.commands.conftest import in_json
from tests.security.kit import MASK
from tests.service_accounts import ADDRESS, VARIABLE, encoded
from tests.sheets.keeping_kit import rows, tab, toml
from tests.sheets.reading.conftest import Desk, desk

__all__ = ["desk"]
TEXTS = ("1011", "林0", "0905G")
"""What stands in the roster: nobody is shown it who has not asked for it."""


@pytest.fixture
async def sheet(
    desk: Desk, tmp_path: Path, restored_logging: None, monkeypatch: pytest.MonkeyPatch
) -> str:
    """A roster of four people, and an installation that mirrors it; the spreadsheet's id."""
    found = await desk.add({**tab(), "rows": [["115年12月"], *rows()]})
    file = tmp_path / "sheets.toml"
    file.write_text(toml(found), "utf-8")
    url = desk.sandbox.url
    values = {
        "USER_DATA_DIR": str(tmp_path / "user_data"),
        "TOKEN_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        **{f"GOOGLE_{name}_URI": f"{url}/x" for name in ("AUTH", "DEVICE", "REVOKE")},
        "GOOGLE_API_ENDPOINT": url,
        "GOOGLE_TOKEN_URI": f"{url}/token",
        VARIABLE: encoded(token_uri=f"{url}/token"),
        "SHEETS_FILE": str(file),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    storage = storage_of(load_settings(for_bot=False, env_file=None), MASK)
    storage.prepare()
    storage.close()
    return found


async def run(*line: str, answer: str | None = None) -> Result:
    invoke: Callable[..., Result] = CliRunner().invoke
    every = ["sheets", *line, "--env-file", "/dev/null"]
    return await asyncio.to_thread(invoke, app, every, input=answer)


def shows_nobody(done: Result) -> bool:
    return not any(text in done.output for text in TEXTS)


async def write(desk: Desk, sheet: str, people: int) -> None:
    shared = (await desk.google.state())["sheets"][sheet]["shared"]
    tabs = [{**tab(people), "rows": [["115年12月"], *rows(people)]}]
    await desk.google.act("sheet", id=sheet, tabs=tabs, shared=shared)


async def test_a_guess_is_a_file_that_can_be_used_as_it_is(sheet: str, tmp_path: Path) -> None:
    address = f"https://docs.google.com/spreadsheets/d/{sheet}/edit#gid=0"
    done = await run("guess", address)
    assert done.exit_code == 0, done.output
    assert tomllib.loads(done.stdout)["tanhae"]["roster"]["kind"] == "month-grid"
    (tmp_path / "sheets.toml").write_text(done.stdout, "utf-8")
    assert (await run("check", "--offline")).exit_code == 0
    document = in_json(await run("guess", address, "--json"))
    assert document == {"department": "tanhae", "toml": done.stdout}


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        (["nowhere"], 2, "neither the address"),
        (["1" * 44, "--department", "other"], 2, "DEPARTMENTS has tanhae, anping"),
        (["1" * 44, "--department", "anping"], 3, "ANPING_GOOGLE_SERVICE_ACCOUNT_JSON"),
        (["1" * 44], 3, "Google"),
    ],
)
async def test_what_keeps_a_guess_from_being_made_is_said(
    sheet: str, line: list[str], code: int, says: str
) -> None:
    done = await run("guess", *line)
    assert (done.exit_code, done.stdout) == (code, "")
    assert says in done.stderr


async def test_check_says_what_is_understood_and_keeps_nothing(sheet: str) -> None:
    done = await run("check")
    assert done.exit_code == 0, done.output
    assert "4 people, 124 cells" in done.stdout
    assert shows_nobody(done)
    [one] = in_json(await run("check", "--json"))["read"]
    assert (one["result"], one["people_or_rows"], one["cells"]) == ("ok", 4, 124)
    assert (one["sheet"], one["period"], one["header_row"]) == ("tanhae.r0", "2026-12", 2)
    assert in_json(await run("list", "--json"))["sheets"][0]["state"] == "never"


async def test_every_fault_of_the_file_is_told_with_its_line(sheet: str, tmp_path: Path) -> None:
    """By every command that needs it, and before a process begins."""
    file = tmp_path / "sheets.toml"
    file.write_text('[tanhae.r0]\nkind = "secret-canary"\n[nobody.x]\nkind = "table"\n', "utf-8")
    lines = [("check",), ("list",), ("sync",), ("diff", "tanhae.r0"), ("accept", "tanhae.r0")]
    for line in lines:
        done = await run(*line)
        assert (done.exit_code, done.stdout) == (2, ""), line
        assert "line 2: tanhae.r0.kind" in done.stderr
        assert "line 3: nobody" in done.stderr
        assert "canary" not in done.output
    file.unlink()
    done = await run("check")
    assert (done.exit_code, "cannot be read" in done.stderr) == (2, True)


@pytest.mark.parametrize("process", ["bot", "web"])
async def test_no_process_starts_with_a_faulty_file(
    sheet: str, tmp_path: Path, process: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TELEGRAM_BOT_TOKEN", f"123456:{'x' * 35}")
    monkeypatch.setenv("GOOGLE_CLIENT_ID", "1-a.apps.googleusercontent.com")
    monkeypatch.setenv("GOOGLE_CLIENT_SECRET", "GOCSPX-x")
    monkeypatch.setenv("PUBLIC_URL", "http://localhost:8080")
    (tmp_path / "sheets.toml").write_text("[tanhae.r0]\nkind = 3\n", "utf-8")
    line = [process, "--env-file", "/dev/null"]
    done = await asyncio.to_thread(CliRunner().invoke, app, line)
    assert done.exit_code == 2, done.output
    assert "line 2: tanhae.r0.kind" in done.stderr


async def test_without_a_file_it_is_said_how_one_is_made(
    sheet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SHEETS_FILE")
    done = await run("list")
    assert (done.exit_code, "sheets guess" in done.stderr) == (2, True)


async def test_a_sheet_is_read_listed_compared_and_a_held_one_accepted(
    desk: Desk, sheet: str
) -> None:
    done = await run("sync")
    assert done.exit_code == 0, done.output
    [one] = in_json(await run("list", "--json"))["sheets"]
    assert (one["state"], one["kind"]) == ("fine", "month-grid")
    assert [p["people_or_rows"] for p in one["periods"]] == [4]
    assert (await run("diff", "tanhae.r0")).exit_code == 1  # the first version
    await desk.google.act("sheet_cell", sheet=sheet, tab=77, cell="E3", text="(特)")
    assert (await run("sync", "tanhae.r0")).exit_code == 0
    done = await run("diff", "tanhae.r0")
    assert done.exit_code == 0
    assert "1 changed, 0 came, 0 went" in " ".join(done.stdout.split())
    assert shows_nobody(done)
    document = in_json(await run("diff", "tanhae.r0", "--in-full", "--json"))
    assert document["differences"] == [
        {"who": "1011", "when": "2026-12-03", "old": "0905G", "new": "(特)"}
    ]
    assert len(document["versions"]) == 2
    assert (await run("accept", "tanhae.r0", "--yes")).exit_code == 1

    await write(desk, sheet, 1)
    done = await run("sync")
    assert done.exit_code == 1
    assert "3 of 4 people or rows" in " ".join(done.stdout.split())
    assert shows_nobody(done)
    assert (await run("list")).exit_code == 1
    refused = await run("accept", "tanhae.r0", answer="n\n")
    assert (refused.exit_code, "Nothing was changed" in refused.stderr) == (1, True)
    document = in_json(await run("accept", "tanhae.r0", "--yes", "--json"))
    assert (document["outcome"], document["period"]) == ("accepted", "2026-12")
    assert (await run("list")).exit_code == 0


async def test_what_is_held_can_be_left_out(desk: Desk, sheet: str) -> None:
    await run("sync")
    await write(desk, sheet, 1)
    await run("sync")
    assert (await run("accept", "tanhae.r0", "--keep", "--yes")).exit_code == 0
    assert (await run("sync")).exit_code == 0
    [one] = in_json(await run("list", "--json"))["sheets"]
    assert (one["state"], one["periods"][0]["people_or_rows"]) == ("fine", 4)


async def test_whom_to_share_with_is_said(desk: Desk, sheet: str) -> None:
    await desk.google.act("sheet_share", sheet=sheet, address=ADDRESS, on=False)
    for line in (["sync"], ["check"]):
        done = await run(*line)
        assert done.exit_code == 3
        assert ADDRESS in "".join(done.stdout.split())
    assert (await run("list")).exit_code == 1


async def test_what_is_not_there_is_said(sheet: str) -> None:
    for line in (("sync", "tanhae.x"), ("diff", "tanhae.x"), ("accept", "tanhae.x")):
        done = await run(*line)
        assert (done.exit_code, "no such sheet" in done.stderr) == (2, True)
    assert (await run("diff", "tanhae.r0")).exit_code == 2
    await run("sync")
    assert (await run("diff", "tanhae.r0", "--period", "1999-01")).exit_code == 2
    assert (await run("diff", "tanhae.r0", "--to", "20000101-000000")).exit_code == 2


async def test_links_are_listed_by_mask_and_ended(sheet: str) -> None:
    storage = storage_of(load_settings(for_bot=False, env_file=None), MASK)
    people = DutyPeople.of(storage, {}, lambda owner: True)
    ann = Owner.user(501)
    for department, number in (("tanhae", "1011"), ("anping", "1012")):
        ask, _ = people.asks.ask(ann, number, "Ann")
        people.asks.confirm(ask.id, department, number, Decider(Owner.user(900), "Root"))
    address = people.calendars.issue(ann).secret.get_secret_value()
    assert (await run("sync")).exit_code == 0  # from then on masks are the same each time
    done = await run("links")
    assert (done.exit_code, "2 linked to a roster" in done.stdout) == (0, True)
    assert not {"True", "False"} & {*done.stdout.split()}  # yes or no
    assert shows_nobody(done)
    first, second = in_json(await run("links", "--json", "--in-full"))["links"]
    assert (first["department"], first["number"], first["calendars"]) == ("anping", "1012", 1)
    mask = first["owner"]
    assert second["owner"] == mask
    assert "501" not in done.stdout.split()
    refused = await run("unlink", mask, answer="n\n")
    assert (refused.exit_code, len(people.links.of(ann))) == (1, 2)
    document = in_json(await run("unlink", mask, "--department", "anping", "--yes", "--json"))
    assert document == {"owner": mask, "departments": ["anping"]}
    assert people.calendars.find(address) is not None
    assert (await run("unlink", mask, "--yes")).exit_code == 0
    assert (people.links.of(ann), storage.names(CALENDARS)) == ([], [])
    assert (await run("unlink", mask, "--yes")).exit_code == 1
    ends = [e.result for e in storage.events() if e.action == "roster_unlinked"]
    storage.close()
    assert ends == ["revoked", "revoked"]
