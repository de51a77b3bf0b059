"""Fields of answers from outside: told, or not told, and never an exception."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from security.google import answers

ODD: list[Any] = [None, True, [], {}, [[]], {"a": {}}, "", "x", -1, "-1", 1.5, "1.5", "9" * 20]
ODD += [10**400, 1e300, "٣", " 7", "\ud800", [None], {"": None}]


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"no", b"[]", b"null", b'"x"', b"7", b"\xff\xfe\x00", b"{", b'{"a":}', b"\xff{}"),
        *(b"[" * 200_000, b'{"a":' * 200_000, b'{"a": ' + b"1" * 5000 + b"}"),
    ],
    ids=range(13),
)
def test_what_is_no_object_is_none(content: bytes) -> None:
    """Too deep or too long for the parser as well."""
    assert answers.json_object(content) is None


def test_a_number_that_is_none_is_not_told() -> None:
    """Python's parser takes NaN and Infinity, which JSON does not know."""
    for written in ("NaN", "Infinity", "-Infinity", "1e999"):
        found = answers.json_object(f'{{"a": {written}}}')
        assert found is not None
        assert answers.whole(found, "a") is None


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_no_value_of_a_field_raises(value: Any) -> None:
    """Whatever is asked for."""
    answer = {"a": value}
    assert isinstance(answers.text(answer, "a"), str)
    answers.text(answer, "a").encode()
    assert answers.whole(answer, "a") is None
    assert answers.moment(answer, "a") is None
    assert isinstance(answers.part(answer, "a"), dict)
    assert all(isinstance(item, dict) for item in answers.parts(answer, "a") or [])
    assert json.dumps(answer)


def test_what_is_told_is_read() -> None:
    """Numbers in Google's form and in JSON's; times with and without their zone."""
    largest = str(2**63 - 1)
    answer = {"a": "12", "b": 12, "c": 12.0, "d": largest, "e": 0, "f": "2026-11-28T01:02:03.004Z"}
    answer |= {"g": "2026-11-28T01:02:03", "h": "9999-12-31T23:59:59-14:00", "i": [{}, 1, {"x": 2}]}
    assert [answers.whole(answer, name) for name in "abcde"] == [12, 12, 12, 2**63 - 1, 0]
    assert answers.moment(answer, "f") == datetime(2026, 11, 28, 1, 2, 3, 4000, UTC)
    assert answers.moment(answer, "g") == datetime(2026, 11, 28, 1, 2, 3, tzinfo=UTC)
    assert answers.moment(answer, "h") is None
    assert answers.parts(answer, "i") == [{}, {"x": 2}]
    assert answers.parts(answer, "j") is None
