"""The pages' styles, script and icon."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from looks.static import StaticFiles

_FILES: Final = StaticFiles(Path(__file__).parent / "static")
address_of = _FILES.address_of
add_static = _FILES.add_to
