"""/uploads: what waits, what runs and what has ended lately, with what can be done about each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from telegram import InlineKeyboardMarkup, Update

from bot.cancelling import uploads as cancelling
from bot.context import BotContext
from bot.delivery.messages import acknowledge, say, show_instead, tolerated
from bot.receiving import files
from bot.texts.buttons import Row, button, keyboard
from bot.texts.catalogue import Texts
from bot.texts.file_keyboards import short
from bot.uploads.jobs import Stopping, UploadJob
from bot.uploads.progress import tell_of
from bot.uploads.texts import cancelled as cancel_texts
from bot.uploads.texts.arrived import was_there
from security.credential import Owner

_SHOWN: Final = 10


async def uploads(update: Update, context: BotContext) -> None:
    """/uploads, and its Refresh button."""
    if update.callback_query is not None:
        await acknowledge(update.callback_query)
        await show_instead(update, context, *await _list(context, context.owner, context.t))
    else:
        await say(update, context, *await _list(context, context.owner, context.t))


async def cancel(update: Update, context: BotContext) -> None:
    """A Cancel button of the list."""
    ended = await cancelling.end_tapped(update, context)
    await _show_cancelled(update, context, [ended] if isinstance(ended, Stopping) else [])


async def cancel_all(update: Update, context: BotContext) -> None:
    """The button that cancels everything: what is listed, and files that are not yet."""
    ended = await cancelling.end_files(update, context)
    gone = context.t.label("There is nothing to cancel.")
    others = cancelling.not_uploads(ended, context.t)
    is_any = ended.files or ended.stopping or others
    await acknowledge(update.callback_query, context.t.label("Cancelling …") if is_any else gone)
    context.beside(cancelling.tell_ended(context, ended), name="cancel")
    await _show_cancelled(update, context, ended.stopping)
    if others:
        await say(update, context, "\n".join(others))


async def _show_cancelled(
    update: Update, context: BotContext, stopping: Sequence[Stopping]
) -> None:
    """The list as it stands, and once more when what is to stop has ended."""
    await show_instead(update, context, *await _list(context, context.owner, context.t))
    if stopping:
        work = _show_ended(update, context, stopping)
        context.beside(work, name="cancel")


async def _show_ended(update: Update, context: BotContext, stopping: Sequence[Stopping]) -> None:
    for one in stopping:
        await cancelling.outcome(context, one)
        await context.services.uploads.until_told(one.job)
    with tolerated(context.owner):
        await show_instead(update, context, *await _list(context, context.owner, context.t))


async def retry(update: Update, context: BotContext) -> None:
    """A Try again button of the list."""
    if (job := await files.retry_tapped(update, context)) is not None:
        await tell_of(context.bot, job, *files.accepted_anew(context, job, context.t))
    await show_instead(update, context, *await _list(context, context.owner, context.t))


async def _list(context: BotContext, owner: Owner, t: Texts) -> tuple[str, InlineKeyboardMarkup]:
    """What there is to say now."""
    queue, refresh = context.services.uploads, [button(t.label("🔄 Refresh"), "uploads")]
    jobs = await queue.jobs(owner)
    open_ = [job for job in jobs if not job.has_ended]
    # The line's own order: what runs, what is next, and what waits for the person.
    open_.sort(key=lambda job: (job.state != "queued", queue.ahead(job)))
    ended = [job for job in jobs if job.has_ended]
    ended.sort(key=lambda job: (job.finished_at or job.created_at).timestamp(), reverse=True)
    if not open_ and not ended:
        text = t.tr("📭 Nothing is on its way. Send me a file, and you can follow it here.")
        return text, keyboard(refresh)
    lines, rows = [t.tr("📬 <b>Your uploads</b>")], list[Row]()
    for number, job in enumerate(open_[:_SHOWN], 1):
        text = context.services.progress_of(job) or _open(job, queue.ahead(job), t)
        if not queue.is_stopping(job):
            _add_buttons(rows, _buttons(job, number, t))
        lines.append(f"{number}. {text}")
    if len(open_) > _SHOWN:
        lines.append(t.tr("… and {count} more.", count=len(open_) - _SHOWN))
    if ended:
        lines.append("\n" + t.tr("<b>Recent</b>"))
        lines += [_ended(job, t) for job in ended[:_SHOWN]]
    if sum(job.state == "queued" for job in open_) > 1:
        rows.append([button(t.label("⏹ Cancel all"), "cancel-all")])
    albums = [_album_row(job) for job in (*open_[:_SHOWN], *ended[:_SHOWN])]
    return "\n".join(lines), keyboard(*rows, *albums, refresh)


def _name(job: UploadJob, t: Texts) -> str:
    if len(job.files) == 1:
        return short(job.name)
    count, first = len(job.files), short(job.files[0].name)
    return t.label("An album of {count} files ({first} …)", count=count, first=first)


def _open(job: UploadJob, before: int, t: Texts) -> str:
    name, done = _name(job, t), len(job.arrived)
    match job.state:
        case "queued" if job.cancel_code:  # its end is on the way to the disk
            return cancel_texts.cancelling(job, t)
        case "waiting":
            return t.tr("🔌 <b>{name}</b> waits until you connect your Drive.", name=name)
        case "asking":
            return t.tr("❓ <b>{name}</b> waits for your answer.", name=name)
        case "failed" if done:
            return t.tr(
                "⚠️ <b>{name}</b>: in your Drive are {done}.", name=name, done=len(job.arrived)
            )
        case "failed":
            return t.tr("⚠️ <b>{name}</b> did not get into your Drive.", name=name)
        case _ if before:
            return t.tr(
                "📥 <b>{name}</b> is in line. Files before it: {count}", name=name, count=before
            )
        case _:
            return t.tr("📥 <b>{name}</b> – upload starts in a moment …", name=name)


def _ended(job: UploadJob, t: Texts) -> str:
    if job.state == "cancelled" and job.arrived:
        return t.tr(
            "⏹ {name}: in your Drive are {done}.", name=_name(job, t), done=len(job.arrived)
        )
    if job.state == "cancelled":
        return t.tr("⏹ {name} (cancelled)", name=_name(job, t))
    if len(job.files) > 1:
        return t.tr("✅ {name}", name=_name(job, t))
    [file] = job.files
    if file.result == "duplicate":
        return was_there(file, t)
    return t.tr("✅ {name}", name=t.link(short(file.name), file.link))


def _album_row(job: UploadJob) -> Row:
    """Opens what has arrived of an album."""
    if len(job.files) == 1 or not job.arrived:
        return []
    label = f"📚 {short(job.files[0].name)} … ({len(job.files)})"
    return [button(label, f"album:{job.id}")]


def _add_buttons(rows: list[Row], buttons: Row) -> None:
    """Two of one upload stand side by side, never beside another's: a finger slips."""
    if len(buttons) == 1 and rows and len(rows[-1]) == 1:
        rows[-1] += buttons
    else:
        rows.append(buttons)


def _buttons(job: UploadJob, number: int, t: Texts) -> Row:
    stop = button(t.label("Cancel {number}", number=number), f"uploads-cancel:{job.id}")
    if job.state != "failed":
        return [stop]
    again = button(t.label("🔄 Try {number} again", number=number), f"uploads-retry:{job.id}")
    return [again, stop]
