"""The start menu's entry: written, started as menus do it, and taken away."""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from cli import app
from config import child_environment
from desktop.gate.entering import address_in
from desktop.menu import windows
from desktop.menu.entry import Launch
from desktop.menu.xdg import entry_of
from tests.desktop.kit import FORM
from tests.installed import needs, path_of
from tests.journeys import until

ODD = "a b'c\"d$e`f\\g%f 100%=甲"
"""A folder's name with all that an entry, a shell or a menu could take for something else."""
ENTRY = Path(".local/share/applications/drivekeeper.desktop")
ICON = Path(".local/share/icons/hicolor/scalable/apps/drivekeeper.svg")


def environment(home: Path, **more: str) -> dict[str, str]:
    """Of an account whose home this is, without a screen."""
    kept = child_environment({"HOME": str(home), "LANG": "zh_TW.UTF-8", **more}, is_alone=True)
    ours = ("XDG_DATA_HOME", "XDG_CONFIG_HOME", "WAYLAND_DISPLAY", "LC_ALL", "LC_MESSAGES")
    return {name: value for name, value in kept.items() if name in more or name not in ours}


def command(home: Path, *words: str, **more: str) -> tuple[int, str]:
    """`drivekeeper desktop …`: its exit code, and what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "cli", "desktop", *words],
        env=environment(home, **more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


@pytest.mark.one_way
def test_it_is_put_into_the_menu_and_taken_out_again(tmp_path: Path) -> None:
    """As often as anybody likes; for this account alone, whatever the umask."""
    before = os.umask(0)
    try:
        code, said = command(tmp_path, "install")
    finally:
        os.umask(before)
    assert (code, said) == (0, f"Drivekeeper is in the start menu now: {tmp_path / ENTRY}\n")
    first = (tmp_path / ENTRY).read_text("utf-8")
    assert "Comment[zh_TW]=上傳 PDF 到 Drive\n" in first
    assert (tmp_path / ICON).read_text("utf-8").startswith("<svg")
    for path in (tmp_path / ".local").rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600)
    code, said = command(tmp_path, "install", "--at-sign-in", "--json")
    started = tmp_path / ".config" / "autostart" / "drivekeeper.desktop"
    told = {"entry": str(tmp_path / ENTRY), "was_there": True, "at_sign_in": str(started)}
    assert (code, json.loads(said)) == (0, told)
    assert (tmp_path / ENTRY).read_text("utf-8") == first
    alone = first.replace("--from-menu", "--from-menu --no-browser")
    assert started.read_text("utf-8") == alone != first
    code, said = command(tmp_path, "install")
    assert (code, f"It still starts by itself when you sign in: {started}\n" in said) == (0, True)
    code, said = command(tmp_path, "uninstall")
    assert (code, "is out of the start menu" in said) == (0, True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
    code, said = command(tmp_path, "uninstall", "--json")
    assert (code, json.loads(said)) == (0, {"entries": []})


@pytest.mark.one_way
def test_a_menu_that_cannot_be_written_is_said_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    for what in ("install", "uninstall"):
        code, said = command(tmp_path, what, XDG_DATA_HOME=str(tmp_path / "data"))
        assert code == 3
        assert said.startswith("The start menu was not changed (Not a directory: ")
        assert said.count("\n") == 1


def test_a_path_that_would_end_the_line_is_refused() -> None:
    """It could add lines of its own to the entry."""
    for launch in (Launch(Path("/a\nExec=b"), ()), Launch(Path("/a"), ("b\r",))):
        with pytest.raises(ValueError, match="cannot be written"):
            entry_of(launch, Path("/icon.svg"))


@needs("desktop-file-validate")
def test_the_entry_is_as_the_standard_wants_it(tmp_path: Path) -> None:
    for name in ("plain", ODD):
        path = tmp_path / "drivekeeper.desktop"
        launch = Launch(tmp_path / name / "python", ("-P", "-m", "cli", "desktop"))
        path.write_text(entry_of(launch, tmp_path / name / "icon.svg"), "utf-8")
        done = subprocess.run(
            [str(path_of("desktop-file-validate")), str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout) == (0, "")


@needs("gio")
async def test_a_menu_starts_what_it_is_to_start(tmp_path: Path) -> None:
    """GNOME's own way to start an entry, out of a folder with a name of the worst kind."""
    program = tmp_path / ODD / "python"
    program.parent.mkdir()
    script = 'printf "%s\\n" "$0" "$@" >"$0.new" && mv "$0.new" "$0.said"'
    program.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    program.chmod(0o700)
    path = tmp_path / "drivekeeper.desktop"
    path.write_text(entry_of(Launch(program, ("-m", "a b", "%f")), tmp_path / "i.svg"), "utf-8")
    gio = await asyncio.create_subprocess_exec("gio", "launch", path, env=environment(tmp_path))
    assert await gio.wait() == 0
    said = program.with_name("python.said")
    await until(said.exists)
    assert said.read_text("utf-8").splitlines() == [str(program), "-m", "a b", "%f"]


@pytest.mark.one_way
async def test_it_is_started_once_and_found_again_and_ended(tmp_path: Path) -> None:
    """Without a terminal, by the line of its entry; each start opens the page of the one."""
    assert command(tmp_path, "install")[0] == 0
    line = re.search(r"(?m)^Exec=(.*)$", (tmp_path / ENTRY).read_text("utf-8"))
    assert line
    asked = tmp_path / "asked"
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\necho "$1" >>"{asked}"\n', "utf-8")
    browser.chmod(0o700)
    # A console is lacking on Windows alone: Python's streams are None then, as they are here.
    start = ["/bin/sh", "-c", f"cd / && exec {line[1]} --port 0 >&- 2>&-"]
    screen = environment(tmp_path, DISPLAY=":9", BROWSER=f"{browser} %s")
    first = await asyncio.create_subprocess_exec(*start, env=screen)
    try:
        await until(asked.exists)
        second = await asyncio.create_subprocess_exec(*start, env=screen)
        assert await second.wait() == 0
        await until(lambda: asked.read_text("utf-8").count("\n") == 2)
        way_in = address_in(tmp_path / "open-drivekeeper.html")
        assert way_in
        async with httpx.AsyncClient(trust_env=False) as stranger:
            enter = way_in.partition("?")[0]
            answer = await stranger.post(enter, data={"token": "guessed"}, headers=FORM)
        assert answer.status_code == 410
        ended = await asyncio.to_thread(command, tmp_path, "stop")
        assert ended == (0, "Drivekeeper has ended. What waits goes on at the next start.\n")
        assert await first.wait() == 0
    finally:
        if first.returncode is None:
            first.kill()
    assert {path.name for path in (tmp_path / ".driver_management_system").iterdir()} == {
        *(".key", "queue", "desktop.lock", "desktop.log")
    }
    log = (tmp_path / ".driver_management_system" / "desktop.log").read_text("utf-8")
    assert [json.loads(line)["event"] for line in log.splitlines()] == ["access_denied"]
    assert command(tmp_path, "stop") == (0, "Drivekeeper does not run.\n")
    [opened] = set(asked.read_text("utf-8").split())
    assert opened == (tmp_path / "open-drivekeeper.html").as_uri()


@pytest.mark.parametrize("by", ["", "nohup"])
@pytest.mark.one_way
async def test_it_ends_with_its_terminal_unless_by_nohup(tmp_path: Path, by: str) -> None:
    """And takes the way in with it; a second start says where that is, and opens nothing."""
    way_in = tmp_path / "open-drivekeeper.html"
    # Whatever runs the tests may be under nohup itself.
    by_default = ("env", "--default-signal=HUP", *by.split())
    words = ("-m", "cli", "desktop", "--port", "0")
    started = await asyncio.create_subprocess_exec(
        *(*by_default, sys.executable, *words, "--no-browser"),
        env=environment(tmp_path),
        stdin=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        assert started.stderr
        said = ""
        while f"browser: {way_in}\n" not in said:
            line = (await started.stderr.readline()).decode()
            assert line, said
            said += line
        if not by:
            again = await asyncio.to_thread(command, tmp_path, "--no-browser")
            assert again == (0, f"It runs already.\nOpen it with a browser: {way_in}\n")
        started.send_signal(signal.SIGHUP)
        if by:
            assert (tmp_path / ".driver_management_system" / "open.html").exists()
            started.send_signal(signal.SIGTERM)
        assert await started.wait() == 0
    finally:
        if started.returncode is None:
            started.kill()
    assert not way_in.exists()


@pytest.mark.one_way
@pytest.mark.parametrize("line", ["desktop", "sandbox"])
@pytest.mark.parametrize("port", ["65536", "-5"])
def test_a_port_that_is_none_is_refused(line: str, port: str) -> None:
    """Nothing is begun."""
    done = CliRunner().invoke(app, [line, "--port", port])
    assert (done.exit_code, "--port" in done.output) == (2, True)


@pytest.mark.one_way
def test_ports_that_are_all_taken_are_named(tmp_path: Path) -> None:
    """None is tried that there is not: the last ones are less than twenty."""
    with socket.socket() as last:
        last.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Beside another run of this test, which may let go of it at any moment.
        last.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        with suppress(OSError):  # whoever has it, it is taken
            last.bind(("127.0.0.1", 65535))
            last.listen()
        code, said = command(tmp_path, "--port", "65535", "--no-browser")
    assert (code, "no port from 65535 to 65535 (Address already in use)" in said) == (3, True)
    assert "--port" in said


@pytest.mark.one_way
def test_without_a_terminal_trouble_is_told_in_a_window(tmp_path: Path) -> None:
    """In the account's language; what stands in the folder where a menu starts it, is nothing."""
    for name in ("zenity", "kdialog"):
        window = tmp_path / "bin" / name
        window.parent.mkdir(exist_ok=True)
        window.write_text(
            f'#!/bin/sh\nfor last; do :; done; echo "$last" >"{tmp_path}/{name}"\n', "utf-8"
        )
        window.chmod(0o700)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".driver_management_system").symlink_to(tmp_path / "elsewhere")
    code, said = command(tmp_path, "--from-menu", PATH=str(tmp_path / "bin"))
    assert (code, "is a link" in said) == (3, True)
    shown = (tmp_path / "zenity").read_text("utf-8")
    assert "無法啟動" in shown
    assert said in shown
    assert not (tmp_path / "kdialog").exists()


def test_windows_is_asked_for_a_shortcut_as_its_interfaces_want_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Calls by their places in tables, over tables of our own: what a Windows does is not known."""
    shell = FakeShell()
    libraries = {"ole32": shell, "shell32": shell, "user32": shell}
    monkeypatch.setattr(ctypes, "WinDLL", libraries.__getitem__, raising=False)
    monkeypatch.setattr(ctypes, "WINFUNCTYPE", ctypes.CFUNCTYPE, raising=False)
    calls = windows.Calls()
    calls.save_link("C:\\甲\\Drivekeeper.lnk", "C:\\100%\\pythonw.exe", "-m cli", "C:\\a.ico")
    assert shell.called == [
        "CoInitializeEx",
        "CoCreateInstance",
        (20, "C:\\100%\\pythonw.exe"),
        (11, "-m cli"),
        (17, "C:\\a.ico"),
        (7, "Drivekeeper"),
        (0, "0000010b-0000-0000-c000-000000000046"),
        (6, "C:\\甲\\Drivekeeper.lnk"),
        *((2, ""), (2, "")),
        "CoUninitialize",
    ]
    shell.result = -2147024891  # E_ACCESSDENIED
    with pytest.raises(OSError, match="0x80070005"):
        calls.save_link("a", "b", "c", "d")
    assert shell.called[-3:] == ["CoInitializeEx", "CoCreateInstance", "CoUninitialize"]


class FakeShell:
    """Windows' libraries, and one object with both interfaces."""

    def __init__(self) -> None:
        self.called: list[Any] = []
        self.result = 0
        text, plain = ctypes.c_wchar_p, ctypes.c_void_p
        self._methods: dict[int, Any] = {}
        kinds = {20: (text,), 11: (text,), 17: (text, ctypes.c_int), 7: (text,), 2: ()}
        for place, more in {**kinds, 6: (text, ctypes.c_int), 0: (plain, plain)}.items():
            prototype = ctypes.CFUNCTYPE(ctypes.c_int32, plain, *more)
            self._methods[place] = prototype(self._method(place))
        table = (ctypes.c_void_p * 21)()
        for place, method in self._methods.items():
            table[place] = ctypes.cast(method, ctypes.c_void_p).value
        self._table = table
        self._object = (ctypes.c_void_p * 1)(ctypes.addressof(table))

    def _method(self, place: int) -> Any:
        def method(_: int, *values: Any) -> int:
            if place == 0:
                asked = uuid.UUID(bytes_le=ctypes.string_at(values[0], 16))
                self.called.append((place, str(asked)))
                self._put(values[1])
            else:
                self.called.append((place, values[0] if values else ""))
            return 0

        return method

    def _put(self, where: Any) -> None:
        ctypes.cast(where, ctypes.POINTER(ctypes.c_void_p))[0] = ctypes.addressof(self._object)

    def CoInitializeEx(self, *_: Any) -> int:  # noqa: N802
        self.called.append("CoInitializeEx")
        return 0

    def CoCreateInstance(self, *values: Any) -> int:  # noqa: N802
        self.called.append("CoCreateInstance")
        if self.result == 0:
            self._put(values[-1])
        return self.result

    def CoUninitialize(self) -> None:  # noqa: N802
        self.called.append("CoUninitialize")
