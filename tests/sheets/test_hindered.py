"""What keeps every sheet from being looked at: said once, and once more when it comes again."""

from __future__ import annotations

from pathlib import Path

from structlog.testing import capture_logs

from security.encryption import TokenEncryption
from tests.security.kit import new_key
from tests.sheets.keeping_kit import keeper, toml
from tests.sheets.reading.conftest import Desk, desk

__all__ = ["desk"]


async def test_a_storage_that_is_away_is_in_the_log_once(desk: Desk, tmp_path: Path) -> None:
    folder, aside = tmp_path / "user_data", tmp_path / "aside"
    async with keeper(desk, folder, TokenEncryption([new_key()]), toml("1" * 44)) as kept:
        for _ in range(2):
            with capture_logs() as log:
                folder.rename(aside)
                folder.touch()
                for _ in range(3):
                    await kept.mirror.look()
            said = [line["result"] for line in log if line["event"] == "sheet_not_read"]
            assert said == ["store_failed"] * 2  # of the spreadsheet, and of counting all
            folder.unlink()
            aside.rename(folder)
            await kept.mirror.look()
