"""One owner's Drive; and everybody's, whose calls run in threads, with tokens of the custodian."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import CancelledError
from typing import Final, TypeVar

from pydantic import SecretStr

from drive.api import DriveApi
from drive.cache import DriveCache
from drive.connection import AccessToken, TokenSource, authorized
from drive.content import Contents
from drive.files import Files
from drive.folders import Folders
from drive.resources import About
from drive.sharing import Sharing
from drive.uploading.stopping import StopSignal
from security.consent.approvals import GoogleAccount
from security.credential import Owner
from security.custody.custodian import Custodian
from security.custody.deadline import Deadline
from security.custody.threads import Threads
from security.errors import ConsentRequired, OperatorFault
from security.google.pool import IDLE_SECONDS, ConnectionPool

T = TypeVar("T")
_RENEWAL_SECONDS: Final = 60
_ACCOUNT_SECONDS: Final = 12.0


class Drive(Files, Folders, Sharing, Contents):
    """One owner's Drive over connections of its own. One thread at a time may use it."""

    def about(self, *, cached: bool = False) -> About:
        """The account and its space; drive.file suffices for that.

        `cached` takes what was told within the last minute: enough to see before an upload that
        there is no room for it, since Drive itself refuses what does not fit.
        """
        if cached and (seen := self.cache.about) is not None:
            return seen
        about = About.from_answer(self._call("about.get", fields="user,storageQuota"))
        self.cache.note_about(about)
        return about


class Drives:
    """Everybody's Drives, for whoever has a credential."""

    def __init__(
        self,
        api: DriveApi,
        custodian: Custodian,
        *,
        threads: int,
        account_seconds: float = _ACCOUNT_SECONDS,
    ) -> None:
        """
        Args:
            threads: for so many calls at once.
            account_seconds: how long `account` waits for its answer.
        """
        self._api = api
        self._account_seconds = account_seconds
        self._custodian = custodian
        self._threads = Threads(threads, "drive")
        self.on_result: Callable[[str], None] = lambda _: None
        """Told "ok", or the code of an operator's fault, after each call."""
        self._connections = ConnectionPool(api.connect)

    async def run(
        self,
        owner: Owner,
        work: Callable[[Drive], T],
        deadline: Deadline | None = None,
        stop: StopSignal | None = None,
    ) -> T:
        """`work` on the owner's Drive. Whoever waits no longer, or is cancelled, ends the call.

        Args:
            deadline: until when the caller waits; None: for as long as it takes.
            stop: ends it from elsewhere, whatever it waits for, and raises what that says.

        Raises:
            CustodyError: in all its kinds; nothing else that Google's client raises.
        """
        if deadline is not None:
            async with deadline.kept():
                return await self.run(owner, work, stop=stop)
        loop = asyncio.get_running_loop()
        # Asked before a thread is taken: an owner without a credential costs none.
        first, signal = await self._custodian.access_token(owner), stop or StopSignal()

        def tokens(rejected: SecretStr | None) -> AccessToken:
            credential = first
            if rejected is not None or not first.is_fresh(self._custodian.clock.now()):
                renewal = asyncio.run_coroutine_threadsafe(
                    self._custodian.access_token(owner, rejected=rejected), loop
                )
                with signal.waking(renewal.cancel):
                    try:
                        credential = renewal.result(_RENEWAL_SECONDS)
                    except CancelledError:
                        signal.check()
                        raise
            return AccessToken.of(credential)

        cache = self._api.cache_of(owner, first.account_key or "")
        return await self._run(tokens, work, cache, signal)

    async def account(self, access_token: SecretStr) -> GoogleAccount:
        """Who granted a token that is not yet part of anybody's credential.

        Raises:
            CustodyError: in all its kinds; ConsentRequired(invalid_grant): Google refuses it.
        """

        def tokens(rejected: SecretStr | None) -> AccessToken:
            if rejected is not None:
                raise ConsentRequired("the new token is not accepted", code="invalid_grant")
            return AccessToken(access_token, None)

        async with Deadline.after(self._account_seconds).kept():
            about = await self._run(tokens, Drive.about, DriveCache(), StopSignal())
        return GoogleAccount(address=about.address, id=about.account_id)

    async def _run(
        self, tokens: TokenSource, work: Callable[[Drive], T], cache: DriveCache, stop: StopSignal
    ) -> T:
        def call() -> T:
            http = self._connections.acquire()
            try:
                result = work(Drive(self._api, authorized(tokens, http), cache, stop))
            except BaseException:
                # What is left in there is anybody's guess.
                http.close()
                raise
            self._connections.release(http)
            return result

        try:
            result = await self._threads.run(call)
        except asyncio.CancelledError:
            stop.interrupt()  # the thread is free for others at once, whatever it waits for
            raise
        except OperatorFault as fault:
            self.on_result(fault.code)
            raise
        self.on_result("ok")
        return result

    def close_idle(self, seconds: float = IDLE_SECONDS) -> None:
        """Close the connections that nobody has used for so many seconds."""
        self._connections.close_idle(seconds)

    async def close(self, seconds: float = 0.5) -> None:
        """Begin nothing more, and wait that long for what is under way."""
        await self._threads.close(seconds)
        self._connections.close()
