"""Requests with what Google's description of Drive does not know."""

from __future__ import annotations

import pytest

from tests.sandbox.google_kit import Kit


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/drive/v3/about?fields=user&supportsAllDrives=true"),
        ("GET", "/drive/v3/files?supportAllDrives=true"),
        ("GET", "/drive/v3/files/generateIds?supportsAllDrives=true"),
        ("GET", "/drive/v3/files/x?field=id"),
        ("PATCH", "/drive/v3/files/x?addParent=y"),
        ("DELETE", "/drive/v3/files/x?force=true"),
        ("POST", "/drive/v3/files/x/permissions?notify=false"),
        ("POST", "/upload/drive/v3/files?uploadType=resumable&supportsallDrives=true"),
    ],
)
async def test_a_parameter_that_the_method_does_not_have_is_refused(
    kit: Kit, method: str, path: str
) -> None:
    drive = await kit.bearer()
    reply = await drive.ask(method, path)
    assert (reply.status, reply.reason) == (400, "badRequest")
    assert "Unknown name" in reply.json["error"]["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"nam": "a"},
        {"parent": ["root"]},
        {"contentHints": {"thumb": {}}},
        {"owners": [{"mail": "x"}]},
    ],
)
async def test_a_field_that_the_resource_does_not_have_is_refused(
    kit: Kit, body: dict[str, object]
) -> None:
    drive = await kit.bearer()
    for path in ("/drive/v3/files", "/upload/drive/v3/files?uploadType=resumable"):
        reply = await drive.ask("POST", path, json=body)
        assert (reply.status, reply.reason) == (400, "badRequest")
    file = await drive.upload(b"x")
    path = f"/drive/v3/files/{file['id']}/permissions"
    assert (await drive.ask("POST", path, json={"typ": "anyone"})).status == 400


async def test_what_is_known_is_taken(kit: Kit) -> None:
    drive = await kit.bearer()
    query = "prettyPrint=false&quotaUser=x&fields=*&supportsAllDrives=true&keepRevisionForever=true"
    body = {"name": "a", "appProperties": {"any": "thing"}, "contentHints": {"indexableText": "x"}}
    assert (await drive.ask("POST", f"/drive/v3/files?{query}", json=body)).status == 200
