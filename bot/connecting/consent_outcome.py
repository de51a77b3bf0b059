"""How a request for consent ends, and what is said of it."""

from __future__ import annotations

from typing import Final

import structlog
from telegram import InlineKeyboardMarkup
from telegram.error import BadRequest, Forbidden
from telegram.ext import ExtBot

from bot.connecting import keyboards
from bot.context import BotContext
from bot.delivery.conversation import Conversation, chat_of
from bot.delivery.messages import edit_or_send, send, tell
from bot.delivery.rate_limits import BACKGROUND
from bot.services import Services
from bot.texts.catalogue import Texts
from bot.texts.organisation import organisation_refuses
from bot.texts.reader import that_is_you
from bot.texts.unexpected import Unexpected
from bot.uploads.ends import ACCOUNT_CHANGED
from bot.uploads.jobs import UploadJob
from bot.uploads.progress import tell_of
from bot.uploads.texts import cancelled as cancel_texts
from bot.uploads.texts import upload as upload_texts
from security.consent.pending import PendingConsent
from security.credential import Owner
from security.errors import CustodyError, OperatorFault, RefusedByOrganisation

_SPENT: Final = frozenset({"expired", "used", "wrong_state", "superseded"})
_log = structlog.get_logger()


async def finish(
    context: BotContext, owner: Owner, consent_id: str, to: Conversation, *, tapped: int = 0
) -> None:
    """Save the consent, say whose account it is, and upload what waited for it.

    Args:
        to: where the person is talked to, if not in the message that shows the request.
        tapped: the message there whose button was tapped: it may have been so before Telegram's
            answer told that it is the one that shows the request.
    """
    texts = await context.texts_for(owner)
    pending = await context.core.consents.latest(owner)
    message_id = (pending.message_id if pending else 0) or tapped
    try:
        credential = await context.core.consents.confirm(owner, consent_id)
    except CustodyError as error:
        await say_refused(context, owner, error, to)
        return
    stop_polling(context, owner)
    account = credential.account.get_secret_value() if credential.account else "Google"
    # First what must happen, then what is said about it: Telegram may fail.
    uploads = context.services.uploads
    dropped = await uploads.cancel_all(
        owner, ACCOUNT_CHANGED, unless_account=credential.account_key or ""
    )
    await uploads.release(owner)
    for job in (job for job in dropped if isinstance(job, UploadJob)):
        ended = upload_texts.other_account if job.is_private else cancel_texts.cancelled
        await tell_of(context.bot, job, ended(job, texts))
    await tell(
        context.bot,
        owner,
        message_id,
        texts.tr(
            "🎉 <b>Connected</b> as {account}.\n\nSend me any file, photo, video or voice "
            "message: I put it into your Drive and give you the link.",
            account=account,
        ),
        to=to,
        background=BACKGROUND,
    )


async def say_refused(
    context: BotContext, owner: Owner, refusal: CustodyError, to: Conversation
) -> None:
    """What a person did in the chat has connected nothing: say why, in a new message."""
    _log.info("consent_refused", owner=owner, result=refusal.code)
    text, markup = await current_state(context, owner, refusal, await context.texts_for(owner))
    await send(context.bot, to, text, markup)


async def current_state(
    context: BotContext, owner: Owner, refusal: CustodyError, texts: Texts
) -> tuple[str, InlineKeyboardMarkup]:
    """After a second tap or a replay: what is true now, rather than what went wrong just then."""
    if refusal.code in _SPENT and await context.core.consents.latest(owner) is None:
        credential = await context.core.custodian.load(owner)
        if credential is not None and credential.account is not None:
            text = texts.tr(
                "You are connected as {account}. Nothing has changed.",
                account=credential.account.get_secret_value(),
            )
            return text, keyboards.status(texts)
    return explain_refusal(refusal, texts)


async def refused(context: BotContext, pending: PendingConsent, error: CustodyError) -> None:
    """Say that the request has connected nothing, and end it.

    Raises:
        TelegramError, CustodyError: the person has not been told yet, or the request not ended.
    """
    context.core.consents.mark_ending(pending)
    text, markup = explain_refusal(error, await context.texts_for(pending.owner))
    try:
        await edit_or_send(context.bot, shown_in(pending), pending.message_id, text, markup)
    except (Forbidden, BadRequest):  # nor would it be taken another time
        _log.info("message_not_sent", owner=pending.owner)
    await context.core.consents.end(pending)
    _log.info(
        "consent_lapsed" if error.code == "expired" else "consent_declined",
        owner=pending.owner,
        result=error.code,
    )


async def tell_approved(services: Services, bot: ExtBot[int], pending: PendingConsent) -> None:
    """callback: Google's page is done; the asker still has to come back by its button."""
    texts = await services.core.preferences.texts(pending.owner)
    text = texts.tr(
        "👍 Google says yes. Now tap “Back to Telegram” on the page in your browser to go on here."
    )
    await edit_or_send(bot, shown_in(pending), pending.message_id, text)


async def tell_refused(
    services: Services, bot: ExtBot[int], pending: PendingConsent, error: CustodyError
) -> None:
    """callback: it ended on the page; the chat says so, too."""
    texts = await services.core.preferences.texts(pending.owner)
    await edit_or_send(bot, shown_in(pending), pending.message_id, *explain_refusal(error, texts))


def explain_refusal(error: CustodyError, t: Texts) -> tuple[str, InlineKeyboardMarkup]:
    """Why nothing was connected, and what to do next."""
    texts = {
        "access_denied": t.tr("🙅 You declined on Google's page. Nothing was connected."),
        **dict.fromkeys(
            ("expired", "superseded"),
            t.tr("⌛ That took too long, and the request has expired. Nothing was connected."),
        ),
        "used": t.tr("♻️ This link or code has been used already. Please start again."),
        "wrong_state": t.tr(
            "🤔 This does not belong to your latest request. If somebody else sent it to "
            "you, do not use it. To connect your own Drive, start again here."
        ),
        "incomplete": not_the_address(t),
        "scope_missing": t.tr(
            "☑️ On Google's page the box for Google Drive was not ticked, and without it I "
            "cannot put files there. Please try again and tick it."
        ),
    }
    match error:
        case _ if error.code in texts:
            text = texts[error.code]
        case Unexpected():
            text = t.tr(
                "⚠️ Something went wrong on my side. Please try again. If it happens again, tell "
                "whoever runs this bot this code: {reference}",
                reference=error.reference,
            ) + that_is_you(t)
        case RefusedByOrganisation():
            text = organisation_refuses(error.code, t)
        case OperatorFault():
            text = t.tr(
                "⚠️ This bot's set-up at Google is not right. It is not your fault; "
                "whoever runs this bot has to fix it. Please try again later."
            ) + that_is_you(t)
        case _:
            text = t.tr("⚠️ Google does not answer just now. Please try again in a few minutes.")
    return text, keyboards.try_again(t)


def shown_in(pending: PendingConsent) -> Conversation:
    """Where the request was made: in a private chat, maybe in a topic of it."""
    return Conversation(chat_of(pending.owner), pending.topic_id or None)


def not_the_address(t: Texts) -> str:
    """paste: something else was sent, or the address not to its end."""
    return t.tr(
        "🤔 That is not the address I need. After allowing access, copy the whole "
        "address of the page that cannot be reached (it begins with "
        "<code>http://127.0.0.1</code>) and send it to me."
    )


def job_name(owner: Owner) -> str:
    return f"device {owner.name}"


def stop_polling(context: BotContext, owner: Owner) -> None:
    for job in context.jobs.get_jobs_by_name(job_name(owner)):
        job.schedule_removal()
