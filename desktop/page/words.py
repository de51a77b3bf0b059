"""What is said of each file, with its sign: what happened, what is safe, and what comes next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from config.languages import N_
from desktop.page.texts import Texts
from desktop.queue.records import Record
from desktop.sending.live import Live
from desktop.sending.waits import Why

_REFUSED: Final = {
    "no_pdf": (
        N_("Not uploaded: no PDF"),
        N_("The name may say so, the content does not. Save it as a PDF, and try again."),
    ),
    "empty": (
        N_("Not uploaded: empty"),
        N_("There is nothing in the file. Save it once more, and try again."),
    ),
    "damaged": (
        N_("Not uploaded: damaged"),
        N_("The end of the PDF is missing. Copy or save it once more, and try again."),
    ),
    "too_big": (
        N_("Not uploaded: too large"),
        N_("200 MiB at most. Split it, or lower the resolution of its pictures."),
    ),
    "disk": (
        N_("Not uploaded: this computer's disk is full"),
        N_("Make room, and add the file again."),
    ),
    "gone": (
        N_("Not uploaded: the file is gone"),
        N_("Somebody has removed or changed it in this computer's queue. Add it again."),
    ),
    "unsure": (
        N_("Cancelled, but perhaps in Drive"),
        N_(
            "All of it had been sent, and nobody could say whether it has arrived. Look into the "
            "department's folder in Drive, and delete it there."
        ),
    ),
}
"""Word and next step, by `Record.because`."""
_WAITS: Final = {
    "offline": ("wait", N_("No connection"), N_("The file is stored here, and goes on by itself.")),
    "asleep": (
        "wait",
        N_("Waiting for the cloud to wake"),
        N_("The file is stored here, and is uploaded by itself."),
    ),
    "consent": (
        "hold",
        N_("Waiting for authorisation"),
        N_(
            "{department} has not authorised Google Drive yet. Ask an administrator to do so under "
            "“Google services”; the file is stored here, and is uploaded by itself then."
        ),
    ),
    "key": (
        "bad",
        N_("Waiting: this computer's key was disabled"),
        N_("The file is stored here, and is uploaded once the computer is paired again."),
    ),
    "unpaired": (
        "bad",
        N_("Waiting: this computer has no key for {department}"),
        N_("The file is stored here, and is uploaded once the computer is paired again."),
    ),
    "blocked": (
        "hold",
        N_("Waiting: this computer's key is blocked"),
        N_(
            "Something about its use looked wrong. Ask an administrator to look at it; the file is "
            "stored here, and is uploaded by itself then."
        ),
    ),
    "quota": (
        "hold",
        N_("Waiting: the Drive is full"),
        N_(
            "Ask whoever looks after the Drive of {department} to make room; the file is stored "
            "here, and is uploaded by itself then."
        ),
    ),
    "limit": (
        "wait",
        N_("Waiting: a limit is used up"),
        N_("Google or the cloud takes no more for now. It goes on by itself."),
    ),
    "policy": (
        "hold",
        N_("Waiting: the organisation forbids it"),
        N_("Ask whoever administers the Google accounts; the file is stored here."),
    ),
    "drive": (
        "hold",
        N_("Waiting: Drive does not take it"),
        N_("Ask an administrator to look at the folder in Drive; the file is stored here."),
    ),
    "cloud": (
        "wait",
        N_("Waiting for the cloud"),
        N_(
            "It cannot take files now. The file is stored here, and goes by itself "
            "then; where this lasts, tell an administrator."
        ),
    ),
    "disk": (
        "hold",
        N_("Waiting: this computer's disk takes nothing more"),
        N_(
            "Make room on it; the file is stored here, and is uploaded by itself then. Where there "
            "is room, tell whoever installed Drivekeeper."
        ),
    ),
    "here": (
        "wait",
        N_("Waiting"),
        N_(
            "Something went wrong on this computer. It is tried again by itself; where this lasts, "
            "tell whoever installed Drivekeeper."
        ),
    ),
}
"""Sign, word and next step, by `Wait.why`."""


@dataclass(frozen=True, slots=True)
class Said:
    """Of one file."""

    sign: str
    word: Markup
    more: Markup
    tone: str = ""
    """`good` or `bad`: the word is of that colour."""


def said_of(
    record: Record,
    live: Live | None,
    department: str,
    texts: Texts,
    now: float,
    mono: float,
    earlier: Record | None = None,
) -> Said:
    """What stands under its name.

    Args:
        department: its name.
        now, mono: Unix seconds, and the monotonic clock's.
        earlier: an upload that bears on it: of the same content, or of the same name.
    """
    match record.state:
        case "done":
            more = texts.tr("{clock} · checked", clock=texts.clock(record.ended_at))
            if earlier is not None:
                more += Markup(" · ") + texts.tr(
                    "Drive keeps another file of this name beside it, uploaded from here ({when}). "
                    "Where this one replaces it, delete that one in Drive.",
                    when=texts.short(earlier.ended_at, now),
                )
            return Said("good", texts.tr("✓ Uploaded"), more, "good")
        case "same":
            more = texts.tr("It was not sent again.")
            if earlier is not None:
                when = texts.short(earlier.ended_at, now)
                if earlier.name == record.name:
                    said = N_("{when}, under the same name. It was not sent again.")
                else:
                    said = N_("{when}, as “{name}”. It was not sent again.")
                more = texts.tr(said, when=when, name=earlier.name)
            return Said("info", texts.tr("The same content was uploaded before"), more)
        case "refused":
            word, more_of = _REFUSED[record.because]
            sign, tone = ("warn", "") if record.because == "unsure" else ("bad", "bad")
            return Said(sign, texts.tr(word), texts.tr(more_of), tone)
        case "lost":
            more = texts.tr(
                "Open the file to see which it is, save it under its own name, add it above, and "
                "remove this one."
            )
            return Said("warn", texts.tr("Its name and department cannot be read any more"), more)
    why = why_it_waits(live, mono) if live is not None else None
    wait = live.wait if live is not None else None
    left = wait.until - mono if wait is not None else 0.0
    if live is None or (wait is not None and why is None):  # its turn has come, and others go
        more = texts.tr("The file is stored here, and is uploaded by itself.")
        return Said("wait", texts.tr("In the queue"), more)
    if why is not None:
        sign, word, more_of = _WAITS[why]
        if why == "offline":
            more = texts.plural(
                "The file is stored here, and goes on in {number} second.",
                "The file is stored here, and goes on in {number} seconds.",
                math.ceil(left),
            )
            return Said(sign, texts.tr(word), more)
        return Said(
            sign,
            texts.tr(word, department=department),
            texts.tr(more_of, department=department),
            "bad" if sign == "bad" else "",
        )
    if live.stage == "checking":
        more = texts.tr("What has arrived is compared with the file.")
        return Said("busy", texts.tr("Checking"), more)
    if live.stage in ("asking", "beginning"):
        return Said("busy", texts.tr("Beginning"), Markup(""))
    share = int(100 * live.sent / live.size) if live.size else 0
    return Said("busy", texts.tr("Uploading, {share} %", share=share), _left(live, texts, mono))


def why_it_waits(live: Live, mono: float) -> Why | None:
    """As far as is known by now: whoever has not answered for so long is not waking any more.

    None: for nothing but its turn.
    """
    wait, stage, seconds = live.wait, live.stage, mono - live.since
    why = wait.why if wait is not None else None
    if wait is not None and (wait.is_over or (why == "offline" and wait.until <= mono)):
        return None
    if stage == "asking":
        why = "asleep" if seconds > _WAKING_AFTER_SECONDS else live.before
    return "cloud" if why == "asleep" and seconds > _WAKING_SECONDS else why


def _left(live: Live, texts: Texts, mono: float) -> Markup:
    """How fast it goes, and how long it will take."""
    still, speed = live.still(mono), live.speed(mono)
    if still >= STILL_AFTER_SECONDS:
        return texts.plural(
            "Nothing has moved for {number} second; it goes on by itself.",
            "Nothing has moved for {number} seconds; it goes on by itself.",
            int(still),
        )
    if speed < 1:
        return Markup("")
    seconds = math.ceil((live.size - live.sent) / speed)
    so_much = texts.size(int(speed))
    if seconds < 100:
        return texts.plural(
            "{speed} a second, {number} second to go",
            "{speed} a second, {number} seconds to go",
            seconds,
            speed=so_much,
        )
    return texts.plural(
        "{speed} a second, {number} minute to go",
        "{speed} a second, {number} minutes to go",
        math.ceil(seconds / 60),
        speed=so_much,
    )


STILL_AFTER_SECONDS: Final = 5.0
"""So long no byte may go before that is said, and no longer how fast it goes on the whole."""
_WAKING_AFTER_SECONDS: Final = 3.0
"""So long an answer may take before it is said that the cloud wakes."""
_WAKING_SECONDS: Final = 300.0
"""So long that is said: it takes a minute, as a rule."""
