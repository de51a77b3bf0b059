"""The search language of files.list.

https://developers.google.com/workspace/drive/api/guides/ref-search-terms
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from sandbox.google.drive.files import FileStore
from sandbox.google.errors import DriveRefusal, invalid_value, not_found
from sandbox.google.model import Account, DriveFile

Test = Callable[[DriveFile], bool]

_TOKEN = re.compile(
    r"""\s*(?:
        '(?P<string>(?:[^'\\]|\\.)*)'
      | (?P<op><=|>=|!=|=|<|>)
      | (?P<bracket>[(){}])
      | (?P<word>[A-Za-z][A-Za-z0-9_]*)
    )""",
    re.VERBOSE | re.DOTALL,
)
_COMPARE: dict[str, Callable[[datetime, datetime], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


@dataclass(frozen=True)
class _Token:
    kind: str  # string | op | bracket | word
    text: str


def refused() -> DriveRefusal:
    """What Drive answers to any query it cannot read."""
    return invalid_value("q")


def compile_query(
    text: str, files: FileStore, account: Account, visible: Callable[[DriveFile], bool]
) -> Test:
    """Turn ``q`` into a test of files; refuses what Drive refuses."""
    parser = _Parser(_tokenise(text), files, account, visible)
    test = parser.either()
    if not parser.done:
        raise refused()
    return test


def _tokenise(text: str) -> list[_Token]:
    tokens, position = [], 0
    stripped = text.rstrip()
    while position < len(stripped):
        match = _TOKEN.match(stripped, position)
        if match is None or match.lastgroup is None:
            raise refused()
        value = match.group(match.lastgroup)
        if match.lastgroup == "string":
            value = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        tokens.append(_Token(match.lastgroup, value))
        position = match.end()
    return tokens


class _Parser:
    """Recursive descent: either := both (or both)*, both := term (and term)*."""

    def __init__(
        self,
        tokens: list[_Token],
        files: FileStore,
        account: Account,
        visible: Callable[[DriveFile], bool],
    ):
        self._tokens = tokens
        self._position = 0
        self._files = files
        self._account = account
        self._visible = visible

    @property
    def done(self) -> bool:
        """Whether everything was read."""
        return self._position == len(self._tokens)

    def _next(self, kind: str, *texts: str) -> _Token:
        if self.done:
            raise refused()
        token = self._tokens[self._position]
        if token.kind != kind or (texts and token.text not in texts):
            raise refused()
        self._position += 1
        return token

    def _take(self, kind: str, *texts: str) -> _Token | None:
        if self.done:
            return None
        token = self._tokens[self._position]
        if token.kind != kind or (texts and token.text not in texts):
            return None
        self._position += 1
        return token

    def either(self) -> Test:
        """Terms joined by ``or``."""
        tests = [self._both()]
        while self._take("word", "or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda file: any(test(file) for test in tests)

    def _both(self) -> Test:
        tests = [self._term()]
        while self._take("word", "and"):
            tests.append(self._term())
        return tests[0] if len(tests) == 1 else lambda file: all(test(file) for test in tests)

    def _term(self) -> Test:
        if self._take("word", "not"):
            test = self._term()
            return lambda file: not test(file)
        if self._take("bracket", "("):
            test = self.either()
            self._next("bracket", ")")
            return test
        if value := self._take("string"):
            self._next("word", "in")
            return self._in(value.text, self._next("word").text)
        return self._comparison(self._next("word").text)

    def _in(self, value: str, collection: str) -> Test:
        if collection == "parents":
            wanted = self._account.root_id if value == "root" else value
            folder = self._files.get(wanted)
            if wanted != self._account.root_id and (
                folder is None or folder.account != self._account.email or not self._visible(folder)
            ):
                raise not_found("")
            return lambda file: wanted in file.parents
        if collection in ("owners", "writers", "readers"):
            mine = value in ("me", self._account.email)
            return lambda _file: mine
        raise refused()

    def _comparison(self, name: str) -> Test:
        if name == "name":
            return self._text(lambda file: file.name, words=True)
        if name == "mimeType":
            return self._text(lambda file: file.mime_type, words=False)
        if name == "fullText":
            self._next("word", "contains")
            wanted = self._next("string").text.lower()
            return lambda file: wanted in f"{file.name} {file.description or ''}".lower()
        if name in ("trashed", "starred", "sharedWithMe"):
            return self._flag(name)
        if name in ("modifiedTime", "createdTime"):
            return self._time(name)
        if name in ("appProperties", "properties"):
            return self._property(name)
        raise refused()

    def _text(self, of: Callable[[DriveFile], str], *, words: bool) -> Test:
        if self._take("word", "contains"):
            wanted = self._next("string").text.lower()
            if words:
                return lambda file: _starts_a_word(of(file).lower(), wanted)
            return lambda file: of(file).lower().startswith(wanted)
        operator = self._next("op", "=", "!=").text
        wanted = self._next("string").text
        return lambda file: (of(file) == wanted) == (operator == "=")

    def _flag(self, name: str) -> Test:
        if name == "sharedWithMe" and (self.done or not self._take("op", "=")):
            return lambda _file: False
        if name == "sharedWithMe":
            expected = self._next("word", "true", "false").text == "true"
            return lambda _file: not expected
        operator = self._next("op", "=", "!=").text
        wanted = (self._next("word", "true", "false").text == "true") == (operator == "=")
        if name == "starred":
            return lambda file: file.starred == wanted
        return lambda file: self._files.is_trashed(file) == wanted

    def _time(self, name: str) -> Test:
        compare = _COMPARE[self._next("op").text]
        try:
            wanted = _moment(self._next("string").text)
        except ValueError as error:
            raise refused() from error
        if name == "createdTime":
            return lambda file: compare(_moment(file.created), wanted)
        return lambda file: compare(_moment(file.modified), wanted)

    def _property(self, name: str) -> Test:
        self._next("word", "has")
        self._next("bracket", "{")
        parts: dict[str, str] = {}
        for expected in ("key", "value"):
            self._next("word", expected)
            self._next("op", "=")
            parts[expected] = self._next("string").text
            if expected == "key":
                self._next("word", "and")
        self._next("bracket", "}")
        key, value = parts["key"], parts["value"]
        if name == "appProperties":
            return lambda file: file.app_properties.get(key) == value
        return lambda file: file.properties.get(key) == value


def _starts_a_word(name: str, wanted: str) -> bool:
    """``name contains`` matches beginnings of words only: 'Hello' finds HelloWorld, 'World' not."""
    starts = [0, *(match.end() for match in re.finditer(r"[\W_]+", name))]
    return any(name.startswith(wanted, start) for start in starts)


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
