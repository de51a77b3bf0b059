"""A member of staff in Chromium, from the first start to a link that opens the file.

Screenshots are kept in test-artifacts/browser/desktop/.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urljoin

import pytest
from playwright.async_api import Browser, Page, Route, async_playwright, expect

from sandbox.clients.google_controls import GoogleControls
from tests.browser.conftest import OPTIONS
from tests.desktop.browsing import enter, look_at
from tests.desktop.demo import SCENES, shown
from tests.desktop.kit import code_for, pdf, running_desktop
from tests.installed import CHROMIUM, needs
from tests.journeys import out_of_place
from tests.security.kit import AMY
from tests.web.kit import OPERATOR, TANHAE, RunningWeb
from tests.web.test_uploads import files

pytestmark = [needs("chromium"), pytest.mark.encryption("on"), pytest.mark.one_way]
SOME = re.compile("^[1-9][0-9]?$")
UPLOAD = "上傳 PDF 到 Drive"


@asynccontextmanager
async def somebody(browser: Browser) -> AsyncIterator[Page]:
    """With a browser of their own, whose page complains about nothing but refusals."""
    context = await browser.new_context(locale="zh-TW")
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda line: complaints.append(line.text))
    yield page
    await context.close()
    assert [line for line in complaints if "Failed to load resource" not in line] == []


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield started
        await started.close()


def on_disk(folder: Path, *names: str, size: int = 200_000) -> list[Path]:
    """PDFs as they lie in somebody's folder."""
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(pdf(size, sum(map(ord, name))))
    return [folder / name for name in names]


async def drag(page: Page, to: str, *dragged: Path) -> None:
    """From the file manager onto the page, and let go: as the system tells Chromium of it."""
    place = page.locator(to).first
    await place.scroll_into_view_if_needed()
    box = await place.bounding_box()
    assert box is not None
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path) for path in dragged], "dragOperationsMask": 1}
    session = await page.context.new_cdp_session(page)
    for step in ("dragEnter", "dragOver", "drop"):
        await session.send("Input.dispatchDragEvent", {"type": step, **at, "data": data})
    await session.detach()


async def pair(page: Page, web: RunningWeb, code: str) -> None:
    """Fill in what stands on the settings page."""
    await page.locator("#p-url").fill(web.url)
    await page.locator("#p-code").fill(code)
    await page.locator("main button").click()


@pytest.mark.parametrize("may", [("upload",), ("upload", "token")], ids=["session", "token"])
async def test_pdfs_are_uploaded_from_the_page(
    web: RunningWeb, google: GoogleControls, tmp_path: Path, may: tuple[str, ...]
) -> None:
    """Dropped on their place; bars move, a link copies, and another person's browser sees none."""
    await web.authorise(google, AMY)
    await google.rate("google.upload.chunk", 1000)  # from here on the system holds little
    await google.fault("google.upload.chunk", "hang", count=None)
    names = "甲\u202e.pdf", "乙.pdf", "丙.pdf"  # the first would turn the others round
    dropped = on_disk(tmp_path / "dropped", *names, size=4_000_000)
    endpoint = web.settings.google_api_endpoint
    async with (
        running_desktop(tmp_path / "desk", enters=False, google_api_endpoint=endpoint) as desk,
        chromium() as browser,
        somebody(browser) as page,
        somebody(browser) as stranger,
    ):
        await enter(page, desk.started.entering)
        await pair(page, web, await code_for(web, may=may))
        await expect(page.locator(".seg")).to_contain_text("✓ 已授權")
        await drag(page, ".drop", *dropped)
        await expect(page.locator("#pdf-t")).to_have_text("甲.pdf · 乙.pdf · 丙.pdf")
        await expect(page.locator("#pdf-n")).to_contain_text("還沒上傳")
        await page.get_by_role("button", name=UPLOAD).click()
        await expect(page.locator(".word", has_text="傳送中")).to_have_count(2)
        for bar in (1, 2):  # the newest waits its turn
            await expect(page.locator("progress").nth(bar)).to_have_attribute("value", SOME)
        await expect(page.locator("#pdf-t")).not_to_contain_text("甲.pdf")
        await google.rate("google.upload.chunk", None)
        await google.clear_faults()
        await expect(page.locator(".word.good")).to_have_count(3)
        for bar in (0, 1, 2):
            await expect(page.locator("progress").nth(bar)).to_have_attribute("value", "100")
        await page.get_by_role("button", name="複製連結").first.click()
        copied = await page.evaluate("navigator.clipboard.readText()")
        assert copied in [record.link for record in desk.records]
        for language, says in (
            ("en", "Uploaded"),
            ("zh-Hans", "上传成功"),
            ("zh-Hant", "上傳成功"),
        ):
            await page.locator(f'.foot a[lang="{language}"]').click()
            await expect(page.locator(".word.good").first).to_contain_text(says)
        await look_at(page, f"met/uploaded-by-{may[-1]}")
        await stranger.goto(page.url)
        await expect(stranger.locator("h1")).to_have_text("請從開始功能表開啟 Drivekeeper")
        assert "甲" not in await stranger.content()
        there = page.url
        await page.goto(f"http://localhost:{desk.started.port}")  # as it is remembered
        await expect(page.locator(".word.good")).to_have_count(3)
        assert page.url.split("?")[0] == there.split("?")[0]
    found = {file["name"]: await google.file_bytes(file["id"]) for file in await files(google)}
    assert found == {path.name.replace("\u202e", ""): path.read_bytes() for path in dropped}


async def test_what_keeps_files_from_going_is_said_and_they_wait(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """The department revoked, and authorised again; the key disabled, and another; a full disk;
    and the program ended. Files are dropped beside their place, too."""
    await web.authorise(google, AMY)
    one, two, three, four = on_disk(tmp_path / "dropped", "甲.pdf", "乙.pdf", "丙.pdf", "丁.pdf")
    async with chromium() as browser, somebody(browser) as page:
        async with running_desktop(tmp_path / "desk", enters=False) as desk:
            await enter(page, desk.started.entering)
            await pair(page, web, "KTRW-PHXN")
            await expect(page.get_by_role("alert")).to_contain_text("這組配對碼不對")
            await look_at(page, "met/wrong-code")
            await pair(page, web, await code_for(web))
            await expect(page.locator(".seg")).to_contain_text("✓ 已授權")
            async with web.browser(await web.sign_in()) as administrator:
                asked = {"department": TANHAE.slug}
                await administrator.delete("/api/google/authorization", params=asked)
            await upload(page, "h1", one)
            await expect(page.locator(".notice.hold")).to_contain_text(
                "淡海還沒有授權 Google Drive"
            )
            await expect(page.locator(".seg")).to_contain_text("✗ 未授權")
            await look_at(page, "met/revoked")
            await web.authorise(google, AMY)
            await drag(page, ".drop", two)
            await page.get_by_role("button", name="現在就試").click()
            await expect(page.locator(".word.good")).to_have_count(1)
            await expect(page.locator("#pdf-t")).to_have_text("乙.pdf")  # it is still chosen
            await expect(page.locator(".notice:visible")).to_have_count(0)
            [client] = await web.custody.workers.read(web.services.desk.clients.all, "tanhae")
            await web.services.desk.revoke(client.id, OPERATOR)
            await upload(page, ".drop", two)
            await expect(page.locator(".notice.bad")).to_contain_text("金鑰已停用")
            await look_at(page, "met/key-disabled")
            await page.locator(".notice").get_by_role("link", name="重新配對").click()
            await pair(page, web, await code_for(web))
            await expect(page.locator(".word.good")).to_have_count(2)
            with out_of_place(tmp_path / "desk" / "queue"):
                await upload(page, ".drop", three)
                await expect(page.locator("h1")).to_have_text("這台電腦的磁碟存不下了")
                await look_at(page, "met/disk-full")
            await page.get_by_role("link", name="回到檔案").click()
            await expect(page.locator(".word.good")).to_have_count(2)
            await drag(page, ".drop", four)
        await page.get_by_role("button", name=UPLOAD).click()
        away = page.get_by_role("alert")
        await expect(away).to_contain_text("這台電腦上的 Drivekeeper 已經沒有在執行")
        await expect(page.locator("#pdf-t")).to_have_text("丁.pdf")
        await look_at(page, "met/ended")
    assert sorted(file["name"] for file in await files(google)) == ["乙.pdf", "甲.pdf"]


async def test_what_is_chosen_is_kept_until_it_is_stored(tmp_path: Path) -> None:
    """A second drop is added, leaving is asked about, what is gone is said, and the others go."""
    one, two, three = on_disk(tmp_path / "dropped", "甲.pdf", "乙.pdf", "丙.pdf")
    stores = asyncio.Event()

    async def hold(route: Route) -> None:
        await stores.wait()
        await route.continue_()

    async with chromium() as browser, somebody(browser) as page:
        async with shown(tmp_path / "desk", SCENES["uploading"]) as entering:
            await enter(page, entering)
            chosen, note = page.locator("#pdf-t"), page.locator("#pdf-n")
            await drag(page, "h1", one, two)
            await drag(page, ".drop", two, three)
            await expect(chosen).to_have_text("甲.pdf · 乙.pdf · 丙.pdf")
            await look_at(page, "met/chosen")
            page.once("dialog", lambda dialog: dialog.dismiss())
            async with page.expect_event("dialog") as asked:
                await page.locator('.foot a[lang="en"]').click(no_wait_after=True)
            assert (await asked.value).type == "beforeunload"
            two.unlink()
            await page.route("**/files", hold)
            await page.get_by_role("button", name=UPLOAD).click()
            await expect(note).to_contain_text("正在存檔")
            stores.set()
            await expect(page.get_by_role("alert")).to_contain_text("乙.pdf")
            await expect(page.locator(".file", has_text="丙.pdf")).to_have_count(1)
            await expect(page.locator(".file", has_text="甲.pdf")).to_have_count(1)
            await expect(note).to_contain_text("500")
            await look_at(page, "met/gone")
            await page.unroute("**/files")
            await drag(page, ".drop", one)
            await page.get_by_role("button", name="清除選取").click()
            await expect(note).to_contain_text("500")
            said = "for (const one of ['1', '2']) say(one, 'files')"
            at_once = "clearTimeout(turn); turn = null; lastSaid = -BETWEEN_WORDS"
            await page.evaluate(f"{at_once}; {said}")
            await expect(page.locator("#said[aria-live=polite]")).to_have_text("2")
            soon = "lastSaid = performance.now() - BETWEEN_WORDS + 300; say('3', 'files')"
            there = await page.evaluate(f"{soon}; [said.textContent, said.ariaLive]")
            assert there == ["3", "off"]  # true at once, and not read out yet
            await expect(page.locator("#said[aria-live=polite]")).to_have_text("3")
        await expect(page.get_by_role("alert")).to_contain_text("已經沒有在執行")
        turns = "getComputedStyle(document.querySelector('.file .sign.busy svg')).animationName"
        assert await page.evaluate(turns) == "none"
        await expect(page.locator(".file .sign.busy").first).to_be_visible()
        await expect(page.locator(".file:has(.sign.busy) .more").first).to_be_hidden()


async def test_what_is_pressed_twice_or_in_vain_is_said_as_it_is(tmp_path: Path) -> None:
    """A link that is copied again, a disk that takes nothing, and the way in that was used."""
    async with (
        shown(tmp_path / "desk", SCENES["failed"]) as entering,
        chromium() as browser,
        somebody(browser) as page,
    ):
        await page.clock.install()
        await enter(page, entering)
        copies = page.locator("[data-link]").first
        for _ in range(2):
            await copies.click()
            await expect(copies).to_contain_text("✓ 已複製")
        await page.clock.fast_forward(2000)
        await expect(copies).to_contain_text("複製連結")
        with out_of_place(tmp_path / "desk" / "queue"):
            await page.get_by_role("button", name="移除").first.click()
            await expect(page.locator("h1")).to_have_text("這台電腦的磁碟存不下了")
        await page.get_by_role("link", name="回到檔案").click()
        await expect(page.locator("h1")).to_have_text(UPLOAD)
        await page.goto(urljoin(page.url, "/enter?token=used"))
        await expect(page.locator("h1")).to_have_text(UPLOAD)


async def upload(page: Page, onto: str, dropped: Path) -> None:
    """Drop a file somewhere on the page, and press the button."""
    await drag(page, onto, dropped)
    await expect(page.locator("#pdf-t")).to_have_text(dropped.name)
    await page.get_by_role("button", name=UPLOAD).click()
