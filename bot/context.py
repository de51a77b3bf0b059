"""What python-telegram-bot hands to every handler and job: the services, and a person's texts."""

from __future__ import annotations

from typing import Any, cast

from telegram.ext import Application, CallbackContext, ExtBot, JobQueue

from bot.core import Core
from bot.services import Services
from bot.texts.catalogue import Texts
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
        return Texts(await self.core.preferences.language(owner))


BotApplication = Application[ExtBot[int], BotContext, Bag, Bag, Services, JobQueue[BotContext]]
