"""What the bot says, in the person's language, from one gettext catalogue.

English is the catalogue's key. Messages are Telegram HTML: whatever is put into one is escaped
here, so that a file's name can never become markup. Labels of buttons are plain text.
"""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from babel.dates import format_date
from babel.numbers import format_decimal

from bot.texts.patterns import COMMAND
from config import sizes
from config.languages import DEFAULT_LANGUAGE, LANGUAGES, catalogue, isolated

_LOCALE: Final = Path(__file__).parents[1] / "locale"


_JOINER: Final = "\u2060"


def no_command(text: str) -> str:
    """What somebody else has written, with nothing in it of which Telegram makes a command: a tap
    on that would send it. Nobody sees the difference.

    https://core.telegram.org/bots/api#messageentity
    """
    return COMMAND.sub(f"/{_JOINER}", text)


class Html(str):
    """A value that is Telegram HTML already."""

    __slots__ = ()


class Texts:
    """The catalogue in one language, for one kind of reader."""

    def __init__(self, language: str, *, to_administrator: bool = False) -> None:
        self.to_administrator = to_administrator
        """Whether whoever reads it runs this bot."""
        self.language = language if language in LANGUAGES else DEFAULT_LANGUAGE
        self._catalogue = catalogue(_LOCALE, self.language)

    def tr(self, message: str, **values: object) -> str:
        """The message as Telegram HTML, with `values` escaped."""
        return self._filled(self._catalogue.gettext(message), values)

    def plural(self, one: str, many: str, number: int, **values: object) -> str:
        """`tr` of `one` or `many`, as the language counts; both may say {number}."""
        chosen = self._catalogue.ngettext(one, many, number)
        return self._filled(chosen, {"number": number, **values})

    def label(self, message: str, **values: object) -> str:
        """The text of a button or a toast: plain."""
        return self._catalogue.gettext(message).format(**values)

    @staticmethod
    def _filled(message: str, values: Mapping[str, object]) -> str:
        escaped: dict[str, Html] = {}
        for name, value in values.items():
            if isinstance(value, Html):
                escaped[name] = value
                continue
            # What stands in <code> is copied, and is no command there.
            is_code = f"<code>{{{name}}}" in message
            text = str(value) if is_code else no_command(str(value))
            escaped[name] = Html(isolated(html.escape(text, quote=False)))
        return message.format(**escaped)

    def link(self, name: str, address: str) -> Html:
        """`name` as a link, for `tr`."""
        text = isolated(html.escape(name if address else no_command(name), quote=False))
        return Html(f'<a href="{html.escape(address)}">{text}</a>' if address else text)

    def size(self, count: int) -> str:
        """`count` bytes for people: 5.2 MiB (see `config.sizes`)."""
        return self._bytes(*sizes.in_its_unit(count))

    def limit(self, count: int) -> str:
        """`count` bytes for people as they stand, not rounded: 2,000 MiB."""
        return self._bytes(*sizes.exactly(count))

    def _bytes(self, figure: float, unit: str) -> str:
        number = format_decimal(figure, format="#,##0.#", locale=self.language)
        if unit == "bytes":
            return self.plural("{count} byte", "{count} bytes", round(figure), count=number)
        return f"{number} {unit}"

    def date(self, moment: date) -> str:
        """A date as the language writes it."""
        return str(format_date(moment, format="long", locale=self.language))

    def moment(self, when: datetime) -> str:
        """An aware moment for operators, in UTC like the logs."""
        return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")

    def duration(self, seconds: float) -> str:
        """About how long: "3 h 5 min"."""
        minutes = max(round(seconds / 60), 0)
        if minutes < 60:
            return self.tr("{minutes} min", minutes=minutes)
        if minutes < 48 * 60:
            return self.tr("{hours} h {minutes} min", hours=minutes // 60, minutes=minutes % 60)
        days, hours = divmod(round(minutes / 60), 24)
        return self.tr("{days} d {hours} h", days=days, hours=hours)
