"""Start and stop, in the order in which nothing is lost.

The parts are started one by one: `post_init` and its like run only under `run_polling`, which
takes the event loop and the signals for itself.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

from telegram.error import InvalidToken, TelegramError

from bot.admin import alerts
from bot.commands import publish
from bot.context import BotApplication
from bot.errors import on_polling_error
from bot.maintenance import go_on_with_waiting
from bot.receiving import files
from bot.updates.incoming import ALLOWED_UPDATES
from bot.webhook import set_webhook
from security.google.jitter import doubling

_LONGEST_PAUSE_SECONDS: Final = 60
# The whole process stops within 15 s; what has been asked of Google needs 10 of them.
_POLLING_SECONDS: Final = 2
_UPLOADS_SECONDS: Final = 1
_NOTES_SECONDS: Final = 1
_CONNECTIONS_SECONDS: Final = 1


async def start(application: BotApplication) -> None:
    """Talk to Telegram and begin to work; while Telegram cannot be reached, keep trying.

    Raises:
        telegram.error.InvalidToken: Telegram refuses the token.
    """
    services = application.bot_data
    on_error = partial(on_polling_error, services.core.lease)
    await _until_reached(lambda: _introduce(application), on_error)
    if not services.options.maintenance_interval:
        # Otherwise the first sweep reads every file, and finishes what a crash interrupted.
        await services.core.disconnecting.finish_interrupted()
    await application.start()
    withdrawn = await services.uploads.start()
    application.create_task(files.tell_withdrawn(application.bot, services, withdrawn))
    await go_on_with_waiting(services, tries_rejected=True)
    if application.updater is None:
        raise RuntimeError("the application was built without its Updater")
    await services.inbox.resume(application.bot)
    if services.options.webhook_url:
        await _until_reached(lambda: set_webhook(application.bot, services.options), on_error)
    else:
        await application.updater.start_polling(
            allowed_updates=ALLOWED_UPDATES, error_callback=on_error, bootstrap_retries=-1
        )
    application.create_task(
        alerts.tell_outage_over(application.bot, services, services.core.lease.outage), name="alert"
    )
    if application.job_queue is not None:
        application.job_queue.run_once(
            publish, services.options.timing.menu, job_kwargs={"misfire_grace_time": None}
        )


def is_receiving(application: BotApplication) -> bool:
    """Whether updates come in, in either way."""
    if application.bot_data.options.webhook_url:
        return application.bot_data.inbox.is_open
    return application.updater is not None and application.updater.running


async def _until_reached(
    work: Callable[[], Awaitable[None]], on_error: Callable[[TelegramError], None]
) -> None:
    """An operator's machine may start before its network does."""
    for pause in doubling(1.0, _LONGEST_PAUSE_SECONDS):
        try:
            return await work()
        except InvalidToken:
            raise
        except TelegramError as error:
            on_error(error)
            await asyncio.sleep(pause)


async def stop(application: BotApplication) -> None:
    """First no new updates, then no new work, then the connections; each within its time.

    Telegram may hang, answers to a flood may take minutes, and handlers may wait for Google.
    """
    services, updater = application.bot_data, application.updater
    services.core.workers.stop()
    services.core.sweep.stop()
    services.inbox.close()
    if updater is not None and updater.running:
        with contextlib.suppress(Exception):  # whatever ended polling is no reason not to stop
            async with asyncio.timeout(_POLLING_SECONDS):
                await updater.stop()
    uploads, sending = services.uploads.stop(), services.sender.stop()
    await _within(_UPLOADS_SECONDS, asyncio.gather(uploads, sending))
    if application.running:
        # Once another process is the bot, they can do nothing more.
        seconds = 0 if services.core.lease.is_lost else services.options.timing.last_handlers
        await _within(seconds, application.stop())
    await _within(_NOTES_SECONDS, services.inbox.uncount_interrupted())
    if application.job_queue is not None and application.job_queue.scheduler.running:
        application.job_queue.scheduler.shutdown(wait=False)  # nothing more is begun
    await _within(_CONNECTIONS_SECONDS, application.shutdown())


async def _within(seconds: float, work: Awaitable[object]) -> None:
    """Wait for `work`, but no longer than so many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await work


async def _introduce(application: BotApplication) -> None:
    """getMe: the one question whose answer decides whether there is a bot."""
    await application.initialize()
    application.bot_data.telegram_health.note_answer()
