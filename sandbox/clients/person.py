"""`Person`: uses the sandbox's Telegram like a human with a phone. For tests and demonstrations.

async with Person(url, 501, "Ann", "en") as ann:
    await ann.start()
    await ann.wait_for("Welcome")
    await ann.tap("Connect")
"""

from __future__ import annotations

import asyncio
from functools import partialmethod
from io import BytesIO
from pathlib import Path
from typing import Any

from sandbox.clients.chat_watch import TIMEOUT, ChatWatcher, WaitError
from sandbox.clients.connection import Json
from sandbox.clients.messages import Button, CallbackAnswer, Message

Source = bytes | Path


class Person(ChatWatcher):
    """One Telegram user. A method returns when its action is done; `wait_for` waits for the bot."""

    topic: int = 0
    """Where they write from now on: a number of `TelegramControls.make_topic`'s."""

    # -- writing ------------------------------------------------------------------------------

    async def start(self, payload: str = "") -> Message:
        """Press START, or follow a deep link with this payload."""
        return await self.send(f"/start {payload}".strip())

    async def send(self, text: str, *, reply_to: int = 0, **extra: Any) -> Message:
        """Send a text."""
        return await self._send({"text": text, "reply_to": reply_to, **extra})

    async def _send(self, draft: Json) -> Message:
        await self.open()
        answer = await self.ask("POST", f"/chats/{self.id}/messages", draft | self._actor())
        seq = await self._settled(answer)
        return Message(answer["message"]["message_id"], seq, False, answer["message"])

    def _actor(self) -> Json:
        """Who acts, where the chat does not say so, and in which topic."""
        return {"topic": self.topic} if self.topic else {}

    async def upload(self, source: Source) -> str:
        """Put bytes into the sandbox; the id may be sent by any number of people."""
        if isinstance(source, Path):
            with source.open("rb") as data:
                return str((await self.ask("POST", "/blobs", data=data))["blob"])
        return str((await self.ask("POST", "/blobs", data=BytesIO(source)))["blob"])

    async def send_media(
        self, kind: str, source: Source | str, name: str = "", mime: str = "", **options: Any
    ) -> Message:
        """Send media of a kind; `source` is bytes, a file, or the id of an uploaded blob."""
        return await self._send(await self._draft(kind, source, name, mime, options))

    async def _draft(
        self, kind: str, source: Source | str, name: str, mime: str, options: Json
    ) -> Json:
        blob = source if isinstance(source, str) else await self.upload(source)
        return {"kind": kind, "blob": blob, "name": name, "mime": mime, **options}

    async def send_document(
        self, source: Source | str, name: str = "file.bin", mime: str = "", **options: Any
    ) -> Message:
        """Send a file as a file."""
        return await self.send_media("document", source, name, mime, **options)

    # `send_media` of one kind each; a photo has no name, and several sizes.
    send_photo = partialmethod(send_media, "photo")
    send_video = partialmethod(send_media, "video")
    send_audio = partialmethod(send_media, "audio")
    send_voice = partialmethod(send_media, "voice")
    send_video_note = partialmethod(send_media, "video_note")
    send_animation = partialmethod(send_media, "animation")

    async def send_live_photo(
        self, film: Source | str, picture: Source | str, **options: Any
    ) -> Message:
        """Send a picture with its film."""
        shown = picture if isinstance(picture, str) else await self.upload(picture)
        return await self.send_media("live_photo", film, picture=shown, **options)

    async def send_sticker(self, source: Source | str = b"sticker", **options: Any) -> Message:
        """Send a sticker."""
        return await self.send_media("sticker", source, **options)

    async def send_contact(self, phone_number: str = "+886900000000", name: str = "Bo") -> Message:
        """Share a contact."""
        contact = {"phone_number": phone_number, "first_name": name}
        return await self._send({"contact": contact})

    async def send_location(self, latitude: float = 25.18, longitude: float = 121.44) -> Message:
        """Share a place."""
        return await self._send({"location": {"latitude": latitude, "longitude": longitude}})

    async def send_album(
        self, items: list[tuple[str, Source | str, str]], caption: str = ""
    ) -> list[Message]:
        """Send (kind, source, name) together; the caption goes to the first."""
        await self.open()
        drafts = [await self._draft(kind, source, name, "", {}) for kind, source, name in items]
        drafts[0]["caption"] = caption
        body = {"items": drafts} | self._actor()
        answer = await self.ask("POST", f"/chats/{self.id}/albums", body)
        seq = await self._settled(answer)
        return [Message(raw["message_id"], seq, False, raw) for raw in answer["messages"]]

    async def edit(self, message_id: int, text: str) -> None:
        """Change the text of a message of their own."""
        path = f"/chats/{self.id}/messages/{message_id}"
        await self._settled(await self.ask("PATCH", path, {"text": text}))

    async def delete(self, message_id: int) -> None:
        """Delete a message."""
        await self.ask("DELETE", f"/chats/{self.id}/messages/{message_id}")

    # -- buttons ------------------------------------------------------------------------------

    def find_button(self, wanted: str, message: Message | None = None) -> tuple[Message, Button]:
        """The newest message with such a button (by callback data or text), and the button."""
        candidates = [message] if message else reversed(self.messages())
        for candidate in candidates:
            if (button := candidate.button(wanted)) is not None:
                return candidate, button
        shown = [button.text for m in self.messages() for button in m.buttons]
        raise LookupError(f"no button {wanted!r}; there are {shown}")

    def button_url(self, wanted: str, message: Message | None = None) -> str:
        """Where a button leads."""
        _, button = self.find_button(wanted, message)
        if button.url is None:
            raise LookupError(f"the button {button.text!r} leads nowhere")
        return button.url

    async def tap(
        self,
        wanted: str,
        message: Message | None = None,
        timeout: float = TIMEOUT,  # noqa: ASYNC109 - part of what is awaited
    ) -> CallbackAnswer:
        """Tap a button and wait for the bot's answer; a reply keyboard's button sends its text."""
        await self.open()
        rows = (self.keyboard or {}).get("keyboard", [])
        if message is None and any(wanted == button["text"] for row in rows for button in row):
            await self.send(wanted)
            return CallbackAnswer("", False, "")
        target, button = self.find_button(wanted, message)
        if button.callback_data is None:
            raise LookupError(f"{button.text!r} is no callback button: {button.raw}")
        place = {"message_id": target.id, "row": button.row, "column": button.column}
        answer = await self.ask("POST", f"/chats/{self.id}/taps", place | self._actor())
        self.mark, query_id = int(answer["seq"]), str(answer["query_id"])
        try:
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: query_id in self._answers)
        except TimeoutError:
            raise WaitError(f"the bot did not answer the tap on {button.text!r}") from None
        return self._answers[query_id]

    async def commands(self) -> list[tuple[str, str]]:
        """The menu of commands as this person sees it."""
        who = self._actor().get("user_id", self.id)
        answer = await self.ask("GET", f"/chats/{self.id}/commands?user_id={who}")
        return [(item["command"], item["description"]) for item in answer["commands"]]

    # -- coming and going ---------------------------------------------------------------------

    async def block(self) -> None:
        """Block the bot."""
        await self.ask("POST", f"/users/{self.id}/block", {})

    async def unblock(self) -> None:
        """Unblock it."""
        await self.ask("POST", f"/users/{self.id}/unblock", {})
