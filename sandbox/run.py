"""`drivekeeper sandbox`: the sandbox, and against it, as processes of their own, bot, web and
desktop.

Bot and web are one installation, on one database, as they are wherever departments are served
beside a bot; the desktop page is on a computer of a department's staff. Without departments there
is the bot alone, and it keeps everything in files.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import shutil
import signal
import socket
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final
from urllib.parse import quote

from sandbox.departments.commands import Product, run_together
from sandbox.departments.desk import Desk
from sandbox.departments.office import ACCESS_LIFE_SECONDS, Office
from sandbox.departments.spreadsheets import sheet_settings
from sandbox.env_file import env_text, write_env_file
from sandbox.ports import free_port
from sandbox.server import LOOPBACK, Sandbox, SandboxConfig
from sandbox.telegram.chat.people import FIRST_SUPERGROUP_ID
from sandbox.telegram.files.store import LOCAL_FOLDER
from sandbox.telegram.world import FIRST_PERSON_ID

_MARK: Final = ".drivekeeper-sandbox"

_SETTINGS: Final = "settings.env"
"""In the sandbox's folder: for the commands of whoever operates what runs beside it."""

_WELCOME: Final = """
  This is the SANDBOX: Telegram and Google are played by this machine; nothing leaves it.

    Chat           {url}/
{departments}{desktop}{spreadsheets}\
    Google Drive   {url}/drive
    Control panel  {url}/sandbox/control     (what can go wrong)
"""
_DEPARTMENTS: Final = """\
    Departments    {url}/departments         (sign in as their administrator)
"""
_DESKTOP: Final = """\
    Desktop page   {url}/desktop             (a department's staff drop PDFs here)
"""
_SPREADSHEETS: Final = """\
    Spreadsheets   {url}/spreadsheets        (whoever plans shifts changes them here)
"""
_WITH_BOT: Final = """
  Try this: open the chat, press START, tap "Connect Google Drive", approve on the page that
  opens, come back, confirm the account, and drop a file into the chat.
"""
_WITH_WEB: Final = """
  Or this: open Departments, get a link, sign in by its button, and authorise 淡海.
  Then open the desktop page, pair it with a new code of 淡海, and drop a PDF into it.
"""
_COMMANDS: Final = """
  Commands work on it, too: {typed} {example} --env-file {file}
"""
_TO_STOP: Final = """
  Ctrl-C stops it. With a .env (see .env.example) `make run` talks to the real Telegram and Google.
"""
_WITHOUT_BOT: Final = """
  No bot runs. Yours finds this Telegram and this Google by {where}
  (docs/sandbox.md, "A bot of your own against the sandbox"). Ctrl-C stops the sandbox.
"""
_WITHOUT_WEB: Final = """
  Departments are served as soon as `drivekeeper web` runs with {where}.
"""
_DEPARTMENTS_SERVED: Final = "tanhae=淡海,anping=安坑,sanying=三鶯"
"""Three: as many have to fail at once before any is put on hold."""
_PORTS_OF_BOTS: Final = range(20_000, 26_000)
_PORTS_OF_WEBS: Final = range(26_000, 32_000)
"""Out of those that systems give to connections: none takes one before a process listens there."""


class FolderTaken(Exception):
    """The folder is not one a sandbox has made, which is not emptied; or it cannot be made."""


async def run_sandbox(
    *,
    port: int,
    flow: str,
    folder: Path,
    allow_hosts: Collection[str],
    product: Product,
    with_bot: bool,
    with_departments: bool,
    env_file: Path | None = None,
) -> int:
    """Serve until Ctrl-C, or until one of the processes ends. Returns the exit code.

    Args:
        port: of the sandbox; 0: any free one.
        flow: how people connect.
        folder: everything is kept there, and it is emptied first: the sandbox forgets its grants.
        allow_hosts: names it answers to besides this machine's own, e.g. a tunnel's.
        product: how bot and web are run.
        with_bot: False: nothing is run, and the settings are given out.
        with_departments: False: there is no web process, and nothing is said of one.
        env_file: where nothing is run, the bot's settings are written here, and the web process's
            into `web_env_file` of it; None: they are printed.

    Raises:
        FolderTaken: `folder` holds something that is not a sandbox's.
        EnvFileRefused: so does a file of settings, or it cannot be written.
        OSError: the port is taken. Nothing was emptied: perhaps by the sandbox whose folder it is.
    """
    with socket.create_server((LOOPBACK, port)):
        pass
    empty_folder(folder)
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # nohup has it ignore that its terminal is gone.
        if number is not signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
    config = SandboxConfig(
        folder=folder / "world",
        port=port,
        allow_hosts=frozenset(allow_hosts),
        access_life=ACCESS_LIFE_SECONDS,
    )
    async with Sandbox(config) as sandbox:
        of_bot = bot_settings(sandbox, (folder / "user_data").resolve(), flow)
        of_bot["ALLOWED_CHAT_IDS"] = str(FIRST_SUPERGROUP_ID)  # the chat page makes it
        of_web = None
        if with_departments:
            database = Path(of_bot["USER_DATA_DIR"]) / "drivekeeper.db"
            database.parent.mkdir(mode=0o700)
            database.touch(mode=0o600)  # a process makes none by itself
            shared = installation_settings(sandbox, database)
            of_web = shared | web_settings(sandbox)
            of_bot |= shared | _public_url(of_bot if flow == "callback" else of_web)
            sandbox.departments = Office(product, of_web, database, is_run=with_bot)
        welcome = _welcome(sandbox.url, of_web is not None, with_desktop=with_bot)
        if not with_bot:
            _give_out(welcome, of_bot, of_web, env_file)
            await stop.wait()
            return 0
        write_env_file(settings := folder / _SETTINGS, of_bot)
        example = "sheets list" if of_web else "tokens list"
        also = _COMMANDS.format(typed=product.typed, example=example, file=settings)
        print(welcome, _WITH_BOT, _WITH_WEB if of_web else "", also, _TO_STOP, sep="")
        sys.stdout.flush()
        commands = [product.bot(of_bot, is_alone=of_web is not None)]
        if of_web is None or (office := sandbox.departments) is None:
            return await run_together(commands, stop)
        commands.append(product.departments(of_web, "web"))
        desk = Desk(product, office, google_settings(sandbox), (folder / "desktop").resolve())
        async with desk:
            sandbox.desk = desk
            return await run_together(commands, stop, office.runs_as)


def _welcome(url: str, with_departments: bool, *, with_desktop: bool) -> str:
    shown = {
        "departments": _DEPARTMENTS if with_departments else "",
        "desktop": _DESKTOP if with_departments and with_desktop else "",
        "spreadsheets": _SPREADSHEETS if with_departments else "",
    }
    return _WELCOME.format(url=url, **{name: text.format(url=url) for name, text in shown.items()})


def _public_url(settings: dict[str, str]) -> dict[str, str]:
    """Of the process that browsers come to. By this name they keep Secure cookies without https."""
    return {"PUBLIC_URL": f"http://localhost:{settings['WEB_PORT']}"}


def _give_out(
    welcome: str, of_bot: dict[str, str], of_web: dict[str, str] | None, env_file: Path | None
) -> None:
    """Print the settings, or write them."""
    if env_file is None:
        print(welcome, _WITHOUT_BOT.format(where="these settings"), sep="")
        print(env_text(of_bot))
        if of_web is not None:
            print(_WITHOUT_WEB.format(where="these settings"))
            print(env_text(of_web))
    else:
        web_file = web_env_file(env_file)
        write_env_file(env_file, of_bot)
        if of_web is not None:
            write_env_file(web_file, of_web)
        print(welcome, _WITHOUT_BOT.format(where=f"the settings in {env_file}"), sep="", end="")
        print(_WITHOUT_WEB.format(where=f"those in {web_file}") if of_web is not None else "")
    sys.stdout.flush()


def web_env_file(env_file: Path) -> Path:
    """Beside the bot's settings, the web process's: the two share names."""
    return env_file.with_name(f"{env_file.name}.web")


def bot_settings(sandbox: Sandbox, user_data: Path, flow: str) -> dict[str, str]:
    """The environment variables that point a bot at `sandbox`."""
    config, url, port = sandbox.config, sandbox.url, free_port(_PORTS_OF_BOTS)
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


def installation_settings(sandbox: Sandbox, database: Path) -> dict[str, str]:
    """The environment variables that a bot and a web process share, which serve departments
    against `sandbox`. Their key is made here, and beside the database the file of their sheets.
    """
    settings = {
        "ADMIN_USER_IDS": str(FIRST_PERSON_ID),
        "DEPARTMENTS": _DEPARTMENTS_SERVED,
        "WEB_GOOGLE_CLIENT_ID": sandbox.config.client_id,
        "WEB_GOOGLE_CLIENT_SECRET": sandbox.config.client_secret,
        **google_settings(sandbox),
        "TOKEN_ENCRYPTION_KEY": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        "DATABASE_URL": f"sqlite:///{quote(str(database))}",
        "USER_DATA_DIR": str(database.parent),
    }
    if sandbox.google is not None:
        settings |= sheet_settings(sandbox.google, settings["GOOGLE_TOKEN_URI"], database.parent)
    return settings


def web_settings(sandbox: Sandbox) -> dict[str, str]:
    """The environment variables of the web process alone."""
    settings = {"WEB_PORT": str(free_port(_PORTS_OF_WEBS))}
    public = _public_url(settings)
    # The desktop page may be run with the same file.
    return settings | {"DESKTOP_CLOUD_URL": public["PUBLIC_URL"]} | public


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
