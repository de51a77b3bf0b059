"""Getting updates, webhooks, and the bot's own life: https://core.telegram.org/bots/api#getting-updates."""

from __future__ import annotations

from typing import Any

from sandbox.telegram.call import METHODS, Call, Described, Raw
from sandbox.telegram.errors import ApiError


@METHODS.add("getMe")
async def get_me(call: Call) -> Any:
    """https://core.telegram.org/bots/api#getme."""
    return call.world.bot_json() | {
        "can_join_groups": True,
        "can_read_all_group_messages": False,
        "supports_inline_queries": False,
        "can_connect_to_business": False,
        "has_main_web_app": False,
    }


def _remember_allowed(call: Call) -> None:
    """ "If not specified, the previous setting will be used"; what cannot be read is ignored."""
    try:
        kinds = call.strings("allowed_updates")
    except ApiError:
        return
    if kinds is not None:
        call.world.queue.allow(kinds)


@METHODS.add("getUpdates")
async def get_updates(call: Call) -> Any:
    """https://core.telegram.org/bots/api#getupdates."""
    offset = call.number("offset")
    limit = call.number("limit", 100, 1, 100)
    timeout = call.number("timeout", 0, 0)
    if not call.world.queue.webhook_active:
        _remember_allowed(call)
    return Raw(await call.world.queue.get(offset, limit, timeout))


@METHODS.add("setWebhook")
async def set_webhook(call: Call) -> Any:
    """https://core.telegram.org/bots/api#setwebhook; without a URL it is deleteWebhook."""
    url, secret = call.text("url"), call.text("secret_token")
    if not url:
        return await delete_webhook(call)
    call.world.webhook.check(url, secret)
    if call.flag("drop_pending_updates"):
        call.world.queue.clear()
    _remember_allowed(call)
    await call.world.webhook.set(url, secret, call.number("max_connections", 40, 1, 100))
    return Described(True, "Webhook was set")


@METHODS.add("deleteWebhook")
async def delete_webhook(call: Call) -> Any:
    """https://core.telegram.org/bots/api#deletewebhook."""
    if call.flag("drop_pending_updates"):
        call.world.queue.clear()
    was_set = await call.world.webhook.delete()
    return Described(True, "Webhook was deleted" if was_set else "Webhook is already deleted")


@METHODS.add("getWebhookInfo")
async def get_webhook_info(call: Call) -> Any:
    """https://core.telegram.org/bots/api#getwebhookinfo."""
    return call.world.webhook.as_json()


@METHODS.add("logOut")
async def log_out(call: Call) -> Any:
    """https://core.telegram.org/bots/api#logout; afterwards the cloud answers nothing else."""
    call.world.logged_out = not call.world.local_mode
    call.world.queue.clear()
    return True
