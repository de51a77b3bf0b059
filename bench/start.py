"""`make bench-start`: how long the bot takes to start, with finished uploads to look back on.

Each start is a real `drivekeeper bot`, against the sandbox, on a data folder that was made
beforehand; two folders take turns, and differ only in the finished uploads of the last days.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from pydantic import SecretStr

from bench.child import ROOT, Child, Json
from bench.owners import FIRST_ID, new_key, write_settings
from bench.report import Aims, Site, Wrong, median_of, report
from bench.world import BOT_TOKEN
from bot.uploads.jobs import JobFile, UploadJob, job_id_of
from bot.uploads.journal import UploadJournal
from processes.storage import open_storage
from security.credential import Owner
from security.encryption import TokenEncryption

AIMS: Final[Aims] = {
    "start_seconds": ("seconds from exec to bot_started, no uploads", ""),
    "start_seconds_with_uploads": ("    with finished uploads", ""),
    "start_ratio": ("    ratio", ""),
    "start_longer_seconds": ("    difference, seconds", "<= 1"),
    "answer_seconds": ("seconds from exec to the first /status answered, no uploads", ""),
    "answer_seconds_with_uploads": ("    with finished uploads", ""),
    "answer_ratio": ("    ratio", ""),
    "answer_longer_seconds": ("    difference, seconds", ""),
}
_EACH: Final = 50
"""How many ended uploads are kept of a person."""
_DAYS: Final = 6
"""They are kept for a week: none is dropped while this runs."""
_PEOPLE: Final = 5
_STOP_SECONDS: Final = 30


def finish_uploads(folder: Path, count: int, key: str) -> None:
    """Write that many uploads as the bot leaves them once they have ended."""
    journal = UploadJournal(open_storage(folder, TokenEncryption([SecretStr(key)]), str))
    journal.prepare()
    now = datetime.now(UTC)

    def finish(number: int) -> None:
        owner = Owner.user(FIRST_ID + number // _EACH)
        sent = now - timedelta(days=_DAYS * (1 - number / count))
        file = JobFile(
            telegram_file_id=f"BQACAgIAAxkBAAI{number:060d}",
            kind="document",
            name=f"Minutes of the meeting {number:06d}.pdf",
            mime_type="application/pdf",
            size=1_234_567 + number,
            state="done",
            result="ok",
            drive_file_id=f"1{number:032d}",
            link=f"https://drive.google.com/file/d/1{number:032d}/view?usp=drivesdk",
        )
        job = UploadJob(
            id=job_id_of(owner, 500_000_000 + number),
            owner=owner,
            chat_id=FIRST_ID + number // _EACH,
            state="done",
            files=(file,),
            created_at=sent,
            finished_at=sent + timedelta(seconds=4),
            reply_to=number + 1,
            status_message_id=number + 2,
            account_id=f"{number // _EACH:020d}",
            folder_id="1" * 33,
            folder_name="Telegram",
        )
        journal.save(job)

    with ThreadPoolExecutor(16) as threads:  # an fsync waits for the disk
        list(threads.map(finish, range(count)))


@contextmanager
def bot_process(site: Site, settings: Path, log: Path) -> Iterator[None]:
    """The bot as an operator starts it, logging to a file, on the core of who is measured."""
    with log.open("wb") as lines:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "bot", "--env-file", settings],
            cwd=ROOT,
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=lines,
        )
    os.sched_setaffinity(process.pid, {site.client_core})
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def start(site: Site, settings: Path, people: Child) -> tuple[float, float]:
    """Start the bot; seconds until it says so, and until somebody has their /status.

    Raises:
        Wrong: it did not start.
    """
    log = site.folder / "bot.log"
    began = time.time()
    with bot_process(site, settings, log):
        asked = time.time()
        answered = people.ask("probe", count=1, per_second=1.0)["waits"][0] + asked - began
    for line in log.read_text("utf-8").splitlines():
        entry = json.loads(line) if line.startswith("{") else {}
        if entry.get("event") == "bot_started":
            return datetime.fromisoformat(entry["timestamp"]).timestamp() - began, answered
    raise Wrong(f"the bot did not start: see {log}")


def _measure(site: Site, quick: bool, _: Json) -> Iterator[tuple[str, Json]]:
    count, turns = (2000, 3) if quick else (20_000, 7)
    key, bare, full = new_key(), site.folder / "bare", site.folder / "full"
    with site.beside("bench.world", site.folder / "world", bare, _PEOPLE, key) as world:
        shutil.copytree(bare, full)
        finish_uploads(full, count, key)
        url = world.hello["url"]
        settings = {
            data.name: write_settings(
                site.folder / f"{data.name}.env",
                data,
                url,
                TELEGRAM_BOT_TOKEN=BOT_TOKEN,
                TELEGRAM_API_BASE_URL=url,
                TELEGRAM_LINK_BASE_URL=url,
                TOKEN_ENCRYPTION_KEY=key,
            )
            for data in (bare, full)
        }
        with site.beside("bench.people", url, _PEOPLE) as people:
            rounds: list[Json] = []
            for _turn in range(turns + 1):
                seen: Json = {}
                for name, path in settings.items():
                    seen[f"{name}_start"], seen[f"{name}_answer"] = start(site, path, people)
                rounds.append(seen)
    rounds = rounds[1:]  # the first reads what is not in memory yet
    found: Json = {"finished_uploads": count, "rounds": rounds}
    for what in ("start", "answer"):
        without, with_uploads = median_of(rounds, f"bare_{what}"), median_of(rounds, f"full_{what}")
        found |= {
            f"{what}_seconds": without,
            f"{what}_seconds_with_uploads": with_uploads,
            f"{what}_ratio": with_uploads / without,
            f"{what}_longer_seconds": with_uploads - without,
        }
    yield "start", found


if __name__ == "__main__":
    sys.exit(report("make bench-start", AIMS, _measure))
