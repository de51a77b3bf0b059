"""The contract of a storage: names, what is found by a value, what is due, and the audit trail."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from security.encryption import TokenEncryption
from security.owner_documents import CREDENTIALS, QUARANTINE, copy_key, credential_key
from security.storage.events import Event
from security.storage.protocol import Copy, Drop, Key, Put, PutRaw
from tests.storage.backends import ANN, BOB, LISTS, MASK, PAGES, Backend, Make, new_key, page

INFINITE = float("inf")


def due(
    backend: Backend, before: float = 100, size: int = 10, *, everything: bool = False
) -> list[tuple[str, float | None]]:
    """What is due, of all pages."""
    pages = list(backend.storage.due(PAGES, before, size, everything=everything))
    return [(one.name, one.moment) for found in pages for one in found.due]


# Names


def test_names_are_those_of_one_kind_that_begin_so_sorted(backend: Backend) -> None:
    """Without what is no part of them."""
    for name in ("b.2", "a", "b", "b.10", "bb"):
        backend.put(page(name), {})
    backend.put(Key(LISTS, "b.3"), {})
    assert backend.storage.names(PAGES) == ["a", "b", "b.10", "b.2", "bb"]
    assert backend.storage.names(PAGES, "b.") == ["b.10", "b.2"]
    assert backend.storage.names(PAGES, "b.j") == []
    backend.apply(Drop(page("b.10")))
    assert backend.storage.names(PAGES, "b") == ["b", "b.2", "bb"]


def test_names_are_those_of_this_moment(backend: Backend) -> None:
    """Whatever was listed just before, and whoever has put or removed something since."""
    for number in range(3):
        name = f"token_501.{number}"
        assert name not in backend.storage.names(QUARANTINE, "token_501.")
        backend.plant(copy_key(name), b"{}")
        assert name in backend.storage.names(QUARANTINE, "token_501.")
    backend.take_away(copy_key("token_501.1"))
    assert backend.storage.names(QUARANTINE, "token_501.") == ["token_501.0", "token_501.2"]


def test_a_copys_name_begins_with_its_owner_and_nobody_elses(backend: Backend) -> None:
    """501 and 5011."""
    for name in ("token_501.20260101t000000000001", "token_5011.20260101t000000000001"):
        backend.put(copy_key(name), {})
    assert backend.storage.names(QUARANTINE, "token_501.") == ["token_501.20260101t000000000001"]


@pytest.mark.parametrize("name", ["notes", "token_abc", "token_0501", "token_501.1", "token_-5"])
def test_documents_of_other_programs_beside_credentials_are_left_out(
    backend: Backend, name: str
) -> None:
    """Whatever they hold, and wherever one looks."""
    backend.put(credential_key(ANN), {"account": "a", "client_id": "c"})
    backend.plant(Key(CREDENTIALS, name), b"{")
    storage = backend.storage
    assert storage.names(CREDENTIALS) == [ANN.stem]
    assert storage.find(CREDENTIALS, "account", None) == []
    pages = storage.due(CREDENTIALS, 0, 10, everything=True)
    assert [one.name for found in pages for one in found.due] == [ANN.stem]
    assert storage.known(CREDENTIALS) == {ANN.stem: 0}


# Finding


def test_documents_are_found_by_a_value(backend: Backend) -> None:
    """After puts, drops, changes, and what others did; sorted."""
    backend.put(page("b"), {"colour": "red", "shape": "round"})
    backend.put(page("a"), {"colour": "red", "shape": "flat"})
    backend.put(page("c"), {"colour": "blue", "shape": "round"})
    find = backend.storage.find
    assert find(PAGES, "colour", "red") == ["a", "b"]
    assert find(PAGES, "shape", "round") == ["b", "c"]
    assert find(PAGES, "colour", "round") == []
    backend.put(page("b"), {"colour": "blue"})
    backend.apply(Drop(page("c")))
    assert find(PAGES, "colour", "red") == ["a"]
    assert find(PAGES, "colour", "blue") == ["b"]
    backend.plant(page("a"), backend.sealer.seal(PAGES, "a", {"colour": "green"}))
    backend.plant(page("d"), backend.sealer.seal(PAGES, "d", {"colour": "green"}))
    assert find(PAGES, "colour", "red") == []
    assert find(PAGES, "colour", "green") == ["a", "d"]
    backend.take_away(page("d"))
    assert find(PAGES, "colour", "green") == ["a"]
    assert backend.another().find(PAGES, "colour", "green") == ["a"]


def test_what_has_no_value_or_cannot_be_read_is_found_as_unknown(backend: Backend) -> None:
    """And by no value that it had before."""
    backend.put(page("plain"), {"colour": "red"})
    backend.put(page("without"), {"shape": "round"})
    backend.put(page("damaged"), {"colour": "red"})
    backend.plant(page("damaged"), b"{")
    backend.plant(page("foreign"), TokenEncryption([new_key()]).encrypt(b'{"colour": "red"}'))
    find = backend.storage.find
    for _ in range(2):
        assert find(PAGES, "colour", None) == ["damaged", "foreign", "without"]
        assert find(PAGES, "colour", "red") == ["plain"]
    assert find(PAGES, "shape", None) == ["damaged", "foreign", "plain"]


def test_copies_and_bytes_from_elsewhere_are_found_too(backend: Backend) -> None:
    """As what they hold."""
    sealed = backend.sealer.seal(PAGES, "one", {"colour": "red"})
    backend.apply(PutRaw(page("one"), sealed))
    assert backend.storage.find(PAGES, "colour", "red") == ["one"]
    backend.plant(page("two"), b"damage")
    backend.apply(Copy(page("one"), page("two")))
    assert backend.storage.find(PAGES, "colour", "red") == []
    assert backend.storage.find(PAGES, "colour", None) == ["one", "two"]


def test_a_kind_without_documents_has_nothing_to_find(backend: Backend) -> None:
    """Not an error."""
    assert backend.storage.find(PAGES, "colour", "red") == []
    assert backend.storage.find(PAGES, "colour", None) == []


def test_a_find_reads_what_has_changed_and_no_others(backend: Backend) -> None:
    """However many there are."""
    for number in range(10):
        backend.put(page(f"p-{number}"), {"colour": str(number % 2)})
    backend.storage.find(PAGES, "colour", "1")
    before = backend.sealer.opened
    assert len(backend.storage.find(PAGES, "colour", "1")) == 5
    assert backend.sealer.opened == before
    backend.plant(page("p-3"), backend.sealer.seal(PAGES, "p-3", {"colour": "0"}))
    assert len(backend.storage.find(PAGES, "colour", "1")) == 4
    assert backend.sealer.opened == before + (not backend.is_database)  # which has columns for it


def test_a_find_tries_nothing_again_that_cannot_be_read(make: Make) -> None:
    """Before it has changed: whoever can ask for a value would have it opened at each request."""
    backend = make(TokenEncryption([new_key()]))
    for number in range(5):
        backend.put(page(f"p-{number}"), {"colour": "red"})
        backend.plant(page(f"p-{number}"), TokenEncryption([new_key()]).encrypt(b"{}"))
    find, before = backend.storage.find, backend.sealer.opened
    for _ in range(3):
        assert find(PAGES, "colour", "red") == []
        assert len(find(PAGES, "colour", None)) == 5
        backend.put(page("other"), {"colour": "blue"})
    assert backend.sealer.opened == before + (0 if backend.is_database else 5)
    backend.plant(page("p-3"), backend.sealer.seal(PAGES, "p-3", {"colour": "red"}))
    assert find(PAGES, "colour", "red") == ["p-3"]
    assert len(find(PAGES, "colour", None)) == 4
    assert backend.sealer.opened == before + (0 if backend.is_database else 6)


# What is due


def test_what_is_due_comes_soonest_first_then_what_has_changed(backend: Backend) -> None:
    """Nothing that is due later, nor at no moment."""
    for name, moment in (("a", 30), ("b", 10), ("c", 200), ("d", 20), ("e", INFINITE), ("f", 100)):
        backend.put(page(name), {"due": moment} if moment != INFINITE else {})
    assert due(backend) == [("b", 10), ("d", 20), ("a", 30)]
    backend.put(page("always"), {"due": None})
    backend.plant(page("c"), backend.stored(page("c")).raw)
    backend.plant(page("new"), b"{")
    found = due(backend)
    assert found[:3] == [("b", 10), ("d", 20), ("a", 30)]
    # Whoever changes a row has to write when it is due: nobody looks at it before that.
    changed = [] if backend.is_database else [("c", None)]
    assert sorted(found[3:]) == [("always", None), *changed, ("new", None)]
    backend.stored(page("c"))
    assert ("c", None) not in due(backend)
    assert ("c", 200) in due(backend, 201)


def test_what_cannot_be_read_is_due_at_every_look(backend: Backend) -> None:
    """Until it is replaced."""
    backend.put(page("a"), {"due": 500})
    backend.plant(page("a"), b"{")
    for _ in range(2):
        assert due(backend) == [("a", None)]
        assert backend.stored(page("a")).fault is not None
    backend.put(page("a"), {"due": 500})
    assert due(backend) == []


def test_what_is_of_no_use_is_due_at_every_look_though_it_opens(backend: Backend) -> None:
    """Until it is read or put and nobody says so; no moment of it is known meanwhile."""
    backend.put(page("a"), {"due": 5})
    backend.put(page("b"), {"due": 500})
    for _ in range(2):
        backend.storage.look_again([page("b"), page("nothing")])
        assert [due(backend) for _ in range(2)] == [[("a", 5), ("b", None)]] * 2
        assert backend.storage.known(PAGES) == {"a": 5, "b": None}
        backend.stored(page("b"))
        assert due(backend) == [("a", 5)]
    backend.storage.look_again([page("b")])
    backend.put(page("b"), {"due": 400})
    assert due(backend) == [("a", 5)]
    assert backend.storage.known(PAGES) == {"a": 5, "b": 400}


def test_to_be_found_is_not_to_be_looked_at(backend: Backend) -> None:
    """Whoever sees to what is due may find something in it that finding does not know of."""
    backend.put(page("a"), {"due": 500, "colour": "0"})
    backend.plant(page("a"), backend.stored(page("a")).raw)
    for _ in range(2):
        assert backend.storage.find(PAGES, "colour", "0") == ["a"]
        assert due(backend) == ([] if backend.is_database else [("a", None)])
    backend.stored(page("a"))
    assert backend.storage.find(PAGES, "colour", "0") == ["a"]
    assert due(backend) == []


def test_what_is_due_comes_in_pages(backend: Backend) -> None:
    """Each of the size that was asked for; the first says how many were looked at."""
    for number in range(7):
        backend.put(page(f"p-{number}"), {"due": number})
    backend.put(page("later"), {"due": 1000})
    pages = list(backend.storage.due(PAGES, 100, 3, everything=False))
    assert [len(found.due) for found in pages] == [3, 3, 1]
    assert sum(found.seen for found in pages) == (7 if backend.is_database else 8)
    assert [one.moment for found in pages for one in found.due] == list(range(7))


def test_with_nothing_due_one_page_says_how_many_were_seen_and_nothing_is_read(
    backend: Backend,
) -> None:
    """An idle pass costs almost nothing."""
    assert [tuple(found.due) for found in backend.storage.due(PAGES, 1, 5, everything=False)] == [
        ()
    ]
    for number in range(12):
        backend.put(page(f"p-{number}"), {"due": 1000 + number})
    before = backend.sealer.opened
    [found] = backend.storage.due(PAGES, 100, 5, everything=False)
    assert (found.seen, list(found.due)) == (0 if backend.is_database else 12, [])
    assert backend.sealer.opened == before


def test_everything_is_due_where_that_is_asked(backend: Backend) -> None:
    """As if it had changed."""
    for number in range(5):
        backend.put(page(f"p-{number}"), {"due": 1000 - number})
    assert due(backend, size=2, everything=True) == [(f"p-{number}", None) for number in range(5)]


def test_what_is_removed_is_not_due(backend: Backend) -> None:
    """By this process or another one."""
    for name in ("a", "b", "c"):
        backend.put(page(name), {"due": 1})
    backend.apply(Drop(page("a")))
    backend.take_away(page("b"))
    assert due(backend) == [("c", 1)]


def test_what_is_known_was_looked_at(backend: Backend) -> None:
    """Read or written by this process, and not dropped since; without another look."""
    backend.put(page("a"), {"due": 5})
    backend.put(page("b"), {"due": None})
    backend.put(page("c"), {})
    backend.plant(page("new"), b"{}")
    before = backend.sealer.opened
    assert backend.storage.known(PAGES) == {"a": 5, "b": None, "c": INFINITE}
    assert backend.sealer.opened == before
    backend.apply(Drop(page("a")))
    assert backend.storage.known(PAGES).keys() == {"b", "c"}
    other = backend.another()
    assert other.known(PAGES) == {}
    other.read([page("c")])
    assert other.known(PAGES) == {"c": INFINITE}


# The audit trail


def test_the_trail_is_read_from_either_end(backend: Backend) -> None:
    """By whom, by what, since when; by any process."""
    began = datetime.now(UTC) - timedelta(seconds=1)
    backend.apply(Put(page("a"), {}), events=(Event("authorised", ANN), Event("denied", BOB)))
    backend.storage.record([Event("refreshed", ANN)])
    events = backend.another().events
    assert [entry.action for entry in events()] == ["refreshed", "denied", "authorised"]
    assert [entry.action for entry in events(newest_first=False, owner=MASK(ANN.name))] == [
        "authorised",
        "refreshed",
    ]
    assert [entry.owner for entry in events(action="denied")] == [MASK(BOB.name)]
    assert len(list(events(since=began))) == 3
    assert list(events(since=datetime.now(UTC) + timedelta(seconds=1))) == []
    assert list(events(until=began)) == []
    oldest = next(events(newest_first=False))
    assert oldest in list(events(until=oldest.time))


def test_a_note_in_the_trail_never_raises(backend: Backend) -> None:
    """What has happened has happened."""
    with backend.full(), capture_logs():
        backend.storage.record([Event("refreshed", ANN)])
    backend.storage.record([Event("revoked", ANN)])
    assert ("revoked", "ok") in backend.whole_history()


def test_the_storages_clock_goes(backend: Backend) -> None:
    """In Unix seconds."""
    assert abs(backend.storage.now() - datetime.now(UTC).timestamp()) < 60


# What several processes work on


def test_scattered_pages_together_are_all_that_is_due(backend: Backend) -> None:
    """Each once, in whatever order; then what is due at every look."""
    for number in range(30):
        backend.put(page(f"p{number}"), {"due": number})
    backend.put(page("always"), {"due": None})
    pages = list(backend.storage.due(PAGES, 20, 2, everything=False, scattered=True))
    found = [one.name for part in pages for one in part.due]
    assert sorted(found) == sorted([*(f"p{number}" for number in range(20)), "always"])


def test_what_is_due_is_counted_by_moments(backend: Backend) -> None:
    """And the first one after the first of them is told."""
    for name, moment in (("a", 5), ("b", 10), ("c", 400)):
        backend.put(page(name), {"due": moment})
    backend.put(page("never"), {})
    counts = backend.storage.due_counts(PAGES, [5, 100, 400])
    assert (counts.upto, counts.soonest) == ([1, 2, 3], 10)
    counts = backend.storage.due_counts(PAGES, [400])
    assert counts.upto == [3]
    assert counts.soonest in (None, INFINITE)
