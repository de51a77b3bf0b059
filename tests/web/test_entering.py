"""Signing in by a link, and out: whoever only looks spends nothing."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx
import pytest
from freezegun import configure, freeze_time
from freezegun.config import DEFAULT_IGNORE_LIST, reset_config
from pydantic import SecretStr

from departments.administrators.links import ENTER_PATH
from sandbox.server import Sandbox
from security.storage.protocol import Storage, Unit
from tests.web.kit import OPERATOR, RunningWeb, running_web
from tests.web.pages_kit import SETTINGS, person
from web.gate.signed_in import COOKIE

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]


@pytest.fixture
def frozen_threads() -> Iterator[None]:
    """`freeze_time` holds for threads as well, which it leaves alone otherwise."""
    configure(default_ignore_list=[name for name in DEFAULT_IGNORE_LIST if name != "threading"])
    yield
    reset_config()


async def new_link(web: RunningWeb) -> str:
    code = await web.custody.workers.run(web.services.links.make, OPERATOR)
    return f"/console/enter/{code.get_secret_value()}"


async def test_a_link_signs_in_once(web: RunningWeb) -> None:
    link = await new_link(web)
    async with person(web, signed_in=False) as someone, person(web, signed_in=False) as other:
        assert await someone.open(SETTINGS) == "/console/enter"
        assert "How to sign in" in someone.text
        await someone.open(link)
        assert await someone.press(link) == SETTINGS
        assert "Ops" in someone.answer.text
        await other.open(link)
        assert (other.answer.status_code, "This link is over" in other.text) == (410, True)
    assert len(web.lines("access_denied")) == 2
    assert '"result": "expired"' in web.lines("access_denied")[1]
    assert '"owner"' not in "".join(web.lines("access_denied"))  # nobody's department


async def test_whatever_opens_a_link_spends_nothing(web: RunningWeb) -> None:
    link = await new_link(web)
    async with person(web, signed_in=False) as someone, web.browser() as scanner:
        for verb in ("GET", "HEAD") * 50:
            answer = await scanner.request(verb, link)
            assert answer.status_code == 200
            assert "Set-Cookie" not in answer.headers
        await someone.open(link)
        assert await someone.press(link) == SETTINGS


async def test_of_twenty_who_press_one_is_signed_in(web: RunningWeb) -> None:
    link = await new_link(web)
    async with web.browser() as browser:
        answers = await asyncio.gather(*(browser.post(link) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [303, *[410] * 19]
    assert len(web.lines("access_denied")) == 19


@pytest.mark.parametrize("administrators", ["501", ""])
async def test_whoever_needs_another_link_is_told_of_a_way_that_exists(
    sandbox: Sandbox,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
    administrators: str,
) -> None:
    """The bot gives links to those of ADMIN_USER_IDS; where it names nobody, a command does."""
    start = running_web(
        sandbox,
        tmp_path / "user_data",
        encryption_keys,
        monkeypatch,
        ADMIN_USER_IDS=administrators,
    )
    async with start as web, person(web, signed_in=False) as someone:
        for path in (f"{ENTER_PATH}/{'x' * 43}", ENTER_PATH):
            await someone.open(path)
            assert ("/console" in someone.text) is bool(administrators), path
            says = "drivekeeper console-link --as NAME" in someone.text
            assert says or (administrators and path != ENTER_PATH), path


@pytest.mark.usefixtures("frozen_threads")
async def test_a_link_is_over_after_five_minutes(web: RunningWeb) -> None:
    link = await new_link(web)
    later = web.services.clock.now() + timedelta(minutes=5, seconds=1)
    with freeze_time(later, real_asyncio=True):
        async with person(web, signed_in=False) as someone:
            await someone.open(link)
            assert someone.answer.status_code == 410


async def test_a_link_from_another_site_signs_nobody_in(web: RunningWeb) -> None:
    """Nor may anybody be signed in as somebody else unawares."""
    link = await new_link(web)
    async with web.browser() as browser:
        for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "none"}):
            answer = await browser.post(link, headers=headers)
            assert answer.status_code == 403
        assert (await browser.post(link)).status_code == 303


async def test_signing_in_again_ends_the_session_before(web: RunningWeb) -> None:
    """And gives another cookie: none that somebody planted is ever used."""
    first, second = await new_link(web), await new_link(web)
    async with person(web, signed_in=False) as someone, web.browser() as thief:
        someone.browser.cookies.set(COOKIE, "planted")
        await someone.open(first)
        await someone.press(first)
        before = someone.browser.cookies[COOKIE]
        assert before != "planted"
        await someone.open(second)
        await someone.press(second)
        assert someone.browser.cookies[COOKIE] != before
        thief.cookies.set(COOKIE, before)
        assert (await thief.get(SETTINGS)).status_code == 303


@pytest.mark.parametrize(("action", "others"), [("leave", SETTINGS), ("leave-everywhere", "")])
async def test_whoever_leaves_is_out_at_once(web: RunningWeb, action: str, others: str) -> None:
    async with person(web) as someone, person(web) as elsewhere:
        await someone.open(SETTINGS)
        end = await someone.press(f"/console/{action}")
        assert end == f"/console/enter?news={action.replace('-', '_').replace('leave', 'left')}"
        assert "You are signed out" in someone.text
        assert await someone.open(SETTINGS) == "/console/enter"
        assert await elsewhere.open(SETTINGS) == (others or "/console/enter?news=over")


async def test_a_session_that_is_over_says_so(web: RunningWeb) -> None:
    async with person(web, signed_in=False) as someone:
        someone.browser.cookies.set(COOKIE, "x" * 43)
        assert await someone.open(SETTINGS) == "/console/enter?news=over"
        assert "Your session is over." in someone.text
        assert len(web.lines("access_denied")) == 1


@pytest.mark.usefixtures("frozen_threads")
async def test_an_open_page_does_not_keep_its_session_alive(web: RunningWeb) -> None:
    async with person(web) as someone:
        for minutes in (10, 20, 29):
            with freeze_time(
                web.services.clock.now() + timedelta(minutes=minutes), real_asyncio=True
            ):
                answer = await someone.browser.get(f"{SETTINGS}/live")
                assert answer.status_code == 200
        with freeze_time(web.services.clock.now() + timedelta(minutes=31), real_asyncio=True):
            answer = await someone.browser.get(f"{SETTINGS}/live")
            assert (answer.status_code, answer.headers["Location"]) == (
                303,
                "/console/enter?news=over",
            )


async def test_pages_are_for_nobody_to_keep(web: RunningWeb) -> None:
    async with person(web) as someone:
        for path in (SETTINGS, f"{SETTINGS}/live", "/console/enter", "/"):
            answer = await someone.browser.get(path)
            assert answer.headers["Cache-Control"] == "no-store", path
            assert "script-src 'self'" in answer.headers["Content-Security-Policy"]
            assert answer.headers["Referrer-Policy"] == "same-origin"


async def test_no_address_makes_a_link_to_another_site(web: RunningWeb) -> None:
    """A page that says that there is nothing has links to itself in other languages."""
    host, port = web.url.removeprefix("http://"), httpx.URL(web.url).port
    for path in ("//evil.example/x", "/\\evil.example/x", "///evil.example"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        asked = (f"GET {path} HTTP/1.1", f"Host: {host}", "Accept: text/html", "Connection: close")
        writer.write("\r\n".join((*asked, "", "")).encode())
        async with asyncio.timeout(10):
            text = (await reader.read()).decode()
        writer.close()
        links = re.findall(r'(?:href|action)="([^"]*)"', text)
        assert len(links) > 5
        assert [link for link in links if not re.match(r"/(?![/\\])|#", link)] == []


class Noted:
    """A storage that notes in which threads it is written to."""

    def __init__(self, storage: Storage, threads: set[str]) -> None:
        self._storage = storage
        self._threads = threads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def apply(self, units: Sequence[Unit]) -> list[Any]:
        self._threads.add(threading.current_thread().name.rstrip("-_0123456789"))
        return self._storage.apply(units)


@pytest.mark.usefixtures("frozen_threads")
async def test_a_session_that_is_used_is_noted_by_no_thread_that_reads(
    sandbox: Sandbox,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = set[str]()

    def through(storage: Storage) -> Storage:
        return cast(Storage, Noted(storage, threads))

    folder = tmp_path / "user_data"
    async with (
        running_web(sandbox, folder, encryption_keys, monkeypatch, through=through) as web,
        person(web) as someone,
    ):
        threads.clear()
        with freeze_time(web.services.clock.now() + timedelta(minutes=2), real_asyncio=True):
            assert await someone.open(SETTINGS) == SETTINGS
        assert threads == {"custody-write"}
