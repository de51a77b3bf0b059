"""Documents with a form: read into a model, and whatever does not fit it counts as not there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

import structlog
from pydantic import BaseModel, ConfigDict, ValidationError

from security.errors import CorruptCredential, OperatorFault
from security.storage.catalogue import Kind
from security.storage.each import only, portions
from security.storage.events import Event
from security.storage.protocol import (
    ABSENT,
    ANY,
    Conflict,
    DocumentStore,
    Drop,
    Found,
    Key,
    Put,
    Step,
    Unit,
    Version,
)

_AT_ONCE = 200
_TRIES: Final = 50
"""Each conflict is a change that another has made meanwhile: whoever comes last has had as many as
there are others."""
_log = structlog.get_logger()


class Kept(BaseModel):
    """What is in a document. Times in Unix seconds, by the storage's clock."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    def __repr_args__(self) -> Iterable[tuple[str | None, object]]:
        """Of what is in it nothing is shown, by `repr` or `str`."""
        return ()


M = TypeVar("M", bound=Kept)


@dataclass(frozen=True, slots=True)
class Held(Generic[M]):
    """A document as it was read."""

    name: str
    version: Version
    content: M


class Shelf(Generic[M]):
    """The documents of one kind, all of one form. Every method blocks.

    Raises, each of them:
        OperatorFault: the storage does not answer, or no configured key opens what is there.
    """

    def __init__(self, storage: DocumentStore, kind: Kind, model: type[M]) -> None:
        self._storage = storage
        self._kind = kind
        self._model = model

    def find(self, name: str) -> Held[M] | None:
        """The document; None: there is none, or none of this form."""
        return self._open(name, only([self._storage.read([Key(self._kind, name)])[0]]))

    def all(self, prefix: str = "") -> Iterator[Held[M]]:
        """Every document that can be read, by name."""
        yield from self.some(self._storage.names(self._kind, prefix))

    def some(self, names: Sequence[str]) -> Iterator[Held[M]]:
        """Those of these documents that are there and can be read, in their order."""
        for some in portions(names, _AT_ONCE):
            found = self._storage.read([Key(self._kind, name) for name in some])
            for name, one in zip(some, found, strict=True):
                held = self._open(name, only([one]))
                if held is not None:
                    yield held

    def add(self, name: str, content: M, events: Sequence[Event] = ()) -> None:
        """Keep a new document; raises Conflict where there is one of this name."""
        self._apply(self.putting(name, content, ABSENT), events)

    def replace(
        self, held: Held[M], content: M, events: Sequence[Event] = (), also: Sequence[Step] = ()
    ) -> Held[M]:
        """Keep `content` in its place; raises Conflict where it has changed since it was read.

        Args:
            also: what is done with it, in one unit.
        """
        version = self._apply(self.putting(held.name, content, held.version), events, also)
        return Held(held.name, version, content)

    def change(
        self,
        name: str,
        how: Callable[[M | None], M | None],
        tells: Callable[[M], Sequence[Event]] = lambda content: (),
        also: Sequence[Put] = (),
    ) -> M | None:
        """Keep what `how` makes of the document, whatever others make of it meanwhile.

        Args:
            how: is given what is there; None: nothing of this form. None of it: that stays.
            tells: for the audit trail, of what is kept.
            also: what is kept with it, in one unit, each where there is none of its name.

        Returns:
            What is kept; None: nothing was changed.
        """
        for _ in range(_TRIES):
            found = only([self._storage.read([Key(self._kind, name)])[0]])
            held = self._open(name, found)
            content = how(None if held is None else held.content)
            if content is None:
                return None
            version = ABSENT if found is None else found.version
            try:
                self._apply(self.putting(name, content, version), tells(content), also)
            except Conflict:
                continue
            return content
        raise OperatorFault("a document changes all the time", code="store_failed")

    def write(self, name: str, content: M) -> None:
        """Keep `content`, whatever is there."""
        self._apply(self.putting(name, content, ANY))

    def drop(self, name: str) -> None:
        """Keep it no longer."""
        only(self._storage.apply([Unit([Drop(Key(self._kind, name))])]))

    def forget(self, held: Held[M]) -> bool:
        """Keep it no longer; False: it has changed since it was read, and stays."""
        try:
            only(self._storage.apply([Unit([self.dropping(held)])]))
        except Conflict:
            return False
        return True

    def putting(self, name: str, content: M, expected: Version) -> Put:
        """The step that keeps `content`, for a unit."""
        return Put(Key(self._kind, name), content.model_dump(mode="json"), expected)

    def replacing(self, held: Held[M], content: M, steps: Sequence[Step]) -> list[Step]:
        """The steps that keep `content` in its place once others are made, for a unit.

        None of them is made where it has changed since it was read: on files, where each is made by
        itself, it is put as it is first.
        """
        if not steps:
            return [self.putting(held.name, content, held.version)]
        as_it_is = self.putting(held.name, held.content, held.version)
        return [as_it_is, *steps, self.putting(held.name, content, ANY)]

    def dropping(self, held: Held[M]) -> Drop:
        """The step that keeps it no longer; a conflict where it has changed since it was read."""
        return Drop(Key(self._kind, held.name), held.version)

    def _apply(self, step: Put, events: Sequence[Event] = (), also: Sequence[Step] = ()) -> Version:
        return only(self._storage.apply([Unit([step, *also], events=events)]))[0]

    def _open(self, name: str, found: Found) -> Held[M] | None:
        if found is None or isinstance(found, Exception):
            return None
        try:
            content = self._model.model_validate(found.open())
        except (ValidationError, CorruptCredential):
            _log.warning("document_refused", kind=self._kind.label, result="unreadable")
            return None
        return Held(name, found.version, content)
