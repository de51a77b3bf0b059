"""How one owner's Drive is asked: every request, every answer and every error go through here.

Google's client makes the requests; what comes back is read by this package alone. Its own reading
raises AttributeError, TypeError or RecursionError on answers that are not what it expects.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import google_auth_httplib2
import httplib2

from drive.api import DriveApi
from drive.cache import DriveCache
from drive.connection import Http
from drive.errors import (
    DriveRefused,
    NotRenewed,
    error_of_answer,
    translating_errors,
    unreadable_answer,
)
from drive.resources import FILE_FIELDS, DriveFile, is_identifier
from drive.uploading.stopping import StopSignal
from security.errors import CustodyError, OperatorFault, TransientFault
from security.google import answers
from security.google.jitter import jittered

T = TypeVar("T")
PAUSES: Final = (0.5, 1.5, 4.0)
"""Seconds, jittered, before what Drive may not have everywhere yet is asked for again."""
_LONGEST_WAIT: Final = 5.0
"""Seconds that are waited because a server asks for it; a longer wait is the caller's affair."""
_LONGEST_ADDRESS: Final = 2048
"""As Google's own client has it, whose requests are sent here (googleapiclient.http)."""
_FORM: Final = "application/x-www-form-urlencoded"
_MOST: Final = 1000
"""Files or folders on one page of a list."""
_MOST_PAGES: Final = 1000
_ALWAYS_THERE: Final = frozenset({"about.get", "files.generateIds"})
"""They are about nothing that could be missing: a 404 is the address's fault."""


@dataclass(repr=False, eq=False)
class Calls:
    """How files, folders and links ask Drive. One thread at a time may use it."""

    api: DriveApi
    http: google_auth_httplib2.AuthorizedHttp
    cache: DriveCache
    stop: StopSignal = field(default_factory=StopSignal)
    """Ends what is asked, at once."""

    @property
    def connections(self) -> Http:
        """Under what is asked."""
        found: Http = self.http.http
        return found

    @contextmanager
    def stopped_by(self, stop: StopSignal) -> Iterator[None]:
        """Within this everything is asked until `stop` is set, and then raises what that says."""
        before, self.stop = self.stop, stop
        try:
            yield
        finally:
            self.stop = before

    def new_file_id(self) -> str:
        """An identifier for a file still to be made: a retry cannot make a second one.

        Others are drawn with it, for the next files.
        """
        return self.cache.take_id(self._generate_ids)

    def find(self, file_id: str) -> DriveFile | None:
        """The file or folder of this identifier, in the bin too; None: there is none."""
        try:
            answer = self._call("files.get", fileId=file_id, fields=FILE_FIELDS)
        except DriveRefused as refused:
            if refused.code == "file_gone":
                return None
            raise
        return DriveFile.from_answer(answer)

    def send(
        self, name: str, address: str, method: str, headers: Mapping[str, str], body: Any
    ) -> tuple[httplib2.Response, bytes]:
        """Send one request; its answer, whatever that is.

        Args:
            name: which of Drive's methods it is, or which step of an upload: it is counted so.
            method: HTTP's.

        Raises:
            CustodyError: there was no answer, or `stop` is set; an exception out of `body` passes
                through.
        """
        self.stop.check()
        is_whole = False
        try:
            with translating_errors(), self.stop.waking(self.connections.cut):
                found: tuple[httplib2.Response, bytes] = self.http.request(
                    address, method=method, body=body, headers=dict(headers)
                )
            is_whole = True
        except CustodyError:
            self.stop.check()  # then it was cut
            raise
        finally:
            if not is_whole or self.stop.is_set():
                # Half a request is under way on this connection, or its answer: the next takes
                # another.
                self.http.close()
            self.api.count(name, len(found[1]) if is_whole else 0)
        return found

    def _generate_ids(self, count: int) -> list[str]:
        answer = self._call("files.generateIds", count=count, space="drive")
        told = answer.get("ids")
        ids = filter(is_identifier, told if isinstance(told, list) else ())
        if not (found := list(dict.fromkeys(ids))):  # each once: a second file would take the place
            raise unreadable_answer()
        return found

    def _request(
        self, method: str, read: Callable[[bytes], T], **parameters: Any
    ) -> tuple[httplib2.Response, T]:
        """Call a method of Drive's; the head of a successful answer, and its body as `read` has it.

        What may pass by itself is tried again, also an answer that `read` cannot read (its
        TransientFault).
        """
        headers = parameters.pop("headers", {})
        for name in ("fileId", "permissionId"):
            # An identifier becomes part of an address: "" would ask for the list of all files.
            if name in parameters and not is_identifier(parameters[name]):
                raise DriveRefused("this is no identifier", code="file_gone")
        request = self.api.request(method, **parameters)
        address, verb, body = request.uri, request.method, request.body
        headers = {**request.headers, **headers}
        if verb == "GET" and len(address) > _LONGEST_ADDRESS:
            # Names in Drive have any length: the question goes into the body.
            address, _, body = address.partition("?")
            verb = "POST"
            headers |= {"x-http-method-override": "GET", "content-type": _FORM}
        failures = 0
        while True:
            try:
                head, content = self.send(method, address, verb, headers, body)
                if 200 <= head.status < 300:
                    return head, read(content)
                if head.status == 404 and method in _ALWAYS_THERE:
                    raise OperatorFault(
                        "there is no Google Drive API at GOOGLE_API_ENDPOINT", code="api_not_found"
                    )
                raise error_of_answer(head.status, head, content)
            except NotRenewed:
                raise
            except TransientFault as fault:
                failures += 1
                if failures > self.api.retries or (fault.retry_after or 0) > _LONGEST_WAIT:
                    raise
                wait = random.random() * 2**failures  # noqa: S311 - jitter
                self.stop.pause(max(wait, fault.retry_after or 0))

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of Drive's; the JSON object of its answer."""
        return self._request(method, object_of, **parameters)[1]

    def _page(
        self, method: str, name: str, **parameters: Any
    ) -> tuple[list[dict[str, Any]], str | None]:
        """What one page of a list holds, and the token of the next page; None: it is the last.

        Raises:
            TransientFault: without a list it is no page, and says nothing of what is there.
        """
        answer = self._call(method, **parameters)
        found = answers.parts(answer, name)
        if found is None:
            raise unreadable_answer()
        return found, answers.text(answer, "nextPageToken") or None

    def _pages(self, method: str, name: str, **parameters: Any) -> Iterator[dict[str, Any]]:
        """What a list holds, over all of its pages, which are asked for as they are needed.

        Raises:
            TransientFault: there is no list, or it has no end.
        """
        page: str | None = None
        for _ in range(_MOST_PAGES):
            found, page = self._page(method, name, pageToken=page, **parameters)
            yield from found
            if page is None:
                return
        raise unreadable_answer()

    def _search(self, query: str, fields: str, page_size: int = _MOST) -> Iterator[dict[str, Any]]:
        """The files resources that `query` finds, oldest first, as `_pages` has them."""
        found = self._pages(
            "files.list",
            "files",
            q=query,
            fields=f"nextPageToken,files({fields})",
            orderBy="createdTime",
            spaces="drive",
            pageSize=page_size,
        )
        return identified(found)

    def _once_visible(self, folder_id: str, work: Callable[[], T]) -> T:
        """Do `work` in a folder; again, with pauses, while Drive denies a folder that is there.

        One made a moment ago is not known to all of Drive at once, and files.get is the first to
        know it.
        """
        for pause in PAUSES:
            try:
                return work()
            except DriveRefused as refused:
                there = folder_id != "root" and refused.code == "file_gone"
                if not there or (found := self.find(folder_id)) is None or found.trashed:
                    raise
                self.stop.pause(jittered(pause))
        return work()


def identified(resources: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Those that have an identifier: with one that has none, nothing can be done."""
    return (found for found in resources if is_identifier(found.get("id")))


def object_of(content: bytes) -> dict[str, Any]:
    """The JSON object that an answer is.

    Raises:
        TransientFault: it is none.
    """
    answer = answers.json_object(content)
    if answer is None:
        raise unreadable_answer()
    return answer
