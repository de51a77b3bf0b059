"""`parse_mode` HTML: tags become entities, and what is wrong is refused with the real text.

https://core.telegram.org/bots/api#html-style; errors and their byte offsets as in `parse_html`
of https://github.com/tdlib/td, `MessageEntity.cpp`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sandbox.telegram.formatting.links import LinkError, checked_link, user_of_link
from sandbox.telegram.model import Json

_STYLES = {
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
_OTHERS = frozenset({"a", "code", "pre", "blockquote", "tg-emoji", "tg-time"})
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_REFERENCE = re.compile(r"&(?:#x([0-9a-fA-F]+)|#(\d+)|(lt|gt|amp|quot)(?![A-Za-z]));?")
_LARGEST_REFERENCE = 10


class EntityError(ValueError):
    """Why a text cannot be parsed; becomes "can't parse entities: …"."""


def utf16_length(text: str) -> int:
    """Length as Telegram counts it: in UTF-16 code units."""
    return len(text) + sum(1 for character in text if ord(character) > 0xFFFF)


def text_link(url: str, offset: int, length: int) -> Json | None:
    """The entity of a link; None where Telegram drops the link and keeps the text."""
    if (user_id := user_of_link(url)) is not None:
        user = {"id": user_id, "is_bot": False, "first_name": ""}
        return {"offset": offset, "length": length, "type": "text_mention", "user": user}
    try:
        link = checked_link(url)
    except LinkError:
        return None
    return {"offset": offset, "length": length, "type": "text_link", "url": link}


@dataclass
class _Open:
    tag: str
    argument: str
    offset: int
    start: int


class _Parser:
    def __init__(self, text: str):
        self.text = text
        self.out: list[str] = []
        self.length = 0
        self.entities: list[Json] = []
        self.open: list[_Open] = []

    def at(self, index: int) -> str:
        return self.text[index] if index < len(self.text) else ""

    def bytes_before(self, index: int) -> int:
        return len(self.text[:index].encode("utf-8", "surrogatepass"))

    def put(self, text: str) -> None:
        self.out.append(text)
        self.length += utf16_length(text)

    def parse(self) -> tuple[str, list[Json]]:
        i = 0
        while i < len(self.text):
            if self.text[i] == "<":
                i = self._end_tag(i) if self.at(i + 1) == "/" else self._start_tag(i)
                continue
            if self.text[i] == "&":
                character, after = decode_reference(self.text, i)
                self.put(character)
                i = after
                continue
            j = i
            while j < len(self.text) and self.text[j] not in "<&":
                j += 1
            self.put(self.text[i:j])
            i = j
        if self.open:
            raise EntityError(
                f'Can\'t find end tag corresponding to start tag "{self.open[-1].tag}"'
            )
        return "".join(self.out), self.entities

    def _start_tag(self, begin: int) -> int:
        where = f"at byte offset {self.bytes_before(begin)}"
        i = begin + 1
        while (c := self.at(i)) and not c.isspace() and c != ">":
            i += 1
        if not self.at(i):
            raise EntityError(f"Unclosed start tag {where}")
        tag = self.text[begin + 1 : i].lower()
        if tag not in _STYLES and tag not in _OTHERS:
            raise EntityError(f'Unsupported start tag "{tag}" {where}')
        argument = ""
        while True:
            while self.at(i).isspace():
                i += 1
            if self.at(i) == ">":
                break
            name, value, i = self._attribute(i, tag, where)
            argument = _argument(tag, name, value, argument)
        if tag == "span" and argument != "spoiler":
            raise EntityError(f'Tag "span" must have class "tg-spoiler" {where}')
        self.open.append(_Open(tag, argument, self.length, len(self.out)))
        return i + 1

    def _attribute(self, i: int, tag: str, where: str) -> tuple[str, str | None, int]:
        start = i
        while (c := self.at(i)) and not c.isspace() and c not in "=>/\"'":
            i += 1
        name = self.text[start:i]
        if not name:
            raise EntityError(f'Empty attribute name in the tag "{tag}" {where}')
        while self.at(i).isspace():
            i += 1
        if not self.at(i):
            raise EntityError(f'Unclosed start tag "{tag}" {where}')
        if self.at(i) != "=":
            return name, None, i
        i += 1
        while self.at(i).isspace():
            i += 1
        if not self.at(i):
            raise EntityError(f'Unclosed start tag "{tag}" {where}')
        quote = self.at(i)
        if quote in "\"'":
            end = self.text.find(quote, i + 1)
            if end < 0 or end + 1 >= len(self.text):
                raise EntityError(f"Unclosed start tag {where}")
            raw = self.text[i + 1 : end]
            value = _REFERENCE.sub(lambda found: decode_reference(found[0], 0)[0], raw)
            return name, value, end + 1
        token = i
        while (c := self.at(i)).isascii() and c and (c.isalnum() or c in ".-"):
            i += 1
        if self.at(i) and not self.at(i).isspace() and self.at(i) != ">":
            offset = self.bytes_before(token)
            raise EntityError(f"Unexpected end of name token at byte offset {offset}")
        if not self.at(i):
            raise EntityError(f"Unclosed start tag {where}")
        return name, self.text[token:i].lower(), i

    def _end_tag(self, begin: int) -> int:
        offset = self.bytes_before(begin)
        if not self.open:
            raise EntityError(f"Unexpected end tag at byte offset {offset}")
        i = begin + 2
        while (c := self.at(i)) and not c.isspace() and c != ">":
            i += 1
        found = self.text[begin + 2 : i].lower()
        while self.at(i).isspace():
            i += 1
        if self.at(i) != ">":
            raise EntityError(f"Unclosed end tag at byte offset {offset}")
        element = self.open.pop()
        if found and found != element.tag:
            raise EntityError(
                f"Unmatched end tag at byte offset {offset}, "
                f'expected "</{element.tag}>", found "</{found}>"'
            )
        if self.length > element.offset:
            self._close(element)
        return i + 1

    def _close(self, element: _Open) -> None:
        offset, length = element.offset, self.length - element.offset
        entity: Json = {"offset": offset, "length": length}
        last = self.entities[-1] if self.entities else {}
        same = last.get("offset") == offset and last.get("length") == length
        if style := _STYLES.get(element.tag):
            self.entities.append(entity | {"type": style})
        elif element.tag == "a":
            url = element.argument or "".join(self.out[element.start :])
            if link := text_link(url, offset, length):
                self.entities.append(link)
        elif element.tag == "blockquote":
            kind = "expandable_blockquote" if element.argument else "blockquote"
            self.entities.append(entity | {"type": kind})
        elif element.tag == "pre":
            if same and last.get("type") == "code" and last.get("_language"):
                last.update(type="pre", language=last.pop("_language"))
            else:
                self.entities.append(entity | {"type": "pre"})
        elif element.tag == "code":
            if same and last.get("type") == "pre" and element.argument:
                last["language"] = element.argument
            else:
                self.entities.append(entity | {"type": "code", "_language": element.argument})
        elif element.tag == "tg-emoji":
            if not element.argument.isdecimal():
                raise EntityError("Invalid custom emoji identifier specified")
            self.entities.append(
                entity | {"type": "custom_emoji", "custom_emoji_id": element.argument}
            )


def _argument(tag: str, name: str, value: str | None, current: str) -> str:
    """What an attribute means for the entity; attributes without meaning are ignored."""
    if tag == "blockquote" and name == "expandable":
        return "1"
    if value is None:
        return current
    if (tag, name) in (("a", "href"), ("tg-emoji", "emoji-id")):
        return value
    if (tag, name) == ("code", "class") and value.startswith("language-"):
        return value.removeprefix("language-")
    if (tag, name) == ("span", "class") and value.startswith("tg-"):
        return value.removeprefix("tg-")
    return current


def decode_reference(text: str, index: int) -> tuple[str, int]:
    """Decode `&…;` at an index; what is not known stays as it is."""
    found = _REFERENCE.match(text, index)
    if found is None:
        return text[index], index + 1
    if found[3]:
        return _NAMED[found[3]], found.end()
    code = int(found[1], 16) if found[1] else int(found[2])
    digits = found[0].rstrip(";")
    if code == 0 or code >= 0x10FFFF or len(digits) >= _LARGEST_REFERENCE:
        return text[index], index + 1
    if 0xD800 <= code <= 0xDFFF:
        raise EntityError(
            "Text contains invalid Unicode characters after decoding HTML entities, "
            "check for unmatched surrogate code units"
        )
    return chr(code), found.end()


def parse_html(text: str) -> tuple[str, list[Json]]:
    """Return the plain text and its entities; raises EntityError."""
    plain, entities = _Parser(text).parse()
    for entity in entities:
        entity.pop("_language", None)
    return plain, entities
