"""Regular expressions on what people write: twice as long a text takes twice the time, not four."""

from __future__ import annotations

import ast
import re
import time
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import pytest

from bot.texts import patterns
from bot.texts.filenames import wished_name
from drive.uploading import names

ROOT: Final = Path(__file__).parents[2]
codes, parser = import_module("re._constants"), import_module("re._parser")  # no stubs name them
PATTERNS: Final = {**patterns.PATTERNS, **names.PATTERNS}
SHORT, LONG, MOST = 1024, 4096, 8
"""Characters, and by how much longer the long text may take: four times is linear."""
NOISE_SECONDS: Final = 0.0002
"""What is over by then says nothing about how it grows, and holds nobody up."""
BEYOND_DOUBT: Final = 0.02
PROBES: Final = (
    " \t\n\u3000\u00a0aZ0_#@/.!-+$é中\u200c\u200d\u0600\u0301\U0001f3f4\U000e0061\U000e007f"
)
TAILS: Final = ("", "\n", "!", "a", " ", "\x00")
OLD_WISH: Final = re.compile(r"\s*#name[^\S\n]+([^\n]*\S)[^\S\n]*\n?", re.IGNORECASE)
"""As it was: 0.4 s of the event loop for a message of blanks."""
Node = tuple[Any, Any]


def samples(node: Node) -> list[str]:
    """Texts that one node of a parsed pattern matches: a few that differ."""
    kind, value = node
    if kind is codes.LITERAL:
        return [chr(value)]
    if kind in (codes.NOT_LITERAL, codes.ANY, codes.IN, codes.CATEGORY):
        return [probe for probe in PROBES if takes(node, probe)][:12]
    if kind in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
        least, _, body = value
        return [text * max(least, 1) for text in joined(body)]
    if kind is codes.SUBPATTERN:
        return joined(value[-1])
    if kind is codes.ATOMIC_GROUP:
        return joined(value)
    if kind is codes.BRANCH:
        return [text for branch in value[1] for text in joined(branch)]
    return [""]  # what looks around, or back


def takes(node: Node, char: str) -> bool:
    """Whether a node of one character matches this one."""
    kind, value = node
    number = ord(char)
    if kind is codes.ANY:
        return char != "\n"
    if kind is codes.LITERAL:
        return bool(value == number)
    if kind is codes.NOT_LITERAL:
        return bool(value != number)
    if kind is codes.RANGE:
        return bool(value[0] <= number <= value[1])
    if kind is codes.CATEGORY:
        name = str(value).lower()
        has = {"digit": char.isdigit(), "space": char.isspace()}
        word = char.isalnum() or char == "_"
        found = next((yes for part, yes in has.items() if part in name), word)
        return found is not ("not" in name)
    if kind is codes.IN:
        is_negated = value[0][0] is codes.NEGATE
        items = value[1:] if is_negated else value
        return any(takes(item, char) for item in items) is not is_negated
    return False


def joined(nodes: Any) -> list[str]:
    """Texts that nodes in a row match; one node at a time is varied."""
    choices = [samples(node) or [""] for node in nodes]
    first = [texts[0] for texts in choices]
    found = ["".join(first)]
    for at, texts in enumerate(choices):
        found += ["".join([*first[:at], text, *first[at + 1 :]]) for text in texts[1:]]
    return found


def repeats(nodes: Any, before: str = "") -> Iterator[tuple[str, list[str]]]:
    """What leads to each repetition without an end, and what it repeats."""
    for kind, value in nodes:
        if kind in (codes.MAX_REPEAT, codes.MIN_REPEAT, codes.POSSESSIVE_REPEAT):
            _, most, body = value
            if most > 16:
                yield before, joined(body)
            yield from repeats(body, before)
        elif kind is codes.SUBPATTERN:
            yield from repeats(value[-1], before)
        elif kind is codes.ATOMIC_GROUP:
            yield from repeats(value, before)
        elif kind is codes.BRANCH:
            for branch in value[1]:
                yield from repeats(branch, before)
        before += (samples((kind, value)) or [""])[0]


def hostile(pattern: re.Pattern[str]) -> Iterator[Callable[[int], str]]:
    """Makers of texts of a length, derived from the pattern's own parse."""
    nodes = parser.parse(pattern.pattern, pattern.flags & ~re.DEBUG)
    found = list(repeats(nodes))
    pumps = dict.fromkeys(text for _, texts in found for text in texts if text)
    for before in dict.fromkeys(["", *(before for before, _ in found)]):
        for pump in pumps:
            for tail in TAILS:
                yield (
                    lambda size, b=before, p=pump, t=tail: (  # type: ignore[misc]
                        (b + p * size)[: size - len(t)] + t
                    )
                )


def seconds(pattern: re.Pattern[str], text: str, tries: int) -> float:
    """The processor's, at best: `sub` looks at every place of the text, `match` at its first."""
    least = float("inf")
    for _ in range(tries):
        began = time.thread_time()
        pattern.match(text)
        pattern.fullmatch(text)
        pattern.sub("", text)
        least = min(least, time.thread_time() - began)
    return least


def growth(pattern: re.Pattern[str]) -> float:
    """By how much longer a long text takes than the short one of its kind: the first that takes
    too long, or the worst of all.
    """
    worst = 0.0
    for make in hostile(pattern):
        long = seconds(pattern, make(LONG), 1)
        if long < NOISE_SECONDS:
            continue
        for tries in (1, 5, 25):  # looked at more closely where the first look finds it slow
            long = seconds(pattern, make(LONG), tries) if long < BEYOND_DOUBT else long
            ratio = long / max(seconds(pattern, make(SHORT), tries), 1e-9)
            if long < NOISE_SECONDS or ratio <= MOST:
                break
            if long >= BEYOND_DOUBT:
                return ratio
        else:
            return ratio
        worst = max(worst, min(ratio, MOST))
    return worst


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_takes_the_square_of_a_text_of_peoples(name: str) -> None:
    """Neither at its beginning, nor at each place of it."""
    assert growth(PATTERNS[name]) <= MOST


@pytest.mark.parametrize(
    "slow",
    [
        OLD_WISH,
        re.compile(r"\s+$"),
        re.compile(r"#[^\S\n]+(.*\S)"),
    ],
)
def test_a_pattern_that_does_is_found(slow: re.Pattern[str]) -> None:
    """The test itself is tested; the first is the wish for a name as it was."""
    assert growth(slow) > MOST


def test_patterns_that_meet_peoples_text_stand_in_tables() -> None:
    """Nowhere else in this front is one made."""
    found = set()
    for path in (ROOT / "bot").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            match node:
                case ast.Import(names=names) if any(name.name == "re" for name in names):
                    found.add(str(path.relative_to(ROOT)))
                case ast.ImportFrom(module="re"):
                    found.add(str(path.relative_to(ROOT)))
    assert found == {"bot/texts/patterns.py"}
    tables = ("bot/texts/patterns.py", "config/languages.py", "drive/uploading/names.py")
    sources = [(ROOT / path).read_text("utf-8") for path in tables]
    made = [
        node
        for source in sources
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "compile"
    ]
    assert len(made) == len(PATTERNS)


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("#name a b.pdf", ("a b.pdf", "")),
        (" \n#NAME \u3000 a  \t\nrest\n", ("a", "rest\n")),
        ("#name a\n\nrest", ("a", "\nrest")),
        ("#name", ("", "#name")),
        ("#name   ", ("", "#name   ")),
        ("#name \n a", ("", "#name \n a")),
        ("#names a", ("", "#names a")),
        ("x #name a", ("", "x #name a")),
        ("#name a\u2003", ("a", "")),
    ],
)
def test_a_wish_is_what_it_was(text: str, wish: tuple[str, str]) -> None:
    """The new pattern says the same, as does the old one here."""
    assert wished_name(text) == wish
    old = OLD_WISH.match(text)
    assert ((old[1], text[old.end() :]) if old else ("", text)) == wish
