"""The rules of failures: what they are made of, and how they are read from JSON."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import NoneType
from typing import Any

from sandbox.json_api import InvalidRequest, Kinds, check_kinds

# Each kind, and the options that it cannot do without.
KINDS: dict[str, tuple[str, ...]] = {
    "status": (),
    "oauth_error": ("error",),
    "html": (),
    "drop": (),
    "hang": (),
    "latency": ("seconds",),
    "cut_body": ("after_bytes",),
    "cut_response": ("after_bytes",),
    "altered": (),
    "after": (),
    "odd": (),
}
_OF_ALL: Kinds = {
    "target": str,
    "kind": str,
    "count": (int, NoneType),
    "skip": int,
    "owner": (str, int, NoneType),
}
_OPTIONS: Kinds = {
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


def read_fault(number: str, spec: dict[str, Any]) -> Fault:
    """Make a rule of a JSON object; raises InvalidRequest."""
    kind = str(spec.get("kind"))
    if kind not in KINDS:
        raise InvalidRequest(f"kind: one of {', '.join(sorted(KINDS))}")
    check_kinds(spec, {**_OF_ALL, **_OPTIONS}, "target", *KINDS[kind])
    if kind == "status" and spec.keys().isdisjoint(("status", "reason")):
        raise InvalidRequest("status: needed for kind status")
    if (skip := spec.get("skip", 0)) < 0:
        raise InvalidRequest("skip: a whole number")
    count, owner = spec.get("count", 1), spec.get("owner")
    remaining = count if count and count > 0 else None
    options = {name: value for name, value in spec.items() if name in _OPTIONS}
    whose = None if owner is None else str(owner)
    return Fault(number, spec["target"], kind, remaining, skip, whose, options)
