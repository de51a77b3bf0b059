"""The chat page in a browser. Without Chromium on the machine these tests are skipped."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Literal

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Error, FilePayload, Page, async_playwright, expect

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.server import Sandbox, SandboxConfig
from sandbox.telegram.files.pictures import plain_png
from tests.installed import CHROMIUM, needs
from tests.sandbox.telegram_kit import Kit, eventually, running

OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
ALICE = 500000001
THEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")

# One browser, and so one event loop, for all tests of this file: starting it costs most.
pytestmark = [
    needs("chromium"),
    pytest.mark.asyncio(loop_scope="module"),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield started
        await started.close()


@pytest_asyncio.fixture(loop_scope="module")
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    async with running(tmp_path) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def window(browser: Browser) -> AsyncIterator[Page]:
    """A phone's browser."""
    context = await browser.new_context()
    yield await context.new_page()
    await context.close()


@pytest_asyncio.fixture(loop_scope="module")
async def page(window: Page) -> AsyncIterator[Page]:
    """Nothing in it; anything it complains about fails the test."""
    complaints: list[str] = []

    def complain(error: Error) -> None:
        complaints.append(str(error))

    await window.set_viewport_size({"width": 390, "height": 844})
    window.on("pageerror", complain)
    yield window
    window.remove_listener("pageerror", complain)
    await window.goto("about:blank")
    assert not complaints


async def bot_says(kit: Kit, text: str, **extra: Any) -> Any:
    return (await kit.call("sendMessage", chat_id=ALICE, text=text, **extra)).result


async def begin(kit: Kit, page: Page) -> None:
    await page.goto(kit.url)
    await page.get_by_role("button", name="START", exact=True).click()
    await expect(page.locator(".message.own .text")).to_have_text("/start")


async def next_tap(kit: Kit, before: set[str]) -> str:
    """The page shows a tap at once; it is still on its way then."""
    await eventually(lambda: len(set(kit.world.callbacks) - before) == 1)
    return (set(kit.world.callbacks) - before).pop()


async def test_start_write_and_watch_an_edit(kit: Kit, page: Page) -> None:
    await begin(kit, page)
    await page.get_by_label("Message", exact=True).fill("good day")
    await page.keyboard.press("Enter")
    await expect(page.locator(".message.own .text").last).to_have_text("good day")
    texts = [update["message"]["text"] for update in await kit.updates()]
    assert texts == ["/start", "good day"]
    sent = await bot_says(kit, "10 %")
    await expect(page.locator(".from-bot .text")).to_have_text("10 %")
    place = {"chat_id": ALICE, "message_id": sent["message_id"]}
    await kit.call("editMessageText", **place, text="done")
    await expect(page.locator(".from-bot .text")).to_have_text("done")
    await kit.call("deleteMessage", **place)
    await expect(page.locator(".from-bot")).to_have_count(0)


@pytest.mark.one_way
async def test_the_chat_can_be_used_by_everybody(kit: Kit, page: Page) -> None:
    """axe finds nothing: before START, in a conversation, beside the list of people; by day and by
    night."""

    async def look(where: str) -> None:
        for theme in THEMES:
            await page.emulate_media(color_scheme=theme)
            found = await Axe().run(page, options={"resultTypes": ["violations"]})
            assert found.violations_count == 0, f"{where}, {theme}: {found.generate_report()}"

    await page.goto(kit.url)
    await expect(page.locator("#intro")).to_be_visible()
    await look("start")
    await page.get_by_role("button", name="START", exact=True).click()
    address = {"text": "Open", "url": "https://example.com/"}
    text = "See /help or https://example.com/"
    await bot_says(kit, text, reply_markup={"inline_keyboard": [[address]]})
    await expect(page.locator(".key")).to_be_visible()
    await page.set_viewport_size({"width": 1100, "height": 844})
    await look("conversation")


async def test_in_a_group_one_speaks_as_one_member_or_another(kit: Kit, page: Page) -> None:
    await page.set_viewport_size({"width": 1200, "height": 800})
    await page.goto(kit.url)
    await page.get_by_role("button", name="All in a group").click()
    await expect(page.locator("#bot-name")).to_have_text("Everybody")
    for name in ("Alice Miller", "小明 陳"):
        await page.locator(".person", has_text=name).click()
        await expect(page.locator("#me")).to_contain_text(name)
        await page.get_by_label("Message", exact=True).fill(f"@{kit.world.bot_username} by {name}")
        await page.keyboard.press("Enter")
        await expect(page.locator(".message b").last).to_have_text(name)
    # Whoever one is stands on the right, the others on the left; a name stands above its text.
    await expect(page.locator(".own")).to_have_count(1)
    await expect(page.locator(".own .sender")).to_have_text("小明 陳")
    await expect(page.locator("#bot-status")).to_have_text("3 people and the bot")
    shown = page.locator(".message").first
    above, below = shown.locator(".sender"), shown.locator(".text")
    upper, lower = await above.bounding_box(), await below.bounding_box()
    assert upper
    assert lower
    assert upper["y"] + upper["height"] <= lower["y"] + 1
    await eventually(lambda: len(kit.world.queue.pending) == 3)
    (joined, *messages) = await kit.updates()
    group = joined["my_chat_member"]["chat"]
    assert [m["message"]["chat"] for m in messages] == [group, group]
    assert [m["message"]["from"]["first_name"] for m in messages] == ["Alice", "小明"]
    await kit.call("sendMessage", chat_id=group["id"], text="hello, all")
    await expect(page.locator(".from-bot .text")).to_have_text("hello, all")
    await page.get_by_role("button", name="All in a group").click()
    await expect(page.locator("#bot-name")).to_have_text("Drivekeeper")
    await expect(page.locator(".message")).to_have_count(0)


async def test_buttons_spin_until_they_are_answered(kit: Kit, page: Page) -> None:
    await begin(kit, page)
    keys = [
        [{"text": "Toast", "callback_data": "t"}, {"text": "Alert", "callback_data": "a"}],
        [{"text": "Open", "url": f"{kit.url}/x"}],
    ]
    await bot_says(kit, "press", reply_markup={"inline_keyboard": keys})
    link = page.get_by_role("link", name="Open")
    assert await link.get_attribute("target") == "_blank"
    assert await link.get_attribute("href") == f"{kit.url}/x"
    for name, as_alert in (("Toast", False), ("Alert", True)):
        key, before = page.get_by_role("button", name=name, exact=True), set(kit.world.callbacks)
        await key.click()
        await expect(key.locator(".spinner")).to_be_visible()
        query_id = await next_tap(kit, before)
        args = {"callback_query_id": query_id, "text": f"{name}!", "show_alert": as_alert}
        await kit.call("answerCallbackQuery", **args)
        await expect(key.locator(".spinner")).to_have_count(0)
        await expect(page.locator("#alert" if as_alert else ".toast")).to_contain_text(f"{name}!")


async def test_a_dropped_file_arrives_whole(kit: Kit, page: Page) -> None:
    await begin(kit, page)
    transfer = await page.evaluate_handle(
        """() => {
            const transfer = new DataTransfer();
            const bytes = new Uint8Array(5 * 1024 * 1024).fill(7);
            transfer.items.add(new File([bytes], "班表.pdf", { type: "application/pdf" }));
            return transfer;
        }"""
    )
    await page.dispatch_event("body", "dragenter", {"dataTransfer": transfer})
    await expect(page.get_by_text("Drop files here to send them")).to_be_visible()
    await page.dispatch_event("body", "drop", {"dataTransfer": transfer})
    await page.get_by_label("Caption").fill("November")
    await page.get_by_role("dialog").get_by_role("button", name="Send").click()
    await expect(page.locator(".own .file-name")).to_have_text("班表.pdf")
    message = (await kit.updates())[-1]["message"]
    assert message["caption"] == "November"
    assert message["document"]["file_size"] == 5 * 1024 * 1024
    assert message["document"]["mime_type"] == "application/pdf"


async def test_a_picture_is_offered_as_a_photo_and_may_go_as_a_voice(kit: Kit, page: Page) -> None:
    await begin(kit, page)
    file = FilePayload(name="p.png", mimeType="image/png", buffer=b"x" * 100)
    for kind, label in (("photo", "Photo"), ("voice", "Voice")):
        await page.set_input_files("#file-input", files=[file])
        await expect(page.get_by_role("radio", name="Photo", exact=True)).to_be_checked()
        await page.get_by_role("radio", name=label, exact=True).check()
        await page.get_by_role("dialog").get_by_role("button", name="Send").click()
        await expect(page.get_by_role("dialog")).to_have_count(0)
        assert kind in (await kit.updates(offset=-1))[0]["message"]


async def test_a_caption_begins_at_one_edge_in_all_its_lines(kit: Kit, page: Page) -> None:
    """Below a picture, on a phone; and whoever opens a chat sees its newest message."""
    async with Person(kit.url, ALICE, "Alice", "en") as alice:
        await alice.start()
        for _ in range(4):
            await alice.send_photo(plain_png(400, 300), caption="a caption of several lines " * 6)
    await page.goto(kit.url)
    await page.locator("#people-open").click()
    await page.locator(".person", has_text="小明").click()  # somebody who has no message yet
    await expect(page.locator("#intro")).to_be_visible()
    await page.locator("#people-open").click()
    await page.locator(".person", has_text="Alice").click()
    last = page.locator(".message").last
    await expect(last).to_be_in_viewport()
    parts = await last.locator(".text").evaluate(
        "text => [...text.getClientRects()].map(part => [part.top, Math.round(part.left)])"
    )
    edges = [min(left for top, left in parts if top == line) for line in {top for top, _ in parts}]
    assert len(edges) > 2
    assert len({*edges}) == 1


async def test_on_a_phone_buttons_break_no_word(tmp_path: Path, page: Page) -> None:
    """On the pages of the pretended Drive, beside names that are long; nothing sticks out."""
    long = "a-very-long-name-without-a-single-space-in-it" * 3
    async with Sandbox(SandboxConfig(tmp_path)) as sandbox, GoogleControls(sandbox.url) as google:
        options = {"account": "amy@example.com", "name": f"{long}.pdf", "content": "x"}
        made = await google.act("own_file", **options)
        for path in ("/drive?account=amy@example.com", f"/file/d/{made['id']}/view"):
            await page.goto(f"{sandbox.url}{path}")
            heights = await page.locator("main :is(button, .button)").evaluate_all(
                "buttons => buttons.map(button => button.offsetHeight)"
            )
            assert len(heights) >= 2
            assert max(heights) < 50, "a label has two lines"
            assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        await page.goto("about:blank")


async def test_a_deep_link_asks_for_start_and_sends_its_code(kit: Kit, page: Page) -> None:
    await begin(kit, page)
    await page.goto(f"{kit.url}/drivekeeper_sandbox_bot?start=CODE_1")
    await page.get_by_role("button", name="START", exact=True).click()
    await expect(page.locator(".own .text").last).to_have_text("/start CODE_1")
    assert page.url == f"{kit.url}/"
    await expect(page.get_by_label("Message", exact=True)).to_be_visible()


async def test_commands_are_completed(kit: Kit, page: Page) -> None:
    commands = [{"command": c, "description": f"does {c}"} for c in ("status", "start", "help")]
    await kit.call("setMyCommands", commands=commands)
    await begin(kit, page)
    await page.get_by_role("button", name="Bot's commands").click()
    await expect(page.get_by_role("option")).to_have_count(3)
    await page.get_by_label("Message", exact=True).fill("/st")
    await expect(page.get_by_role("option")).to_have_count(2)
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page.locator(".own .text").last).to_have_text("/status")


async def test_what_a_bot_writes_is_text_and_never_markup_of_the_page(kit: Kit, page: Page) -> None:
    await begin(kit, page)
    evil = "<img src=x onerror=alert(1)>"
    entities = [{"type": "text_link", "offset": 0, "length": 4, "url": "javascript:alert(1)"}]
    await bot_says(kit, evil, entities=entities)
    await expect(page.locator(".from-bot .text")).to_have_text(evil)
    assert await page.locator(".from-bot img").count() == 0
    href = await page.locator(".from-bot .text a").get_attribute("href")
    assert href is not None
    assert not href.startswith("javascript")


async def test_reply_edit_delete_and_block(kit: Kit, page: Page) -> None:
    await begin(kit, page)
    await bot_says(kit, "first")
    await page.locator(".from-bot").hover()
    await page.locator(".from-bot .message-menu").click()
    await page.get_by_role("menuitem", name="Reply").click()
    await page.get_by_label("Message", exact=True).fill("second")
    await page.keyboard.press("Enter")
    own = page.locator(".own").last
    await expect(own.locator(".reply")).to_contain_text("first")
    for item in ("Edit", "Delete"):
        await own.hover()
        await own.locator(".message-menu").click()
        await page.get_by_role("menuitem", name=item).click()
        if item == "Edit":
            await page.get_by_label("Message", exact=True).fill("third")
            await page.keyboard.press("Enter")
            await expect(own.locator(".text")).to_have_text("third")
    await expect(page.locator(".own")).to_have_count(1)
    await page.get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Block the bot").click()
    await expect(page.get_by_role("button", name="UNBLOCK AND RESTART")).to_be_visible()
    kinds = [next(k for k in u if k != "update_id") for u in await kit.updates()]
    assert kinds == ["message", "message", "edited_message", "my_chat_member"]


@pytest.mark.one_way
async def test_a_new_person_speaks_their_own_language(kit: Kit, page: Page) -> None:
    await page.goto(kit.url)
    await page.get_by_role("button", name="Choose who you are").first.click()
    await page.get_by_role("button", name="New person").click()
    await page.get_by_label("Name").fill("Anna Weber")
    await page.get_by_label("Telegram's language").select_option("de")
    await page.get_by_role("button", name="Create").click()
    await page.get_by_role("button", name="START", exact=True).click()
    await eventually(lambda: bool(kit.world.queue.pending))
    sender = (await kit.updates())[0]["message"]["from"]
    assert (sender["first_name"], sender["last_name"], sender["language_code"]) == (
        "Anna",
        "Weber",
        "de",
    )
