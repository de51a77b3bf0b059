"""A roster is personal: no name, number, cell or address of it is in any log, or on the disk."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sandbox.clients.group import Group
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from sandbox.server import Sandbox
from security.credential import Owner
from security.storage.protocol import Key, Put, Unit
from sheets.people.kinds import NOTICES
from tests.bot.duty.conftest import ROOT, Planner, StartDepot
from tests.bot.duty.test_duty import forged, until_told
from tests.bot.duty.test_private import CLIENT, PAGES, address, secret_of

People = Callable[..., Person]
pytestmark = pytest.mark.encryption("on")
NUMBER, NAME, CELL, OLD = "KANARI7731", "金絲雀", "雀班8842", "雀班1177"
CHAT_NAME, TITLE = "Kanarienvogel", "雀表"
SECRETS = (NUMBER, NAME, CELL, OLD, CHAT_NAME, TITLE, NUMBER.lower())


async def test_nothing_of_a_roster_is_logged_or_lies_open(
    start_depot: StartDepot,
    planner: Planner,
    people: People,
    sandbox: Sandbox,
    telegram: TelegramControls,
) -> None:
    """Asked, decided, shown, told, counted, taken back; and what goes wrong on the way."""
    ann, root = people(501, CHAT_NAME), people(ROOT, "Root")
    for one in (ann, root):
        await one.start()
    number = await telegram.make_group("Depot", [501, ROOT], told=False)
    planner.people, planner.title = {NUMBER: NAME, "A1002": "李四"}, TITLE
    planner.put(NUMBER, 0, OLD)
    await planner.write()
    more = {"LOG_LEVEL": "DEBUG", "ALLOWED_CHAT_IDS": str(number), **PAGES, **CLIENT}
    async with start_depot(**more) as depot, Group(sandbox.url, number) as group:
        await ann.send(f"/duty {NUMBER.lower()}")
        await root.tap("Yes, link", await root.wait_for(f"On the roster {NUMBER} is “{NAME}”."))
        await ann.wait_for(f"you are {NUMBER}")
        found = await address(depot, ann)
        await ann.tap("Tell me of changes", next(m for m in ann.messages() if OLD in m.text))
        await ann.wait_for(lambda m: m.button("✓ Tell me") is not None)
        await ann.tap("This month")
        await ann.wait_for(f"⚠ {OLD}")
        await group.by(root).send("/duty@drivekeeper_sandbox_bot changes")
        await group.wait_for("of nobody in particular")
        for said in (f"/duty@drivekeeper_sandbox_bot {NUMBER}", "/duty@drivekeeper_sandbox_bot 1"):
            await group.by(ann).send(said)
        await group.wait_for("Here everybody sees only their own.")
        planner.put(NUMBER, 0, CELL)
        await planner.write()
        await depot.look()
        await until_told(depot, ann, CELL)
        await until_told(depot, group, "1 cell changed, 1 person affected.")
        # What is damaged, what is not meant for anybody, and a number that is none.
        name = f"{Owner.user(501).stem}.tanhae.roster"
        broken = {"number": NUMBER, "changes": [{"person": NUMBER, "day": CELL}]}
        depot.bot.services.core.storage.apply([Unit([Put(Key(NOTICES, name), broken)])])
        await depot.tell()
        await forged(depot, ann, "duty:501:m:雀:2026-12")
        await ann.send(f"/duty {NUMBER} {NAME} {CELL}")
        await ann.wait_for("Sent to the administrators")
        await root.wait_for("No roster has this number.")
        depot.sheets.people.unlink(Owner.user(501))
        assert "roster_told" in depot.log()
        kept = depot.log() + depot.bot.stored_text()
        assert [secret for secret in (*SECRETS, secret_of(found)) if secret in kept] == []
