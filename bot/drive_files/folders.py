"""/folder: where a person's files go: the bot's folders, new ones, sub-folders by date."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from telegram import Update

from bot.context import BotContext
from bot.delivery.conversation import message_of
from bot.delivery.messages import say
from bot.drive_files import folder_keyboards
from bot.drive_files.explaining import explained, show, tapped
from bot.preferences.folder_choices import TEMPLATES, FolderChoice, clean_template, folders_for
from bot.texts import questions
from bot.texts.catalogue import Texts
from bot.texts.filenames import shown_path, shown_text
from bot.texts.folder_names import NoFolderNames, explain, folder_names
from drive import Drive, DriveFolder, DriveRefused, folders_in
from security.errors import ConsentRequired

NAMING: Final = "folder"


@dataclass(frozen=True, slots=True, repr=False)
class _Level:
    """A folder with what is around it and in it; no `path`: the top."""

    path: tuple[DriveFolder, ...]
    inside: tuple[DriveFolder, ...]


@explained()
async def folder(update: Update, context: BotContext) -> None:
    """/folder, /folder Name, /folder template …; its buttons open a folder, or turn its pages."""
    arguments = context.args or []
    if arguments and arguments[0].lower() != "template":
        await _offer(update, context, "", " ".join(arguments))
        return
    if arguments:
        text = " ".join(arguments[1:])
        try:
            template = TEMPLATES[text] if text in TEMPLATES else clean_template(text)
        except ValueError:
            await say(update, context, _no_template(context.t))
            return
        await _choose(context, template=template)
    folder_id, page = tapped(update)
    await _show(update, context, folder_id, page=int(page) if page.isdecimal() else 0)


@explained(look="/folder")
async def use(update: Update, context: BotContext) -> None:
    """The button that makes a folder the one files go into."""
    folder_id, _ = tapped(update)
    await _choose(context, folder_id=folder_id)
    await _show(update, context, folder_id)


@explained(look="/folder")
async def by_date(update: Update, context: BotContext) -> None:
    """The button of the sub-folders by date."""
    folder_id, kind = tapped(update)
    await _choose(context, template=TEMPLATES.get(kind, ""))
    await _show(update, context, folder_id)


@explained()
async def ask_name(update: Update, context: BotContext) -> None:
    """The button that makes a new folder: its name is the answer to a question."""
    folder_id, _ = tapped(update)
    level = await _look(context, folder_id)
    sign = context.sign("➕", NAMING, level.path[-1].id if level.path else "")
    text = (
        context.t.tr(
            "{sign} What shall the new folder in “{folder}” be called? Reply to this message with "
            "its name.",
            sign=sign,
            folder=shown_text(level.path[-1].name),
        )
        if level.path
        else context.t.tr(
            "{sign} What shall the new folder be called? Reply to this message with its name.",
            sign=sign,
        )
    )
    markup = questions.box(context.t.label("Name of the folder"))
    await say(update, context, text, markup)


@explained(look="/folder")
async def make(update: Update, context: BotContext) -> None:
    """Make the folders of the names that somebody has replied with."""
    await _offer(update, context, *questions.answer_in(message_of(update)))


async def _offer(update: Update, context: BotContext, parent_id: str, wanted: str) -> None:
    """Offer the folder that is wanted: the one that is there, or a new one.

    It is made at once, and chosen only by a tap: whoever puts folders in order makes several.
    """
    try:
        names = folder_names(wanted)
    except NoFolderNames as fault:
        await _account(context)  # who is not connected is told that first
        await say(update, context, explain(fault, context.t))
        return
    way, is_new = await context.on_drive(lambda drive: _walk(drive, parent_id, names))
    await _show(update, context, way[-1].id, offered=way, is_new=is_new)


def _walk(
    drive: Drive, parent_id: str, names: Sequence[str]
) -> tuple[tuple[DriveFolder, ...], bool]:
    """The bot's folders of these names within each other, and whether one had to be made. Blocks.

    Those that are there are taken, also where only capitals differ.
    """
    known, way, is_new = drive.all_folders(), list[DriveFolder](), False
    for name in names:
        here = folders_in(known, parent_id)
        same = [folder for folder in here if folder.name == name]
        alike = [folder for folder in here if folder.name.casefold() == name.casefold()]
        if found := [*same, *alike]:
            way.append(found[0])
        else:
            is_new = True
            way.append(drive.ensure_subfolder(name, parent_id or None))
        parent_id = way[-1].id
    return tuple(way), is_new


async def _account(context: BotContext) -> str:
    credential = await context.core.custodian.load(context.owner)
    if credential is None:
        raise ConsentRequired("not connected", code="not_connected")
    return credential.account_key or ""


async def _choose(context: BotContext, *, folder_id: str = "", template: str | None = None) -> None:
    """Remember a folder or a template."""
    destinations, run = context.services.destinations, context.core.workers.run
    account = await _account(context)
    path = (await _look(context, folder_id)).path if folder_id else ()
    if template is None:
        template = (await run(destinations.choice, context.owner, account)).template
    await run(destinations.choose, context.owner, account, path, template)


async def _look(context: BotContext, folder_id: str, made: Sequence[DriveFolder] = ()) -> _Level:
    """The folder and all around it, in one request.

    Raises:
        CustodyError: DriveRefused(file_gone): there is no such folder any more.
    """

    def work(drive: Drive) -> _Level:
        folders = drive.all_folders()
        listed = {folder.id for folder in folders}
        # A list may lag behind what was made a moment ago.
        folders += [folder for folder in made if folder.id not in listed]
        by_id = {folder.id: folder for folder in folders}
        path: list[DriveFolder] = []
        if folder_id and folder_id not in by_id:
            raise DriveRefused("there is no such folder", code="file_gone")
        here = by_id.get(folder_id)
        while here is not None and here not in path:
            path.insert(0, here)
            here = by_id.get(here.parent_id)
        around = path[-1].id if path else ""
        return _Level(tuple(path), tuple(folders_in(folders, around)))

    return await context.on_drive(work)


async def _show(
    update: Update,
    context: BotContext,
    folder_id: str,
    *,
    page: int = 0,
    offered: Sequence[DriveFolder] = (),
    is_new: bool = False,
) -> None:
    """A level of the bot's folders with the person's choice, instead of what was tapped.

    Args:
        offered: where it is one that somebody has named: with those of the way that they named.
        is_new: whether that has been made just now.
    """
    account = await _account(context)
    level = await _look(context, folder_id, offered)
    choice = await context.core.workers.run(
        context.services.destinations.choice, context.owner, account
    )
    page = min(page, max(len(level.inside) - 1, 0) // folder_keyboards.PAGE)
    is_offer = bool(offered) and folder_id != choice.folder_id
    markup = folder_keyboards.level(
        context.t,
        *(level.path, level.inside, page, choice.folder_id, choice.template),
        is_offer=is_offer,
    )
    note = _offered(level, context.t, is_new=is_new) if is_offer else ""
    text = _described(level, choice, context.t, note)
    if (pages := -(-len(level.inside) // folder_keyboards.PAGE)) > 1:
        text += "\n" + context.t.tr("Page {number} of {pages}", number=page + 1, pages=pages)
    await show(update, context, text, markup)


def _offered(level: _Level, t: Texts, *, is_new: bool) -> str:
    name = shown_path([folder.name for folder in level.path])
    if is_new:
        return t.tr(
            "✅ I have made <b>{folder}</b>. Tap “Use it”, and your files go there.", folder=name
        )
    return t.tr(
        "📁 <b>{folder}</b> is there already. Tap “Use it”, and your files go there.", folder=name
    )


def _described(level: _Level, choice: FolderChoice, t: Texts, note: str) -> str:
    lines = [t.tr("📂 Your files go into the folder <b>{folder}</b>.", folder=choice.name)]
    if choice.template:
        today = shown_path(folders_for(choice.template, datetime.now(UTC)))
        lines.append(t.tr("🗓 In there into sub-folders by date; today: {folder}", folder=today))
    lines += [note, ""] if note else [""]
    if level.path:
        name = shown_path([folder.name for folder in level.path])
        lines.append(
            t.tr("Inside “{folder}”:", folder=name)
            if level.inside
            else t.tr("Inside “{folder}” there are no folders.", folder=name)
        )
    else:
        lines.append(
            t.tr("The folders I have made in your Drive:")
            if level.inside
            else t.tr("I have made no folders in your Drive yet.")
        )
    return "\n".join(lines)


def _no_template(t: Texts) -> str:
    return t.tr(
        "🤔 I do not understand this template. It is made of names of folders with a slash "
        "between them, and of {fields}. For example: <code>{example}</code>. Without sub-folders: "
        "<code>{off}</code>.",
        fields="{year}, {month}, {day}",
        example="/folder template {year}/{month}",
        off="/folder template off",
    )
