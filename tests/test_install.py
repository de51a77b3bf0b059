"""`install.py`, as `make run` uses it: never silent, and one sentence where it cannot go on."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice
from pathlib import Path

import pytest

from install import LINE_SECONDS, Progress

ROOT = Path(__file__).parents[1]
MAKE = shutil.which("make") or "make"


class Index:
    """A package index on loopback; a wheel held back comes half, and the rest when it is let go."""

    def __init__(self, folder: Path) -> None:
        self._folder, self.go_on = folder, threading.Event()
        self.held_back = ""
        index = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.answer(self)

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/simple/"

    def add(self, name: str, content: bytes = b"") -> str:
        """Put a package there; returns its line for a requirements file."""
        wheel = self._folder / f"{name}-1.0-py3-none-any.whl"
        info = f"{name}-1.0.dist-info"
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(f"{name}.py", b"#" + content)
            archive.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0"
            )
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any")
            archive.writestr(f"{info}/RECORD", "")
        return f"{name}==1.0 --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        name = request.path.rstrip("/").rpartition("/")[2]
        wheel = self._folder / f"{name.partition('-')[0]}-1.0-py3-none-any.whl"
        if not wheel.exists():
            request.send_error(404)
            return
        is_page = not name.endswith(".whl")
        body = (
            f'<a href="/{wheel.name}">{wheel.name}</a>'.encode() if is_page else wheel.read_bytes()
        )
        request.send_response(200)
        request.send_header("Content-Type", "text/html" if is_page else "application/zip")
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        half = len(body) // 2 if wheel.name == f"{self.held_back}-1.0-py3-none-any.whl" else 0
        if half and not is_page:
            request.wfile.write(body[:half])
            assert self.go_on.wait(60)
        request.wfile.write(body[half if not is_page else 0 :])


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    folder = tmp_path / "index"
    folder.mkdir()
    index = Index(folder)
    serving = threading.Thread(target=index.server.serve_forever)
    serving.start()
    yield index
    index.go_on.set()
    index.server.shutdown()
    serving.join()
    index.server.server_close()


def start(tmp_path: Path, index: str, locked: str, **also: str) -> subprocess.Popen[str]:
    """`install.py` with the package index at `index`, and nothing of this machine's own."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text(locked, "utf-8")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIP")}
    environment |= {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": index, "PIP_NO_CACHE_DIR": "1"}
    command = [sys.executable, str(ROOT / "install.py"), "--venv", str(tmp_path / "venv")]
    command += ["--takes", "2 MB", "--line-seconds", "0.1", str(requirements)]
    return subprocess.Popen(
        command,
        env={**environment, "PIP_RETRIES": "0", **also},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def refused(tmp_path: Path, index: str, locked: str, **also: str) -> str:
    """The one sentence or two with which it ends."""
    _, errors = start(tmp_path, index, locked, **also).communicate(timeout=90)
    assert errors.startswith("Drivekeeper is not installed. ")
    assert errors.count("\n") == 1
    return errors


def hidden(tmp_path: Path, *names: str) -> str:
    """A PYTHONPATH on which these modules are as good as missing."""
    for name in names:
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('No module named {name}')")
    return str(tmp_path)


@pytest.mark.one_way
def test_a_package_that_is_slow_to_come_is_named_while_it_comes(
    tmp_path: Path, index: Index
) -> None:
    """What it will take is said first; then lines go on however long nothing else happens."""
    locked = index.add("small") + index.add("large", os.urandom(1_200_000))
    index.held_back = "large"
    with start(tmp_path, index.url, locked) as running:
        assert running.stdout is not None
        first = next(running.stdout)
        assert first == f"Installing 2 packages into {tmp_path / 'venv'} (the first time 2 MB) …\n"
        waiting = (line for line in running.stdout if "2 of 2, 1 MB (now large, 1.2 MB)" in line)
        assert len(list(islice(waiting, 3))) == 3
        index.go_on.set()
        assert "Installed in " in running.stdout.read()
    assert running.returncode == 0
    assert (*(tmp_path / "venv").glob("lib/*/site-packages/large.py"),) != ()
    assert LINE_SECONDS < 5


@pytest.mark.one_way
def test_what_is_for_another_python_or_system_is_not_counted(tmp_path: Path, index: Index) -> None:
    """Nor is it missing ever after."""
    conditions = {
        "small": "python_full_version >= '3.11'",
        "old": "python_full_version < '3.11'",
        "new": "python_full_version >= '99.0'",
        "windows": "sys_platform == 'win32'",
    }
    lines = [index.add(name).replace(" ", f" ; {said} ", 1) for name, said in conditions.items()]
    for says in ("Installing 1 package into ", "Installing what has changed into "):
        told, errors = start(tmp_path, index.url, "".join(lines)).communicate(timeout=90)
        assert told.startswith(says), errors


@pytest.mark.one_way
def test_what_was_stopped_half_way_is_installed_again(tmp_path: Path, index: Index) -> None:
    """pip alone would take the half for whole, and fail at the next update."""
    locked = index.add("small")
    start(tmp_path, index.url, locked).communicate(timeout=90)
    (info,) = (tmp_path / "venv").glob("lib/*/site-packages/small-1.0.dist-info")
    (info / "RECORD").unlink()
    (info.parent / "small.py").write_text("half")
    with start(tmp_path, index.url, locked) as again:
        said = again.communicate(timeout=90)[0]
    assert said.startswith("Installing 1 package into ")
    assert (info / "RECORD").exists()
    assert (info.parent / "small.py").read_text() == "#"


@pytest.mark.one_way
def test_two_at_once_install_one_after_the_other(tmp_path: Path, index: Index) -> None:
    locked = index.add("small")
    index.held_back = "small"
    with start(tmp_path, index.url, locked) as first:
        assert first.stdout is not None
        assert next(line for line in first.stdout if "now small" in line)
        with start(tmp_path, index.url, locked) as second:
            assert second.stdout is not None
            waiting = f"  waiting for another run that fills {tmp_path / 'venv'} – 0 s\n"
            assert next(second.stdout) == waiting
            index.go_on.set()
            assert "Installed in " in first.stdout.read()
            assert "Installing what has changed" in second.stdout.read()
    assert (first.returncode, second.returncode) == (0, 0)


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, index: Index) -> None:
    (tmp_path / "venv").write_text("a file")
    said = refused(tmp_path, index.url, index.add("small"))
    assert said.endswith(f"The folder {tmp_path / 'venv'} cannot be used: file exists.\n")


def test_each_phase_says_how_far_it_is(tmp_path: Path) -> None:
    progress = Progress(tmp_path, total=2)
    assert progress.says() == "downloading: 0 of 2"
    progress.hear("Downloading small-1.0-py3-none-any.whl (15 kB)")
    progress.hear("Downloading large-1.0-cp311-abi3-manylinux_2_34_x86_64.whl (17.1 MB)")
    assert progress.says() == "downloading: 2 of 2, 17 MB (now large, 17.1 MB)"
    progress.hear("Installing collected packages: small, large, third")
    assert progress.says() == "unpacking and compiling: 0 of 3"
    record = tmp_path / "lib/python3.11/site-packages/small-1.0.dist-info/RECORD"
    record.parent.mkdir(parents=True)
    record.touch()
    assert progress.says() == "unpacking and compiling: 1 of 3"
    progress.hear("Obtaining file:///project")
    assert progress.says() == "the project itself"


@pytest.mark.one_way
def test_an_index_that_cannot_be_reached_is_said_in_a_sentence(
    tmp_path: Path, index: Index
) -> None:
    locked = index.add("small")
    index.server.server_close()
    says = refused(tmp_path, index.url, locked)
    assert "the package index (pypi.org, unless pip is told of another) cannot be reached" in says


@pytest.mark.one_way
def test_a_package_that_is_not_the_locked_one_is_refused(tmp_path: Path, index: Index) -> None:
    locked = index.add("small")
    index.add("small", b"changed")
    assert "its hash differs" in refused(tmp_path, index.url, locked)


def test_without_pip_it_says_which_package_brings_it(tmp_path: Path, index: Index) -> None:
    without = hidden(tmp_path, "pip", "ensurepip")
    says = refused(tmp_path, index.url, index.add("small"), PYTHONPATH=without)
    assert "sudo apt install python3-pip" in says


def test_without_venv_it_says_which_package_brings_it(tmp_path: Path, index: Index) -> None:
    says = refused(tmp_path, index.url, index.add("small"), PYTHONPATH=hidden(tmp_path, "venv"))
    assert "sudo apt install python3-venv" in says


@pytest.mark.one_way
def test_an_environment_whose_python_has_gone_is_made_anew(tmp_path: Path, index: Index) -> None:
    """As after an upgrade of the system: what was in it is of no use to the newer Python."""
    venv = tmp_path / "venv"
    (venv / "bin").mkdir(parents=True)
    (venv / "bin" / "python").symlink_to("/nowhere/python3.9")
    for name in ("pyvenv.cfg", ".run"):
        (venv / name).touch()
    plan = subprocess.run(
        [MAKE, "-n", f"{venv}/.run", f"VENV={venv}"],
        check=True,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert "install.py" in plan.stdout
    with start(tmp_path, index.url, index.add("small")) as running:
        said, _ = running.communicate(timeout=90)
    assert "Installed in " in said
    assert (*venv.glob("lib/*/site-packages/small.py"),) != ()


def test_a_python_that_is_too_old_is_named(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.version_info = (3, 9, 2)")
    done = subprocess.run(
        [MAKE, f"{tmp_path}/.run", f"VENV={tmp_path}", f"PYTHON={sys.executable}"],
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "Drivekeeper needs Python 3.11 or newer" in done.stderr
    assert "is 3.9." in done.stderr
