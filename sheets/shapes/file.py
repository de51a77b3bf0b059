"""sheets.toml: every sheet that is mirrored, or all that is wrong with the file, line by line."""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter, ValidationError

from sheets.shapes.lines import line_of, lines_of
from sheets.shapes.models import (
    KINDS,
    MODEL_OF,
    NAME,
    REFERENCE,
    AnyShape,
    Cell,
    CodeTable,
    Shape,
    id_in,
)

LARGEST: Final = 256 * 1024
"""Bytes of a file."""
MOST_SHEETS: Final = 200

_Name = Annotated[str, Field(pattern=NAME)]
_Slug = Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,30}$")]
FILE: Final[TypeAdapter[dict[str, dict[str, Any]]]] = TypeAdapter(
    dict[_Slug, dict[_Name, AnyShape]]
)
_LINE: Final = re.compile(r"\(at line (\d+), column \d+\)")
_FORMS: Final = {
    "title": "must be a text on one line, of 60 characters at most",
    "spreadsheet": "must be the id of a spreadsheet, or its address at docs.google.com "
    "(one that ends in /pubhtml will not do)",
    "tab": "must be the title of a tab: a text on one line, of 100 characters at most",
    "gid": "must be a whole number, as after #gid= in the address",
    "months": "must be a list of whole numbers from -12 to 12, such as [0, 1]",
    "header": 'must be "auto" or the number of a row',
    "zone": "must be a zone of IANA's, such as Asia/Taipei",
    "codes": 'must name a sheet, such as "tanhae.codes"',
    "person_form": "must be a pattern of 500 characters at most",
    "cell": "must be a table of patterns: shift, leave, rest, note",
    "leaves": 'must be a table of texts, such as "特" = "特休"',
    "kind": f"must be {', '.join(KINDS[:-1])} or {KINDS[-1]}",
    "persons": "must be true or false",
    "key": "must be a list of column titles, 10 at most",
}
_ALIASES: Final = 'must be a list of column titles, such as ["姓名"], 40 at most'
_PATTERNS: Final = "must be a pattern, or a list of them, each of 500 characters at most"


@dataclass(frozen=True, slots=True, order=True)
class ShapeFault:
    """One thing that is wrong with the file. Nothing in it is a value of the file."""

    line: int
    where: str
    """The key, with what it is in: `tanhae.roster.tab`; empty: the file."""
    sentence: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.where}{' ' if self.where else ''}{self.sentence}"


class ShapeFaults(ValueError):
    """All that is wrong with the file, each on its line."""

    def __init__(self, faults: Collection[ShapeFault]) -> None:
        self.faults = tuple(sorted({*faults}))
        super().__init__("\n".join(map(str, self.faults)))


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet that is mirrored."""

    department: str
    """Its slug."""
    name: str
    spreadsheet: str = field(repr=False)
    """Its id."""
    shape: Shape = field(repr=False)
    codes: str | None = None
    """The `id` of the sheet with the times of its codes."""

    @property
    def id(self) -> str:
        """Of all sheets its own: `tanhae.roster`."""
        return f"{self.department}.{self.name}"

    @property
    def title(self) -> str:
        """What people call it."""
        return self.shape.title or self.name

    @property
    def fingerprint(self) -> str:
        """Another, as soon as the same cells may mean something else."""
        text = self.shape.model_dump_json(exclude={"title", "persons"})
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def parse_shapes(text: str | bytes, departments: Collection[str]) -> dict[str, Sheet]:
    """The sheets that the file names, by their ids, in its order.

    Args:
        departments: the slugs that there are.

    Raises:
        ShapeFaults: with everything that is wrong with it.
    """
    data, text = _read(text)
    lines = lines_of(text)
    faults = [
        ShapeFault(line_of(lines, path), ".".join(path), sentence)
        for path, sentence in _faults_of(data, departments)
    ]
    if faults:
        raise ShapeFaults(faults)
    shapes = FILE.validate_python(data)
    homes = {f"{d}.{n}": home for d, n, home in _homes(shapes)}
    return {
        f"{department}.{name}": Sheet(
            department, name, homes[f"{department}.{name}"], shape, getattr(shape, "codes", None)
        )
        for department, sheets in shapes.items()
        for name, shape in sheets.items()
    }


def _read(text: str | bytes) -> tuple[dict[str, Any], str]:
    if len(text) > LARGEST:
        raise ShapeFaults([ShapeFault(1, "", f"the file is larger than {LARGEST // 1024} kB")])
    try:
        if isinstance(text, bytes):
            text = text.decode("utf-8-sig")
        text = text.replace("\r\n", "\n")
        return tomllib.loads(text), text
    except UnicodeDecodeError as fault:
        line = text.count(b"\n", 0, fault.start) + 1 if isinstance(text, bytes) else 1
        raise ShapeFaults([ShapeFault(line, "", "is not in UTF-8")]) from None
    except tomllib.TOMLDecodeError as fault:
        match = _LINE.search(str(fault))
        line = int(match[1]) if match else str(text).count("\n") + 1
        what = str(fault).partition("(at ")[0].strip().rstrip(".")
        # What it says of a key or a character may quote it.
        known = what if "'" not in what and '"' not in what else "it cannot be read there"
        raise ShapeFaults([ShapeFault(line, "", f"is not TOML: {known}")]) from None
    except (RecursionError, ValueError):
        raise ShapeFaults([ShapeFault(1, "", "is not TOML")]) from None


_Found = tuple[tuple[str, ...], str]
"""A path, and what is wrong there."""


def _faults_of(data: Mapping[str, Any], departments: Collection[str]) -> Iterator[_Found]:
    if sum(len(each) for each in data.values() if isinstance(each, dict)) > MOST_SHEETS:
        yield (), f"names more than {MOST_SHEETS} sheets"
        return
    for slug in data:
        if slug not in departments:
            yield (slug,), "is no department's slug in DEPARTMENTS"
    try:
        FILE.validate_python(data)
    except ValidationError as error:
        yield from _told(error, data)
    good = dict(_good(data))
    for slug, name, raw in _every(data):
        codes = raw.get("codes")
        # One of another form is told of already.
        if not isinstance(codes, str) or not re.fullmatch(REFERENCE, codes):
            continue
        named = next((each for s, n, each in _every(data) if f"{s}.{n}" == codes), None)
        if named is None:
            yield (slug, name, "codes"), "names a sheet that is not in this file"
        elif named.get("kind") != "code-table":
            yield (slug, name, "codes"), "names a sheet that is no code-table"
    yield from _homeless(good, data)


def _homeless(good: Mapping[tuple[str, str], Shape], data: Mapping[str, Any]) -> Iterator[_Found]:
    """What has no spreadsheet, and no sheet that says in which it is."""
    for (slug, name), shape in good.items():
        if shape.spreadsheet is not None:
            continue
        if not isinstance(shape, CodeTable):
            yield (slug, name), "has no spreadsheet"
            continue
        named_by = [each for _, _, each in _every(data) if each.get("codes") == f"{slug}.{name}"]
        # A sheet that names it and has a fault of its own is told of already.
        homes = {id_in(str(each.get("spreadsheet"))) for each in named_by}
        if len(homes) != 1:
            why = "no sheet names it in codes" if not homes else "sheets of several name it"
            yield (slug, name), f"has no spreadsheet, and {why}"


def _homes(shapes: Mapping[str, Mapping[str, Shape]]) -> Iterator[tuple[str, str, str]]:
    """Of each sheet the spreadsheet it is in."""
    every = [(d, n, shape) for d, sheets in shapes.items() for n, shape in sheets.items()]
    lent = {
        getattr(shape, "codes", None): shape.spreadsheet
        for _, _, shape in every
        if shape.spreadsheet is not None
    }
    for department, name, shape in every:
        found = shape.spreadsheet or lent.get(f"{department}.{name}") or ""
        yield department, name, id_in(found)


def _good(data: Mapping[str, Any]) -> Iterator[tuple[tuple[str, str], Shape]]:
    """The sheets that have no fault of their own."""
    for slug, name, raw in _every(data):
        model = MODEL_OF.get(str(raw.get("kind")))
        if model is not None:
            try:
                yield (slug, name), model.model_validate(raw)
            except ValidationError:
                continue


def _every(data: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Whatever is a sheet by its place in the file."""
    for slug, sheets in data.items():
        for name, raw in sheets.items() if isinstance(sheets, dict) else ():
            if isinstance(raw, dict):
                yield slug, name, raw


def _told(error: ValidationError, data: Mapping[str, Any]) -> Iterator[_Found]:
    """Each fault by the path it has in the file, once a key."""
    seen = set[tuple[str, ...]]()
    for item in error.errors(include_input=False, include_url=False, include_context=True):
        parts = [str(part) for part in item["loc"]]
        kind = str(item["type"])
        if parts[-1:] == ["[key]"]:
            path, sentence = tuple(parts[:-1]), _name_fault(parts)
        else:
            # A kind stands in the path where the file has none of it.
            path = tuple(part for place, part in enumerate(parts) if place != 2)[:4]
            sentence = _sentence(kind, path, parts, item["msg"])
            if kind.startswith("union_tag"):
                path = (*path[:2], "kind") if kind == "union_tag_invalid" else path[:2]
            elif kind == "missing":
                path = path[:2]
            elif path[2:3] != ("cell",):
                path = path[:3]
        if path not in seen:
            seen.add(path)
            yield path, sentence


def _name_fault(parts: list[str]) -> str:
    if len(parts) == 2:
        return "is no slug: a-z, then a-z and 0-9"
    if parts[-2] in KINDS or "leaves" in parts:
        return _FORMS["leaves"]
    return "is no name of a sheet: a-z, then a-z, 0-9 and -, 31 at most"


def _sentence(kind: str, path: tuple[str, ...], parts: list[str], message: str) -> str:
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind == "union_tag_invalid":
        return _FORMS["kind"]
    if kind == "union_tag_not_found":
        return f"has no kind: it {_FORMS['kind']}"
    if kind == "missing":
        return f"has no {path[-1]}"
    if kind == "extra_forbidden":
        return _unknown(path, parts)
    if len(path) < 3:
        return "must be a table of sheets" if len(path) == 1 else "must be a table"
    if path[2] == "cell" and len(path) > 3:
        return _PATTERNS
    return _FORMS.get(path[2], _ALIASES)


def _unknown(path: tuple[str, ...], parts: list[str]) -> str:
    if path[2:3] == ("cell",):
        known = [*Cell.model_fields]
    else:
        known = [*MODEL_OF[parts[2]].model_fields] if len(parts) > 2 else []
    near = difflib.get_close_matches(path[-1], known, 1)
    hint = f"; {near[0]} is meant perhaps" if near else ""
    of_what = "cell" if path[2:3] == ("cell",) else f"a sheet of kind {parts[2]}"
    return f"is no key of {of_what}{hint}"
