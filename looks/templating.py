"""Pages out of templates: a front's own, and those that all have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

_COMMON: Final = Path(__file__).parent / "templates"


def environment(own: Path, static: Callable[[str], str]) -> Environment:
    """What renders a front's templates.

    Args:
        own: the front's folder of them.
        static: where a static file is, by its name: `static("tokens.css")` in a template.
    """
    made = Environment(
        loader=FileSystemLoader([own, _COMMON]),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["static"] = static
    return made
