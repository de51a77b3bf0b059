"""What the bot remembers about a person besides the credential: language, and choice of folder."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from weakref import WeakValueDictionary

from bot.kinds import DATABASE_UNREACHABLE, PREFERENCES
from bot.preferences.folder_choices import FolderChoices
from bot.texts.catalogue import Texts
from config.languages import LANGUAGES, language_of
from security.credential import Owner
from security.custody.workers import Workers
from security.errors import CorruptCredential, OperatorFault
from security.storage.documents import Documents
from security.storage.protocol import DocumentStore


class Preferences:
    """Languages, on disk and in memory: messages the bot begins by itself need them as well."""

    def __init__(
        self,
        storage: DocumentStore,
        workers: Workers,
        administrators: frozenset[int] = frozenset(),
    ) -> None:
        self._documents = Documents(storage, PREFERENCES)
        self._workers = workers
        self._administrators = administrators
        self.folders = FolderChoices(self._documents)
        """Where people's files go."""
        self._cache: dict[Owner, tuple[str | None, str]] = {}
        self._locks: WeakValueDictionary[Owner, asyncio.Lock] = WeakValueDictionary()

    async def language(self, owner: Owner) -> str:
        """The language chosen, or else that of the person's Telegram when last seen."""
        try:
            chosen, seen = await self._get(owner)
        except OperatorFault:  # nothing to leave a person without an answer for
            return language_of(None)
        return chosen or seen

    async def texts(self, owner: Owner) -> Texts:
        """The catalogue in this person's language."""
        is_theirs = owner.telegram_id in self._administrators
        return Texts(await self.language(owner), to_administrator=is_theirs)

    async def note_language(self, owner: Owner, telegram_code: str | None) -> bool:
        """Note the language of the person's Telegram; whether it is another than before."""
        try:
            _, seen = await self._get(owner)
        except OperatorFault:  # noted another time
            return False
        if not telegram_code or language_of(telegram_code) == seen:
            return False
        async with self._changing(owner):
            with suppress(OperatorFault):  # the disk fails: asked again after the next start
                chosen, _ = await self._get(owner)
                await self._put(owner, chosen, language_of(telegram_code))
        return True

    async def choose(self, owner: Owner, language: str) -> None:
        """The person chose `language`, whatever their Telegram speaks."""
        if language not in LANGUAGES:
            raise ValueError("not a language of the catalogue")
        async with self._changing(owner):
            _, seen = await self._get(owner)
            await self._put(owner, language, seen)

    async def forget(self, owner: Owner) -> None:
        """Delete what is kept."""
        async with self._changing(owner):
            self._cache.pop(owner, None)
            await self._workers.run(self._documents.delete, owner.stem)
        await self.forget_folder(owner)

    async def forget_folder(self, owner: Owner) -> None:
        """Delete the choice of a folder alone: it is about a Drive that was connected."""
        await self._workers.run(self.folders.forget, owner)

    async def _get(self, owner: Owner) -> tuple[str | None, str]:
        if owner not in self._cache:
            try:
                document = await self._workers.read(self._documents.read, owner.stem) or {}
            except (CorruptCredential, OperatorFault) as fault:
                if fault.code == DATABASE_UNREACHABLE:  # what was chosen is still there
                    raise
                document = {}  # a language is nothing to leave a person without an answer for
            chosen, seen = document.get("chosen"), document.get("seen")
            found = (
                chosen if chosen in LANGUAGES else None,
                seen if seen in LANGUAGES else language_of(None),
            )
            # Not over what another update of the same person has chosen meanwhile.
            return self._cache.setdefault(owner, found)
        return self._cache[owner]

    def _changing(self, owner: Owner) -> asyncio.Lock:
        """One change of a person's at a time: what is newer is written later."""
        return self._locks.setdefault(owner, asyncio.Lock())

    async def _put(self, owner: Owner, chosen: str | None, seen: str) -> None:
        self._cache[owner] = (chosen, seen)
        document = {"owner": owner.name, "chosen": chosen, "seen": seen}
        await self._workers.run(self._documents.write, owner.stem, document)
