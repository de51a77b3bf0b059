"""What python-telegram-bot hands to every handler and job: the services, and a person's texts."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from datetime import timedelta
from typing import Any, TypeVar, cast

from telegram import Update
from telegram.ext import Application, CallbackContext, ExtBot, JobQueue

from bot.core import Core
from bot.services import Services
from bot.texts import questions
from bot.texts.catalogue import Html, Texts
from bot.updates.queued_update import Needs
from drive import Drive
from security.credential import Owner
from security.custody.deadline import Deadline
from security.errors import ConsentRequired, OperatorFault

T = TypeVar("T")
Bag = dict[Any, Any]


class BotContext(CallbackContext[ExtBot[int], Bag, Bag, Services]):
    """python-telegram-bot makes one for every update and job."""

    owner: Owner
    """Who sent the update, once the gate has let it through; a job has none."""
    t: Texts
    """The catalogue in the language of whoever sent the update."""

    number: int = -1
    """The update's; -1: it is a job."""
    deadline: Deadline | None = None
    """Until when its sender waits for Google; nobody waits for a job."""

    @property
    def services(self) -> Services:
        """Everything handlers reach for, which the application keeps as its `bot_data`."""
        return self.bot_data

    @property
    def core(self) -> Core:
        """The core."""
        return self.services.core

    @property
    def jobs(self) -> JobQueue[BotContext]:
        """The application's JobQueue, which `build_application` always gives it."""
        if self.job_queue is None:
            raise RuntimeError("the application was built without its JobQueue")
        return cast("JobQueue[BotContext]", self.job_queue)

    def later(
        self,
        seconds: float | timedelta,
        work: Callable[..., Coroutine[Any, Any, None]],
        *arguments: object,
        name: str,
    ) -> None:
        """Do `work(context, *arguments)` in a while, as a job of that name."""
        self.jobs.run_once(
            lambda context: work(context, *arguments),
            seconds,
            name=name,
            # What is late is still wanted: JobQueue would skip it after one second.
            job_kwargs={"misfire_grace_time": None},
        )

    def sign(self, emoji: str, purpose: str, argument: str = "") -> Html:
        """For a question that is answered by a reply: see `questions.sign`."""
        base_url = self.services.options.link_base_url
        return questions.sign(self.bot, base_url, emoji, purpose, argument)

    @property
    def private_address(self) -> str:
        """Where the bot's private chat opens."""
        return f"{self.services.options.link_base_url}/{self.bot.username}"

    def is_admin(self, owner: Owner) -> bool:
        """Whether `owner` administers this bot."""
        return owner.telegram_id in self.services.options.admin_user_ids

    async def on_drive(self, work: Callable[[Drive], T]) -> T:
        """`work` on the Drive of whoever waits for it.

        Raises:
            CustodyError: in all its kinds; TransientFault("timeout") where they wait no longer.
            NotWanted: they have ended it.
        """
        self.services.inbox.ask_google(self.number, Needs.GOOGLE)
        return await self.core.drives.run(self.owner, work, self.deadline)

    async def in_time(self, work: Awaitable[T]) -> T:
        """`work`, which asks Google about the sender's connection; what it may not be cut short in
        goes on where they wait no longer.

        Raises:
            TransientFault: "timeout": they wait no longer; and what `work` raises.
            NotWanted: they have ended it.
        """
        self.services.inbox.ask_google(self.number, Needs.DECIDES)
        if self.deadline is None:
            return await work
        async with self.deadline.kept():
            return await work

    async def has_ended_in_time(self, work: asyncio.Future[T]) -> bool:
        """Whether `work`, which asks Google and goes on whatever happens, ends while they wait."""
        self.services.inbox.ask_google(self.number, Needs.DECIDES)
        left = None if self.deadline is None else self.deadline.left
        await asyncio.wait((work,), timeout=left)
        return work.done()

    def beside(
        self, work: Coroutine[Any, Any, None], update: Update | None = None, *, name: str
    ) -> asyncio.Task[None]:
        """Have `work` done, for which this handler does not wait; a stop of the bot does.

        Args:
            update: whose sender is told where it fails; None: nobody is.
        """
        if self.application.running:
            return self.application.create_task(work, update, name=name)
        return self.core.workers.uncancelled(work)  # the library would not wait for it any more

    async def is_connected(self, owner: Owner) -> bool:
        """Whether a credential is kept, be it for now unreadable: an operator's to mend."""
        try:
            credential = await self.core.custodian.load(owner)
        except OperatorFault:
            return True
        return credential is not None and credential.state == "active"

    async def is_account(self, account_id: str) -> bool:
        """Whether whoever sent the update is connected with this Google account; "": any.

        Raises:
            CustodyError: there is none, or it cannot be told.
        """
        credential = await self.core.custodian.load(self.owner)
        if credential is None:
            raise ConsentRequired("not connected", code="not_connected")
        return account_id in ("", credential.account_key or "")

    async def texts_for(self, owner: Owner) -> Texts:
        """The catalogue in this person's language."""
        return await self.core.preferences.texts(owner)


BotApplication = Application[ExtBot[int], BotContext, Bag, Bag, Services, JobQueue[BotContext]]
