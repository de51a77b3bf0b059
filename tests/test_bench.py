"""Benchmarks measure on a disk, or not at all; what they count with counts right."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

import bench.uploads.run
from bench.child import ROOT
from bench.disk import NotOnDisk, _type_of, file_system_of
from bench.measures import percentile
from bench.owners import credential_of, new_key
from bench.report import Wrong
from bench.start import finish_uploads
from bench.store.fleet import Fleet
from bench.store.journal import update
from bench.store.place import Scale
from bench.store.run import AIMS
from bench.uploads.cloud import shares
from bench.uploads.content import make
from bench.uploads.processes import MB, Watch, family, memory, processor_seconds
from bench.web.load import Load, run
from bench.web.tokens import TOKEN, request_with
from bot.updates.incoming import read_update
from bot.uploads.journal import UploadJournal
from bot.uploads.queue import _KEPT_EACH, KEPT
from config.database import DatabaseAddress
from desktop.receiving.pdf import Examined
from processes.storage import open_storage
from sandbox.faults.metering import Meter
from sandbox.google.drive.files import FileStore
from security.encryption import TokenEncryption
from security.owner_documents import CREDENTIALS
from security.token_store import TokenStore
from tests.stores import storage_in, uploads_in

IN_MEMORY = Path("/dev/shm")  # noqa: S108 - nothing is written there
MOUNTS = """\
overlay / overlay rw 0 0
/dev/vda /work ext4 rw 0 0
tmpfs /work/fast tmpfs rw 0 0
/dev/vdb /work/a\\040blank xfs rw 0 0
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/", "overlay"),
        ("/work", "ext4"),
        ("/work/deep/down", "ext4"),
        ("/work/faster", "ext4"),
        ("/work/fast/x", "tmpfs"),
        ("/work/a blank/x", "xfs"),
    ],
)
def test_the_innermost_mount_tells_the_file_system(folder: str, kind: str) -> None:
    """Whatever its name."""
    assert _type_of(Path(folder), MOUNTS) == kind


@pytest.mark.skipif(not IN_MEMORY.is_dir(), reason="there is no file system in memory")
def test_a_file_system_in_memory_is_refused_with_a_word_why() -> None:
    """An fsync costs nothing there."""
    with pytest.raises(NotOnDisk, match="tmpfs, in memory"):
        file_system_of(IN_MEMORY)
    command = [sys.executable, "-m", "bench.run", "--folder", str(IN_MEMORY)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "BENCH_DIR" in done.stderr


def test_without_curl_there_is_nothing_to_compare_to_and_that_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is measured."""
    monkeypatch.setenv("PATH", "")
    assert bench.uploads.run.main() == 2
    assert capsys.readouterr() == ("", "uploads are compared to curl's: please install curl\n")


def test_a_percentile_is_a_value_that_was_seen() -> None:
    """Nearest rank."""
    values = [float(n) for n in range(500, 0, -1)]
    assert (percentile(values, 99), percentile(values, 50)) == (495, 250)
    assert percentile([7.0], 99) == 7.0


def test_content_repeats_nothing_and_its_md5_is_told(tmp_path: Path) -> None:
    """A piece in a wrong place would be found out."""
    content = make(tmp_path / "file", 3 * 1024 * 1024 + 5)
    data = content.path.read_bytes()
    assert len(data) == content.size
    assert hashlib.md5(data, usedforsecurity=False).hexdigest() == content.md5
    pieces = [data[start : start + 1024 * 1024] for start in range(0, len(data), 1024 * 1024)]
    assert len(set(pieces)) == 4


@pytest.mark.parametrize("size", [100, 1024 * 1024 + 3, 2 * 1024 * 1024])
def test_a_pdf_of_the_benchmark_is_one_for_the_desktop(tmp_path: Path, size: int) -> None:
    """However long its last piece is."""
    content = make(tmp_path / "file", size, b"%PDF-1.7\n", b"\n%%EOF\n")
    data = content.path.read_bytes()
    examined = Examined()
    examined.take(data)
    assert (examined.fault(), len(data), examined.md5) == (None, size, content.md5)


def test_each_file_has_its_share_of_the_requests_and_none_is_left() -> None:
    """Twenty identifiers come by one request: most files ask for none."""
    calls = {"google.upload.chunk": 8, "google.upload.start": 4, "google.drive.about": 1}
    given = shares([{"name": str(n)} for n in range(4)], calls)
    asked = [operation for file in given for operation in file["operations"]]
    assert {name: asked.count(name) for name in calls} == calls
    assert all(
        file["operations"][-3:] == ["google.upload.start", *["google.upload.chunk"] * 2]
        for file in given
    )
    with pytest.raises(Wrong, match=r"telegram\.sendMessage"):
        shares([{}], {"telegram.sendMessage": 1})


def test_memory_counts_temporary_files_and_those_without_a_name(tmp_path: Path) -> None:
    """Whatever a process keeps outside its own pages."""
    before = memory(os.getpid(), tmp_path)
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "spool").write_bytes(os.urandom(20 * MB))
    nameless = os.memfd_create("nameless")
    try:
        os.write(nameless, bytes(30 * MB))
        with Watch(os.getpid(), tmp_path) as watch:
            time.sleep(0.1)
    finally:
        os.close(nameless)
    assert 45 * MB < watch.peak - before < 80 * MB


def test_processes_are_counted_with_their_children() -> None:
    """The product may be more than one."""
    own = os.getpid()
    before = processor_seconds(own)
    code = "import sys; sum(range(20_000_000)); print(flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        assert child.pid in family(own)
        running = processor_seconds(own)
        child.communicate()
    assert before + 0.05 < running <= processor_seconds(own)


def test_a_drive_that_keeps_nothing_knows_what_it_was_given(tmp_path: Path) -> None:
    """Eight times a GB would fill a disk."""
    store = FileStore(tmp_path, time.time, keeps_bytes=False)
    blob = store.new_blob()
    blob.write(b"some")
    blob.pause()
    blob.write(b"thing")
    assert blob.finish() == hashlib.md5(b"something", usedforsecurity=False).hexdigest()
    assert (blob.size, blob.path.stat().st_size) == (9, 0)


async def test_who_is_late_is_given_nothing_faster_than_the_rate() -> None:
    """Only what a sleep is inexact by may be caught up with."""
    meter = Meter(1_000_000, None)
    await asyncio.sleep(0.1)
    began = time.monotonic()
    await meter.count(60_000)
    assert time.monotonic() - began >= 0.035


def test_uploads_of_before_a_start_are_such_as_the_bot_keeps(tmp_path: Path) -> None:
    """It reads them, they have ended, and it drops none of them."""
    key = new_key()
    finish_uploads(tmp_path, 120, key)
    keyring = TokenEncryption([SecretStr(key)])
    UploadJournal(storage_in(tmp_path, keyring)).prepare()
    jobs = uploads_in(tmp_path, keyring)
    assert len(jobs) == 120
    assert all(job.has_ended for job in jobs)
    assert jobs[0].created_at > datetime.now(UTC) - KEPT
    assert max(Counter(job.owner for job in jobs).values()) <= _KEPT_EACH


def test_a_fleet_is_made_due_again_and_nothing_of_it_changes_besides(tmp_path: Path) -> None:
    """What was refreshed stays counted, whoever looks."""
    address = DatabaseAddress.parse(SecretStr(f"sqlite:///{tmp_path}/fleet.db"))
    storage = open_storage(address, TokenEncryption([SecretStr(new_key())]), str)
    storage.open()
    fleet = Fleet(storage)
    fleet.fill(3, minutes_left=600)
    store = TokenStore(storage, str)
    first = store.load(credential_of(0, 0).owner)
    assert first is not None
    store.save(first, based_on=first.generation)
    assert storage.due_counts(CREDENTIALS, [time.time() + 3600]).upto == [0]
    fleet.make_due(2, minutes_left=5)
    assert storage.due_counts(CREDENTIALS, [time.time() + 3600]).upto == [2]
    assert fleet.look(3) == {"whole": 3, "refreshed": 1, "set_aside": 0}
    storage.close()


def test_updates_of_the_benchmark_are_telegrams() -> None:
    """The bot would handle them."""
    found = read_update(update(7), None)
    assert found is not None
    assert found.update_id == 7
    assert found.effective_message is not None
    assert found.effective_message.text == "Which folder is it? 7"


async def test_a_load_counts_only_answers_that_hold_the_token() -> None:
    """Whoever answers 200 with another token, or hangs up, is found out."""
    bodies = [TOKEN, TOKEN, "another"]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while bodies:
            await reader.readuntil(b"\r\n\r\n")
            body = bodies.pop(0)
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode())
            await writer.drain()
            writer.write(body.encode())
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        load = Load(request_with("dkc_x").encode(), TOKEN.encode(), left=5)
        async with asyncio.timeout(10):
            await run(port, load, connections=1)
    assert load.good == 2
    assert load.wrong.endswith("another")


def test_a_small_host_is_what_the_web_is_measured_for() -> None:
    """Under these names, for whoever reads the JSON."""
    aims = {name: aim for name, (_, aim) in AIMS.items()}
    assert aims["token_route_over_bare"] == ">= 0.75"
    assert aims["web_start_cpu_seconds"] == "<= 2"
    assert aims["web_mb"] == "<= 200"
    assert Scale().requests == 1000
    desktop = {name: aim for name, (_, aim) in bench.uploads.run.AIMS.items()}
    assert desktop["desktop_over_curl"] == "<= 1.15"
    assert desktop["desktop_start_cpu_seconds"] == "<= 1.5"
