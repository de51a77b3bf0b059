"""The settings page over a real port: each form does its one thing, and leads back to the page."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from departments.clients.alarms import Alarm
from departments.kinds import SESSIONS
from sandbox.clients.google_controls import GoogleControls
from tests import places
from tests.documents import ROOT
from tests.security.kit import AMY, BEN
from tests.web.kit import OPERATOR, RunningWeb
from tests.web.pages_kit import SETTINGS, Person, person
from web.gate.signed_in import COOKIE

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
ACTIONS = (
    *("authorize", "revoke", "account", "clients", "clients/drop", "clients/revoke"),
    "clients/unblock",
)


async def authorise(someone: Person, google: GoogleControls, account: str, **how: bool) -> None:
    """Press the button of the first card, decide at Google, and come back."""
    there = await someone.press(f"{SETTINGS}/authorize")
    await someone.open(await google.consent(there, account, **how))


async def test_an_administrator_authorises_revokes_and_authorises_again(
    web: RunningWeb, google: GoogleControls
) -> None:
    async with person(web, language="zh-TW") as someone:
        await someone.open(SETTINGS)
        assert "未授權" in someone.text
        await authorise(someone, google, AMY)
        assert someone.news == ["✓Google Drive 已授權（淡海）接下來新增一台電腦：之後它就能上傳。"]
        assert AMY in someone.text
        await someone.open(f"{SETTINGS}?department=tanhae&done=authorised")
        assert len(someone.news) == 1  # loaded again, it is the same
        await someone.open(f"{SETTINGS}?ask=revoke&department=tanhae")
        assert "撤銷後，淡海的電腦就無法上傳" in someone.text
        end = await someone.press(f"{SETTINGS}/revoke")
        assert end == f"{SETTINGS}?department=tanhae&done=revoked"
        assert "已撤銷" in someone.news[0]
        await someone.open(SETTINGS)
        assert "Ops 已撤銷授權：今天" in someone.text
        assert someone.text.count("還沒有人授權") == 1  # of the other one
        assert "重新授權 Google Drive" in someone.text
        await authorise(someone, google, BEN)
        assert f"上次是 {AMY}，這次同意的是 {BEN}" in someone.text
        await someone.press(f"{SETTINGS}/account", 1)
        assert "淡海維持原樣" in someone.news[0]
        assert "Ops 已撤銷授權" in someone.text
        await authorise(someone, google, AMY)
        assert "撤銷授權：" not in someone.text


async def test_another_account_is_used_when_that_is_chosen(
    web: RunningWeb, google: GoogleControls
) -> None:
    async with person(web) as someone, person(web) as other:
        await someone.open(SETTINGS)
        await authorise(someone, google, AMY)
        await authorise(someone, google, BEN)
        assert f"It is {AMY} now; {BEN} approved this time" in someone.text
        await other.open(SETTINGS)
        assert BEN not in other.text
        assert "Another administrator is at Google" in other.text
        await someone.press(f"{SETTINGS}/account", 0)
        assert "is authorised (淡海)" in someone.news[0]
        assert BEN in someone.text


async def test_what_google_says_no_to_is_told(web: RunningWeb, google: GoogleControls) -> None:
    async with person(web) as someone:
        await someone.open(SETTINGS)
        await authorise(someone, google, AMY, allow=False)
        assert "You chose “Cancel” at Google" in someone.news[0]
        await authorise(someone, google, AMY, grant_drive=False)
        assert "The Drive box was not ticked" in someone.news[0]
        assert "Not authorised" in someone.text


async def test_a_computer_is_paired_with_the_code_of_the_page(web: RunningWeb) -> None:
    async with person(web) as someone, web.browser() as computer:
        await someone.open(SETTINGS)
        await someone.press(f"{SETTINGS}/clients", label="  行控中心 3 ", token="yes")
        (shown,) = someone.page.all("output")
        assert "Pairing code" in someone.text
        assert web.url in someone.text
        await someone.open(SETTINGS)
        assert [one.text for one in someone.page.all("output")] == [shown.text]
        paired = await computer.post("/api/clients/pair", json={"code": shown.text})
        assert paired.json()["client"]["may"] == ["token", "upload"]
        await someone.open(SETTINGS)
        assert "“行控中心 3” is paired." in someone.news[0]
        assert someone.page.all("output") == []
        assert "May upload and fetch tokens · not used yet" in someone.text


@pytest.mark.parametrize("how", ["block", "revoke"])
async def test_a_computer_that_was_stopped_is_not_said_to_be_paired(
    web: RunningWeb, how: str
) -> None:
    """Nor one of the same name that was there before, where its code was dropped elsewhere."""
    async with person(web) as someone, web.browser() as computer:
        await someone.open(SETTINGS)
        await someone.press(f"{SETTINGS}/clients", label="X")
        code = someone.page.all("output")[0].text
        paired = await computer.post("/api/clients/pair", json={"code": code})
        await someone.open(SETTINGS)
        assert "“X” is paired." in someone.news[0]
        desk, id = web.services.desk, paired.json()["client"]["id"]
        await (desk.block(id, OPERATOR) if how == "block" else desk.revoke(id, OPERATOR))
        await someone.open(SETTINGS)
        assert "is paired" not in someone.text


async def test_every_code_that_is_open_is_listed_and_can_be_dropped(web: RunningWeb) -> None:
    """A second one hides no first one; to whoever did not make it, its letters are not shown."""
    async with person(web) as someone, person(web) as other, web.browser() as computer:
        await someone.open(SETTINGS)
        for label in ("X", "Y"):
            await someone.press(f"{SETTINGS}/clients", label=label)
        second, first = (one.text for one in someone.page.all("output"))
        await other.open(SETTINGS)
        assert "Pairing code for “X”" in other.text
        assert other.page.all("output") == []
        assert first not in other.text
        await other.press(f"{SETTINGS}/clients/drop", 1)
        assert "Dropped." in other.news[0]
        await other.press(f"{SETTINGS}/clients/drop")
        assert other.forms(f"{SETTINGS}/clients/drop") == []
        for code in (first, second):
            refused = await computer.post("/api/clients/pair", json={"code": code})
            assert refused.status_code == 400
        await someone.press(f"{SETTINGS}/clients/drop")  # its page was older
        assert "That pairing code was used, dropped, or over already." in someone.news[0]
        assert someone.page.all("output") == []
        assert "is paired" not in someone.text


async def test_a_browser_keeps_as_many_codes_as_its_cookie_holds(web: RunningWeb) -> None:
    """The others are listed without their letters; each can be dropped."""
    async with person(web) as someone:
        await someone.open(SETTINGS)
        for number in range(8):
            await someone.press(f"{SETTINGS}/clients", label=f"{'𠮷' * 58} {number}")
        assert len(someone.page.all("output")) == 6
        assert len(someone.forms(f"{SETTINGS}/clients/drop")) == 8
        assert len(someone.browser.cookies["__Host-drivekeeper-pairing"]) < 3800


async def test_only_where_it_is_authorised_a_computer_is_said_to_be_able_to_upload(
    web: RunningWeb, google: GoogleControls
) -> None:
    async with person(web) as someone:
        await someone.open(SETTINGS)
        assert "it can upload files" not in someone.text
        assert "can upload files once Google Drive is authorised" in someone.text
        await authorise(someone, google, AMY)
        assert "Add one, and it can upload files." in someone.text
        assert "Next, add a computer" in someone.news[0]
        await web.add_computer()
        await someone.open(f"{SETTINGS}?department=tanhae&done=authorised")
        assert "Its computers can upload now." in someone.news[0]


async def test_a_label_that_nobody_can_read_is_refused(web: RunningWeb) -> None:
    async with person(web) as someone:
        await someone.open(SETTINGS)
        for label in ("", "  ", "x" * 61, "a\u202eb", "a\x00b", "a\nb"):
            await someone.press(f"{SETTINGS}/clients", label=label)
            (field,) = (one for one in someone.page.elements if "aria-invalid" in one.attributes)
            assert field.attributes["name"] == "label"
            assert "A name has 1 to 60 characters" in someone.text
            assert someone.page.all("output") == []


async def test_a_computer_is_disabled_after_a_question(web: RunningWeb) -> None:
    client, key = await web.add_computer()
    async with person(web) as someone, web.computer(key) as computer:
        await someone.open(f"{SETTINGS}?ask=disable&client={client.id}")
        assert "Disable “行控中心 1”?" in someone.text
        assert (await computer.get("/api/google/status")).status_code == 200
        await someone.press(f"{SETTINGS}/clients/revoke")
        assert "Disabled." in someone.news[0]
        assert "行控中心 1" not in someone.text
        assert (await computer.get("/api/google/status")).status_code == 401


async def test_a_blocked_computer_says_why_and_is_unblocked(web: RunningWeb) -> None:
    client, key = await web.add_computer()
    block = web.services.desk.clients.block
    await web.custody.workers.run(block, client.id, "client_second_machine")
    async with person(web) as someone, web.computer(key) as computer:
        await someone.open(SETTINGS)
        assert "another machine came with the same key" in someone.text
        await someone.press(f"{SETTINGS}/clients/unblock")
        assert "Unblocked." in someone.news[0]
        assert (await computer.get("/api/google/status")).status_code == 200


async def test_an_alarm_about_a_key_stands_at_its_computer(web: RunningWeb) -> None:
    """With what it is about and what to do; until an administrator has said that it is fine."""
    client, _ = await web.add_computer()
    desk, workers = web.services.desk, web.custody.workers
    now = web.services.clock.seconds()
    about = {"client": client.id, "department": "tanhae", "label": client.label}
    alarm = Alarm(code="client_second_machine", since=now, seen=now, **about)
    await workers.run(desk.alarms.see, alarm)
    async with person(web) as someone:
        await someone.open(SETTINGS)
        (said,) = someone.news
        assert "Its key may be in other hands" in said
        assert "another machine came with the same key" in said
        links = [one.attributes.get("href") for one in someone.page.all("a")]
        assert f"/console/computers#c-{client.id}" in links
        assert f"{SETTINGS}?ask=disable&client={client.id}" in links
        await desk.block(client.id, OPERATOR)
        await someone.open(SETTINGS)
        assert "Its key may be in other hands" in someone.news[0]
        await desk.dismiss(f"client_second_machine.{client.id}")
        await someone.open(SETTINGS)
        assert "Its key may be in other hands" not in someone.text


async def test_a_pairing_code_says_where_it_is_typed(web: RunningWeb) -> None:
    """In Drivekeeper on that computer, which somebody has to put there; or one's own program."""
    for language, said, guide in (
        ("en", "Open Drivekeeper on “行控中心 3”, and enter the address", "docs/desktop"),
        ("zh-TW", "請在「行控中心 3」上開啟 Drivekeeper", "docs/zh_Hant/desktop"),
        ("zh-CN", "请在“行控中心 3”上打开 Drivekeeper", "docs/zh_Hans/desktop"),
    ):
        async with person(web, language=language) as someone:
            await someone.open(SETTINGS)
            await someone.press(f"{SETTINGS}/clients", label="行控中心 3")
            assert said in someone.text
            assert f" {guide}-setup.md" in someone.text
            assert (ROOT / f"{guide}-setup.md").exists()
            [about] = [
                one for one in someone.page.all("a") if one.attributes["href"] == "/api/docs"
            ][:1]
            assert "API" in about.text


async def test_an_address_puts_no_words_of_its_own_on_the_page(web: RunningWeb) -> None:
    async with person(web) as someone:
        for said in (
            "done=<b>gone</b>",
            "error=Call+0800-EVIL",
            "done=authorised",
            "done=constructor",
        ):
            await someone.open(f"{SETTINGS}?department=tanhae&{said}")
            assert someone.news == []
            assert "EVIL" not in someone.text


async def test_a_form_of_elsewhere_changes_nothing(web: RunningWeb) -> None:
    """Without the session's token, with another session's, and from another site."""
    fields = {"department": "tanhae", "choice": "use", "consent": "x", "label": "x", "client": "x"}
    async with person(web) as someone, person(web) as other:
        await other.open(SETTINGS)
        token = next(
            one.attributes["value"]
            for one in other.page.elements
            if one.attributes.get("name") == "csrf"
        )
        strange = {"Sec-Fetch-Site": "cross-site"}
        for number, action in enumerate(ACTIONS, 1):
            address = f"{SETTINGS}/{action}"
            for sent in ({}, {"csrf": token}, {"csrf": "ü\x00" * 60}):
                answer = await someone.browser.post(address, data={**fields, **sent})
                assert answer.status_code == 403, action
                assert "This page was too old" in answer.text
            data = {**fields, "csrf": token}
            answer = await other.browser.post(address, data=data, headers=strange)
            assert answer.status_code == 403, action
            assert len(web.lines("access_denied")) == 4 * number
    assert await web.custody.workers.read(web.services.desk.clients.all) == []


async def test_what_is_no_form_of_the_page_changes_nothing(web: RunningWeb) -> None:
    """No such department, no such computer, no such choice; and no traceback in the log."""
    async with person(web) as someone:
        await someone.open(SETTINGS)
        token = someone.forms(f"{SETTINGS}/authorize")[0].children[0].attributes["value"]
        for action, sent, status in (
            ("authorize", {"department": "x"}, 404),
            ("authorize", {"department": "x" * 5000}, 422),
            ("account", {"department": "tanhae", "choice": "both", "consent": "x"}, 422),
            ("clients/revoke", {"department": "tanhae", "client": "../x"}, 303),
            ("account", {"department": "tanhae", "choice": "use", "consent": "x"}, 303),
            ("clients/drop", {"department": "tanhae"}, 303),
        ):
            answer = await someone.browser.post(
                f"{SETTINGS}/{action}", data={**sent, "csrf": token}
            )
            assert answer.status_code == status, (action, answer.headers)
        broken = await someone.browser.post(
            f"{SETTINGS}/authorize",
            content=b"--x\r\nnonsense",
            headers={"Content-Type": "multipart/form-data; boundary=x"},
        )
        assert broken.status_code in (400, 403)
        for path, status in (("nothing", 404), ("revoke", 405)):  # and a form's address, typed
            lost = await someone.browser.get(f"{SETTINGS}/{path}", headers={"Accept": "text/html"})
            assert (lost.status_code, "There is no such page" in lost.text) == (status, True)
        assert "Traceback" not in web.log.getvalue()


@contextmanager
def away(folder: Path, session: str) -> Iterator[str]:
    """Within, the database is not there, or a folder is in the place of the session's file."""
    if (databases := places.databases()) is not None:
        with databases.gone(folder):
            yield "The database does not answer"
        return
    its, aside = folder / SESSIONS.name / f"{session}.json", folder / "aside"
    its.rename(aside)
    its.mkdir()
    yield "This does not work just now"
    its.rmdir()
    aside.rename(its)


async def test_without_its_storage_the_page_shows_nothing_of_anybody(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """Nobody can be known to be an administrator then; it comes back by itself."""
    async with person(web) as someone:
        await someone.open(SETTINGS)
        await authorise(someone, google, AMY)
        session = await web.custody.workers.read(
            web.services.sessions.find, someone.browser.cookies[COOKIE]
        )
        assert session is not None
        with away(tmp_path / "user_data", session.id) as said:
            for path in (SETTINGS, f"{SETTINGS}/live"):
                await someone.open(path)
                assert someone.answer.status_code == 503
                assert int(someone.answer.headers["Retry-After"]) > 0
                assert said in someone.text
                assert AMY not in someone.answer.text
                assert "淡海" not in someone.answer.text
        await someone.open(SETTINGS)
        assert AMY in someone.text
