"""Whose update is next: each person's lines, and which of them may go on beside each other."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from bot.updates.fair_queue import FairQueue
from bot.updates.queued_update import Needs, QueuedUpdate

ANN, BO = 501, 502


def text(number: int, person: int = ANN, *, needs: Needs = Needs.NOTHING) -> QueuedUpdate:
    return QueuedUpdate(number, person, is_file=False, message=number, replies_to=0, needs=needs)


def question(number: int, person: int = ANN) -> QueuedUpdate:
    return text(number, person, needs=Needs.GOOGLE)


def decision(number: int) -> QueuedUpdate:
    return text(number, needs=Needs.DECIDES)


def file(number: int, person: int = ANN) -> QueuedUpdate:
    return QueuedUpdate(number, person, is_file=True, message=number, replies_to=0)


def reply(number: int, to: int, needs: Needs) -> QueuedUpdate:
    return QueuedUpdate(number, ANN, is_file=False, message=number, replies_to=to, needs=needs)


def holding(*queued: QueuedUpdate, at_once: int = 256) -> FairQueue:
    """In which these wait."""
    queue = FairQueue(at_once)
    for one in queued:
        queue.add(one)
    return queue


def taken(queue: FairQueue) -> list[int]:
    """The numbers of all that may be handled now."""
    found = []
    while (queued := queue.take()) is not None:
        found.append(queued.number)
    return found


def test_of_one_person_a_question_and_a_text_are_out_at_once_and_no_more() -> None:
    """Whatever they send."""
    queue = holding(question(1), question(2), file(3), text(4), text(5))
    assert taken(queue) == [4, 1]
    queue.done(4)
    assert taken(queue) == [5]
    queue.done(5)
    assert taken(queue) == [3]
    queue.done(1)
    assert taken(queue) == [2]


def test_a_file_waits_for_what_was_sent_before_it_and_decides_where_it_goes() -> None:
    """Not for what was sent later, nor for other questions."""
    assert taken(holding(question(1), file(2))) == [1, 2]
    assert taken(holding(question(1), decision(2), file(3))) == [1]
    assert taken(holding(question(1), file(2), decision(3))) == [1, 2]
    queue = holding(decision(1), file(2))
    assert taken(queue) == [1]
    queue.done(1)
    assert taken(queue) == [2]


def test_what_decides_waits_for_a_file_that_is_being_taken_in() -> None:
    """It was sent before; those that only wait are overtaken."""
    queue = holding(file(1), file(2))
    assert taken(queue) == [1]
    queue.add(decision(3))
    assert taken(queue) == []
    queue.done(1)
    assert taken(queue) == [3, 2]


def test_a_question_about_a_file_comes_after_it() -> None:
    """Whether that waits or is being taken in; other questions do not stand behind it."""
    queue = holding(file(1))
    assert taken(queue) == [1]
    for one in (reply(2, to=1, needs=Needs.GOOGLE), question(3)):
        queue.add(one)
    assert taken(queue) == [3]
    queue.done(1)
    assert taken(queue) == []  # one question at a time
    queue.done(3)
    assert taken(queue) == [2]


def test_a_text_that_turns_out_to_ask_google_lets_others_go_on_for_a_few_at_a_time() -> None:
    queue = holding(*(text(number) for number in range(1, 8)))
    for number in range(1, 4):
        assert taken(queue) == [number]
        assert queue.ask_google(number, Needs.GOOGLE)
    assert taken(queue) == [4]
    assert not queue.ask_google(4, Needs.GOOGLE)
    assert taken(queue) == []
    queue.done(1)
    assert taken(queue) == []
    queue.done(4)
    assert taken(queue) == [5]
    assert not queue.ask_google(99, Needs.GOOGLE)


def test_what_is_ended_is_whatever_waits_came_before_and_is_no_text() -> None:
    queue = holding(
        question(1), question(2), file(3), text(4), reply(5, to=3, needs=Needs.GOOGLE), file(7)
    )
    assert taken(queue) == [4, 1]
    assert sorted(queue.drop(ANN, before=6)) == [2, 3, 5]
    assert queue.count(ANN) == (3, 0)
    for number in (1, 4):
        queue.done(number)
    assert taken(queue) == [7]
    queue.done(7)
    assert queue.count(ANN) == (0, 0)
    assert not queue.has_waiting(ANN)


def test_people_take_turns_though_one_has_more_lines() -> None:
    queue = holding(question(1), text(2), text(3), text(4, BO), at_once=2)
    assert taken(queue) == [2, 4, 1]
    queue.done(2)
    assert taken(queue) == [3]


def test_what_needs_no_google_has_places_that_nobody_who_asks_it_takes() -> None:
    """However many wait for Google, whoever they are; and however it turned out that they do."""
    asking = (question(number, person=number) for number in range(1, 6))
    queue = holding(*asking, text(6, person=6), file(7, person=7), text(8, person=8), at_once=2)
    assert taken(queue) == [1, 2, 6, 7]
    queue.done(6)
    assert taken(queue) == [8]
    assert queue.ask_google(8, Needs.GOOGLE)
    queue.add(text(9, person=9))
    assert taken(queue) == [9]
    for number in (1, 8):
        queue.done(number)
    assert taken(queue) == [3]


def test_files_that_have_to_wait_for_room_hold_up_nothing_else() -> None:
    queue = holding(file(1), question(2), text(3))
    queue.is_full = lambda person: True
    assert taken(queue) == [3, 2]
    queue.is_full = lambda person: False
    queue.done(3)
    assert taken(queue) == [1]


SENT = st.lists(
    st.tuples(
        st.sampled_from(["text", "file", "question", "decision", "about a file"]),
        st.integers(0, 5),
    ),
    max_size=25,
)
"""What one person sends, and how many of those that are out have ended before the next."""


@given(SENT, st.randoms(use_true_random=False))
def test_whatever_is_sent_is_handled_once_and_in_the_order_that_was_meant(
    sent: list[tuple[str, int]], choice: Random
) -> None:
    """And nothing waits for ever."""
    queue, waiting, out = FairQueue(), dict[int, QueuedUpdate](), dict[int, QueuedUpdate]()
    handled: list[QueuedUpdate] = []

    def hand_out() -> None:
        while (queued := queue.take()) is not None:
            del waiting[queued.number]
            for other in (*waiting.values(), *out.values()):
                if queued.is_file and other.number < queued.number:
                    assert other.needs is not Needs.DECIDES
                    assert not other.is_file
                if other.is_file and other.message == queued.replies_to:
                    assert other not in out.values()
            if queued.needs is Needs.DECIDES:
                assert not any(other.is_file for other in out.values())
            assert not any(
                (other.needs is Needs.NOTHING) == (queued.needs is Needs.NOTHING)
                for other in out.values()
            )
            out[queued.number] = queued
            handled.append(queued)

    def finish() -> None:
        number = choice.choice(sorted(out))
        del out[number]
        queue.done(number)
        hand_out()

    for number, (kind, ended) in enumerate(sent, 1):
        files = [one.number for one in (*waiting.values(), *out.values()) if one.is_file]
        match kind:
            case "file":
                queued = file(number)
            case "question":
                queued = question(number)
            case "decision":
                queued = decision(number)
            case "about a file" if files:
                queued = reply(number, choice.choice(files), Needs.GOOGLE)
            case _:
                queued = text(number)
        waiting[number] = queued
        queue.add(queued)
        hand_out()
        for _ in range(min(ended, len(out))):
            finish()
    while out:
        finish()
    assert sorted(one.number for one in handled) == [*range(1, len(sent) + 1)]
    for needs in Needs:
        for is_file in (False, True):
            numbers = [
                one.number
                for one in handled
                if (one.needs, one.is_file, one.replies_to) == (needs, is_file, 0)
            ]
            assert numbers == sorted(numbers)
