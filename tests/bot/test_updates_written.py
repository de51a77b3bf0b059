"""Updates of all sorts, written down and read again: the same, whatever stands inside."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import pytest
from telegram import Update

from bot.updates.incoming import read_update, written
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from tests.bot.test_inbox import BOT
from tests.fixtures import RunningBot
from tests.journeys import until

pytestmark = [
    pytest.mark.one_way("off"),
    # The library warns of attributes of its own, as its own comparison reads them.
    pytest.mark.filterwarnings("ignore::telegram.warnings.PTBDeprecationWarning"),
]
NOW: Final = 1_800_000_000
ANN: Final = {"id": 501, "is_bot": False, "first_name": "Ann"}
CHAT: Final = {"id": 501, "type": "private", "first_name": "Ann"}
FORUM: Final = {"id": -1001, "type": "supergroup", "title": "Depot", "is_forum": True}
HEAD: Final = {"message_id": 900, "date": NOW, "chat": CHAT, "from": ANN}
GONE: Final = {"message_id": 3, "date": 0, "chat": CHAT}
FILE: Final = {"file_id": "a", "file_unique_id": "b", "file_size": 5_000_000_000}
PHOTO: Final = [{**FILE, "width": 90, "height": 67}]
STAR: Final = {"amount": 3}
PRICE: Final = {"currency": "XTR", "amount": 5}
OPTION: Final = {"text": "a", "voter_count": 0, "persistent_id": "0"}
POLL: Final = {
    **{"id": "1", "question": "q", "options": [OPTION], "total_voter_count": 0},
    **{"is_closed": False, "is_anonymous": True, "type": "regular", "allows_revoting": False},
    **{"allows_multiple_answers": False, "members_only": False, "close_date": NOW},
    "open_period": 60,
}
CONTENTS: Final[list[dict[str, Any]]] = [
    {"pinned_message": GONE},
    {"pinned_message": {**HEAD, "text": "x"}},
    {"reply_to_message": {**HEAD, "pinned_message": GONE}},
    {"checklist_tasks_done": {"checklist_message": GONE, "marked_as_done_task_ids": [1]}},
    {"checklist_tasks_done": {"checklist_message": HEAD, "marked_as_not_done_task_ids": [1]}},
    {"checklist_tasks_added": {"checklist_message": GONE, "tasks": [{"id": 1, "text": "a"}]}},
    {
        "checklist": {
            "title": "x",
            "tasks": [{"id": 1, "text": "a", "completion_date": NOW, "completed_by_user": ANN}],
        }
    },
    {"suggested_post_approved": {"suggested_post_message": GONE, "send_date": NOW, "price": PRICE}},
    {"suggested_post_approval_failed": {"suggested_post_message": GONE, "price": PRICE}},
    {"suggested_post_declined": {"suggested_post_message": GONE, "comment": "no"}},
    {
        "suggested_post_paid": {
            **{"suggested_post_message": GONE, "currency": "XTR", "amount": 3},
            "star_amount": STAR,
        }
    },
    {"suggested_post_refunded": {"suggested_post_message": GONE, "reason": "post_deleted"}},
    {"suggested_post_info": {"state": "pending", "price": PRICE, "send_date": NOW}},
    {"giveaway_completed": {"winner_count": 1, "giveaway_message": GONE}},
    {"giveaway_completed": {"winner_count": 1, "giveaway_message": {**HEAD, "text": "x"}}},
    {"giveaway": {"chats": [FORUM], "winners_selection_date": NOW, "winner_count": 2}},
    {
        "giveaway_winners": {
            **{"chat": FORUM, "giveaway_message_id": 3, "winners_selection_date": NOW},
            **{"winner_count": 1, "winners": [ANN]},
        }
    },
    {"video_chat_scheduled": {"start_date": NOW}},
    {"video_chat_ended": {"duration": 60}},
    {"message_auto_delete_timer_changed": {"message_auto_delete_time": 86400}},
    {"location": {"latitude": 25.18, "longitude": 121.44, "live_period": 60}},
    {"video": {**FILE, "width": 1, "height": 1, "duration": 5, "start_timestamp": 3}},
    {"voice": {**FILE, "duration": 3}, "edit_date": NOW},
    {"audio": {**FILE, "duration": 3, "file_name": "a/../b\x00.mp3"}},
    {"animation": {**FILE, "width": 1, "height": 1, "duration": 5}, "document": FILE},
    {"document": {**FILE, "mime_type": "x/y"}, "caption": "🧾", "is_topic_message": True},
    {"photo": PHOTO, "has_media_spoiler": True, "media_group_id": "7"},
    {"video": {**FILE, "width": 1, "height": 1, "duration": 5, "cover": PHOTO}},
    {"paid_media": {"star_count": 3, "paid_media": [{"type": "preview", "duration": 5}]}},
    {"poll": POLL},
    {"story": {"chat": FORUM, "id": 3}},
    {"forward_origin": {"type": "user", "date": NOW, "sender_user": ANN}, "text": "x"},
    {"forward_origin": {"type": "channel", "date": NOW, "chat": FORUM, "message_id": 4}},
    {"external_reply": {"origin": {"type": "hidden_user", "date": NOW, "sender_user_name": "B"}}},
    {"quote": {"text": "x", "position": 3}, "text": "y"},
    {"text": "x", "entities": [{"type": "date_time", "offset": 0, "length": 1, "unix_time": NOW}]},
    {"chat_background_set": {"type": {"type": "chat_theme", "theme_name": "🌸"}}},
    {"successful_payment": {
        **{"currency": "XTR", "total_amount": 3, "invoice_payload": "a", "is_recurring": True},
        **{"telegram_payment_charge_id": "a", "provider_payment_charge_id": "b"},
        "subscription_expiration_date": NOW,
    }},
    {"new_chat_members": [ANN], "migrate_from_chat_id": -5},
    {"migrate_to_chat_id": -1009},
    {"forum_topic_created": {"name": "x", "icon_color": 7}, "message_thread_id": 4},
    {"new_of_telegram": {"some": ["thing", {"date": NOW}], "none": None, "no": False}, "text": "x"},
    {"reply_markup": {"inline_keyboard": [[{"text": "a", "callback_data": "b"}]]}, "text": "x"},
]  # fmt: skip
MEMBER: Final = {"user": {**ANN, "id": 1, "is_bot": True}, "status": "member"}
OTHERS: Final[list[dict[str, Any]]] = [
    {"callback_query": {"id": "1", "from": ANN, "chat_instance": "2", "message": GONE}},
    {"callback_query": {"id": "1", "from": ANN, "chat_instance": "2", "message": HEAD}},
    {"message": {**HEAD, "chat": FORUM, "sender_chat": FORUM, "text": "x"}},
    {"edited_message": {**HEAD, "edit_date": NOW, "pinned_message": GONE}},
    {"my_chat_member": {
        **{"chat": FORUM, "from": ANN, "date": NOW, "old_chat_member": MEMBER},
        "new_chat_member": {**MEMBER, "status": "kicked", "until_date": NOW},
    }},
    {"my_chat_member": {
        **{"chat": FORUM, "from": ANN, "date": NOW, "new_chat_member": MEMBER},
        "old_chat_member": {**MEMBER, "status": "kicked", "until_date": 0},
        "invite_link": {
            **{"invite_link": "x", "creator": ANN, "creates_join_request": False},
            **{"is_primary": True, "is_revoked": False, "expire_date": NOW},
        },
    }},
    {"message_reaction": {
        **{"chat": FORUM, "message_id": 3, "date": NOW, "old_reaction": []},
        "new_reaction": [{"type": "emoji", "emoji": "👍"}],
    }},
    {"chat_join_request": {"chat": FORUM, "from": ANN, "user_chat_id": 501, "date": NOW}},
    {"poll": POLL},
]  # fmt: skip


def same(document: dict[str, Any]) -> None:
    """As it was, after a turn on the disk; and what it says is what Telegram said."""
    update = read_update(document, BOT)
    assert update is not None, document
    kept = json.loads(json.dumps(written(update)))
    again = read_update(kept, BOT)
    assert again is not None
    assert everything(again) == everything(update)
    assert again == update
    assert written(again) == kept
    assert holds(kept, document), (kept, document)


def everything(thing: Any) -> Any:
    """All that is in an object of the library's: its own comparison looks at numbers alone."""
    if isinstance(thing, (list, tuple)):
        return [everything(inside) for inside in thing]
    if hasattr(thing, "to_dict") and hasattr(thing, "__slots__"):
        names = [name for kind in type(thing).__mro__ for name in getattr(kind, "__slots__", ())]
        return type(thing), {
            name: everything(getattr(thing, name, None))
            for name in names
            if name not in ("_bot", "_id_attrs", "_frozen", "__weakref__")
        }
    return thing


def holds(kept: Any, original: Any) -> bool:
    """Whether all of the original is there; the library adds defaults."""
    if isinstance(original, dict):
        return all(
            holds(kept.get(name), original[name])
            for name in original
            if original[name] not in (None, [])
        )
    if isinstance(original, list):
        return len(kept) == len(original) and all(map(holds, kept, original))
    return bool(kept == original)


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: next(iter(content)))
def test_a_message_is_read_as_it_was_written(content: dict[str, Any]) -> None:
    """Also one inside another that Telegram no longer shows."""
    same({"update_id": 7, "message": {**HEAD, **content}})


@pytest.mark.parametrize("content", OTHERS, ids=lambda content: next(iter(content)))
def test_every_other_update_is_read_as_it_was_written(content: dict[str, Any]) -> None:
    """Those the bot asks for, and those somebody may send all the same."""
    same({"update_id": 7, **content})


async def test_every_sort_of_message_is_written_down_and_alarms_nobody(
    bot: RunningBot, people: Callable[..., Person]
) -> None:
    """By way of the real queue."""
    ann = people()
    await ann.start()
    await ann.wait_for("Drivekeeper")
    before, sent = bot.log.getvalue(), set()
    async with TelegramControls(ann.base_url) as telegram:
        for content in CONTENTS:
            sent.add(await telegram.inject("message", {**HEAD, **content}))
    handled = bot.services.inbox._writing.ledger.handled
    await until(lambda: all(number in handled for number in sent if number is not None))
    log = bot.log.getvalue().removeprefix(before)
    assert "handler_failed" not in log
    assert "unreadable" not in log


def test_an_update_made_by_the_library_itself_is_written_down() -> None:
    """Whatever it leaves as times of Python's own."""
    update = Update.de_json({"update_id": 1, "message": {**HEAD, "pinned_message": GONE}}, None)
    assert written(update)["message"]["pinned_message"]["date"] == 0
