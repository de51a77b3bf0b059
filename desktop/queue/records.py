"""One file of the queue, as it is kept: sealed, and without its content."""

from __future__ import annotations

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, SecretStr, field_serializer

from security.encryption import TokenEncryption
from security.errors import CorruptCredential

State = Literal["queued", "done", "same", "refused", "lost"]
"""`queued`: its content is on the disk until Drive has it. `done`: it is in Drive. `same`: its
content is in Drive already, and was not sent again; it is here for an hour, should it be.
`refused`: it is not for Drive (`because`). `lost`: its content is here, but what it is called and
whose it is cannot be read any more."""
HISTORY_DAYS: Final = 90


class Record(BaseModel):
    """One file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    """A UUID's digits. The cloud knows the upload by it as well (Idempotency-Key)."""
    department: str
    """The slug."""
    name: str
    size: int = 0
    md5: str = ""
    state: State = "queued"
    because: str = ""
    """Why it is `refused`: a word of `receiving/pdf.py`; `gone`, it is not here any more; `unsure`,
    it was cancelled, and nobody could say whether it had arrived."""
    added_at: float
    ended_at: float = 0.0
    link: str = ""
    anew: bool = False
    """Its content is in Drive already, and shall be once more."""
    file_id: str = ""
    """What it is, or is to be, in Drive: under whichever key it goes on, Drive keeps one of it."""
    may_be_whole: bool = False
    """Whether Drive may have all of it: noted before the last of its bytes goes."""
    session: SecretStr | None = None
    """Of an upload that this computer has begun itself, by a token."""

    @property
    def is_open(self) -> bool:
        """Whether its content is still wanted here."""
        return self.state in ("queued", "same", "lost")

    @field_serializer("session")
    def _shown(self, session: SecretStr | None) -> str | None:
        return None if session is None else session.get_secret_value()


def sealed(keyring: TokenEncryption, record: Record) -> bytes:
    """As it is kept."""
    return keyring.encrypt(record.model_dump_json().encode())


def opened(keyring: TokenEncryption, id: str, kept: bytes) -> Record:
    """What `sealed` was given.

    Raises:
        CustodyError, ValueError: it cannot be opened, or is of another file.
    """
    record = Record.model_validate_json(keyring.decrypt(kept))
    if record.id != id:
        raise CorruptCredential("of another file", code="wrong_document")
    return record
