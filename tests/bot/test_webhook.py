"""Webhook mode, from Telegram's push to the answer; and whoever else finds the address."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from bot import lifecycle, webhook
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.ports import free_port
from sandbox.server import Sandbox
from security.errors import OperatorFault
from tests.bot.test_updates import NO_NUMBERS, answers, kept, message, short
from tests.bot.upkeep import logged
from tests.fixtures import RunningBot, StartBot
from tests.journeys import out_of_place, until
from web.webhook import LARGEST

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
SECRET = "Canary_webhook-secret"
HEADER = "X-Telegram-Bot-Api-Secret-Token"


@dataclass(frozen=True)
class Hooked:
    """A bot in webhook mode, and anybody's way to its address."""

    bot: RunningBot
    session: aiohttp.ClientSession

    async def post(self, body: bytes | dict[str, Any], secret: str | None = SECRET) -> int:
        """The status of the answer, which has no body."""
        data = io.BytesIO(body if isinstance(body, bytes) else json.dumps(body).encode())
        headers = {} if secret is None else {HEADER: secret}
        async with self.session.post("/telegram/x", data=data, headers=headers) as answer:
            assert await answer.read() == b""
            return answer.status


@pytest.fixture
def variables() -> dict[str, Any]:
    """The settings of webhook mode."""
    port = free_port()
    return {
        "WEB_PORT": port,
        "TELEGRAM_WEBHOOK_URL": f"http://127.0.0.1:{port}/telegram/x",
        "TELEGRAM_WEBHOOK_SECRET": SECRET,
    }


@pytest.fixture
async def hooked(
    start_bot: StartBot, sandbox: Sandbox, variables: dict[str, Any]
) -> AsyncIterator[Hooked]:
    assert sandbox.telegram is not None
    sandbox.telegram.webhook.first_pause = 0.05
    url = f"http://127.0.0.1:{variables['WEB_PORT']}"
    async with start_bot(**variables) as bot, aiohttp.ClientSession(url) as session:
        yield Hooked(bot, session)


async def test_telegram_brings_updates_and_they_are_answered(
    hooked: Hooked, people: People, google: GoogleControls
) -> None:
    """Without a request for updates; the bot is alive, ready, and keeps nothing handled."""
    ann = people()
    await ann.send("/help")
    await ann.wait_for("20 MiB")
    await until(lambda: not kept(hooked.bot.folder))
    assert (await google.calls())["counts"].get("telegram.getUpdates", 0) == 0
    async with hooked.session.get("/healthz") as answer:
        assert answer.status == 200
    assert lifecycle.is_receiving(hooked.bot.application)
    assert len(logged(hooked.bot, "webhook_set")) == 1


async def test_whoever_does_not_know_the_secret_is_refused(hooked: Hooked, people: People) -> None:
    """Nothing is written down, and the log says so without what was sent."""
    update = message(people(), 9, "/help")
    secrets = [None, "", SECRET[:-1], SECRET.lower(), "é"]
    assert [await hooked.post(update, secret) for secret in secrets] == [403] * 5
    refused = logged(hooked.bot, "access_denied")
    assert [line["result"] for line in refused] == ["wrong_secret"] * 5
    assert kept(hooked.bot.folder) == set()


async def test_an_update_brought_twice_is_answered_once(hooked: Hooked, people: People) -> None:
    """Telegram brings it again where an answer was lost."""
    ann = people()
    await ann.start()
    await ann.wait_for("Drivekeeper")
    update = message(ann, 9, "/help")
    assert [await hooked.post(update) for _ in range(3)] == [200] * 3
    await ann.wait_for("20 MiB")
    await until(lambda: not kept(hooked.bot.folder))
    assert await hooked.post(update) == 200
    await ann.send("/cancel")
    await ann.wait_for("nothing to cancel")
    assert len(answers(ann, "20 MiB")) == 1


async def test_what_cannot_be_written_down_is_brought_again(hooked: Hooked, people: People) -> None:
    """503 until the disk works; then it is answered."""
    ann = people()
    await ann.start()
    await ann.wait_for("Drivekeeper")
    await until(lambda: not kept(hooked.bot.folder))
    with out_of_place(hooked.bot.folder / "updates"):
        assert await hooked.post(message(ann, 9, "/help")) == 503
        await ann.send("/cancel")
        assert hooked.bot.services.inbox.is_failing
    await ann.wait_for("nothing to cancel")
    assert len(logged(hooked.bot, "update_not_saved")) == 1
    hooked.bot.services.inbox.close()
    assert await hooked.post(message(ann, 10, "/help")) == 503


async def test_what_is_no_update_is_skipped(hooked: Hooked) -> None:
    """Telegram would bring it for ever."""
    unreadable = [
        *(b"{", b"[]", b"\xff", b"[" * 100_000, b"{}", b'{"update_id": "x"}'),
        b'{"update_id": 9, "message": {"message_id": "wages.pdf"}}',
    ]
    assert [await hooked.post(body) for body in unreadable] == [200] * len(unreadable)
    assert await hooked.post(b"x" * (LARGEST + 1)) == 413
    skipped = [line["result"] for line in logged(hooked.bot, "update_skipped")]
    assert skipped == ["unreadable"] * len(unreadable) + ["too_big"]
    assert "wages" not in hooked.bot.log.getvalue()


@pytest.mark.parametrize("number", NO_NUMBERS, ids=short)
@pytest.mark.one_way
async def test_a_number_that_is_none_is_skipped(
    hooked: Hooked, people: People, number: Any
) -> None:
    """Acknowledged: it would not be one another time; and nothing is written down or handled."""
    ann = people()
    await ann.start()
    await ann.wait_for("Drivekeeper")
    await until(lambda: not kept(hooked.bot.folder))
    assert await hooked.post({**message(ann, 9, "/help"), "update_id": number}) == 200
    assert [line["result"] for line in logged(hooked.bot, "update_skipped")] == ["unreadable"]
    assert kept(hooked.bot.folder) == set()
    highest = {**message(ann, 10, "/help"), "update_id": 2**63 - 1}
    assert await hooked.post(highest) == 200
    await ann.wait_for("20 MiB", since=0)
    assert logged(hooked.bot, "handler_failed") == []


async def test_a_webhook_that_somebody_took_away_is_set_again(
    hooked: Hooked, people: People, sandbox: Sandbox
) -> None:
    """And the log says that two use the token."""
    api = f"{sandbox.url}/bot{sandbox.config.bot_token}"
    async with hooked.session.post(f"{api}/deleteWebhook") as answer:
        assert answer.status == 200
    jobs = hooked.bot.application.job_queue
    assert jobs is not None
    (job,) = jobs.get_jobs_by_name("watch")
    await job.run(hooked.bot.application)
    await until(lambda: len(logged(hooked.bot, "webhook_set")) == 2)
    assert logged(hooked.bot, "polling_conflict")[0]["result"] == "second_instance"
    ann = people()
    await ann.send("/help")
    await ann.wait_for("20 MiB")


async def test_from_polling_to_the_webhook_and_back_nobody_waits_in_vain(
    start_bot: StartBot, people: People, variables: dict[str, Any]
) -> None:
    """What was written in between is answered by whichever comes next; without a secret set."""
    ann = people()
    del variables["TELEGRAM_WEBHOOK_SECRET"]
    for number, changes in enumerate(({}, variables, {})):
        await ann.send("/help")
        async with start_bot(**changes):
            await ann.wait_for("20 MiB")
        assert len(answers(ann, "20 MiB")) == number + 1


async def test_an_address_telegram_does_not_take_refuses_the_start(
    start_bot: StartBot, variables: dict[str, Any], tmp_path: Path
) -> None:
    """In one sentence that names the variable."""
    variables["TELEGRAM_WEBHOOK_URL"] = "https://bot.invalid/telegram/x"
    with pytest.raises(OperatorFault, match="TELEGRAM_WEBHOOK_URL"):
        async with start_bot(**variables):
            pass


def test_a_secret_of_its_own_is_one_that_telegram_takes_and_stays_the_same() -> None:
    """It depends on the token, and does not hold it."""
    token, other = SecretStr("110201543:" + "A" * 35), SecretStr("110201543:" + "B" * 35)
    secret = webhook.secret_from(token).get_secret_value()
    assert secret == webhook.secret_from(token).get_secret_value()
    assert secret != webhook.secret_from(other).get_secret_value()
    assert secret.isalnum()
    assert 32 <= len(secret) <= 256
