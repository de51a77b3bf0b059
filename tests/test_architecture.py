"""The house: who may import whom, who reads the environment, who builds services.

A front may use the core; the core knows no front; nobody reads the environment but config/.
"""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FRONTS = {"bot", "web", "desktop", "sandbox", "commands"}
WIRING = {"cli", "processes", "bench"}
ROOTS = {
    *("cli.py", "processes/bot.py", "processes/storage.py", "processes/wiring.py"),
    *("processes/database.py", "processes/moving.py", "processes/departments.py"),
    *("processes/web.py", "commands/runtime.py", "processes/desktop/running.py"),
}
"""Composition roots: one for each kind of process, and what they share."""
CORE = (
    *("security.errors", "security.logs", "security.credential"),
    *("security.encryption", "security.google", "security.storage", "security.logging_utils"),
    *("security.owner_documents", "security.quarantine", "security.token_store"),
    *("security.custody", "security.recovery", "security.maintenance", "security.consent"),
    *("drive", "upload", "departments", "sheets"),
)
"""The core's packages: each knows only those before it."""
CORE_MODULES = {package.partition(".")[0] for package in CORE} | {"config"}
BACKENDS = ("security.storage.files", "security.storage.sql")
"""Known to nobody outside `security/storage/` but the wiring."""
FRONT_LIBRARIES = {"telegram", "fastapi", "starlette", "uvicorn", "typer", "rich", "httpx"}
FORBIDDEN = {
    **dict.fromkeys(CORE_MODULES, FRONTS | WIRING | FRONT_LIBRARIES),
    "config": FRONTS | WIRING | FRONT_LIBRARIES | (CORE_MODULES - {"config"}),
    "looks": FRONTS | WIRING | (CORE_MODULES - {"config"}),
    "bot": (FRONTS - {"bot"}) | WIRING,
    "web": (FRONTS - {"web"}) | WIRING,
    "desktop": (FRONTS - {"desktop"}) | WIRING,
    "sandbox": (FRONTS - {"sandbox"}) | WIRING | CORE_MODULES,
    "commands": (FRONTS - {"commands"}) | WIRING,
    "processes": {"sandbox", "cli", "desktop"},
}
"""A top-level name → what it may not import."""
ALLOWED = {
    ("commands/runtime.py", "processes"),
    ("commands/at_work.py", "processes"),
    ("commands/starting/process.py", "processes"),
    ("commands/starting/desktop.py", "processes"),
    ("commands/starting/menu.py", "processes"),
    ("processes/desktop/running.py", "desktop"),
    ("processes/desktop/menu.py", "desktop"),
    ("processes/desktop/ending.py", "desktop"),
}
"""They are the commands' composition root."""
SERVICES = {
    *("TokenStore", "SqlTokenStore", "GoogleOAuth", "Custodian", "ConsentFlows"),
    *("PendingConsents", "UploadJournal", "Preferences", "DriveApi", "Drives"),
}
ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
LONGEST = 350
"""Lines of a file."""
MOST_MODULES = 14
"""In a folder."""
MOST_ARROWS = 60
"""Between the rooms of `security/`: its files and folders."""


def product() -> list[Path]:
    """Every file that is shipped."""
    found = [
        path
        for top in FRONTS
        | {"config", "departments", "drive", "looks", "processes", "security", "sheets"}
        for path in (ROOT / top).rglob("*.py")
    ]
    return sorted([*ROOT.glob("*.py"), *found])


def imports(tree: ast.AST, package: list[str]) -> Iterator[str]:
    """The dotted names that code imports, wherever in it, and however it spells that."""
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                base = package[: len(package) - level + 1] if level else []
                parts = [*base, *([module] if module else [])]
                yield from (".".join([*parts, alias.name]) for alias in names)
            case ast.Call(func=ast.Attribute(attr="import_module") | ast.Name(id="__import__")):
                yield from (
                    str(argument.value)
                    for argument in node.args
                    if isinstance(argument, ast.Constant)
                )


def top_of(name: str) -> str:
    """The top-level name."""
    return name.partition(".")[0]


def is_in(name: str, package: str) -> bool:
    """Whether a dotted name is the package, or in it."""
    return name == package or name.startswith(f"{package}.")


def rank_of(name: str) -> int | None:
    """How high in the core a dotted name stands; None: it is not in there."""
    ranks = (rank for rank, package in enumerate(CORE) if is_in(name, package))
    return next(ranks, None)


def breaks_order(module: str, name: str) -> bool:
    """Whether a module of the core imports something above it, or a backend from outside."""
    here, there = rank_of(module), rank_of(name)
    upwards = here is not None and there is not None and there > here
    backend = any(is_in(name, backend) for backend in BACKENDS)
    return upwards or (backend and not is_in(module, "security.storage"))


def violations(path: str, source: str) -> list[str]:
    """What a file does that it may not. `path` is relative to the repository."""
    tree, parts = ast.parse(source), Path(path).with_suffix("").parts
    top, module = parts[0], ".".join(parts)
    imported = set(imports(tree, list(parts[:-1])))
    found = [
        f"imports {name}"
        for name in sorted({top_of(name) for name in imported} & FORBIDDEN.get(top, set()))
        if (path, name) not in ALLOWED
    ]
    if path not in ROOTS:
        found += [f"imports {name}" for name in sorted(imported) if breaks_order(module, name)]
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr=attr) if attr in ENVIRONMENT:
                found += [] if top == "config" else [f"os.{attr}"]
            case ast.ImportFrom(module="os", names=names):
                found += [f"os.{n.name}" for n in names if n.name in ENVIRONMENT]
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)):
                # The sandbox can import none of them: what is called alike there is its own.
                if name in SERVICES and path not in ROOTS and top != "sandbox":
                    found.append(f"builds {name}")
    return found


def test_files_keep_to_their_places_in_the_house() -> None:
    """Imports in one direction, the environment in one place, services built in one place."""
    done = {
        name: violations(name, text)
        for name, text in ((str(p.relative_to(ROOT)), p.read_text("utf-8")) for p in product())
    }
    assert len(done) > 100
    assert {name: found for name, found in done.items() if found} == {}


def test_files_can_be_read_in_one_go() -> None:
    """What has grown past that wants to be two."""
    lines = {str(p.relative_to(ROOT)): p.read_text("utf-8").count("\n") for p in product()}
    assert {name: count for name, count in lines.items() if count > LONGEST} == {}


def test_folders_hold_no_long_lists() -> None:
    """What has more modules wants to be two, by noun."""
    folders = Counter(
        str(path.parent.relative_to(ROOT)) for path in product() if path.name != "__init__.py"
    )
    del folders["."]
    assert {name: count for name, count in folders.items() if count > MOST_MODULES} == {}


def rooms(sources: dict[str, str], package: str) -> tuple[set[str], set[tuple[str, str]]]:
    """The files and folders of a package, and which of them imports which.

    Args:
        sources: by path, relative to the repository.
    """
    found, arrows = set[str](), set[tuple[str, str]]()
    for path, source in sources.items():
        parts = Path(path).with_suffix("").parts
        if parts[0] != package or parts[1] == "__init__":
            continue
        found.add(parts[1])
        for name in imports(ast.parse(source), list(parts[:-1])):
            if is_in(name, package) and "." in name and name.split(".")[1] != parts[1]:
                arrows.add((parts[1], name.split(".")[1]))
    return found, arrows


def test_custody_can_be_seen_at_one_glance() -> None:
    """Few rooms, and few ways between them."""
    sources = {str(p.relative_to(ROOT)): p.read_text("utf-8") for p in product()}
    found, arrows = rooms(sources, "security")
    assert len(found) <= MOST_MODULES
    assert len(arrows) <= MOST_ARROWS


def test_rooms_and_their_arrows_are_counted() -> None:
    """A folder is one room, whatever is in it; an import twice is one arrow."""
    sources = {
        "security/a.py": "from security.b.x import X\nfrom security.b import y\nimport security.c",
        "security/b/x.py": "from security.b.y import Y",
        "security/b/y.py": "",
        "security/c.py": "from bot import a",
    }
    assert rooms(sources, "security") == ({"a", "b", "c"}, {("a", "b"), ("a", "c")})


PURE_SHEETS = (
    *(
        "sheets.answer",
        "sheets.calendars",
        "sheets.cells",
        "sheets.faults",
        "sheets.guess",
        "sheets.kinds",
        "sheets.months",
        "sheets.nobodys",
    ),
    *("sheets.parsing", "sheets.shapes", "sheets.timing", "sheets.versions", "sheets.wanted"),
)
"""From cells to shifts: the same answer for the same cells, whenever and wherever."""
OF_PURE_SHEETS = {
    *("__future__", "calendar", "collections", "dataclasses", "datetime", "difflib", "functools"),
    *("hashlib", "json", "pathlib", "re", "sys", "tomllib", "typing", "unicodedata", "zoneinfo"),
    *("icalendar", "pydantic", "pydantic_core", "re2"),
}
CLOCKS = {"now", "utcnow", "today", "time_ns", "monotonic", "perf_counter", "localtime"}


def impure(module: str, source: str) -> list[str]:
    """What a module does that is no function of what it is given."""
    tree = ast.parse(source)
    found = [
        f"imports {name}"
        for name in sorted({*imports(tree, module.split(".")[:-1])})
        if top_of(name) not in OF_PURE_SHEETS
        and not any(is_in(name, each) for each in (*PURE_SHEETS, "config", "security.errors"))
    ]
    return found + [
        f"asks {node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS
    ]


def test_what_sheets_mean_depends_on_their_cells_alone() -> None:
    """No network in it, no clock, no storage; of the rest of the house only settings' values and
    the classes of errors."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in (ROOT / "sheets").rglob("*.py")
    }
    pure = {
        name: impure(name, path.read_text("utf-8"))
        for name, path in modules.items()
        if any(is_in(name, each) for each in PURE_SHEETS)
    }
    assert len(pure) > 25
    assert {name: found for name, found in pure.items() if found} == {}
    sources = {name: modules[name].read_text("utf-8") for name in pure if name in modules}
    assert cycle({k: v for k, v in sources.items() if modules[k].stem != "__init__"}) == []


@pytest.mark.parametrize(
    "source",
    [
        *("import socket", "import time", "from sheets.reading import client", "import asyncio"),
        *("from security.storage import protocol", "from departments.names import Department"),
        *("from datetime import date\ndate.today()", "import datetime\ndatetime.datetime.now()"),
    ],
)
def test_a_planted_impurity_is_found(source: str) -> None:
    assert len(impure("sheets.kinds.x", source)) == 1


def cycle(modules: dict[str, str]) -> list[str]:
    """Modules or folders that import each other in a circle, if there are any.

    Args:
        modules: the source of each module of one package, by its dotted name. One in a folder
            stands for the folder as well.
    """
    graphs: list[dict[str, set[str]]] = [{}, {}]
    for name, source in modules.items():
        for node in ast.walk(ast.parse(source)):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                imported = whole if whole in modules else node.module
                if imported not in modules:
                    continue
                graphs[0].setdefault(name, set()).add(imported)
                here, there = (".".join(each.split(".")[:2]) for each in (name, imported))
                if here != there:
                    graphs[1].setdefault(here, set()).add(there)
    for graph in graphs:
        try:
            graphlib.TopologicalSorter(graph).prepare()
        except graphlib.CycleError as error:
            return list(error.args[1])
    return []


def test_the_bot_imports_itself_in_one_direction() -> None:
    """Its modules, and its folders as well: each can be read before those that use it."""
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path.read_text("utf-8")
        for path in (ROOT / "bot").rglob("*.py")
        if path.name != "__init__.py"
    }
    assert len(modules) > 50
    assert cycle(modules) == []


def test_a_planted_circle_is_found() -> None:
    """Between two modules, for type checking alone, and between two folders."""
    assert cycle({"bot.a": "from bot import b", "bot.b": "from bot.a import A"})
    checking = "if TYPE_CHECKING:\n    from bot.a import A"
    assert cycle({"bot.a": "from bot.b import B", "bot.b": checking})
    folders = {"bot.a.x": "from bot.b.x import X", "bot.b.x": "", "bot.b.y": ""}
    assert not cycle(folders)
    assert cycle({**folders, "bot.b.y": "from bot.a import x"})


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("security/x.py", "import bot"),
        ("security/x.py", "from bot.texts import Texts"),
        ("security/x.py", "import aiohttp, web.app"),
        ("security/deep/x.py", "def f():\n    from telegram import Bot"),
        ("security/x.py", "if True:\n    import fastapi"),
        ("security/x.py", "from .. import bot"),
        ("security/x.py", "import importlib\nimportlib.import_module('bot.texts')"),
        ("security/x.py", "__import__('sandbox')"),
        ("drive/x.py", "from processes.bot import run"),
        ("upload.py", "from sandbox.clients.person import Person"),
        ("config/settings.py", "from security.storage.protocol import Storage"),
        ("bot/x.py", "from web.app import create_app"),
        ("bot/x.py", "import cli"),
        ("web/x.py", "from bot import texts"),
        ("sandbox/x.py", "from security.credential import Owner"),
        ("sandbox/google/x.py", "from config import Settings"),
        ("processes/bot.py", "from sandbox.run import bot_settings"),
        ("bot/x.py", "import os\nos.environ['A']"),
        ("cli.py", "import os\nos.getenv('A')"),
        ("security/x.py", "from os import environ"),
        ("bot/x.py", "store = TokenStore(folder, keyring, mask)"),
        ("web/x.py", "oauth = google_oauth.GoogleOAuth(endpoints)"),
        ("security/custody/x.py", "from security.storage.files.storage import FileStorage"),
        ("security/token_store.py", "from security.storage import files"),
        ("bot/x.py", "import security.storage.sql"),
        ("commands/x.py", "from processes.storage import KINDS"),
        ("security/storage/x.py", "from security.token_store import TokenStore"),
        ("security/quarantine/x.py", "from ..custody import workers"),
        ("security/custody/x.py", "from security.maintenance.state import MaintenanceState"),
        ("drive/x.py", "import upload"),
    ],
)
def test_a_planted_violation_is_found(path: str, source: str) -> None:
    """The test itself is tested."""
    assert len(violations(path, source)) == 1


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("security/storage/files/x.py", "from security.storage.files.locks import FileLease"),
        ("security/storage/files/x.py", "from ..protocol import Storage"),
        ("security/x.py", "from . import errors"),
        ("processes/storage.py", "from security.storage.files.storage import FileStorage"),
        ("commands/runtime.py", "from processes.storage import KINDS"),
        ("bot/x.py", "from telegram import Bot\nfrom drive import Drive\nimport upload"),
        ("config/settings.py", "import os\nos.environ"),
        ("processes/bot.py", "store = TokenStore(folder, keyring, mask)"),
        ("cli.py", "from sandbox.run import run_sandbox\nimport os\nos.devnull"),
    ],
)
def test_what_is_allowed_is_not_found(path: str, source: str) -> None:
    """Neither is a name that only resembles a forbidden one."""
    assert violations(path, source) == []


def test_importing_any_module_needs_no_settings_and_does_nothing(tmp_path: Path) -> None:
    """No environment, no file, no output: settings are read when a process starts."""
    names = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in product()
    ]
    script = f"import importlib\nfor name in {names!r}: importlib.import_module(name)"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
