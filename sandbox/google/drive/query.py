"""The search language of files.list.

https://developers.google.com/workspace/drive/api/guides/ref-search-terms
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
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
      | (?P<end>$)
    )""",
    re.VERBOSE | re.DOTALL,
)
_COMPARE: dict[str, Callable[[datetime, datetime], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def refused() -> DriveRefusal:
    """What Drive answers to any query it cannot read."""
    return invalid_value("q")


def compile_query(
    text: str, files: FileStore, account: Account, visible: Callable[[DriveFile], bool]
) -> Test:
    """Turn ``q`` into a test of files; refuses what Drive refuses."""
    parser = _Parser(text.rstrip(), files, account, visible)
    test = parser.either()
    parser.expect("end")
    return test


class _Parser:
    """Recursive descent: either := both (or both)*, both := term (and term)*."""

    def __init__(
        self,
        text: str,
        files: FileStore,
        account: Account,
        visible: Callable[[DriveFile], bool],
    ):
        self._text = text
        self._position = 0
        self._files = files
        self._account = account
        self._visible = visible

    def accept(self, kind: str, *texts: str) -> str | None:
        """The next token, if it is of this kind, and one of the texts where any are given."""
        match = _TOKEN.match(self._text, self._position)
        if match is None or match.lastgroup is None:
            raise refused()
        found = match[match.lastgroup]
        if match.lastgroup != kind or (texts and found not in texts):
            return None
        self._position = match.end()
        return re.sub(r"\\(.)", r"\1", found, flags=re.DOTALL) if kind == "string" else found

    def expect(self, kind: str, *texts: str) -> str:
        """The next token, which has to be this one."""
        found = self.accept(kind, *texts)
        if found is None:
            raise refused()
        return found

    def either(self) -> Test:
        """Terms joined by ``or``."""
        tests = [self._both()]
        while self.accept("word", "or"):
            tests.append(self._both())
        return lambda file: any(test(file) for test in tests)

    def _both(self) -> Test:
        tests = [self._term()]
        while self.accept("word", "and"):
            tests.append(self._term())
        return lambda file: all(test(file) for test in tests)

    def _term(self) -> Test:
        if self.accept("word", "not"):
            test = self._term()
            return lambda file: not test(file)
        if self.accept("bracket", "("):
            test = self.either()
            self.expect("bracket", ")")
            return test
        if (value := self.accept("string")) is not None:
            self.expect("word", "in")
            return self._in(value, self.expect("word"))
        return self._comparison(self.expect("word"))

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
        match name:
            case "name":
                return self._words(lambda file: file.name, _starts_a_word)
            case "mimeType":
                return self._words(lambda file: file.mime_type, str.startswith)
            case "fullText":
                self.expect("word", "contains")
                wanted = self.expect("string").lower()
                return lambda file: wanted in f"{file.name} {file.description or ''}".lower()
            case "trashed":
                return self._flag(self._files.is_trashed)
            case "starred":
                return self._flag(lambda file: file.starred)
            case "sharedWithMe":  # nothing is: accounts share nothing with one another here
                wanted_shared = not self.accept("op", "=") or self._true()
                return lambda _file: not wanted_shared
            case "createdTime":
                return self._time(lambda file: file.created)
            case "modifiedTime":
                return self._time(lambda file: file.modified)
            case "appProperties":
                return self._property(lambda file: file.app_properties)
            case "properties":
                return self._property(lambda file: file.properties)
        raise refused()

    def _words(self, of: Callable[[DriveFile], str], contains: Callable[[str, str], bool]) -> Test:
        if self.accept("word", "contains"):
            part = self.expect("string").lower()
            return lambda file: contains(of(file).lower(), part)
        equal = self.expect("op", "=", "!=") == "="
        wanted = self.expect("string")
        return lambda file: (of(file) == wanted) == equal

    def _flag(self, of: Callable[[DriveFile], bool]) -> Test:
        equal = self.expect("op", "=", "!=") == "="
        wanted = self._true() == equal
        return lambda file: of(file) == wanted

    def _true(self) -> bool:
        return self.expect("word", "true", "false") == "true"

    def _time(self, of: Callable[[DriveFile], str]) -> Test:
        compare = _COMPARE[self.expect("op")]
        try:
            wanted = _moment(self.expect("string"))
        except ValueError as error:
            raise refused() from error
        return lambda file: compare(_moment(of(file)), wanted)

    def _property(self, of: Callable[[DriveFile], dict[str, str]]) -> Test:
        self.expect("word", "has")
        self.expect("bracket", "{")
        key = self._assigned("key")
        self.expect("word", "and")
        value = self._assigned("value")
        self.expect("bracket", "}")
        return lambda file: of(file).get(key) == value

    def _assigned(self, name: str) -> str:
        self.expect("word", name)
        self.expect("op", "=")
        return self.expect("string")


def _starts_a_word(name: str, wanted: str) -> bool:
    """``name contains`` matches beginnings of words only: 'Hello' finds HelloWorld, 'World' not."""
    starts = [0, *(match.end() for match in re.finditer(r"[\W_]+", name))]
    return any(name.startswith(wanted, start) for start in starts)


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
