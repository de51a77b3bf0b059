"""The rules of failures: what they are made of, and how they are read from JSON."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from sandbox.json_api import InvalidRequest

KINDS = frozenset(
    {
        "status",
        "oauth_error",
        "html",
        "drop",
        "hang",
        "latency",
        "cut_body",
        "cut_response",
        "altered",
        "after",
        "odd",
    }
)
_OPTIONS: dict[str, type | tuple[type, ...]] = {
    "status": int,
    "retry_after": (int, float),
    "body": (str, dict, list),
    "content_type": str,
    "reason": str,
    "error": str,
    "error_description": str,
    "seconds": (int, float),
    "after_bytes": int,
    "set": dict,
    "drop": list,
    "headers": dict,
    "padded": bool,
    "chunked": bool,
    "gzip": bool,
}
_NEEDED = {
    "oauth_error": "error",
    "latency": "seconds",
    "cut_body": "after_bytes",
    "cut_response": "after_bytes",
}


@dataclass
class Fault:
    """One rule. ``remaining`` None: until it is cleared."""

    id: str
    target: str
    kind: str
    remaining: int | None
    skip: int
    owner: str | None
    options: dict[str, Any]
    hits: int = 0
    cleared: asyncio.Event = field(default_factory=asyncio.Event)

    def matches(self, operation: str) -> bool:
        """Whether the rule is about this operation (whoever calls it)."""
        if self.remaining is not None and self.remaining <= 0:
            return False
        return fnmatchcase(operation.lower(), self.target.lower())

    def count_call(self) -> bool:
        """Count one matching call; tell whether the rule strikes it."""
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.remaining is not None:
            self.remaining -= 1
        self.hits += 1
        return True

    def as_dict(self) -> dict[str, Any]:
        """The rule, as the control API shows it."""
        return {
            "id": self.id,
            "target": self.target,
            "kind": self.kind,
            "remaining": self.remaining,
            "skip": self.skip,
            "owner": self.owner,
            "hits": self.hits,
            **self.options,
        }


@dataclass(frozen=True)
class Rate:
    """A limit on the bytes per second of each matching request, in each direction."""

    id: str
    target: str
    bytes_per_second: float


def read_fault(number: str, spec: dict[str, Any]) -> Fault:
    """Make a rule of a JSON object; raises InvalidRequest."""
    spec = dict(spec)
    target, kind = spec.pop("target", None), spec.pop("kind", None)
    if not isinstance(target, str) or not target:
        raise InvalidRequest("target: a pattern over operation names is needed")
    if kind not in KINDS:
        raise InvalidRequest(f"kind: one of {', '.join(sorted(KINDS))}")
    count, skip, owner = spec.pop("count", 1), spec.pop("skip", 0), spec.pop("owner", None)
    if count is not None and (not isinstance(count, int) or isinstance(count, bool)):
        raise InvalidRequest("count: a whole number, or null for 'until cleared'")
    if not isinstance(skip, int) or skip < 0:
        raise InvalidRequest("skip: a whole number")
    for name, value in spec.items():
        if name not in _OPTIONS:
            raise InvalidRequest(f"{name}: unknown")
        if not isinstance(value, _OPTIONS[name]):
            raise InvalidRequest(f"{name}: wrong type")
    if (needed := _NEEDED.get(kind)) and needed not in spec:
        raise InvalidRequest(f"{needed}: needed for kind {kind}")
    if kind == "status" and "status" not in spec and "reason" not in spec:
        raise InvalidRequest("status: needed for kind status")
    remaining = None if count is None or count <= 0 else count
    return Fault(number, target, kind, remaining, skip, None if owner is None else str(owner), spec)
