"""What python-telegram-bot hands to every handler and job: the services, and a person's texts."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any, cast

from telegram.ext import Application, CallbackContext, ExtBot, JobQueue

from bot.core import Core
from bot.services import Services
from bot.texts import questions
from bot.texts.catalogue import Html, Texts
from security.credential import Owner
from security.errors import OperatorFault

Bag = dict[Any, Any]


class BotContext(CallbackContext[ExtBot[int], Bag, Bag, Services]):
    """python-telegram-bot makes one for every update and job."""

    owner: Owner
    """Who sent the update, once the gate has let it through; a job has none."""
    t: Texts
    """The catalogue in the language of whoever sent the update."""

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

    async def is_connected(self, owner: Owner) -> bool:
        """Whether a credential is kept, be it for now unreadable: an operator's to mend."""
        try:
            credential = await self.core.custodian.load(owner)
        except OperatorFault:
            return True
        return credential is not None and credential.state == "active"

    async def texts_for(self, owner: Owner) -> Texts:
        """The catalogue in this person's language."""
        return await self.core.preferences.texts(owner)


BotApplication = Application[ExtBot[int], BotContext, Bag, Bag, Services, JobQueue[BotContext]]
