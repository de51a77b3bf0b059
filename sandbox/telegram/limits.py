"""Telegram's limits on how fast a bot may write: always counted, refused only when told to.

https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this: about one message
a second in a chat with short bursts, about 30 a second over all chats, 20 a minute in a group.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any

from sandbox.json_api import Kinds, check_kinds
from sandbox.telegram.errors import too_many_requests
from sandbox.telegram.model import Chat, Json

_KEPT = 200
_KINDS: Kinds = {
    "enforce": bool,
    "burst": int,
    "per_second": (int, float),
    "overall_per_second": int,
    "group_per_minute": int,
    "retry_after": int,
}


@dataclass
class Limits:
    """What is allowed, and who broke it."""

    enforce: bool = False
    burst: int = 5  # messages at once to one chat, before one a second is all there is
    per_second: float = 1.0
    overall_per_second: int = 30
    group_per_minute: int = 20
    retry_after: int = 0  # 0: as long as it takes
    violations: int = 0
    recent: deque[Json] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _buckets: dict[int, tuple[float, float]] = field(default_factory=dict)
    _groups: defaultdict[int, deque[float]] = field(default_factory=lambda: defaultdict(deque))
    _overall: deque[float] = field(default_factory=deque)

    def configure(self, changes: dict[str, Any]) -> None:
        """Change limits by name; raises InvalidRequest."""
        check_kinds(changes, _KINDS)
        for name, value in changes.items():
            setattr(self, name, value)

    def as_json(self) -> Json:
        """The limits, as the chat's API shows them."""
        return {name: getattr(self, name) for name in _KINDS}

    def note(self, chat: Chat, method: str) -> None:
        """Count a message or an edit; raises ApiError 429 where limits are enforced."""
        now = time.monotonic()
        group = deque[float]() if chat.type == "private" else self._groups[chat.id]
        wait, which = max(
            (self._chat(chat.id, now), "chat"),
            (_pause(self._overall, self.overall_per_second, 1, now), "overall"),
            (_pause(group, self.group_per_minute, 60, now), "group"),
        )
        if wait > 0:
            self.violations += 1
            self.recent.append(
                {"chat_id": chat.id, "method": method, "limit": which, "at": time.time()}
            )
            if self.enforce:
                raise too_many_requests(self.retry_after or math.ceil(wait))
        tokens, at = self._buckets[chat.id]
        self._buckets[chat.id] = (max(tokens - 1, 0.0), at)
        self._overall.append(now)
        group.append(now)

    def _chat(self, chat_id: int, now: float) -> float:
        tokens, at = self._buckets.get(chat_id, (float(self.burst), now))
        tokens = min(float(self.burst), tokens + (now - at) * self.per_second)
        self._buckets[chat_id] = (tokens, now)
        return (1 - tokens) / self.per_second


def _pause(times: deque[float], most: int, seconds: int, now: float) -> float:
    """How long to wait so that no more than so many fall into so many seconds."""
    while times and times[0] <= now - seconds:
        times.popleft()
    return times[0] + seconds - now if times and len(times) >= most else 0.0
