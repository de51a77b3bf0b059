"""The wheel and the image, as far as they can be checked without a container engine."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

import googleapiclient
import pytest
from fastapi import FastAPI
from packaging.specifiers import SpecifierSet

from config.languages import LANGUAGES
from tests.installed import needs
from tests.test_docs import variables
from web.app import WebParts, create_app

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PACKAGES = (
    "bot",
    "commands",
    "config",
    "departments",
    "desktop",
    "drive",
    "looks",
    "processes",
    "security",
    "sheets",
    "web",
    "sandbox",
)
SYSTEMD = shutil.which("systemd-analyze")
DATA = (".po", ".html", ".css", ".js", ".svg", ".ico", ".json")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's (instruction, arguments), continued lines joined."""
    text = (ROOT / "Dockerfile").read_text("utf-8")
    text = re.sub(r"(?m)^#.*\n", "", text).replace("\\\n", " ")
    found = (line.strip().partition(" ") for line in text.splitlines() if line.strip())
    return [(name, " ".join(rest.split())) for name, _, rest in found]


def stage(number: int) -> list[tuple[str, str]]:
    """The instructions of one stage; -1: the last, which becomes the image."""
    stages: list[list[tuple[str, str]]] = []
    for name, rest in instructions():
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, rest))
    return stages[number]


def only(name: str) -> str:
    """The arguments of the image's one instruction of this name."""
    (rest,) = [rest for found, rest in stage(-1) if found == name]
    return rest


def image_variables() -> dict[str, str]:
    pairs = (pair.partition("=") for pair in only("ENV").split())
    return {name: value for name, _, value in pairs}


def copied() -> list[str]:
    """What the build takes out of the project's folder."""
    return [
        source
        for name, rest in instructions()
        if name == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    ]


@cache
def ignoring() -> list[tuple[re.Pattern[str], bool]]:
    """Each pattern of .dockerignore, and whether it keeps out what it matches, or lets it in."""
    found = []
    for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines():
        pattern = line.strip()
        if not pattern or pattern.startswith("#"):
            continue
        expression = (
            re.escape(pattern.removeprefix("!"))
            .replace(r"\*\*/", "(?:.*/)?")
            .replace(r"\*", "[^/]*")
            .replace(r"\[", "[")
            .replace(r"\]", "]")
        )
        found.append((re.compile(expression), not pattern.startswith("!")))
    return found


def is_ignored(path: str) -> bool:
    """Whether .dockerignore keeps `path` out: the last pattern that matches it decides."""
    ignored = False
    parts = [path, *(str(parent) for parent in PurePosixPath(path).parents)][:-1]
    for expression, keeps_out in ignoring():
        if any(map(expression.fullmatch, parts)):
            ignored = keeps_out
    return ignored


def context() -> Iterator[str]:
    """Every file that the build can see."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in files:
            path = (Path(folder) / name).relative_to(ROOT).as_posix()
            if not is_ignored(path):
                yield path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as the image builds it: of nothing but what it copies."""
    folder, out = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("wheel")
    visible = list(context())
    for source in copied():
        for path in visible:
            if path == source or path.startswith(f"{source}/"):
                target = folder / path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(ROOT / path, target)
    build = f"from setuptools import build_meta; build_meta.build_wheel({str(out)!r})"
    done = subprocess.run(
        [sys.executable, "-c", build], check=False, cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(installed: Path, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What has been installed, in an empty folder, with an empty environment."""
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        check=False,
        cwd=folder,
        env={"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )


def test_wheel_holds_the_program_and_nothing_else(wheel: Path) -> None:
    expected = {f"{name}.py" for name in PROJECT["tool"]["setuptools"]["py-modules"]}
    for package in PACKAGES:
        expected |= {
            path.relative_to(ROOT).as_posix()
            for path in (ROOT / package).rglob("*")
            if path.is_file() and path.suffix in (".py", *DATA)
        }
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == expected


def test_every_file_of_the_packages_is_of_a_kind_that_is_packed() -> None:
    """A picture added beside the pages would be missing from the wheel, silently."""
    strange = [
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc", *DATA)
    ]
    assert strange == []


def test_wheel_has_the_licence_and_the_command(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        entry = next(name for name in names if name.endswith("/entry_points.txt"))
        assert "drivekeeper = cli:main" in archive.read(entry).decode()
    assert any(name.endswith("/licenses/LICENSE") for name in names)


def test_installed_command_says_its_version(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "-m", "cli", "version")
    assert (done.returncode, done.stdout) == (0, f"drivekeeper {PROJECT['project']['version']}\n")


def test_installed_bot_without_settings_lists_what_is_missing(
    installed: Path, tmp_path: Path
) -> None:
    done = run(installed, tmp_path, "-m", "cli", "bot")
    assert done.returncode == 2
    for name in ("TELEGRAM_BOT_TOKEN", "GOOGLE_CLIENT_ID", "GOOGLE_CLIENT_SECRET"):
        assert f"{name}: is missing" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.one_way
def test_installed_bot_and_sandbox_find_all_their_parts(installed: Path, tmp_path: Path) -> None:
    done = run(installed, tmp_path, "-c", "import processes.bot, sandbox.run, sandbox.telegram")
    assert (done.returncode, done.stderr) == (0, "")


def test_installed_migrations_make_the_tables(installed: Path, tmp_path: Path) -> None:
    """They are read as files beside the program."""
    key = base64.urlsafe_b64encode(bytes(32)).decode("ascii")
    lines = (f"DATABASE_URL=sqlite:///{tmp_path}/db/of.db", f"TOKEN_ENCRYPTION_KEY={key}")
    (tmp_path / ".env").write_text("\n".join(lines), "utf-8")
    done = run(installed, tmp_path, "-m", "cli", "db", "upgrade")
    assert (done.returncode, done.stderr) == (0, "")
    assert "1 change made" in done.stdout


def test_what_the_image_copies_is_there_and_not_ignored() -> None:
    assert copied()
    for source in copied():
        assert (ROOT / source).exists(), source
        assert not is_ignored(source), source


def test_image_copies_every_module_and_package() -> None:
    setuptools = PROJECT["tool"]["setuptools"]
    wanted = {f"{name}.py" for name in setuptools["py-modules"]}
    wanted |= {pattern.rstrip("*") for pattern in setuptools["packages"]["find"]["include"]}
    assert wanted <= set(copied())


def test_build_sees_nothing_but_what_it_copies() -> None:
    sources = set(copied())
    strays = [p for p in context() if p not in sources and p.partition("/")[0] not in sources]
    assert strays == []
    kinds = {Path(path).suffix for path in context() if "/" in path}
    assert kinds <= {".py", *DATA}


@pytest.mark.parametrize(
    "path",
    [
        *(".env", ".env.production", ".git/config", "user_data/token_1.json", "log_mask.key"),
        *(
            "bot/.env",
            "security/old.key",
            "web/tls.pem",
            "bot/token_5.json",
            "client_secret_1.json",
        ),
        *("sandbox/user_data/token_1.json", "bot/__pycache__/a.cpython-312.pyc", "tests/a.py"),
        *(
            "web/credentials.json",
            "bot/x-service-account.json",
            "web/tanhae-sa.json",
            ".sandbox/world/google/state.json",
        ),
        *("bot/drivekeeper.db", "bot/drivekeeper.db-wal", "web/d.db-shm", "security/d.sqlite3"),
        *("commands/dump.sql", "commands/dump.sql.gz", "security/d.dump", "compose.database.sh"),
    ],
)
def test_secrets_and_leavings_are_kept_out_of_the_build(path: str) -> None:
    assert is_ignored(path)


def test_image_runs_as_nobody_in_particular() -> None:
    uid, _, gid = only("USER").partition(":")
    assert int(uid) >= 10000
    assert int(gid) >= 10000
    assert (
        f"-m 0700 -o {uid} -g {gid} {image_variables()['USER_DATA_DIR']}" in dict(stage(-1))["RUN"]
    )
    assert [image_variables()["USER_DATA_DIR"]] == json.loads(only("VOLUME"))


def test_both_stages_have_one_python_which_the_project_supports() -> None:
    bases = {rest.partition(" ")[0] for name, rest in instructions() if name == "FROM"}
    (base,) = bases
    found = re.fullmatch(r"python:(3\.\d+)-slim", base)
    assert found
    assert found[1] in SpecifierSet(PROJECT["project"]["requires-python"])


def test_dependencies_are_installed_by_hash() -> None:
    steps = " && ".join(rest for name, rest in stage(0) if name == "RUN").split(" && ")
    installs = [step for step in steps if "pip" in step and " install " in step]
    assert [step for step in installs if "--require-hashes" in step] == installs[:-1]
    assert "--no-index" in installs[-1]
    assert "--no-deps" in installs[-1]


def test_the_picture_alone_needs_what_is_large() -> None:
    """150 MB for one picture in the chat: only who wants it has it."""
    locked = {
        name: dict(re.findall(r"(?m)^([a-z][\w.-]*)==(\S+)", (ROOT / name).read_text("utf-8")))
        for name in ("requirements.txt", "requirements-picture.txt", "requirements-dev.txt")
    }
    run, picture, dev = locked.values()
    assert {"matplotlib", "numpy", "fonttools", "contourpy", "kiwisolver"}.isdisjoint(run)
    assert "matplotlib" in picture
    # The same versions everywhere: what the tests see is what runs.
    assert run.items() <= picture.items() <= dev.items()
    assert list(PROJECT["project"]["optional-dependencies"]) == ["picture"]


def test_locked_requirements_name_no_address() -> None:
    for path in ROOT.glob("requirements*.txt"):
        text = path.read_text("utf-8")
        assert not re.search(r"://|(?m:^ *-(?!-hash))|@ ", text), path.name
        for block in re.split(r"(?m)^(?=[a-z])", text)[1:]:
            assert "--hash=sha256:" in block, block.partition(" ")[0]


def test_the_descriptions_left_in_the_image_are_enough(tmp_path: Path) -> None:
    """The very step of the Dockerfile, on a copy of the package; then what uses them."""
    (step,) = [rest for name, rest in stage(0) if name == "RUN" and rest.startswith("find ")]
    source = Path(googleapiclient.__file__).parent
    copy = tmp_path / "googleapiclient"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("[!ds]*.json", "__pycache__"))
    command = step.replace("/opt/drivekeeper", str(tmp_path))
    assert command != step
    subprocess.run(["/bin/sh", "-c", command], check=True)
    left = {path.name for path in (copy / "discovery_cache" / "documents").iterdir()}
    assert left == {"drive.v3.json", "sheets.v4.json"}
    program = (
        "import googleapiclient, googleapiclient.discovery_cache as cache\n"
        "assert cache.get_static_doc('drive', 'v3') and cache.get_static_doc('sheets', 'v4')\n"
        "from drive.api import DriveApi\n"
        "DriveApi('http://127.0.0.1:9')\n"
        "from sheets.reading.api import SheetsApi\n"
        "SheetsApi('http://127.0.0.1:9')\n"
        "import sandbox.google.drive.discovery\n"
        "print(googleapiclient.__file__)"
    )
    done = run(tmp_path, ROOT, "-c", f"import sys; sys.path.append('.')\n{program}")
    assert (done.stderr, done.stdout) == ("", f"{copy / '__init__.py'}\n")


def test_the_languages_left_installed_are_those_that_are_written(tmp_path: Path) -> None:
    """The very steps of the Dockerfile and the Makefile, which leave the same."""
    (image,) = [rest for name, rest in stage(0) if name == "RUN" and rest.startswith("find ")]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    (local,) = re.findall(r"(?ms)^SPARE_LANGUAGES = (.+?)\n\n", makefile)
    left: list[set[str]] = []
    for step, folder in ((image, "/opt/drivekeeper"), (local, "$(VENV)")):
        data = tmp_path / str(len(left)) / "babel" / "locale-data"
        data.mkdir(parents=True)
        for name in ("root", "en", "en_GB", "zh", "zh_Hant_TW", "zh_Hans", "de", "aa_ET", "yue"):
            (data / f"{name}.dat").touch()
        command = step.replace("\\\n", "").replace(folder, str(data.parent.parent))
        subprocess.run(["/bin/sh", "-c", command], check=True)
        left.append({path.stem for path in data.iterdir()})
    assert left == [{"root", "en", "en_GB", "zh", "zh_Hant_TW", "zh_Hans"}] * 2
    assert {language.split("_")[0] for language in LANGUAGES} == {"en", "zh"}


def test_image_starts_a_script_of_the_project_with_one_of_its_commands() -> None:
    (script,) = json.loads(only("ENTRYPOINT"))
    assert script in PROJECT["project"]["scripts"]
    assert json.loads(only("CMD")) == ["bot"]
    assert only("STOPSIGNAL") == "SIGTERM"


def test_health_check_asks_a_page_that_exists() -> None:
    url = re.search(r"http://127\.0\.0\.1:(\d+)(/[a-z]*)", only("HEALTHCHECK"))
    assert url
    parts = WebParts(is_alive=lambda: True)
    app = create_app(parts)
    assert isinstance(app, FastAPI)
    assert url[2] in {getattr(route, "path", "") for route in app.routes}
    assert url[1] == image_variables()["WEB_PORT"] == only("EXPOSE")
    compile(_health_command()[-1], "HEALTHCHECK", "exec")


def test_no_secret_has_a_place_in_the_image() -> None:
    secrets = {name for name, secret in variables().items() if secret}
    assert secrets.isdisjoint(image_variables())
    assert [rest for name, rest in instructions() if name == "ARG"] == ["HEALTH_PICTURE=off"]


def test_image_is_labelled_with_the_projects_licence() -> None:
    assert f'image.licenses="{PROJECT["project"]["license"]}"' in only("LABEL")


def test_compose_and_the_readme_harden_the_container_alike() -> None:
    compose = (ROOT / "compose.yaml").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    for line in (
        *("read_only: true", "- ALL", "- no-new-privileges:true", "restart: unless-stopped"),
        *("env_file: .env", "stop_grace_period: 20s", "- /tmp:rw,noexec,nosuid,size=16m"),
    ):
        assert re.search(rf"(?m)^ +{re.escape(line)}$", compose), line
    for option in (
        *("--read-only", "--cap-drop ALL", "--security-opt no-new-privileges"),
        *("--restart unless-stopped", "--stop-timeout 20", "--env-file .env"),
        "--tmpfs /tmp:rw,noexec,nosuid,size=16m",
    ):
        assert option in readme, option
    for name, value in image_variables().items():
        if name in ("USER_DATA_DIR", "WEB_HOST", "WEB_PORT"):
            assert re.search(rf'(?m)^ +{name}: "?{re.escape(value)}"?$', compose), name
            assert f"-e {name}={value}" in readme


def test_the_container_is_bounded_alike_by_compose_and_the_readme() -> None:
    compose = (ROOT / "compose.yaml").read_text("utf-8")
    readme = (ROOT / "README.md").read_text("utf-8")
    for line, option in (("mem_limit: 1g", "--memory 1g"), ("pids_limit: 512", "--pids-limit 512")):
        assert re.search(rf"(?m)^ +{re.escape(line)}$", compose), line
        assert option in readme, option


@needs("systemd-analyze")
def test_the_systemd_unit_takes_away_what_the_service_does_not_need(tmp_path: Path) -> None:
    """systemd's own score of exposure, in tenths; it was 47 without most of the restrictions."""
    readme = (ROOT / "README.md").read_text("utf-8")
    unit = re.search(r"```ini\n(\[Unit\]\n.*?)```", readme, re.DOTALL)
    assert unit
    path = tmp_path / "drivekeeper.service"
    path.write_text(re.sub(r"(?m)^ExecStart=.*", "ExecStart=/bin/true", unit[1]), "utf-8")
    done = subprocess.run(
        [str(SYSTEMD), "security", "--offline=yes", "--threshold=13", str(path)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-200:] + done.stderr
    assert "Unknown" not in done.stderr


def services(name: str = "compose.local-api.yaml") -> dict[str, str]:
    """The services of a Compose file, as they are written, without comments."""
    compose = re.sub(r"(?m)^ *#.*\n", "", (ROOT / name).read_text("utf-8"))
    _, _, part = compose.partition("\nservices:\n")
    found = re.split(r"(?m)^  ([a-z-]+):\n", part.partition("\nvolumes:\n")[0])
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_a_local_bot_api_server_runs_only_if_it_is_asked_for() -> None:
    assert set(services("compose.yaml")) == {"bot", "web", "database"}
    assert set(services()) == {"bot", "bot-api"}
    assert "telegram_files" not in (ROOT / "compose.yaml").read_text("utf-8")


def test_the_image_of_a_local_bot_api_server_has_to_be_named() -> None:
    """It is given the bot's token and every file: nobody's choice but the operator's."""
    (image,) = re.findall(r"(?m)^    image: (.*)$", services()["bot-api"])
    assert re.fullmatch(r"\$\{TELEGRAM_BOT_API_IMAGE:\?[^}]+\}", image)


def test_bot_reads_and_deletes_what_a_local_bot_api_server_has_fetched() -> None:
    """One path in both containers, one user, and a folder of that user's in the image."""
    bot, server = services()["bot"], services()["bot-api"]
    (mount,) = re.findall(r"(?m)^      - telegram_files:(.*)$", bot)
    assert re.findall(r"(?m)^      - telegram_files:(.*)$", server) == [mount]
    assert f"      TELEGRAM_FILES_DIR: {mount}\n" in bot
    assert "user_data" not in server
    (command,) = re.findall(r"(?m)^    entrypoint: (.*)$", server)
    assert {f"--dir={mount}", "--local"} <= set(json.loads(command))
    assert f'    user: "{only("USER")}"\n' in server
    uid, _, gid = only("USER").partition(":")
    (folders,) = re.findall(rf"-m 0700 -o {uid} -g {gid} (.*)$", dict(stage(-1))["RUN"])
    assert mount in folders.split()
    assert not mount.startswith(image_variables()["USER_DATA_DIR"])
    # The volume takes the folder's owner from the container that is made first.
    assert "    depends_on:\n      - bot\n" in server


def test_a_local_bot_api_server_is_hardened_and_gets_none_of_the_bots_secrets() -> None:
    server = services()["bot-api"]
    for line in ("- ALL", "- no-new-privileges:true", "restart: unless-stopped"):
        assert re.search(rf"(?m)^ +{re.escape(line)}$", server), line
    assert re.findall(r"env_file: (.*)", server) == [".env.bot-api"]
    assert is_ignored(".env.bot-api")


def test_compose_checks_health_as_the_image_does() -> None:
    compose = (ROOT / "compose.yaml").read_text("utf-8")
    test = re.search(r"(?m)^ +test: (\[.*\])$", compose)
    assert test
    assert json.loads(test[1]) == ["CMD", *_health_command()]


def _health_command() -> list[str]:
    command: list[str] = json.loads(only("HEALTHCHECK").partition(" CMD ")[2])
    return command
