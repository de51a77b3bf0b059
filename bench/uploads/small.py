"""Small files. `python -m bench.uploads.small product FILE` or `… bare URL TELEGRAM_URL`.

product  what the bot does for a file, put together as in its process: the custodian, the pool of
         threads, Telegram's answer where the file is, Drive's about space, files like it and the
         folder, the download and `upload()`. The chat is left out, and the journal with it: what
         would be measured are Telegram's limits on messages, and nothing else
bare     the same number of requests of the same kinds by aiohttp, and nothing else
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from pydantic import SecretStr

from bench.child import Json, serve
from bench.owners import read_settings
from bench.report import Wrong
from bench.world import BOT_TOKEN, FIRST_PERSON
from bot.context import BotApplication
from bot.uploads.running.telegram_source import TelegramDownload
from drive import FOLDER_TYPE, Drive
from processes.bot import prepare_logs, services
from processes.storage import storage_of
from processes.wiring import tune_garbage_collector
from security.credential import Owner
from upload import Progress, StopSignal, Target, upload

AT_ONCE: Final = 8
"""Files at once, and as many people: the settings' default."""
_TYPE: Final = "application/octet-stream"
_FOLDER: Final = "Drivekeeper"
Work = Callable[[Json], Awaitable[None]]


async def all_of(files: list[Json], work: Work) -> float:
    """Seconds for all `files`, so many at once."""
    began = time.perf_counter()
    waiting = iter(files)
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(_one_after_another(waiting, work))
    return time.perf_counter() - began


async def _one_after_another(waiting: Iterator[Json], work: Work) -> None:
    for file in waiting:
        await work(file)


class Product:
    """As the bot does it, but for its messages."""

    def __init__(self, application: BotApplication) -> None:
        self._bot = application.bot
        self._drives = application.bot_data.core.upload_drives

    async def prepare(self) -> None:
        """Telegram says who the bot is."""
        await self._bot.initialize()

    async def work(self, file: Json) -> None:
        """One file, from Telegram's answer to Drive's."""
        found = await self._bot.get_file(file["file_id"])
        source = TelegramDownload(SecretStr(str(found.file_path)), found.file_size)

        def put(drive: Drive) -> None:
            drive.about(cached=True)
            if drive.files_of_size(file["size"]):
                raise Wrong("a size was used before")
            folder_id = drive.ensure_folder(_FOLDER, cached=True)
            target = Target(drive.new_file_id(), file["name"], _TYPE, folder_id)
            upload(drive, source, target, progress=Progress(), stop=StopSignal())

        await self._drives.run(Owner.user(FIRST_PERSON + file["person"]), put)


class Bare:
    """Requests, and nothing that is done with what they bring."""

    def __init__(self, url: str, telegram: str) -> None:
        self._url = url
        self._telegram = telegram
        self._session = aiohttp.ClientSession()
        self._paths: dict[str, str] = {}

    async def close(self) -> None:
        """Close the connections."""
        await self._session.close()

    async def work(self, file: Json) -> None:
        """The requests that are this file's share, by the names the sandbox has for them."""
        data, session, headers = b"", "", {"Authorization": f"Bearer {file['token']}"}
        for operation in file["operations"]:
            match operation:
                case "telegram.getFile":
                    address = f"{self._telegram}/bot{BOT_TOKEN}/getFile"
                    async with self._session.post(
                        address, data={"file_id": file["file_id"]}
                    ) as answer:
                        self._paths[file["file_id"]] = (await answer.json())["result"]["file_path"]
                case "telegram.download":
                    path = self._paths[file["file_id"]]
                    data = await self._get(f"{self._telegram}/file/bot{BOT_TOKEN}/{path}", {})
                case "google.drive.files.create":
                    folder = {"name": "Folder", "mimeType": FOLDER_TYPE}
                    await self._post("/drive/v3/files", folder, headers)
                case "google.upload.start":
                    described = {"name": file["name"]}
                    started = await self._post(_SESSIONS, described, headers)
                    session = started.headers["Location"]
                case "google.upload.chunk":
                    async with self._session.put(session, data=data) as answer:
                        await _read(answer)
                case _:
                    await self._get(self._url + _READS[operation], headers)

    async def _get(self, address: str, headers: dict[str, str]) -> bytes:
        async with self._session.get(address, headers=headers) as answer:
            return await _read(answer)

    async def _post(self, path: str, body: Json, headers: dict[str, str]) -> aiohttp.ClientResponse:
        async with self._session.post(self._url + path, json=body, headers=headers) as answer:
            await _read(answer)
            return answer


_SESSIONS: Final = "/upload/drive/v3/files?uploadType=resumable&fields=id"
_QUERY: Final = quote("trashed = false and appProperties has { key='size' and value='1' }")
_READS: Final = {
    "google.drive.about": "/drive/v3/about?fields=user,storageQuota",
    "google.drive.files.generateIds": "/drive/v3/files/generateIds?count=20&space=drive",
    "google.drive.files.list": f"/drive/v3/files?q={_QUERY}&pageSize=100&fields=files(id)",
}
KNOWN: Final = frozenset(
    {
        "telegram.getFile",
        "telegram.download",
        "google.drive.files.create",
        "google.upload.start",
        "google.upload.chunk",
        *_READS,
    }
)
"""What `Bare` can ask."""


async def _read(answer: aiohttp.ClientResponse) -> bytes:
    data = await answer.read()
    answer.raise_for_status()
    return data


async def main() -> None:
    """Do all files at each command."""
    kind, *rest = sys.argv[1:]
    async with AsyncExitStack() as stack:
        contender: Any
        if kind == "product":
            settings = read_settings(Path(rest[0]), for_bot=True)
            mask = prepare_logs(settings)
            contender = Product(
                await stack.enter_async_context(
                    services(settings, storage_of(settings, mask), mask)
                )
            )
            await contender.prepare()
            tune_garbage_collector()
        else:
            contender = Bare(*rest)
            stack.push_async_callback(contender.close)

        async def answer(command: Json) -> Json:
            cpu = time.process_time()
            seconds = await all_of(command["files"], contender.work)
            return {"seconds": seconds, "cpu_seconds": time.process_time() - cpu}

        await serve({}, answer)


if __name__ == "__main__":
    asyncio.run(main())
