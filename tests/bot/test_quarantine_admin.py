"""/quarantine: an administrator looks, restores, purges; every refusal says why."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from bot.kinds import UPDATES
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from security.credential import Owner
from tests.bot.upkeep import Upkeep, by_hand, sweep
from tests.fixtures import StartBot
from tests.journeys import until
from tests.security.kit import a_credential
from tests.spots import credential_at

People = Callable[..., Person]

# None of this depends on how credentials are kept.
pytestmark = pytest.mark.one_way("on")


def set_aside(upkeep: Upkeep, owner: Owner, reason: str = "invalid_grant") -> None:
    """The owner's credential goes into quarantine."""
    store = upkeep.world.store
    store.copies.set_aside(owner, reason)


async def opened(root: Person, number: int) -> Message:
    """The list, and then this entry of it."""
    await root.send("/quarantine")
    listed = await root.wait_for("🗄 Quarantine")
    await root.tap(str(number), listed)
    return await root.wait_for("Why:")


async def test_copies_are_listed_by_pages_newest_first_and_by_masks(
    start_bot: StartBot, upkeep: Upkeep, people: People
) -> None:
    """No button and no line holds anybody's id."""
    root = people(900, "Root")
    owners = [Owner.user(77_501_000 + number) for number in range(10)]
    for owner in owners:
        upkeep.world.store.save_consent(a_credential(owner))
        set_aside(upkeep, owner, "tampered" if owner is owners[-1] else "invalid_grant")
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await root.start()
        await root.send("/quarantine")
        first = await root.wait_for("🗄 Quarantine: 10")
        masks = [bot.services.core.quarantine.mask_of(owner) for owner in reversed(owners)]
        assert re.findall(r"u_[a-z2-7]{16}", first.text) == masks[:8]
        assert "1. " + masks[0] in first.text
        assert "it was cut or changed · not told" in first.text
        assert [b.text for b in first.buttons][:8] == [str(n) for n in range(1, 9)]
        await root.tap("Older", first)
        second = await root.wait_for("🗄 Quarantine: 10")
        assert second.id == first.id
        assert re.findall(r"u_[a-z2-7]{16}", second.text) == masks[8:]
        assert "10. " in second.text
        await root.tap("Newer", second)
        await root.wait_for("1. " + masks[0])
        await root.tap("1")
        entry = await root.wait_for("Why: it was cut or changed")
        assert masks[0] in entry.text
        assert "tampered" in entry.text
        assert "Owner: not told" in entry.text
        shown = str([message.raw for message in (first, second, entry)])
        assert not {owner.key for owner in owners} & set(re.findall(r"\d+", shown))


async def test_a_copy_is_restored_where_it_can_be_and_purged_when_asked_twice(
    start_bot: StartBot, upkeep: Upkeep, people: People
) -> None:
    """Google is asked whether it still knows it; a usable credential stays in its place."""
    root, ann = people(900, "Root"), people(501, "Ann")
    await upkeep.connect(ann)
    set_aside(upkeep, Owner.user(501), "unreadable")
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await root.start()
        await ann.start()
        await ann.wait_for("Drivekeeper")
        await ann.send_document(b"waits", "a.txt")
        await ann.wait_for("is waiting")
        late, entry = await opened(root, 1), await opened(root, 1)
        await root.tap("Restore", entry)
        await root.wait_for("Restored, and Google accepts it.")
        await ann.wait_for("is in your Drive")
        assert "restored" in bot.actions()
        await root.tap("Restore", late)
        await root.wait_for("no longer there")
        # Connected, and yet a copy in quarantine: it is not to take the place of the good one.
        set_aside(upkeep, Owner.user(501))
        await upkeep.connect(ann)
        entry = await opened(root, 1)
        await root.tap("Restore", entry)
        await root.wait_for("has a credential that can be read already")
        await root.tap("Back to the list")
        await root.wait_for("🗄 Quarantine: 1")
        entry = await opened(root, 1)
        await root.tap("Purge", entry)
        await root.wait_for("Delete this copy for good?")
        await root.tap("No, keep it")
        entry = await root.wait_for("Why:")
        assert upkeep.told() == [False]
        await root.tap("Purge", entry)
        await root.wait_for("Delete this copy for good?")
        await root.tap("Yes, delete it for good")
        await root.wait_for("Deleted for good.")
        assert upkeep.told() == []
        assert bot.actions()[-1] == "purged"
        await root.tap("Back to the list")
        await root.wait_for("Nothing was set aside.")


async def test_files_go_on_whose_owner_was_restored_elsewhere(
    start_bot: StartBot, upkeep: Upkeep, people: People
) -> None:
    """By a command, or on the web: the next sweep finds that they wait for nothing any more."""
    ann = people(501, "Ann")
    await upkeep.connect(ann)
    set_aside(upkeep, Owner.user(501))
    async with start_bot() as bot:
        by_hand(bot)
        await ann.start()
        await ann.wait_for("Drivekeeper")
        await ann.send_document(b"waits", "a.txt")
        await ann.wait_for("is waiting")
        storage = bot.services.core.storage
        # Until it has been taken in, whoever has connected meanwhile is looked for.
        await until(lambda: len(storage.names(UPDATES)) == 1)
        [record] = upkeep.world.store.copies.records()
        upkeep.world.store.copies.restore(record.name)
        await sweep(bot)
        await ann.wait_for("is in your Drive")


async def test_what_google_no_longer_accepts_goes_back_and_its_owner_hears_no_more(
    start_bot: StartBot, upkeep: Upkeep, people: People
) -> None:
    """Restoring does not mend a revoked grant, nor a copy that is damaged or lacks a token."""
    root, ann = people(900, "Root"), people(501, "Ann")
    await upkeep.connect(ann)
    await upkeep.revoke(ann)
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await root.start()
        await ann.start()
        await ann.wait_for("Drivekeeper")
        await sweep(bot)
        await ann.wait_for("is no longer connected")
        entry = await opened(root, 1)
        assert "Owner: told" in entry.text
        await root.tap("Restore", entry)
        await root.wait_for("Restored, but Google does not accept it")
        assert upkeep.told() == [True]
        store = upkeep.world.store
        store.save_consent(a_credential(Owner.user(502), refresh_token=None))
        set_aside(upkeep, Owner.user(502), "no_refresh_token")
        await root.tap("Restore", await opened(root, 1))
        await root.wait_for("the copy has no refresh token")
        store.save_consent(a_credential(Owner.user(503)))
        credential_at(bot.folder, Owner.user(503)).plant(b"{")
        set_aside(upkeep, Owner.user(503), "unreadable")
        await root.tap("Restore", await opened(root, 1))
        await root.wait_for("the copy itself is damaged")
        assert bot.actions().count("restored") == 1
