"""What tests share: a sandbox on loopback, the real bot against it, people who use it.

The whole suite runs without encryption and with it: whatever asks for `encryption_keys`, and so
may depend on them, runs once each way; nothing else could tell the difference. What is about
Google, Telegram or the clock rather than files is marked `one_way`: `make test` runs it in one
way, CI in the other as well.
"""

from __future__ import annotations

import gc
import io
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography.fernet import Fernet
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr

import bot_process
from bot import lifecycle
from bot.context import BotApplication, Services
from config import Settings
from sandbox.client import Person
from sandbox.google_client import GoogleControls
from sandbox.run import bot_settings
from sandbox.server import Sandbox, SandboxConfig
from security import encryption
from security.encryption import TokenEncryption

LONGEST = (
    *("test_main_job.py", "test_telegram_page.py", "test_crash_matrix.py", "test_canary.py"),
    *("test_shutdown.py", "test_week.py", "test_updates.py", "test_packaging.py"),
)
"""Begun last, they would keep one core busy while the other has nothing left to do."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--encryption",
        choices=("off", "on", "both", "rest"),
        default="both",
        help="without a Fernet key, with one, once each way, or what `both` leaves to CI",
    )
    parser.addoption("--people", type=int, default=100, help="how many the load test has")
    parser.addoption("--fuzz", type=int, default=250, help="damaged files, plain and encrypted")


def pytest_configure(config: pytest.Config) -> None:
    hypothesis_settings.register_profile("fuzz", max_examples=config.getoption("--fuzz"))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "encryption_keys" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--encryption")
        ways = ["off", "on"] if chosen in ("both", "rest") else [chosen]
        if (only := metafunc.definition.get_closest_marker("encryption")) is not None:
            ways = [way for way in ways if way in only.args]
        if (usual := metafunc.definition.get_closest_marker("one_way")) is not None:
            if chosen == "both":
                ways = [way for way in ways if way in usual.args]
            elif chosen == "rest":
                ways = [way for way in ways if way not in usual.args]
        # A test that this run leaves to another one is deselected below, not skipped.
        chosen_ways = [pytest.param(way, id=f"encryption {way}") for way in ways]
        left_out = [pytest.param("off", id="left out", marks=pytest.mark.left_out)]
        metafunc.parametrize("encryption_keys", chosen_ways or left_out, indirect=True)


def pytest_collection_finish() -> None:
    # What was imported and collected stays to the end: the collector's full passes over it were
    # an eighth of the suite.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    only_rest = config.getoption("--encryption") == "rest"
    others = [
        item
        for item in items
        if item.get_closest_marker("left_out")
        or (only_rest and not item.get_closest_marker("one_way"))
    ]
    if others:
        config.hook.pytest_deselected(items=others)
        left_out = set(others)
        items[:] = [item for item in items if item not in left_out]
    if workers := getattr(config, "workerinput", {}).get("workercount"):
        items[:] = _longest_first(items, workers)


def _longest_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """xdist gives each worker a stretch of equal length: let each begin with some of LONGEST."""
    stretches: list[list[pytest.Item]] = [[] for _ in range(workers)]
    for number, name in enumerate(LONGEST):
        stretches[number % workers] += [item for item in items if item.path.name == name]
    others = iter([item for item in items if item.path.name not in LONGEST])
    for stretch in stretches:
        stretch.extend(islice(others, max(len(items) // workers - len(stretch), 0)))
    return [*chain.from_iterable(stretches), *others]


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees settings of the machine it runs on."""
    for name in list(os.environ):
        if name.upper().partition("_")[0] in (
            *("TELEGRAM", "GOOGLE", "TOKEN", "ENCRYPTION", "ALLOWED", "ADMIN", "PUBLIC"),
            *("WEB", "METRICS", "LOG", "DATABASE", "DEPARTMENTS", "USER", "UPLOADS"),
        ) and name not in ("USER", "LOGNAME"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def swift(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Talks need not wait for Telegram's pace, but where a test is about just that."""
    if request.node.get_closest_marker("paced") is None:
        monkeypatch.setattr("bot.limits._CHAT_BURST", 1000.0)


@pytest.fixture
def encryption_keys(request: pytest.FixtureRequest) -> tuple[SecretStr, ...]:
    """The keys of this run: none, or one."""
    if request.param == "off":
        return ()
    return (SecretStr(Fernet.generate_key().decode()),)


@pytest.fixture
def keyring(encryption_keys: tuple[SecretStr, ...]) -> TokenEncryption:
    """The keyring of this run."""
    return TokenEncryption(encryption_keys)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """Telegram and Google on loopback."""
    async with Sandbox(SandboxConfig(folder=tmp_path / "world")) as running:
        yield running


@pytest.fixture
async def google(sandbox: Sandbox) -> AsyncIterator[GoogleControls]:
    """What can be done on Google's side."""
    assert sandbox.google is not None
    sandbox.google.grants.device_interval = 0.1  # seconds
    async with GoogleControls(sandbox.url) as controls:
        yield controls


@dataclass(frozen=True)
class RunningBot:
    """The bot, in this process, against the sandbox."""

    application: BotApplication
    services: Services
    settings: Settings
    log: io.StringIO

    @property
    def folder(self) -> Path:
        """Its data folder."""
        return self.settings.user_data_dir

    def stored_text(self) -> str:
        """Everything under the data folder, as one text."""
        texts = []
        for path in self.folder.rglob("*"):
            with suppress(FileNotFoundError, IsADirectoryError):  # gone since: it is not stored
                texts.append(path.read_text("utf-8", "replace"))
        return "\n".join(texts)


StartBot = Callable[..., AbstractAsyncContextManager[RunningBot]]


@pytest.fixture
def restored_logging() -> Iterator[None]:
    """Whatever a test configures, the next one finds what pytest had set up."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks
    structlog.reset_defaults()
    encryption.install(TokenEncryption())


@pytest.fixture
def start_bot(
    sandbox: Sandbox,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> StartBot:
    """`async with start_bot(flow="paste", ADMIN_USER_IDS="1") as bot:`"""

    @asynccontextmanager
    async def start(*, flow: str = "device", **changes: Any) -> AsyncIterator[RunningBot]:
        values = {
            **bot_settings(sandbox, tmp_path / "user_data", flow),
            "TOKEN_ENCRYPTION_KEY": ",".join(key.get_secret_value() for key in encryption_keys),
            "LOG_FORMAT": "json",
            **changes,
        }
        log = io.StringIO()
        with monkeypatch.context() as patched:
            for name, value in values.items():
                patched.setenv(name, str(value))
            settings = Settings(_env_file=None)
            patched.setattr(sys, "stderr", log)
            mask = bot_process.prepare_logs(settings)
        async with AsyncExitStack() as stack:
            application = await stack.enter_async_context(bot_process.services(settings, mask))
            await stack.enter_async_context(bot_process.web_front(settings, application))
            stack.push_async_callback(lifecycle.stop, application)
            await lifecycle.start(application)
            try:
                yield RunningBot(application, lifecycle.services_of(application), settings, log)
            finally:
                print(log.getvalue())  # pytest shows it when the test has failed

    return start


@pytest.fixture
async def bot(start_bot: StartBot) -> AsyncIterator[RunningBot]:
    """The bot with the device flow."""
    async with start_bot() as running:
        yield running


@pytest.fixture
async def people(sandbox: Sandbox) -> AsyncIterator[Callable[..., Person]]:
    """`people(501, "Ann", "en")`: somebody with a phone."""
    async with AsyncExitStack() as stack:
        opened: list[Person] = []

        def make(user_id: int = 501, name: str = "Ann", language: str = "en") -> Person:
            person = Person(sandbox.url, user_id, name, language)
            opened.append(person)
            return person

        yield make
        for person in opened:
            stack.push_async_callback(person.close)
