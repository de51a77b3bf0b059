"""What is shown of the lines that other libraries log.

A library's text is never shown. Of the lines that an operator can meet each is an event of our own,
or for DEBUG alone; what nobody has foreseen is told in a sentence.
"""

from __future__ import annotations

import logging
import re
from pathlib import PurePath
from typing import Final

HIDDEN: Final = ""
"""Of a line for DEBUG alone: its cause is told elsewhere, or it is nobody's trouble."""

_KNOWN: Final[tuple[tuple[str, str, int, str], ...]] = (
    # logger; function that writes the line, whole name; from this level on; what it is
    # What anybody on the internet can bring about, a line each.
    (r"uvicorn\.error", "_unsupported_upgrade_warning|handle_events|data_received", 0, HIDDEN),
    (r"uvicorn\.error", "run_asgi", 0, "web_request_failed"),
    (r"uvicorn\.error", "shutdown", 0, "web_stop_cut_short"),
    (r"aiohttp\.server", "log_exception", 0, "web_request_failed"),
    (r"apscheduler\.executors\..*", "run_(coroutine_)?job", logging.ERROR, "job_failed"),
    (r"apscheduler\.executors\..*", "run_(coroutine_)?job", logging.WARNING, "job_missed"),
    (r"apscheduler\.scheduler", "_process_jobs", logging.WARNING, "job_missed"),
    # `polling_failed` and the sentence of the refused start tell of these.
    (r"telegram\.ext\..*", "_?check_max_retries_and_log|network_retry_loop", 0, HIDDEN),
    # The last updates come once more with the next start, and are recognised.
    (r"telegram\.ext\.Updater", "_get_updates_cleanup", 0, HIDDEN),
    (r"telegram\.ext\.Updater", "polling_action_cb", 0, "updates_not_understood"),
    (r"telegram\.(Bot|ext\.ExtBot)", "get_updates", 0, "updates_not_understood"),
    (r"telegram\.ext\.Application", ".*", logging.ERROR, "background_failed"),
    (r"telegram\.ext\.JobQueue", ".*", logging.ERROR, "job_failed"),
    # Somebody has hung up: whoever reads the connection is told, and says so.
    (r"asyncio", "write|send|sendto|_write_.*|_call_connection_lost", logging.WARNING, HIDDEN),
    (r"sqlalchemy\.pool\..*", "_finalize_fairy|_close_connection|_safe_close_cursor", 0, HIDDEN),
    (r"asyncio", "_run_once", logging.WARNING, "event_loop_held_up"),
    (r"asyncio", "default_exception_handler", logging.ERROR, "background_failed"),
    (r"py\.warnings", ".*", 0, "python_warning"),
    (r"uncaught", ".*", 0, "uncaught"),
)
_FOLDERS: Final = re.compile(r".*/(?:site-packages|dist-packages|python\d\.\d+)/(.+)\.py")


def event_of(record: logging.LogRecord) -> str | None:
    """Our own event for a library's line; `HIDDEN`: for DEBUG alone; None: nobody foresaw it."""
    if record.levelno < logging.WARNING:
        return HIDDEN
    for logger, function, level, event in _KNOWN:
        if (
            record.levelno >= level
            and re.fullmatch(logger, record.name)
            and re.fullmatch(function, record.funcName or "")
        ):
            return event
    return None


def source_of(record: logging.LogRecord) -> str | None:
    """Where in the library's source the line was written; None: not in any library's."""
    found = _FOLDERS.fullmatch(PurePath(record.pathname).as_posix())
    if found is None:
        return None
    return f"{found[1].replace('/', '.')}.{record.funcName}".replace("<", "").replace(">", "")


def sentence_of(record: logging.LogRecord, library: str) -> str:
    """What can be said of a line whose text is withheld.

    Args:
        library: its name, fit to be shown.
    """
    told = "reports an error" if record.levelno >= logging.ERROR else "warns"
    return (
        f"{library} {told}; its text is withheld, because it may hold secrets. `source` is the "
        "place in its source that says what it was. LOG_LEVEL=DEBUG shows what led to it."
    )
