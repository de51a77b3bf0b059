"""What the description's own format means, for schemathesis: its process imports this."""

from __future__ import annotations

import schemathesis
from hypothesis import strategies

from departments.clients.clients import LONGEST_LABEL

_SEEN = strategies.characters(categories=("L", "N", "P", "S"), codec="utf-8")
schemathesis.openapi.format(
    "label", strategies.text(_SEEN, min_size=1, max_size=LONGEST_LABEL // 3)
)
