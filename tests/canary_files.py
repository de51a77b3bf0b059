"""The canaries' files in Drive: listed, renamed, moved, shared, deleted, and sent back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.clients.person import Person

if TYPE_CHECKING:
    from tests.test_canary import Stage


async def keep_house(stage: Stage, ivy: Person) -> None:
    """Every button of a file and of the lists, with what can go wrong."""
    world, google = stage.world, stage.google
    account = await stage.connected(ivy)
    word, folder = world.new("word that is looked for"), world.new_wide("name of a folder")
    await ivy.send_document(b"content", world.file_name("txt"), caption=world.new("caption"))
    await ivy.wait_for("is in your Drive")
    drives = stage.bot.services.core.drives
    await drives.run(stage.owner(ivy), lambda drive: drive.ensure_subfolder(folder))
    await ivy.tap("Rename")
    question = await ivy.wait_for("be called")
    await ivy.send(f"{word} {world.file_name('md')}", reply_to=question.id)
    await ivy.wait_for("It has its new name")
    for tapped, answer in (
        ("Move", "Where shall"),
        (folder, "It has been moved"),
        ("Share", "Share "),
        ("Yes, share it", "Anyone with this link"),
        ("Stop sharing", "no longer opens"),
        ("Delete", "bin?"),
        ("Yes, into the bin", "is in your Drive's bin"),
        ("Undo", "out of the bin again"),
    ):
        await ivy.tap(tapped)
        await ivy.wait_for(answer)
    for command, answer in {
        "/uploads": "Your uploads",
        f"/files {world.new('word that is looked for')}": "I found nothing",
        f"/files {word}": "newest first",
    }.items():
        await ivy.send(command)
        await ivy.wait_for(answer)
    await ivy.tap(word)
    await ivy.wait_for("📄")
    await ivy.send(f"/get {word}")
    await ivy.wait_for(lambda message: message.media is not None)
    text = world.new("Telegram's answer")
    await google.fault("telegram.sendDocument", "status", status=400, reason=text)
    await ivy.tap("Send here")
    await ivy.wait_for("did not get through")
    text = world.new("Google's answer")
    await google.fault("google.drive.files.list", "html", body=text, count=0, owner=account)
    await ivy.send("/files")
    await ivy.wait_for("does not answer just now")
