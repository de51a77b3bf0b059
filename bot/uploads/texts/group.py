"""What an upload says in a group: that it is there, and for whom; the rest is nobody else's."""

from __future__ import annotations

from bot.texts.buttons import Shown
from bot.texts.catalogue import Html, Texts
from bot.uploads import keyboards
from bot.uploads.ends import CANCELLED, UNCONFIRMED
from bot.uploads.jobs import State, UploadJob
from bot.uploads.texts.cancelled import cancelled, stopped


def accepted(job: UploadJob, t: Texts, address: str) -> Shown:
    """A file was taken in. `address`: of the private chat."""
    if job.state == "waiting":
        return _waiting(job, t, address)
    text = t.tr(
        "📥 {what} is on its way into {person}'s Drive …",
        what=_what(job, t),
        person=person_of(job, t),
    )
    return text, keyboards.cancel(t, job.id)


def finished(job: UploadJob, t: Texts) -> Shown:
    """The files are in Drive. Where, and whether they were before, is said in the private chat."""
    done, count = len(job.arrived), len(job.files)
    if done < count:
        text = t.tr(
            "⚠️ {done} of {count} files are in {person}'s Drive.",
            done=done,
            count=count,
            person=person_of(job, t),
        )
        return text, keyboards.retry(t, job.id)
    return _arrived(job, t, _what(job, t)), keyboards.show_link(t, job.id)


def with_links(job: UploadJob, t: Texts) -> str:
    """The files are in Drive, with the links that their owner wants to show."""
    links = [t.link(file.name, file.link) for file in job.arrived]
    if len(job.files) == 1:
        return _arrived(job, t, links[0])
    return "\n".join([_arrived(job, t, _what(job, t)), *(t.tr("• {name}", name=n) for n in links)])


def ended(job: UploadJob, state: State, code: str, t: Texts, address: str) -> Shown:
    """A job has stopped, by the fault `code`; the reason is told in the private chat alone."""
    if state == "waiting":
        return _waiting(job, t, address)
    if code == CANCELLED:
        return (cancelled if job.arrived else stopped)(job, t), None
    if code == UNCONFIRMED:
        text = t.tr(
            "⏹ {what} was stopped. {person}, I tell you more in our private chat.",
            what=_what(job, t),
            person=person_of(job, t),
        )
        return text, keyboards.private_chat(t, address)
    text = t.tr(
        "⚠️ {what} was not uploaded. {person}, I tell you why in our private chat.",
        what=_what(job, t),
        person=person_of(job, t),
    )
    retry = keyboards.retry(t, job.id)
    return text, retry if state == "failed" else keyboards.private_chat(t, address)


def person_of(job: UploadJob, t: Texts) -> Html:
    """The owner's first name, as a mention: https://core.telegram.org/bots/api#html-style."""
    return t.link(job.person or "?", f"tg://user?id={job.owner.key}")


def _waiting(job: UploadJob, t: Texts, address: str) -> Shown:
    text = t.tr(
        "📥 {what} is waiting. {person}, write to me privately first.",
        what=_what(job, t),
        person=person_of(job, t),
    )
    return text, keyboards.private_chat(t, address, job.id)


def _arrived(job: UploadJob, t: Texts, what: Html) -> str:
    return t.tr("✅ {what} is in {person}'s Drive.", what=what, person=person_of(job, t))


def _what(job: UploadJob, t: Texts) -> Html:
    if len(job.files) > 1:
        return Html(t.tr("An album of {count} files", count=len(job.files)))
    return Html(f"<b>{t.link(job.files[0].name, '')}</b>")
