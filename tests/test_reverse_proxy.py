"""The examples for nginx, run by nginx where that is installed: no code in its logs."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from fastapi import FastAPI, Request

from sandbox.ports import free_port
from tests.documents import ROOT
from tests.installed import needs
from web.serving import listen, serving

NGINX = shutil.which("nginx")
PATH = "/api/auth/google/callback?state=the-state&code=the-code"


def example(document: str = "README.md") -> str:
    """The block as an operator copies it."""
    found = re.search(r"```nginx\n(.*?)```", (ROOT / document).read_text("utf-8"), re.DOTALL)
    assert found
    return found[1]


def test_the_example_keeps_the_address_out_of_both_logs_and_bounds_how_often_it_is_asked() -> None:
    """In the location itself: elsewhere an error is worth reading."""
    location = example().partition("location = /api/auth/google/callback {")[2].partition("}")[0]
    for directive in ("access_log off;", "error_log /dev/null", "limit_req zone=callback"):
        assert directive in location
    assert "limit_req_zone $binary_remote_addr zone=callback" in example()


@asynccontextmanager
async def nginx(folder: Path, upstream: int, block: str) -> AsyncIterator[str]:
    """An example in front of `upstream`, without TLS; its address."""
    assert NGINX
    port = free_port()
    block = block.replace("listen 443 ssl;", f"listen 127.0.0.1:{port};")
    block = re.sub(r"\n *ssl_certificate[^\n]*", "", block)
    block = block.replace("http://127.0.0.1:8080", f"http://127.0.0.1:{upstream}")
    kept = "".join(
        f"{what}_temp_path {folder}/{what};\n"
        for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    logs = f"access_log {folder}/access.log;\nerror_log {folder}/error.log info;\n"
    (folder / "nginx.conf").write_text(
        f"daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error.log info;\n"
        f"events {{}}\nhttp {{\n{logs}{kept}{block}}}\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(NGINX, "-p", str(folder), "-e", f"{folder}/start.log", "-c", f"{folder}/nginx.conf")
    )
    try:
        async with asyncio.timeout(20):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                except OSError:
                    await asyncio.sleep(0.05)
                else:
                    writer.close()
                    break
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        await process.wait()


@needs("nginx")
@pytest.mark.parametrize("is_up", [True, False], ids=["the bot answers", "the bot is down"])
async def test_nginx_writes_neither_state_nor_code(tmp_path: Path, is_up: bool) -> None:
    """Not where the bot does not answer, and not where somebody is turned away."""
    app = FastAPI()

    @app.get("/api/auth/google/callback")
    async def callback() -> str:
        return "ok"

    listener = listen("127.0.0.1", 0)
    port = listener.getsockname()[1] if is_up else 9
    async with aiohttp.ClientSession() as session:

        async def ask(url: str) -> int:
            async with session.get(url + PATH) as answer:
                return answer.status

        async def flood() -> set[int]:
            async with nginx(tmp_path, port, example()) as url:
                return set(await asyncio.gather(*(ask(url) for _ in range(60))))

        if is_up:
            async with serving(app, listener):
                assert await flood() == {200, 429}
        else:
            listener.close()
            assert await flood() == {502, 429}
    logs = "".join(path.read_text() for path in tmp_path.glob("*.log"))  # noqa: ASYNC240
    assert "the-code" not in logs
    assert "the-state" not in logs


@needs("nginx")
async def test_departments_are_asked_for_their_host_and_codes_are_in_no_log(tmp_path: Path) -> None:
    """Nor a sign-in link's, nor a calendar's; and whoever asks is the last that nginx adds to the
    header."""
    app = FastAPI()

    @app.get("/{path:path}")
    async def anything(request: Request) -> list[str]:
        return [request.headers["Host"], request.headers["X-Forwarded-For"]]

    listener = listen("127.0.0.1", 0)
    block = example("docs/departments.md")
    asked = aiohttp.ClientSession(
        headers={"Host": "drive.example.org", "X-Forwarded-For": "1.2.3.4"}
    )
    async with (
        serving(app, listener),
        nginx(tmp_path, listener.getsockname()[1], block) as url,
        asked as session,
    ):
        for path in (
            *(PATH, "/console/enter/the-code", "/calendar/the-code.ics"),
            "/settings/google",
        ):
            async with session.get(url + path) as answer:
                assert await answer.json() == ["drive.example.org", "1.2.3.4, 127.0.0.1"]
    logs = "".join(path.read_text() for path in tmp_path.glob("*.log"))  # noqa: ASYNC240
    assert "/settings/google" in logs
    assert "the-code" not in logs
