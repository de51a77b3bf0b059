"""The queue of updates and the two ways out of it: getUpdates and, in webhook.py, a webhook.

https://core.telegram.org/bots/api#getting-updates; details such as who gets the 409 follow
`do_get_updates` and `abort_long_poll` of the public server.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass

from sandbox.telegram.errors import OTHER_GET_UPDATES, WEBHOOK_ACTIVE, ApiError
from sandbox.telegram.model import Json, dumps

TYPES = frozenset(
    {
        "message",
        "edited_message",
        "channel_post",
        "edited_channel_post",
        "business_connection",
        "business_message",
        "edited_business_message",
        "deleted_business_messages",
        "message_reaction",
        "message_reaction_count",
        "inline_query",
        "chosen_inline_result",
        "callback_query",
        "shipping_query",
        "pre_checkout_query",
        "purchased_paid_media",
        "poll",
        "poll_answer",
        "my_chat_member",
        "chat_member",
        "chat_join_request",
        "chat_boost",
        "removed_chat_boost",
    }
)
# "all update types except chat_member, message_reaction, and message_reaction_count (default)"
DEFAULT_TYPES = TYPES - {"chat_member", "message_reaction", "message_reaction_count"}
LIFETIME = 24 * 60 * 60  # "incoming updates are stored … not longer than 24 hours"
LONGEST_POLL = 50
BATCHING = 0.002  # what the real server waits for more before it answers a long poll
CONFLICT_PAUSE = 3.0  # a second conflict within this time is answered only this much later


@dataclass(frozen=True)
class Update:
    """One update, already written out."""

    id: int
    kind: str
    text: str
    at: float


class UpdateQueue:
    """Updates of one bot, oldest first."""

    def __init__(self, first_id: int = 0) -> None:
        # Rises over restarts of the sandbox too: a bot may remember which updates it has seen.
        self._next_id = max(first_id, int(time.time()))
        self.pending: deque[Update] = deque()
        self.allowed: frozenset[str] = DEFAULT_TYPES
        self.webhook_active = False
        self.polls = 0
        self._poll: asyncio.Future[None] | None = None
        self._next_conflict = 0.0
        self._arrived = asyncio.Event()

    def put(self, kind: str, payload: Json) -> int | None:
        """Add an update unless its kind is not wanted; return its number."""
        if kind not in self.allowed:
            return None
        number = self._next_id
        self._next_id += 1
        text = dumps({"update_id": number, kind: payload})
        self.pending.append(Update(number, kind, text, time.time()))
        self.release_poll()
        self._arrived.set()
        return number

    def allow(self, kinds: list[str]) -> None:
        """Remember `allowed_updates`; an empty list means the default again."""
        known = frozenset(kind for kind in kinds if kind in TYPES)
        self.allowed = known or DEFAULT_TYPES

    @property
    def next_id(self) -> int:
        """The number of the next update."""
        return self._next_id

    def release_poll(self) -> None:
        """Let the long poll that is waiting answer now."""
        if self._poll is not None and not self._poll.done():
            self._poll.set_result(None)

    def clear(self) -> None:
        """Forget all pending updates (`drop_pending_updates`)."""
        self.pending.clear()

    def confirm(self, number: int) -> None:
        """Forget the update with this number."""
        if self.pending and self.pending[0].id == number:
            self.pending.popleft()

    def _confirm_before(self, offset: int) -> None:
        oldest = time.time() - LIFETIME
        while self.pending and (self.pending[0].id < offset or self.pending[0].at < oldest):
            self.pending.popleft()

    async def get(self, offset: int, limit: int, timeout: int) -> str:  # noqa: ASYNC109 - Telegram's
        """Answer getUpdates: a JSON array. Raises ApiError 409."""
        self.polls += 1
        if self.webhook_active:
            await self._conflict(WEBHOOK_ACTIVE)
        if offset < 0:
            while len(self.pending) > -offset:
                self.pending.popleft()
        self._confirm_before(offset)
        if not self.pending and timeout:
            await self._long_poll(min(timeout, LONGEST_POLL))
            self._confirm_before(offset)
        chosen = [self.pending[i].text for i in range(min(limit, len(self.pending)))]
        return f"[{','.join(chosen)}]"

    async def _long_poll(self, seconds: float) -> None:
        """Wait for an update; a later long poll takes this one's place."""
        self.abort_poll(OTHER_GET_UPDATES)
        mine = self._poll = asyncio.get_running_loop().create_future()
        try:
            await asyncio.wait_for(mine, seconds)
            await asyncio.sleep(BATCHING)
        except TimeoutError:
            return
        except ApiError as error:
            await self._conflict(error.description)
        finally:
            if self._poll is mine:
                self._poll = None

    def abort_poll(self, description: str) -> None:
        """End the long poll that is waiting, with a 409."""
        if self._poll is not None and not self._poll.done():
            self._poll.set_exception(ApiError(409, description))
        self._poll = None

    async def _conflict(self, description: str) -> None:
        now = time.monotonic()
        if now < self._next_conflict:
            await asyncio.sleep(CONFLICT_PAUSE)
        else:
            self._next_conflict = now + CONFLICT_PAUSE
        raise ApiError(409, description)

    async def first(self) -> Update:
        """Wait for the oldest update (for a webhook)."""
        while not self.pending:
            self._arrived.clear()
            await self._arrived.wait()
        return self.pending[0]
