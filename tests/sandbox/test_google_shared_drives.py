"""Shared drives, as Google has them: to who does not ask for them they do not exist."""

from __future__ import annotations

import pytest

from tests.sandbox.google_kit import AMY, Drive, Kit

ALL = "supportsAllDrives=true"


async def moved(kit: Kit) -> tuple[Drive, str, str]:
    """A folder that its owner has moved into a shared drive, and its file: their identifiers."""
    drive = await kit.bearer()
    folder = (await drive.create(name="F", mimeType="application/vnd.google-apps.folder")).json
    file = (await drive.create(name="a", parents=[folder["id"]])).json
    shared = await kit.google.act("shared_drive", account=AMY)
    await kit.google.act("move", file_id=folder["id"], parent=shared["id"])
    return drive, folder["id"], file["id"]


async def test_without_supports_all_drives_it_is_404(kit: Kit) -> None:
    drive, folder, file = await moved(kit)
    for method in ("GET", "PATCH", "DELETE"):
        assert (await drive.ask(method, f"/drive/v3/files/{file}", json={})).status == 404
    assert (await drive.create(name="b", parents=[folder])).status == 404
    path = f"/drive/v3/files/{file}?{ALL}&fields=driveId,ownedByMe,owners,parents"
    found = (await drive.ask("GET", path)).json
    assert found["driveId"]
    assert found["ownedByMe"] is False
    assert "owners" not in found


async def test_lists_hold_it_only_where_both_parameters_say_so(kit: Kit) -> None:
    drive, _, _ = await moved(kit)
    for query, count in (("", 0), (f"?{ALL}", 0), (f"?{ALL}&includeItemsFromAllDrives=true", 2)):
        assert len((await drive.ask("GET", f"/drive/v3/files{query}")).json["files"]) == count


@pytest.mark.parametrize(
    ("role", "allowed"),
    [
        ("reader", ""),
        ("commenter", ""),
        ("writer", "write"),
        ("fileOrganizer", "write bin"),
        ("organizer", "write bin delete"),
    ],
)
async def test_each_role_allows_what_google_says(kit: Kit, role: str, allowed: str) -> None:
    drive, _, file = await moved(kit)
    await kit.google.act("shared_drive", account=AMY, role=role)
    path = f"/drive/v3/files/{file}?{ALL}"
    answers = {
        "write": await drive.ask("PATCH", path, json={"name": "b"}),
        "bin": await drive.ask("PATCH", path, json={"trashed": True}),
        "delete": await drive.ask("DELETE", path),
    }
    for action, reply in answers.items():
        assert (reply.status < 300) == (action in allowed.split())
        if reply.status >= 300:
            assert (reply.status, reply.reason) == (403, "insufficientFilePermissions")


async def test_its_space_is_not_its_members_own(kit: Kit) -> None:
    drive, _, _ = await moved(kit)
    mine = await drive.upload(b"mine!")
    path = "/drive/v3/about?fields=storageQuota"
    assert (await drive.ask("GET", path)).json["storageQuota"]["usageInDrive"] == "5"
    shared = await kit.google.act("shared_drive", account=AMY)
    await kit.google.act("move", file_id=mine["id"], parent=shared["id"])
    assert (await drive.ask("GET", path)).json["storageQuota"]["usageInDrive"] == "0"
    await kit.google.act("move", file_id=mine["id"], parent="root")
    assert (await drive.ask("GET", path)).json["storageQuota"]["usageInDrive"] == "5"


async def test_people_move_things_there_and_back_on_the_drive_page(kit: Kit) -> None:
    drive = await kit.bearer()
    file = await drive.upload(b"x")
    for action, inside in (("share-drive", True), ("my-drive", False)):
        form = {"file_id": file["id"], "action": action}
        assert (await kit.ask("POST", "/drive/act", data=form)).status == 303
        [found] = await kit.google.files(AMY)
        assert bool(found["driveId"]) == inside
    page = (await kit.ask("GET", f"/drive?account={AMY}")).text
    assert "Team (shared drive)" in page
    [shared] = (await kit.google.state())["shared_drives"]
    assert (await kit.ask("GET", f"/drive/folders/{shared['id']}")).status == 200
