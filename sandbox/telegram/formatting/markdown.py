"""`parse_mode` MarkdownV2, and the legacy Markdown.

https://core.telegram.org/bots/api#markdownv2-style; errors as in `parse_markdown_v2` and
`parse_markdown` of https://github.com/tdlib/td, `MessageEntity.cpp`.
"""

from __future__ import annotations

from dataclasses import dataclass

from sandbox.telegram.formatting.html import EntityError, text_link, utf16_length
from sandbox.telegram.model import Json

_RESERVED = frozenset("_*[]()~`>#+-=|{}.!")
_MARKS = {
    "__": "underline",
    "_": "italic",
    "*": "bold",
    "~": "strikethrough",
    "||": "spoiler",
    "[": "text_link",
    "```": "pre",
    "`": "code",
}
_ENDS = {kind: mark for mark, kind in _MARKS.items()} | {"text_link": "]"}
_SHOWN = {"text_link": "TextUrl", "pre": "Pre", "code": "Code"}


@dataclass
class _Open:
    kind: str
    offset: int
    start: int  # index in the source
    out: int  # index in the pieces of the plain text
    language: str = ""


class _Parser:
    def __init__(self, text: str):
        self.text = text
        self.out: list[str] = []
        self.length = 0
        self.entities: list[Json] = []
        self.open: list[_Open] = []
        self.quote: int | None = None  # where the block quotation began

    def put(self, character: str) -> None:
        self.out.append(character)
        self.length += utf16_length(character)

    def bytes_before(self, index: int) -> int:
        return len(self.text[:index].encode("utf-8", "surrogatepass"))

    def parse(self) -> tuple[str, list[Json]]:
        text, i = self.text, 0
        line_start = True
        while i < len(text):
            c = text[i]
            if c == "\\" and i + 1 < len(text) and 0 < ord(text[i + 1]) <= 126:
                self.put(text[i + 1])
                line_start = text[i + 1] == "\n"
                i += 2
                continue
            inside = self.open[-1].kind if self.open else ""
            if inside in ("code", "pre") and c != "`":
                self.put(c)
                i += 1
                continue
            if c == ">" and line_start:
                if self.quote is None:
                    self.quote = self.length
                i += 1
                line_start = False
                continue
            if c == "\n":
                self._line_end(i)
                line_start = True
                i += 1
                continue
            line_start = False
            mark = self._mark_at(i)
            if c not in _RESERVED:
                self.put(c)
                i += 1
            elif inside and mark == _ENDS[inside]:
                i = self._end(i, self.open.pop())
            elif mark in _MARKS:
                i = self._begin(i, mark)
            else:
                raise EntityError(
                    f"Character '{c}' is reserved and must be escaped with the preceding '\\'"
                )
        if self.open:
            self._unclosed(self.open[-1])
        if self.quote is not None:
            self._end_quote()
        return "".join(self.out), self.entities

    def _mark_at(self, i: int) -> str:
        if self.open and self.open[-1].kind == "text_link" and self.text[i] == "]":
            return "]"
        for mark in ("```", "__", "||"):
            if self.text.startswith(mark, i):
                return mark
        return self.text[i]

    def _unclosed(self, element: _Open) -> None:
        name = _SHOWN.get(element.kind, element.kind.capitalize())
        offset = self.bytes_before(element.start)
        raise EntityError(f"Can't find end of {name} entity at byte offset {offset}")

    def _line_end(self, i: int) -> None:
        self.put("\n")
        if self.quote is not None and not self.text.startswith(">", i + 1):
            if self.open:
                self._unclosed(self.open[-1])
            self._end_quote()

    def _end_quote(self) -> None:
        start = self.quote or 0
        self.quote = None
        if self.length > start:
            self.entities.append(
                {"offset": start, "length": self.length - start, "type": "blockquote"}
            )

    def _begin(self, i: int, mark: str) -> int:
        element = _Open(_MARKS[mark], self.length, i, len(self.out))
        i += len(mark)
        if mark == "```":
            end = i
            while end < len(self.text) and not self.text[end].isspace() and self.text[end] != "`":
                end += 1
            if end > i and end < len(self.text) and self.text[end] != "`":
                element.language = self.text[i:end]
                i = end
            if self.text.startswith("\n", i):
                i += 1
        self.open.append(element)
        return i

    def _end(self, i: int, element: _Open) -> int:
        i += len(_ENDS[element.kind])
        length = self.length - element.offset
        entity: Json = {"offset": element.offset, "length": length, "type": element.kind}
        if element.kind == "text_link":
            url = "".join(self.out[element.out :])
            if self.text.startswith("(", i):
                url, i = self._url(i + 1)
            if length and (link := text_link(url, element.offset, length)):
                self.entities.append(link)
            return i
        if element.language:
            entity["language"] = element.language
        if length:
            self.entities.append(entity)
        return i

    def _url(self, i: int) -> tuple[str, int]:
        start, url = i, []
        while i < len(self.text) and self.text[i] != ")":
            if self.text[i] == "\\" and i + 1 < len(self.text):
                i += 1
            url.append(self.text[i])
            i += 1
        if i >= len(self.text):
            offset = self.bytes_before(start)
            raise EntityError(f"Can't find end of a URL at byte offset {offset}")
        return "".join(url), i + 1


def parse_markdown_v2(text: str) -> tuple[str, list[Json]]:
    """Return the plain text and its entities; raises EntityError."""
    return _Parser(text).parse()


def parse_markdown(text: str) -> tuple[str, list[Json]]:
    """The legacy mode: no nesting, few marks."""
    out: list[str] = []
    entities: list[Json] = []
    length = i = 0
    while i < len(text):
        if text[i] == "\\" and text[i + 1 : i + 2] in ("_", "*", "`", "["):
            out.append(text[i + 1])
            length += 1
            i += 2
            continue
        if text[i] not in "_*`[":
            out.append(text[i])
            length += utf16_length(text[i])
            i += 1
            continue
        mark = "```" if text.startswith("```", i) else text[i]
        close = "]" if mark == "[" else mark
        end = text.find(close, i + len(mark))
        if end < 0:
            offset = len(text[:i].encode("utf-8", "surrogatepass"))
            raise EntityError(f"Can't find end of the entity starting at byte offset {offset}")
        inner = text[i + len(mark) : end]
        size = utf16_length(inner)
        i = end + len(close)
        if mark == "[":
            url = inner
            if text.startswith("(", i) and ")" in text[i:]:
                stop = text.index(")", i)
                url, i = text[i + 1 : stop], stop + 1
            entity = text_link(url, length, size)
        else:
            kind = {"*": "bold", "_": "italic", "`": "code", "```": "pre"}[mark]
            entity = {"offset": length, "length": size, "type": kind}
        if size and entity:
            entities.append(entity)
        out.append(inner)
        length += size
    return "".join(out), entities
