"""`Group`: a group with the bot in it, as its members see it. For tests and demonstrations.

async with Group(url, await controls.make_group("Depot", [ann.id])) as group:
    await group.by(ann).send_document(b"…", "plan.pdf", caption="@bot")
    await group.wait_for("is in Ann's Drive")
"""

from __future__ import annotations

from typing import Self

from sandbox.clients.connection import Json
from sandbox.clients.person import Person


class Group(Person):
    """All that a person does in a private chat, by one member of the group or another."""

    def __init__(self, base_url: str, chat_id: int):
        super().__init__(base_url, chat_id)
        self._member = 0

    def by(self, member: Person) -> Self:
        """Let this member do what is called next."""
        self._member = member.id
        return self

    async def _register(self) -> None:
        """Do nothing: a group is there already, and is nobody's account."""

    def _actor(self) -> Json:
        return {"user_id": self._member, **super()._actor()}
