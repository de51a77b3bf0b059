"""`parse_mode` HTML: tags become entities, and what is wrong is refused with the real text.

https://core.telegram.org/bots/api#html-style; errors and their byte offsets as in `parse_html`
of https://github.com/tdlib/td, `MessageEntity.cpp`.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Final

from sandbox.telegram.formatting.links import LinkError, checked_link, user_of_link
from sandbox.telegram.model import Json

_STYLES: Final = {
    "b": "bold",
    "strong": "bold",
    "i": "italic",
    "em": "italic",
    "u": "underline",
    "ins": "underline",
    "s": "strikethrough",
    "strike": "strikethrough",
    "del": "strikethrough",
    "tg-spoiler": "spoiler",
    "span": "spoiler",
}
_OTHERS: Final = frozenset({"a", "code", "pre", "blockquote"})
# Tag and attribute → what its value begins with; other attributes are ignored.
_ATTRIBUTES: Final = {
    ("a", "href"): "",
    ("code", "class"): "language-",
    ("span", "class"): "tg-",
}
_NAMED: Final = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE: Final = re.compile(r"&(?:#x([0-9a-fA-F]+)|#(\d+)|(lt|gt|amp|quot)(?![A-Za-z]));?")
_LARGEST_REFERENCE: Final = 10
# What Telegram takes of a start tag: its name, and attributes whose bare values are plain.
_START: Final = re.compile(
    r"""<(?P<tag>[^\s>]*)
    (?P<attributes>(?:
        \s*[^\s=>/"']+(?:\s*=\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9.-]*(?=[\s>])))?
    )*)\s*(?P<value>=\s*)?""",
    re.VERBOSE,
)
_END: Final = re.compile(r"</(?P<tag>[^\s>]*)\s*>")
# Stands for "&" where the standard library reads: it knows more references than Telegram.
_AMPERSAND: Final = "\ufdd0"


class EntityError(ValueError):
    """Why a text cannot be parsed; becomes "can't parse entities: …"."""


def utf16_length(text: str) -> int:
    """Length as Telegram counts it: in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def text_link(url: str) -> Json | None:
    """What makes an entity a link; None where Telegram drops the link and keeps the text."""
    if (user_id := user_of_link(url)) is not None:
        return {
            "type": "text_mention",
            "user": {"id": user_id, "is_bot": False, "first_name": ""},
        }
    try:
        return {"type": "text_link", "url": checked_link(url)}
    except LinkError:
        return None


@dataclass
class _Open:
    tag: str
    argument: str
    start: int  # in the plain text


class _Parser(HTMLParser):
    """Telegram's rules over the standard library's reader.

    That one forgives much: it passes over, or takes for text, what Telegram refuses. `read` says
    how much of the text is understood; whatever it left out is found by it.
    """

    def __init__(self, text: str):
        super().__init__(convert_charrefs=False)
        self.text = text
        self.masked = text.replace("&", _AMPERSAND)
        self.read = 0
        self.plain = ""
        self.entities: list[Json] = []
        self.open: list[_Open] = []

    def parse(self) -> None:
        """Read the whole text; raises EntityError."""
        with suppress(AssertionError):  # of the standard library, at some "<![…"
            self.feed(self.masked)
        self._read_to("")
        if self.read < len(self.text):
            raise self._refusal()
        if self.open:
            tag = self.open[-1].tag
            raise EntityError(f'Can\'t find end tag corresponding to start tag "{tag}"')

    def _at(self, index: int) -> str:
        return f"at byte offset {len(self.text[:index].encode('utf-8', 'surrogatepass'))}"

    def _read_to(self, coming: str) -> None:
        """Close what ends before the text or tag that comes; refuse what else lies there."""
        while self.masked.startswith("</", self.read):
            self._end_tag()
        if not self.masked.startswith(coming, self.read):
            raise self._refusal()

    def _refusal(self) -> EntityError:
        """Why there is no tag where the text is not understood."""
        found = _START.match(self.text, self.read)
        tag = found["tag"].lower() if found else ""
        if len(tag) + 1 == len(self.text) - self.read or tag in _STYLES or tag in _OTHERS:
            return EntityError(f"Unclosed start tag {self._at(self.read)}")
        return EntityError(f'Unsupported start tag "{tag}" {self._at(self.read)}')

    def handle_data(self, data: str) -> None:
        """Take in plain text, with references in it."""
        self._read_to(data)
        if "<" in data:
            raise self._refusal()
        self.read += len(data)
        self.plain += _decoded(data)

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in a start tag, or refuse what only looks like one."""
        source = self.get_starttag_text() or ""
        self._read_to(source)
        where = self._at(self.read)
        found = _START.match(source)
        assert found is not None  # noqa: S101 - all of it is optional
        tag = found["tag"].lower()
        if tag not in _STYLES and tag not in _OTHERS:
            raise self._refusal()
        if found["value"] and found["attributes"]:
            raise EntityError(f"Unexpected end of name token {self._at(self.read + found.end())}")
        if found["value"] or source[found.end() :] != ">":
            raise EntityError(f'Empty attribute name in the tag "{tag}" {where}')
        argument = ""
        for name, value in attrs:
            given, prefix = _decoded(value or ""), _ATTRIBUTES.get((tag, name))
            if (tag, name) == ("blockquote", "expandable"):
                argument = "1"
            elif value is not None and prefix is not None and given.startswith(prefix):
                argument = given.removeprefix(prefix)
        if tag == "span" and argument != "spoiler":
            raise EntityError(f'Tag "span" must have class "tg-spoiler" {where}')
        self.open.append(_Open(tag, argument, len(self.plain)))
        self.read += len(source)

    def _end_tag(self) -> None:
        where = self._at(self.read)
        if not self.open:
            raise EntityError(f"Unexpected end tag {where}")
        found = _END.match(self.text, self.read)
        if found is None:
            raise EntityError(f"Unclosed end tag {where}")
        element, tag = self.open.pop(), found["tag"].lower()
        if tag not in ("", element.tag):
            raise EntityError(
                f'Unmatched end tag {where}, expected "</{element.tag}>", found "</{tag}>"'
            )
        self.read = found.end()
        if len(self.plain) > element.start:
            self._close(element.tag, element.argument, element.start)

    def _close(self, tag: str, argument: str, start: int) -> None:
        inner = self.plain[start:]
        place = {"offset": utf16_length(self.plain[:start]), "length": utf16_length(inner)}
        last = self.entities[-1] if self.entities else {}
        around = place.items() <= last.items()  # the same text has an entity already
        if tag == "pre" and around and last["type"] == "code" and last["_language"]:
            last.update(type="pre", language=last.pop("_language"))
        elif tag == "code" and around and last["type"] == "pre" and argument:
            last["language"] = argument
        elif entity := _entity(tag, argument, inner):
            self.entities.append(place | entity)


def _entity(tag: str, argument: str, inner: str) -> Json | None:
    """What an element becomes, apart from its place; None: nothing."""
    match tag:
        case "a":
            return text_link(argument or inner)
        case "blockquote":
            return {"type": "expandable_blockquote" if argument else "blockquote"}
        case "pre":
            return {"type": "pre"}
        case "code":
            return {"type": "code", "_language": argument}
        case _:
            return {"type": _STYLES[tag]} if tag in _STYLES else None


def _decoded(masked: str) -> str:
    """Text with its references decoded; what Telegram does not know stays as it is."""
    return _REFERENCE.sub(_character, masked.replace(_AMPERSAND, "&"))


def _character(found: re.Match[str]) -> str:
    if found[3]:
        return _NAMED[found[3]]
    code = int(found[1], 16) if found[1] else int(found[2])
    if code == 0 or code >= 0x10FFFF or len(found[0].rstrip(";")) >= _LARGEST_REFERENCE:
        return found[0]
    if 0xD800 <= code <= 0xDFFF:
        raise EntityError(
            "Text contains invalid Unicode characters after decoding HTML entities, "
            "check for unmatched surrogate code units"
        )
    return chr(code)


def parse_html(text: str) -> tuple[str, list[Json]]:
    """Return the plain text and its entities; raises EntityError."""
    parser = _Parser(text)
    parser.parse()
    for entity in parser.entities:
        entity.pop("_language", None)
    return parser.plain, parser.entities
