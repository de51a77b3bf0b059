"""Files: identifiers, limits, downloads, local mode."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from PIL import Image
from PIL.PngImagePlugin import MAX_TEXT_CHUNK, PngInfo

from sandbox.telegram.files.pictures import plain_png
from tests.sandbox.telegram_kit import TOKEN, Kit, running

ANN = 700
MB = 1024 * 1024


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    async with running(tmp_path) as started:
        yield started


def part(field: str, data: bytes, name: str = "f.bin") -> aiohttp.FormData:
    form = aiohttp.FormData({"chat_id": str(ANN)})
    form.add_field(field, BytesIO(data), filename=name)
    return form


def contents(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def size_of(path: Path) -> int:
    return path.stat().st_size


def wordy_png() -> bytes:
    """A picture with more text in it than Pillow unpacks."""
    info, written = PngInfo(), BytesIO()
    info.add_text("Comment", "x" * (MAX_TEXT_CHUNK + 1), zip=True)
    Image.new("RGB", (400, 300)).save(written, "PNG", pnginfo=info)
    return written.getvalue()


async def test_a_download_has_its_length_and_may_begin_in_the_middle(kit: Kit) -> None:
    ann = await kit.person()
    data = bytes(range(256)) * 1000
    sent = await ann.send_document(data, "班表.pdf", "application/pdf")
    document = sent.raw["document"]
    assert document["file_name"] == "班表.pdf"
    assert document["file_size"] == len(data)
    found = (await kit.call("getFile", file_id=document["file_id"])).result
    assert found["file_path"].startswith("documents/file_")
    assert found["file_path"].endswith(".pdf")
    url = f"{kit.url}/file/bot{TOKEN}/{found['file_path']}"
    async with kit.session.get(url) as answer:
        assert answer.headers["Content-Length"] == str(len(data))
        assert await answer.read() == data
    async with kit.session.get(url, headers={"Range": "bytes=1000-1999"}) as answer:
        assert answer.status == 206
        assert await answer.read() == data[1000:2000]
    async with kit.session.get(f"{kit.url}/file/bot{TOKEN}/documents/no.pdf") as answer:
        assert answer.status == 404
        assert await answer.json() == {"ok": False, "error_code": 404, "description": "Not Found"}
    async with kit.session.get(url.replace(TOKEN, "42:" + "a" * 35)) as answer:
        assert answer.status == 401


async def test_identifiers_that_lead_nowhere(kit: Kit) -> None:
    ann = await kit.person()
    sent = await ann.send_document(b"x")
    file_id = sent.raw["document"]["file_id"]
    for wrong, description in (
        ("", "file_id not specified"),
        ("rubbish", "invalid file_id"),
        (file_id[:-4], "invalid file_id"),
    ):
        answer = await kit.call("getFile", file_id=wrong)
        assert answer.refusal == (400, f"Bad Request: {description}")
    for blob in kit.world.files.blobs.values():
        blob.path.unlink()
    gone = await kit.call("getFile", file_id=file_id)
    assert gone.refusal == (
        400,
        "Bad Request: wrong file_id or the file is temporarily unavailable",
    )


@pytest.mark.parametrize(("size", "allowed"), [(20 * MB, True), (20 * MB + 1, False)])
async def test_downloads_end_at_20_mb(kit: Kit, size: int, allowed: bool) -> None:
    ann = await kit.person()
    sent = await ann.send_document(b"x" * size)
    answer = await kit.call("getFile", file_id=sent.raw["document"]["file_id"])
    if allowed:
        assert answer.result["file_size"] == size
    else:
        assert answer.refusal == (400, "Bad Request: file is too big")


async def test_uploads_end_at_50_mb_and_nothing_is_left_of_them(kit: Kit) -> None:
    await kit.person()
    folder = kit.world.folder
    before = contents(folder)
    answer = await kit.post("sendDocument", data=part("document", b"x" * (50 * MB + 1)))
    assert answer.refusal == (413, "Request Entity Too Large")
    assert contents(folder) == before


async def test_what_cannot_be_sent_as_media(kit: Kit) -> None:
    ann = await kit.person()
    document = (await ann.send_document(b"x")).raw["document"]["file_id"]
    photo = (await ann.send_photo(plain_png(400, 300))).raw["photo"][-1]["file_id"]
    for method, args, description in (
        ("sendDocument", {}, "there is no document in the request"),
        ("sendVideoNote", {}, "there is no video note in the request"),
        ("sendPhoto", {"photo": document}, "can't use file of type Document as Photo"),
        ("sendDocument", {"document": photo}, "can't use file of type Photo as Document"),
        ("sendDocument", {"document": "https://example.org/x"}, "failed to get HTTP URL content"),
        (
            "sendDocument",
            {"document": document, "caption": "c" * 1025},
            "message caption is too long",
        ),
    ):
        answer = await kit.call(method, chat_id=ANN, **args)
        assert answer.refusal == (400, f"Bad Request: {description}")
    empty = await kit.post("sendDocument", data=part("document", b""))
    assert empty.refusal == (400, "Bad Request: file must be non-empty")
    for data in (b"not a picture", wordy_png()):
        no_picture = await kit.post("sendPhoto", data=part("photo", data))
        assert no_picture.refusal == (400, "Bad Request: IMAGE_PROCESS_FAILED")
    stripe = await kit.post("sendPhoto", data=part("photo", plain_png(400, 10)))
    assert stripe.refusal == (400, "Bad Request: PHOTO_INVALID_DIMENSIONS")


async def test_a_photo_comes_in_several_sizes_the_largest_last(kit: Kit) -> None:
    ann = await kit.person()
    picture = plain_png(1280, 720)
    sizes = (await ann.send_photo(picture, caption="see")).raw["photo"]
    assert [(s["width"], s["height"]) for s in sizes] == [(90, 51), (320, 180), (1280, 720)]
    assert sizes[-1]["file_size"] == len(picture)
    assert len({s["file_id"] for s in sizes}) == 3


async def test_one_blob_serves_many_people(kit: Kit) -> None:
    first = await kit.person(701)
    blob = await first.upload(b"shared" * 1000)
    people = [first, *[await kit.person(n) for n in range(702, 705)]]
    sent = await asyncio.gather(*[p.send_document(blob, f"{p.id}.bin") for p in people])
    assert len({m.raw["document"]["file_id"] for m in sent}) == 4
    assert len(contents(kit.world.folder / "blobs")) == 1


async def test_people_send_media_groups(kit: Kit) -> None:
    ann = await kit.person()
    album = await ann.send_album(
        [("document", b"a", "a.txt"), ("document", b"b", "b.txt")], caption="both"
    )
    assert len({m.raw["media_group_id"] for m in album}) == 1
    assert album[0].text == "both"


async def test_a_local_server_answers_late_with_a_path_and_serves_nothing(tmp_path: Path) -> None:
    async with running(tmp_path, local_mode=True) as kit:
        ann = await kit.person()
        await kit.controls.local_mode(delay=0.2)
        sent = await ann.send_document(b"x" * (21 * MB), "a.pdf")
        begun = asyncio.get_running_loop().time()
        found = (await kit.call("getFile", file_id=sent.raw["document"]["file_id"])).result
        assert asyncio.get_running_loop().time() - begun >= 0.2
        path = Path(found["file_path"])
        assert path.is_absolute()
        assert size_of(path) == 21 * MB
        assert TOKEN in path.parts
        async with kit.session.get(f"{kit.url}/file/bot{TOKEN}/{path}") as answer:
            assert answer.status == 404
        again = await kit.call("sendDocument", chat_id=ANN, document=f"file://{path}")
        assert again.result["document"]["file_size"] == 21 * MB


@pytest.mark.parametrize("how", ["outside", "dots", "link", "system", "folder"])
async def test_no_file_outside_the_sandboxs_own_folder_can_be_sent(
    tmp_path: Path, how: str
) -> None:
    """Whoever opens the port may ask for one."""
    folder, secret = tmp_path / "sandbox", tmp_path / "secret.txt"
    folder.mkdir()
    secret.write_text("secret")
    (folder / "link.txt").symlink_to(secret)
    wanted = {
        "outside": secret,
        "dots": folder / ".." / "secret.txt",
        "link": folder / "link.txt",
        "system": Path("/proc/self/environ"),
        "folder": folder,
    }[how]
    async with running(folder, local_mode=True) as kit:
        await kit.person()
        for slashes in ("file://", "file:", "file:///"):
            answer = await kit.call("sendDocument", chat_id=ANN, document=f"{slashes}{wanted}")
            assert answer.status == 400
