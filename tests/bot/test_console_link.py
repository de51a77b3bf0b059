"""/console: the link stands in its button alone. Notices of a telephone and quotes show texts."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.clients.person import Person
from tests.fixtures import StartBot
from tests.journeys import open_page

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


@pytest.mark.encryption("on")
async def test_whoever_types_the_address_alone_finds_a_page(start_bot: StartBot) -> None:
    """As where there is no bot beside it."""
    client = {"WEB_GOOGLE_CLIENT_ID": "web", "WEB_GOOGLE_CLIENT_SECRET": "web"}
    async with start_bot(flow="device", PUBLIC_URL=BASE, **client) as bot:
        there = f"http://127.0.0.1:{bot.settings.web_port}/"
        assert (await open_page(there, Host="drive.example"))[0] == 303
        status, page = await open_page(there, Accept="text/html")
        assert (status, "This is not the service’s address" in page) == (421, True)
