"""The address that Google's page redirects to, as people bring it into a chat.

Copied out of a browser it is whole. By way of a mail, a note or another chat it may come escaped,
encoded once more, between brackets, in several lines, or among other words.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import parse_qsl, unquote

_AROUND: Final = str.maketrans(dict.fromkeys("<>[](){}\"'`|“”‘’「」", " "))
_UNSEEN: Final = str.maketrans(dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_AMPERSANDS: Final = ("&amp;", "&#38;", "&#x26;")
_TURNS: Final = 3
"""So often something may have been escaped or encoded on its way."""
_MOST_FIELDS: Final = 50


def pasted_parameters(text: str) -> dict[str, str]:
    """What Google has answered: `state`, with `code` or `error`; empty where it is no such address.

    Neither host nor scheme matter: the state alone says whose answer it is. RFC 6749 §4.1.2.
    """
    text = text.translate(_UNSEEN)
    for _ in range(_TURNS):
        for escaped in _AMPERSANDS:
            text = text.replace(escaped, "&")
        if "state=" not in text:
            text = unquote(text)
    found: dict[str, str] = {}
    for word in _joined(text.translate(_AROUND)).split():
        parameters = _parameters(word)
        if "state" in parameters and ("code" in parameters or "error" in parameters):
            return parameters
        if "state" in parameters and not found:
            found = parameters
    return found


def _joined(text: str) -> str:
    """Lines that one address was broken into, in one: a line of its own goes on with a word that
    could be more of it, or after one that asks for more.
    """
    whole, is_begun = "", False
    for line in map(str.strip, text.splitlines()):
        is_one_word = len(line.split()) == 1
        goes_on = is_one_word and ("&" in line or "=" in line or "/" in line or "%" in line)
        is_new = "://" in line and "=http" not in line
        follows = is_begun and not is_new and (goes_on or whole[-1] in "&?=/%-_")
        whole += line if follows else f" {line}"
        is_begun = is_begun or "state=" in line or "code=" in line or line.endswith("?")
    return whole


def _parameters(word: str) -> dict[str, str]:
    query = word.partition("?")[2] or word
    try:
        pairs = parse_qsl(query.partition("#")[0], max_num_fields=_MOST_FIELDS)
    except ValueError:
        return {}
    return {name: _decoded(value) for name, value in pairs}


def _decoded(value: str) -> str:
    """Neither a state nor a code has a percent sign: what is left of one was encoded twice."""
    for _ in range(_TURNS):
        value = unquote(value)
    return value
