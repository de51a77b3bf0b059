"""Consents that people have been asked for and have not finished, kept like credentials.

One document an owner: asking again replaces it, and so only the latest can ever be saved.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, urlsplit

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
from security.errors import ConsentDenied, CorruptCredential, CustodyError
from security.storage.catalogue import Document, Kind, claims_owner
from security.storage.documents import Documents
from security.storage.each import only
from security.storage.protocol import DocumentStore, Found, Key, Stored

OwnerName = Annotated[
    Owner,
    PlainValidator(lambda value: value if isinstance(value, Owner) else Owner.parse(value)),
    PlainSerializer(lambda owner: owner.name),
]
Secret = Annotated[
    SecretStr, PlainSerializer(lambda secret: secret.get_secret_value(), when_used="json")
]
Flow = Literal["device", "callback", "paste"]
Stage = Literal["asked", "redeeming", "granted", "approved", "claimed"]
"""
redeeming  a code is with Google, under the owner's lock
granted    Google has given tokens
approved   and Drive has said whose account it is
claimed    callback in a chat: the asker has come back from the result page
"""
_EMPTY: Final = SecretStr("")


class PendingConsent(BaseModel):
    """One request for consent, from the asking to the saving. Times are aware, in UTC."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    owner: OwnerName
    id: str
    """Ties buttons to this request; no secret."""
    flow: Flow
    client_id: str
    """Of the OAuth client that it was asked with: no other can go on with it."""
    created_at: datetime
    expires_at: datetime
    stage: Stage = "asked"
    address: str = Field("", repr=False)
    """Where the person approves: Google's page. It holds the state."""
    user_code: str = Field("", repr=False)
    interval: float = 5
    device_code: Secret = _EMPTY
    state: Secret = _EMPTY
    code_verifier: Secret = _EMPTY
    code_digest: Secret = _EMPTY
    """Of the code that Google's redirect brought: the same one may come again, no other."""
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
    session: str = Field("", repr=False)
    """Of the administrator who asked for it on a web page, the session's id; "": asked in a chat.
    No other session can go on with it."""

    @property
    def redirect_uri(self) -> str:
        """Where Google's page was told to send the browser; the exchange has to name it again."""
        return dict(parse_qsl(urlsplit(self.address).query)).get("redirect_uri", "")

    @property
    def may_be_confirmed(self) -> bool:
        """Whether the asker may be shown the account, and say that it is theirs.

        callback: not before they have come back. Whoever asked in a chat can send any button's
        data, and the code that takes only whoever approved has seen. Of what was asked on a page no
        answer of Google's is taken but by the asker's own session: they are back by then.
        """
        comes_back = self.flow == "callback" and not self.session
        return self.stage == ("claimed" if comes_back else "approved")

    def has_expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return now >= self.expires_at


def _states_of(document: Document) -> dict[str, str | None]:
    state = document.get("state")
    return {"state": state if isinstance(state, str) and state else None}


CONSENTS: Final = Kind("consents", claims=claims_owner, indexes=_states_of)


class PendingConsents:
    """The documents, one an owner. Every method blocks."""

    def __init__(self, storage: DocumentStore) -> None:
        self._documents = Documents(storage, CONSENTS)

    def save(self, pending: PendingConsent) -> None:
        """Keep `pending` as its owner's latest request."""
        self._documents.write(pending.owner.stem, pending.model_dump(mode="json"))

    def load(self, owner: Owner) -> PendingConsent | None:
        """The owner's latest request; None: there is none, or none that can be read."""
        try:
            return _request(owner, self._documents.stored(owner.stem))
        except CorruptCredential:
            return None

    def current(self, pending: PendingConsent) -> PendingConsent:
        """The request as it stands by now.

        Raises:
            ConsentDenied: it is no longer its owner's latest.
        """
        latest = self.load(pending.owner)
        if latest is None or latest.id != pending.id:
            raise ConsentDenied("a newer request has taken its place", code="superseded")
        return latest

    def by_state(self, state: str) -> PendingConsent | None:
        """The request that `state` belongs to; no other is opened for it."""
        names = self._documents.storage.find(CONSENTS, "state", state) if state else []
        found = filter(None, map(self._by_name, names))
        return next((one for one in found if one.state.get_secret_value() == state), None)

    def all(self) -> list[PendingConsent]:
        """Every request that can be read, finished by time or not."""
        names = self._documents.names()
        found = self._documents.storage.read([Key(CONSENTS, name) for name in names])
        return list(filter(None, map(_readable, names, found)))

    def delete(self, owner: Owner) -> bool:
        """Forget the owner's request."""
        return self._documents.delete(owner.stem)

    def change(self, current: PendingConsent, **changes: Any) -> PendingConsent:
        """Save with `changes` what is known to be its owner's latest request."""
        changed = current.model_copy(update=changes)
        self.save(changed)
        return changed

    def replace(self, pending: PendingConsent, **changes: Any) -> PendingConsent:
        """Save the request as it stands by now, with `changes`.

        Raises:
            ConsentDenied: it is no longer its owner's latest.
        """
        return self.change(self.current(pending), **changes)

    def _by_name(self, name: str) -> PendingConsent | None:
        [found] = self._documents.storage.read([Key(CONSENTS, name)])
        return _readable(name, found)


def _request(owner: Owner, found: Stored | None) -> PendingConsent | None:
    """Raises CustodyError: it cannot be read."""
    try:
        pending = None if found is None else PendingConsent.model_validate(found.open())
    except ValidationError:
        return None
    return pending if pending is not None and pending.owner == owner else None


def _readable(name: str, found: Found) -> PendingConsent | None:
    """What is not ours, or one owner's fault, hides nothing of the others' requests."""
    try:
        return _request(Owner.from_stem(name), only([found]))
    except (ValueError, CustodyError):
        return None
