"""A member of staff in Chromium, from the first start to a link that opens the file.

Screenshots are kept in test-artifacts/browser/desktop/.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, async_playwright, expect

from departments.clients.clients import Client
from sandbox.clients.google_controls import GoogleControls
from tests.browser.conftest import OPTIONS
from tests.browser.kit import ARTEFACTS
from tests.desktop.kit import code_for, pdf, running_desktop
from tests.installed import CHROMIUM, needs
from tests.security.kit import AMY
from tests.web.kit import OPERATOR, RunningWeb
from tests.web.test_uploads import files

pytestmark = [needs("chromium"), pytest.mark.encryption("on"), pytest.mark.one_way]
SMALL = """[...document.querySelectorAll("a, button, input:not([type=radio]), select, summary")]
  .filter((one) => one.checkVisibility() && !one.matches(".skip, [type=hidden]"))
  .filter((one) => one.getBoundingClientRect().height < 43.5)
  .map((one) => one.outerHTML)"""
WIDTHS = "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"


async def look_at(page: Page, name: str) -> None:
    """On a phone and on a desk: nothing scrolls sideways or is too small, and axe finds nothing."""
    folder = ARTEFACTS / "desktop"
    folder.mkdir(parents=True, exist_ok=True)
    for width in (360, 1280):
        await page.set_viewport_size({"width": width, "height": 800})
        scrolled, seen = await page.evaluate(WIDTHS)
        assert scrolled == seen, name
        assert await page.evaluate(SMALL) == [], name
        await page.screenshot(path=folder / f"{name}-{width}.png", full_page=True)
    found = await Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


async def test_pdfs_are_uploaded_from_the_page(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    await web.authorise(google, AMY)
    contents = {f"{name}.pdf": pdf(200_000, seed) for seed, name in enumerate("甲乙丙")}
    dropped = tmp_path / "dropped"
    dropped.mkdir()
    for name, content in contents.items():
        (dropped / name).write_bytes(content)
    async with (
        running_desktop(tmp_path / "desk", enters=False) as desk,
        async_playwright() as playwright,
    ):
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        context = await browser.new_context(locale="zh-TW")
        await context.grant_permissions(["clipboard-read", "clipboard-write"])
        page = await context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda line: complaints.append(line.text))
        await page.goto(desk.started.entering.path.as_uri())
        await page.get_by_role("button", name="開啟").click()
        await look_at(page, "pair")
        await page.get_by_label("網址").fill(web.url)
        await page.get_by_label("配對碼").fill("KTRW-PHXN")
        await page.get_by_role("button", name="配對").click()
        await expect(page.get_by_role("alert")).to_contain_text("這組配對碼不對")
        complaints.clear()  # Chromium's own line about the 400
        await page.get_by_label("配對碼").fill(await code_for(web))
        await page.get_by_role("button", name="配對").click()
        await expect(page.locator(".seg")).to_contain_text("✓ 已授權")
        await look_at(page, "empty")
        await page.set_input_files("#pdf", sorted(dropped.iterdir()))
        await page.get_by_role("button", name="上傳 PDF 到 Drive").click()
        await expect(page.locator(".word.good")).to_have_count(3)
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
            await look_at(page, f"done-{language}")
        [client] = [one for one in await all_clients(web) if one.is_active]
        await web.services.desk.revoke(client.id, OPERATOR)
        (dropped / "丁.pdf").write_bytes(pdf(seed=9))
        await page.set_input_files("#pdf", [dropped / "丁.pdf"])
        await page.get_by_role("button", name="上傳 PDF 到 Drive").click()
        await expect(page.locator(".notice.bad")).to_contain_text("金鑰已停用")
        await look_at(page, "revoked")
        await browser.close()
    assert complaints == []
    found = {file["name"]: await google.file_bytes(file["id"]) for file in await files(google)}
    assert found == contents


async def all_clients(web: RunningWeb) -> list[Client]:
    """The department's computers."""
    return await web.custody.workers.read(web.services.desk.clients.all, "tanhae")
