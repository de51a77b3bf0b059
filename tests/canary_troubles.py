"""What goes wrong on a marked installation, with canaries wherever a word can stand."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from desktop.keeping.files import FOLDER
from security.encryption import TokenEncryption
from security.storage.files.locks import waiting_lock
from sheets.people.asks import Decider
from sheets.people.services import DutyPeople
from tests.canary_installation import House
from tests.security.kit import full_disk
from tests.stores import storage_in, store_in

Trouble = Callable[[House], AbstractContextManager[object] | None]
"""Puts it into a house; what it gives lasts while the command runs."""


def fine(house: House) -> None:
    """Nothing is wrong with it."""


def full(house: House) -> AbstractContextManager[object]:
    """The disk takes nothing."""
    return full_disk()


def damaged(house: House) -> None:
    """Every document is overwritten, cut or changed, each in another way."""
    text = house.new("damage")
    # Departments' last: those of people are damaged in the same ways, whatever else there is.
    files = sorted(house.files(), key=lambda path: path.parent.name in ("access", "clients"))
    for number, path in enumerate(files):
        data = path.read_bytes()
        path.write_bytes(
            (
                text.encode(),
                data[: len(data) // 2],
                f'{{"token": "{text}", "refresh_token": ["{text}"], "owner": "{text}"}}'.encode(),
                f'{{"v": 1, "alg": "fernet", "kid": "{text[:12]}", "data": "{text}"}}'.encode(),
                f'{{"v": 9, "alg": "{text}", "kid": "{text}", "data": "{text}"}}'.encode(),
                f'{{"drivekeeper": {{"owner": "{house.marked.owners["eve"].name}"}}}}'.encode(),
            )[number % 6]
        )
    with (house.folder / "audit" / "audit.jsonl").open("a") as file:
        file.write(f"{house.marked.damage}\n{house.marked.damage}")


def swapped(house: House) -> None:
    """Ann's file is where Dora's was."""
    ann, dora = (house.folder / f"{house.marked.owners[n].stem}.json" for n in ("ann", "dora"))
    dora.write_bytes(ann.read_bytes())


def copies_damaged(house: House) -> None:
    """The quarantine's files hold something else."""
    for path in (house.folder / "quarantine").iterdir():
        path.write_text(house.new("damage"))


def folders_are_files(house: House) -> None:
    """Where there should be folders."""
    for name in ("quarantine", "locks", "audit", "uploads", "maintenance", "tombstones"):
        (house.folder / name).rename(house.folder.with_name(f"aside-{name}"))
        (house.folder / name).write_text(house.new("a file in the wrong place"))


def google_says(kind: str, **options: object) -> Trouble:
    """That is all that Google answers, with canaries in it."""

    def trouble(house: House) -> None:
        rubbish = house.new("Google's answer")
        said = {"body": rubbish, "error": rubbish, "error_description": rubbish}
        wanted = {"oauth_error": ("error", "error_description"), "drop": ()}.get(kind, ("body",))
        house.fault("google.*", kind, **{name: said[name] for name in wanted} | options)
        said["body"] = f'{{"ok": false, "description": "{rubbish}"}}'
        if kind != "oauth_error":
            house.fault("telegram.*", kind, **{name: said[name] for name in wanted} | options)

    return trouble


def revoked(house: House) -> None:
    """Everybody has taken the access away."""
    around = house.marked.around
    for credential in house.marked.granted.values():
        assert credential.account
        account = credential.account.get_secret_value()
        around.do(around.google.revoke(account))


def backed_up(house: House) -> None:
    """There is an archive."""
    assert house.run("backup {archive}").code == 0


def with_tables(house: House) -> None:
    """There is a database, where a case's own settings name it."""
    assert house.run("db upgrade", DATABASE_URL=_database(house)).code == 0


def moved(house: House) -> None:
    """Everything is in that database."""
    assert house.run("tokens move --to sql", DATABASE_URL=_database(house)).code == 0


def _database(house: House) -> str:
    return f"sqlite:///{house.around}/{house.marked.setting}/{house.marked.setting}.db"


def cut(house: House) -> None:
    """There is half an archive."""
    backed_up(house)
    house.archive.write_bytes(house.archive.read_bytes()[:-200])


def forged(house: House) -> None:
    """Its first line is somebody else's."""
    backed_up(house)
    first, _, rest = house.archive.read_text().partition("\n")
    kid = first.split('"kid": "')[1].split('"')[0]
    house.archive.write_text(f"{first.replace(kid, house.new('damage')[:12])}\n{rest}")


def sheet_whole(house: House) -> None:
    """The roster has all its people."""
    house.marked.show_people(4)


def sheet_read(house: House) -> None:
    """It was read once."""
    sheet_whole(house)
    assert house.run("sheets sync", **house.marked.of_sheets).code == 0


def sheet_held(house: House) -> None:
    """Over half of its people have gone since."""
    sheet_read(house)
    house.marked.show_people(1)
    assert house.run("sheets sync", **house.marked.of_sheets).code == 1


def linked(house: House) -> None:
    """Ann is linked to a roster."""
    marked = house.marked
    storage = storage_in(house.folder, TokenEncryption([marked.old]), marked.mask)
    people, number = DutyPeople.of(storage, {}, lambda owner: True), house.new("number")
    ask, _ = people.asks.ask(marked.owners["ann"], number, house.new("name"))
    by = Decider(marked.owners["bob"], house.new("administrator"))
    people.asks.confirm(ask.id, "tanhae", number, by)
    people.calendars.issue(marked.owners["ann"])
    storage.close()


def no_archive(house: House) -> None:
    """There is something else."""
    house.archive.write_text(house.new("damage"))


def gone(house: House) -> None:
    """There is an archive, and nothing else."""
    backed_up(house)
    for path in house.files():
        path.unlink()


def desk_is_a_link(house: House) -> None:
    """Where the desktop keeps its things."""
    home = Path(house.settings["HOME"])
    home.mkdir()
    (home / FOLDER).symlink_to(home)


@contextmanager
def bot_runs(house: House) -> Iterator[None]:
    """A bot holds the folder."""
    with waiting_lock(house.folder / "locks" / "bot.lock", 0):
        yield


@contextmanager
def somebody_writes(house: House) -> Iterator[None]:
    """Ann's lock is held for a while, and her file is written meanwhile."""
    marked = house.marked
    store = store_in(house.folder, TokenEncryption([marked.old]), marked.mask)
    begun, owner = threading.Event(), marked.owners["ann"]

    def write() -> None:
        with store.leased(owner) as lease:
            begun.set()
            for _ in range(30):
                store.save_newest(marked.granted[owner], lease=lease)
                threading.Event().wait(0.01)

    writer = threading.Thread(target=write)
    writer.start()
    begun.wait()
    yield
    writer.join()


def beside_a_bot(house: House) -> AbstractContextManager[object]:
    """There is an archive, and the bot runs."""
    backed_up(house)
    return bot_runs(house)


def gone_and_full(house: House) -> AbstractContextManager[object]:
    """There is nothing else, and no room."""
    gone(house)
    return full_disk()
