"""One department's spreadsheets, read: all the tabs that are wanted of one, as of one moment.

`values.get` would leave out more than what is empty, and several of them mix moments; so it is one
`spreadsheets.get` with a field mask.
https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets/get
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import httplib2

from drive.connection import AccessToken, Http
from drive.errors import translating_errors, unreadable_answer
from drive.uploading.stopping import TimeLimit
from security.errors import CustodyError, OperatorFault, TransientFault
from security.google.bounded import AnswerTooLarge
from security.google.pool import ConnectionPool
from sheets.answer import FIELDS, MAX_BODY, TITLES, open_answer
from sheets.reading.api import SheetsApi
from sheets.reading.pauses import Pauses
from sheets.reading.refusals import NoSuchTab, TokenRejected, refusal_of, too_large
from sheets.reading.tabs_known import TabsAsked, TabsKnown
from sheets.reading.tokens import Tokens
from sheets.wanted import TabWanted, quoted

SECONDS: Final = 60.0
"""The longest a request may take in all, its answer included."""
_ROUNDS: Final = 2


class Reader:
    """One service account's. Any thread may use it, several at once."""

    def __init__(
        self,
        api: SheetsApi,
        address: str,
        fetch: Callable[[], AccessToken],
        *,
        seconds: float = SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """
        Args:
            address: of the account: whom spreadsheets are shared with.
            fetch: a new token of it; raises CustodyError.
            seconds: the longest a request may take.
            clock: by which pauses are kept.
        """
        self._api, self._address, self._seconds = api, address, seconds
        self._tokens, self._pauses, self._known = Tokens(fetch), Pauses(clock), TabsKnown()
        self._connections = ConnectionPool(api.connect)
        self._under_way: set[TimeLimit] = set()
        self._lock = threading.Lock()
        self._closed = False

    def read(self, spreadsheet: str, tabs: Sequence[TabWanted]) -> bytes:
        """The answer for those of the tabs that are there, as it came. Blocks.

        It is one request; two, the first of which has no cells, where it is not known what a tab
        is called, or one was not there last time. Where none is there it is an answer without
        cells.

        Args:
            spreadsheet: its id.
            tabs: of one spreadsheet; at least one.

        Raises:
            OperatorFault: it is not shared with the account, is not there, is too large, …
            TransientFault: Google does not answer as it should, or wants to be left alone, in which
                case nothing was asked: see `retry_after`.
        """
        asked = self._known.of(spreadsheet, tabs)
        for _ in range(_ROUNDS):
            if asked is not None and (body := self._cells(spreadsheet, asked)) is not None:
                return body
            listed = self._ask(spreadsheet, TITLES)
            asked = self._known.note(spreadsheet, tabs, open_answer(listed).tabs)
            if not asked.titles:
                return listed
            if (body := self._cells(spreadsheet, asked)) is not None:
                return body
            asked = None
        raise TransientFault("tabs are being renamed just now")

    def close(self) -> None:
        """Ask for nothing more, and end what is under way."""
        with self._lock:
            self._closed = True
            for limit in self._under_way:
                limit.set()
        self._connections.close()

    def close_idle(self) -> None:
        """Close connections that nobody has used for a while."""
        self._connections.close_idle()

    def _cells(self, spreadsheet: str, asked: TabsAsked) -> bytes | None:
        """The answer; None: one of the tabs is called otherwise by now."""
        try:
            body = self._ask(spreadsheet, FIELDS, asked.titles)
        except NoSuchTab:
            return None
        return body if asked.are_in(body) else None

    def _ask(self, spreadsheet: str, fields: str, titles: Sequence[str] = ()) -> bytes:
        self._pauses.check()
        try:
            token = self._tokens.get()
            try:
                body = self._send(spreadsheet, fields, titles, token)
            except TokenRejected:
                body = self._again(spreadsheet, fields, titles, token)
        except TransientFault as fault:
            if fault.code != "stopped":
                self._pauses.fail(fault)
            raise
        self._pauses.succeed()
        return body

    def _again(
        self, spreadsheet: str, fields: str, titles: Sequence[str], rejected: AccessToken
    ) -> bytes:
        try:
            return self._send(spreadsheet, fields, titles, self._tokens.get(rejected))
        except TokenRejected:
            raise OperatorFault(
                f"Sheets does not accept a token that Google has just given {self._address}",
                code="invalid_grant",
            ) from None

    def _send(
        self, spreadsheet: str, fields: str, titles: Sequence[str], token: AccessToken
    ) -> bytes:
        request = self._api.request(spreadsheet, fields, [quoted(title) for title in titles])
        headers = {
            **request.headers,
            "accept-encoding": "gzip",
            "authorization": f"Bearer {token.value.get_secret_value()}",
        }
        http = self._connections.acquire()
        is_whole = False
        try:
            with TimeLimit(self._seconds) as limit, self._noted(limit):
                head, content = self._exchange(http, request.uri, headers, limit)
            is_whole = not limit.is_set()
        finally:
            if is_whole:
                self._connections.release(http)
            else:
                http.close()  # what is left in there is anybody's guess
        if head.status != 200:
            raise refusal_of(head.status, head, content, self._address)
        kind = str(head.get("content-type", "")).partition(";")[0].strip().lower()
        if kind != "application/json" or content[:1] != b"{":
            raise unreadable_answer("Sheets")
        return content

    def _exchange(
        self, http: Http, address: str, headers: Mapping[str, str], limit: TimeLimit
    ) -> tuple[httplib2.Response, bytes]:
        try:
            with translating_errors("Sheets"), limit.waking(http.cut):
                return http.request(address, headers=headers)
        except AnswerTooLarge:
            raise too_large(MAX_BODY) from None
        except CustodyError:
            self._check_open()
            limit.check()  # then it was cut
            raise

    @contextmanager
    def _noted(self, limit: TimeLimit) -> Iterator[None]:
        """Within this `close` ends what `limit` ends."""
        with self._lock:
            self._check_open()
            self._under_way.add(limit)
        try:
            yield
        finally:
            with self._lock:
                self._under_way.discard(limit)

    def _check_open(self) -> None:
        if self._closed:
            raise TransientFault("the program stops", code="stopped")
