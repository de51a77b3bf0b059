"""What the page shows, as plain data: from the queue, the sender and the keys."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Final

from markupsafe import Markup

from desktop.keeping.credentials import Pairing
from desktop.page.texts import Texts
from desktop.page.words import Said, said_of, why_it_waits
from desktop.queue.records import Record
from desktop.services import Services

_HISTORY: Final = 200


@dataclass(frozen=True, slots=True)
class Choice:
    """A department to upload for."""

    slug: str
    name: str
    standing: str
    """`fine`, another word of the cloud's, or "": nothing is known."""


@dataclass(frozen=True, slots=True)
class File:
    """One of the list."""

    id: str
    name: str
    size: str
    department: str
    said: Said
    share: int | None
    """Percent; None: there is no bar."""
    link: str
    can: tuple[str, ...]
    """Of `now`, `cancel`, `again`, `pair`, `remove`."""


@dataclass(frozen=True, slots=True)
class Past:
    """One of the history."""

    id: str
    name: str
    size: str
    department: str
    clock: Markup
    link: str


@dataclass(frozen=True, slots=True)
class Day:
    """What was uploaded on one."""

    name: Markup
    files: Sequence[Past]


@dataclass(frozen=True, slots=True)
class Page:
    """All of it."""

    choices: Sequence[Choice]
    files: Sequence[File]
    days: Sequence[Day]
    older: int
    """How many of the history are not among them."""
    done: int
    under_way: int
    waiting: int
    faulty: int
    asleep_seconds: int | None
    """How long the cloud has not answered; None: it has, or nobody asks."""
    without_consent: Sequence[str]
    """Departments that files wait for."""
    stopped: Sequence[tuple[str, int]]
    """Departments whose key serves no more, and how many files wait for another."""
    every: float
    """Seconds until the page looks again."""


def page_of(services: Services, texts: Texts) -> Page:
    """As things stand."""
    now, mono = services.shelf.now(), time.monotonic()
    names = {one.department: one.name for one in services.credentials.pairings}
    records = services.shelf.all()
    shown = [one for one in records if one.state != "done" or one.ended_at >= services.began_at]
    earlier = _earlier_among(records)
    files = [_file(one, services, names, texts, now, mono, earlier(one)) for one in shown]
    lives = [live for one in shown if (live := services.sender.live(one.id)) is not None]
    waits = [
        (record.department, why_it_waits(live, mono))
        for record in shown
        if (live := services.sender.live(record.id)) is not None
    ]
    asleep = [mono - live.since for live in lives if why_it_waits(live, mono) == "asleep"]
    by_sign = [file.said.sign for file in files]
    busy = by_sign.count("busy")
    without_consent = {slug: names.get(slug, slug) for slug, why in waits if why == "consent"}
    stopped = {slug: names.get(slug, slug) for slug, why in waits if why in ("key", "unpaired")}
    waiting = Counter(one.department for one in records if one.state == "queued")
    choices = [_choice(one, services, without_consent) for one in services.credentials.pairings]
    is_moving = any(one.state == "queued" for one in records)
    return Page(
        choices=choices,
        files=files,
        days=_days(records, names, texts, now),
        older=max(0, sum(one.state == "done" for one in records) - _HISTORY),
        done=by_sign.count("good"),
        under_way=busy,
        waiting=sum(one.state == "queued" for one in shown) - busy,
        faulty=sum(one.state in ("refused", "lost") for one in shown),
        asleep_seconds=int(max(asleep)) if asleep else None,
        without_consent=list(without_consent.values()),
        stopped=[(name, waiting[slug]) for slug, name in stopped.items()],
        every=0.5 if is_moving or "" in [one.standing for one in choices] else 10,
    )


def _choice(pairing: Pairing, services: Services, without_consent: Collection[str]) -> Choice:
    standing = services.standing.of(pairing.department)
    if standing == "fine" and pairing.department in without_consent:  # a file has met it since
        standing = "lost"
    return Choice(pairing.department, pairing.name, standing)


def _file(
    record: Record,
    services: Services,
    names: dict[str, str],
    texts: Texts,
    now: float,
    mono: float,
    earlier: Record | None,
) -> File:
    live = services.sender.live(record.id) if record.state == "queued" else None
    department = names.get(record.department, record.department)
    said = said_of(record, live, department, texts, now, mono, earlier)
    share: int | None = None
    if record.state == "done":
        share = 100
    elif record.state == "queued":
        share = int(100 * live.sent / record.size) if live is not None and record.size else 0
    return File(
        record.id,
        record.name,
        texts.size(record.size) if record.size else "",
        department,
        said,
        share,
        record.link,
        _can(record, services),
    )


def _earlier_among(records: Sequence[Record]) -> Callable[[Record], Record | None]:
    """From a record to the one that bears on what is said of it, as `said_of` wants it."""
    by_content: dict[tuple[str, str], Record] = {}
    by_name: defaultdict[tuple[str, str], list[Record]] = defaultdict(list)
    for one in records:
        if one.state == "done":
            by_content.setdefault((one.department, one.md5), one)
            by_name[one.department, one.name].append(one)

    def earlier(record: Record) -> Record | None:
        if record.state == "same":
            return by_content.get((record.department, record.md5))
        if record.state != "done":
            return None
        namesakes = by_name[record.department, record.name]
        ended, md5 = record.ended_at, record.md5
        return next((one for one in namesakes if one.ended_at < ended and one.md5 != md5), None)

    return earlier


def _can(record: Record, services: Services) -> tuple[str, ...]:
    if record.state == "refused":
        return ("remove",)
    if record.state == "same":
        again = services.shelf.content(record.id).exists()
        return ("again", "remove") if again else ("remove",)
    if record.state == "lost":
        return ("open", "remove")
    if record.state == "queued":
        wait = live.wait if (live := services.sender.live(record.id)) is not None else None
        if wait is None or wait.is_over:
            return ("cancel",)
        return ("pair", "cancel") if wait.why in ("key", "unpaired") else ("now", "cancel")
    return ()


def _days(
    records: Sequence[Record], names: dict[str, str], texts: Texts, now: float
) -> Sequence[Day]:
    done = sorted((one for one in records if one.state == "done"), key=lambda one: -one.ended_at)[
        :_HISTORY
    ]

    def day_of(record: Record) -> date:
        return datetime.fromtimestamp(record.ended_at).astimezone().date()

    return [
        Day(
            texts.on_day(many[0].ended_at, now),
            [
                Past(
                    one.id,
                    one.name,
                    texts.size(one.size),
                    names.get(one.department, one.department),
                    texts.clock(one.ended_at),
                    one.link,
                )
                for one in many
            ],
        )
        for _, found in groupby(done, key=day_of)
        if (many := list(found))
    ]
