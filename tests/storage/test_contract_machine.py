"""Any series of changes, over every backend, against a dictionary that says what must be there."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from security.encryption import TokenEncryption
from security.storage.protocol import (
    ABSENT,
    ANY,
    Conflict,
    Copy,
    Drop,
    Key,
    Put,
    Step,
    Unit,
    Version,
)
from tests.storage.all_backends import BACKENDS, databases_in_rest
from tests.storage.backends import LISTS, PAGES, Backend, new_key

NAMES = ("a", "a.b", "b")
PLACES = [Key(kind, name) for kind in (PAGES, LISTS) for name in NAMES]
Documents = dict[Key, tuple[Version, dict[str, Any]]]

colours = st.sampled_from(["red", "blue", None])
documents = st.builds(
    lambda colour, due: {"colour": colour, "due": due}, colours, st.integers(0, 3)
)
keys = st.sampled_from(PLACES)
wanted = st.sampled_from(["any", "absent", "this", "old"])
puts = st.tuples(st.just("put"), keys, documents, wanted)
drops = st.tuples(st.just("drop"), keys, st.none(), wanted)
copies = st.tuples(st.just("copy"), st.sampled_from(NAMES), st.none(), wanted)
steps = st.one_of(puts, drops, copies)
Asked = tuple[str, Any, Any, str]


class Machine(RuleBasedStateMachine):
    """Two processes' storages over the same documents; either makes any change."""

    backend_class: type[Backend]
    root: Path
    key = new_key()

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory(dir=self.root)
        folder = Path(self.folder.name) / "user_data"
        self.backend = self.backend_class(folder, TokenEncryption([self.key]))
        self.storages = [self.backend.storage, self.backend.another()]
        self.there: Documents = {}
        self.old: dict[Key, Version] = {}
        self.order = 0

    def teardown(self) -> None:
        for storage in self.storages:
            storage.close()
        self.backend.close()
        self.folder.cleanup()

    def expected(self, key: Key, want: str, there: Documents) -> Version:
        """A version that is asked for."""
        if want == "this":
            return there[key][0] if key in there else ABSENT
        return {"any": ANY, "absent": ABSENT, "old": self.old.get(key, "no version")}[want]

    @rule(at=st.integers(0, 1), asked=st.lists(steps, min_size=1, max_size=4))
    def apply(self, at: int, asked: Sequence[Asked]) -> None:
        """One unit, whose steps want versions from before it."""
        unit = Unit([self.step(one, self.there) for one in asked])
        [outcome] = self.storages[at].apply([unit])
        self.follow(unit, outcome)

    def step(self, asked: Asked, there: Documents) -> Step:
        """As it is asked of the storage."""
        what, place, document, want = asked
        if what == "put":
            return Put(place, document, self.expected(place, want, there))
        if what == "drop":
            return Drop(place, self.expected(place, want, there))
        source = Key(PAGES, place)
        # A copy of a sealed page opens under its own name alone: it stays where it is.
        return Copy(source, source, self.expected(source, want, there))

    def follow(self, unit: Unit, outcome: list[Version] | Exception) -> None:
        """What must have become of a unit, and what is there by now."""
        there, versions = dict(self.there), []
        ended = False
        for number, step in enumerate(unit.steps):
            assert isinstance(step, Put | Drop | Copy)
            present = there.get(step.key)
            version = present[0] if present else ABSENT
            if step.expected not in (ANY, version) or (isinstance(step, Copy) and not present):
                ended = True
                break
            if isinstance(step, Drop):
                there.pop(step.key, None)
                versions.append(ABSENT)
                continue
            new = outcome[number] if isinstance(outcome, list) else f"unknown-{number}"
            content = step.document if isinstance(step, Put) else present[1] if present else {}
            there[step.key] = (new, content)
            versions.append(new)
        if ended:
            assert isinstance(outcome, Conflict)
            if self.backend.is_atomic:
                return
        else:
            assert outcome == versions
        for key in {step.key for step in unit.steps}:
            if key in self.there:
                self.old[key] = self.there[key][0]
        self.there = there
        self.learn_versions()

    def learn_versions(self) -> None:
        """Of steps before a conflict nobody has told the version."""
        for key, (version, document) in self.there.items():
            if version.startswith("unknown"):
                self.there[key] = (self.backend.stored(key).version, document)

    @rule(key=keys, at=st.integers(0, 1))
    def reseal(self, key: Key, at: int) -> None:
        """The content stays; the version does not."""
        outcome = self.storages[at].reseal(key, lambda raw: raw, None)
        assert outcome == ("changed" if key in self.there else "vanished")
        if key in self.there:
            self.old[key], document = self.there[key]
            assert self.backend.stored(key).version != self.old[key]
            self.there[key] = (self.backend.stored(key).version, document)

    @rule(key=keys)
    def vanish(self, key: Key) -> None:
        """Somebody else's doing."""
        if self.there.pop(key, None) is not None:
            self.backend.take_away(key)

    @invariant()
    def what_is_there_is_what_was_put(self) -> None:
        """For both processes, by name, by value and by time."""
        for storage in self.storages:
            found = storage.read(PLACES)
            for key, one in zip(PLACES, found, strict=True):
                if key in self.there:
                    assert one is not None
                    assert not isinstance(one, Exception)
                    assert (one.version, one.document) == self.there[key]
                else:
                    assert one is None
            pages = {key.name: doc for key, (_, doc) in self.there.items() if key.kind is PAGES}
            assert storage.names(PAGES) == sorted(pages)
            assert storage.names(PAGES, "a.") == sorted({"a.b"} & set(pages))
            for colour in ("red", "blue", None):
                named = sorted(name for name, doc in pages.items() if doc["colour"] == colour)
                assert storage.find(PAGES, "colour", colour) == named
            due = sorted((doc["due"], name) for name, doc in pages.items() if doc["due"] < 2)
            found_due = [
                (one.moment, one.name)
                for page in storage.due(PAGES, 2, 2, everything=False)
                for one in page.due
            ]
            assert found_due == due


@pytest.mark.usefixtures("lent")
@pytest.mark.parametrize("backend_class", databases_in_rest(BACKENDS))
def test_whatever_is_changed_is_there_afterwards(
    backend_class: type[Backend], tmp_path: Path
) -> None:
    """A state machine of units, conflicts, re-seals and removals."""
    machine = type("Machine", (Machine,), {"backend_class": backend_class, "root": tmp_path})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12 if backend_class.is_database else 40,
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],  # to shorten a series takes minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
