"""Which tests a run has, in which order.

There are four ways to keep what a test keeps: in files without encryption (`off`) and with it
(`on`), in SQLite and in MariaDB. Whatever asks for `encryption_keys`, or for a data folder in the
tests of custody and of commands, and so may depend on them, runs in each of its ways; nothing else
could tell the difference. `make test` has each with encryption, one in sixteen without it as well,
and one in sixteen in a database as well; CI (`make test-rest`) has whatever that leaves out: of
custody's own tests each, of those of the fronts one of the ways that are left. What is about
Google, Telegram or the clock rather than documents is marked `one_way`: `make test` runs it in one
way, CI in the others. What is not for a database says why in tests/exceptions.py. What tests share
is in tests/fixtures.py.
"""

from __future__ import annotations

import atexit
import gc
import os
import re
import sys
import zlib
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any, cast

import pytest
from filelock import FileLock

from tests.exceptions import OF_DATABASES, WHOLE_MODULES
from tests.running import FEW_DAMAGED

DATABASES = ("sqlite", "mariadb")
OVER_DATABASES = (
    *("tests.commands.", "tests.departments.", "tests.security.", "tests.web."),
    *("tests.sheets.test_keeping", "tests.sheets.people.", "tests.bot.duty.test_telling"),
    "tests.bot.test_ending",
    *("tests.bot.test_consent_callback", "tests.bot.test_consent_departments"),
    "tests.bot.test_consent_device",
    *("tests.bot.test_preferences", "tests.bot.test_quarantine_admin", "tests.bot.test_uploads"),
)
"""Modules whose tests run over databases as well."""
SELDOM = (
    *("tests.bot.test_consent_", "tests.bot.test_ending", "tests.bot.test_uploads"),
    *("tests.commands.", "tests.security.test_rotation"),
)
"""Those of them that do so in CI alone: what they add to custody's own tests is little."""
CUSTODY = ("tests.storage.", "tests.security.", "tests.database.", "tests.failover.")
"""Whose tests CI has in every way that `make test` leaves out."""

LONGEST = (
    *("test_main_job.py", "test_crash_matrix.py", "test_canary.py", "test_shutdown.py"),
    *("test_floods.py", "test_progress.py", "test_silent_connections.py", "test_waiting.py"),
    *("test_questions.py", "test_week.py", "test_updates_states.py", "test_telegram_page.py"),
    *("test_sending.py", "test_uploads.py", "test_updates.py", "test_many_uploads.py"),
    *("test_folders_by_bot.py", "test_odd_updates.py", "test_departments.py", "test_process.py"),
    *("test_stopping.py", "test_marked.py", "test_canary_commands.py", "test_console.py"),
    *("test_webs.py", "test_races.py", "test_cut_short.py", "test_in_browser.py"),
    *("test_console_in_browser.py", "test_authorising_processes.py", "test_crash_sql.py"),
    *("test_killed.py", "test_moving.py", "test_mirroring_together.py", "test_described.py"),
    *("test_install.py", "test_start_faults.py", "test_rotation.py", "test_every_state.py"),
)
"""Begun last, they would keep one core busy while the other has nothing left to do."""
SPREAD = ("test_failover.py", "test_pages.py")
"""Whose tests take as long, each of them: they are dealt out among the workers, one by one."""


# Nothing here speaks TLS, and each process that a test starts would read the machine's hundreds of
# authorities. Of this one the key is gone: it has certified nobody.
os.environ["SSL_CERT_FILE"] = str(Path(__file__).with_name("nobody.crt"))
pytest.register_assert_rewrite("tests.fixtures")
# httpcore tries to import it at every request. Where it is not installed, as here, each try looks
# through all of Python's path; this says at once that there is none.
sys.modules.setdefault("sniffio", cast("Any", None))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--ways",
        "--encryption",
        choices=("off", "on", *DATABASES, "usual", "rest"),
        default="usual",
        help="where documents are kept: files without a Fernet key, with one, a database; "
        "usual: on and, for one test in sixteen each, off and one of the databases; rest: what "
        "that leaves to CI",
    )
    parser.addoption("--people", type=int, default=100, help="how many the load test has")
    parser.addoption("--uploads", type=int, default=5000, help="how many the long run has")
    parser.addoption("--pace", type=float, default=4, help="of Telegram's limits in the long run")
    parser.addoption(
        "--fuzz",
        type=int,
        default=FEW_DAMAGED,
        help="damaged files, plain and encrypted; more than usual: whatever is random is another "
        "in each run",
    )


def pytest_configure(config: pytest.Config) -> None:
    # Until all is imported and collected (see below) nothing of it can go: the collector's passes
    # over it were a quarter of that time.
    gc.disable()
    if worker := getattr(config, "workerinput", {}).get("workerid"):
        number = int(worker.removeprefix("gw")) % (os.cpu_count() or 1)
        _turns.append(FileLock(config.cache.mkdir("turns") / str(number)))
        _turns[0].acquire()
        # All has been reported by then; to take a million objects apart is a second of a processor.
        atexit.register(os._exit, 0)
    if hasattr(config, "workerinput") or not config.getoption("numprocesses", None):
        # Not where workers run the tests: it would keep them waiting, and make no use of it.
        config.pluginmanager.import_plugin("tests.fixtures")
        config.pluginmanager.import_plugin("tests.database.watching")


_turns: list[FileLock] = []
"""In a worker: as many of them as there are cores import and collect at a time. The first ones
leave compiled what the others only have to read; all at once would each compile all of it."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "run_way" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--ways")
        ways = _chosen(metafunc.definition, metafunc.module.__name__, _ways_of(metafunc), chosen)
        # A test that this run leaves to another one is deselected below, not skipped.
        params = [pytest.param(way, id=_IDS.get(way, way)) for way in ways]
        left_out = [pytest.param("off", id="left out", marks=pytest.mark.left_out)]
        metafunc.parametrize("run_way", params or left_out, indirect=True)


_IDS = {"off": "encryption off", "on": "encryption on"}


def _ways_of(metafunc: pytest.Metafunc) -> list[str]:
    """All in which a test may run."""
    ways = ["off", "on"] if "encryption_keys" in metafunc.fixturenames else ["files"]
    name = metafunc.definition.originalname
    # Whose keyring is its own says that it makes no difference: once is enough.
    is_any = "encryption_keys" in metafunc.fixturenames or "keyring" not in metafunc.fixturenames
    module = metafunc.module.__name__
    is_over = module.startswith(OVER_DATABASES) and module not in WHOLE_MODULES
    if is_any and is_over and name not in OF_DATABASES:
        ways += DATABASES
    if (only := metafunc.definition.get_closest_marker("encryption")) is not None:
        plain = {way: "on" if way in DATABASES else way for way in ways}  # none is without a key
        ways = [way for way in ways if plain[way] in only.args]
    return ways


def _chosen(test: pytest.Item, module: str, ways: list[str], chosen: str) -> list[str]:
    """Those of this run."""
    if chosen in ("off", "on"):
        return [way for way in ways if way in (chosen, "files")]
    if chosen in DATABASES:
        return [way for way in ways if way == chosen]
    # By the test's name: it has the same ones in every run.
    number = zlib.crc32(test.nodeid.encode())
    if (one := test.get_closest_marker("one_way")) is not None:
        usual = [way for way in ways if way in one.args]
    else:
        # Of sixteen one is in a database here, and another one in files without a key; in files
        # with one they all are.
        number %= 16 * len(DATABASES)
        beside = dict(enumerate(DATABASES)) | dict.fromkeys((2, 3), "off")
        if module.startswith(SELDOM) and beside.get(number) in DATABASES:
            beside[number] = "on"
        usual = [way for way in ways if way in ("on", "files", beside.get(number))]
        if "on" not in ways and "files" not in ways:
            usual += [way for way in ways if way == "off" and way not in usual]
    if chosen == "usual":
        return usual
    left = [way for way in ways if way not in usual]
    if left and not module.startswith(CUSTODY):
        left = [left[number % len(left)]]
    return left


def pytest_collection_finish() -> None:
    # What was imported and collected stays to the end, what little of it nobody needs with it: the
    # collector's full passes over it were an eighth of the suite.
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()
    for turn in _turns:
        turn.release()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """At the end, which Debian packages would make skipped tests run: their reasons name them."""
    yield
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", ())]
    wanted = [found[1] for text in reasons if (found := re.search(r"\(Debian: (.+?)\)", text))]
    if wanted:
        packages = " ".join(sorted(set(wanted)))
        said = f"{len(wanted)} of the skipped tests would run after: apt-get install {packages}"
        terminalreporter.write_line(said, yellow=True)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    chosen = config.getoption("--ways")
    others = [item for item in items if _is_left_to_others(item, chosen)]
    if others:
        config.hook.pytest_deselected(items=others)
        left_out = set(others)
        items[:] = [item for item in items if item not in left_out]
    if workers := getattr(config, "workerinput", {}).get("workercount"):
        items[:] = _longest_first(items, workers)


def _is_left_to_others(item: pytest.Item, chosen: str) -> bool:
    """Whether another run has this test, or this value of its parameters."""
    usual = item.get_closest_marker("one_way")
    if item.get_closest_marker("left_out") is not None:
        return True
    if chosen == "rest":
        return usual is None and not _has_ways(item)
    # A value of its parameters is marked without a way, where the test may be marked with one.
    marks = [mark for mark in (usual, *item.own_markers) if mark and mark.name == "one_way"]
    return chosen == "usual" and any(not mark.args for mark in marks)


def _has_ways(item: pytest.Item) -> bool:
    callspec = getattr(item, "callspec", None)
    return callspec is not None and "run_way" in callspec.params


def _longest_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """xdist gives each worker a stretch of equal length: let each begin with some of LONGEST."""
    stretches: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for number, name in enumerate(LONGEST):
        stretches[number % workers] += [item for item in items if item.path.name == name]
    for number, item in enumerate(item for item in items if item.path.name in SPREAD):
        stretches[number % workers].insert(0, item)
    first = {*LONGEST, *SPREAD}
    others = iter([item for item in items if item.path.name not in first])
    for stretch in stretches:
        stretch.extend(islice(others, max(len(items) // workers - len(stretch), 0)))
    return [*chain.from_iterable(stretches), *others]
