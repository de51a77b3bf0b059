"""What tests share: a sandbox on loopback, the real bot against it, people who use it."""

from __future__ import annotations

import io
import logging
import os
import re
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest
import structlog
import typer.testing
from cryptography.fernet import Fernet
from hypothesis import settings as hypothesis_settings
from pydantic import SecretStr

from bot import lifecycle
from bot.context import BotApplication
from bot.core import Timing
from bot.services import Services
from config import Settings
from processes import bot as bot_process
from processes.storage import storage_of
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.run import bot_settings
from sandbox.server import Sandbox, SandboxConfig
from security import encryption
from security.encryption import TokenEncryption
from tests.places import in_databases, settings_of
from tests.running import FEW_DAMAGED

pytest_plugins = ("tests.mariadb",)
# CliRunner would make all the commands of the program anew at each call, as the program does once:
# a fifth of the tests of commands.
vars(typer.testing)["_get_command"] = cache(typer.main.get_command)

OF_THE_MACHINE: Final = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|TERM|TMPDIR|TZ|SSL_CERT_FILE|FREEZE|"
    r"(LANG|LC_|LD_|XDG_|PIP_|PYTHON|PYTEST|OPENBLAS_|NVPL_|FROZEN_).*"
)
"""Variables that tests see of those that the machine has: none that a setting is read from."""


def pytest_configure(config: pytest.Config) -> None:
    for name in [name for name in os.environ if not OF_THE_MACHINE.fullmatch(name)]:
        del os.environ[name]
    count = config.getoption("--fuzz")
    hypothesis_settings.register_profile("fuzz", max_examples=count)
    # The same examples in every run, however long one takes: nothing fails by chance but where
    # chance is asked for (`--fuzz=5000`, see `make fuzz`).
    hypothesis_settings.register_profile("usual", derandomize=count <= FEW_DAMAGED, deadline=None)
    hypothesis_settings.load_profile("usual")
    # python-telegram-bot 22.8 warns of its own attribute at every 429. Said here: naming the class
    # in pyproject.toml imports the library where no test runs.
    config.addinivalue_line(
        "filterwarnings", "ignore:.*retry_after.*:telegram.warnings.PTBDeprecationWarning"
    )


@pytest.fixture
def timing(request: pytest.FixtureRequest) -> Timing:
    """How fast the bot is: as the test says (`@pytest.mark.timing(download_pause=0)`).

    Talks need not wait for Telegram's pace, but where a test is about just that; and publishing the
    menu was an eighth of what most tests of the bot did, for the few that look at it.
    """
    said: dict[str, Any] = {"menu": 3600}
    if request.node.get_closest_marker("paced") is None:
        said |= {"chat_burst": 1e3, "messages_per_second": 1000, "background_per_second": 1000}
    for marker in reversed([*request.node.iter_markers("timing")]):  # the nearest has the last word
        said |= marker.kwargs
    return Timing(**said)


@pytest.fixture
def run_way(request: pytest.FixtureRequest) -> Iterator[str]:
    """Where this test keeps its documents (see tests/conftest.py)."""
    match request.param:
        case "sqlite":
            with in_databases(None):
                yield request.param
        case "mariadb":
            with in_databases(request.getfixturevalue("mariadb")):
                yield request.param
        case _:
            yield request.param


@pytest.fixture
def encryption_keys(run_way: str) -> tuple[SecretStr, ...]:
    """The keys of this run: none, or one."""
    return () if run_way == "off" else (SecretStr(Fernet.generate_key().decode()),)


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

    @property
    def keyring(self) -> TokenEncryption:
        """What its documents are sealed with."""
        return TokenEncryption(self.settings.encryption_keys)

    def actions(self) -> list[str]:
        """The audit trail's, oldest first."""
        events = self.services.core.storage.events(newest_first=False)
        return [entry.action for entry in events]

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
    timing: Timing,
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> StartBot:
    """`async with start_bot(flow="paste", ADMIN_USER_IDS="1") as bot:`"""

    @asynccontextmanager
    async def start(
        *, flow: str = "device", timing: Timing = timing, **changes: Any
    ) -> AsyncIterator[RunningBot]:
        values = {
            **bot_settings(sandbox, tmp_path / "user_data", flow),
            "TOKEN_ENCRYPTION_KEY": ",".join(key.get_secret_value() for key in encryption_keys),
            "LOG_FORMAT": "json",
            **settings_of(tmp_path / "user_data"),
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
            storage = storage_of(settings, mask)
            application = await stack.enter_async_context(
                bot_process.services(settings, storage, mask, timing)
            )
            await stack.enter_async_context(bot_process.web_front(settings, application))
            stack.push_async_callback(lifecycle.stop, application)
            await lifecycle.start(application)
            try:
                yield RunningBot(application, application.bot_data, settings, log)
            finally:
                print(log.getvalue())  # pytest shows it when the test has failed

    return start


@pytest.fixture
async def bot(start_bot: StartBot) -> AsyncIterator[RunningBot]:
    """The bot with the device flow, and no web front, for which that has no use."""
    async with start_bot(WEB_PORT=0) as running:
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
