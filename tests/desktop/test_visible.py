"""The file that leads to the page, for browsers that are kept from hidden folders."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from desktop.gate.entering import Entering
from desktop.gate.visible import NAME
from desktop.keeping.unix import Unix
from processes.desktop.running import visible_places, way_in
from tests.desktop.kit import running_desktop
from tests.journeys import until


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / "Downloads").mkdir(parents=True, mode=0o755)
    return tmp_path / "home"


@pytest.mark.one_way
async def test_a_confined_browser_finds_the_way_in(home: Path) -> None:
    """In no hidden folder, for this account alone, while it runs, and again if it was cleared."""
    desk_folder, before = home / ".desk", os.umask(0)
    try:
        async with running_desktop(desk_folder, visible=visible_places(home)) as desk:
            shown = desk.started.entering.shown
            assert shown == home / "Downloads" / NAME == way_in(desk_folder, visible_places(home))
            assert stat.S_IMODE(shown.stat().st_mode) == 0o600
            shown.unlink()
            await until(shown.exists)
            desk.browser.cookies.clear()
            assert (await desk.enter()).status_code == 303
            assert shown.read_bytes() == (desk_folder / "open.html").read_bytes()
    finally:
        os.umask(before)
    assert list((home / "Downloads").iterdir()) == []
    assert not (desk_folder / "open.html").exists()


def test_downloads_are_found_by_their_own_name(home: Path) -> None:
    (home / "下載").mkdir()
    (home / ".config").mkdir()
    file = home / ".config" / "user-dirs.dirs"
    file.write_text('XDG_DESKTOP_DIR="$HOME/桌面"\nXDG_DOWNLOAD_DIR="$HOME/下載"\n', "utf-8")
    assert next(visible_places(home)) == home / "下載" / NAME
    file.write_text('XDG_DOWNLOAD_DIR="$HOME/"\n', "utf-8")  # there are none: as the standard says
    assert next(visible_places(home)) == home / "Downloads" / NAME


@pytest.mark.parametrize("what", ["a link", "open to others", "missing", "a file"])
def test_nobody_else_can_put_another_file_in_its_place(home: Path, what: str) -> None:
    """Then it lies beside the folder, or in the hidden one alone."""
    downloads = home / "Downloads"
    match what:
        case "a link":
            downloads.rename(home / "elsewhere")
            downloads.symlink_to(home / "elsewhere")
        case "open to others":
            downloads.chmod(0o777)
        case "missing":
            downloads.rmdir()
        case "a file":
            downloads.rmdir()
            downloads.touch()
    assert list(visible_places(home)) == [home / NAME]
    home.chmod(0o770)
    assert list(visible_places(home)) == []


def test_a_full_disk_keeps_nobody_out_for_longer_than_it_is_full(home: Path) -> None:
    """Whoever comes in meanwhile does; the next one as soon as the file can be written."""
    system, desk_folder = FullAtTimes(), home / ".desk"
    system.make_folder(desk_folder)
    entering = Entering(desk_folder, system, 8000, visible_places(home))
    system.is_full = True
    assert entering.spend(entering.address.partition("=")[2]) is not None
    entering.look()
    assert entering.address not in entering.path.read_text("utf-8")
    system.is_full = False
    entering.look()
    for path in (entering.path, entering.shown):
        assert entering.address in path.read_text("utf-8")


class FullAtTimes(Unix):
    """A disk of which there is none left to fill."""

    is_full = False

    def create(self, path: Path) -> int:
        """ENOSPC"""
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().create(path)


async def test_what_cannot_be_written_there_is_in_the_hidden_folder(home: Path) -> None:
    """A full disk of the network's keeps nobody out."""
    (home / "Downloads" / NAME).mkdir()
    visible = [home / "Downloads" / NAME, home / "missing" / NAME]
    async with running_desktop(home / ".desk", visible=visible) as desk:
        assert desk.started.entering.shown == home / ".desk" / "open.html"
    assert [path.name for path in (home / "Downloads").iterdir()] == [NAME]
