"""files.list: the search language, order and pages."""

from __future__ import annotations

import pytest

from tests.sandbox.google_kit import Drive, Kit


@pytest.fixture
async def drive(kit: Kit) -> Drive:
    """A Drive with a folder and four files."""
    drive = await kit.bearer()
    folder = await drive.folder("Telegram")
    await drive.upload(b"1", name="HelloWorld.txt", mimeType="text/plain")
    await drive.upload(b"22", name="it's.pdf", parents=[folder], mimeType="application/pdf")
    await drive.upload(b"333", name="report-2.txt", appProperties={"job": "7"})
    gone = await drive.upload(b"4444", name="gone.txt")
    await drive.ask("PATCH", f"/drive/v3/files/{gone['id']}", json={"trashed": True})
    return drive


@pytest.mark.parametrize(
    ("q", "names"),
    [
        ("name = 'HelloWorld.txt'", ["HelloWorld.txt"]),
        (r"name = 'it\'s.pdf'", ["it's.pdf"]),
        ("name contains 'hello'", ["HelloWorld.txt"]),
        ("name contains 'World'", []),
        ("name contains '2'", ["report-2.txt"]),
        ("mimeType = 'application/pdf'", ["it's.pdf"]),
        ("mimeType != 'application/vnd.google-apps.folder' and trashed = false and not name = 'x'",
         ["HelloWorld.txt", "it's.pdf", "report-2.txt"]),
        ("trashed = true", ["gone.txt"]),
        ("trashed != false", ["gone.txt"]),
        ("'root' in parents and trashed = false", ["HelloWorld.txt", "Telegram", "report-2.txt"]),
        ("name = 'it\\'s.pdf' or (trashed = true and name contains 'g')", ["gone.txt", "it's.pdf"]),
        ("appProperties has { key='job' and value='7' }", ["report-2.txt"]),
        ("appProperties has { key='job' and value='8' }", []),
        ("modifiedTime > '2020-01-01T00:00:00' and fullText contains 'helloworld'",
         ["HelloWorld.txt"]),
        ("createdTime < '2020-01-01T00:00:00Z'", []),
        ("'me' in owners and name contains 'Telegram'", ["Telegram"]),
        ("starred = true", []),
        ("sharedWithMe", []),
    ],
)  # fmt: skip
async def test_query_finds(drive: Drive, q: str, names: list[str]) -> None:
    assert await drive.names(q) == names


@pytest.mark.parametrize(
    "q",
    [
        "name",
        "name = ",
        "name = 'open",
        "name = \"double\"",
        "colour = 'red'",
        "name > 'a'",
        "name = 'a' and",
        "name = 'a' 'b'",
        "(name = 'a'",
        "trashed = 'false'",
        "'x' near parents",
        "modifiedTime > 'yesterday'",
        "appProperties has { key='a' }",
    ],
)  # fmt: skip
async def test_malformed_query_is_invalid(drive: Drive, q: str) -> None:
    reply = await drive.listed(q=q)
    assert (reply.status, reply.reason) == (400, "invalid")
    assert reply.json["error"]["errors"][0]["location"] == "q"


async def test_unknown_parent_is_not_found(drive: Drive) -> None:
    reply = await drive.listed(q="'nowhere' in parents")
    assert (reply.status, reply.json["error"]["message"]) == (404, "File not found: .")


async def test_default_answer_has_the_default_fields(drive: Drive) -> None:
    answer = (await drive.listed()).json
    assert set(answer) == {"kind", "incompleteSearch", "files"}
    assert set(answer["files"][0]) == {"kind", "id", "name", "mimeType"}


async def test_pages_continue_where_the_last_ended(drive: Drive) -> None:
    query = {"pageSize": "2", "orderBy": "name", "fields": "nextPageToken,files(name)"}
    names: list[str] = []
    token = ""
    while True:
        page = (await drive.listed(**query, **({"pageToken": token} if token else {}))).json
        names += [file["name"] for file in page["files"]]
        if "nextPageToken" not in page:
            break
        token = page["nextPageToken"]
    assert names == ["gone.txt", "HelloWorld.txt", "it's.pdf", "report-2.txt", "Telegram"]


@pytest.mark.parametrize(
    ("order", "first"),
    [("name desc", "Telegram"), ("folder,name", "Telegram"), ("quotaBytesUsed desc", "gone.txt")],
)
async def test_order_by(drive: Drive, order: str, first: str) -> None:
    assert (await drive.listed(orderBy=order)).json["files"][0]["name"] == first


@pytest.mark.parametrize(
    "query",
    [
        {"pageSize": "0"},
        {"pageSize": "1001"},
        {"pageToken": "rubbish"},
        {"orderBy": "colour"},
        {"orderBy": "name up"},
        {"spaces": "moon"},
        {"fields": "files(colour)"},
    ],
)
async def test_bad_parameters_are_refused(drive: Drive, query: dict[str, str]) -> None:
    assert (await drive.listed(**query)).status == 400
