"""Drive v3: files, permissions, about; who sees what."""

from __future__ import annotations

import hashlib

import pytest

from tests.sandbox.google_kit import AMY, BEN, FOLDER, Kit


async def test_missing_dead_and_unknown_tokens_are_401_in_googles_shape(kit: Kit) -> None:
    missing = await kit.ask("GET", "/drive/v3/files")
    unknown = await kit.ask("GET", "/drive/v3/files", headers={"Authorization": "Bearer ya29.x"})
    for reply in (missing, unknown):
        assert reply.status == 401
        assert reply.json["error"]["status"] == "UNAUTHENTICATED"
        assert "Bearer" in reply.headers["www-authenticate"]
    error = unknown.json["error"]["errors"][0]
    assert (error["reason"], error["message"]) == ("authError", "Invalid Credentials")


async def test_token_without_drive_scope_is_403(kit: Kit) -> None:
    tokens = await kit.connect(scope="openid")
    reply = await kit.ask(
        "GET", "/drive/v3/files", headers={"Authorization": f"Bearer {tokens['access_token']}"}
    )
    assert (reply.status, reply.reason) == (403, "insufficientPermissions")
    assert reply.json["error"]["details"][0]["reason"] == "ACCESS_TOKEN_SCOPE_INSUFFICIENT"


async def test_about_requires_fields(kit: Kit) -> None:
    drive = await kit.bearer()
    refused = await drive.ask("GET", "/drive/v3/about")
    assert (refused.status, refused.reason) == (400, "required")
    about = (await drive.ask("GET", "/drive/v3/about?fields=*")).json
    assert about["user"]["emailAddress"] == AMY
    assert about["storageQuota"]["limit"] == str(15 * 1024**3)


async def test_other_accounts_files_do_not_exist(kit: Kit) -> None:
    amy, ben = await kit.bearer(AMY), await kit.bearer(BEN)
    file = await amy.upload(b"mine")
    for method in ("GET", "PATCH", "DELETE"):
        reply = await ben.ask(method, f"/drive/v3/files/{file['id']}", json={})
        assert (reply.status, reply.reason) == (404, "notFound")
        assert reply.json["error"]["message"] == f"File not found: {file['id']}."
    assert (await ben.listed()).json["files"] == []


async def test_drive_file_scope_hides_what_the_app_did_not_make(kit: Kit) -> None:
    drive = await kit.bearer()
    own = await kit.google.act("own_file", account=AMY, name="diary.txt", content="private")
    assert (await drive.ask("GET", f"/drive/v3/files/{own['id']}")).status == 404
    assert (await drive.listed()).json["files"] == []
    assert (await drive.create(name="x", parents=[own["id"]])).status == 404
    tokens = await kit.connect(scope="https://www.googleapis.com/auth/drive")
    full = await kit.ask(
        "GET",
        f"/drive/v3/files/{own['id']}",
        headers={"Authorization": f"Bearer {tokens['access_token']}"},
    )
    assert full.status == 200


async def test_created_folder_answers_the_default_fields(kit: Kit) -> None:
    drive = await kit.bearer()
    reply = await drive.create(name="Telegram", mimeType=FOLDER)
    assert set(reply.json) == {"kind", "id", "name", "mimeType"}
    root = (await drive.ask("GET", f"/drive/v3/files/{reply.json['id']}?fields=parents")).json
    assert root["parents"][0].startswith("0A")


async def test_file_shows_size_as_text_and_its_md5(kit: Kit) -> None:
    drive = await kit.bearer()
    file = await drive.upload(b"hello", name="a.txt")
    assert file["size"] == "5"
    assert file["md5Checksum"] == hashlib.md5(b"hello", usedforsecurity=False).hexdigest()
    assert file["webViewLink"] == f"{kit.url}/file/d/{file['id']}/view"
    assert file["webContentLink"].endswith("export=download")
    assert file["fileExtension"] == "txt"


async def test_alt_media_gives_the_bytes_and_ranges_of_them(kit: Kit) -> None:
    drive = await kit.bearer()
    path = f"/drive/v3/files/{(await drive.upload(b'0123456789'))['id']}?alt=media"
    assert (await drive.ask("GET", path)).body == b"0123456789"
    for header, body in (("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-2", b"89")):
        part = await drive.ask("GET", path, headers={"Range": header})
        assert (part.status, part.body) == (206, body)
    beyond = await drive.ask("GET", path, headers={"Range": "bytes=10-"})
    assert (beyond.status, beyond.headers["content-range"]) == (416, "bytes */10")


async def test_folder_has_no_bytes(kit: Kit) -> None:
    drive = await kit.bearer()
    reply = await drive.ask("GET", f"/drive/v3/files/{await drive.folder()}?alt=media")
    assert (reply.status, reply.reason) == (403, "fileNotDownloadable")


async def test_generated_id_works_once(kit: Kit) -> None:
    drive = await kit.bearer()
    ids = (await drive.ask("GET", "/drive/v3/files/generateIds?count=3")).json["ids"]
    assert len(set(ids)) == 3
    assert (await drive.create(name="x", id=ids[0])).json["id"] == ids[0]
    second = await drive.create(name="x", id=ids[0])
    assert (second.status, second.reason) == (409, "fileIdInUse")
    assert second.json["error"]["message"] == "A file already exists with the provided ID."
    made_up = await drive.create(name="x", id="1made-up-identifier")
    assert (made_up.status, made_up.reason) == (400, "invalid")
    stranger = await (await kit.bearer(BEN)).create(name="x", id=ids[1])
    assert stranger.status == 400


@pytest.mark.parametrize("query", ["count=0", "count=1001", "count=x", "space=moon"])
async def test_bad_generate_ids_request_is_refused(kit: Kit, query: str) -> None:
    drive = await kit.bearer()
    assert (await drive.ask("GET", f"/drive/v3/files/generateIds?{query}")).status == 400


async def test_parent_has_to_be_a_visible_folder(kit: Kit) -> None:
    drive = await kit.bearer()
    assert (await drive.create(name="x", parents=["nowhere"])).status == 404
    file = await drive.upload(b"x")
    reply = await drive.create(name="x", parents=[file["id"]])
    assert (reply.status, reply.reason) == (403, "parentNotAFolder")
    both = await drive.create(name="x", parents=[await drive.folder(), await drive.folder()])
    assert both.status == 400


async def test_update_renames_moves_and_trashes(kit: Kit) -> None:
    drive = await kit.bearer()
    old, new = await drive.folder("old"), await drive.folder("new")
    file = await drive.upload(b"x", parents=[old])
    path = f"/drive/v3/files/{file['id']}"
    moved = await drive.ask(
        "PATCH",
        f"{path}?addParents={new}&removeParents={old}&fields=name,parents,trashed",
        json={"name": "y.bin", "trashed": True},
    )
    assert moved.json == {"name": "y.bin", "parents": [new], "trashed": True}


async def test_folder_cannot_be_moved_into_itself(kit: Kit) -> None:
    drive = await kit.bearer()
    outer = await drive.folder("outer")
    inner = await drive.folder("inner", parents=[outer])
    reply = await drive.ask("PATCH", f"/drive/v3/files/{outer}?addParents={inner}", json={})
    assert reply.status == 400


@pytest.mark.parametrize("body", [{"parents": ["x"]}, {"id": "other"}, {"size": "3"}])
async def test_read_only_fields_are_refused_in_updates(kit: Kit, body: dict[str, object]) -> None:
    drive = await kit.bearer()
    file = await drive.upload(b"x")
    reply = await drive.ask("PATCH", f"/drive/v3/files/{file['id']}", json=body)
    assert (reply.status, reply.reason) == (403, "fieldNotWritable")


@pytest.mark.parametrize("raw", [b"{", b"[]", b"\xff"])
async def test_body_that_is_no_json_object_is_refused(kit: Kit, raw: bytes) -> None:
    drive = await kit.bearer()
    reply = await drive.ask("POST", "/drive/v3/files", data=raw)
    assert (reply.status, reply.reason) == (400, "parseError")


async def test_app_properties_merge_and_are_limited(kit: Kit) -> None:
    drive = await kit.bearer()
    file = await drive.upload(b"x", appProperties={"owner": "u1", "gone": "1"})
    path = f"/drive/v3/files/{file['id']}?fields=appProperties"
    merged = await drive.ask("PATCH", path, json={"appProperties": {"gone": None, "new": "2"}})
    assert merged.json == {"appProperties": {"owner": "u1", "new": "2"}}
    long = await drive.ask("PATCH", path, json={"appProperties": {"k": "é" * 62}})
    assert (long.status, long.reason) == (403, "propertyTooLarge")


async def test_deleting_a_folder_deletes_what_is_in_it(kit: Kit) -> None:
    drive = await kit.bearer()
    folder = await drive.folder()
    file = await drive.upload(b"x", parents=[folder])
    gone = await drive.ask("DELETE", f"/drive/v3/files/{folder}")
    assert (gone.status, gone.body) == (204, b"")
    assert (await drive.ask("GET", f"/drive/v3/files/{file['id']}")).status == 404
    assert await kit.google.files(AMY) == []


async def test_trashed_folder_trashes_its_content(kit: Kit) -> None:
    drive = await kit.bearer()
    folder = await drive.folder()
    file = await drive.upload(b"x", parents=[folder])
    await kit.google.act("trash", file_id=folder)
    shown = await drive.ask("GET", f"/drive/v3/files/{file['id']}?fields=trashed,explicitlyTrashed")
    assert shown.json == {"trashed": True, "explicitlyTrashed": False}
    await kit.google.act("untrash", file_id=folder)
    assert await drive.names("trashed = false") == ["Telegram", "x.bin"]


async def test_permissions_are_created_listed_and_deleted(kit: Kit) -> None:
    drive = await kit.bearer()
    path = f"/drive/v3/files/{(await drive.upload(b'x'))['id']}/permissions"
    made = await drive.ask("POST", path, json={"type": "anyone", "role": "reader"})
    assert made.json["id"] == "anyoneWithLink"
    roles = {p["id"]: p["role"] for p in (await drive.ask("GET", path)).json["permissions"]}
    assert roles.pop("anyoneWithLink") == "reader"
    assert list(roles.values()) == ["owner"]
    assert (await drive.ask("DELETE", f"{path}/{next(iter(roles))}")).status == 403
    assert (await drive.ask("DELETE", f"{path}/anyoneWithLink")).status == 204
    assert (await drive.ask("DELETE", f"{path}/anyoneWithLink")).status == 404


@pytest.mark.parametrize(
    "body",
    [
        {"role": "reader"},
        {"type": "anyone"},
        {"type": "anyone", "role": "owner"},
        {"type": "anyone", "role": "king"},
        {"type": "planet", "role": "reader"},
        {"type": "user", "role": "reader"},
    ],
)
async def test_bad_permission_is_refused(kit: Kit, body: dict[str, str]) -> None:
    drive = await kit.bearer()
    file = await drive.upload(b"x")
    reply = await drive.ask("POST", f"/drive/v3/files/{file['id']}/permissions", json=body)
    assert reply.status == 400


@pytest.mark.parametrize("fields", ["colour", "id(", "id)", "owners(colour)", "id/x", ",", "a b"])
async def test_unknown_or_malformed_fields_are_refused(kit: Kit, fields: str) -> None:
    drive = await kit.bearer()
    file = await drive.upload(b"x")
    reply = await drive.ask("GET", f"/drive/v3/files/{file['id']}", params={"fields": fields})
    assert (reply.status, reply.reason) == (400, "invalidParameter")


async def test_nested_fields_select_exactly_what_is_asked(kit: Kit) -> None:
    drive = await kit.bearer()
    file = await drive.upload(b"x")
    path = f"/drive/v3/files/{file['id']}"
    nested = await drive.ask("GET", path, params={"fields": "id, owners(emailAddress)"})
    assert nested.json == {"id": file["id"], "owners": [{"emailAddress": AMY}]}
    slash = await drive.ask("GET", path, params={"fields": "owners/emailAddress"})
    assert slash.json == {"owners": [{"emailAddress": AMY}]}
