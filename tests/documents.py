"""Reading the documents: tables, headings, code, anchors; translations beside originals."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
DOCUMENTS: Final = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "specs").rglob("*.md")),
]
GUIDES: Final = [f"docs/{folder}operations.md" for folder in ("", "zh_Hant/", "zh_Hans/")]
"""The operations guide, in every language."""
TRANSLATIONS: Final = sorted(
    str(path.relative_to(ROOT)) for path in (ROOT / "docs").glob("zh_*/*.md")
)
CODE_BLOCK: Final = re.compile(r"(?ms)^ *```.*?^ *```$")

Cells = tuple[str, ...]


def table(document: str, heading: str, number: int = 0) -> list[Cells]:
    """The rows of a table below `heading`, without its own headings.

    Args:
        document: a translation's table is found below the heading at the same place.
        heading: as the English document has it.
        number: 0: the first table there.
    """
    _, found, below = prose(document).partition(f"\n{heading_in(document, heading)}\n")
    assert found, heading
    section = re.split(r"(?m)^##? ", below)[0]
    tables = re.findall(r"(?m)(?:^\|.*\n?)+", section)
    lines = tables[number].splitlines()[2:]
    return [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines]


def headings(document: str) -> list[str]:
    """In their order, each with its level."""
    return re.findall(r"(?m)^#+ .+$", prose(document))


def heading_in(document: str, heading: str) -> str:
    """What a heading of the English document is in `document`."""
    return headings(document)[headings(original(document)).index(heading)]


def original(document: str) -> str:
    """The English document that this one is, or is a translation of."""
    return re.sub(r"/zh_[A-Za-z]+/", "/", document)


def prose(document: str) -> str:
    """The text without its code blocks."""
    return CODE_BLOCK.sub("", (ROOT / document).read_text("utf-8"))


def first_codes(document: str, heading: str, number: int = 0) -> list[str]:
    """The first column, whose cells are one code span, or one number, each."""
    return [row[0].strip("| ").strip("`") for row in table(document, heading, number)]


def outline(document: str) -> list[str]:
    """What each line begins with, where that is a heading, a table's row or an item of a list."""
    return re.findall(r"(?m)^(?:#+ |\||- |\d+\. )", prose(document))


def code_in(text: str) -> str:
    """Code blocks and code spans, a line each."""
    blocks = re.findall(r"(?ms)^ *```[a-z]*\n(.*?)^ *```$", text)
    spans = re.findall(r"`([^`\n]+)`", CODE_BLOCK.sub("", text))
    return "\n".join(blocks + spans)


@cache
def anchors(document: Path) -> set[str]:
    """As GitHub makes them of headings."""
    text = CODE_BLOCK.sub("", document.read_text("utf-8"))
    found = re.findall(r"(?m)^#+ (.+)$", text)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}
