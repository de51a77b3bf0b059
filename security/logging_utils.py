"""Logs in which nothing secret or personal appears: masks, redaction, structlog's set-up.

Our own events keep the fields that `logs.schema` allows. Of other libraries' records only the
logger's name, the place in the source and the exception's type are kept (`logs.library_lines`):
their texts hold tokens (httpx logs the Bot API's addresses), file names and whole updates.
Tracebacks are places in the source without the exception's text. Redaction is the last step before
rendering; if it fails, the event's name alone is written.
"""

from __future__ import annotations

import base64
import contextlib
import errno
import functools
import hashlib
import hmac
import logging
import secrets
import sys
import threading
import traceback
from collections.abc import MutableMapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TextIO

import structlog

from security.credential import Owner
from security.errors import CustodyError
from security.google.connection_faults import connection_fault
from security.logs.library_lines import HIDDEN, event_of, sentence_of, source_of
from security.logs.schema import EVENTS, FIELDS, LOCATION

EventDict = MutableMapping[str, Any]
REDACTED: Final = "[redacted]"
_FRAMES: Final = 30
_REMEMBERED: Final = 1024
_TAKEN: Final = frozenset({"timestamp", "level", "event", "exc_info"})
_FAILED: Final = '{"event": "log_redaction_failed"}\n'


class OwnerMask:
    """Gives an owner the same name in every log line, not reversible without the key."""

    def __init__(self, key: bytes) -> None:
        self._hmac = hmac.new(key, digestmod=hashlib.sha256)
        # What happens to an owner is told in several places, one after the other.
        self._remembered = functools.lru_cache(_REMEMBERED)(self._mask)

    def __call__(self, owner_name: str) -> str:
        """`u_…` for `user:…`, `d_…` for `department:…` (HMAC-SHA256, 80 bits of it)."""
        return self._remembered(owner_name)

    def _mask(self, owner_name: str) -> str:
        keyed = self._hmac.copy()  # `hmac.digest` would let other threads in between
        keyed.update(owner_name.encode())
        return f"{owner_name[0]}_{base64.b32encode(keyed.digest()[:10]).decode().lower()}"


def mask_token_path(path: str | Path, mask: OwnerMask) -> str:
    """The name of a token file for people to read: its folder gone, its owner masked."""
    stem = Path(path).name.partition(".")[0]
    try:
        return f"token_{mask(Owner.from_stem(stem).name)}.json"
    except ValueError:
        return "token_?.json"


class Redaction:
    """The processor that lets through what `logs.schema` allows, and nothing else."""

    def __init__(self, mask: OwnerMask) -> None:
        self._mask = mask

    def __call__(self, logger: Any, method: str, event: EventDict) -> EventDict:
        # Whatever goes wrong in here, the line must not go out unredacted.
        try:
            return self._redact(event)
        except Exception:
            name = event.get("event")
            known = isinstance(name, str) and name in EVENTS
            return {"event": name if known else "log_redaction_failed"}

    def _redact(self, event: EventDict) -> EventDict:
        record = event.get("_record")
        exc_info = event.get("exc_info")
        clean: dict[str, Any] = {"timestamp": event["timestamp"], "level": event["level"]}
        if record is not None and not event.get("_from_structlog"):
            clean |= _of_library(record)
        else:
            name = event.get("event")
            clean["event"] = name if name in EVENTS else REDACTED
            for field, value in event.items():
                if field.startswith("_") or field in _TAKEN:
                    continue
                if field == "owner" and value is None:  # it is about nobody
                    continue
                shown = self._mask(value.name) if isinstance(value, Owner) else value
                allowed = field in FIELDS and FIELDS[field](shown)
                clean[field if field in FIELDS else "field"] = shown if allowed else REDACTED
        error = _exception_of(exc_info)
        if error is not None:
            clean |= describe(error)
        # Lines about trouble are written where it is handled, most of them without a traceback.
        handled = error or sys.exception()
        if handled is not None and (fault := connection_fault(handled)) is not None:
            clean["connection"] = fault
        return clean


def _of_library(record: logging.LogRecord) -> dict[str, Any]:
    """Whose line it is, where in its source, and what can be said of it without its text."""
    shown: dict[str, Any] = {"where": _place(record.name, record.lineno)}
    if (source := source_of(record)) is not None:
        shown["source"] = _place(source, record.lineno)
    event = event_of(record)
    if event is not None:
        return {"event": event if event in EVENTS else "library", **shown}
    library = _place(record.name.partition(".")[0], record.lineno).partition(":")[0]
    said = sentence_of(record, "A library" if library == "?" else library)
    return {"event": "library", "says": said, **shown}


def _exception_of(exc_info: Any) -> BaseException | None:
    if exc_info is True:
        return sys.exception()
    value = exc_info[1] if isinstance(exc_info, tuple) else exc_info
    return value if isinstance(value, BaseException) else None


def describe(error: BaseException) -> dict[str, Any]:
    """An exception without its text: types along the chain, code or errno, places in the source."""
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain and len(chain) < 8:
        chain.append(link)
        link = link.__cause__ or (None if link.__suppress_context__ else link.__context__)
    return {
        "error": " < ".join(_type_name(link) for link in chain),
        "traceback": _places(chain[-1].__traceback__),
    }


def _type_name(error: BaseException) -> str:
    name = type(error).__name__
    if isinstance(error, CustodyError) and FIELDS["result"](error.code):
        return f"{name}({error.code})"
    if isinstance(error, OSError) and error.errno is not None and error.errno in errno.errorcode:
        return f"{name}({errno.errorcode[error.errno]})"
    return name


def _places(trace: TracebackType | None) -> list[str]:
    # The module's name, not the file's: that would be a path of the operator's machine.
    frames = list(traceback.walk_tb(trace))[-_FRAMES:]
    return [
        _place(f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}", line)
        for frame, line in frames
    ]


def _place(name: str, line: int) -> str:
    name = name.replace("<", "").replace(">", "")
    return f"{name}:{line}" if LOCATION.fullmatch(f"{name}:{line}") else "?"


class _Handler(logging.StreamHandler[TextIO]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the library's name
        # The library's own prints the record with its arguments.
        with contextlib.suppress(OSError, ValueError):  # nowhere to write to is nobody's incident
            self.stream.write(_FAILED)


class _Foreseen(logging.Filter):
    """Lets through what an operator is to see of libraries, unless everything is to be seen."""

    def filter(self, record: logging.LogRecord) -> bool:
        return event_of(record) != HIDDEN


class _OwnLines:
    """Where our own events go: beside other libraries' records, without becoming one.

    A record of the standard library's, made, copied, and formatted, would be half of what a line
    costs, and a line is a good part of what a refresh costs.
    """

    def __init__(self, handler: _Handler) -> None:
        self._handler = handler

    def msg(self, line: str) -> None:
        """Write a line that is rendered already."""
        self._handler.acquire()
        try:
            self._handler.stream.write(f"{line}\n")
            self._handler.flush()
        except (OSError, ValueError):  # as above
            pass
        finally:
            self._handler.release()

    debug = info = warning = error = critical = msg


def _own_processor(
    redaction: Redaction, renderer: structlog.types.Processor
) -> structlog.types.Processor:
    """The last step for our own events."""

    def process(logger: Any, method: str, event: EventDict) -> str:
        event.pop("_record", None)  # a caller's word: no library has made this
        try:
            return str(renderer(logger, method, redaction(logger, method, event)))
        except Exception:
            return _FAILED.rstrip()

    return process


def configure_logging(
    mask: OwnerMask, *, level: str, style: str | None, stream: TextIO | None = None
) -> None:
    """Send every log line of this process, ours and the libraries', through the redaction.

    Args:
        mask: how owners are named.
        level: the least level shown.
        style: "json", "console", or None: console on a terminal, JSON elsewhere.
        stream: where to; standard error where None.
    """
    stream = stream or sys.stderr
    style = style or ("console" if stream.isatty() else "json")
    renderer: structlog.types.Processor = (
        structlog.dev.ConsoleRenderer(colors=stream.isatty())
        if style == "console"
        else structlog.processors.JSONRenderer(default=None)  # the redaction leaves plain values
    )
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    redaction = Redaction(mask)
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[redaction, renderer],
        keep_exc_info=False,  # else the standard library's formatter adds the plain traceback
        use_get_message=False,
    )
    # The handler is where everything passes; a filter on one logger would miss its children.
    handler = _Handler(stream)
    handler.setFormatter(formatter)
    if level != "DEBUG":
        handler.addFilter(_Foreseen())
    lines = _OwnLines(handler)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    # Below a warning libraries tell how they go about their work: a line per request, and more.
    root.setLevel("WARNING" if level == "INFO" else level)
    logging.captureWarnings(True)
    structlog.configure(
        processors=[*shared, _own_processor(redaction, renderer)],
        logger_factory=lambda *_: lines,
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level)),
        cache_logger_on_first_use=False,
    )
    # What nobody catches is printed in plain by these, threads' and destructors' errors too.
    sys.excepthook = _log_uncaught
    threading.excepthook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value, args.exc_traceback
    )
    sys.unraisablehook = lambda args: _log_uncaught(
        args.exc_type, args.exc_value, args.exc_traceback
    )


def redact_logs(
    *, level: str = "WARNING", style: str | None = None, stream: TextIO | None = None
) -> None:
    """Redact what is said before anybody's settings are read: under a mask nobody can compare."""
    mask = OwnerMask(secrets.token_bytes(32))
    configure_logging(mask, level=level, style=style, stream=stream)


def _log_uncaught(
    kind: type[BaseException], error: BaseException | None, trace: TracebackType | None
) -> None:
    if error is not None and not isinstance(error, KeyboardInterrupt):
        logging.getLogger("uncaught").critical("", exc_info=(kind, error, trace))
