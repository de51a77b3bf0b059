"""/connect for who is connected already, or was: what a new connection takes the place of."""

from __future__ import annotations

from telegram import Update

from bot.connecting import keyboards
from bot.context import BotContext
from bot.delivery.messages import acknowledge, show_instead
from bot.texts.buttons import Shown
from bot.texts.catalogue import Texts
from security.credential import Credential
from security.errors import OperatorFault


async def as_it_is(context: BotContext) -> Shown | None:
    """What to say, and to ask, before anything is begun; None: nothing works that could be lost."""
    owner, t = context.owner, context.t
    try:
        credential = await context.core.custodian.load(owner)
        if credential is None or await context.core.custodian.was_quarantined(owner):
            return None
    except OperatorFault:
        text = t.tr(
            "🔌 You are connected, but I cannot read your connection: something is wrong with "
            "this bot's set-up. It is not your fault, and you need not connect again; whoever runs "
            "this bot has to fix it."
        )
        return text, keyboards.connect_all_the_same(t)
    return _text(credential, t), keyboards.connect_all_the_same(t)


def _text(credential: Credential, t: Texts) -> str:
    if credential.account is None:
        head = t.tr("✅ You are connected already.")
    else:
        account = credential.account.get_secret_value()
        head = t.tr("✅ You are connected already, as <b>{account}</b>.", account=account)
    replaced = t.tr(
        "Connecting again takes this connection's place:\n"
        "• with the same Google account your permission is renewed, and nothing else changes;\n"
        "• with another account your files go into its Drive from then on. Those that still wait "
        "are cancelled, and your choice of a folder is forgotten.\n\n"
        "What is in your Drive stays there, and nothing changes before you have approved at Google."
    )
    return f"{head}\n\n{replaced}"


async def earlier(context: BotContext) -> str:
    """About a connection that has stopped working, for whoever connects anew; "": there is none."""
    if not await context.core.custodian.was_quarantined(context.owner):
        return ""
    credential = await context.core.custodian.last_credential(context.owner)
    if credential is None or credential.account is None:
        said = context.t.tr(
            "Your earlier connection has stopped working; this one takes its place."
        )
    else:
        said = context.t.tr(
            "Your earlier connection, as {account}, has stopped working; this one takes its place.",
            account=credential.account.get_secret_value(),
        )
    return f"\n\n{said}"


async def keep(update: Update, context: BotContext) -> None:
    """The button that leaves the connection as it is."""
    await acknowledge(update.callback_query)
    await show_instead(update, context, context.t.tr("👌 Everything stays as it is."))
