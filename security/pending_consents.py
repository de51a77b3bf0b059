"""Consents that people have been asked for and have not finished, kept like credentials.

One document an owner: asking again replaces it, and so only the latest can ever be saved.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    SecretStr,
    ValidationError,
)

from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import CorruptCredential, OperatorFault
from security.files import SealedFolder

OwnerName = Annotated[
    Owner,
    PlainValidator(lambda value: value if isinstance(value, Owner) else Owner.parse(value)),
    PlainSerializer(lambda owner: owner.name),
]
Secret = Annotated[
    SecretStr, PlainSerializer(lambda secret: secret.get_secret_value(), when_used="json")
]
_EMPTY: Final = SecretStr("")


class PendingConsent(BaseModel):
    """One request for consent, from the asking to the saving. Times are aware, in UTC."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    owner: OwnerName
    id: str
    """Ties buttons to this request; no secret."""
    flow: Literal["device", "callback", "paste"]
    client_id: str
    created_at: datetime
    expires_at: datetime
    stage: Literal["asked", "redeeming", "approved"] = "asked"
    address: str = Field("", repr=False)
    """Where the person approves: Google's page. It holds the state."""
    user_code: str = Field("", repr=False)
    interval: float = 5
    device_code: Secret = _EMPTY
    state: Secret = _EMPTY
    code_verifier: Secret = _EMPTY
    claim_code: Secret = _EMPTY
    """callback: proves that whoever asked has the result page in front of them."""
    access_token: Secret = _EMPTY
    refresh_token: Secret = _EMPTY
    token_expires_at: datetime | None = None
    refresh_expires_at: datetime | None = None
    account: Secret = _EMPTY
    account_id: Secret = _EMPTY
    message_id: int = 0
    """The message the front shows the request in."""
    topic_id: int = 0
    """The topic of the chat that it stands in; 0: none."""

    def is_young(self, seconds: float) -> bool:
        """Whether it was asked for less than `seconds` ago, and not answered yet."""
        age = datetime.now(UTC) - self.created_at
        return self.stage == "asked" and age < timedelta(seconds=seconds)

    def is_over(self, now: datetime) -> bool:
        """Whether its time is over."""
        return now >= self.expires_at


class PendingConsents:
    """The documents, one an owner. Every method blocks on the disk."""

    def __init__(self, folder: Path, encryption: TokenEncryption) -> None:
        self._folder = SealedFolder(folder, encryption)

    def prepare(self) -> None:
        """Make the folder private."""
        self._folder.prepare()

    def save(self, pending: PendingConsent) -> None:
        """Keep `pending` as its owner's latest."""
        self._folder.write(pending.owner.stem, pending.model_dump(mode="json"))

    def load(self, owner: Owner) -> PendingConsent | None:
        """The owner's latest; None where there is none or it cannot be read: they ask again."""
        try:
            document = self._folder.read(owner.stem)
            return None if document is None else _from_document(owner, document)
        except CorruptCredential:
            return None

    def by_state(self, state: str) -> PendingConsent | None:
        """The request that `state` belongs to. They live for minutes, so there are few."""
        return next((p for p in self.all() if p.state.get_secret_value() == state != ""), None)

    def all(self) -> list[PendingConsent]:
        """Every request that can be read, finished by time or not."""
        found = []
        for name in self._folder.names():
            try:
                pending = self.load(Owner.from_stem(name))
            except (ValueError, OperatorFault):
                continue  # not ours, or one owner's fault: the others' requests go on
            if pending is not None:
                found.append(pending)
        return found

    def delete(self, owner: Owner) -> bool:
        """Forget the owner's request."""
        return self._folder.delete(owner.stem)

    def replace(self, pending: PendingConsent, **changes: Any) -> PendingConsent | None:
        """Save the request with `changes`; None where it is no longer its owner's latest."""
        current = self.load(pending.owner)
        if current is None or current.id != pending.id:
            return None
        changed = current.model_copy(update=changes)
        self.save(changed)
        return changed


def _from_document(owner: Owner, document: dict[str, Any]) -> PendingConsent:
    try:
        pending = PendingConsent.model_validate(document)
    except ValidationError:
        raise CorruptCredential("a field of the wrong type", code="unreadable") from None
    if pending.owner != owner:
        raise CorruptCredential("belongs to another owner", code="wrong_owner")
    return pending
