"""What a person sees in a chat: messages and buttons, typed."""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.clients.connection import Json

MEDIA = ("photo", "video", "animation", "audio", "voice", "video_note", "sticker", "document")


@dataclass(frozen=True)
class Button:
    """A button under a message."""

    text: str
    row: int
    column: int
    raw: Json

    @property
    def callback_data(self) -> str | None:
        """What a tap tells the bot."""
        value: str | None = self.raw.get("callback_data")
        return value

    @property
    def url(self) -> str | None:
        """Where a tap leads."""
        value: str | None = self.raw.get("url")
        return value


@dataclass(frozen=True)
class CallbackAnswer:
    """What the bot answered to a tap."""

    text: str
    show_alert: bool
    url: str


@dataclass(frozen=True)
class Message:
    """One message as it stood after event `seq`; an edit makes a new one with the same id."""

    id: int
    seq: int
    from_bot: bool
    raw: Json

    @property
    def text(self) -> str:
        """The text, or the caption."""
        return str(self.raw.get("text") or self.raw.get("caption") or "")

    @property
    def edited(self) -> bool:
        """Whether it has been edited."""
        return "edit_date" in self.raw

    @property
    def buttons(self) -> list[Button]:
        """The inline keyboard, row by row."""
        rows = self.raw.get("reply_markup", {}).get("inline_keyboard", [])
        return [
            Button(button["text"], row, column, button)
            for row, buttons in enumerate(rows)
            for column, button in enumerate(buttons)
        ]

    @property
    def media(self) -> tuple[str, Json] | None:
        """Kind and Bot API object of the media; of a photo the largest size."""
        for kind in MEDIA:
            if kind in self.raw:
                found = self.raw[kind]
                return kind, found[-1] if kind == "photo" else found
        return None

    def button(self, wanted: str) -> Button | None:
        """The button with this callback data or text; failing that, one whose text contains it."""
        for button in self.buttons:
            if wanted in (button.callback_data, button.text):
                return button
        return next((b for b in self.buttons if wanted.lower() in b.text.lower()), None)
