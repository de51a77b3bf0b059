"""The device flow, in the chat."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from bot.connecting.consent_outcome import job_name
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from security.credential import Owner
from tests.bot.upkeep import logged
from tests.fixtures import RunningBot, StartBot
from tests.journeys import DEVICE_CODE, ask_device_code, confirm, connect, until

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("off")


async def test_connecting_says_whose_account_it_is(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """From /connect to "Connected" without another command."""
    message = await connect(people(), google, "amy@example.com")
    assert "Connected as amy@example.com" in message.text
    credential = await bot.services.core.custodian.load(Owner.user(501))
    assert credential is not None
    assert credential.generation == 1


async def test_nothing_is_saved_before_the_asker_confirms(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Approving somebody else's code does not yet connect anything."""
    ann = people()
    code = await ask_device_code(ann)
    await google.approve_device(code, "stranger@example.com")
    await ann.wait_for("stranger@example.com has approved")
    assert await bot.services.core.custodian.load(Owner.user(501)) is None
    await ann.tap("No, not mine")
    await ann.wait_for("Nothing was connected")
    assert await bot.services.core.custodian.load(Owner.user(501)) is None
    # What was tapped below goes once it is handled.
    await until(lambda: "stranger@example.com" not in bot.stored_text())


async def test_a_tap_that_is_quicker_than_telegrams_answer_is_answered_in_the_question(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The question is a new message, and its number is still on its way to the bot."""
    ann, consents = people(), bot.services.core.consents
    code = await ask_device_code(ann)
    pending = await consents.latest(Owner.user(501))
    assert pending is not None
    await consents.note_message(pending, 0, 0)
    await google.rate("telegram.sendMessage", 1000)
    await google.approve_device(code, "amy@example.com")
    await confirm(ann, "amy@example.com")
    await google.rate("telegram.sendMessage", None)
    assert not any("has approved" in message.text for message in ann.messages())


async def test_the_account_connected_last_is_not_asked_about(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Connecting again, while connected and after it was set aside; another account is shown."""
    ann = people()
    await connect(ann, google, "amy@example.com")
    for ended in (False, True):
        if ended:
            await google.revoke("amy@example.com")
            await google.expire_access_tokens("amy@example.com")
            await ann.send("/status")
            await ann.wait_for("has stopped working")
        await google.approve_device(await ask_device_code(ann), "amy@example.com")
        await ann.wait_for("Connected as amy@example.com")
        assert not any("has approved" in message.text for message in ann.messages())
    await google.approve_device(await ask_device_code(ann), "ben@example.com")
    await ann.wait_for("ben@example.com has approved")
    credential = await bot.services.core.custodian.load(Owner.user(501))
    assert credential is not None
    assert credential.account is not None
    assert credential.account.get_secret_value() == "amy@example.com"


async def test_declining_on_googles_page_is_said_at_once(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """With a button to begin again."""
    ann = people()
    code = await ask_device_code(ann)
    await google.approve_device(code, "amy@example.com", allow=False)
    message = await ann.wait_for("You declined")
    assert message.button("connect") is not None


async def test_a_lapsed_code_is_said_without_being_asked(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Google's answer "expired_token" reaches the person."""
    ann = people()
    await ask_device_code(ann)
    await google.act("expire_device_codes")
    message = await ann.wait_for("has expired")
    assert message.button("connect") is not None


async def test_an_unticked_drive_box_is_explained(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Granted scopes must contain drive.file."""
    ann = people()
    code = await ask_device_code(ann)
    await google.approve_device(code, "amy@example.com", grant_drive=False)
    await ann.wait_for("was not ticked")
    assert await bot.services.core.custodian.load(Owner.user(501)) is None


@pytest.mark.timing(same_request=0)
async def test_a_newer_request_takes_an_older_ones_place(
    bot: RunningBot,
    google: GoogleControls,
    people: People,
) -> None:
    """Approving the older code connects nothing; the newer one works."""
    ann = people()
    older = await ask_device_code(ann)
    newer = await ask_device_code(ann)
    assert any("replaced by the newer one" in message.text for message in ann.messages())
    await google.approve_device(older, "old@example.com")
    await google.approve_device(newer, "new@example.com")
    await ann.wait_for("new@example.com has approved")
    await ann.tap("Yes, that is mine")
    await ann.wait_for("Connected as new@example.com")


async def test_who_asks_anew_while_the_end_is_being_told_gets_a_request_that_works(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """What is shown again within seconds may have ended meanwhile: its code is dead."""
    ann = people()
    dead = await ask_device_code(ann)
    await google.fault("telegram.editMessageText", "after")  # told, and its answer is lost
    await google.approve_device(dead, "amy@example.com", allow=False)
    await ann.wait_for("You declined")
    await ann.send("/connect")
    shown = await ann.wait_for(lambda m: "Enter this code" in m.text and dead not in m.text)
    found = DEVICE_CODE.search(shown.text)
    assert found
    await google.approve_device(found[0], "amy@example.com")
    await confirm(ann, "amy@example.com")
    assert logged(bot, "handler_failed") == []


async def test_a_confirmation_button_serves_only_its_own_person(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The identifier in a button is worth nothing in another chat."""
    ann, eve = people(501, "Ann"), people(666, "Eve")
    await eve.start()
    code = await ask_device_code(ann)
    await google.approve_device(code, "amy@example.com")
    message = await ann.wait_for("has approved")
    button = message.button("Yes, that is mine")
    assert button is not None
    assert button.callback_data is not None
    consent_id = button.callback_data.partition(":")[2]
    with pytest.raises(Exception, match="no such request"):
        await bot.services.core.consents.confirm(Owner.user(666), consent_id)
    await ann.tap("Yes, that is mine")
    await ann.wait_for("Connected as amy@example.com")


async def test_a_confirmation_works_once(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """A second tap on the same button saves nothing again."""
    ann = people()
    code = await ask_device_code(ann)
    await google.approve_device(code, "amy@example.com")
    message = await ann.wait_for("has approved")
    await ann.tap("Yes, that is mine", message)
    await ann.wait_for("Connected")
    credential = await bot.services.core.custodian.load(Owner.user(501))
    with pytest.raises(LookupError):
        ann.find_button("Yes, that is mine")
    assert credential is not None
    assert credential.generation == 1


@pytest.mark.parametrize("text", ["/status", "/files", "/folder Foo", "/get x", "a file"])
async def test_who_has_approved_and_not_answered_is_asked_again(
    bot: RunningBot, google: GoogleControls, people: People, text: str
) -> None:
    """And not told to connect: that would sound as if the approval were lost."""
    ann = people()
    await google.approve_device(await ask_device_code(ann), "amy@example.com")
    first = await ann.wait_for("amy@example.com has approved")
    if text == "a file":
        await ann.send_document(b"one", "early.txt")
    else:
        await ann.send(text)
    again = await ann.wait_for(lambda m: m.id > first.id and "has approved" in m.text)
    assert not any("not connected" in message.text for message in ann.messages())
    await ann.tap("Yes, that is mine", again)
    await ann.wait_for("Connected as amy@example.com")
    if text == "a file":
        await ann.wait_for("early.txt (3 bytes) is in your Drive", since=0)


async def test_cancel_ends_the_request(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Approving afterwards connects nothing."""
    ann = people()
    code = await ask_device_code(ann)
    await ann.tap("Cancel")
    await ann.wait_for("Cancelled")
    await google.approve_device(code, "amy@example.com")
    await ann.send("/status")
    await ann.wait_for("not connected")
    assert await bot.services.core.consents.latest(Owner.user(501)) is None


async def test_a_request_survives_a_restart(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """The code stays valid, and the bot goes on asking Google."""
    ann = people()
    async with start_bot():
        code = await ask_device_code(ann)
    async with start_bot():
        await google.approve_device(code, "amy@example.com")
        await ann.wait_for("has approved")
        await ann.tap("Yes, that is mine")
        await ann.wait_for("Connected")


async def test_an_approval_waiting_for_confirmation_survives_a_restart(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """The question's buttons still work."""
    ann = people()
    async with start_bot():
        code = await ask_device_code(ann)
        await google.approve_device(code, "amy@example.com")
        await ann.wait_for("has approved")
    async with start_bot():
        await ann.tap("Yes, that is mine")
        await ann.wait_for("Connected")


async def test_google_out_of_order_is_said_and_nothing_breaks(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """503 on the device endpoint is no incident of the person's."""
    ann = people()
    await google.fault("google.device_code", "status", status=503)
    await ann.send("/connect")
    await ann.wait_for("does not answer just now")
    await connect(ann, google, "amy@example.com")


async def test_a_wrong_client_is_the_operators_to_mend(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """invalid_client is not the person's fault, and says so."""
    ann = people()
    await google.fault("google.device_code", "oauth_error", error="invalid_client")
    await ann.send("/connect")
    await ann.wait_for("whoever runs this bot has to fix it")


async def test_answers_lost_while_polling_do_not_end_the_request(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """503, broken connections and slow_down are survived."""
    ann = people()
    code = await ask_device_code(ann)
    await google.fault("google.token.device", "status", status=503)
    await google.fault("google.token.device", "drop", count=2)
    await google.approve_device(code, "amy@example.com")
    await ann.wait_for("has approved", timeout=30)


def test_the_job_names_polls_after_their_owner() -> None:
    """So that a newer request stops the older one's polling."""
    assert job_name(Owner.user(1)) != job_name(Owner.user(11))


async def test_what_nobody_expected_is_told_with_a_reference(
    bot: RunningBot, google: GoogleControls, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An approval is never lost in silence; the log has the same code."""

    async def poll(_: object) -> None:
        raise ZeroDivisionError

    ann = people()
    monkeypatch.setattr(bot.services.core.consents, "poll", poll)
    await ask_device_code(ann)
    message = await ann.wait_for("Something went wrong on my side")
    (line,) = [json.loads(line) for line in bot.log.getvalue().splitlines() if "Zero" in line]
    assert line["event"] == "handler_failed"
    assert line["reference"] in message.text
    await until(lambda: '"consent_declined"' in bot.log.getvalue())
    assert await bot.services.core.consents.latest(Owner.user(501)) is None
    monkeypatch.undo()
    await connect(ann, google, "amy@example.com")


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        *(("google.token.device", "{}"), ("google.token.device", "[" * 50_000)),
        ("google.drive.about", '{"user": 5}'),
        ("google.drive.about", '{"user": {"emailAddress": []}}'),
        ("google.drive.about", "[" * 50_000),
    ],
    ids=lambda value: value[:30],
)
async def test_an_odd_answer_after_the_approval_is_told(
    bot: RunningBot, google: GoogleControls, people: People, operation: str, body: str
) -> None:
    """Whatever Google says then: the person reads how it ended, and can begin anew."""
    ann = people()
    code = await ask_device_code(ann)
    await google.approve_device(code, "amy@example.com")
    await google.fault(
        operation, "status", status=200, body=body, count=4 if "drive" in operation else 1
    )
    ended = await ann.wait_for(
        lambda m: m.from_bot and ("Try again" in str(m.buttons) or "has approved" in m.text),
        timeout=45,
    )
    assert ended.text.strip()
    await google.clear_faults()
    assert '"handler_failed"' not in bot.log.getvalue()


async def test_an_end_that_telegram_does_not_take_is_told_later(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Declined on Google's page, while Telegram is away."""
    ann = people()
    code = await ask_device_code(ann)
    for operation in ("telegram.editMessageText", "telegram.sendMessage"):
        await google.fault(operation, "status", status=502, count=2)
    await google.approve_device(code, "amy@example.com", allow=False)
    await ann.wait_for("You declined", timeout=40)
    await until(lambda: '"consent_declined"' in bot.log.getvalue())


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("admin_policy_enforced", "Ask its Google administrator"),
        ("policy_enforced", "Advanced Protection"),
        ("org_internal", "for the members of one organisation"),
        ("access_denied", "You declined"),
        ("invalid_client", "whoever runs this bot has to fix it"),
        ("expired_token", "took too long"),
    ],
)
async def test_each_end_of_a_poll_is_told_in_its_own_words(
    bot: RunningBot, google: GoogleControls, people: People, error: str, says: str
) -> None:
    """What one person's organisation forbids is nobody's outage."""
    ann = people()
    await google.fault("google.token.device", "oauth_error", error=error)
    await ask_device_code(ann)
    await ann.wait_for(says)
