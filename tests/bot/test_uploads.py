"""Files on their way: every kind, every fault, each with one end."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from security.credential import Owner
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, md5_of, unfinished, until, until_struck, until_uploading

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"


async def uploaded(google: GoogleControls, name: str, account: str = AMY) -> list[dict[str, Any]]:
    """What Drive has under this name."""
    return [file for file in await google.files(account) if file["name"] == name]


@pytest.mark.parametrize(
    "kind", ["document", "photo", "video", "audio", "voice", "video_note", "animation"]
)
async def test_every_kind_of_media_is_uploaded(
    bot: RunningBot, google: GoogleControls, people: People, kind: str
) -> None:
    """With a name where Telegram gives none."""
    ann, content = people(), os.urandom(20_000)
    await connect(ann, google, AMY)
    await getattr(ann, f"send_{kind}")(content)
    await ann.wait_for("is in your Drive")
    files = [f for f in await google.files(AMY) if f["md5"]]
    assert [f["md5"] for f in files] == [md5_of(content)]
    assert files[0]["name"]


async def test_an_empty_file_arrives_or_is_refused_but_never_silently(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Zero bytes are a file, too."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send_document(b"", "empty.txt")
    await ann.wait_for("empty.txt")
    await ann.wait_for("is in your Drive")


async def test_a_file_over_telegrams_limit_is_refused_before_it_is_asked_for(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """With what can be done about it, by who reads it: a server is nothing to who sends a file."""
    ann, root = people(), people(900, "Root")
    async with start_bot(WEB_PORT=0, ADMIN_USER_IDS="900"):
        await connect(ann, google, AMY)
        big = await ann.upload(bytes(20 * 1024 * 1024 + 1))
        for person in (ann, root):
            await person.send_document(big, "big.iso")
        message = await ann.wait_for("too big")
        assert "up to 20 MiB" in message.text
        assert "split it into parts" in message.text
        assert "server" not in message.text
        message = await root.wait_for("too big")
        assert "with a Bot API server of your own it takes files of up to 4,000 MiB" in message.text
    assert (await google.calls())["counts"].get("telegram.getFile", 0) == 0


async def test_progress_is_shown_and_cancel_leaves_nothing(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """One message, edited; its Cancel button works while bytes move."""
    ann = people()
    await connect(ann, google, AMY)
    await google.rate("google.upload.chunk", 1_500_000)
    await ann.send_document(os.urandom(12_000_000), "long.bin")
    message = await ann.wait_for("% ·", timeout=20)
    await ann.tap("Cancel", message)
    ended = await ann.wait_for("long.bin was cancelled")
    assert ended.id == message.id
    await google.rate("google.upload.chunk", None)
    assert await uploaded(google, "long.bin") == []
    await until(lambda: not unfinished(bot.settings))


async def test_a_persons_files_arrive_in_their_order(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """One after the other, each with its own message."""
    ann = people()
    await connect(ann, google, AMY)
    for number in range(5):
        await ann.send_document(os.urandom(1000), f"{number}.bin")
    await ann.wait_for("4.bin (1,000 bytes) is in your Drive", since=0)
    files = [f for f in await google.files(AMY) if f["name"].endswith(".bin")]
    assert sorted(f["createdTime"] for f in files) == [
        f["createdTime"] for f in sorted(files, key=lambda f: str(f["name"]))
    ]


_NOT_NOW = "Bad Request: wrong file_id or the file is temporarily unavailable"
FAULTS: dict[str, list[tuple[str, str, dict[str, Any]]]] = {
    "503 on a chunk": [("google.upload.chunk", "status", {"status": 503, "count": 2})],
    "503 at the start": [("google.upload.start", "status", {"status": 503, "count": 2})],
    "429 on a chunk": [("google.upload.chunk", "status", {"status": 429, "retry_after": 1})],
    "a chunk cut": [("google.upload.chunk", "cut_body", {"after_bytes": 300_000, "count": 2})],
    "a connection dropped": [("google.upload.chunk", "drop", {"count": 3})],
    "the last answer lost": [("google.upload.chunk", "after", {"skip": 4, "count": 2})],
    "the start's answer lost": [("google.upload.start", "after", {"count": 1})],
    "the folder's answer lost": [("google.drive.files.create", "after", {"count": 1})],
    "the download cut": [("telegram.download", "cut_response", {"after_bytes": 1_000_000})],
    "the download refused once": [("telegram.download", "status", {"status": 502})],
    "the download not to be had just now": [
        (
            *("telegram.getFile", "status"),
            {
                **{"status": 400, "count": 2},
                "body": {"ok": False, "error_code": 400, "description": _NOT_NOW},
            },
        )
    ],
    "a rate limit": [
        ("google.upload.start", "status", {"status": 403, "reason": "userRateLimitExceeded"})
    ],
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.one_way
async def test_a_passing_fault_ends_in_the_file_uploaded_once(
    bot: RunningBot, google: GoogleControls, people: People, fault: str
) -> None:
    """And in the message that says so, never both that and an error."""
    ann, content = people(), os.urandom(5_000_000)
    await connect(ann, google, AMY)
    for target, kind, options in FAULTS[fault]:
        await google.fault(target, kind, **options)
    await ann.send_document(content, "once.bin")
    await ann.wait_for("is in your Drive", timeout=60)
    (file,) = await uploaded(google, "once.bin")
    assert file["md5"] == md5_of(content)
    assert not any("⚠️" in message.text for message in ann.messages())
    assert len([f for f in await google.files(AMY) if f["name"] == "Telegram"]) == 1


async def test_a_look_for_the_same_file_that_fails_is_made_again(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Drive was away for a moment, beside the upload's beginning; its answer still counts."""
    ann, content = people(), os.urandom(5000)
    await connect(ann, google, AMY)
    await ann.send_document(content, "one.bin")
    await ann.wait_for("is in your Drive")
    for name, end in (
        ("two.bin", "It is there already as one.bin"),
        ("new.bin", "is in your Drive, in"),
    ):
        # Google's client asks three times each; there is nothing else to list.
        await google.fault("google.drive.files.list", "status", status=503, count=4)
        await ann.send_document(content if name == "two.bin" else os.urandom(6000), name)
        await ann.wait_for(end, timeout=60)
        assert not any("⚠️" in message.text for message in ann.messages())
        assert [rule["remaining"] for rule in await google.faults()][-1] == 0
    assert len([file for file in await google.files(AMY) if file["md5"]]) == 2


async def test_a_lost_session_is_begun_anew_under_the_same_identifier(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """404 in the middle; the file is there once."""
    ann, content = people(), os.urandom(6_000_000)
    await connect(ann, google, AMY)
    await google.fault("google.upload.chunk", "cut_body", after_bytes=2_500_000)
    await google.fault("google.upload.status", "latency", seconds=60)
    await ann.send_document(content, "lost.bin")
    await ann.wait_for("lost.bin")
    await until_struck(google, "google.upload.status")
    await google.forget_sessions()
    await google.clear_faults()
    await ann.wait_for("is in your Drive", timeout=30)
    (file,) = await uploaded(google, "lost.bin")
    assert file["md5"] == md5_of(content)


async def test_an_access_token_that_ends_on_the_way_is_refreshed_once(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """401 in the middle; the custodian refreshes, nobody else."""
    ann, content = people(), os.urandom(6_000_000)
    await connect(ann, google, AMY)
    await google.fault("google.upload.chunk", "cut_body", after_bytes=2_500_000)
    await google.fault("google.upload.status", "latency", seconds=60)
    await ann.send_document(content, "renewed.bin")
    await ann.wait_for("renewed.bin")
    await until_struck(google, "google.upload.status")
    await google.expire_access_tokens(AMY)
    await google.clear_faults()
    await ann.wait_for("is in your Drive", timeout=30)
    (file,) = await uploaded(google, "renewed.bin")
    assert file["md5"] == md5_of(content)
    assert (await google.calls())["counts"]["google.token.refresh"] == 1
    credential = await bot.services.core.custodian.load(Owner.user(501))
    assert credential is not None
    assert credential.generation == 2


async def test_a_grant_revoked_on_the_way_waits_for_the_person_to_connect_again(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """One message with a Connect button; then the file is uploaded, once."""
    ann, content = people(), os.urandom(6_000_000)
    await connect(ann, google, AMY)
    await google.fault("google.upload.chunk", "cut_body", after_bytes=2_500_000)
    await google.fault("google.upload.status", "latency", seconds=60)
    await ann.send_document(content, "revoked.bin")
    await ann.wait_for("revoked.bin")
    await until_struck(google, "google.upload.status")
    await google.revoke(AMY)
    await google.clear_faults()
    message = await ann.wait_for("your connection to Google Drive has ended", timeout=30)
    assert message.button("connect") is not None
    await connect(ann, google, AMY)
    await ann.wait_for("is in your Drive", since=message.seq, timeout=30)
    (file,) = await uploaded(google, "revoked.bin")
    assert file["md5"] == md5_of(content)


async def test_a_full_drive_is_said_once_and_can_be_retried(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """storageQuotaExceeded is nothing to try again by itself."""
    ann = people()
    await connect(ann, google, AMY)
    refusal = {"status": 403, "reason": "storageQuotaExceeded"}  # others use the account, too
    await google.fault("google.upload.start", "status", **refusal)
    await ann.send_document(os.urandom(5000), "full.bin")
    message = await ann.wait_for("your Google Drive is full")
    assert await uploaded(google, "full.bin") == []
    await ann.tap("Try again", message)
    await ann.wait_for("is in your Drive")
    assert len(await uploaded(google, "full.bin")) == 1


async def test_too_little_space_is_said_before_a_byte_moves(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """With how much there is; and once there is enough, the same button does it."""
    ann = people()
    await connect(ann, google, AMY)
    await google.set_quota(AMY, limit=4000)
    await ann.send_document(os.urandom(5000), "full.bin")
    refusal = "this needs 4.9 KiB, and your Google Drive has 3.9 KiB left"
    message = await ann.wait_for(refusal)
    await ann.tap("Try again", message)
    message = await ann.wait_for(refusal)
    assert (await google.calls())["counts"].get("google.upload.chunk", 0) == 0
    await google.set_quota(AMY, limit=10**9)
    await ann.tap("Try again", message)
    await ann.wait_for("is in your Drive")
    assert len(await uploaded(google, "full.bin")) == 1


async def test_the_same_bytes_are_not_uploaded_twice_unless_asked_for(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Whatever the second one's name; other bytes of the same size are another file."""
    ann, content = people(), os.urandom(5000)
    await connect(ann, google, AMY)
    await ann.send_document(content, "one.bin")
    await ann.wait_for("is in your Drive")
    await ann.send_document(content, "two.bin")
    message = await ann.wait_for("It is there already as one.bin in “Telegram”")
    assert message.button("Open in Drive") is not None
    await ann.send_document(os.urandom(5000), "three.bin")
    await ann.wait_for("three.bin (4.9 KiB) is in your Drive")
    assert (await google.calls())["counts"]["google.upload.chunk"] == 2
    await ann.tap("Upload it all the same", message)
    await ann.wait_for("two.bin (4.9 KiB) is in your Drive", since=0)
    assert len([f for f in await google.files(AMY) if f["md5"] == md5_of(content)]) == 2


async def test_an_album_is_one_job_with_one_message_and_one_summary(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Its files in their order; one that is too big for Telegram is told beside it."""
    ann = people()
    await connect(ann, google, AMY)
    contents = [os.urandom(30_000 + number) for number in range(3)]
    items: list[tuple[str, bytes | Path | str, str]] = [
        ("document", content, f"{number}.bin") for number, content in enumerate(contents)
    ]
    await ann.send_album(items)
    summary = await ann.wait_for("3 of 3 files are in your Drive", timeout=20)
    assert len([m for m in ann.messages() if m.from_bot and m.id >= summary.id]) == 1
    files = [f["md5"] for f in await google.files(AMY) if f["md5"]]
    assert sorted(files) == sorted(map(md5_of, contents))


@pytest.mark.timing(upload_pause=0.01)  # in earnest half a minute
async def test_a_lasting_fault_ends_in_one_clear_message(
    start_bot: StartBot,
    google: GoogleControls,
    people: People,
) -> None:
    """Nothing in Drive, a Try again button, and then it works."""
    ann = people()
    async with start_bot() as bot:
        await connect(ann, google, AMY)
        await google.fault("google.upload.chunk", "status", status=503, count=0)
        await ann.send_document(os.urandom(5000), "later.bin")
        message = await ann.wait_for("does not answer just now", timeout=30)
        await google.clear_faults()
        assert await uploaded(google, "later.bin") == []
        await ann.tap("Try again", message)
        await ann.wait_for("is in your Drive")
        assert len(await uploaded(google, "later.bin")) == 1
        assert bot.log.getvalue().count('"upload_failed"') == 1


async def test_a_folder_deleted_in_drive_is_made_again(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The person tidied up; the next file still arrives."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send_document(b"one", "one.txt")
    await ann.wait_for("is in your Drive")
    (folder,) = await uploaded(google, "Telegram")
    await google.act("delete", file_id=folder["id"])
    await ann.send_document(b"two", "two.txt")
    await ann.wait_for("two.txt (3 bytes) is in your Drive")
    (file,) = await uploaded(google, "two.txt")
    assert file["parents"] != [folder["id"]]


async def test_a_restart_in_the_middle_loses_no_file_and_makes_no_second(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """The journal has it; the same message says how it ended."""
    ann, content = people(), os.urandom(6_000_000)
    async with start_bot():
        await connect(ann, google, AMY)
        await google.rate("google.upload.chunk", 200_000)
        await ann.send_document(content, "kept.bin")
        message = await ann.wait_for("kept.bin")
        await until_uploading(google)
    await google.rate("google.upload.chunk", None)
    async with start_bot() as bot:
        ended = await ann.wait_for("is in your Drive", timeout=30)
        assert ended.id == message.id
        await until(lambda: not unfinished(bot.settings))
    (file,) = await uploaded(google, "kept.bin")
    assert file["md5"] == md5_of(content)


async def test_another_account_does_not_get_the_files_of_the_first(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Unfinished uploads are cancelled and the person told."""
    ann = people()
    await connect(ann, google, AMY)
    await google.rate("google.upload.chunk", 100_000)
    await ann.send_document(os.urandom(4_000_000), "first.bin")
    await ann.wait_for("first.bin")
    await until_uploading(google)
    await connect(ann, google, "other@example.com")
    await google.rate("google.upload.chunk", None)
    await ann.wait_for(
        lambda m: "first.bin" in m.text and ("cancelled" in m.text or "another" in m.text), since=0
    )
    assert await uploaded(google, "first.bin", "other@example.com") == []


async def test_a_local_bot_api_servers_files_are_read_from_its_path(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """No 20 MiB limit, and nothing over HTTP."""
    ann, content = people(), os.urandom(21 * 1024 * 1024)
    async with start_bot(TELEGRAM_LOCAL_MODE="true"):
        async with TelegramControls(ann.base_url) as telegram:
            await telegram.local_mode(True, delay=0.2)
        await connect(ann, google, AMY)
        await ann.send_document(content, "large.bin")
        await ann.wait_for("is in your Drive", timeout=30)
    (file,) = await uploaded(google, "large.bin")
    assert file["md5"] == md5_of(content)


async def test_a_file_telegram_no_longer_has_is_asked_for_again(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """One clear message, and no retry that cannot help."""
    ann = people()
    await connect(ann, google, AMY)
    await google.fault(
        "telegram.getFile",
        "status",
        status=400,
        body='{"ok":false,"error_code":400,"description":"Bad Request: invalid file_id"}',
    )
    await ann.send_document(b"x", "gone.bin")
    await ann.wait_for("Telegram no longer has gone.bin")
