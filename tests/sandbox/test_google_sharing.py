"""What is shared with anyone: the permission, the organisation's say, the page without sign-in."""

from __future__ import annotations

import pytest

from tests.sandbox.google_kit import AMY, Drive, Kit

ANYONE = {"type": "anyone", "role": "reader"}


async def shared(drive: Drive, file_id: str) -> None:
    reply = await drive.ask("POST", f"/drive/v3/files/{file_id}/permissions", json=ANYONE)
    assert reply.status == 200, reply.text


async def test_sharing_twice_leaves_one_permission(kit: Kit) -> None:
    drive = await kit.bearer()
    file = await drive.upload(b"x")
    await shared(drive, file["id"])
    await shared(drive, file["id"])
    path = f"/drive/v3/files/{file['id']}/permissions?fields=permissions(id,type,role)"
    listed = (await drive.ask("GET", path)).json["permissions"]
    assert [item for item in listed if item["type"] == "anyone"] == [
        {"id": "anyoneWithLink", **ANYONE}
    ]


async def test_organisation_may_forbid_links_for_anyone(kit: Kit) -> None:
    await kit.google.act("link_sharing", account=AMY, on=False)
    accounts = {item["email"]: item for item in (await kit.google.state())["accounts"]}
    assert not accounts[AMY]["link_sharing"]
    drive = await kit.bearer()
    file = await drive.upload(b"x")
    path = f"/drive/v3/files/{file['id']}/permissions"
    refused = await drive.ask("POST", path, json=ANYONE)
    assert (refused.status, refused.reason) == (400, "publishOutNotPermitted")
    assert refused.json["error"]["message"] == 'Bad Request. User message: ""'
    person = {"type": "user", "role": "reader", "emailAddress": "ben@example.com"}
    assert (await drive.ask("POST", path, json=person)).status == 200
    await kit.google.act("link_sharing", account=AMY, on=True)
    await shared(drive, file["id"])


async def test_link_to_a_private_file_leads_a_stranger_to_the_sign_in(kit: Kit) -> None:
    file = await (await kit.bearer()).upload(b"private", name="diary.txt")
    for path in (f"/file/d/{file['id']}/view?as=anyone", f"/uc?id={file['id']}&as=anyone"):
        reply = await kit.ask("GET", path)
        assert (reply.status, reply.headers["location"]) == (302, "/drive")
        assert b"diary" not in reply.body
    assert "its owner alone" in (await kit.ask("GET", file["webViewLink"])).text


async def test_link_to_a_shared_file_opens_for_a_stranger_until_it_is_taken_back(kit: Kit) -> None:
    drive = await kit.bearer()
    file = await drive.upload(b"for all", name="menu.txt", parents=[await drive.folder("Secret")])
    await shared(drive, file["id"])
    page = await kit.ask("GET", f"{file['webViewLink']}?as=anyone")
    assert page.status == 200
    assert "menu.txt" in page.text
    assert "anyone with the link" in page.text
    assert "Secret" not in page.text
    bytes_of_it = await kit.ask("GET", f"/uc?id={file['id']}&export=download&as=anyone")
    assert bytes_of_it.body == b"for all"
    await drive.ask("DELETE", f"/drive/v3/files/{file['id']}/permissions/anyoneWithLink")
    assert (await kit.ask("GET", f"{file['webViewLink']}?as=anyone")).status == 302


async def test_shared_folder_opens_what_is_in_it(kit: Kit) -> None:
    drive = await kit.bearer()
    folder = await drive.folder()
    file = await drive.upload(b"x", parents=[folder])
    await shared(drive, folder)
    assert (await kit.ask("GET", f"{file['webViewLink']}?as=anyone")).status == 200


@pytest.mark.parametrize(
    ("reason", "status", "message"),
    [
        ("dailyLimitExceeded", 403, "Daily Limit Exceeded"),
        ("sharingRateLimitExceeded", 403, "Rate limit exceeded. User message: "),
        ("publishOutNotPermitted", 400, 'Bad Request. User message: ""'),
        ("numChildrenInNonRootLimitExceeded", 403, "The limit for this folder's number of"),
        ("teamDriveFileLimitExceeded", 403, "The file limit for this shared drive"),
        ("activeItemCreationLimitExceeded", 403, "This account has exceeded the creation limit"),
    ],
)
async def test_refusal_on_order_has_googles_words(
    kit: Kit, reason: str, status: int, message: str
) -> None:
    drive = await kit.bearer()
    await kit.google.fault("google.drive.files.create", "status", reason=reason)
    reply = await drive.create(name="x")
    assert (reply.status, reply.reason) == (status, reason)
    assert reply.json["error"]["message"].startswith(message)
