"""No repr shows what is kept: it may end in a traceback, or in whatever shows one."""

from __future__ import annotations

import ast
from pathlib import Path

from security.storage.sql.shelves.shelf import Content

ROOT = Path(__file__).parents[2]
CONTENTS = {"bytes", "Document"}


def test_no_record_shows_the_contents_of_a_document() -> None:
    """Neither as they are kept nor opened."""
    shown = []
    for path in sorted((ROOT / "security").rglob("*.py")):
        for found in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(found, ast.ClassDef) and _has_repr(found):
                fields = [one for one in found.body if isinstance(one, ast.AnnAssign)]
                shown += [
                    f"{path.name}: {found.name}.{_name(one)}" for one in fields if _shows(one)
                ]
    assert shown == []
    assert "canary" not in repr(Content(1, b"canary", {"token": "canary"}))


def _has_repr(found: ast.ClassDef) -> bool:
    made = " ".join(map(ast.unparse, found.decorator_list))
    return "dataclass" in made and "repr=False" not in made


def _name(field: ast.AnnAssign) -> str:
    return ast.unparse(field.target)


def _shows(field: ast.AnnAssign) -> bool:
    names = {one.id for one in ast.walk(field.annotation) if isinstance(one, ast.Name)}
    value = "" if field.value is None else ast.unparse(field.value)
    return bool(names & CONTENTS) and "Callable" not in names and "repr=False" not in value
