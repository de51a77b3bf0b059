"""The canaries' group: what its members write and send, and who asks the bot for what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sandbox.clients.group import Group
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls

if TYPE_CHECKING:
    from sandbox.server import Sandbox
    from tests.canaries import MarkedWorld
    from tests.test_canary import Stage

BOT: Final = "@drivekeeper_sandbox_bot"


async def make_group(sandbox: Sandbox, world: MarkedWorld, *members: Person, told: bool) -> int:
    """A group with a marked title, and its id, which is a canary, too."""
    async with TelegramControls(sandbox.url) as telegram:
        ids = [(await member.open()).id for member in members]
        number = await telegram.make_group(world.new("title of a group"), ids, told=told)
    world.canaries.add("group's id", str(number))
    return number


async def meet(stage: Stage, gus: Person) -> None:
    """In a group: files, replies, buttons, commands, chat that is not meant; it moves away."""
    world, sandbox = stage.world, stage.sandbox
    (number,) = stage.bot.settings.allowed_chat_ids
    hal = world.person(sandbox.url)
    async with hal, Group(sandbox.url, number) as group, TelegramControls(sandbox.url) as telegram:
        group.by(gus)
        await group.send_document(b"waits", world.file_name("txt"), caption=BOT)
        await group.wait_for("write to me privately")
        await stage.connected(gus)
        await group.wait_for("is in")
        caption = f"{BOT} {world.new('caption')}"
        sent = await group.send_document(b"named", world.file_name("txt"), caption=caption)
        result = await group.wait_for("is in")
        await group.by(hal).tap("Show the link here", result)
        await group.by(gus).tap("Show the link here", result)
        await group.send(f"/save{BOT} {world.new('chat text')}", reply_to=sent.id)
        await group.wait_for("is in")
        name = world.new("name of a topic")
        topic = await telegram.make_topic(number, name)
        await group.send_document(b"in a topic", world.file_name("txt"), caption=BOT, topic=topic)
        await group.wait_for("is in")
        chat = await group.send(world.new("chat text"))
        about = {name: chat.raw[name] for name in ("from", "chat", "date")}
        place = {**about, "message_thread_id": topic, "is_topic_message": True}
        for told in ("forum_topic_created", "forum_topic_edited"):
            said = {told: {"name": name, "icon_color": 7322096, "icon_custom_emoji_id": name}}
            await telegram.inject("message", {**place, "message_id": chat.id + 10_000, **said})
        await group.send(f"/status{BOT} {world.new('chat text')}")
        await group.wait_for("Here I take files only")
        await telegram.anonymous_message(number, f"{BOT} {world.new('chat text')}")
        await group.wait_for("write as yourself", since=0)
        moved = await make_group(sandbox, world, gus, told=False)
        await telegram.inject("message", {**chat.raw, "migrate_to_chat_id": moved})
        await stage.says('"group_moved"')
        other = await make_group(sandbox, world, gus, told=True)
        async with Group(sandbox.url, other) as elsewhere:
            await elsewhere.wait_for("group's ID", since=0)
