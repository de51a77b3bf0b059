"""An administrator at the console in Chromium, against the web process and the sandbox's Google.

Screenshots are kept in test-artifacts/browser/console-*/.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect

from sandbox.clients.google_controls import GoogleControls
from tests.installed import needs
from tests.security.kit import AMY
from tests.web.kit import TANHAE, RunningWeb
from tests.web.test_in_browser import administrator

pytestmark = [needs("chromium"), pytest.mark.encryption("on"), pytest.mark.one_way]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_an_operator_goes_from_nothing_to_what_is_put_right(
    web: RunningWeb, google: GoogleControls, tmp_path: Path, script: bool
) -> None:
    """Empty, authorised, quarantined: purged not by another word; restored; purged; audited."""
    owner, copies, workers = TANHAE.owner, web.custody.store.copies, web.custody.workers
    mask = copies.mask_of(owner)
    async with administrator(
        web, "console-script" if script else "console-plain", script=script
    ) as someone:
        page, main = someone.page, someone.page.locator("main")
        await someone.sign_in()
        await page.get_by_role("link", name="主控台").click()
        await expect(main).to_contain_text("還沒有任何憑證")
        await someone.picture("empty")
        await page.get_by_role("link", name="先授權一個部門 →").click()
        await someone.authorise(AMY)
        await page.get_by_role("link", name="主控台").click()
        await expect(page.locator(".strip .n").first).to_have_text("1")
        await someone.picture("first")
        await workers.run(copies.set_aside, owner, "invalid_grant")
        await page.get_by_role("link", name="隔離區", exact=True).first.click()
        await expect(main).to_contain_text(mask)
        await page.locator("summary", has_text="永久清除…").click()
        await page.get_by_label(re.compile("以確認")).fill("u_something")
        await page.get_by_role("button", name="永久清除", exact=True).click()
        await expect(main).to_contain_text("不一樣。沒有清除任何東西。")
        await expect(page.get_by_label(re.compile("以確認"))).to_be_focused()
        await someone.picture("wrong")
        await page.get_by_role("button", name=re.compile("^還原")).click()
        await expect(main).to_contain_text("已還原，Google 也接受。")
        await expect(main).to_contain_text("隔離區是空的。")
        await someone.picture("restored")
        await workers.run(copies.set_aside, owner, "invalid_grant")
        await page.reload()
        await page.locator("summary", has_text="永久清除…").click()
        await page.get_by_label(re.compile("以確認")).fill(mask)
        await page.get_by_role("button", name="永久清除", exact=True).click()
        await expect(main).to_contain_text("已永久清除。")
        await page.get_by_role("link", name="稽核", exact=True).click()
        await expect(page.locator("tbody tr")).to_have_count(5)
        await page.get_by_label("事件").select_option("quarantine")
        await page.get_by_role("button", name="篩選").click()
        await expect(page.locator("tbody tr").first).to_contain_text("永久清除")
        await someone.picture("audit")
        async with page.expect_download() as download:
            await page.get_by_role("link", name="下載 CSV").click()
        kept = tmp_path / "audit.csv"
        await (await download.value).save_as(kept)
        lines = kept.read_text("utf-8-sig").splitlines()
        assert lines[0] == "time,action,owner,result"
        assert [line.split(",")[1] for line in lines[1:]] == [
            *("purged", "confirmed", "restored", "confirmed")
        ]


async def test_a_narrow_page_is_even_and_whole(web: RunningWeb, google: GoogleControls) -> None:
    """At 360 pixels, in Chinese: tabs stand apart alike, and tables say all that they mean."""
    await web.authorise(google, AMY)
    async with administrator(web, "console-narrow", script=True) as someone:
        page = someone.page
        await someone.sign_in()
        await page.set_viewport_size({"width": 1000, "height": 800})
        await page.get_by_role("link", name="主控台").click()
        await expect(page.locator(".jump")).to_be_visible()
        gaps = await page.evaluate(
            """() => {
                const words = [...document.querySelectorAll(".jump a")].map((one) => {
                    const range = document.createRange();
                    range.selectNodeContents(one);
                    return range.getBoundingClientRect();
                });
                return words.slice(1).map((one, i) => Math.round(one.left - words[i].right));
            }"""
        )
        assert len(gaps) == 5
        assert max(gaps) - min(gaps) <= 1, gaps
        await page.set_viewport_size({"width": 360, "height": 800})
        await page.get_by_role("link", name="API 文件（英文）").click()
        await expect(page.locator("h1")).to_have_text("API")
        hidden = await page.evaluate(
            """() => [...document.querySelectorAll("table:has(.says)")].filter(
                (one) => one.parentElement.scrollWidth > one.parentElement.clientWidth + 1
            ).map((one) => one.parentElement.getAttribute("aria-label"))"""
        )
        await someone.picture("api")
        assert hidden == []
        broken = await page.evaluate(
            """() => [...document.querySelectorAll("table:has(.says) tbody th")].filter(
                (one) => one.getBoundingClientRect().width < 96
            ).map((one) => one.textContent)"""
        )
        assert broken == []  # a few letters a line
