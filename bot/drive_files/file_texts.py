"""Files that are in Drive, in words: what they are, and why something did not work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bot.texts import buttons, file_keyboards
from bot.texts.buttons import Shown
from bot.texts.catalogue import Html, Texts
from bot.texts.organisation import organisation_refuses
from bot.texts.reader import that_is_you
from drive import Drive, DriveFile, DriveFolder, DriveRefused
from drive.uploading.names import clean_name
from security.custody.deadline import NotWanted
from security.errors import (
    ConsentRequired,
    CorruptCredential,
    CustodyError,
    OperatorFault,
    RefusedByOrganisation,
    TransientFault,
)

_DESCRIPTION_LENGTH: Final = 1000


class FolderGone(DriveRefused):
    """The folder that was chosen, not the file."""

    default_code = "file_gone"


class OtherAccount(DriveRefused):
    """What is meant lies in a Google account that is not the one connected."""

    default_code = "account_changed"


class AlbumForgotten(DriveRefused):
    """Which files belonged to it is no longer kept."""

    default_code = "gone"


class FolderInBin(DriveRefused):
    """Nothing gets out of the bin before the folder it lies in."""


@dataclass(frozen=True, slots=True, repr=False)
class Card:
    """A file with what is around it."""

    file: DriveFile
    folder: DriveFolder | None
    """None: it lies in none of the bot's folders, or in the bin."""
    shared: bool
    """Whether anyone with the link may open it."""


def card_of(drive: Drive, file_id: str) -> Card:
    """Everything about one file, in the bin or not. Blocks.

    Raises:
        DriveRefused: file_gone: there is none.
    """
    file = drive.find(file_id)
    if file is None or file.is_folder:
        raise DriveRefused("there is no such file", code="file_gone")
    if file.trashed:
        return Card(file, None, shared=False)
    folder = drive.find_folder(file.folder_id) if file.folder_id else None
    return Card(file, folder, drive.is_shared(file_id))


def card(found: Card, t: Texts, note: str = "") -> Shown:
    """A file's name, size, date, folder and link, with its buttons; first what has been done."""
    file = found.file
    markup = file_keyboards.card(t, file, shared=found.shared)
    if file.trashed:
        text = t.tr(
            "🗑 <b>{name}</b> is in your Drive's bin, which Drive empties after 30 days.",
            name=clean_name(file.name),
        )
        return text, markup
    lines = [note] if note else []
    lines.append(t.tr("📄 <b>{name}</b>", name=clean_name(file.name)))
    size = None if file.size is None else t.size(file.size)
    date = None if file.created is None else t.date(file.created)
    if size and date:
        lines.append(t.tr("{size} · {date}", size=size, date=date))
    elif size or date:
        lines.append(size or date or "")
    if file.description:
        lines.append(t.tr("💬 {text}", text=file.description[:_DESCRIPTION_LENGTH]))
    if found.folder is not None:
        folder = t.link(clean_name(found.folder.name), found.folder.link)
        lines.append(t.tr("📁 In the folder “{folder}”", folder=folder))
    if found.shared:
        lines.append(t.tr("🔗 Anyone with this link can open it:"))
        lines.append(t.link(file.link, file.link))
    return "\n".join(lines), markup


def trouble(error: CustodyError | NotWanted, t: Texts, file_id: str = "", look: str = "") -> Shown:
    """What to say when Drive, the connection or this installation does not play along.

    Args:
        file_id: of the file it is about: a button leads back to it, unless it is gone.
        look: the command that shows whether it has been done all the same; "": nothing was to be.
    """
    markup = file_keyboards.back(t, file_id) if file_id else None
    match error:
        case ConsentRequired() | CorruptCredential():
            return (
                t.tr("🔌 Your Google Drive is not connected. Connect it, and then try this again."),
                buttons.connect(t),
            )
        case AlbumForgotten():
            text = t.tr(
                "🤷 I no longer know which files belonged together here: I keep that for seven "
                "days. What has arrived is in your Drive all the same: see /files."
            )
            return text, None
        case OtherAccount():
            text = t.tr("👤 That is in another Google account than the one you use now.")
            return text, None
        case FolderGone():
            text = t.tr("🤷 That folder is no longer in your Drive.")
        case FolderInBin():
            text = t.tr(
                "🗑 Its folder is in the bin as well. Take the folder out of the bin at "
                "drive.google.com, and the file comes with it."
            )
        case DriveRefused(code="file_gone"):
            return (
                t.tr("🤷 That is no longer in your Drive, or I am no longer allowed to see it."),
                None,
            )
        case DriveRefused(code=code):
            text = _refused(code, t)
        case RefusedByOrganisation(code=code):
            text = organisation_refuses(code, t)
        case TransientFault() | NotWanted() if look:
            text = t.tr(
                "⏳ Google does not answer just now, and may have done it all the same. Before you "
                "try again, look how it stands: {look}",
                look=Html(look),  # to be tapped
            )
        case OperatorFault():
            text = t.tr(
                "⚠️ I cannot use your connection: something is wrong with this bot's set-up. "
                "It is not your fault; whoever runs this bot has to fix it. You do not have to "
                "connect again. Please try again later."
            ) + that_is_you(t)
        case _:
            text = t.tr("⚠️ Google does not answer just now. Please try again in a few minutes.")
    return text, markup


def _refused(code: str, t: Texts) -> str:
    texts = {
        "sharing_forbidden": t.tr(
            "🔒 I could not share it: the organisation your Google account belongs to does "
            "not allow links that anyone can open. Its administrator decides that."
        ),
        "bin_forbidden": t.tr(
            "🔒 This file lies in a shared drive, and your role there is not enough to put it "
            "into the bin. Ask a manager or content manager of that shared drive."
        ),
        "not_permitted": t.tr(
            "🔒 You are not allowed to do that with this file. Ask its owner, or whoever "
            "manages the shared drive it lies in."
        ),
        **dict.fromkeys(
            ("folder_refused", "too_many_items", "too_deep"),
            t.tr(
                "🔒 Google Drive lets nothing more into that folder: it is full, too deep, or not "
                "yours to write into. Choose another one."
            ),
        ),
        "policy_forbidden": t.tr(
            "🔒 The organisation your Google account belongs to does not allow that. Its "
            "administrator decides it."
        ),
        "quota_exceeded": t.tr(
            "⚠️ Your Google Drive is full. Free some space there, then try this again."
        ),
        "daily_limit": t.tr("⏳ Google Drive allows no more of that today. Try it again tomorrow."),
        "harmful_file": t.tr(
            "⚠️ Google takes this file for harmful, and does not give it out. See it at "
            "drive.google.com."
        ),
        "no_bytes": t.tr(
            "📄 Google has no file of this that could be sent: it is one of Google's own "
            "documents. Open it at drive.google.com."
        ),
    }
    return texts.get(
        code, t.tr("⚠️ Google Drive did not allow that. See whether it works at drive.google.com.")
    )


def no_files(search: str, t: Texts) -> str:
    """There is no such file, or none at all."""
    if search:
        return t.tr(
            "🔎 I found nothing for “{search}”. I look for words that begin like that in the "
            "names of the files I have put into your Drive.",
            search=search,
        )
    return t.tr(
        "🗂 I have not put anything into your Drive yet. Send me a file, and it will be here."
    )


def too_big_to_send(file: DriveFile, limit: int, t: Texts) -> Shown:
    """Why a file cannot come into the chat."""
    text = t.tr(
        "⚠️ <b>{name}</b> ({size}) is too big for Telegram: I can send files of up to {limit}. "
        "Open it in Drive instead.",
        name=clean_name(file.name),
        size=t.size(file.size or 0),
        limit=t.limit(limit),
    )
    return text, file_keyboards.opened(t, file.link)


def empty_to_send(file: DriveFile, t: Texts) -> Shown:
    """Telegram takes no file without content."""
    text = t.tr(
        "⚠️ <b>{name}</b> is empty, and Telegram takes no empty files.",
        name=clean_name(file.name),
    )
    return text, file_keyboards.opened(t, file.link)
