"""A department authorises Google Drive: bound to the session that asked, once, and told truly."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from urllib.parse import urlencode

import pytest
from freezegun import freeze_time
from pydantic import SecretStr

from config import GoogleClient
from departments.authorising.consents import OtherSession
from departments.authorising.outcomes import Outcome, Outcomes
from departments.kinds import OUTCOMES
from departments.names import Department
from security.consent.flows import ConsentMethod
from security.consent.pending import CONSENTS, PendingConsent, PendingConsents
from security.errors import ConsentDenied, OperatorFault
from tests.departments.kit import CALLBACK, MINE, OTHERS, TANHAE, Browser, consents_of
from tests.journeys import until_struck
from tests.security.kit import AMY, ANN, BEN, TOWN, World, answer_of, in_minutes, secret
from tests.spots import names_in

pytestmark = pytest.mark.encryption("on")
SAVED, ASK = Outcome("tanhae", "ok"), Outcome("tanhae", "ask")


def refused(code: str) -> Outcome:
    """Why nothing was saved."""
    return Outcome("tanhae", code)


@pytest.fixture
def browser(world: World) -> Browser:
    """The administrator's."""
    return Browser(world, consents_of(world))


async def exchanges(world: World) -> int:
    """How often Google was sent a code."""
    return int((await world.google.calls())["counts"].get("google.token.exchange", 0))


def account(world: World) -> str | None:
    """Whom the department is connected as."""
    saved = world.store.load(TOWN)
    return None if saved is None else secret(saved.account)


# The way it should go


async def test_the_first_account_is_saved_at_once(world: World, browser: Browser) -> None:
    assert await browser.authorise(AMY) == SAVED
    assert account(world) == AMY
    assert names_in(world.folder, CONSENTS) == []
    assert await browser.consents.current(TANHAE, MINE) is None
    assert await browser.consents.last_outcome(TANHAE, MINE) == SAVED


async def test_the_same_account_again_is_the_next_generation(
    world: World, browser: Browser
) -> None:
    await browser.authorise(AMY)
    assert await browser.authorise(AMY) == SAVED
    saved = world.store.load(TOWN)
    assert saved is not None
    assert saved.generation == 2


async def test_a_reload_shows_the_same_for_ten_minutes(world: World, browser: Browser) -> None:
    pending = await browser.begin()
    redirected = await world.google.consent(pending.address, AMY)
    assert await browser.open(redirected) == SAVED
    assert await browser.open(redirected) == SAVED
    other_code = f"{CALLBACK}?{urlencode({'state': secret(pending.state), 'code': '4/0A'})}"
    assert await browser.open(other_code) == SAVED
    assert await exchanges(world) == 1
    with freeze_time(in_minutes(11), real_asyncio=True):
        assert await browser.open(redirected) is None


async def test_who_comes_back_in_time_is_not_late_because_google_takes_its_time(
    world: World, browser: Browser
) -> None:
    """Neither while it has the code, nor while it is asked whose it is."""
    pending = await browser.begin()
    redirected = await world.google.consent(pending.address, AMY)
    kept, soon = PendingConsents(world.storage), in_minutes(1)
    kept.change(pending, expires_at=soon)
    slow = {
        operation: await world.google.fault(operation, "latency", seconds=60)
        for operation in ("google.token.exchange", "google.drive.about")
    }
    coming = asyncio.create_task(browser.open(redirected))
    for operation, fault in slow.items():
        await until_struck(world.google, operation)
        assert kept.current(pending).expires_at > soon  # so nobody clears it away meanwhile
        await world.google.ask("DELETE", f"/faults/{fault}")
    assert await coming == SAVED


async def test_twenty_who_come_back_at_once_are_one_exchange(
    world: World, browser: Browser
) -> None:
    """In two processes."""
    beside = Browser(world, consents_of(world, world.new_custody()))
    pending = await browser.begin()
    redirected = await world.google.consent(pending.address, AMY)
    found = await asyncio.gather(*(one.open(redirected) for one in [browser, beside] * 10))
    assert found == [SAVED] * 20
    assert await exchanges(world) == 1
    saved = world.store.load(TOWN)
    assert saved is not None
    assert saved.generation == 1


async def test_twenty_who_were_refused_are_told_the_same(world: World, browser: Browser) -> None:
    """In two processes, by a code that Google does not know."""
    beside = Browser(world, consents_of(world, world.new_custody()))
    pending = await browser.begin()
    forged = f"{CALLBACK}?{urlencode({'state': secret(pending.state), 'code': '4/0A'})}"
    found = await asyncio.gather(*(one.open(forged) for one in [browser, beside] * 10))
    assert found == [refused("used")] * 20
    assert await exchanges(world) == 1


# Whose it is


@pytest.mark.parametrize("session", [OTHERS, None], ids=["another session", "none"])
async def test_another_browser_saves_nothing_and_learns_nothing(
    world: World, browser: Browser, session: str | None
) -> None:
    """Neither before the asker comes back, nor after, nor of what was refused."""
    other = Browser(world, browser.consents, session)
    pending = await browser.begin()
    redirected = await world.google.consent(pending.address, AMY)
    with pytest.raises(OtherSession):
        await other.open(redirected)
    with pytest.raises(OtherSession):
        await other.open(f"{CALLBACK}?{urlencode({'state': secret(pending.state)})}")
    assert await exchanges(world) == 0
    assert await browser.open(redirected) == SAVED
    with pytest.raises(OtherSession):
        await other.open(redirected)
    declined = await browser.begin()
    redirected = await world.google.consent(declined.address, AMY, allow=False)
    assert await browser.open(redirected) == refused("access_denied")
    with pytest.raises(OtherSession):
        await other.open(redirected)


async def test_another_session_sees_that_something_is_under_way_and_no_account(
    world: World, browser: Browser
) -> None:
    await browser.authorise(AMY)
    assert await browser.authorise(BEN) == ASK
    asked = await browser.consents.current(TANHAE, OTHERS)
    assert asked is not None
    assert (asked.stage, asked.is_mine, asked.consent_id) == ("under_way", False, "")
    assert (asked.before, asked.now) == (None, None)
    assert await browser.consents.last_outcome(TANHAE, OTHERS) is None


async def test_a_newer_request_ends_the_earlier_one(world: World, browser: Browser) -> None:
    earlier = await browser.begin()
    redirected = await world.google.consent(earlier.address, AMY)
    newer = await browser.begin()
    assert await browser.open(redirected) == refused("superseded")
    assert await browser.open(await world.google.consent(newer.address, BEN)) == SAVED
    assert await browser.open(redirected) == refused("superseded")
    assert account(world) == BEN


async def test_a_chats_request_is_left_to_the_chat(world: World, browser: Browser) -> None:
    method = ConsentMethod("callback", world.client, CALLBACK)
    chats = await world.new_consents().begin(ANN, method)
    assert await browser.open(await world.google.consent(chats.address, AMY)) is None
    assert await exchanges(world) == 0


async def test_a_department_is_no_chats_to_look_after(world: World, browser: Browser) -> None:
    """The bot's start, and its look at whose time is over."""
    await browser.begin()
    assert await world.new_consents().all() == []
    with freeze_time(in_minutes(11), real_asyncio=True):
        assert await world.new_consents().expired() == []


# Another account


async def ask(world: World, browser: Browser) -> str:
    """Connected as Amy; Ben has approved. The id of the question."""
    await browser.authorise(AMY)
    assert await browser.authorise(BEN) == ASK
    asked = await browser.consents.current(TANHAE, MINE)
    assert asked is not None
    assert (asked.stage, asked.is_mine) == ("ask", True)
    assert (secret(asked.before), secret(asked.now)) == (AMY, BEN)
    assert account(world) == AMY
    return asked.consent_id


async def test_another_account_is_used_once_it_is_confirmed(world: World, browser: Browser) -> None:
    consent_id = await ask(world, browser)
    beside = consents_of(world, world.new_custody())
    found = await asyncio.gather(
        *(one.confirm(TANHAE, MINE, consent_id) for one in [browser.consents, beside] * 10)
    )
    assert found == [SAVED] * 20
    saved = world.store.load(TOWN)
    assert saved is not None
    assert (secret(saved.account), saved.generation) == (BEN, 2)


async def test_the_account_of_before_is_kept(world: World, browser: Browser) -> None:
    consent_id = await ask(world, browser)
    for _ in range(2):
        assert await browser.consents.refuse(TANHAE, MINE, consent_id) == refused("declined")
    assert await browser.consents.confirm(TANHAE, MINE, consent_id) == refused("declined")
    assert account(world) == AMY
    assert names_in(world.folder, CONSENTS) == []


async def test_a_no_that_comes_upon_a_yes_is_told_what_was_done(
    world: World, browser: Browser
) -> None:
    """In another window: it had seen the question still."""
    noting, goes_on = threading.Event(), threading.Event()

    class Slow(Outcomes):
        def note(self, pending: PendingConsent, code: str) -> None:
            noting.set()
            assert goes_on.wait(10)
            super().note(pending, code)

    consent_id = await ask(world, browser)
    beside, waits = world.new_custody(), asyncio.Event()
    beside.store.on_wait = lambda owner, waited: waits.set()
    confirming = consents_of(world, outcomes=Slow).confirm(TANHAE, MINE, consent_id)
    yes = asyncio.create_task(confirming)
    await asyncio.to_thread(noting.wait, 10)
    no = asyncio.create_task(consents_of(world, beside).refuse(TANHAE, MINE, consent_id))
    await waits.wait()
    goes_on.set()
    assert await yes == await no == SAVED
    assert account(world) == BEN


async def test_a_reload_asks_again(world: World, browser: Browser) -> None:
    await browser.authorise(AMY)
    pending = await browser.begin()
    redirected = await world.google.consent(pending.address, BEN)
    beside = Browser(world, consents_of(world, world.new_custody()))
    found = await asyncio.gather(*(one.open(redirected) for one in [browser, beside] * 10))
    assert found == [ASK] * 20
    assert await exchanges(world) == 2


async def test_another_session_answers_no_question(world: World, browser: Browser) -> None:
    consent_id = await ask(world, browser)
    for answer in (browser.consents.confirm, browser.consents.refuse):
        with pytest.raises(OtherSession):
            await answer(TANHAE, OTHERS, consent_id)
    for id in ("0" * 64, "", "../x", "\0" * 64, "\ud800", "x" * 60_000):
        assert await browser.consents.confirm(TANHAE, MINE, id) == refused("expired")
    assert await browser.consents.confirm(TANHAE, MINE, consent_id) == SAVED
    with pytest.raises(OtherSession):
        await browser.consents.confirm(TANHAE, OTHERS, consent_id)


async def test_nothing_is_confirmed_before_it_is_approved(world: World, browser: Browser) -> None:
    pending = await browser.begin()
    its_name = browser.consents._settling.name_of(pending)
    assert await browser.consents.confirm(TANHAE, MINE, its_name) == refused("under_way")
    assert await browser.open(await world.google.consent(pending.address, AMY)) == SAVED


async def test_a_question_lapses(world: World, browser: Browser) -> None:
    await browser.authorise(AMY)
    pending = await browser.begin()
    redirected = await world.google.consent(pending.address, BEN)
    assert await browser.open(redirected) == ASK
    asked = await browser.consents.current(TANHAE, MINE)
    assert asked is not None
    with freeze_time(in_minutes(11), real_asyncio=True):
        assert await browser.consents.current(TANHAE, MINE) is None
        confirmed = await browser.consents.confirm(TANHAE, MINE, asked.consent_id)
        assert confirmed == refused("expired")
        assert await browser.open(redirected) == refused("expired")
    assert account(world) == AMY
    assert names_in(world.folder, CONSENTS) == []


async def test_after_a_revocation_another_account_is_asked_about(
    world: World, browser: Browser
) -> None:
    """And the same one is not."""
    await browser.authorise(AMY)
    gone = await browser.consents.revoke(TANHAE)
    assert (gone.was_connected, gone.revoked, gone.shared) == (True, True, False)
    assert account(world) is None
    assert await browser.authorise(BEN) == ASK
    asked = await browser.consents.current(TANHAE, MINE)
    assert asked is not None
    assert secret(asked.before) == AMY
    assert await browser.authorise(AMY) == SAVED
    await browser.consents.revoke(TANHAE)
    assert await browser.authorise(AMY) == SAVED


async def test_an_account_that_was_set_aside_is_the_one_of_before(
    world: World, browser: Browser
) -> None:
    await browser.authorise(AMY)
    world.store.copies.set_aside(TOWN, "invalid_grant")
    assert await browser.authorise(BEN) == ASK
    assert await browser.authorise(AMY) == SAVED


async def test_an_account_is_known_by_its_id_when_its_address_has_changed(
    world: World, browser: Browser
) -> None:
    await browser.authorise(AMY)
    saved = world.store.load(TOWN)
    assert saved is not None
    world.store.save_consent(replace(saved, account=SecretStr("amy.before@example.com")))
    assert await browser.authorise(AMY) == SAVED


# Revoking


async def test_what_hangs_on_an_account_ends_before_the_account_does(world: World) -> None:
    """With the question's yes, and with a revocation; the same account again ends nothing."""
    ended: list[str | None] = []

    async def before_leaving(department: Department) -> None:
        ended.append(account(world))

    browser = Browser(world, consents_of(world, before_leaving=before_leaving))
    await browser.authorise(AMY)
    consent_id = await ask(world, browser)
    assert ended == []
    await browser.consents.confirm(TANHAE, MINE, consent_id)
    await browser.consents.confirm(TANHAE, MINE, consent_id)
    assert ended == [AMY]
    await browser.consents.revoke(TANHAE)
    assert ended == [AMY, BEN]


async def test_a_yes_is_carried_out_though_whoever_gave_it_has_gone(
    world: World,
) -> None:
    """Uploads are not given up for an account that is not used then."""
    leaving, go_on = asyncio.Event(), asyncio.Event()

    async def before_leaving(department: Department) -> None:
        leaving.set()
        await go_on.wait()

    browser = Browser(world, consents_of(world, before_leaving=before_leaving))
    consent_id = await ask(world, browser)
    asked = asyncio.create_task(browser.consents.confirm(TANHAE, MINE, consent_id))
    await leaving.wait()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    go_on.set()
    async with asyncio.timeout(10):
        while names_in(world.folder, CONSENTS):  # noqa: ASYNC110 - nobody waits for it any more
            await asyncio.sleep(0.01)
    assert await browser.consents.last_outcome(TANHAE, MINE) == SAVED
    assert account(world) == BEN


async def test_revoking_ends_a_request_under_way(world: World, browser: Browser) -> None:
    consent_id = await ask(world, browser)
    await browser.consents.revoke(TANHAE)
    assert await browser.consents.confirm(TANHAE, MINE, consent_id) == refused("superseded")
    assert account(world) is None
    assert not (await browser.consents.revoke(TANHAE)).was_connected


async def test_a_shared_account_is_not_revoked_at_google(world: World, browser: Browser) -> None:
    await world.connect(ANN, AMY)
    await browser.authorise(AMY)
    gone = await browser.consents.revoke(TANHAE)
    assert (gone.was_connected, gone.revoked, gone.shared) == (True, False, True)


# What is refused


async def test_declining_changes_nothing(world: World, browser: Browser) -> None:
    await browser.authorise(AMY)
    assert await browser.authorise(BEN, allow=False) == refused("access_denied")
    assert account(world) == AMY
    assert names_in(world.folder, CONSENTS) == []
    assert await browser.consents.last_outcome(TANHAE, MINE) == refused("access_denied")


async def test_without_drive_ticked_nothing_is_saved(world: World, browser: Browser) -> None:
    assert await browser.authorise(AMY, grant_drive=False) == refused("scope_missing")
    assert account(world) is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("access_denied", "access_denied"),
        ("admin_policy_enforced", "org_policy"),
        ("org_internal", "org_internal"),
        ("server_error", "unavailable"),
        ("unauthorized_client", "unauthorized_client"),
        ("<script>", "invalid_request"),
    ],
)
@pytest.mark.one_way("on")
async def test_what_googles_page_refuses_is_told_apart(
    world: World, browser: Browser, error: str, code: str
) -> None:
    pending = await browser.begin()
    redirected = f"{CALLBACK}?{urlencode({'state': secret(pending.state), 'error': error})}"
    assert await browser.open(redirected) == refused(code)
    assert await browser.open(redirected) == refused(code)


@pytest.mark.parametrize(
    ("target", "fault", "code"),
    [
        ("google.token.exchange", {"kind": "status", "status": 503}, "unavailable"),
        ("google.token.exchange", {"kind": "oauth_error", "error": "invalid_client"},
         "invalid_client"),
        ("google.token.exchange", {"kind": "oauth_error", "error": "admin_policy_enforced"},
         "org_policy"),
    ],
    ids=["away", "client", "organisation"],
)  # fmt: skip
@pytest.mark.one_way("on")
async def test_what_google_refuses_is_told_apart(
    world: World, browser: Browser, target: str, fault: dict[str, str], code: str
) -> None:
    await world.google.fault(target, **fault)
    assert await browser.authorise(AMY) == refused(code)
    assert account(world) is None
    assert await browser.authorise(AMY) == SAVED


async def test_a_link_lapses(world: World, browser: Browser) -> None:
    pending = await browser.begin()
    redirected = await world.google.consent(pending.address, AMY)
    with freeze_time(in_minutes(11), real_asyncio=True):
        assert await browser.open(redirected) == refused("expired")
        assert await browser.open(redirected) == refused("expired")
        assert names_in(world.folder, CONSENTS) == []
    assert await exchanges(world) == 0


async def test_half_an_address_spends_nothing(world: World, browser: Browser) -> None:
    pending = await browser.begin()
    redirected = await world.google.consent(pending.address, AMY)
    with pytest.raises(ConsentDenied) as caught:
        await browser.open(f"{CALLBACK}?{urlencode({'state': secret(pending.state)})}")
    assert caught.value.code == "wrong_state"
    assert await browser.open(redirected) == SAVED


async def test_without_a_client_nobody_is_asked(world: World) -> None:
    with pytest.raises(OperatorFault) as caught:
        await consents_of(world, has_client=False).begin(TANHAE, MINE, CALLBACK)
    assert caught.value.code == "unknown_client"


async def test_a_client_that_is_gone_since_connects_nobody(world: World, browser: Browser) -> None:
    """What it gave could never be refreshed."""
    custody = world.new_custody(clients=(GoogleClient("another", SecretStr("secret")),))
    pending = await browser.begin()
    redirected = await world.google.consent(pending.address, AMY)
    beside = Browser(world, consents_of(world, custody))
    assert await beside.open(redirected) == refused("unknown_client")
    assert await browser.open(redirected) == refused("unknown_client")


# What stays where


class Failing(Outcomes):
    """The storage fails when a credential has just been saved; once."""

    has_failed = False

    def note(self, pending: PendingConsent, code: str) -> None:
        if code == "ok" and not self.has_failed:
            self.has_failed = True
            raise OperatorFault("the database does not answer", code="database_unreachable")
        super().note(pending, code)


async def test_what_was_saved_before_the_storage_failed_is_saved_once(world: World) -> None:
    browser = Browser(world, consents_of(world, outcomes=Failing))
    pending = await browser.begin()
    redirected = await world.google.consent(pending.address, AMY)
    with pytest.raises(OperatorFault):
        await browser.open(redirected)
    assert await browser.open(redirected) == SAVED
    saved = world.store.load(TOWN)
    assert saved is not None
    assert saved.generation == 1
    assert names_in(world.folder, CONSENTS) == []


async def test_what_is_over_is_cleared(world: World, browser: Browser) -> None:
    await browser.authorise(AMY)
    await browser.begin()
    await browser.consents.clear_expired()
    assert len(names_in(world.folder, CONSENTS)) == len(names_in(world.folder, OUTCOMES)) == 1
    for minutes in (11, 22):
        with freeze_time(in_minutes(minutes), real_asyncio=True):
            await browser.consents.clear_expired()
    with freeze_time(in_minutes(33), real_asyncio=True):
        await browser.consents.clear_expired()
        assert names_in(world.folder, CONSENTS) == names_in(world.folder, OUTCOMES) == []


async def test_the_proof_key_stays_here(world: World, browser: Browser) -> None:
    """RFC 7636: Google's page is told its hash alone."""
    pending = await browser.begin()
    asked = answer_of(pending.address)
    assert asked["code_challenge_method"] == "S256"
    assert secret(pending.code_verifier) not in pending.address
    assert secret(pending.code_verifier) not in repr(pending)
    assert len(secret(pending.code_verifier)) >= 43
