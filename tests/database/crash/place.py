"""Where points are tried: one database, one proxy before it, and what is done through that."""

from __future__ import annotations

import re
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from security.errors import CustodyError
from tests.database.census import complaints
from tests.database.proxy import COMMANDS, Cut, Packet, Proxy, When

_ATTEMPTS: Final = 3
_VALUE: Final = re.compile(r"(?:_binary)?'(?:[^'\\]|''|\\.)*'|`\w+`|\b\d+\b", re.DOTALL)
_LISTS: Final = re.compile(r"\([?X, NUL()]*\)")
"""Of values, left out already: however many there are of them."""
_ENDS: Final = ("COMMIT", "ROLLBACK")


class HarnessError(Exception):
    """The harness itself cannot go on."""


class Subject(Protocol):
    """What is done to a database, and cut short."""

    @property
    def name(self) -> str:
        """Of the operation."""

    def begin(self) -> None:
        """Put the database into the state from which it starts, beside the proxy."""

    def run(self) -> None:
        """Do it, in a process that has just started.

        Raises:
            CustodyError: it could not be done.
        """

    def losses(self) -> list[str]:
        """Start anew, look at what is there, do it once more, and look again: what is wrong."""


@dataclass(frozen=True)
class Point:
    """One place at which one operation is cut short."""

    operation: str
    packet: Packet
    """As it was recorded, values left out."""
    cut: Cut

    def __str__(self) -> str:
        lasting = ", and no other is let through" if self.cut.is_lasting else ""
        return f"{self.operation}, cut {self.cut.when} {self.packet}{lasting}"


class Place:
    """One database with what is done to it."""

    def __init__(self, proxy: Proxy, subjects: Mapping[str, Subject]) -> None:
        self.proxy = proxy
        self._subjects = subjects

    def record(self, name: str) -> list[Packet]:
        """The packets of one operation that nothing cuts short.

        Raises:
            HarnessError: it fails, or loses something, all the same.
        """
        subject = self._subjects[name]
        subject.begin()
        self.proxy.watch()
        said = _said(subject)
        packets = [_shape(packet) for packet in self.proxy.packets]
        if found := [*said, *subject.losses()]:
            raise HarnessError(f"{name} loses with no connection cut: {found}")
        for packet in self.proxy.packets:
            if packet.answer == 0 and packet.statement not in COMMANDS:
                self._check(packet.statement, in_migrations=subject.name == "upgrade")
        self.proxy.watch()
        return packets

    @staticmethod
    def _check(statement: str, *, in_migrations: bool) -> None:
        """As it is sent, the driver's words too."""
        told = complaints(statement, "mysql", in_migrations=in_migrations, on_the_wire=True)
        if told:
            raise HarnessError(f"not on the list of what may be said: {told} in {statement[:200]}")

    def try_point(self, point: Point) -> list[str]:
        """What is lost when the connection is cut there.

        Raises:
            HarnessError: no connection was cut at the packet that was meant.
        """
        subject = self._subjects[point.operation]
        for _ in range(_ATTEMPTS):
            subject.begin()
            self.proxy.watch(point.cut)
            said = _said(subject)
            met = self.proxy.met
            self.proxy.watch()
            self.proxy.admit()
            if met is not None and _shape(met) == point.packet:
                return said + subject.losses()
        raise HarnessError(f"the cut did not meet its packet: {point}, but {met}")


def points(operation: str, packets: list[Packet]) -> Iterator[Point]:
    """Before and after every packet: that connection alone, and all of them, for longer.

    Before an answer is after what came before it, since the server has done what it was told. Where
    an answer has several packets, the two kinds of cut take turns.
    """
    for packet in packets:
        if packet.statement == "QUIT":  # nobody waits for what comes of that, nor always says it
            continue
        both = (False, True)
        if packet.answer == 0:
            yield from (_point(operation, packet, "before", is_lasting) for is_lasting in both)
        kinds = both if packet.answer < 2 else [packet.number % 2 == 0]
        yield from (_point(operation, packet, "after", is_lasting) for is_lasting in kinds)


def without_repeats(points: Sequence[Point], packets: Sequence[Packet]) -> list[Point]:
    """Of what comes again at the same place of the same transaction, once.

    That connection alone is cut the first time, all of them the last time. Of an answer's packets,
    what comes behind the first one is alike.
    """
    places = _places(packets)
    alike: dict[tuple[object, ...], list[Point]] = {}
    for point in points:
        packet, cut = point.packet, point.cut
        kind = (places[packet.number], min(packet.answer, 2), cut.when, cut.is_lasting)
        alike.setdefault(kind, []).append(point)
    chosen = {some[-1 if some[0].cut.is_lasting else 0] for some in alike.values()}
    return [point for point in points if point in chosen]


def _places(packets: Sequence[Packet]) -> dict[int, tuple[str, ...]]:
    """By a packet's number: what was said since its transaction began, whatever repeats there."""
    found: dict[int, tuple[str, ...]] = {}
    said: tuple[str, ...] = ()
    for packet in packets:
        if packet.answer == 0:
            statement = _LISTS.sub("()", packet.statement)
            if said[-1:] in [(end,) for end in _ENDS]:
                said = ()
            if said[-1:] != (statement,):
                said += (statement,)
        found[packet.number] = said
    return found


def _point(operation: str, packet: Packet, when: When, is_lasting: bool) -> Point:
    return Point(operation, packet, Cut(packet.number, when, is_lasting))


def _said(subject: Subject) -> list[str]:
    """What an operation ends with that is no operator's fault."""
    try:
        subject.run()
    except CustodyError:
        return []
    except Exception:
        return [f"not an operator's fault: {traceback.format_exc(limit=-4)}"]
    return []


def _shape(packet: Packet) -> Packet:
    """Without the values, which differ from one run to the next."""
    return Packet(packet.number, _VALUE.sub("?", packet.statement), packet.answer)
