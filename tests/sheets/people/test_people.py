"""Who is linked to which number, by whose word; calendars' addresses; what goes with its owner."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from functools import partial

import pytest

from departments.documents import Shelf
from security.credential import Owner
from security.storage.documents import Documents
from security.storage.each import only
from security.storage.protocol import ABSENT, Storage, Unit
from sheets.keeping.changes import PendingChanges
from sheets.keeping.forms import Change, Changes
from sheets.keeping.kinds import CHANGES
from sheets.kinds.contents import Duty
from sheets.people.asks import AskRecord, Asks, Decider, TooManyAsks
from sheets.people.calendars import address_of
from sheets.people.kinds import ASKS, CALENDARS, CHATS, KINDS, NOTICES, OF_PEOPLE
from sheets.people.numbers import found_in, is_same, number_in
from sheets.people.services import DutyPeople
from sheets.versions.notices import Telling
from tests.stores import between

pytestmark = pytest.mark.encryption("on")

ALICE, BOB = Owner.user(500), Owner.user(50)
CHEN = Decider(Owner.user(1), "陳")
LI = Decider(Owner.user(2), "李")


def link(people: DutyPeople, owner: Owner, number: str = "A1001", where: str = "tanhae") -> None:
    ask, _ = people.asks.ask(owner, number, "Name")
    decided = people.asks.confirm(ask.id, where, number, CHEN)
    assert decided is not None
    assert decided.is_new


def trail(storage: Storage) -> list[tuple[str, str]]:
    return [(entry.action, entry.result) for entry in storage.events(newest_first=False)]


@pytest.mark.parametrize(
    ("written", "number"),
    [
        ("A1001", "A1001"),
        (" Ａ１００１ ", "A1001"),
        ("a 1001", "a 1001"),
        ("王小明", "王小明"),
        ("\u200b\u202e", None),
        ("", None),
        ("9" * 41, None),
        ("ﷺ" * 9, None),  # one character becomes eighteen
    ],
)
def test_numbers_are_what_people_write(written: str, number: str | None) -> None:
    assert number_in(written) == number


def test_a_number_is_found_however_it_is_spelt() -> None:
    assert found_in(["A1001", "0905"], "Ａ１００１") == "A1001"
    assert found_in(["A1001", "0905"], "a 1001") == "A1001"
    assert found_in(["A1001", "a1001"], "A1001") == "A1001"
    assert found_in(["A1001", "a1001"], "ａ1001") == "a1001"
    assert found_in(["A1001", "a1001"], "a 1001") is None
    assert found_in(["0905"], "905") is None
    assert is_same("A1001", "ａ1 001")


def test_a_formula_that_finds_no_name_is_none(people: DutyPeople) -> None:
    assert people.names.hashes(ALICE, ["#N/A"]) == people.names.hashes(ALICE, [""])
    assert len({*people.names.hashes(ALICE, ["", "王小明", "李四"])}) == 3


def test_a_link_is_an_administrators_word(people: DutyPeople, storage: Storage) -> None:
    ask, is_new = people.asks.ask(ALICE, "A1001", "Alice")
    assert is_new
    assert people.asks.ask(ALICE, "a1001", "Alice")[1] is False
    assert people.links.of(ALICE) == []
    done = people.asks.confirm(ask.id, "tanhae", "A1001", CHEN)
    assert done is not None
    assert (done.is_new, done.ask.record.decided_name) == (True, "陳")
    [mine] = people.links.of(ALICE)
    assert (mine.department, mine.number, mine.changes) == ("tanhae", "A1001", False)
    assert people.links.whose("tanhae", "A1001") == [mine]
    assert people.links.whose("anping", "A1001") == []
    assert trail(storage) == [
        ("roster_asked", "ok"),
        ("confirmed", "roster_linked"),
        ("roster_linked", "ok"),
    ]


def test_it_is_decided_once(people: DutyPeople) -> None:
    """Of two administrators who tap at the same moment the first one decides."""
    ask, _ = people.asks.ask(ALICE, "A1001", "Alice")
    assert people.asks.refuse(ask.id, LI) is not None
    late = people.asks.confirm(ask.id, "tanhae", "A1001", CHEN)
    assert late is not None
    assert (late.is_new, late.ask.record.state, late.ask.record.decided_name) == (
        False,
        "refused",
        "李",
    )
    assert people.links.of(ALICE) == []
    assert people.asks.refuse("0123456789ab", LI) is None


def test_whoever_gets_a_number_has_it_alone(people: DutyPeople) -> None:
    link(people, BOB)
    ask, _ = people.asks.ask(ALICE, "A1001", "Alice")
    done = people.asks.confirm(ask.id, "tanhae", "A1001", CHEN)
    assert done is not None
    assert done.displaced == (BOB,)
    assert people.links.of(BOB) == []
    assert [one.owner for one in people.links.whose("tanhae", "A1001")] == [ALICE]


def test_another_number_takes_the_place_of_the_first(people: DutyPeople) -> None:
    link(people, ALICE)
    people.links.tell_changes(ALICE, "tanhae", tell=True)
    link(people, ALICE, "A2002")
    link(people, ALICE, "77", "anping")
    assert [(one.department, one.number, one.changes) for one in people.links.of(ALICE)] == [
        ("anping", "77", False),
        ("tanhae", "A2002", True),
    ]
    assert people.links.whose("tanhae", "A1001") == []


def test_a_link_that_is_just_taken_back_is_not_made_again(
    people: DutyPeople, storage: Storage
) -> None:
    """Asked again, an administrator's yes or no means the link that there was."""
    link(people, ALICE)
    [mine] = people.links.of(ALICE)
    id = people.asks.ask_again(mine, ("x",))
    assert id is not None
    assert people.asks.ask_again(mine, ("x",)) == id  # of whichever process asks
    assert len(people.asks.open()) == 1
    asks = Asks(between(storage, lambda: people.links.end(ALICE)), people.links)
    assert asks.confirm(id, "tanhae", "A1001", CHEN, ("x",)) is None
    assert people.links.of(ALICE) == []
    link(people, ALICE, "A2002")
    refused = people.asks.refuse(id, LI)
    assert refused is not None
    assert [one.number for one in people.links.of(ALICE)] == ["A2002"]


def test_what_was_asked_long_ago_goes_though_nobody_asks(
    people: DutyPeople, storage: Storage
) -> None:
    ask, _ = people.asks.ask(ALICE, "A1001", "Alice")
    shelf = Shelf(storage, ASKS, AskRecord)
    shelf.change(
        f"{ALICE.stem}.{ask.id}", lambda one: one and one.model_copy(update={"asked_at": 1})
    )
    again = DutyPeople.of(storage, {}, lambda owner: True)
    again.renaming.look()
    assert storage.names(ASKS) == []


def test_nobody_tries_many_numbers(people: DutyPeople) -> None:
    for number in range(3):
        people.asks.ask(ALICE, f"A{number}", "Alice")
    with pytest.raises(TooManyAsks):
        people.asks.ask(ALICE, "A9", "Alice")
    assert [one.record.number for one in people.asks.open()] == ["A2"]
    people.asks.ask(BOB, "A9", "Bob")
    people.forget(ALICE)  # which is their right, and no way to try more of them
    with pytest.raises(TooManyAsks):
        people.asks.ask(ALICE, "A9", "Alice")


@pytest.mark.parametrize("department", ["", "tanhae"])
def test_of_everybody_together_sixty_numbers_are_asked_about(
    people: DutyPeople, storage: Storage, department: str
) -> None:
    """As many again of those that have another name by now: neither keeps out the other."""
    for owner in (ALICE, BOB):
        link(people, owner, f"A{owner.key}")
    mine, his = people.links.of(ALICE)[0], people.links.of(BOB)[0]
    shelf, record = Shelf(storage, ASKS, AskRecord), AskRecord(number="A1", asked_at=storage.now())
    open = record.model_copy(update={"department": department})
    owners = [Owner.user(7000 + n) for n in range(59)]
    only(
        storage.apply(
            [Unit([shelf.putting(f"{one.stem}.{'a' * 12}", open, ABSENT) for one in owners])]
        )
    )
    again = [people.asks.ask_again(one, ("x",)) is not None for one in (mine, his)]
    assert again == [True, not department]
    people.asks.ask(ALICE, "A2", "Alice")
    with nullcontext() if department else pytest.raises(TooManyAsks):
        people.asks.ask(BOB, "A3", "Bob")


def test_two_administrators_at_the_same_moment_decide_once(people: DutyPeople) -> None:
    for number in range(10):
        owner = Owner.user(7000 + number)
        ask, _ = people.asks.ask(owner, "A1001", "Somebody")
        with ThreadPoolExecutor(2) as both:
            yes = both.submit(people.asks.confirm, ask.id, "tanhae", "A1001", CHEN)
            no = both.submit(people.asks.refuse, ask.id, LI)
        decided = [one for one in (yes.result(), no.result()) if one is not None]
        assert [one.is_new for one in decided].count(True) == 1
        assert len({one.ask.record.state for one in decided}) == 1
        is_linked = decided[0].ask.record.state == "confirmed"
        assert bool(people.links.of(owner)) is is_linked


def test_who_has_looked_before_another_decided_has_decided_nothing(
    people: DutyPeople, storage: Storage
) -> None:
    ask, _ = people.asks.ask(ALICE, "A1001", "Alice")
    late = Asks(between(storage, lambda: people.asks.refuse(ask.id, LI)), people.links)
    decided = late.confirm(ask.id, "tanhae", "A1001", CHEN)
    assert decided is not None
    assert (decided.is_new, decided.ask.record.decided_name) == (False, "李")
    assert people.links.of(ALICE) == []


def test_a_yes_that_comes_upon_a_no_shows_nothing_of_that_month(
    people: DutyPeople, storage: Storage
) -> None:
    """Of two administrators at the same moment."""
    link(people, ALICE)
    [mine] = people.links.of(ALICE)
    id = people.asks.ask_again(mine, ("x",), "2026-12")
    assert id is not None
    late = Asks(between(storage, lambda: people.asks.refuse(id, LI)), people.links)
    decided = late.confirm(id, "tanhae", "A1001", CHEN, ("x",))
    assert decided is not None
    assert (decided.is_new, decided.ask.record.state) == (False, "refused")
    assert people.links.of(ALICE) == [mine]


def test_what_somebody_turns_off_while_a_yes_is_kept_stays_off(
    people: DutyPeople, storage: Storage
) -> None:
    link(people, ALICE)
    people.links.tell_changes(ALICE, "tanhae", tell=True)
    ask, _ = people.asks.ask(ALICE, "A2002", "Alice")
    off = partial(people.links.tell_changes, ALICE, "tanhae", tell=False)
    late = Asks(between(storage, off), people.links)
    assert late.confirm(ask.id, "tanhae", "A2002", CHEN) is not None
    assert [(one.number, one.changes) for one in people.links.of(ALICE)] == [("A2002", False)]


def test_who_is_given_another_number_meanwhile_keeps_that(
    people: DutyPeople, storage: Storage
) -> None:
    """Though somebody else has theirs of until then by now."""
    link(people, BOB)
    ask, _ = people.asks.ask(ALICE, "A1001", "Alice")
    late = Asks(between(storage, lambda: link(people, BOB, "A2002")), people.links)
    decided = late.confirm(ask.id, "tanhae", "A1001", CHEN)
    assert decided is not None
    assert (decided.is_new, decided.displaced) == (True, ())
    numbers = [one.number for owner in (ALICE, BOB) for one in people.links.of(owner)]
    assert numbers == ["A1001", "A2002"]


def test_months_are_waited_for(people: DutyPeople) -> None:
    link(people, ALICE)
    assert people.links.waiting() == []
    people.links.wait_for(ALICE, "tanhae", "tanhae.roster", "2027-01")
    people.links.wait_for(ALICE, "tanhae", "tanhae.roster", "2027-01")
    [waiting] = people.links.waiting()
    assert (waiting.owner, waiting.waits_for) == (ALICE, (("tanhae.roster", "2027-01"),))
    people.links.waited(ALICE, "tanhae", "tanhae.roster", "2027-01")
    assert people.links.waiting() == []
    assert people.links.wait_for(BOB, "tanhae", "tanhae.roster", "2027-01") is None


def test_a_calendars_address_opens_one_persons_and_can_be_revoked(
    people: DutyPeople, storage: Storage, open_storage: Callable[[], Storage]
) -> None:
    link(people, ALICE)
    made = people.calendars.issue(ALICE)
    secret = made.secret.get_secret_value()
    assert len(secret) == 43
    assert (
        address_of("https://x.example", made.secret) == f"https://x.example/calendar/{secret}.ics"
    )
    # Another process finds it as well.
    elsewhere = DutyPeople.of(open_storage(), {}, lambda owner: True).calendars
    found = elsewhere.find(secret)
    assert found is not None
    assert (found.owner, [one.number for one in found.links]) == (ALICE, ["A1001"])
    for other in ("", secret[:-1], f"{secret}A", secret.swapcase(), "é" * 43, "A" * 5000):
        assert people.calendars.find(other) is None
    assert people.calendars.revoke(BOB, made.id) is False
    assert elsewhere.find(secret) is not None
    assert people.calendars.revoke(ALICE, made.id) is True
    assert elsewhere.find(secret) is None
    assert people.calendars.revoke(ALICE, made.id) is False
    kept = [Documents(storage, kind).read(n) for kind in KINDS for n in storage.names(kind)]
    assert secret not in repr(kept)


def test_an_address_leads_nowhere_without_a_link(people: DutyPeople) -> None:
    link(people, ALICE)
    secret = people.calendars.issue(ALICE).secret.get_secret_value()
    people.links.end(ALICE)
    assert people.calendars.find(secret) is None
    banned = Owner.user(666)
    link(people, banned, "B1")
    assert people.calendars.find(people.calendars.issue(banned).secret.get_secret_value()) is None


def test_one_address_more_ends_the_oldest(people: DutyPeople, storage: Storage) -> None:
    link(people, ALICE)
    made = [people.calendars.issue(ALICE).secret.get_secret_value() for _ in range(6)]
    found = [people.calendars.find(secret) is not None for secret in made]
    assert found.count(False) == 1
    assert len(storage.names(CALENDARS)) == 5


def changed(day: int, old: str, new: str, at: datetime, person: str = "A1001") -> Change:
    duties = [() if not text else (Duty("shift", text),) for text in (old, new)]
    return Change(person=person, day=date(2026, 12, day), old=duties[0], new=duties[1], at=at)


def pend(storage: Storage, *changes: Change) -> None:
    Documents(storage, CHANGES).write("tanhae.r0", Changes(events=changes).model_dump(mode="json"))


def take(people: DutyPeople, storage: Storage, now: datetime) -> Telling:
    def also(telling: Telling) -> list[object]:
        return [
            *people.outbox.putting("tanhae.r0", telling.notices),
            *people.chats.putting("tanhae.r0", telling.notices),
        ]

    return PendingChanges(storage).take("tanhae.r0", now, also=also)  # type: ignore[arg-type]


NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)


def letters(people: DutyPeople) -> list[tuple[str, list[tuple[int, str, str]]]]:
    return [
        (
            each.owner.key,
            [
                (c.day.day, "".join(d.text for d in c.old), "".join(d.text for d in c.new))
                for c in each.changes
            ],
        )
        for each in people.outbox.letters()
    ]


def test_only_who_is_linked_and_wants_it_is_told(people: DutyPeople, storage: Storage) -> None:
    link(people, ALICE)
    pend(storage, changed(3, "a", "b", NOON), changed(3, "a", "b", NOON, "A2"))
    assert len(take(people, storage, NOON + timedelta(minutes=6)).notices) == 2
    assert letters(people) == []
    people.links.tell_changes(ALICE, "tanhae", tell=True)
    pend(storage, changed(3, "a", "b", NOON), changed(3, "a", "b", NOON, "A2"))
    take(people, storage, NOON + timedelta(minutes=6))
    assert letters(people) == [("500", [(3, "a", "b")])]


def test_what_is_taken_once_more_comes_to_the_same(people: DutyPeople, storage: Storage) -> None:
    """On files a kill may come between the two writes."""
    link(people, ALICE)
    people.links.tell_changes(ALICE, "tanhae", tell=True)
    people.chats.subscribe(-100, None, [])
    first = changed(3, "a", "b", NOON)
    for changes in ([first], [first, changed(3, "b", "c", NOON), changed(4, "", "x", NOON)]):
        pend(storage, *changes)
        take(people, storage, NOON + timedelta(minutes=6))
    assert letters(people) == [("500", [(3, "a", "c"), (4, "", "x")])]
    [record] = [people.chats.find(-100)]
    assert record is not None
    assert [(one.day.day, one.person) for one in record.cells] == [(3, "A1001"), (4, "A1001")]


def test_what_could_not_be_sent_is_told_with_what_has_come_since(
    people: DutyPeople, storage: Storage
) -> None:
    link(people, ALICE)
    people.links.tell_changes(ALICE, "tanhae", tell=True)
    pend(storage, changed(3, "a", "b", NOON), changed(4, "x", "y", NOON))
    take(people, storage, NOON + timedelta(minutes=6))
    [letter] = people.outbox.letters()
    people.outbox.mark(letter, told=True)
    assert letters(people) == []
    pend(storage, changed(3, "b", "c", NOON), changed(4, "y", "x", NOON))
    take(people, storage, NOON + timedelta(minutes=6))
    people.outbox.mark(letter, told=False)
    assert letters(people) == [("500", [(3, "a", "c")])]


def test_a_chat_is_told_numbers_alone(people: DutyPeople, storage: Storage) -> None:
    people.chats.subscribe(-100, 7, ["tanhae"])
    people.chats.subscribe(-200, None, ["anping"])
    pend(
        storage,
        *(changed(day, "a", "b", NOON) for day in (3, 4)),
        changed(3, "a", "b", NOON, "A2"),
    )
    take(people, storage, NOON + timedelta(minutes=6))
    now = datetime.fromtimestamp(storage.now(), UTC).replace(hour=12) + timedelta(days=1)
    assert [*people.chats.due(now.replace(hour=23))] == []
    [due] = people.chats.due(now)
    assert (due.chat_id, due.topic_id) == (-100, 7)
    assert [(one.sheet, one.month.month, one.cells, one.people) for one in due.counts] == [
        ("tanhae.r0", 12, 3, 2)
    ]
    people.chats.mark(due, told=True)
    assert [*people.chats.due(now)] == []
    people.chats.mark(due, told=False)
    assert len([*people.chats.due(now)]) == 1
    people.chats.move(-100, -1000)
    assert people.chats.find(-100) is None
    people.chats.move(-1000, -100)
    assert people.chats.end(-100) is True
    assert people.chats.end(-100) is False
    people.chats.mark(due, told=False)
    assert people.chats.find(-100) is None


def test_everything_goes_with_its_owner(people: DutyPeople, storage: Storage) -> None:
    for owner, number in ((ALICE, "A1001"), (BOB, "B1")):
        link(people, owner, number)
        people.links.tell_changes(owner, "tanhae", tell=True)
        people.calendars.issue(owner)
        people.asks.ask(owner, f"{number}x", "Name")
    pend(storage, changed(3, "a", "b", NOON), changed(3, "a", "b", NOON, "B1"))
    take(people, storage, NOON + timedelta(minutes=6))
    assert people.keeps(BOB)
    people.forget(BOB)
    assert not people.keeps(BOB)
    left = {kind.name: storage.names(kind) for kind in OF_PEOPLE}
    assert all(names and all(n.startswith("token_500.") for n in names) for names in left.values())
    assert people.unlink(ALICE) is True
    assert people.unlink(ALICE) is False
    assert (storage.names(CALENDARS), storage.names(NOTICES), storage.names(CHATS)) == ([], [], [])
