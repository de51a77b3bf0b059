# mypy: ignore-errors
# ruff: noqa: I001, S311, PTH123
"""Writes folders.json: data folders in every state, and an archive, by a version's own code.

    cd WORKTREE_OF_4b33d84
    PYTHONPATH=. python HERE/tests/frozen/write_folders.py HERE/tests/frozen/folders.json

It imports that version's modules, whatever they are called today, and is run on that commit only.
Clock and chance stand still: run again, it writes the same bytes. Every key, token and person is
made up. What no fixed text can say, because it is another at each test (where the sandbox is, the
number of a file's bytes there, an inode), stands as a mark that tests/frozen/kit.py puts right.

Who is who (Telegram ids), in both folders but where said:

501 Ann      connected, in generation 4; half an upload with its session, one that is done, a choice
             of folder, a language
502 Bob      connected, expired; his upload is done, another failed, one was cancelled
503 Cleo     leaving, marked as such; her Google account is Dan's, too
504 Dan      connected with Cleo's Google account
505 Eve      leaving: Google has revoked, nothing else has happened
506 Fay      leaving: the tombstone is written; a copy in quarantine is to go
507 Gus      leaving: of that copy the note alone is left
508 Hal      leaving: only the credential itself is left
509 Ida      has left; only what maintenance remembers of her, and a tombstone
511 to 513   on hold: Google has ended their grants; 513 knows, and a file of his waits
521 Max      in quarantine, not told
522 Nan      in quarantine, told; connected again since
523 Ole      in quarantine twice, once with damaged bytes; told of the first
524 Pia      set aside half: the copy is there, her file as well
525          a note without its copy
526 Rob      (sealed) plaintext, set aside under a key
527 Sid      cut short where it is: not set aside yet
528 Tea      (sealed) under a key that is configured nowhere
531 Sue      device: asked; a file waits for her
532 Tim      device: approved, waits for "Yes, that is mine"
533 Uma      device: granted, and Drive not asked yet
534 Val      callback: asked
535 Wes      callback: approved, the result page shown with its code
536 Xia      callback: claimed, waits for "Yes, that is mine"
537 Yan      paste: asked
538 Zoe      paste: approved
539 Abe      paste: its code was with Google when the process ended
540 Bea      device: over by its time, and not told yet
541 Cal      callback: approved, by the account he was connected with last
551 Dot      pauses after faults of the network's
552 Eli      refused by the organisation, not told; 553 Flo: told
561 Gil      an album in a group, one of two files done
562 Hua      two updates not handled: a command, and a file
563 Ivo      a file for which a name was asked
570 Jo       an administrator
tanhae       a department, connected
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import random
import re
import secrets
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlencode

sys.path.pop(0)  # this folder: whatever lies in it is of another version

from cryptography.fernet import Fernet
from freezegun import freeze_time
from pydantic import SecretBytes, SecretStr

from bot.drive_files.folder_choices import FolderChoice, FolderChoices
from bot.updates.journal import UpdateJournal
from bot.uploads.jobs import JobFile, UploadJob, UploadJournal
from security.audit import AuditTrail
from security.backup import About, write_backup
from security.credential import Credential, Owner
from security.encryption import TokenEncryption
from security.files import SealedFolder
from security.incidents import Incident
from security.logging_utils import OwnerMask, load_mask_key
from security.memory import Memory
from security.owner_files import OwnerFiles
from security.pauses import _Pause
from security.pending_consents import PendingConsent, PendingConsents
from security.sealed_folders import documents
from security.storage.catalogue import CREDENTIALS
from security.storage.sealing import Sealer
from security.sweep_report import SweepReport
from security.token_store import TokenStore
from security.watch import Stamp

BASE = "4b33d84"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
KEY = SecretStr(base64.urlsafe_b64encode(b"made-up-for-frozen-tests-newest!").decode())
OLDER_KEY = SecretStr(base64.urlsafe_b64encode(b"made-up-for-frozen-tests-older-!").decode())
BACKUP_KEY = SecretStr(base64.urlsafe_b64encode(b"made-up-for-frozen-tests-backup!").decode())
BOT_ID = 110201543  # the sandbox's
CLIENT = "sandbox-client.apps.googleusercontent.com"
GROUP = -1002000000001  # the first that a sandbox makes
SCOPE = "https://www.googleapis.com/auth/drive.file"
PASTE = "http://127.0.0.1:47851/"
FOR_EVER = 4_000_000_000.0  # in Unix seconds; the sandbox's clock is the machine's

SANDBOX, WEB = "http://sandbox.invalid", "http://web.invalid"
SESSION = f"{SANDBOX}/the-session-of-501"


def stamp_mark(key: str) -> Stamp:
    """Stands for the inode, size and time of a token file that is laid out later."""
    return Stamp(int(key), 0, 0)


class Google:
    """What the sandbox's Google knows, as its state.json says it."""

    def __init__(self) -> None:
        self.state = {"version": 1, "consents": {}, "generated": {}}
        lists = ("accounts", "codes", "devices", "refresh", "access", "files", "shared_drives")
        self.state |= {name: [] for name in lists}

    def account(self, key: str) -> tuple[str, str]:
        """Address and permission's id; made when first named."""
        address, number = (
            f"{key}@example.com",
            f"{int(hashlib.sha256(key.encode()).hexdigest()[:12], 16):020}",
        )
        if all(account["email"] != address for account in self.state["accounts"]):
            self.state["accounts"].append(
                {"email": address, "name": key.title(), "permission_id": number}
                | {"root_id": f"0Aroot-of-{key}"}
            )
        return address, number

    def grant(self, key: str, name: str, *, lives: bool = True, serves: bool = True) -> None:
        """Tokens of this name, for this account."""
        address, _ = self.account(key)
        common = {"account": address, "client_id": CLIENT, "scopes": [SCOPE], "origin": name}
        if lives:
            self.state["consents"][address] = {"scopes": [SCOPE], "created": 1e9}
        token = {"token": f"1//0made-up-refresh-{name}", "created": 1e9, "alive": lives}
        self.state["refresh"].append(common | token)
        if lives and serves:
            access = {"token": f"ya29.made-up-access-{name}", "expires": FOR_EVER}
            self.state["access"].append(common | access)

    def device(self, name: str, user_code: str) -> None:
        """A code that nobody has entered yet."""
        self.state["devices"].append(
            {"device_code": f"made-up-device-{name}", "user_code": user_code, "client_id": CLIENT}
            | {"scopes": [SCOPE], "interval": 0.1, "created": FOR_EVER}
        )

    def folder(self, key: str) -> str:
        """The bot's folder in this Drive."""
        address, _ = self.account(key)
        parent = next(a["root_id"] for a in self.state["accounts"] if a["email"] == address)
        made = {"id": f"1folder-of-{key}", "account": address, "name": "Drivekeeper"}
        made |= {"mime_type": "application/vnd.google-apps.folder", "parents": [parent]}
        self.state["files"].append(
            made | dict.fromkeys(("created", "modified"), "2026-11-01T00:00:00.000Z")
        )
        return made["id"]


class Writer:
    """Writes one data folder."""

    def __init__(self, folder: Path, keys: list[SecretStr], google: Google, clock) -> None:
        self.folder, self.keys, self.google, self.clock = folder, keys, google, clock
        self.mask = OwnerMask(load_mask_key(folder, None))
        self.sealers = [Sealer(TokenEncryption(keys))]
        if keys:  # a rotation is half done: every other document is still under the older key
            self.sealers.append(Sealer(TokenEncryption(keys[::-1])))
        self.stores = [TokenStore(folder, sealer, self.mask) for sealer in self.sealers]
        for store in self.stores:
            store.prepare()
        self.memory = Memory(folder / "maintenance", self.sealers[0])
        self.memory.prepare()
        parts = [(PendingConsents, "consents"), (UploadJournal, "uploads")]
        made = [[kind(folder / name, s) for kind, name in parts] for s in self.sealers]
        self.consents, self.uploads = zip(*made, strict=True)
        self.updates = [UpdateJournal(folder / "updates", s, BOT_ID) for s in self.sealers]
        for part in (*self.consents, *self.uploads, *self.updates):
            part.prepare()

    def of(self, several: list, number: int):
        """The one of several that documents of this number are written by."""
        return several[number % len(several)]

    def credential(self, number: int, **changes) -> Credential:
        """A credential of this person's, under an account of their own."""
        key = changes.pop("account", f"person{number}")
        address, account_id = self.google.account(key)
        made = Credential(
            owner=Owner.user(number),
            client_id=CLIENT,
            refresh_token=SecretStr(f"1//0made-up-refresh-{number}"),
            access_token=SecretStr(f"ya29.made-up-access-{number}"),
            expires_at=NOW + timedelta(minutes=55),
            account=SecretStr(address),
            account_id=SecretStr(account_id),
            granted_at=NOW - timedelta(days=3),
        )
        return Credential(**{f: getattr(made, f) for f in made.__slots__} | changes)

    def connect(self, number: int, *, lives: bool = True, **changes) -> TokenStore:
        """Saved, as a consent is; the store it was saved by."""
        store, credential = self.of(self.stores, number), self.credential(number, **changes)
        serves = credential.expires_at > NOW
        key = credential.account.get_secret_value().partition("@")[0]
        self.google.grant(key, str(number), lives=lives, serves=serves)
        store.save_consent(credential)
        return store

    def set_aside(self, number: int, reason: str, *, told: bool) -> None:
        """What is there goes into quarantine, as after a sweep."""
        self.clock.tick(timedelta(seconds=1))
        self.of(self.stores, number).quarantine(Owner.user(number), reason, told=told)

    def credentials(self) -> None:
        """Those that are in use, those that are leaving, and the department's."""
        store = self.connect(501, generation=2)
        store.save(store.load(Owner.user(501)), based_on=3)
        self.connect(502, expires_at=NOW - timedelta(hours=2))
        self.connect(504, account="pair")
        self.connect(503, account="pair").mark_leaving(Owner.user(503))
        self.connect(505, lives=False).mark_leaving(Owner.user(505))
        for number in (506, 507, 508):  # each is left a step further
            self.connect(number)
            self.set_aside(number, "invalid_grant", told=True)
            store, owner = self.connect(number), Owner.user(number)
            store.mark_leaving(owner)
            store._bury(owner, more=1)
            if number == 507:
                for name in store.quarantined(owner):
                    (self.folder / "quarantine" / f"{name}.json").unlink()
            if number == 508:
                store.purge_quarantine(owner)
        store = self.connect(509)
        store.delete(Owner.user(509))
        for number in (511, 512, 513):
            self.connect(number, lives=False, expires_at=NOW - timedelta(minutes=20))
        for number in (551, 552, 553):
            self.connect(number, expires_at=NOW - timedelta(minutes=20))
        self.connect(561)
        self.connect(562)
        self.connect(563)
        self.connect(541)
        self.google.grant("tanhae", "tanhae")
        address, account_id = self.google.account("tanhae")
        names = {"refresh_token": "1//0made-up-refresh-tanhae"}
        names |= {"access_token": "ya29.made-up-access-tanhae"}
        town = self.credential(570)
        values = {f: getattr(town, f) for f in town.__slots__}
        values |= {name: SecretStr(value) for name, value in names.items()}
        values |= {"owner": Owner.parse("department:tanhae"), "account": SecretStr(address)}
        self.stores[0].save_consent(Credential(**values | {"account_id": SecretStr(account_id)}))

    def quarantine(self) -> None:
        """What was set aside, in every form."""
        self.connect(521, lives=False)
        self.set_aside(521, "invalid_grant", told=False)
        self.connect(522, lives=False)
        self.set_aside(522, "access_denied", told=True)
        self.connect(522)
        self.connect(523, lives=False)
        self.set_aside(523, "no_refresh_token", told=True)
        (self.folder / "token_523.json").write_bytes(b'{"token": "ya29.made-up-and-cut-o')
        (self.folder / "token_523.json").chmod(0o600)
        self.set_aside(523, "unreadable", told=False)
        self.connect(524, lives=False)
        data = (self.folder / "token_524.json").read_bytes()
        self.set_aside(524, "invalid_grant", told=False)
        (self.folder / "token_524.json").write_bytes(data)
        (self.folder / "token_524.json").chmod(0o600)
        (self.folder / "tombstones" / "token_524.json").unlink()
        self.connect(525, lives=False)
        self.set_aside(525, "invalid_grant", told=False)
        (self.folder / "tombstones" / "token_525.json").unlink()
        [copy] = self.stores[0].quarantined(Owner.user(525))
        (self.folder / "quarantine" / f"{copy}.json").unlink()
        if self.keys:
            rob = self.credential(526)
            self.google.grant("person526", "526")
            path = self.folder / "token_526.json"
            path.write_text(json.dumps(rob.to_document()), "ascii")
            path.chmod(0o600)
            self.set_aside(526, "plaintext_refused", told=True)
            alien = Sealer(TokenEncryption([SecretStr(Fernet.generate_key().decode())]))
            sealed = alien.seal(CREDENTIALS, "token_528", self.credential(528).to_document())
            (self.folder / "token_528.json").write_bytes(sealed)
            (self.folder / "token_528.json").chmod(0o600)
        self.connect(527)
        path = self.folder / "token_527.json"
        path.write_bytes(path.read_bytes()[:200])

    def pending(self) -> None:
        """A request in each flow and stage."""
        for number, code in ((531, "BCDF-GHJK"), (540, "BCDF-GHJL")):
            self.google.device(str(number), code)
            over = number == 540
            self.ask(number, "device", user_code=code, is_over=over)
        self.approved(532, "device")
        self.approved(533, "device", stage="granted", account="", account_id="")
        self.ask(534, "callback")
        self.approved(535, "callback")
        self.approved(536, "callback", stage="claimed")
        self.approved(541, "callback")
        self.ask(537, "paste")
        self.approved(538, "paste")
        self.ask(539, "paste", stage="redeeming", code_digest="d" * 64)

    def ask(self, number: int, flow: str, *, is_over: bool = False, **changes) -> None:
        asked_at = NOW - (timedelta(minutes=40) if is_over else timedelta(minutes=1))
        lasts = timedelta(minutes=30 if flow == "device" else 10)
        document = {
            "owner": Owner.user(number),
            "id": f"{number:012}",
            "flow": flow,
            "client_id": CLIENT,
            "created_at": asked_at,
            "expires_at": asked_at + lasts,
        }
        if flow == "device":
            document |= {"address": f"{SANDBOX}/device", "interval": 0.1}
            document |= {"device_code": f"made-up-device-{number}"}
        else:
            state, verifier = (f"{letter}{number}".ljust(43, letter) for letter in "sv")
            challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
            query = {
                "response_type": "code",
                "client_id": CLIENT,
                "redirect_uri": PASTE if flow == "paste" else f"{WEB}/api/auth/google/callback",
                "scope": SCOPE,
                "state": state,
                "code_challenge": challenge.decode().rstrip("="),
                "code_challenge_method": "S256",
                "access_type": "offline",
                "prompt": "consent",
            }
            document |= {"address": f"{SANDBOX}/o/oauth2/v2/auth?{urlencode(query, safe=':/')}"}
            document |= {"state": state, "code_verifier": verifier}
        self.of(self.consents, number).save(PendingConsent.model_validate(document | changes))

    def approved(self, number: int, flow: str, **changes) -> None:
        key = f"person{number}"
        address, account_id = self.google.account(key)
        self.google.grant(key, f"{number}-new")
        granted = {
            "stage": "approved",
            "access_token": f"ya29.made-up-access-{number}-new",
            "refresh_token": f"1//0made-up-refresh-{number}-new",
            "token_expires_at": NOW + timedelta(minutes=58),
            "account": address,
            "account_id": account_id,
        }
        if flow == "device":
            granted |= {"user_code": "BCDF-GHJM"}
        else:
            granted |= {"code_digest": hashlib.sha256(f"4/0made-up-{number}".encode()).hexdigest()}
        if flow == "callback":
            granted |= {"claim_code": f"c{number}".ljust(22, "c")}
        self.ask(number, flow, **granted | changes)

    def jobs(self) -> None:
        """Uploads in every state."""
        ann = self.google.folder("person501")
        gil = self.google.folder("person561")
        half = {"drive_file_id": "1half-a-file-of-501", "session": SESSION}
        self.google.state["generated"]["1half-a-file-of-501"] = "person501@example.com"
        in_ann = {"account_id": self.google.account("person501")[1], "folder_id": ann}
        self.job(501, "41", "queued", [("half.bin", half)], folder_name="Drivekeeper", **in_ann)
        done = {
            "state": "done",
            "result": "ok",
            "drive_file_id": "1done",
            "link": f"{SANDBOX}/file/1done",
        }
        self.job(501, "40", "done", [("done.pdf", done)], **in_ann)
        self.job(502, "42", "done", [("bob.pdf", {**done, "result": "duplicate"})])
        self.job(
            502, "43", "failed", [("failed.pdf", {"state": "failed", "result": "quota_exceeded"})]
        )
        self.job(502, "44", "cancelled", [("stopped.pdf", {})])
        self.job(513, "45", "waiting", [("held.pdf", {})])
        self.job(531, "46", "waiting", [("waits.pdf", {})])
        first = {**done, "drive_file_id": "1first-of-561", "link": f"{SANDBOX}/file/1first-of-561"}
        self.google.state["generated"]["1second-of-561"] = "person561@example.com"
        self.job(
            *(561, "g7001", "queued", [("one.jpg", first), ("two.jpg", {})]),
            **{"chat_id": GROUP, "person": "Gil", "folder_name": "Drivekeeper", "folder_id": gil},
            account_id=self.google.account("person561")[1],
        )
        self.job(563, "47", "asking", [("unnamed.pdf", {})], asked_at=NOW - timedelta(minutes=20))

    def job(self, number: int, name: str, state: str, files: list, **changes) -> None:
        made = [
            JobFile.model_validate(
                {"telegram_file_id": f"file-{file}", "kind": "document", "name": file}
                | {
                    "mime_type": "application/octet-stream",
                    "size": 600_000 if "half" in file else 9,
                }
                | more
            )
            for file, more in files
        ]
        ended = NOW - timedelta(hours=1) if state in ("done", "cancelled") else None
        document = {
            "id": f"{number}-{name}",
            "owner": Owner.user(number),
            "chat_id": number,
            "state": state,
            "files": made,
            "created_at": NOW - timedelta(hours=2),
            "finished_at": ended,
            "reply_to": 0,
            "status_message_id": 77,  # gone from the chat: whoever tells more tells it anew
        }
        self.of(self.uploads, number).save(UploadJob.model_validate(document | changes))

    def inbox(self) -> None:
        """Two updates that were acknowledged and not handled, one set aside, and the ledger."""
        hua = {"id": 562, "is_bot": False, "first_name": "Hua", "language_code": "en"}
        common = {"date": int(NOW.timestamp()), "from": hua}
        common |= {"chat": {"id": 562, "type": "private", "first_name": "Hua"}}
        command = {
            "text": "/privacy",
            "entities": [{"type": "bot_command", "offset": 0, "length": 8}],
        }
        file = {"file_id": "file-left.pdf", "file_unique_id": "left", "file_name": "left.pdf"}
        file |= {"mime_type": "application/pdf", "file_size": 9}
        updates = {
            901: {"message": {"message_id": 1, **common, **command}},
            902: {"message": {"message_id": 2, **common, "document": file}},
            903: {"message": {"message_id": 3, **common, "text": "it killed the process"}},
            904: {"message": {"message_id": 4, **common, "text": "/language"}},
        }
        for number, update in updates.items():
            self.of(self.updates, number).write(number, {"update_id": number, **update})
        now = NOW.timestamp()
        self.updates[0].settle(
            {
                "handled": [(890, 899, now - 600), (904, 904, now - 5)],
                "begun": {901: 1, 903: 3},
                "aside": {903: now - 3600},
            },
            [],
        )

    def remember(self) -> None:
        """Languages and folders that were chosen."""
        folders = [SealedFolder(self.folder / "preferences", sealer) for sealer in self.sealers]
        for folder in folders:
            folder.prepare()
        for number, chosen, seen in (
            (501, None, "en"),
            (502, "zh_Hant", "en"),
            (521, None, "zh_Hans"),
        ):
            document = {"owner": f"user:{number}", "chosen": chosen, "seen": seen}
            self.of(folders, number).write(f"token_{number}", document)
        choice = FolderChoice(
            account=self.google.account("person501")[1],
            folder_id="1folder-of-person501",
            path=("Drivekeeper", "Reports"),
            template="{year}/{month}",
        )
        FolderChoices(self.of(folders, 501)).save(Owner.user(501), choice)

    def maintenance(self) -> None:
        """Pauses, activity, organisations, verdicts, incidents, sweeps: one document each."""
        memory, now = self.memory, NOW.timestamp()
        memory.pauses._by_owner = {
            "user:551": _Pause(3, now + 1200.0),
            "user:509": _Pause(1, now - 60.0),
        }
        memory.pauses.changed = True
        for number in (501, 502, 504, 509, 511):
            memory.activity.begin(Owner.user(number), now - 86400 * (number % 3))
        for number in (552, 553):
            owner = Owner.user(number)
            memory.organisations.refuse(owner, "org_policy")
            memory.organisations.tell(owner, told=number == 553)
        for number in (511, 512, 513):
            memory.verdicts.condemn(
                Owner.user(number), "invalid_grant", stamp_mark(str(number)), now - 900
            )
        memory.verdicts.tried(now - 900, 4, grant=True)
        memory.verdicts.settle(now - 900)
        memory.verdicts.tell(Owner.user(513))
        known = {
            "on_hold": Incident("on_hold", now - 900, 3, told=True, logged=True),
            "unavailable": Incident(
                "unavailable", now - 7200, 9, told=True, until=now - 60, logged=True
            ),
        }
        memory.incidents._by_code = known
        memory.incidents.changed = True
        for minutes in (20, 10):
            report = SweepReport(
                started_at=NOW - timedelta(minutes=minutes),
                seconds=0.25,
                full=minutes == 20,
                seen=17,
                fresh=12,
                refreshed=1,
                held=3,
                results={"invalid_grant": 3},
                minutes_left=44.5,
            )
            memory.add(report)
        memory.write(memory.changes())

    def trail(self) -> None:
        """Two parts, the older set aside by its size; the newest line cut by a crash."""
        trail = AuditTrail(self.folder, self.mask, max_bytes=400)
        deeds = [
            ("authorised", 501, "ok"),
            ("refreshed", 501, "ok"),
            ("quarantined", 521, "invalid_grant"),
        ]
        deeds += [("revoked", 509, "ok"), ("denied", 599, "not_allowed"), ("refreshed", 504, "ok")]
        deeds += [("confirmed", 570, "on_hold"), ("restored", 522, "ok"), ("purged", 502, "ok")]
        for action, number, result in deeds:
            self.clock.tick(timedelta(seconds=1))
            trail.record(action, Owner.user(number), result)
            trail._looked_at = 0.0
        trail.record("refused", None, "plaintext_refused")
        trail.close()
        with open(self.folder / "audit" / "audit.jsonl", "ab") as file:
            file.write(b'{"time": "2026-11-20T12:00:59.000+00:00", "action": "refr')

    def archive(self, target: Path) -> str:
        """All that is kept of every owner."""
        about = About(
            NOW,
            "0.1.0",
            (
                "TELEGRAM_BOT_TOKEN",
                "USER_DATA_DIR",
                *(["TOKEN_ENCRYPTION_KEY"] if self.keys else []),
            ),
            SecretBytes(load_mask_key(self.folder, None)),
        )
        files = OwnerFiles(self.folder, self.sealers[0], self.mask)
        write_backup(target, [BACKUP_KEY], about, self.stores[0], files)
        return target.read_text("ascii")

    def leave_staged(self) -> None:
        """Temporary files of saves that a crash has interrupted."""
        for name in ("", "consents/", "uploads/", "tombstones/"):
            path = self.folder / f"{name}.token_501.json.tmp"
            path.write_bytes(b'{"token": "ya29.made-up-and-')
            path.chmod(0o600)

    def text(self) -> dict[str, str]:
        """Every file's content, by its name below the folder."""
        paths = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_text("ascii") for path in paths}


def write(keys: list[SecretStr], clock) -> dict:
    """One folder, and all that goes with it."""
    clock.move_to(NOW.replace(tzinfo=None))
    google, root = Google(), Path(tempfile.mkdtemp())
    try:
        folder = root / "user_data"
        folder.mkdir(mode=0o700)
        writer = Writer(folder, keys, google, clock)
        for step in (
            *(writer.quarantine, writer.credentials, writer.pending, writer.jobs, writer.inbox),
            *(writer.remember, writer.maintenance, writer.trail),
        ):
            step()
        files = {"archive": writer.archive(root / "archive")}
        writer.leave_staged()
        for place, sealed, names in documents(folder, writer.sealers[0]):
            for name in names:  # it all opens, but for what shall not
                if name in ("token_527", "token_528"):
                    continue
                writer.sealers[0].examine(place.kind, name, sealed.read_bytes(name))
        numbers = {int(name) for name in re.findall(r"token_([0-9]+)", " ".join(writer.text()))}
        masks = {str(number): writer.mask(f"user:{number}") for number in sorted(numbers)}
        return {"files": writer.text(), **files, "google": google.state, "masks": masks}
    finally:
        shutil.rmtree(root)


def main(target: Path) -> None:
    """Write the file."""
    chance = random.Random(BASE)
    for module in (os, random):
        setattr(module, "urandom" if module is os else "_urandom", chance.randbytes)
    secrets.token_bytes = chance.randbytes
    with freeze_time(NOW.replace(tzinfo=None)) as clock:
        document = {
            "base": BASE,
            "now": NOW.isoformat(),
            "keys": [key.get_secret_value() for key in (KEY, OLDER_KEY)],
            "backup_key": BACKUP_KEY.get_secret_value(),
            "plain": write([], clock),
            "sealed": write([KEY, OLDER_KEY], clock),
        }
    target.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", "ascii")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
