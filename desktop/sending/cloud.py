"""The cloud that has the departments' credentials: what a computer asks of it, and its refusals."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final
from urllib.parse import quote, urlsplit

from pydantic import SecretStr

from config.addresses import is_loopback
from desktop.keeping.credentials import AccessToken, Pairing
from desktop.queue.records import Record
from drive.connection import Http
from drive.errors import retry_after, translating_errors
from drive.resources import is_identifier, link_of
from drive.uploading.stopping import StopSignal
from security.errors import CustodyError, TransientFault
from security.google import answers
from security.google.network import DIRECT, Network

WAKING_SECONDS: Final = 90
"""A host that sleeps takes a minute to answer."""
MOST_BYTES: Final = 1024 * 1024
"""Of any answer to a question for one file: far more than it takes."""
_PROBLEM: Final = "application/problem+json"
_MIME: Final = "application/pdf"
_KEY: Final = re.compile(r"dkc_[!-~]{1,500}")
_LONGEST: Final = 200
"""Characters of a name that is kept here, and shown."""
_SLUG: Final = re.compile(r"[a-z0-9]{1,64}")


class CloudRefused(CustodyError):
    """The cloud said no; `code` is its own word for why."""

    def __init__(self, code: str, retry_after: float | None = None) -> None:
        super().__init__("the cloud refuses it", code=code)
        self.retry_after = retry_after


class WrongAddress(Exception):
    """It is no address that a key may be sent to."""


def address_of(text: str) -> str:
    """The cloud's address as somebody has typed it, without what is too much of it.

    Raises:
        WrongAddress: a key would go unencrypted over a network, or nowhere.
    """
    typed = text.strip().rstrip("/")
    typed = typed if "://" in typed else f"https://{typed}"
    try:
        parts = urlsplit(typed)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise WrongAddress from None
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not is_safe or not host or "@" in parts.netloc or any(map(str.isspace, typed)):
        raise WrongAddress
    whose = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{whose}" + (f":{port}" if port else "")


@dataclass(frozen=True, slots=True, repr=False)
class Handed:
    """An upload, as the cloud sees it."""

    state: str
    file_id: str
    session: SecretStr | None
    link: str


@dataclass
class Cloud:
    """One at an address. Everything blocks; one thread at a time may use it."""

    address: str
    network: Network = DIRECT
    stop: StopSignal = field(default_factory=StopSignal)
    patience: float = WAKING_SECONDS
    """Seconds that it has for an answer, and its beginning as well."""
    clock: float | None = None
    """The time by its last answer, in Unix seconds; None: it has told none."""

    def pair(self, code: str) -> Pairing:
        """What a pairing code becomes, once.

        Raises:
            CloudRefused: wrong_code, rate_limited.
            TransientFault: there is no answer.
        """
        told = self._ask("POST", "/api/clients/pair", {"code": code})
        client = answers.part(told, "client")
        may = client.get("may")
        pairing = Pairing(
            cloud=self.address,
            department=answers.text(client, "department"),
            name=answers.text(client, "department"),
            label=answers.text(client, "label")[:_LONGEST],
            key=SecretStr(answers.text(told, "key")),
            may=("upload", "token") if isinstance(may, list) and "token" in may else ("upload",),
        )
        if not _KEY.fullmatch(pairing.key.get_secret_value()):
            raise _unreadable()
        if not _SLUG.fullmatch(pairing.department):
            raise _unreadable()
        return pairing

    def status(self, pairing: Pairing) -> tuple[str, str]:
        """The department's name, and how it stands: the cloud's word, such as `fine`."""
        told = self._ask("GET", f"/api/google/status?{_of(pairing)}", key=pairing.key)
        for one in answers.parts(told, "departments") or []:
            if answers.text(one, "department") == pairing.department:
                return answers.text(one, "name")[:_LONGEST], answers.text(one, "state")
        raise _unreadable()

    def begin(self, pairing: Pairing, record: Record) -> Handed:
        """The session for a file: the same one however often it is asked for."""
        file: dict[str, Any] = {"name": record.name, "size": record.size, "md5": record.md5}
        file["mime"] = _MIME
        if record.file_id:  # begun before: by another key of this computer, perhaps
            file["file_id"] = record.file_id
        path = f"/api/google/upload-sessions?{_of(pairing)}"
        return handed_by(
            self.address, self._ask("POST", path, file, key=pairing.key, upload=record.id)
        )

    def state(self, pairing: Pairing, record: Record) -> Handed:
        """How an upload stands by now."""
        path = f"/api/google/upload-sessions?{_of(pairing)}"
        return handed_by(self.address, self._ask("GET", path, key=pairing.key, upload=record.id))

    def token(self, pairing: Pairing, rejected: str | None) -> AccessToken:
        """A token for the department's Drive.

        Args:
            rejected: SHA-256 of one that Google did not accept.
        """
        wish = {} if rejected is None else {"rejected_sha256": rejected}
        path = f"/api/google/get-access-token?{_of(pairing)}"
        told = self._ask("POST", path, wish, key=pairing.key)
        value, ends = answers.text(told, "access_token"), answers.moment(told, "expires_at")
        if not value or ends is None:
            raise _unreadable()
        return AccessToken(value=SecretStr(value), expires_at=ends)

    def _ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        *,
        key: SecretStr | None = None,
        upload: str = "",
    ) -> dict[str, Any]:
        http = Http(self.network)
        http.timeout, http.follow_redirects = self.patience, False
        http.most_bytes, http.most_seconds = MOST_BYTES, self.patience
        headers = {"Accept": "application/json"}
        if key is not None:
            headers["Authorization"] = f"Bearer {key.get_secret_value()}"
            headers["X-Drivekeeper-Machine"] = machine_of(key)
        if upload:
            headers["Idempotency-Key"] = upload
        sent = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            sent = json.dumps(body).encode()
        self.stop.check()
        try:
            with translating_errors("the cloud"), self.stop.waking(http.cut):
                head, content = http.request(
                    self.address + path, method=method, body=sent, headers=headers
                )
        except CustodyError as fault:
            self.stop.check()  # then it was cut
            if fault.code == "timeout":  # whoever holds the request for what sleeps is there
                raise _unreadable() from fault
            raise
        finally:
            http.close()
        with suppress(ValueError, OverflowError):
            self.clock = parsedate_to_datetime(str(head.get("date", ""))).timestamp()
        told = answers.json_object(content)
        if head.status in (200, 201) and told is not None:
            return told
        is_ours = str(head.get("content-type", "")).partition(";")[0] == _PROBLEM
        if is_ours and told is not None:
            raise CloudRefused(answers.text(told, "code"), retry_after(head))
        raise _unreadable(retry_after(head))


def machine_of(key: SecretStr) -> str:
    """By which the cloud tells this machine from one with a copy of its key; it names nobody."""
    whose = f"{key.get_secret_value()} {platform.node()}"
    return hashlib.sha256(whose.encode()).hexdigest()[:32]


def _of(pairing: Pairing) -> str:
    return f"department={quote(pairing.department, safe='')}"


def handed_by(cloud: str, told: dict[str, Any]) -> Handed:
    """What the cloud at this address tells of an upload.

    Raises:
        TransientFault: that is nothing to be followed.
    """
    session, link = answers.text(told, "session_url"), answers.text(told, "link")
    state, file_id = answers.text(told, "state"), answers.text(told, "file_id")
    if not state or not is_identifier(file_id) or (session and not _may_send_to(session, cloud)):
        raise _unreadable()
    if link:
        link = link_of({"webViewLink": link, "id": file_id})
    return Handed(state, file_id, SecretStr(session) if session else None, link)


def _may_send_to(session: str, cloud: str) -> bool:
    """Unencrypted to nobody but this machine, and there only where the cloud is here as well."""
    try:
        whose = address_of(session)
    except WrongAddress:
        return False
    return whose.startswith("https:") or cloud.startswith("http:")


def _unreadable(seconds: float | None = None) -> TransientFault:
    """What a host says while it wakes what is behind it, or somebody else in its place."""
    return TransientFault("the cloud does not answer yet", code="not_json", retry_after=seconds)


def fresh(token: AccessToken | None) -> bool:
    """Whether a token serves for a while yet."""
    return token is not None and (token.expires_at - datetime.now(UTC)).total_seconds() > 60
