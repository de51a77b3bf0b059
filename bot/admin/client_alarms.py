"""Tells administrators, once each, that the key of a department's computer looks stolen; and does
what they decide about it."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import partial

from telegram import Message, Update
from telegram.ext import ExtBot

from bot.admin import admin_keyboards
from bot.context import BotContext
from bot.delivery.conversation import argument_of
from bot.delivery.messages import acknowledge, show_instead
from bot.notices import to_administrators, was_put_off
from bot.services import Services
from bot.texts import admin_texts
from bot.texts.buttons import Shown
from bot.texts.catalogue import Texts
from departments.administrators import who
from departments.clients.alarms import Alarm
from departments.clients.clients import Client
from security.errors import CustodyError


async def look(context: BotContext) -> None:
    """Whoever else has to hear of trouble is told, and administrators of suspicious keys."""
    await context.core.alerts.look()
    await tell(context.bot, context.services)


async def tell(bot: ExtBot[int], services: Services) -> None:
    """Tell administrators of each alarm once."""
    core = services.core
    try:
        if not await core.workers.read(core.alerts.alarms.untold):
            return  # nobody has to be asked for it
        async with services.telling() as may_tell:
            for alarm in await core.workers.read(core.alerts.alarms.untold):
                if not may_tell():  # the next look, or another process, tells of the others
                    return
                # To its end, whatever becomes of this job: half told is never told.
                await core.workers.finish(_tell(bot, services, alarm))
    except CustodyError:  # the storage fails just now: the next look's turn
        return


async def _tell(bot: ExtBot[int], services: Services, alarm: Alarm) -> None:
    core, alarms = services.core, services.core.alerts.alarms

    async def mark(told: bool) -> None:
        await core.workers.run(partial(alarms.mark_told, alarm, told=told))

    client = await core.workers.read(core.alerts.computers.find, alarm.client)
    department = core.alerts.departments.find(alarm.department)
    name = department.name if department is not None else alarm.department
    send = partial(to_administrators, bot, services, partial(_message, alarm, client, name))
    await core.fleet.tell_once(mark, send, was_put_off)


def _message(alarm: Alarm, client: Client | None, department: str, t: Texts) -> Shown:
    facts = [
        t.tr("Since {time}", time=t.moment(datetime.fromtimestamp(alarm.since, UTC))),
        t.tr("Code: <code>{code}</code>", code=alarm.code),
    ]
    if client is None:
        paragraphs = [
            t.tr("🔑 <b>Somebody tries keys of departments' computers</b>"),
            t.tr(
                "More than 50 keys or pairing codes that are none came from one address within "
                "ten minutes. None of them has opened anything, and after ten in a minute further "
                "ones are refused."
            ),
            "\n".join(facts),
            admin_texts.what_to_do(
                t.tr(
                    "Nothing, if it stops by itself. If it goes on, keep that address away at your "
                    "proxy or firewall."
                ),
                t,
            ),
        ]
        return "\n\n".join(paragraphs), admin_keyboards.alarm(t, alarm.id, may_block=False)
    facts.insert(0, t.tr("Department: {department}", department=department))
    paragraphs = [
        t.tr("🔑 <b>A key looks stolen: {label}</b>", label=client.label),
        _seen(alarm, t),
        "\n".join(facts),
    ]
    if client.state == "blocked":
        paragraphs.append(t.tr("The key is blocked: its computer cannot upload for now."))
    paragraphs.append(
        admin_texts.what_to_do(
            t.tr(
                "Ask the department whether it was them. If nobody knows, block the key, and pair "
                "the computer anew."
            ),
            t,
        )
    )
    may_block = client.is_active
    return "\n\n".join(paragraphs), admin_keyboards.alarm(t, alarm.id, may_block=may_block)


def _seen(alarm: Alarm, t: Texts) -> str:
    match alarm.code:
        case "client_busy":
            return t.tr(
                "Used {count} times in this hour; the most in any hour of the last two weeks was "
                "{busiest}.",
                count=alarm.count,
                busiest=alarm.busiest,
            )
        case "client_second_machine":
            return t.tr("A second machine uses the same key.")
        case "client_stopped_key":
            return t.tr(
                "It no longer opens anything, and is used all the same: by its computer, or by "
                "somebody who has it."
            )
        case _:
            return t.tr("It was used for another department.")


async def decide(update: Update, context: BotContext) -> None:
    """The buttons below an alarm: block the key, or leave it."""
    await acknowledge(update.callback_query)
    action, _, which = argument_of(update.callback_query).partition(":")
    core, t = context.core, context.t
    by = who.user(int(context.owner.key))
    try:
        going_on = await core.workers.read(core.alerts.alarms.open)
        alarm = next((one for one in going_on if one.id == which), None)
        if alarm is None:
            text = t.tr("👌 That is over already: somebody has dealt with it.")
        elif action == "block":
            await core.key_stops.block(alarm.client, by)
            text = t.tr(
                "🚫 The key of {label} is blocked. <code>drivekeeper clients unblock {id}</code> "
                "lets the computer in again; to end it for good, revoke it and pair the computer "
                "anew.",
                label=alarm.label,
                id=alarm.client,
            )
        else:
            await core.workers.run(core.alerts.alarms.dismiss, which)
            client = await core.workers.read(core.alerts.computers.find, alarm.client)
            if client is not None and client.state == "blocked" and client.because:
                await core.key_stops.unblock(alarm.client, by)
            text = t.tr("👌 Noted.")
            if alarm.client:
                text += " " + t.tr("The key opens what it opened before.")
    except CustodyError as error:
        text = t.tr(
            "⚠️ Nothing was changed: the bot's data cannot be used just now ({code}).",
            code=error.code,
        )
    query = update.callback_query
    if query is not None and isinstance(query.message, Message):
        await show_instead(update, context, text, None)
