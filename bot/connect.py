"""/connect: the three ways to authorise, seen from the chat."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

import structlog
from telegram import InlineKeyboardMarkup, Update
from telegram.error import Forbidden, TelegramError
from telegram.ext import ExtBot

from bot import keyboards
from bot.context import (
    BotContext,
    Services,
    acknowledge,
    chat_of,
    edit_or_send,
    owner_of,
    show_instead,
    tell,
)
from bot.limits import BACKGROUND
from bot.texts import Texts
from security.credential import Credential, Owner
from security.errors import CustodyError, OperatorFault, TransientFault
from security.google_oauth import ConsentDenied, DevicePending
from security.pending_consents import PendingConsent

AGAIN_SECONDS = 20.0
_ASK_AGAIN_SECONDS: Final = 5
_SLOW_DOWN_SECONDS: Final = 5  # RFC 8628 §3.5
_SPENT: Final = frozenset({"expired", "used", "wrong_state", "superseded"})
_log = structlog.get_logger()


async def connect(update: Update, context: BotContext) -> None:
    """/connect, and every Connect button."""
    if update.callback_query is not None:
        await acknowledge(update.callback_query)
    owner, texts = owner_of(update), await context.texts(update)
    earlier = await context.core.consents.latest(owner)
    try:
        # Asked twice in a row, the same request is shown again: Google's device endpoint has one
        # quota for the whole project, and one person could use it up.
        again = earlier is not None and earlier.is_young(AGAIN_SECONDS)
        pending = earlier if earlier and again else await context.core.consents.begin(owner)
    except CustodyError as error:
        _log.warning("consent_failed", owner=owner, result=error.code)
        text, markup = explain_refusal(error, texts)
        await context.bot.send_message(chat_of(owner), text, reply_markup=markup)
        return
    if earlier is not None:
        _stop_polling(context, owner)
        await _withdraw(context, earlier, texts)
    message = await context.bot.send_message(
        chat_of(owner),
        _instructions(pending, texts),
        reply_markup=keyboards.approve(texts, pending.address),
        rate_limit_args=BACKGROUND,
    )
    pending = await context.core.consents.note_message(pending, message.message_id)
    if pending.flow == "device" and pending.stage == "asked":
        poll_later(context, pending, pending.interval)


def _instructions(pending: PendingConsent, t: Texts) -> str:
    if pending.flow == "device":
        return t.tr(
            "🔗 <b>Connect your Google Drive</b>\n\n"
            "1. Tap the button to open Google's page.\n"
            "2. Enter this code: <code>{code}</code> (tap it to copy)\n"
            "3. Choose your account and allow access.\n\n"
            "Only enter a code you asked for yourself. When you are done, I write to you here.",
            code=pending.user_code,
        )
    if pending.flow == "callback":
        return t.tr(
            "🔗 <b>Connect your Google Drive</b>\n\n"
            "1. Tap the button, choose your account and allow access.\n"
            "2. On the page that follows, tap “Back to Telegram”.\n\n"
            "The link is for you alone and works for 10 minutes."
        )
    return t.tr(
        "🔗 <b>Connect your Google Drive</b>\n\n"
        "1. Tap the button, choose your account and allow access.\n"
        "2. Your browser then shows a page that cannot be reached. That is as it should be.\n"
        "3. Copy that page's whole address and send it to me.\n\n"
        "The link is for you alone and works for 10 minutes."
    )


async def cancel_consent(update: Update, context: BotContext) -> None:
    """The Cancel button below a request for consent."""
    query = update.callback_query
    if query is None:
        return
    owner, texts = owner_of(update), await context.texts(update)
    _stop_polling(context, owner)
    await context.core.consents.cancel(owner)
    await acknowledge(query)
    text = texts.tr("⏹ Cancelled. Nothing was connected.")
    await show_instead(update, context, text, keyboards.try_again(texts))


async def _withdraw(context: BotContext, pending: PendingConsent, texts: Texts) -> None:
    """An earlier request's message must not invite anybody any more."""
    if pending.message_id:
        text = texts.tr("⏹ This request has been replaced by the newer one below.")
        await tell(context.bot, pending.owner, pending.message_id, text)


def poll_later(context: BotContext, pending: PendingConsent, seconds: float) -> None:
    """device: ask Google again in `seconds`."""
    context.jobs.run_once(
        _poll,
        seconds,
        data=(pending, seconds),
        name=_job_name(pending.owner),
        # A poll that is late is still wanted: JobQueue would skip it after one second.
        job_kwargs={"misfire_grace_time": None},
    )


def _job_name(owner: Owner) -> str:
    return f"device {owner.name}"


def _stop_polling(context: BotContext, owner: Owner) -> None:
    for job in context.jobs.get_jobs_by_name(_job_name(owner)):
        job.schedule_removal()


async def _poll(context: BotContext) -> None:
    if context.job is None:
        return
    data: Any = context.job.data
    pending: PendingConsent = data[0]
    interval: float = data[1]
    try:
        approved = await context.core.consents.poll(pending)
    except DevicePending as answer:
        poll_later(context, pending, interval + (_SLOW_DOWN_SECONDS if answer.slow_down else 0))
    except ConsentDenied as refusal:
        if refusal.code != "superseded":
            await _refused(context, pending, refusal)
    except TransientFault:
        # Google's answers are lost sometimes; the code holds until its time is over.
        poll_later(context, pending, min(interval * 2, 60))
    except CustodyError as error:
        await _refused(context, pending, error)
    else:
        await _ask_whose_or_later(context, approved)


async def _ask_whose_or_later(context: BotContext, pending: PendingConsent) -> None:
    try:
        await ask_whose(context, pending)
    except Forbidden:
        _log.info("user_blocked_bot", owner=pending.owner)
    except TelegramError:
        _log.warning("message_not_sent", owner=pending.owner)
        context.jobs.run_once(
            _ask_later,
            _ASK_AGAIN_SECONDS,
            data=pending,
            name=_job_name(pending.owner),
            job_kwargs={"misfire_grace_time": None},
        )


async def _ask_later(context: BotContext) -> None:
    if context.job is None or not isinstance(context.job.data, PendingConsent):
        return
    current = await context.core.consents.latest(context.job.data.owner)
    if current is not None and current.id == context.job.data.id:
        await _ask_whose_or_later(context, current)


async def ask_whose(context: BotContext, pending: PendingConsent) -> None:
    """device: show which account approved, for the asker to confirm."""
    texts = await context.texts_for(pending.owner)
    text = texts.tr(
        "👤 <b>{account}</b> has approved.\n\nIs this your own Google account? "
        "Your files would go into its Drive.",
        account=pending.account.get_secret_value(),
    )
    await edit_or_send(
        context.bot,
        pending.owner,
        pending.message_id,
        text,
        keyboards.confirm_account(texts, pending.id),
        background=BACKGROUND,
    )


async def tell_approved(services: Services, bot: ExtBot[int], pending: PendingConsent) -> None:
    """callback: Google's page is done; the asker still has to come back by its button."""
    texts = Texts(await services.core.preferences.language(pending.owner))
    text = texts.tr(
        "👍 Google says yes. Now tap “Back to Telegram” on the page in your browser, "
        "and we are done."
    )
    await edit_or_send(bot, pending.owner, pending.message_id, text)


async def confirm_account(update: Update, context: BotContext) -> None:
    """device: Yes, that is mine."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    consent_id = query.data.partition(":")[2]
    await acknowledge(query)
    await finish(update, context, lambda owner: context.core.consents.confirm(owner, consent_id))


async def refuse_account(update: Update, context: BotContext) -> None:
    """device: No, not mine."""
    query = update.callback_query
    if query is None or query.data is None:
        return
    owner, texts = owner_of(update), await context.texts(update)
    await acknowledge(query)
    try:
        await context.core.consents.refuse(owner, query.data.partition(":")[2])
    except ConsentDenied as refusal:
        _log.info("consent_refused", owner=owner, result=refusal.code)
        text, markup = await _what_is(context, owner, refusal, texts)
    else:
        markup = keyboards.try_again(texts)
        text = texts.tr(
            "🛡 Good that you looked. Nothing was connected, and that account's access was "
            "thrown away unused."
        )
    await show_instead(update, context, text, markup)


async def _what_is(
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


async def claim(update: Update, context: BotContext, code: str) -> None:
    """callback: /start with the one-time code of the result page."""
    await finish(update, context, lambda owner: context.core.consents.claim(owner, code), anew=True)


async def paste(update: Update, context: BotContext, text: str) -> None:
    """paste: the redirected address, in the person's own chat."""
    if update.message is not None:
        # It holds a code: spent or not, it need not stay in the chat.
        try:
            await update.message.delete()
        except TelegramError:
            _log.info("message_not_sent", owner=owner_of(update))
    await finish(
        update, context, lambda owner: context.core.consents.pasted(owner, text), anew=True
    )


async def finish(
    update: Update,
    context: BotContext,
    save: Callable[[Owner], Awaitable[Credential]],
    *,
    anew: bool = False,
) -> None:
    """Save the consent, say whose account it is, and upload what waited for it.

    `anew`: in a new message, because the person has written since the request was shown.
    """
    owner, texts = owner_of(update), await context.texts(update)
    pending = await context.core.consents.latest(owner)
    message_id = pending.message_id if pending and not anew else 0
    try:
        credential = await save(owner)
    except CustodyError as error:
        _log.info("consent_refused", owner=owner, result=error.code)
        text, markup = await _what_is(context, owner, error, texts)
        await context.bot.send_message(chat_of(owner), text, reply_markup=markup)
        return
    _stop_polling(context, owner)
    account = credential.account.get_secret_value() if credential.account else "Google"
    # First what must happen, then what is said about it: Telegram may fail.
    uploads = context.services.uploads
    dropped = await uploads.cancel_all(owner, unless_account=credential.account_key or "")
    await uploads.release(owner)
    for job in dropped:
        text = texts.tr(
            "⏹ <b>{name}</b> was meant for another Google account and was not uploaded. "
            "Send it again to put it into the account you use now.",
            name=job.name,
        )
        await tell(context.bot, owner, job.status_message_id, text, background=BACKGROUND)
    await tell(
        context.bot,
        owner,
        message_id,
        texts.tr(
            "🎉 <b>Connected</b> as {account}.\n\nSend me any file, photo, video or voice "
            "message: I put it into your Drive and give you the link.",
            account=account,
        ),
        background=BACKGROUND,
    )


async def tell_refused(
    services: Services, bot: ExtBot[int], pending: PendingConsent, error: CustodyError
) -> None:
    """callback: it ended on the page; the chat says so, too."""
    texts = Texts(await services.core.preferences.language(pending.owner))
    text, markup = explain_refusal(error, texts)
    await edit_or_send(bot, pending.owner, pending.message_id, text, markup)


async def _refused(context: BotContext, pending: PendingConsent, error: CustodyError) -> None:
    texts = await context.texts_for(pending.owner)
    await context.core.consents.end(pending)
    event = "consent_lapsed" if error.code == "expired" else "consent_declined"
    _log.info(event, owner=pending.owner, result=error.code)
    text, markup = explain_refusal(error, texts)
    await edit_or_send(context.bot, pending.owner, pending.message_id, text, markup)


def explain_refusal(error: CustodyError, t: Texts) -> tuple[str, InlineKeyboardMarkup]:
    """Why nothing was connected, and what to do next."""
    match error.code:
        case "access_denied":
            text = t.tr("🙅 You declined on Google's page. Nothing was connected.")
        case "expired" | "superseded":
            text = t.tr("⌛ That took too long, and the request has lapsed. Nothing was connected.")
        case "used":
            text = t.tr("♻️ This link or code has been used already. Please start again.")
        case "wrong_state":
            text = t.tr(
                "🤔 This does not belong to your latest request. If somebody else sent it to "
                "you, do not use it. To connect your own Drive, start again here."
            )
        case "scope_missing":
            text = t.tr(
                "☑️ On Google's page the box for Google Drive was not ticked, and without it I "
                "cannot put files there. Please try again and tick it."
            )
        case _ if isinstance(error, OperatorFault):
            text = t.tr(
                "⚠️ This bot's set-up at Google is not right. It is not your fault; its "
                "operator has to fix it. Please try again later."
            )
        case _:
            text = t.tr("⚠️ Google does not answer just now. Please try again in a few minutes.")
    return text, keyboards.try_again(t)


async def lapse(context: BotContext) -> None:
    """Repeating job: requests whose time is over say so, whichever way they were made."""
    for pending in await context.core.consents.over():
        try:
            lapsed = ConsentDenied("the request's time is over", code="expired")
            await _refused(context, pending, lapsed)
        except (TelegramError, CustodyError):
            _log.info("message_not_sent", owner=pending.owner)


async def resume(context: BotContext) -> None:
    """Once, after start-up: requests that were under way go on."""
    pendings = [p for p in await context.core.consents.all() if p.flow == "device"]
    for pending in pendings:
        if pending.stage == "asked":
            poll_later(context, pending, pending.interval)
    for pending in pendings:
        if pending.stage == "approved":
            await _ask_whose_or_later(context, pending)
