"""What is remembered of a person, whose updates are handled beside each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import pytest

from bot.preferences.store import Preferences
from security.credential import Owner
from security.custody.workers import Workers
from security.encryption import TokenEncryption
from tests.stores import storage_in

P = ParamSpec("P")
T = TypeVar("T")
ANN = Owner.user(501)


class Uneven(Workers):
    """What is asked of the disk first takes longest."""

    asked = 0

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As ever; the first one late."""
        found = await super().read(function, *args, **kwargs)
        await self._is_late()
        return found

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As ever; the first one late."""
        await self._is_late()
        return await super().run(function, *args, **kwargs)

    async def _is_late(self) -> None:
        self.asked += 1
        if self.asked == 1:
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("is_known", [True, False])
async def test_a_choice_is_not_undone_by_what_is_noted_beside_it(
    tmp_path: Path, keyring: TokenEncryption, is_known: bool
) -> None:
    """In memory and on disk, whichever of the two is slower."""
    storage, workers = storage_in(tmp_path / "user_data", keyring), Uneven()
    storage.open()
    try:
        preferences = Preferences(storage, workers)
        if is_known:
            await preferences.note_language(ANN, "zh-hans")
            workers.asked = 0
        noting = asyncio.create_task(preferences.note_language(ANN, "zh-hant"))
        await asyncio.sleep(0.05)
        await preferences.choose(ANN, "en")
        await noting
        assert await preferences.language(ANN) == "en"
        assert await Preferences(storage, workers).language(ANN) == "en"
    finally:
        await workers.close()
