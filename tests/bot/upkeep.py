"""Hands for the tests of what sweeps find: credentials made at once, sweeps made at will."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from security.credential import Credential, Owner
from tests.fixtures import RunningBot
from tests.security.kit import World

DUE = 5
"""Minutes left where a sweep is to refresh."""


class Upkeep:
    """One data folder, with or without the bot on it."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def connect(self, person: Person | Owner, minutes_left: float = DUE) -> Credential:
        """Connected with an account of their own, without a word in the chat."""
        owner = person if isinstance(person, Owner) else Owner.user(person.id)
        account = account_of(owner)
        return await self.world.connect(owner, account, minutes_left=minutes_left)

    async def revoke(self, *people: Person | Owner) -> None:
        """Google ends their grants."""
        for person in people:
            owner = person if isinstance(person, Owner) else Owner.user(person.id)
            await self.world.google.revoke(account_of(owner))

    def told(self) -> list[bool]:
        """Of each copy in quarantine, whether its owner knows."""
        return [record.told for record in self.world.store.copies.records()]


def account_of(owner: Owner) -> str:
    """The owner's Google account."""
    return f"{owner.key}@example.com"


def among_many(bot: RunningBot) -> None:
    """A few condemned are no sign of a fault of the configuration."""
    for grant in (True, False):
        for _ in range(100):
            now = datetime.now(UTC).timestamp()
            bot.services.core.state.rejections.count_good(now, grant=grant)


def by_hand(bot: RunningBot) -> None:
    """No sweep comes by itself while the test is at work."""
    jobs = bot.application.job_queue
    assert jobs is not None
    for job in jobs.get_jobs_by_name("first maintenance"):
        job.schedule_removal()


async def sweep(bot: RunningBot, times: int = 1) -> None:
    """What the scheduler does by itself."""
    jobs = bot.application.job_queue
    assert jobs is not None
    (job,) = jobs.get_jobs_by_name("maintenance")
    for _ in range(times):
        await job.run(bot.application)


def logged(bot: RunningBot, event: str) -> list[dict[str, Any]]:
    """The log's lines of this event."""
    said = f'"event": "{event}"'  # looked for first: a log has thousands of other lines
    return [json.loads(line) for line in bot.log.getvalue().splitlines() if said in line]


async def said_to(person: Person, text: str) -> list[Message]:
    """All messages of the bot with `text`, after everything it had to say."""
    await person.send("/privacy")
    await person.wait_for(lambda m: m.button("erase:ask") is not None)
    return [m for m in person.messages() if m.from_bot and text in m.text]
