"""The pages where a person looks where their files went; and a restart."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox, SandboxConfig
from tests.sandbox.google_kit import AMY, BEN, Kit


async def test_file_page_names_the_file_and_its_download_gives_the_bytes(kit: Kit) -> None:
    file = await (await kit.bearer()).upload(b"hello", name="報告 <b>.txt")
    page = await kit.ask("GET", file["webViewLink"])
    assert page.status == 200
    for text in ("報告 &lt;b&gt;.txt", "5 bytes", "Download", "Amy Lin", "Sandbox"):
        assert text in page.text
    download = await kit.ask("GET", f"/uc?id={file['id']}&export=download")
    assert download.body == b"hello"
    assert "filename*=UTF-8''%E5%A0%B1" in download.headers["content-disposition"]


async def test_uploaded_page_is_never_served_as_a_page(kit: Kit) -> None:
    drive = await kit.bearer()
    file = await drive.upload(b"<script>1</script>", name="x.html", mimeType="text/html")
    reply = await kit.ask("GET", f"/uc?id={file['id']}&export=view")
    assert reply.headers["content-disposition"].startswith("attachment")
    assert reply.headers["content-security-policy"] == "sandbox"


async def test_picture_is_shown_on_its_page(kit: Kit) -> None:
    drive = await kit.bearer()
    file = await drive.upload(b"\x89PNG", name="x.png", mimeType="image/png")
    assert "<img" in (await kit.ask("GET", file["webViewLink"])).text
    shown = await kit.ask("GET", f"/uc?id={file['id']}&export=view")
    assert "content-disposition" not in shown.headers


async def test_missing_file_has_a_friendly_page(kit: Kit) -> None:
    page = await kit.ask("GET", "/file/d/nowhere/view")
    assert page.status == 404
    assert "does not exist" in page.text
    assert (await kit.ask("GET", "/uc?id=nowhere")).status == 404


async def test_drive_page_browses_folders_of_one_account(kit: Kit) -> None:
    amy = await kit.bearer(AMY)
    folder = await amy.folder("Telegram")
    await amy.upload(b"x", name="inside.txt", parents=[folder])
    await (await kit.bearer(BEN)).upload(b"x", name="bens.txt")
    assert AMY in (await kit.ask("GET", "/drive")).text
    home = (await kit.ask("GET", f"/drive?account={AMY}")).text
    assert "Telegram" in home
    assert "inside.txt" not in home
    assert "bens.txt" not in home
    assert "inside.txt" in (await kit.ask("GET", f"/drive/folders/{folder}")).text


async def test_owner_trashes_restores_and_deletes_on_the_drive_page(kit: Kit) -> None:
    drive = await kit.bearer()
    file = await drive.upload(b"x")
    for action, trashed in (("trash", [True]), ("restore", [False]), ("delete", [])):
        form = {"file_id": file["id"], "action": action}
        assert (await kit.ask("POST", "/drive/act", data=form)).status == 303
        assert [f["trashed"] for f in await kit.google.files(AMY)] == trashed


async def test_restarted_sandbox_knows_its_people_and_files_again(tmp_path: Path) -> None:
    config = SandboxConfig(tmp_path, parts=frozenset({"google"}))
    async with (
        Sandbox(config) as sandbox,
        GoogleControls(sandbox.url) as google,
        aiohttp.ClientSession() as http,
    ):
        kit = Kit(sandbox, google, http)
        tokens = await kit.connect()
        file = await (await kit.bearer()).upload(b"kept")
    async with (
        Sandbox(config) as sandbox,
        GoogleControls(sandbox.url) as google,
        aiohttp.ClientSession() as http,
    ):
        kit = Kit(sandbox, google, http)
        assert (await kit.refresh(tokens["refresh_token"])).status == 200
        assert await google.file_bytes(file["id"]) == b"kept"
