"""Where settings come from: the environment, and below it a file of NAME=value lines.

A misspelt name would leave a setting at its default in silence, and the default of
`ALLOWED_USER_IDS` is everybody. So whatever is nearly a name of ours is a fault; any other name in
the file is a warning; in the environment it is none of our business.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from dotenv.parser import parse_stream

_LONG_ENOUGH: Final = 8
"""Names of ours with fewer letters are near to half of everything."""
_NEAR: Final = 2
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,79}")
_SHOWABLE: Final = re.compile(r"[A-Z][A-Z0-9]{0,19}(_[A-Z0-9]{1,19}){0,6}")
_KEY_ALONE: Final = re.compile(r"[A-Za-z0-9+/_-]{43}=?")
_MOST_BYTES: Final = 1024 * 1024
_PLACE: Final = "${"
_QUOTES: Final = ("'", '"')
# `str.strip` leaves these, and they come along with what is copied out of a page or an editor.
_INVISIBLE: Final = "\ufeff\u200b\u200c\u200d\u200e\u200f\u2060"
_SERVICE_LINK: Final = re.compile(r"(tcp|udp|sctp)://")

OTHERS: Final = frozenset(
    {
        # within two letters of a name of ours, and yet somebody else's
        *("HTTP_PROXY", "GOPROXY", "GO_PROXY", "WEB_ROOT"),
        *(
            f"{first}_{last}"
            for first in ("DB", "WS", "DEV", "HUB", "NET", "SMB", "JOB", "PUB", "MQ")
            for last in ("HOST", "PORT")
        ),
        # beside ours in the same file: Compose, the container, the host, Python
        *("ALL_PROXY", "FTP_PROXY", "TZ", "LANG", "LC_ALL", "LANGUAGE", "PATH", "HOME", "PORT"),
        *("HOSTNAME", "PUID", "PGID", "UMASK", "DEBUG", "TERM", "NODE_ENV", "WEB_CONCURRENCY"),
        *("COMPOSE_PROJECT_NAME", "COMPOSE_PROFILES", "COMPOSE_FILE", "DOCKER_HOST"),
        "HEALTH_PICTURE",  # of the build, in compose.yaml
        *("TELEGRAM_BOT_API_IMAGE", "TELEGRAM_API_ID", "TELEGRAM_API_HASH", "TELEGRAM_LOCAL"),
        *("GOOGLE_CLOUD_PROJECT", "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_CLOUD_REGION"),
        *("PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH", "PYTHONWARNINGS"),
        *("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    }
)
"""Names that are known as other programs'; neither misspellings nor worth a warning."""


@dataclass(frozen=True, slots=True)
class Variables:
    """What is set, by its name in small letters, and what was wrong with how it is set."""

    values: Mapping[str, str]
    faults: Mapping[str, str] = field(default_factory=dict)
    """By the name of the variable or, for lines, of the file."""
    warnings: tuple[str, ...] = ()


def read_variables(
    file: Path | None, environment: Mapping[str, str], ours: Iterable[str], secrets: Iterable[str]
) -> Variables:
    """Everything that is set and not empty; the environment wins over the file.

    Args:
        file: lines of NAME=value; one that is not there holds none.
        ours: every name of a setting, in small letters; those of `secrets` may end in `_file` too.

    Raises:
        OSError, UnicodeDecodeError: the file cannot be read.
    """
    names = _Names(frozenset(ours), frozenset(secrets))
    lines = _read_lines(file, names)
    faults = dict(lines.faults)
    values: dict[str, str] = {}
    seen: dict[str, str] = {}
    for name, untrimmed in environment.items():
        small, value = name.lower(), trimmed(untrimmed)
        if seen.setdefault(small, value) != value:
            faults[small] = "is set twice, in capitals and in small letters, to different values"
        if value and small not in names and (reason := names.fault(small, value)):
            faults[name.strip()] = reason
        if value:
            values[small] = value
    values = {**lines.values, **values}
    for name, value in values.items():
        if name in names and (reason := _misplaced(value)):
            faults.setdefault(name, reason)
    return Variables(values, faults, lines.warnings)


class NotAFile(OSError):
    """A pipe or a device: whoever reads it waits for somebody to write, or gets no end."""


class TooLarge(OSError):
    """More than any settings need."""


def read_text(file: Path) -> str:
    """What a settings file, or that of a secret, holds.

    Raises:
        OSError, UnicodeDecodeError: it cannot be read, or is none.
    """
    descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as opened:
        status = os.fstat(opened.fileno())
        # /dev/null is how others, and the sandbox, say that there is none.
        if not stat.S_ISREG(status.st_mode) and not os.path.samestat(
            status, Path(os.devnull).stat()
        ):
            raise NotAFile
        content = opened.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise TooLarge
    return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")


def trimmed(value: str) -> str:
    """Without white space, and what looks like none at all, at its ends."""
    return value.strip().strip(_INVISIBLE).strip()


def _misplaced(value: str) -> str | None:
    """Why the value cannot be meant as it stands, whatever it is for."""
    if _PLACE in value:
        return "holds ${…}, and nothing is put in its place here: write the value itself"
    if len(value) > 1 and value[0] == value[-1] and value[0] in _QUOTES:
        return "stands in quotes, which would be part of the value: take them away"
    if "\0" in value:
        return "holds a character that no setting has"
    return None


class _Names:
    """Every name of a setting, and what is nearly one."""

    def __init__(self, ours: frozenset[str], secrets: frozenset[str]) -> None:
        self._plain = ours
        self._ours = ours | {f"{name}_file" for name in secrets}
        self._letters = {name: _letters(name) for name in self._ours if len(name) >= _LONG_ENOUGH}

    def __contains__(self, name: str) -> bool:
        return name in self._ours or name.endswith("_google_service_account_json")

    def fault(self, name: str, value: str = "") -> str | None:
        """Why a name that is not ours cannot be let pass; None: it is somebody else's."""
        base = name.removesuffix("_file")
        if base != name and base in self._plain:
            return f"is not read: only secrets come from files; set {base.upper()} itself"
        if name.upper() in OTHERS or _SERVICE_LINK.match(value):  # links of Docker and Kubernetes
            return None
        near = self._nearest(name)
        return f"is no setting; did you mean {near.upper()}?" if near else None

    def _nearest(self, name: str) -> str | None:
        letters = _letters(name)
        found = [
            (distance(name, candidate), candidate)
            for candidate, theirs in self._letters.items()
            # Each change takes a letter away and brings one, and the distance is dear.
            if (letters ^ theirs).bit_count() <= 2 * _NEAR
            and abs(len(name) - len(candidate)) <= _NEAR
        ]
        least = min(found, default=(_NEAR + 1, ""))
        return least[1] if least[0] <= _NEAR else None


def _letters(name: str) -> int:
    """Which occur in it, a bit for each."""
    bits = 0
    for letter in name:
        bits |= 1 << ord(letter) % 128
    return bits


def distance(one: str, other: str) -> int:
    """How many letters must be put in, left out or changed to make one of the other."""
    row = list(range(len(other) + 1))
    for number, letter in enumerate(one, start=1):
        before, row[0] = row[0], number
        for place, theirs in enumerate(other, start=1):
            before, row[place] = (
                row[place],
                min(row[place] + 1, row[place - 1] + 1, before + (letter != theirs)),
            )
    return row[-1]


def _read_lines(file: Path | None, names: _Names) -> Variables:
    """The file's assignments, each line looked at."""
    values: dict[str, str] = {}
    faults: dict[str, str] = {}
    warnings: list[str] = []
    first: dict[str, int] = {}
    if file is None or not file.exists():
        return Variables(values)
    for line, name, text in _assignments(read_text(file)):
        where = f"{file.name}, line {line}"
        if name is None or text is None or not _NAME.fullmatch(name) or _KEY_ALONE.fullmatch(name):
            # Its text is not repeated: it may be half of a secret.
            faults[where] = "is no assignment (NAME=value)"
            continue
        small, value = name.lower(), trimmed(text)
        if small in names:
            if first.setdefault(small, line) != line and value != values.get(small, ""):
                faults[where] = f"sets {name.upper()} again, as line {first[small]}"
            if value:
                values[small] = value
        elif reason := names.fault(small):
            faults[where] = f"{name} {reason}"
        elif name.upper() not in OTHERS:
            shown = name if _SHOWABLE.fullmatch(name) else "this name"
            warnings.append(f"{where}: {shown} is no setting of Drivekeeper's, and is ignored")
    return Variables(values, faults, tuple(warnings))


def _assignments(text: str) -> Iterator[tuple[int, str | None, str | None]]:
    """Line, name and value of each; a name or value that is None: it is no assignment."""
    for binding in parse_stream(io.StringIO(text)):
        blank = len(binding.original.string) - len(binding.original.string.lstrip())
        line = binding.original.line + binding.original.string[:blank].count("\n")
        if binding.error:
            yield line, None, None
        elif binding.key is not None:
            yield line, binding.key, binding.value
