"""What an upload is compared to. `python -m bench.uploads.peers KIND URL TOKEN PATH`.

curl    at PATH: one file up to Drive in a resumable session, as Google wants it above 5 MB, or
        one down
client  Google's own client with `MediaFileUpload` as it comes, from a file; first the file got
        from Telegram whole, into PATH, where it is to be relayed; its md5, where that is counted
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import google_auth_httplib2
import httpx
from google.oauth2.credentials import Credentials
from googleapiclient import discovery_cache
from googleapiclient.discovery import build_from_document
from googleapiclient.http import MediaFileUpload, build_http

from bench.child import Json, serve
from bench.world import BOT_TOKEN

_TYPE: Final = "application/octet-stream"
_PIECE: Final = 1024 * 1024
_LOCATION: Final = re.compile(r"^location: *(\S+)", re.IGNORECASE | re.MULTILINE)
_TIMES: Final = ("--write-out", "%{stderr}%{http_code} %{time_total}")


class CurlFailed(Exception):
    """It could not do what it was told, or the server refused."""


class Curl:
    """Seconds are those that curl counts itself: the start of its process is left out."""

    def __init__(self, url: str, token: str, program: Path) -> None:
        self._program = program
        self._sessions = f"{url}/upload/drive/v3/files?uploadType=resumable&fields=id"
        self._token = token

    def answer(self, command: Json) -> Json:
        """Bring a file up or down."""
        if command["command"] == "down":
            return {"seconds": self._run("--output", "/dev/null", command["address"])[1]}
        described = json.dumps({"name": command["name"]})
        headers, began = self._run(
            *("--dump-header", "-", "--output", "/dev/null", "--data", described),
            *("--header", "Content-Type: application/json; charset=UTF-8"),
            *("--header", f"Authorization: Bearer {self._token}"),
            self._sessions,
        )
        session = _LOCATION.search(headers)
        if session is None:
            raise CurlFailed("no session")
        # Without "Expect" it asks nothing before it sends: a round trip less.
        _, sent = self._run(
            *("--output", "/dev/null", "--upload-file", command["path"]),
            *("--header", f"Content-Type: {_TYPE}", "--header", "Expect:"),
            session[1],
        )
        return {"seconds": began + sent}

    def _run(self, *arguments: str) -> tuple[str, float]:
        """Its output, and its seconds."""
        command = [str(self._program), "--silent", "--show-error", *_TIMES, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        status, _, seconds = done.stderr.partition(" ")
        if done.returncode != 0 or status != "200":
            raise CurlFailed(f"curl ended with {done.returncode}: {done.stderr}")
        return done.stdout, float(seconds)


class Client:
    """Google's client, its service and connections kept from one file to the next."""

    def __init__(self, url: str, token: str, spool: Path) -> None:
        document = json.loads(discovery_cache.get_static_doc("drive", "v3"))
        document |= {"rootUrl": f"{url}/", "baseUrl": f"{url}/{document['servicePath']}"}
        credentials = Credentials(token)  # type: ignore[no-untyped-call]
        http = google_auth_httplib2.AuthorizedHttp(credentials, http=build_http())
        self._files: Any = build_from_document(document, http=http).files()
        self._telegram = httpx.Client()
        self._spool = spool

    def answer(self, command: Json) -> Json:
        """Upload a file, or get one from Telegram first."""
        began, md5 = time.perf_counter(), ""
        path = Path(command["path"]) if "path" in command else self._spool
        if command["command"] == "relay":
            self._download(command["telegram"], command["file_id"])
        elif command["md5"]:
            md5 = _md5(path)
        self._upload(path, command["name"])
        return {"seconds": time.perf_counter() - began, "md5": md5}

    def _download(self, telegram: str, file_id: str) -> None:
        asked = self._telegram.post(f"{telegram}/bot{BOT_TOKEN}/getFile", data={"file_id": file_id})
        address = f"{telegram}/file/bot{BOT_TOKEN}/{asked.json()['result']['file_path']}"
        with self._telegram.stream("GET", address) as answer, self._spool.open("wb") as file:
            answer.raise_for_status()
            for piece in answer.iter_bytes(_PIECE):
                file.write(piece)

    def _upload(self, path: Path, name: str) -> None:
        media = MediaFileUpload(str(path), mimetype=_TYPE, resumable=True)
        request = self._files.create(body={"name": name}, media_body=media, fields="id")
        answer = None
        while answer is None:
            _, answer = request.next_chunk()


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


KINDS: Final[dict[str, Callable[[str, str, Path], Curl | Client]]] = {
    "curl": Curl,
    "client": Client,
}


async def main() -> None:
    """Answer until there are no more commands. Nothing else runs on this event loop."""
    kind, url, token, path = sys.argv[1:]
    contender = KINDS[kind](url, token, Path(path))

    async def answer(command: Json) -> Json:
        return contender.answer(command)

    await serve({}, answer)


if __name__ == "__main__":
    asyncio.run(main())
