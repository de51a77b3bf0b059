"""/console: the link stands in its button alone. Notices of a telephone and quotes show texts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.clients.person import Person
from tests.fixtures import StartBot

BASE = "https://drive.example"


@pytest.mark.encryption("on")
async def test_the_link_is_in_the_button_and_not_in_the_text(
    start_bot: StartBot, people: Callable[..., Person]
) -> None:
    async with start_bot(ADMIN_USER_IDS="900", PUBLIC_URL=BASE, WEB_PORT="0") as bot:
        root = people(900, "Root")
        await root.send("/console")
        said = await root.wait_for("Sign in to the web pages")
        [[button]] = said.raw["reply_markup"]["inline_keyboard"]
        secret = button["url"].removeprefix(f"{BASE}/console/enter/")
        assert len(secret) == 43
        where = said.raw["text"] + str(said.raw.get("entities")) + button["text"]
        assert (secret in where, "drive.example" in where) == (False, False)
        assert said.raw["link_preview_options"] == {"is_disabled": True}
        for kept in (bot.log.getvalue(), bot.stored_text()):
            assert secret not in kept
