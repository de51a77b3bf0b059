"""An administrator at a sheet's page in Chromium, and a planner who writes meanwhile.

Screenshots are kept in test-artifacts/browser/sheets-*/.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import expect
from pydantic import SecretStr

from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from tests.installed import needs
from tests.web.sheets_kit import sheets_web
from tests.web.test_in_browser import administrator

pytestmark = [needs("chromium"), pytest.mark.encryption("on"), pytest.mark.one_way]


@pytest.mark.parametrize("script", [True, False], ids=["script", "no script"])
async def test_a_planner_writes_and_an_administrator_decides(
    sandbox: Sandbox,
    google: GoogleControls,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
    script: bool,
) -> None:
    """From the card to the page: what changed, two versions, what is held; under the real
    policy, with its forms alone."""
    async with (
        sheets_web(sandbox, google, tmp_path, encryption_keys, monkeypatch) as front,
        administrator(front.web, f"sheets-{script}", script=script) as someone,
    ):
        page = someone.page
        await someone.sign_in()
        await someone.sees("4 人", "card")
        await front.write("(特)")
        await someone.card.get_by_role("button", name=re.compile("立即查看.*班表")).click()
        await someone.sees("剛剛問過 Google", "looked")
        await someone.card.get_by_role("link", name="班表", exact=True).click()
        await expect(page.locator("#diff")).to_contain_text("特休")
        await expect(page.locator("td.l.ch")).to_have_count(1)
        await someone.picture("changed")
        await page.get_by_label("從").select_option(index=1)
        await page.get_by_role("button", name="比較").click()
        await expect(page.locator("#diff")).to_contain_text("變更 1")
        await front.write(people=1)
        await page.get_by_role("button", name="立即查看").click()
        await expect(page.locator("#held")).to_contain_text("3 人")
        await someone.picture("held")
        await page.get_by_role("button", name="保留目前的版本").click()
        await expect(page.locator("#held")).to_have_count(0)
        await expect(page.locator(".notice.good")).to_contain_text("已保留原狀")
        await someone.picture("kept")
