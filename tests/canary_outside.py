"""What comes from outside in odd shapes, with canaries wherever a word can stand."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from security.credential import Owner
from tests.bot.test_planted import PLANTED
from tests.bot.test_planted import put as plant
from tests.bot.upkeep import sweep
from tests.canaries import telegram_id
from tests.security.kit import a_credential

if TYPE_CHECKING:
    from tests.test_canary import Stage

_INFO: Final = "type.googleapis.com/google.rpc"


def refusal_of_drive(word: str, reason: str = "") -> dict[str, Any]:
    """Drive's newer form, which tells by details; `reason`, where one is known, among them.

    https://google.aip.dev/193#error_model
    """
    old = {
        "reason": "forbidden" if reason else word,
        "domain": word,
        "message": word,
        "location": word,
    }
    details: list[Any] = [
        {"@type": f"{_INFO}.ErrorInfo", "reason": reason or word, "domain": word},
        {"@type": f"{_INFO}.LocalizedMessage", "locale": word, "message": word},
        {"@type": word, "reason": [word], "metadata": {word: word}},
        word,
    ]
    details[0]["metadata"] = {"consumer": f"projects/{word}", "service": word}
    return {
        "error": {
            "code": 403,
            "message": word,
            "status": word,
            "errors": [old, word],
            "details": details,
        }
    }


def odd_tokens(word: str) -> list[Any]:
    """What Google's token endpoint never answers: each would be half an answer at best."""
    good = {"access_token": word, "expires_in": 3599, "token_type": "Bearer"}
    return [
        [word],
        word,
        {word: word},
        {**good, "access_token": [word]},
        {**good, "access_token": f"{word}\r\n{word}"},
        {**good, "expires_in": word},
        {**good, "refresh_token": {word: word}},
        {"error": {"message": word, "status": word}},
        {"error": [word], "error_description": word, "error_uri": word},
    ]


def no_files(word: str) -> list[dict[str, Any]]:
    """What a message may hold that is no file."""
    place = {"latitude": 25.1, "longitude": 121.4}
    option = {"text": word, "voter_count": 0, "persistent_id": word}
    return [
        {
            "poll": {
                **{"id": word, "question": word, "options": [option], "total_voter_count": 0},
                **dict.fromkeys(("is_closed", "is_anonymous", "allows_multiple_answers"), False),
                **dict.fromkeys(("allows_revoting", "members_only"), False),
                "type": "regular",
            }
        },
        {"venue": {"location": place, "title": word, "address": word, "foursquare_id": word}},
        {"story": {"chat": {"id": telegram_id(), "type": "private", "title": word}, "id": 1}},
        {"dice": {"emoji": word, "value": 1}},
    ]


async def send_no_files(stage: Stage, ann: Person, said: Message) -> None:
    """Each is answered so."""
    about = {name: said.raw[name] for name in ("from", "chat", "date")}
    async with TelegramControls(stage.sandbox.url) as telegram:
        for number, content in enumerate(no_files(stage.world.new("what is no file"))):
            raw = {**about, **content, "message_id": said.id + 10_000 + number}
            await telegram.inject("message", raw)
            await ann.wait_for("cannot put this into a Drive")


def marked(document: Any, word: str) -> Any:
    """The same with a canary in the place of every word."""
    if isinstance(document, dict):
        return {key: marked(value, word) for key, value in document.items()}
    if isinstance(document, list):
        return [marked(value, word) for value in document]
    return word if isinstance(document, str) and ":" not in document else document


async def plant_documents(stage: Stage, ann: Person, *others: Person) -> None:
    """Plaintext beside a key, where each kind of document stands; one that is another's."""
    world, folder = stage.world, stage.bot.folder
    await stage.connected(ann)
    word = world.new("a planted document")
    for name, document in PLANTED.values():
        if not (folder / name).exists():
            plant(folder, name, marked(document, word))
    for person in others:
        owner = Owner.user(person.id)
        secrets = a_credential(owner, generation=9).to_document() | {"account": f"{word}@{word}"}
        stage.token_file(person).unlink(missing_ok=True)
        plant(folder, stage.token_file(person).name, marked(secrets, word))
    sealed = next(path for path in (folder / "maintenance").glob("*.json") if path.stat().st_size)
    for source in (stage.token_file(ann), sealed):
        number = telegram_id()
        world.canaries.add("Telegram id", number, identity=True)
        shutil.copy(source, folder / f"token_{number}.json")
    for person in others:
        await person.send("/status")
        await person.wait_for("set-up")
    await sweep(stage.bot)
    await stage.says('"document_refused"', len(others) + 2)
    for why in ("plaintext_refused", "wrong_owner"):
        await stage.says(f'"{why}"', 2)


async def flood(stage: Stage, ann: Person) -> None:
    """More than is kept of one person's; the first without room is named to them."""
    owner = str(ann.id)
    held = await stage.google.fault("telegram.sendMessage", "latency", seconds=60, owner=owner)
    for number in range(12):
        name, caption = stage.world.file_name("txt"), stage.world.new("caption")
        await ann.send_document(b"flood %d" % number, name, caption=caption)
    await ann.wait_for("I have taken nothing", since=0)
    await stage.google.ask("DELETE", f"/faults/{held}")
    await stage.says('"update_refused"')


def settings_file(folder: Path, word: str) -> tuple[Path, int]:
    """One that an operator has spoilt, and how many lines of it are wrong."""
    wrong = [
        f"TELEGRAM_BOT_TOKN=1234567:{word}",
        f"TELEGRAM_BOT_TOKEN_FIEL=/{word}/{word}",
        f"GOOGLE_CLIENT_SECRTE=GOCSPX-{word}",
        f"TOKEN_ENCRYPTION_KEY='{word}' # {word}",
        f"  {word}",
        f"1234567:{word}",
        f"GOCSPX-{word}={word}",
        f"export GOOGLE_CLIENT_ID {word}",
        f"LOG_MASK_KYE='{word}",
        f"TELEGRAM_LOCAL_MODE={word}",
        f"HTTPS_PROXY=http://{word}:{word}@[{word}/",
        f"GOOGLE_OTHER_CLIENTS=${{{word}}}",
        f"{word}={word}",
        json.dumps({word: word}),
    ]
    file = folder / "spoilt.env"
    file.write_text("\n".join(wrong))
    return file, len(wrong)
