"""The page in each of its states: the real app, keys and queue; nothing is sent."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, cast, get_args

from pydantic import SecretStr

from desktop.app import create_app
from desktop.gate.entering import Entering
from desktop.keeping.credentials import DesktopCredentialManager, Pairing
from desktop.keeping.system import this_system
from desktop.queue.records import Record
from desktop.queue.shelf import Shelf
from desktop.receiving.pdf import Fault
from desktop.sending.live import Live
from desktop.sending.route import Route
from desktop.sending.sender import Sender
from desktop.sending.sources import QueuedContent
from desktop.sending.standing import Standings
from desktop.sending.waits import Wait, Why
from desktop.services import Services
from desktop.serving import listen, serving
from drive.api import DriveApi
from security.google.network import DIRECT
from tests.desktop.kit import pdf
from tests.journeys import md5_of
from tests.pages.clock import NOW

CLOUD: Final = "https://drive.example.com"
_LINK: Final = "https://drive.google.com/file/d/{}/view"
_MIB: Final = 1024 * 1024
_HOUR: Final = 3600.0


@dataclass(frozen=True)
class File:
    """One of the list, or of the history."""

    name: str
    mib: float = 2.4
    state: str = "queued"
    because: str = ""
    hours_ago: float = 0.0
    """Before this start, where it is not 0: of the history alone."""
    sent: float | None = None
    """A share; None: its turn has not come."""
    why: Why | None = None
    """It waits."""
    for_seconds: float = 0.5
    department: str = "tanhae"
    content: str = ""
    """Another's name, where it is of the same content."""

    @property
    def record(self) -> Record:
        """As the queue keeps it."""
        digits = md5_of(f"{self.name} {self.hours_ago}".encode())
        done = self.state in ("done", "same")
        return Record.model_validate(
            {
                "id": digits,
                "department": self.department if self.state != "lost" else "",
                "name": self.name,
                "size": int(self.mib * _MIB),
                "md5": md5_of((self.content or f"{self.name} {self.hours_ago}").encode()),
                "state": self.state,
                "because": self.because,
                "added_at": NOW - self.hours_ago * _HOUR,
                "ended_at": 0.0 if self.state == "queued" else NOW - self.hours_ago * _HOUR,
                "link": _LINK.format(f"1{digits[:20]}") if done else "",
            }
        )

    @property
    def live(self) -> Live | None:
        """As the sender has it."""
        if self.sent is None and self.why is None:
            return None
        size, mono = self.record.size, time.monotonic()
        live = Live(size, mono - self.for_seconds)
        if self.why is not None:
            live.wait = Wait(self.why, mono + 20)
        if self.sent:
            for count in (0, int(self.sent * size)):
                live.progress.confirm(count)
            live.content = cast("QueuedContent", _Read(int(self.sent * size)))
        return live


@dataclass
class _Read:
    """What was read of a file, for eight seconds whenever it is asked."""

    at: int

    @property
    def since(self) -> float:
        return time.monotonic() - 8


@dataclass(frozen=True)
class Scene:
    """One state of the page."""

    files: Sequence[File] = ()
    paired: Sequence[tuple[str, str]] = (("tanhae", "淡海"), ("anping", "安坑"))
    standing: Mapping[str, str] = field(
        default_factory=lambda: {"tanhae": "fine", "anping": "never"}
    )


_PAST: Final = (
    File("11 月行車日報.pdf", 3.1, "done", hours_ago=2.2),
    File("車輛檢修紀錄.pdf", 8.7, "done", hours_ago=22),
    File("安坑線巡檢表.pdf", 1.2, "done", hours_ago=23, department="anping"),
)
_LONG: Final = "淡海輕軌運務中心行車控制室_" * 7 + "_AVeryLongNameWithoutAnyBlankInIt" * 3 + ".pdf"
_INJECTED: Final = "<b onclick=x>'\"&amp;{{7*7}}{0}.pdf"
REFUSED: Final = (*get_args(Fault), "gone", "unsure")
_DONE: Final = (
    File("12 月班表公告.pdf", 0.8, "done"),
    File("11 月請假單.pdf", 1.9, "done"),
    File("設備清單.pdf", 12.4, "done"),
)
SCENES: Final[Mapping[str, Scene]] = {
    "pair": Scene(paired=()),
    "empty": Scene(),
    "uploading": Scene(
        (
            File("12 月班表公告.pdf", 0.8, "done"),
            File("設備清單.pdf", 12.4, sent=1.0),
            File("11 月月報.pdf", 48.2, sent=0.63),
            File("教育訓練簡報.pdf", 6.3),
            *_PAST,
        )
    ),
    "beginning": Scene((File("11 月月報.pdf", 48.2, sent=0.0), *_PAST)),
    "done": Scene((*_DONE, *_PAST)),
    "asleep": Scene(
        (
            File("11 月月報.pdf", 48.2, sent=0.0, for_seconds=23.2),
            File("教育訓練簡報.pdf", 6.3, sent=0.0, for_seconds=23.2),
            *_PAST,
        )
    ),
    "failed": Scene(
        (
            File("掃描檔.pdf", 0.3, "refused", "damaged"),
            File("會議紀錄.pdf", 0.1, "refused", "no_pdf"),
            File("全線圖資.pdf", 312, "refused", "too_big"),
            File("空白.pdf", 0, "refused", "empty"),
            File("11 月日報.pdf", 3.1, "same", content=f"{_PAST[0].name} {_PAST[0].hours_ago}"),
            *_PAST,
        )
    ),
    "waits": Scene(tuple(File(f"{why}.pdf", sent=0.4, why=why) for why in get_args(Why))),
    "refused": Scene(
        (
            *(File(f"{because}.pdf", 2, "refused", because) for because in REFUSED),
            File("3f9c21d0.pdf", 1.9, "lost"),
            File("另一個名字.pdf", 1, "same", content="班表"),
            File("班表公告.pdf", 1, "same", content="班表"),
            File("沒有紀錄了.pdf", 1, "same"),
            File("班表公告.pdf", 1, "done", hours_ago=26, content="班表"),
        )
    ),
    "names": Scene((File("班表.pdf", 1, "done"), File("班表.pdf", 1, "done", hours_ago=26))),
    "long": Scene(
        (
            File(_LONG, 12, "done"),
            File(f"1{_LONG}", 199, sent=0.004),
            File(f"2{_LONG}", 199, why="quota"),
            File(f"3{_LONG}", 12, "same", content="4"),
            File(f"4{_LONG}", 12, "done", hours_ago=26, content="4"),
            File(_LONG, 12, "done", hours_ago=27),
            File(_INJECTED, why="unpaired", department="anping"),
            File(_INJECTED, state="done", hours_ago=1),
        ),
        paired=(("tanhae", _LONG[:60]), ("anping", "A" * 80)),
    ),
    "gone": Scene((File("11 月月報.pdf", 48.2, "refused", "gone"),)),
    "lost": Scene((File("3f9c21d0.pdf", 1.9, "lost"),)),
    **{
        why: Scene((File("11 月月報.pdf", 48.2, why=why), *_PAST))
        for why in get_args(Why)
        if why not in ("asleep", "consent")
    },
    "consent": Scene(
        (File("11 月月報.pdf", 48.2, why="consent"), *_PAST),
        standing={"tanhae": "never", "anping": "never"},
    ),
}
"""By name; that of a wait is its reason's."""


class _Sender(Sender):
    """Never started."""

    def __init__(self, route: Route, files: Sequence[File]) -> None:
        super().__init__(route)
        self._files = {file.record.id: file for file in files}

    def live(self, id: str) -> Live | None:
        """The same whenever it is asked."""
        return self._files[id].live if id in self._files else None


class _Standings(Standings):
    """Nobody is asked."""

    def look(self, *, now: bool = False) -> None:
        """Everything is known."""


@asynccontextmanager
async def shown(folder: Path, scene: Scene, port: int = 0) -> AsyncIterator[Entering]:
    """The page in this state; how its browser comes in."""
    system = this_system()
    credentials = DesktopCredentialManager(folder, system)
    for slug, name in scene.paired:
        key = SecretStr("dkc_of_the_demonstration")
        credentials.keep(
            Pairing(cloud=CLOUD, department=slug, name=name, label="行控中心 1", key=key)
        )
    shelf = Shelf(folder / "queue", system, credentials.keyring, now=lambda: NOW)
    for file in scene.files:
        shelf.content(file.record.id).write_bytes(pdf())
        shelf.put(file.record)
    route = Route(shelf, credentials, DIRECT, CLOUD, lambda at: DriveApi(at, DIRECT))
    standing = _Standings(credentials, DIRECT, lambda: None)
    for slug, word in scene.standing.items():
        standing.note(slug, word)
    sender = _Sender(route, scene.files)
    services = Services(credentials, shelf, sender, standing, DIRECT, NOW - 60, CLOUD)
    taken, listeners = listen(port)
    entering = Entering(folder, system, taken)
    async with serving(create_app(services, entering, taken), listeners):
        yield entering
