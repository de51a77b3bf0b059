"""Keys of computers, known by their form."""

from __future__ import annotations

import re

import pytest

from departments.clients.keys import checksum, ending, is_key, new_key


def test_a_key_has_the_form_that_scanners_of_secrets_look_for() -> None:
    keys = {new_key().get_secret_value() for _ in range(200)}
    assert len(keys) == 200
    assert all(re.fullmatch(r"dkc_[0-9A-Za-z]{38}", key) for key in keys)
    assert all(map(is_key, keys))


def test_its_checksum_is_that_of_githubs_tokens() -> None:
    """Of the token that GitHub's documentation has for an example."""
    assert checksum("zQWBuTSOoRi4A9spHcVY5ncnsDkxkJ") == "0mLq17"


@pytest.mark.parametrize("place", [0, 3, 4, 20, 35, 36, 41])
def test_a_mistyped_key_is_none(place: int) -> None:
    key = new_key().get_secret_value()
    other = "a" if key[place] != "a" else "b"
    assert not is_key(key[:place] + other + key[place + 1 :])


@pytest.mark.parametrize(
    "text", ["", "dkc_", "dkc_" + "0" * 37, "ghp_" + "0" * 38, "dkc_" + "０" * 38, "\0" * 42]
)
def test_what_has_not_that_form_is_none(text: str) -> None:
    assert not is_key(text)
    key = new_key().get_secret_value()
    assert not is_key(f" {key}")
    assert not is_key(f"{key}\n")


def test_people_tell_keys_apart_by_four_characters_that_open_nothing() -> None:
    key = new_key()
    assert key.get_secret_value().endswith(ending(key))
    assert len(ending(key)) == 4
    assert key.get_secret_value() not in repr(key)
