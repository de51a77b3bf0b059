"""/console: a link by which an administrator signs in to the web pages."""

from __future__ import annotations

from telegram import Update

from bot.context import BotContext
from bot.delivery.messages import say
from bot.texts.buttons import keyboard, link
from departments.administrators import who
from departments.administrators.links import LIFE_SECONDS, TooManyLinks, address_of
from security.errors import CustodyError

_MINUTES = LIFE_SECONDS // 60


async def console(update: Update, context: BotContext) -> None:
    """A new link, to be pressed once: in a button alone, for notices and quotes show texts.
    Telegram's own look at it spends nothing."""
    t, links, base = context.t, context.core.links, context.services.options.public_url
    if links is None or base is None:
        text = t.tr(
            "The web pages are not set up here. Whoever runs this bot sets "
            "<code>PUBLIC_URL</code>, <code>TOKEN_ENCRYPTION_KEY</code> and "
            "<code>WEB_GOOGLE_CLIENT_ID</code> (docs/departments.md)."
        )
        await say(update, context, text)
        return
    administrator = who.user(int(context.owner.key))
    try:
        code = await context.core.workers.run(links.make, administrator)
    except TooManyLinks as fault:
        minutes = max(round(fault.seconds / 60), 1)
        text = t.tr(
            "You have had five links within the hour. The next one in {minutes} min.",
            minutes=minutes,
        )
        await say(update, context, text)
        return
    except CustodyError:
        await say(update, context, t.tr("That did not work just now. Send /console again."))
        return
    text = t.tr(
        "🔑 <b>Sign in to the web pages</b>\n\nThe button signs you in once, within {minutes} "
        "minutes: it opens a page with one more button to press. It is for you alone: whoever has "
        "the link signs in as you.",
        minutes=_MINUTES,
    )
    button = link(t.label("Open the page"), address_of(base, code))
    await say(update, context, text, keyboard([button]))
