"""The Sealer: the one place that seals and opens what is kept.

What is sealed names itself: kind, name and owner are encrypted together with the content, and a
document that was moved under another name is refused there. The content of a JSON object is kept as
it is, byte for byte, behind one more field:

    {"sealed": {"kind": "credentials", "name": "token_501", "owner": "user:501"}, "token": …}

and bytes that are no JSON object (damage, in quarantine) on the lines below one. So earlier
versions read what this one writes. Without a key nothing is sealed, and documents are plain.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from security.encryption import (
    TokenEncryption,
    is_encrypted,
    is_object,
    kid_of,
    parse_object,
)
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.storage.catalogue import Document, Identity, Kind
from security.storage.parts import Kept, Parts, envelopes, parts_of, raw_of
from security.storage.refusals import Refusals

_HEAD: Final = b'{"sealed": '
_PLAINTEXT: Final = "plaintext"
_decoder: Final = json.JSONDecoder()


@dataclass(frozen=True, slots=True, repr=False)
class Opened:
    """What a document's bytes hold, looked at and believed."""

    content: bytes
    """As it was before it was sealed."""
    kid: str | None
    """The fingerprint of the key that opened it; None: it was plaintext."""
    is_bound: bool
    """Whether it names itself; False: plaintext, or an earlier version sealed it."""
    was_plaintext: bool
    """Whether it was found in plaintext and set aside: sealed, but nobody's word."""


class Sealer:
    """Seals under the newest key; opens with any, and only what belongs where it lies."""

    def __init__(self, keyring: TokenEncryption, refusals: Refusals | None = None) -> None:
        """
        Args:
            refusals: is told of documents that are not believed.
        """
        self.keyring = keyring
        self.refusals = refusals or Refusals()

    @property
    def is_sealing(self) -> bool:
        """Whether there is a key."""
        return self.keyring.kid is not None

    def believing_plaintext(self) -> Sealer:
        """The same keys, where plaintext is read in any case: to convert it."""
        return Sealer(self.keyring.accepting_plaintext())

    def seal(self, kind: Kind, name: str, document: Document) -> bytes:
        """`document` as it shall be kept under `name`."""
        content = json.dumps(document).encode("ascii")
        if not self.is_sealing:
            return content
        return self.keyring.encrypt(_bind(kind.identify(name), content, joins=bool(document)))

    def divide(self, kind: Kind, name: str, document: Document) -> Parts:
        """`document` in parts, to be kept under `name`: the fields `Kind.apart` are sealed apart,
        each bound to its own name and to the document's generation. One from another row, column
        or generation is refused.

        Raises:
            OperatorFault: there is no key.
        """
        if not self.is_sealing:
            raise OperatorFault("there is no key to seal with", code="key_missing")
        identity, generation = kind.identify(name), kind.generation(document)
        apart = [field for field in kind.apart if field in document]
        rest = {field: value for field, value in document.items() if field not in apart}
        extra: dict[str, Any] = {"generation": generation, "apart": apart}
        content = json.dumps(rest).encode("ascii")
        details = self.keyring.encrypt(_bind(identity, content, joins=bool(rest), **extra))
        fields = {}
        for field in apart:
            value = json.dumps(document[field]).encode("ascii")
            bound = _bind(identity, value, joins=False, generation=generation, field=field)
            fields[field] = self.keyring.encrypt(bound)
        return Parts(details, fields)

    def seal_content(
        self, kind: Kind, name: str, content: bytes, *, was_plaintext: bool = False
    ) -> bytes:
        """Likewise of bytes that stay as they are, be they a document or not.

        Args:
            was_plaintext: nobody believes them: they are opened only where plaintext is read.
        """
        if not self.is_sealing:
            return content
        joins = content.startswith(b"{") and is_object(content, utf8=True) and content != b"{}"
        more = {"was": _PLAINTEXT} if was_plaintext else {}
        return self.keyring.encrypt(_bind(kind.identify(name), content, joins=joins, **more))

    def set_aside(self, kind: Kind, name: str, data: bytes) -> bytes:
        """A document as it stands, to be moved to `name`. Plaintext is sealed, and stays refused
        where plaintext is."""
        if is_encrypted(data):
            return data
        return self.seal_content(kind, name, data, was_plaintext=True)

    def open(self, kind: Kind, name: str, kept: Kept) -> Document:
        """The document that is kept under `name`.

        Raises:
            CorruptCredential: it is not one JSON object, was tampered with, or is another document.
            OperatorFault: its key is not configured, or it is plaintext and not to be believed.
        """
        parts = parts_of(kept)
        if parts is not None:
            return self._join(kind, name, parts)[0]
        opened, document = self._examine(kind, name, raw_of(kept))
        if document is None:
            raise CorruptCredential("not one JSON object", code="unreadable")
        if opened.was_plaintext and self.keyring.requires_sealing:
            raise OperatorFault("was plaintext when it was set aside", code="plaintext_refused")
        return document

    def examine(self, kind: Kind, name: str, data: bytes) -> Opened:
        """What `data` is. Raises as `open`, but not for bytes that are no document."""
        parts = Parts.of(data)
        if parts is None:
            return self._examine(kind, name, data)[0]
        document, kid = self._join(kind, name, parts)
        whole = json.dumps(document).encode("ascii")
        return Opened(whole, kid, is_bound=True, was_plaintext=False)

    def resealed(self, kind: Kind, name: str, data: bytes) -> bytes | None:
        """`data` sealed under the newest key, and believed as before; None: all of it is already.

        What was moved here from elsewhere stays refused, under the new key as well.

        Raises:
            CorruptCredential: it does not open any more.
            OperatorFault: its key is not configured, or it is plaintext and not to be believed.
        """
        parts = Parts.of(data)
        if parts is not None:
            return self._parts_resealed(parts, data)
        reader = self.believing_plaintext()
        plain, kid = reader.keyring.open(data)
        if kid is None and self.keyring.requires_sealing:
            if is_object(data):
                raise OperatorFault("in plaintext, and not believed", code="plaintext_refused")
            return self.seal_content(kind, name, plain, was_plaintext=True)  # damage, as it is
        is_newest = kid == self.keyring.kid == kid_of(data)
        try:
            opened = reader.examine(kind, name, data)
        except CorruptCredential:  # another document, moved here
            return None if is_newest else self.keyring.encrypt(plain)
        if is_newest and opened.is_bound:
            return None
        return self.seal_content(kind, name, opened.content, was_plaintext=opened.was_plaintext)

    def kids(self, data: bytes) -> set[str | None]:
        """The fingerprints of the keys that open `data`, every part of it; None: plaintext.

        Raises:
            CorruptCredential: a part does not open any more.
            OperatorFault: the key of a part is not configured.
        """
        keyring = self.keyring.accepting_plaintext()
        found = {keyring.open(envelope)[1] for envelope in envelopes(data)}
        if None in found and Parts.of(data) is not None:
            raise CorruptCredential("a part of it is in plaintext", code="tampered")
        return found

    def holds(self, kind: Kind, name: str, data: bytes, raw: bytes) -> bool:
        """Whether `data`, kept under `name`, is what `set_aside` makes of `raw`."""
        if data == raw or is_encrypted(raw):
            return data == raw
        try:
            return self.examine(kind, name, data).content == raw
        except CustodyError:
            return False

    def _examine(self, kind: Kind, name: str, data: bytes) -> tuple[Opened, Document | None]:
        """Of what is not divided."""
        plain, kid = self.keyring.open(data)
        bound, content = _unbind(plain) if kid is not None else (None, plain)
        document = parse_object(content)
        if bound is not None:
            if not {"apart", "field"}.isdisjoint(bound):
                raise CorruptCredential("only a part of a document", code="wrong_document")
            _compare(kind, kind.identify(name), bound)
        elif document is not None:
            _compare_claims(kind, name, document)
        was_plaintext = bound is not None and bound.get("was") == _PLAINTEXT
        return Opened(content, kid, bound is not None, was_plaintext), document

    def _join(self, kind: Kind, name: str, parts: Parts) -> tuple[Document, str | None]:
        """The document that was divided, and what `Opened.kid` says of it; every part has to belong
        to it."""
        identity = kind.identify(name)
        bound, content, kid = self._open_part(kind, identity, parts.details)
        document = parse_object(content)
        generation, apart = bound.get("generation"), bound.get("apart")
        if document is None or not isinstance(apart, list) or set(apart) != set(parts.fields):
            raise CorruptCredential("a part of it is missing, or is another's", code="tampered")
        for field in apart:
            its_bound, value, _ = self._open_part(kind, identity, parts.fields[field])
            if (its_bound.get("field"), its_bound.get("generation")) != (field, generation):
                raise CorruptCredential(
                    "a part of it is of another column or generation", code="wrong_document"
                )
            try:
                document[field] = json.loads(value)
            except ValueError:
                raise CorruptCredential("a part of it is damaged", code="unreadable") from None
        return document, kid

    def _parts_resealed(self, parts: Parts, data: bytes) -> bytes | None:
        newest, opened = self.keyring.kid, {e: self.keyring.open(e) for e in envelopes(data)}
        if any(kid is None for _, kid in opened.values()):
            raise CorruptCredential("a part of it is in plaintext", code="tampered")
        if all(kid == newest == kid_of(e) for e, (_, kid) in opened.items()):
            return None if kid_of(data) == newest else parts.to_raw()
        sealed = {envelope: self.keyring.encrypt(plain) for envelope, (plain, _) in opened.items()}
        fields = {name: sealed[envelope] for name, envelope in parts.fields.items()}
        return Parts(sealed[parts.details], fields).to_raw()

    def _open_part(
        self, kind: Kind, identity: Identity, part: bytes
    ) -> tuple[dict[str, Any], bytes, str | None]:
        plain, kid = self.keyring.open(part)
        bound, content = _unbind(plain) if kid is not None else (None, plain)
        if bound is None:
            raise CorruptCredential("a part of it names itself in no way", code="wrong_document")
        _compare(kind, identity, bound)
        return bound, content, kid


def _bind(identity: Identity, content: bytes, *, joins: bool, **more: object) -> bytes:
    """`content`, which begins as its own identity says, and what more there is to say of it."""
    named = {"kind": identity.kind, "name": identity.name, "owner": identity.owner, **more}
    head = _HEAD + json.dumps(named).encode("ascii")
    return head + b", " + content[1:] if joins else head + b"}\n" + content


def _unbind(plain: bytes) -> tuple[dict[str, Any] | None, bytes]:
    """What the document names itself, and its content; None: it is from before they did.

    The first field counts, which is the Sealer's own: the content may have one of the same name.
    """
    if not plain.startswith(_HEAD):
        return None, plain
    try:
        # One character a byte: where the head ends in the text, it ends in the bytes.
        named, end = _decoder.raw_decode(plain.decode("latin-1"), len(_HEAD))
    except (ValueError, RecursionError):
        named, end = None, 0
    rest = plain[end:]
    if isinstance(named, dict) and rest.startswith(b"}\n"):
        return named, rest[2:]
    if isinstance(named, dict) and rest.startswith(b", "):
        return named, b"{" + rest[2:]
    raise CorruptCredential("names itself in no form that is known", code="unreadable")


def _compare(kind: Kind, identity: Identity, named: dict[str, Any]) -> None:
    if (named.get("kind"), named.get("name"), named.get("owner")) == (
        identity.kind,
        identity.name,
        identity.owner,
    ):
        return
    if _source(kind, identity).is_owners and named.get("owner") != identity.owner:
        raise CorruptCredential("belongs to another owner", code="wrong_owner")
    raise CorruptCredential("is another document, moved here", code="wrong_document")


def _source(kind: Kind, identity: Identity) -> Kind:
    """The kind that the document is of, wherever a copy of it was put."""
    return kind.copies_of if kind.copies_of and identity.kind != kind.name else kind


def _compare_claims(kind: Kind, name: str, document: Document) -> None:
    """By its own fields: of plaintext, and of what an earlier version sealed."""
    identity = kind.identify(name)
    source = _source(kind, identity)
    its_name, its_owner = source.claims(document)
    if its_owner not in (None, identity.owner):
        code = "wrong_owner" if source.is_owners else "wrong_document"
        raise CorruptCredential("belongs to another owner", code=code)
    if its_name not in (None, identity.name):
        raise CorruptCredential("is another document, moved here", code="wrong_document")
