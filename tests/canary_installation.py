"""An installation in which everything secret or personal is a canary, and commands run on it.

Google and Telegram answer from a thread of their own: commands want the main thread and an event
loop for themselves. Whatever a command prints, whatever escapes from it, and the audit trail it
leaves are kept, and searched at the end of each test.
"""

from __future__ import annotations

import asyncio
import base64
import os
import shlex
import shutil
import sys
import threading
import time
import traceback
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar

import typer
from pydantic import SecretStr
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from bot.kinds import PREFERENCES
from bot.uploads.jobs import JobFile, UploadJob, job_id_of
from bot.uploads.journal import UploadJournal
from departments.administrators.who import operator
from departments.clients.alarms import Alarms
from departments.clients.clients import Clients
from departments.secret import AccessSecret
from sandbox.clients.google_controls import GoogleControls
from sandbox.run import bot_settings
from sandbox.server import Sandbox
from security.consent.pending import PendingConsent, PendingConsents
from security.credential import Credential, Owner
from security.encryption import TokenEncryption
from security.logging_utils import OwnerMask
from security.maintenance.documents import MAINTENANCE
from security.storage.documents import Documents
from security.storage.events import Event
from security.storage.protocol import Storage
from tests.canaries import Canaries, Leak, MarkedWorld, telegram_id
from tests.sandbox.sheets_kit import public_pem
from tests.security.kit import World, in_minutes, new_key, secret
from tests.service_accounts import KEY_ID, TOKEN_URI, encoded, in_json, pem_of, rsa_key
from tests.stores import storage_in, store_in

T = TypeVar("T")

READER: Final = "reader@example.iam.gserviceaccount.com"
SPREADSHEET: Final = "1MarkedRoster000000000000000000000000000000AA"
PEOPLE: Final = ("ann", "bob", "cleo", "dora", "eve", "town")
"""ann: connected, her token lives. bob: due. cleo: in quarantine. dora: in quarantine and connected
anew. eve: has been asked for consent. town: a department."""


class Surroundings:
    """Google and Telegram, marked, in a thread of their own."""

    def __init__(self, world: MarkedWorld) -> None:
        self.world = world
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.sandbox = Sandbox(world.config)
        self.do(self.sandbox.start())
        world.watch(self.sandbox)
        self.google = GoogleControls(self.sandbox.url)

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """The outcome of `work`, done over there."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def close(self) -> None:
        """Stop them."""
        self.do(self.google.close())
        self.do(self.sandbox.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def grant(self, owners: list[Owner], folder: Path) -> list[Credential]:
        """What Google gives for each, everybody with a marked account of their own."""
        kit = World(self.sandbox, self.google, folder, TokenEncryption())
        granted = [await kit.grant(owner, self.world.account()) for owner in owners]
        await kit.close()
        return granted


class Installation:
    """The marked secrets and data folders, plain and encrypted, to be copied for each case."""

    def __init__(self, folder: Path) -> None:
        self.canaries, self._root, self.houses = Canaries(), folder, 0
        self.said: list[tuple[str, str]] = []
        """What commands said, and which ones."""
        self.world = MarkedWorld(self.canaries, folder)
        self.around = Surroundings(self.world)
        self.old, self.newest, self.backup_key, self.stranger = (self._key() for _ in range(4))
        self.mask_key = self.world.new("mask key")
        self.address = f"{self.world.new('service account')}@example.iam.gserviceaccount.com"
        self.key_file = folder / "key.json"
        """Of a service account at Google."""
        self.key_file.touch(mode=0o600)
        self.key_file.write_text(self._service_account())
        self.mask = OwnerMask(self.mask_key.encode())
        self.damage = self.world.new("damaged trail")
        self.owners = {name: self._owner(name) for name in PEOPLE}
        owners = list(self.owners.values())
        granted = self.around.do(self.around.grant(owners, folder / "granted"))
        self.granted = dict(zip(owners, granted, strict=True))
        self.settings, self.path = self._settings(), self.world.new("folder")
        self.setting = self.world.new("setting")
        self.staff = [(self._staff_number(), self.world.new("name of staff")) for _ in range(4)]
        self.of_sheets = self._sheets(folder)
        self.folders = {
            "plain": self._seed(folder / "plain", TokenEncryption()),
            "encrypted": self._seed(folder / "encrypted", TokenEncryption([self.old])),
        }

    def _key(self) -> SecretStr:
        key = new_key()
        self.canaries.add("encryption key", secret(key).rstrip("="))
        return key

    def _service_account(self, token_uri: str = TOKEN_URI) -> str:
        pem = pem_of(rsa_key())
        # The exponent that nobody else knows: what lies around it is alike in every key.
        self.canaries.add("private key", "".join(pem.splitlines()[8:12]))
        return in_json(client_email=self.address, token_uri=token_uri)

    def _staff_number(self) -> str:
        number = telegram_id()
        self.canaries.add("staff number", number)
        return str(number)

    def _sheets(self, folder: Path) -> dict[str, str]:
        """A spreadsheet of marked people, and the settings by which it is mirrored."""
        file, faulty = folder / "sheets.toml", folder / "faulty.toml"
        file.write_text(
            f'[tanhae.roster]\nspreadsheet = "{SPREADSHEET}"\ntab = "班表"\n'
            'kind = "month-grid"\nzone = "Asia/Taipei"\n',
            "utf-8",
        )
        faulty.write_text(f'[tanhae.roster]\nkind = "{self.setting}"\n', "utf-8")
        known = {"address": READER, "key_id": KEY_ID, "public_key": public_pem(1)}
        self.around.do(self.around.google.act("service_account", **known))
        self.faulty_sheets = str(faulty)
        token_uri = self.settings["GOOGLE_TOKEN_URI"]
        account = encoded(1, client_email=READER, token_uri=token_uri)
        return {"SHEETS_FILE": str(file), "TANHAE_GOOGLE_SERVICE_ACCOUNT_JSON": account}

    def show_people(self, count: int) -> None:
        """So many are in the spreadsheet from now on."""
        rows: list[list[object]] = [["115年12月"], ["員編", "姓名", *range(1, 32)]]
        rows += [[number, name, *["0905G"] * 31] for number, name in self.staff[:count]]
        tabs = [{"title": "班表", "rows": rows}]
        made = self.around.google.act("sheet", id=SPREADSHEET, tabs=tabs, shared=[READER])
        self.around.do(made)

    def _owner(self, name: str) -> Owner:
        if name == "town":
            return Owner.parse(f"department:t{self.world.new('department')}")
        number = telegram_id()
        self.canaries.add("Telegram id", number, identity=True)
        return Owner.user(number)

    def _seed(self, folder: Path, keyring: TokenEncryption) -> Path:
        store, new = store_in(folder, keyring, self.mask), self.world.new
        store.prepare()
        ann, bob, cleo, dora, eve, town = (self.owners[name] for name in PEOPLE)
        for owner in (ann, cleo, dora, town):
            store.save_consent(self.granted[owner])
        store.save_consent(replace(self.granted[bob], expires_at=in_minutes(5)))
        store.copies.set_aside(cleo, "invalid_grant")
        store.copies.set_aside(dora, "invalid_grant")
        store.save_consent(self.granted[dora])
        now = datetime.now(UTC)
        text = {
            name: new(name)
            for name in ("address", "user_code", "device_code", "state", "code_verifier")
        }
        storage = storage_in(folder, keyring, self.mask)
        consents = PendingConsents(storage)
        consents.save(
            PendingConsent(
                owner=eve,
                id=new("consent id"),
                flow="callback",
                client_id=self.world.client_id,
                created_at=now,
                expires_at=now + timedelta(minutes=30),
                stage="approved",
                account=SecretStr(f"{new('Google address')}@example.com"),
                **dict.fromkeys(("claim_code", "access_token"), SecretStr(new("pending token"))),
                refresh_token=SecretStr(new("pending token")),
                **text,
            )
        )
        journal = UploadJournal(storage)
        journal.prepare()
        job = UploadJob(
            id=job_id_of(ann, 0, new("album")),
            owner=ann,
            chat_id=int(ann.key),
            state="failed",
            files=(
                JobFile(
                    telegram_file_id=new("Telegram file id"),
                    kind="document",
                    name=self.world.file_name("pdf"),
                    mime_type=f"application/{new('kind of file')}",
                    size=1000,
                    description=new("caption"),
                    session=SecretStr(new("session address")),
                    link=new("link"),
                ),
            ),
            created_at=now,
            reply_to=1,
            account_id=new("Google account id"),
        )
        self.canaries.add("upload id", job.id.rpartition("-")[2])
        journal.save(job)
        for kind in (PREFERENCES, MAINTENANCE):
            remembered = {"seen": new("remembered"), "for": ann.name}
            Documents(storage, kind).write(ann.stem, remembered)
        for name in (f"uploads/{new('stray file')}.json", f"{new('stray file')}.txt"):
            (folder / name).touch(mode=0o600)
            stray = f'{{"{new("stray file")}": 1}}'.encode()
            (folder / name).write_bytes(keyring.encrypt(stray))
        if keyring.kid is not None:  # there are no departments without
            self.computers = self._add_computers(storage)
        storage.record([Event("authorised", ann)])
        storage.record([Event("denied", dora, new("no result code"))])
        storage.close()
        with (folder / "audit" / "audit.jsonl").open("a") as file:
            file.write(f'{{"time": "{now.isoformat()}", "owner": "{self.damage}"}}\n')
        return folder

    def _add_computers(self, storage: Storage) -> tuple[str, str]:
        """One whose key is good, and one whose key is blocked."""
        clients = Clients(storage, AccessSecret.of(storage), Alarms(storage))
        (first, key), (second, other) = (
            clients.add("tanhae", label, (), operator("Ops")) for label in ("Desk 1", "Desk 2")
        )
        self.canaries.add_all("computer's key", [key, other])
        clients.block(second.id, "client_busy", operator("Ops"))
        return first.id, second.id

    def _settings(self) -> dict[str, str]:
        """Everything set that can hold a secret, but for keys and folders."""
        new = self.world.new
        sandbox = bot_settings(self.around.sandbox, Path("nowhere"), "device")
        account = self._service_account(sandbox["GOOGLE_TOKEN_URI"])
        return {
            **sandbox,
            "WEB_PORT": "0",
            "GOOGLE_OTHER_CLIENTS": f"{new('another client')}:{new('its secret')}",
            "TANHAE_GOOGLE_SERVICE_ACCOUNT_JSON": base64.b64encode(account.encode()).decode(),
            "ADMIN_USER_IDS": self.owners["ann"].key,
            "ALLOWED_USER_IDS": ",".join(self.owners[name].key for name in ("ann", "bob", "eve")),
            "TOKEN_BACKUP_KEY": secret(self.backup_key),
            "LOG_MASK_KEY": self.mask_key,
            "LOG_LEVEL": "DEBUG",
        }

    def house(self, app: typer.Typer, kind: str = "encrypted") -> House:
        """A copy to work on."""
        self.houses += 1
        folder = self._root / str(self.houses) / self.path / "user_data"
        shutil.copytree(self.folders[kind], folder)
        folder.chmod(0o700)
        keys = ",".join(map(secret, (self.newest, self.old))) if kind == "encrypted" else ""
        own = {"USER_DATA_DIR": str(folder), "TOKEN_ENCRYPTION_KEY": keys}
        home = self._root / str(self.houses) / "home"
        own |= {"HOME": str(home), "XDG_DATA_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
        self.around.do(self.around.google.clear_faults())
        return House(self, app, folder, {**self.settings, **own})

    def search(self) -> list[Leak]:
        """What stands in what was said since the last search."""
        self.world.harvest()
        said, self.said = self.said, []
        found = self.canaries.find("\n".join(text for _, text in said))
        if found:
            places = [line for line, text in said if self.canaries.find(text)]
            print(f"Found in: {places}")
        return found

    def close(self) -> None:
        """Stop what runs."""
        self.around.close()


@dataclass(frozen=True)
class Ran:
    """What became of a command."""

    code: int
    stdout: str
    stderr: str

    @property
    def output(self) -> str:
        """Both."""
        return self.stdout + self.stderr


class House:
    """One data folder and its settings."""

    def __init__(
        self, marked: Installation, app: typer.Typer, folder: Path, settings: dict[str, str]
    ) -> None:
        self.marked, self.folder, self.settings = marked, folder, settings
        self._app = app

    @property
    def words(self) -> dict[str, str]:
        """What stands for people, ids and files in a command's line."""
        owners = self.marked.owners
        return {
            **{name: self.marked.mask(owner.name) for name, owner in owners.items()},
            **{f"{name}_id": owner.key for name, owner in owners.items()},
            "nobody": self.marked.mask("user:1"),
            "archive": str(self.archive),
            "folder": str(self.folder),
            "key_file": str(self.marked.key_file),
            "computer": self.marked.computers[0],
            "blocked": self.marked.computers[1],
            "spreadsheet": SPREADSHEET,
        }

    @property
    def around(self) -> str:
        """The folder of this house alone, where databases go."""
        return str(self.folder.parent)

    @property
    def archive(self) -> Path:
        """Where backups go."""
        return self.folder.parent / "archive.dkb"

    def new(self, name: str) -> str:
        """One more marked text."""
        return self.marked.world.new(name)

    def files(self) -> list[Path]:
        """Every document."""
        return sorted(path for path in self.folder.rglob("*.json") if path.is_file())

    def trail(self) -> str:
        """All parts of the audit trail, without the line that the test itself has spoilt."""
        parts = (self.folder / "audit").glob("*.jsonl")
        lines = [line for part in parts for line in part.read_text().splitlines()]
        return "\n".join(line for line in lines if self.marked.damage not in line)

    def run(self, line: str, answer: str | None = None, **changes: str | None) -> Ran:
        """Run a command; what it says is kept for the search at the end."""
        arguments = shlex.split(line.format_map(self.words))
        if "--env-file" in options_of(self._app, line):
            arguments += ["--env-file", os.devnull]
        code, escaped = 0, ""
        # As `invoke` does it, which makes the whole command anew each time: most of the time.
        streams = CliRunner().isolation(answer, {**self.settings, **changes})
        with streams as (stdout, stderr, _):
            try:
                _command(self._app).main(arguments, prog_name="drivekeeper")
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else 0
            except Exception:
                code, escaped = 1, traceback.format_exc()
            sys.stdout.flush()
            sys.stderr.flush()
            ran = Ran(code, *(s.getvalue().decode() for s in (stdout, stderr)))
        # It exists to print this one id, on stdout alone.
        allowed = _asked(line, self.marked) if line.startswith("whois") and code == 0 else "\0"
        stdout_alone = ran.stdout.replace(allowed, "")
        if line.startswith("backup"):  # it says where the archive is that it was told to write
            lines = "".join(part.strip() for part in stdout_alone.splitlines())
            stdout_alone = lines.replace(str(self.archive), "{archive}")
        stderr_alone = ran.stderr
        if line.startswith("service-account"):  # both say with whom to share; one prints the key
            key = base64.b64encode(self.marked.key_file.read_bytes()).decode()
            stdout_alone = stdout_alone.replace(self.marked.address, "").replace(f"={key}\n", "")
            stderr_alone = stderr_alone.replace(self.marked.address, "")
        said = (stdout_alone, stderr_alone, escaped, self.trail())
        self.marked.said += [(line, text) for text in said]
        assert escaped == "", line
        return ran

    def fault(self, target: str, kind: str, **options: Any) -> None:
        """From now on this is how Google or Telegram answers."""
        around = self.marked.around
        around.do(around.google.fault(target, kind, count=0, **options))


def options_of(app: typer.Typer, line: str) -> set[str]:
    """What the command of this line may be given."""
    commands, words = commands_of(app), line.split()
    command = commands.get(" ".join(words[:2])) or commands[words[0]]
    return {name for parameter in command.params for name in parameter.opts}


_command = cache(get_command)


@cache
def commands_of(app: typer.Typer) -> dict[str, TyperCommand | TyperGroup]:
    """Every command there is, hidden ones too, by how it is called."""

    def walk(command: object, path: str) -> Iterator[tuple[str, TyperCommand | TyperGroup]]:
        if isinstance(command, TyperGroup):
            if command.invoke_without_command and path:
                yield path, command
            for name, inner in command.commands.items():
                yield from walk(inner, f"{path} {name}".strip())
        elif isinstance(command, TyperCommand):
            yield path, command

    return dict(walk(_command(app), ""))


def wait_for(ready: Callable[[], bool], seconds: float = 20) -> bool:
    """Wait until it is so; False: it never was."""
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _asked(line: str, marked: Installation) -> str:
    name = line.split()[1].strip("{}")
    return marked.owners[name].key
