"""What tests of pages share: a frame, and a reader of HTML."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Final

from web.site.frame import Frame
from web.site.texts import Texts

VOID: Final = frozenset({"meta", "link", "input", "br", "path", "rect", "circle", "use"})


def frame_of(language: str, path: str = "/settings/google", *, signed_in: bool = True) -> Frame:
    """Of an administrator, or of nobody."""
    csrf = "c" * 64 if signed_in else ""
    return Frame(Texts(language), path, csrf=csrf, version="0.2.0")


@dataclass
class Element:
    """One element, with the text that is in it."""

    tag: str
    attributes: dict[str, str]
    inside: tuple[str, ...]
    """The tags around it."""
    text: str = ""
    children: list[Element] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        return self.attributes.get("class", "").split()

    @property
    def is_live(self) -> bool:
        return "data-live" in self.attributes


class Html(HTMLParser):
    """The elements of a page, in order; that what is opened is closed is seen to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.source = page
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(page)
        self.close()
        assert [element.tag for element in self._open] == []

    @property
    def stray_gaps(self) -> list[str]:
        """Blanks behind full-width punctuation, which has its own; facts are joined by " · "."""
        (whole,) = self.all("html")
        return re.findall("[。！？：，；] (?!·).*", whole.text)

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute twice: {names}"
        attributes = {name: value or "" for name, value in attrs}
        element = Element(tag, attributes, tuple(one.tag for one in self._open))
        self.elements.append(element)
        for parent in self._open:
            parent.children.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data
