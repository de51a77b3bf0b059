"""`drivekeeper sandbox`: the sandbox, and the bot as a process of its own against it."""

from __future__ import annotations

import asyncio
import shutil
import signal
import socket
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from sandbox.env_file import env_text, write_env_file
from sandbox.server import Sandbox, SandboxConfig
from sandbox.telegram.chat.people import FIRST_SUPERGROUP_ID
from sandbox.telegram.files.store import LOCAL_FOLDER

_MARK: Final = ".drivekeeper-sandbox"

_WELCOME: Final = """
  This is the SANDBOX: Telegram and Google are played by this machine; nothing leaves it.

    Chat           {url}/
    Google Drive   {url}/drive
    Control panel  {url}/sandbox/control     (what can go wrong)
"""
_WITH_BOT: Final = """
  Try this: open the chat, press START, tap "Connect Google Drive", approve on the page that
  opens, come back, confirm the account, and drop a file into the chat.

  Ctrl-C stops it. With a .env (see .env.example) `make run` talks to the real Telegram and Google.
"""
_WITHOUT_BOT: Final = """
  No bot runs. Yours finds this Telegram and this Google by {where}
  (docs/sandbox.md, "A bot of your own against the sandbox"). Ctrl-C stops the sandbox.
"""


class FolderTaken(Exception):
    """The folder is not one a sandbox has made, which is not emptied; or it cannot be made."""


async def run_sandbox(
    *,
    port: int,
    flow: str,
    folder: Path,
    allow_hosts: Collection[str],
    command: Sequence[str],
    environment: Callable[[Mapping[str, str]], dict[str, str]],
    env_file: Path | None = None,
) -> int:
    """Serve until Ctrl-C, or until the bot ends. Returns the exit code.

    Args:
        port: of the sandbox; 0: any free one.
        flow: how people connect.
        folder: everything is kept there, and it is emptied first: the sandbox forgets its grants.
        allow_hosts: names it answers to besides this machine's own, e.g. a tunnel's.
        command: runs the bot; empty: none is run.
        environment: gives the bot's process its environment, from the settings it needs.
        env_file: where no bot is run, its settings are written here; None: they are printed.

    Raises:
        FolderTaken: `folder` holds something that is not a sandbox's.
        EnvFileRefused: so does `env_file`, or it cannot be written.
    """
    empty_folder(folder)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    config = SandboxConfig(folder=folder / "world", port=port, allow_hosts=frozenset(allow_hosts))
    async with Sandbox(config) as sandbox:
        settings = bot_settings(sandbox, (folder / "user_data").resolve(), flow)
        settings["ALLOWED_CHAT_IDS"] = str(FIRST_SUPERGROUP_ID)  # the chat page makes it
        if not command and env_file is not None:
            write_env_file(env_file, settings)
        print(_WELCOME.format(url=sandbox.url), end="")
        if not command:
            where = f"the settings in {env_file}" if env_file else "these settings"
            print(_WITHOUT_BOT.format(where=where))
            print("" if env_file else env_text(settings), flush=True)
            await stop.wait()
            return 0
        print(_WITH_BOT, flush=True)
        # A session of its own: Ctrl-C reaches this process alone, which then stops the bot.
        bot = await asyncio.create_subprocess_exec(
            *command, env=environment(settings), start_new_session=True
        )
        ended, stopped = asyncio.create_task(bot.wait()), asyncio.create_task(stop.wait())
        await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            bot.terminate()
        stopped.cancel()
        return await ended


def bot_settings(sandbox: Sandbox, user_data: Path, flow: str) -> dict[str, str]:
    """The environment variables that point a bot at `sandbox`."""
    config, url, port = sandbox.config, sandbox.url, _free_port()
    return {
        "TELEGRAM_BOT_TOKEN": config.bot_token,
        "TELEGRAM_API_BASE_URL": url,
        "TELEGRAM_LINK_BASE_URL": url,
        "TELEGRAM_LOCAL_MODE": str(config.local_mode).lower(),
        # What the bot needs should it be told that this is a local server.
        "TELEGRAM_FILES_DIR": str((config.folder / LOCAL_FOLDER).resolve()),
        "GOOGLE_CLIENT_ID": config.client_id,
        "GOOGLE_CLIENT_SECRET": config.client_secret,
        "GOOGLE_OAUTH_FLOW": flow,
        **google_settings(sandbox),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "WEB_PORT": str(port),
        "USER_DATA_DIR": str(user_data),
    }


def google_settings(sandbox: Sandbox) -> dict[str, str]:
    """The environment variables that say that `sandbox` is Google."""
    url = sandbox.url
    return {
        "GOOGLE_AUTH_URI": f"{url}/o/oauth2/v2/auth",
        "GOOGLE_TOKEN_URI": f"{url}/token",
        "GOOGLE_DEVICE_URI": f"{url}/device/code",
        "GOOGLE_REVOKE_URI": f"{url}/revoke",
        "GOOGLE_API_ENDPOINT": url,
    }


def empty_folder(folder: Path) -> None:
    """Make `folder` anew, if it is not there, is empty, or was made here.

    Raises:
        FolderTaken: it holds something else, or the system forbids it.
    """
    try:
        if folder.exists() and any(folder.iterdir()):
            if not (folder / _MARK).exists():
                raise FolderTaken("the folder holds something that is not the sandbox's")
            shutil.rmtree(folder)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / _MARK).touch()
    except OSError as error:
        says = f"the folder cannot be made or emptied ({error.strerror})"
        raise FolderTaken(says) from error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
