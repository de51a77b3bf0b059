"""What is kept on the disk: private, sealed, and never silently empty."""

from __future__ import annotations

import os
import re
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from desktop.keeping.credentials import DesktopCredentialManager, Pairing, RefreshTokenRefused
from desktop.keeping.log_file import MOST_BYTES, log_file
from desktop.keeping.system import this_system
from desktop.queue.records import Record
from desktop.queue.shelf import Shelf
from desktop.receiving.pdf import LARGEST
from desktop.receiving.receiver import Receiver
from desktop.sending.sources import QueuedContent
from drive.uploading.source import SourceFailed
from tests.desktop.kit import pdf, running_desktop

PAIRING = Pairing(
    cloud="https://drive.example.org",
    department="tanhae",
    name="淡海",
    label="行控中心 1",
    key=SecretStr("dkc_secret"),
)


def manager(folder: Path) -> DesktopCredentialManager:
    return DesktopCredentialManager(folder, this_system())


def shelf_in(folder: Path, kept: DesktopCredentialManager | None = None) -> Shelf:
    return Shelf(folder / "queue", this_system(), (kept or manager(folder)).keyring)


def add(shelf: Shelf, name: str = "甲.pdf", content: bytes = pdf()) -> Record:
    receiver = Receiver(shelf, {"tanhae"}, lambda: None)
    receiver.begin("tanhae", name)
    receiver.take(content)
    receiver.end()
    return shelf.all()[0]


def test_keys_are_kept_sealed_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        kept = manager(tmp_path / "desk")
        kept.keep(PAIRING)
        add(shelf_in(tmp_path / "desk", kept))
    finally:
        os.umask(before)
    assert manager(tmp_path / "desk").pairings == (PAIRING,)
    found = list((tmp_path / "desk").rglob("*"))
    modes = {stat.S_IMODE(path.stat().st_mode) for path in found if path.is_file()}
    folders = {
        stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "desk", *found) if path.is_dir()
    }
    assert (modes, folders) == ({0o600}, {0o700})
    for path in found:
        assert path.is_dir() or b"dkc_secret" not in path.read_bytes()
        assert path.is_dir() or "甲".encode() not in path.read_bytes()


def test_a_refresh_token_is_refused(tmp_path: Path) -> None:
    kept = manager(tmp_path)
    kept.keep(PAIRING)
    with pytest.raises(RefreshTokenRefused):
        kept.keep_token("tanhae", SecretStr("1//0refresh"), datetime.now(UTC))
    with pytest.raises(RefreshTokenRefused):
        kept.keep(PAIRING.model_copy(update={"key": SecretStr("1//0refresh")}))
    assert manager(tmp_path).pairings == (PAIRING,)


@pytest.mark.parametrize("what", ["lost key", "damaged key", "damaged tokens", "anothers tokens"])
def test_what_cannot_be_opened_is_set_aside(tmp_path: Path, what: str) -> None:
    """And said, over further starts, until the computer is paired again."""
    manager(tmp_path / "desk").keep(PAIRING)
    key, tokens = tmp_path / "desk" / ".key", tmp_path / "desk" / "tokens.encrypted"
    before = tokens.read_bytes()
    match what:
        case "lost key":
            key.unlink()
        case "damaged key":
            key.write_bytes(b"x" * 44)
        case "damaged tokens":
            before = before[:-40]
            tokens.write_bytes(before)
        case "anothers tokens":
            manager(tmp_path / "other").keep(PAIRING)
            before = (tmp_path / "other" / "tokens.encrypted").read_bytes()
            tokens.write_bytes(before)
    for _ in range(2):
        kept = manager(tmp_path / "desk")
        assert (kept.pairings, kept.is_damaged) == ((), True)
    assert before in [path.read_bytes() for path in (tmp_path / "desk").glob("*.aside")]
    kept.keep(PAIRING)
    assert not manager(tmp_path / "desk").is_damaged


def test_what_was_set_aside_last_is_back_once_its_key_is(tmp_path: Path) -> None:
    """By itself; and nothing older takes the place of what was paired since."""
    manager(tmp_path).keep(PAIRING)
    key = tmp_path / ".key"
    first = key.read_bytes()
    key.unlink()
    assert manager(tmp_path).pairings == ()
    key.write_bytes(first)
    assert manager(tmp_path).pairings == (PAIRING,)
    key.unlink()
    again = PAIRING.model_copy(update={"label": "行控中心 2"})
    manager(tmp_path).keep(again)
    assert manager(tmp_path).pairings == (again,)
    second = key.read_bytes()
    for back, pairings in ((first, ()), (second, (again,))):
        key.write_bytes(back)
        assert manager(tmp_path).pairings == pairings


async def test_a_lost_key_is_said_on_the_page(tmp_path: Path) -> None:
    """With how many files wait; those are neither sent under a wrong name nor lost."""
    kept = manager(tmp_path)
    kept.keep(PAIRING)
    record = add(shelf_in(tmp_path, kept))
    (tmp_path / ".key").unlink()
    async with running_desktop(tmp_path) as desk:
        page = (await desk.browser.get("/", headers={"Accept-Language": "zh-TW"})).text
        assert "請重新配對" in page
        assert "有 1 個等待中的檔案還在，但檔名讀不出來了" in page
        assert "會自己上傳" not in page
        [lost] = desk.records
        assert (lost.id, lost.state) == (record.id, "lost")
        content = await desk.browser.get(f"/files/{record.id}/content")
    assert content.content == pdf()


async def test_each_department_without_a_key_has_its_own_files_counted(tmp_path: Path) -> None:
    kept = manager(tmp_path)
    kept.keep(PAIRING.model_copy(update={"department": "hq", "cloud": "http://127.0.0.1:9"}))
    shelf = shelf_in(tmp_path, kept)
    receiver = Receiver(shelf, {"tanhae", "depot"}, lambda: None)
    for number, department in enumerate(("tanhae", "tanhae", "depot")):
        receiver.begin(department, f"{number}.pdf")
        receiver.take(pdf(seed=number))
        receiver.end()
    async with running_desktop(tmp_path) as desk:
        await desk.until_it_says("key for tanhae was disabled")
        page = await desk.until_it_says("key for depot was disabled")
    counted = re.findall(
        r"key for (\w+) was disabled\.</b></p><p>(\d+) files? (?:is|are) stored", page
    )
    assert dict(counted) == {"tanhae": "2", "depot": "1"}


async def test_files_whose_keys_are_lost_alone_go_by_themselves(tmp_path: Path) -> None:
    """Their names can be read: the page says that nothing has to be done for them."""
    kept = manager(tmp_path)
    kept.keep(PAIRING)
    add(shelf_in(tmp_path, kept))
    (tmp_path / "tokens.encrypted").write_bytes(b"damaged")
    async with running_desktop(tmp_path) as desk:
        page = (await desk.browser.get("/", headers={"Accept-Language": "zh-TW"})).text
    assert "等待中的 1 個檔案還在，這台電腦配對之後會自己上傳。" in page
    assert "讀不出來" not in page


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ("../../../etc/passwd.pdf", "passwd.pdf"),
        ("C:\\Windows\\a.pdf", "a.pdf"),
        ("..", "file.pdf"),
        ("a\x00\x1b\u202eb.pdf", "ab.pdf"),
    ],
)
def test_a_path_in_a_name_leads_nowhere(tmp_path: Path, given: str, name: str) -> None:
    record = add(shelf_in(tmp_path / "desk"), given)
    assert record.name == name
    assert {path.name for path in tmp_path.iterdir()} == {"desk"}


def test_a_link_among_the_contents_is_not_followed(tmp_path: Path) -> None:
    """Neither read as a file of ours nor written through."""
    shelf = shelf_in(tmp_path / "desk")
    record = add(shelf)
    (tmp_path / "secret").write_bytes(pdf())
    shelf.content(record.id).unlink()
    shelf.content(record.id).symlink_to(tmp_path / "secret")
    with pytest.raises(SourceFailed):
        list(QueuedContent(shelf.content(record.id), record.size).open())
    staged = tmp_path / "desk" / "queue" / f".{record.id}.record.tmp"
    staged.symlink_to(tmp_path / "secret")
    shelf.change(record.id, link="https://example.org")
    assert (tmp_path / "secret").read_bytes() == pdf()


def test_what_waits_already_is_not_added_again(tmp_path: Path) -> None:
    """A button is pressed twice; but what is being taken out can be added anew."""
    shelf = shelf_in(tmp_path)
    first = add(shelf)
    add(shelf)
    assert [one.id for one in shelf.all()] == [first.id]
    assert [path.stem for path in (tmp_path / "queue").glob("*.pdf")] == [first.id]
    for other in ({"name": "乙.pdf"}, {"content": pdf(seed=2)}):
        add(shelf, **other)
    assert len(shelf.all()) == 3
    shelf.leaves(first.id)
    add(shelf)
    assert len(shelf.all()) == 4


def test_history_is_back_once_its_key_is(tmp_path: Path) -> None:
    """What was set aside meanwhile is tried again at each start."""
    kept = manager(tmp_path)
    shelf = shelf_in(tmp_path, kept)
    waits, ended = add(shelf), add(shelf, "乙.pdf", pdf(seed=2))
    shelf.change(ended.id, state="done", ended_at=shelf.now())
    key = tmp_path / ".key"
    before = key.read_bytes()
    key.unlink()
    for _ in range(2):
        assert [one.state for one in shelf_in(tmp_path).all()] == ["lost"]
    key.write_bytes(before)
    found = {one.id: (one.name, one.state) for one in shelf_in(tmp_path).all()}
    assert found == {waits.id: ("甲.pdf", "queued"), ended.id: ("乙.pdf", "done")}


def test_history_is_kept_for_ninety_days(tmp_path: Path) -> None:
    now = 1_800_000_000.0
    kept = manager(tmp_path)
    shelf = Shelf(tmp_path / "queue", this_system(), kept.keyring, now=lambda: now)
    record = add(shelf)
    shelf.change(record.id, state="done", ended_at=now)
    assert not shelf.content(record.id).exists()
    now += 90 * 86_400
    shelf.forget_old(told=now)
    assert shelf.find(record.id) is not None
    now += 1
    shelf.forget_old(told=now)
    assert list((tmp_path / "queue").iterdir()) == []


@pytest.mark.parametrize("state", ["done", "refused", "same"])
def test_a_clock_that_is_far_ahead_once_forgets_nothing(tmp_path: Path, state: str) -> None:
    """At a start, and later: another's clock has to say the same. Nor does one that is behind."""
    kept = manager(tmp_path)
    now = 1_800_000_000.0
    shelf = Shelf(tmp_path / "queue", this_system(), kept.keyring, now=lambda: now)
    record = add(shelf)
    shelf.change(record.id, state=state, because="empty", ended_at=now)
    true = now + 60
    now += 1000 * 86_400
    again = Shelf(tmp_path / "queue", this_system(), kept.keyring, now=lambda: now)
    for told in (None, true):
        again.forget_old(told)
    now = 0.0
    again.forget_old(true + 1000 * 86_400)
    assert again.find(record.id) is not None


def test_what_a_crash_has_left_goes_at_the_next_start(tmp_path: Path) -> None:
    """What was never promised, and what has ended; what waits stays."""
    kept = manager(tmp_path)
    shelf = shelf_in(tmp_path, kept)
    waits, ended = add(shelf, "甲.pdf"), add(shelf, "乙.pdf", pdf(seed=2))
    shelf.change(ended.id, state="done", ended_at=shelf.now())
    shelf.content(ended.id).write_bytes(pdf())
    shelf.content("0" * 32).write_bytes(pdf())
    (tmp_path / "queue" / f".{waits.id}.record.tmp").write_bytes(b"half")
    again = shelf_in(tmp_path, kept)
    assert {one.id: one.state for one in again.all()} == {waits.id: "queued", ended.id: "done"}
    assert [path.name for path in (tmp_path / "queue").glob("*.pdf")] == [f"{waits.id}.pdf"]
    assert list((tmp_path / "queue").glob(".*")) == []


def test_what_cannot_be_deleted_just_now_stops_nothing(tmp_path: Path) -> None:
    """On Windows that is whatever a virus scanner has open; a folder is as little to be deleted."""
    kept = manager(tmp_path)
    shelf = shelf_in(tmp_path, kept)
    content = shelf.content(add(shelf).id)
    orphan = shelf.content("0" * 32)
    orphan.mkdir()
    content.unlink()
    content.mkdir()
    shelf.change(content.stem, state="done", ended_at=shelf.now())
    again = shelf_in(tmp_path, kept)
    assert [one.state for one in again.all()] == ["done"]
    content.rmdir()
    content.write_bytes(pdf())
    again.forget_old()
    assert not content.exists()


def test_the_log_is_private_and_bounded(tmp_path: Path) -> None:
    """Whatever the umask; and what is no folder of ours, or no file, is left alone."""
    folder = tmp_path / "desk"
    stream = log_file(this_system(), folder)
    line = "x" * 999 + "\n"
    before = os.umask(0)
    try:
        for _ in range(3 * MOST_BYTES // len(line)):
            stream.write(line)
        stream.write("甲\udc80\n")
    finally:
        os.umask(before)
    sizes = {path.name: path.stat().st_size for path in folder.iterdir()}
    assert sizes.keys() == {"desktop.log", "desktop.log.1"}
    assert max(sizes.values()) <= MOST_BYTES
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    assert (folder / "desktop.log").read_text("utf-8").endswith("甲\\udc80\n")
    (tmp_path / "linked").symlink_to(tmp_path)
    log_file(this_system(), tmp_path / "linked").write(line)
    (folder / "desktop.log").unlink()
    (folder / "desktop.log").symlink_to(tmp_path / "else")
    stream.write(line)
    assert {path.name for path in tmp_path.iterdir()} == {"desk", "linked"}


@pytest.mark.one_way
@pytest.mark.parametrize(("more", "state"), [(0, "queued"), (1, "refused")])
def test_two_hundred_mebibytes_and_no_byte_more(tmp_path: Path, more: int, state: str) -> None:
    shelf = shelf_in(tmp_path)
    receiver = Receiver(shelf, {"tanhae"}, lambda: None)
    receiver.begin("tanhae", "全線空拍圖.pdf")
    receiver.take(b"%PDF-1.7\n")
    left = LARGEST + more - len(b"%PDF-1.7\n%%EOF")
    while left:
        receiver.take(bytes(min(left, 1024 * 1024)))
        left -= min(left, 1024 * 1024)
    receiver.take(b"%%EOF")
    receiver.end()
    [record] = shelf.all()
    assert (record.state, record.because) == (state, "too_big" if more else "")
    assert shelf.content(record.id).exists() == (state == "queued")
