"""Each person's choice of a folder, and of sub-folders by date: remembered like their language."""

from __future__ import annotations

import string
import threading
from datetime import datetime
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from bot.texts.filenames import shown_path
from drive.uploading.names import clean_name
from security.credential import Owner
from security.errors import CorruptCredential
from security.storage.documents import Documents

TEMPLATES: Final = {"off": "", "year": "{year}", "month": "{year}/{month}"}
"""What a tap chooses."""
_FIELDS: Final = frozenset({"year", "month", "day"})
_MOST_LEVELS: Final = 5
_MOST_CHARACTERS: Final = 100


class FolderChoice(BaseModel):
    """Where one person's files go."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    account: str
    """The Google account it was chosen in: in another one it means nothing."""
    folder_id: str = ""
    """"": the bot's usual folder, which has not been looked for yet."""
    parent_id: str = ""
    path: tuple[str, ...]
    """The folder's name, after those of the bot's folders around it."""
    template: str = ""
    """The template of sub-folders by date, as in TEMPLATES; "": there are none."""

    @field_validator("template")
    @classmethod
    def _is_one(cls, template: str) -> str:
        return clean_template(template) if template else ""

    def __repr__(self) -> str:
        return "FolderChoice(…)"

    __str__ = __repr__

    @property
    def name(self) -> str:
        """The folder's name after those of the folders around it, for people."""
        return shown_path(self.path)


class FolderChoices:
    """The choices, one document each. Every method blocks on the disk; any thread may call."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents
        self._changing = threading.RLock()

    def load(self, owner: Owner, account: str) -> FolderChoice | None:
        """The owner's choice in this account; None: there is none that can be read."""
        try:
            document = self._documents.read(_name(owner))
            choice = FolderChoice.model_validate(document) if document else None
        except (CorruptCredential, ValidationError):
            return None
        return choice if choice is not None and choice.account == account else None

    def save(self, owner: Owner, choice: FolderChoice) -> None:
        """Remember the owner's choice."""
        with self._changing:
            self._documents.write(_name(owner), choice.model_dump(mode="json"))

    def replace(self, owner: Owner, old: FolderChoice | None, new: FolderChoice) -> None:
        """`new` where the owner has not chosen anything else than `old` meanwhile."""
        with self._changing:
            if self.load(owner, new.account) == old:
                self.save(owner, new)

    def forget(self, owner: Owner) -> None:
        """Delete the owner's choice."""
        with self._changing:
            self._documents.delete(_name(owner))


def clean_template(text: str) -> str:
    """`text` as a template of sub-folders.

    Raises:
        ValueError: it is none.
    """
    levels = [level.strip() for level in text.strip().strip("/").split("/")]
    if len(levels) > _MOST_LEVELS or len(text) > _MOST_CHARACTERS:
        raise ValueError("too long for a template")
    for level in levels:
        for _, field, form, conversion in string.Formatter().parse(level):
            if field is not None and (field not in _FIELDS or form or conversion):
                raise ValueError("not a field of a template")
        if not level or clean_name(level) != level:
            raise ValueError("not a name of a folder")
    return "/".join(levels)


def folders_for(template: str, moment: datetime) -> tuple[str, ...]:
    """The names of the sub-folders, from the outermost, for a file sent at `moment`."""
    if not template:
        return ()
    date = {"year": f"{moment:%Y}", "month": f"{moment:%m}", "day": f"{moment:%d}"}
    return tuple(template.format_map(date).split("/"))


def _name(owner: Owner) -> str:
    return f"{owner.stem}.folder"
