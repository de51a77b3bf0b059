"""Logs: what the allow-list knows is shown, and nothing else, whatever goes wrong."""

from __future__ import annotations

import errno
import http.client
import io
import json
import logging
import socket
import ssl
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from drive.connection import ProxyRefused
from security.errors import ConsentRequired, OperatorFault, TransientFault
from security.logging_utils import (
    REDACTED,
    OwnerMask,
    Redaction,
    configure_logging,
    mask_token_path,
)
from security.logs.schema import EVENTS, FIELDS, MASK, RESULTS
from security.storage.files.data_folder import load_mask_key
from tests.security.kit import ANN, BOB, TOWN, mode_of, umask

CANARY = "1//0canary-7301948265-amy@example.com"
pytestmark = pytest.mark.usefixtures("restored_logging")


class Log:
    """What has been written so far."""

    def __init__(self, style: str, level: str) -> None:
        self.stream = io.StringIO()
        configure_logging(OwnerMask(b"key"), level=level, style=style, stream=self.stream)

    @property
    def text(self) -> str:
        """All of it."""
        return self.stream.getvalue()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """JSON objects, one a line."""
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def last(self) -> dict[str, Any]:
        """The only line."""
        (line,) = self.lines
        return line


@pytest.fixture
def log() -> Log:
    """JSON at DEBUG."""
    return Log("json", "DEBUG")


ours = structlog.get_logger()


# Masks


def test_a_mask_is_the_same_for_the_same_owner_and_key() -> None:
    """Lines of one person can be told together."""
    assert OwnerMask(b"key")(ANN.name) == OwnerMask(b"key")(ANN.name)
    assert len({OwnerMask(b"key")(owner.name) for owner in (ANN, BOB, TOWN)}) == 3


def test_a_mask_cannot_be_undone_without_the_key() -> None:
    """Telegram ids are few: whoever could compute masks would try them all."""
    assert OwnerMask(b"key")(ANN.name) != OwnerMask(b"another")(ANN.name)
    assert "key" not in repr(OwnerMask(b"key"))


@pytest.mark.parametrize("kept", [b"k", b"  k\n"])
def test_a_mask_key_that_was_cut_is_refused(tmp_path: Path, kept: bytes) -> None:
    """Masks under it could be undone by trying."""
    (tmp_path / "log_mask.key").write_bytes(kept)
    with pytest.raises(OperatorFault, match="too short"):
        load_mask_key(tmp_path, None)


@pytest.mark.parametrize(("owner", "letter"), [(ANN, "u"), (TOWN, "d")])
def test_a_mask_says_person_or_department(owner: Any, letter: str) -> None:
    """And has the shape the schema allows."""
    mask = OwnerMask(b"key")(owner.name)
    assert mask.startswith(f"{letter}_")
    assert MASK.fullmatch(mask)


def test_the_mask_key_is_made_once_private_and_kept(tmp_path: Path) -> None:
    """Logs stay comparable over restarts."""
    with umask(0):
        key = load_mask_key(tmp_path / "data", None)
    assert len(key) >= 32
    assert mode_of(tmp_path / "data" / "log_mask.key") == 0o600
    assert load_mask_key(tmp_path / "data", None) == key
    assert load_mask_key(tmp_path / "other", None) != key


def test_a_looser_mask_key_file_is_mended(tmp_path: Path) -> None:
    """A restored backup."""
    key = load_mask_key(tmp_path, None)
    (tmp_path / "log_mask.key").chmod(0o644)
    assert load_mask_key(tmp_path, None) == key
    assert mode_of(tmp_path / "log_mask.key") == 0o600


def test_an_empty_mask_key_file_is_not_used(tmp_path: Path) -> None:
    """Anybody could undo the masks."""
    (tmp_path / "log_mask.key").write_text("\n")
    assert len(load_mask_key(tmp_path, None)) >= 32


def test_a_configured_mask_key_leaves_no_file(tmp_path: Path) -> None:
    """LOG_MASK_KEY."""
    assert load_mask_key(tmp_path, SecretStr("configured")) == b"configured"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "owner"),
    [("/srv/user_data/token_501.json", ANN), (Path("token_department_tanhae.json"), TOWN),
     ("q/token_501.20260101t000000000000.json", ANN)],
)  # fmt: skip
def test_a_token_files_path_is_masked(path: str | Path, owner: Any) -> None:
    """Folder gone, owner masked."""
    mask = OwnerMask(b"key")
    assert mask_token_path(path, mask) == f"token_{mask(owner.name)}.json"


@pytest.mark.parametrize("path", ["/home/amy/secret.json", "token_.json", "token_x.json", "", "/"])
def test_any_other_path_says_nothing(path: str) -> None:
    """It may hold anything."""
    assert mask_token_path(path, OwnerMask(b"key")) == "token_?.json"


# Our own events


def test_an_event_keeps_the_fields_it_may_have(log: Log) -> None:
    """With the owner masked."""
    ours.info("token_refreshed", owner=ANN, result="ok", generation=7)
    line = log.last
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "token_refreshed",
        "level": "info",
        "owner": OwnerMask(b"key")("user:501"),
        "result": "ok",
        "generation": 7,
    }


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({"file_name": CANARY}, {"field": REDACTED}),
        ({CANARY: 1}, {"field": REDACTED}),
        ({"result": CANARY}, {"result": REDACTED}),
        ({"result": None}, {"result": REDACTED}),
        ({"result": ["ok"]}, {"result": REDACTED}),
        ({"owner": "user:501"}, {"owner": REDACTED}),
        ({"owner": 501}, {"owner": REDACTED}),
        ({"size": "501"}, {"size": REDACTED}),
        ({"size": CANARY.encode()}, {"size": REDACTED}),
        ({"count": ANN}, {"count": REDACTED}),
        ({"reference": CANARY}, {"reference": REDACTED}),
        ({"kind": "canary"}, {"kind": REDACTED}),
        ({"version": "1.0 " + CANARY}, {"version": REDACTED}),
        ({"encrypted": "yes"}, {"encrypted": REDACTED}),
        ({"error": CANARY}, {"field": REDACTED}),
        ({"traceback": [CANARY]}, {"field": REDACTED}),
        ({"where": CANARY}, {"field": REDACTED}),
        ({"stack": CANARY}, {"field": REDACTED}),
        ({"owner": SecretStr(CANARY)}, {"owner": REDACTED}),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_the_list_does_not_know_is_replaced(
    log: Log, fields: dict[str, Any], shown: dict[str, str]
) -> None:
    """Unknown fields and values of the wrong kind."""
    ours.info("token_refreshed", **fields)
    line = log.last
    assert {
        name: line[name] for name in line if name not in ("timestamp", "event", "level")
    } == shown


@pytest.mark.parametrize("event", [CANARY, "", None, 5, ["token_refreshed"], {"a": 1}])
def test_an_unknown_event_is_not_shown(log: Log, event: Any) -> None:
    """Free text is no event."""
    ours.info(event)
    assert log.last["event"] in (REDACTED, "log_redaction_failed")
    assert "canary" not in log.text


@pytest.mark.parametrize("name", ["timestamp", "level"])
def test_what_logging_adds_cannot_be_set_by_a_caller(log: Log, name: str) -> None:
    """They are not checked."""
    ours.info("token_refreshed", **{name: CANARY})
    assert "canary" not in log.text


@given(
    st.text(),
    st.dictionaries(st.text(), st.text() | st.integers() | st.none() | st.lists(st.text())),
)
@settings(max_examples=100, deadline=None, database=None)
def test_whatever_is_logged_only_known_words_come_out(event: str, fields: dict[str, Any]) -> None:
    """Every text in the line is on a list or has a checked shape."""
    given_ = {"level": "info", "timestamp": "2026", **{f"x{k}": v for k, v in fields.items()}}
    clean = Redaction(OwnerMask(b"key"))(None, "info", {**given_, "event": event})
    assert clean["event"] in EVENTS | {REDACTED}
    assert set(clean) <= {"event", "level", "timestamp", "field", *FIELDS}


def test_a_fault_of_a_connection_is_named_wherever_it_is_handled(log: Log) -> None:
    """One word, whether the line has a traceback or not; nothing about a file, a lock, a code."""
    lost: list[tuple[BaseException, BaseException, str | None]] = [
        (TransientFault("x"), socket.gaierror(-2, CANARY), "dns"),
        (TransientFault("x"), ConnectionRefusedError(111, CANARY), "refused"),
        (TransientFault("x"), OSError(errno.ENETUNREACH, CANARY), "unreachable"),
        (TransientFault("x"), OSError(errno.EHOSTUNREACH, CANARY), "unreachable"),
        (TransientFault("x", code="timeout"), TimeoutError(CANARY), "timeout"),
        (TransientFault("x"), ssl.SSLCertVerificationError(1, CANARY), "certificate"),
        (TransientFault("x"), ssl.SSLError(1, CANARY), "tls"),
        (TransientFault("x"), ConnectionResetError(104, CANARY), "broken"),
        (TransientFault("x"), BrokenPipeError(32, CANARY), "broken"),
        (TransientFault("x"), http.client.RemoteDisconnected(CANARY), "broken"),
        (TransientFault("x"), ProxyRefused(CANARY), "proxy_refused"),
        (TransientFault("x"), ExceptionGroup(CANARY, [ConnectionRefusedError()]), "refused"),
        (TransientFault("x", code="locked"), TimeoutError(CANARY), None),
        (TransientFault("x", code="not_json"), ValueError(CANARY), None),
        (TransientFault("x", code="rate_limited"), TimeoutError(CANARY), None),
        (OperatorFault("x", code="store_failed"), TimeoutError(CANARY), None),
        (ValueError("x"), ConnectionRefusedError(111, CANARY), None),
    ]
    for fault, cause, word in lost:
        fault.__cause__ = cause
        with pytest.raises(type(fault)):
            _handled(fault)
        ours.warning("token_refresh_failed", exc_info=fault)
        assert [line.get("connection") for line in log.lines[-2:]] == [word, word]
    ours.warning("token_refresh_failed")
    assert "connection" not in log.lines[-1]
    assert CANARY not in log.text


def _handled(fault: BaseException) -> None:
    try:
        raise fault  # noqa: TRY301 - it is handled below
    except BaseException:
        ours.warning("token_refresh_failed", result="unavailable")
        raise


def test_every_result_a_custody_error_can_have_may_be_shown() -> None:
    """The classes' own codes."""
    for error in (ConsentRequired("x"), OperatorFault("x")):
        assert error.code in RESULTS


# Exceptions


def fail(error: BaseException, cause: BaseException | None = None) -> None:
    """Raise it from here."""
    raise error from cause


def logged(log: Log, error: Exception, cause: Exception | None = None) -> dict[str, Any]:
    """The line of an exception that was caught."""
    try:
        fail(error, cause)
    except Exception:
        ours.exception("handler_failed", owner=ANN)
    return log.last


def test_an_exception_is_its_type_and_places_in_the_source(log: Log) -> None:
    """Not its text."""
    line = logged(log, ValueError(CANARY))
    assert line["error"] == "ValueError"
    assert line["traceback"][-1].startswith("tests.security.test_logging.fail:")
    assert "canary" not in log.text
    assert str(Path.cwd()) not in log.text


def test_an_exceptions_causes_are_shown_the_same_way(log: Log) -> None:
    """The chain's types, without their texts."""
    line = logged(log, ValueError(CANARY), KeyError(CANARY))
    assert line["error"] == "ValueError < KeyError"
    assert "canary" not in log.text


def test_an_exceptions_context_is_shown_unless_it_was_suppressed(log: Log) -> None:
    """`raise … from None` means it."""
    try:
        try:
            fail(KeyError(CANARY))
        except KeyError:
            raise ValueError(CANARY)  # noqa: B904 - the context is what this is about
    except ValueError:
        ours.exception("handler_failed")
    try:
        try:
            fail(KeyError(CANARY))
        except KeyError:
            raise ValueError(CANARY) from None
    except ValueError:
        ours.exception("handler_failed")
    assert [line["error"] for line in log.lines] == ["ValueError < KeyError", "ValueError"]


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (ConsentRequired(CANARY, code="invalid_grant"), "ConsentRequired(invalid_grant)"),
        (ConsentRequired(CANARY, code=CANARY), "ConsentRequired"),
        (OSError(errno.ENOSPC, CANARY, CANARY), "OSError(ENOSPC)"),
        (OSError(CANARY), "OSError"),
    ],
)
def test_an_errors_code_is_shown_where_it_is_known(log: Log, error: Exception, shown: str) -> None:
    """Result codes and errno, nothing made up."""
    assert logged(log, error)["error"] == shown
    assert "canary" not in log.text


def test_an_exception_in_a_circle_ends(log: Log) -> None:
    """Each is the other's cause."""
    one, two = ValueError(CANARY), KeyError(CANARY)
    one.__cause__, two.__cause__ = two, one
    ours.error("handler_failed", exc_info=one)
    assert log.last["error"] == "ValueError < KeyError"


def test_local_variables_are_not_shown(log: Log) -> None:
    """`show_locals` would."""
    token = CANARY
    logged(log, ValueError(token))
    assert "canary" not in log.text


def test_an_uncaught_exception_goes_through_the_redaction(log: Log) -> None:
    """The interpreter's last word."""
    error = ValueError(CANARY)
    sys.excepthook(type(error), error, None)
    assert log.last["error"] == "ValueError"


# Other libraries' records


class Explosive:
    """Cannot be turned into text."""

    def __str__(self) -> str:
        raise RuntimeError(CANARY)

    __repr__ = __str__


RECORDS: dict[str, Callable[[logging.Logger], None]] = {
    "message": lambda log: log.warning(CANARY),
    "arguments": lambda log: log.warning("%s %s", CANARY, 5),
    "named arguments": lambda log: log.warning("%(a)s", {"a": CANARY}),
    "an event of ours": lambda log: log.warning("token_refreshed %s", CANARY),
    "a dictionary": lambda log: log.warning({"event": "token_refreshed", "owner": CANARY}),
    "wrong arguments": lambda log: log.warning("%d", CANARY),
    "exc_info": lambda log: log.warning("x", exc_info=ValueError(CANARY)),
    "stack_info": lambda log: log.warning("x", stack_info=True),
    "extra": lambda log: log.warning("x", extra={"secret": CANARY, "where": CANARY}),
    "bytes": lambda log: log.warning(CANARY.encode()),
    "an exception": lambda log: log.warning(ValueError(CANARY)),
    "an argument without text": lambda log: log.warning("%s", Explosive()),
    "a message without text": lambda log: log.warning(Explosive()),
}


@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("kind", RECORDS)
def test_of_a_librarys_record_only_the_place_is_kept(style: str, kind: str) -> None:
    """httpx logs the Bot API's addresses, with the token in them."""
    log = Log(style, "DEBUG")
    RECORDS[kind](logging.getLogger("httpx"))
    assert len(log.text.splitlines()) == 1
    for hidden in ("canary", "amy@", "7301948265", "test_logging.py"):
        assert hidden not in log.text
    if style == "json" and kind != "a message without text":
        assert log.last["event"] == "library"
        assert log.last["where"].startswith("httpx:")


def test_a_librarys_exception_is_its_type(log: Log) -> None:
    """As our own."""
    try:
        fail(ValueError(CANARY), OSError(errno.ECONNRESET, CANARY))
    except ValueError:
        logging.getLogger("telegram.ext").exception("%s", CANARY)
    assert log.last["error"] == "ValueError < ConnectionResetError(ECONNRESET)"
    assert "canary" not in log.text


@pytest.mark.parametrize("name", [CANARY, "bot110201543:AAHdqTcv/getMe", "a b"])
def test_a_loggers_strange_name_is_not_shown(log: Log, name: str) -> None:
    """Names are made up from anything."""
    logging.getLogger(name).warning("x")
    assert log.last["where"] == "?"


def test_warnings_go_through_the_redaction(log: Log) -> None:
    """Python's own."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(True)
        warnings.warn(CANARY, stacklevel=1)
    assert log.last["event"] == "python_warning"
    assert "canary" not in log.text


# When the redaction itself fails


def test_where_redaction_fails_only_the_events_name_is_written(log: Log) -> None:
    """A value that fights back."""

    class Hostile(dict[str, Any]):
        def __eq__(self, other: object) -> bool:
            raise RuntimeError(CANARY)

        __hash__ = None

    class Error(Exception):
        def __eq__(self, other: object) -> bool:
            raise RuntimeError(CANARY)

        __hash__ = Exception.__hash__

    try:
        fail(Error(CANARY), Error(CANARY))
    except Error:
        ours.exception("token_refreshed", owner=ANN, size=Hostile())
    assert log.last == {"event": "token_refreshed"}


def test_where_redaction_fails_over_an_unknown_event_it_is_not_written(log: Log) -> None:
    """Nothing of it is."""
    ours.info([CANARY])
    assert log.last == {"event": "log_redaction_failed"}


def test_what_is_about_nobody_names_nobody(log: Log) -> None:
    ours.warning("access_denied", owner=None, result="other_site")
    assert "owner" not in log.last


def test_a_closed_stream_breaks_nobody() -> None:
    """Standard error is gone; the work goes on."""
    log = Log("json", "INFO")
    log.stream.close()
    ours.info("token_refreshed")
    logging.getLogger("httpx").warning("x")


# Styles and levels


def test_the_console_is_redacted_as_well() -> None:
    """An operator's terminal is a log, too."""
    log = Log("console", "DEBUG")
    ours.info("token_refreshed", owner=ANN, file_name=CANARY)
    ours.info(CANARY)
    try:
        fail(ValueError(CANARY))
    except ValueError:
        ours.exception("handler_failed", owner=ANN)
    assert "canary" not in log.text
    assert "user:501" not in log.text
    assert OwnerMask(b"key")("user:501") in log.text


@pytest.mark.parametrize("level", ["INFO", "WARNING", "ERROR"])
def test_what_is_below_the_level_is_not_written(level: str) -> None:
    """LOG_LEVEL."""
    log = Log("json", level)
    ours.debug("token_refreshed")
    logging.getLogger("anything").debug("x")
    assert log.text == ""
    ours.critical("token_refreshed")
    assert log.last["level"] == "critical"


@pytest.mark.parametrize("name", ["httpx", "apscheduler", "googleapiclient"])
def test_chatty_libraries_are_silent_at_info(name: str) -> None:
    """A line a request helps nobody."""
    log = Log("json", "INFO")
    logging.getLogger(name).info("x")
    assert log.text == ""


def test_configuring_twice_writes_every_line_once() -> None:
    """The last stream gets it."""
    first = Log("json", "INFO")
    second = Log("json", "INFO")
    ours.info("token_refreshed")
    assert first.text == ""
    assert len(second.lines) == 1
