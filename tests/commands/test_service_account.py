"""`drivekeeper service-account`, and what the doctor says of keys."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from freezegun import freeze_time
from google.auth import jwt
from typer.testing import CliRunner, Result

from cli import app
from config import load_settings
from departments.names import Departments
from departments.service_accounts.service_keys import ServiceKeys
from processes.storage import storage_of
from tests.documents import ROOT
from tests.security.kit import MASK
from tests.service_accounts import ADDRESS, KEY_ID, TOKEN_URI, VARIABLE, encoded, in_json, rsa_key
from tests.test_config import google_at

SCOPE = "https://www.googleapis.com/auth/spreadsheets.readonly"

PUBLIC = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """As a browser has it from Google's console, and its owner has made private."""
    file = tmp_path / "example-project-0123456789ab.json"
    file.touch(mode=0o600)
    file.write_text(in_json(), "utf-8")
    return file


def encode(file: Path, department: str = "tanhae", *more: str) -> Result:
    line = ["service-account", "encode", str(file), "--department", department, *more]
    return CliRunner().invoke(app, line)


def test_a_key_file_becomes_the_line_that_settings_want(key_file: Path, tmp_path: Path) -> None:
    """On stdout that line alone, to be appended; whom to share with on stderr; nothing written."""
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    done = encode(key_file)
    assert (done.exit_code, done.stdout) == (0, f"{VARIABLE}={encoded()}\n")
    assert ADDRESS in done.stderr
    assert before == {path: path.read_bytes() for path in tmp_path.iterdir()}
    (tmp_path / ".env").write_text(done.stdout, "utf-8")
    settings = load_settings(for_bot=False, env_file=tmp_path / ".env")
    assert settings.service_accounts["tanhae"].address == ADDRESS


@pytest.mark.parametrize("document", ["docs/service-accounts.md", ".env.example"])
def test_documents_say_how_a_key_file_is_encoded_without_drivekeeper(
    key_file: Path, document: str
) -> None:
    """In Python; there is no PowerShell here to try the other way with."""
    [line] = re.findall(r"python3 (-c .*base64.*)", (ROOT / document).read_text("utf-8"))
    key_file.rename(key_file.with_name("tanhae-sa.json"))
    done = subprocess.run(
        [sys.executable, *shlex.split(line)],
        cwd=key_file.parent,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    assert done.stdout.removeprefix(f"{VARIABLE}=") == f"{encoded()}\n"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_a_key_file_that_others_can_reach_is_refused(key_file: Path, mode: int) -> None:
    key_file.chmod(mode)
    done = encode(key_file)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "chmod 600" in done.stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (encoded(), "no JSON"),
        ("%PDF-canary", "no JSON"),
        ("{canary", "holds no JSON object"),
        (in_json(token_uri="https://canary.example.com/"), "its token_uri is not one of Google"),
        (in_json(client_email=None, private_key_id=None), "it has no client_email; it has no priv"),
        ("{" + "x" * 70_000, "too large"),
    ],
    ids=["base64", "another file", "damaged", "another's", "edited", "large"],
)
def test_what_is_wrong_with_a_key_file_is_said_before_it_is_set(
    key_file: Path, text: str, says: str
) -> None:
    key_file.write_text(text, "utf-8")
    done = encode(key_file)
    assert (done.exit_code, done.stdout) == (2, "")
    assert says in done.stderr
    assert done.stderr.startswith("The file ")
    assert "canary" not in done.stderr
    assert "The file it" not in done.stderr


def test_faults_of_a_key_file_are_whole_sentences_that_say_what_to_do(key_file: Path) -> None:
    key_file.write_text(in_json(private_key="damaged", client_email=None), "utf-8")
    assert " ".join(encode(key_file).stderr.split()) == (
        "The file cannot be used: it has no client_email; its private_key is damaged, or no "
        "private key in PEM (make a new key in Google's console, as docs/service-accounts.md says)."
    )


def test_in_a_sandbox_its_own_key_is_encoded_and_taken(
    key_file: Path, tmp_path: Path, restored_logging: None
) -> None:
    """And Google's is not: one look at the file, and at the line that comes of it, say the same."""
    there = google_at("http://127.0.0.1:8765")
    lines = [f"{name}={value}\n" for name, value in there.items()]
    (tmp_path / "sandbox.env").write_text("".join(lines), "utf-8")
    of_sandbox = f"--env-file={tmp_path / 'sandbox.env'}"
    assert "its token_uri is not GOOGLE_TOKEN_URI" in encode(key_file, "tanhae", of_sandbox).stderr
    key_file.write_text(in_json(token_uri=there["GOOGLE_TOKEN_URI"]), "utf-8")
    assert encode(key_file).exit_code == 2
    done = encode(key_file, "tanhae", of_sandbox)
    assert done.exit_code == 0, done.output
    with (tmp_path / "sandbox.env").open("a", encoding="utf-8") as settings:
        settings.write(f"{done.stdout}USER_DATA_DIR={tmp_path / 'user_data'}\n")
    checked = CliRunner().invoke(app, ["service-account", "check", of_sandbox])
    assert f"Share spreadsheets with: {ADDRESS}" in checked.stdout, checked.output


@pytest.mark.parametrize("value", ["http://canary.example.com/token", "canary"])
def test_a_faulty_token_uri_among_the_settings_is_named(
    key_file: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("GOOGLE_TOKEN_URI", value)
    done = encode(key_file)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "GOOGLE_TOKEN_URI: must " in done.stderr
    assert "canary" not in done.stderr


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    assert encode(tmp_path).exit_code == 2
    assert encode(tmp_path / "nowhere").exit_code == 2
    assert encode(Path("/dev/null")).exit_code == 2


@pytest.mark.parametrize("slug", ["Tanhae", "淡海", "../x", "x y", ""])
def test_a_slug_that_no_department_can_have_is_refused(key_file: Path, slug: str) -> None:
    done = encode(key_file, slug)
    assert (done.exit_code, done.stdout) == (2, "")


# -- check ---------------------------------------------------------------------------------------


@dataclass
class Google:
    """A token endpoint that looks at a signed statement as Google's does."""

    address: str = ""
    status: int = 200
    answer: Any = None
    """None: a token, for whoever signs rightly."""
    moved: str = ""
    """Whereto an answer sends on."""
    asked: int = 0
    seen: list[dict[str, Any]] = field(default_factory=list)

    def judge(self, form: dict[str, list[str]]) -> tuple[int, Any]:
        self.asked += 1
        if self.answer is not None:
            return self.status, self.answer
        [kind], [statement] = form["grant_type"], form["assertion"]
        assert kind == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        header: dict[str, str] = jwt.decode_header(statement)  # type: ignore[no-untyped-call]
        assert (header["alg"], header["kid"]) == ("RS256", KEY_ID)
        try:
            claims = jwt.decode(  # type: ignore[no-untyped-call]
                statement, certs=PUBLIC, audience=TOKEN_URI
            )
        except ValueError:
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        self.seen.append(claims)
        return 200, {"access_token": "ya29.canary", "expires_in": 3599, "token_type": "Bearer"}


@pytest.fixture
def google() -> Iterator[Google]:
    found = Google()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            status, answer = found.judge(parse_qs(body))
            data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            if found.moved:
                self.send_header("Location", found.moved)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    found.address = f"http://127.0.0.1:{server.server_port}/token"
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture
def installed(
    google: Google, tmp_path: Path, restored_logging: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An installation whose only department with a key is 淡海, and its Google this test's."""
    elsewhere = google.address.rpartition("/")[0]
    values = {
        "USER_DATA_DIR": str(tmp_path / "user_data"),
        "TOKEN_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        **{f"GOOGLE_{name}_URI": f"{elsewhere}/x" for name in ("AUTH", "DEVICE", "REVOKE")},
        "GOOGLE_API_ENDPOINT": elsewhere,
        "GOOGLE_TOKEN_URI": google.address,
        VARIABLE: encoded(token_uri=google.address),
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def run(*line: str) -> Result:
    return CliRunner().invoke(app, [*line, "--env-file", "/dev/null"])


def check(*options: str) -> Result:
    return run("service-account", "check", *options)


def seen(days_ago: float) -> None:
    """A process was started so long ago."""
    settings = load_settings(for_bot=False, env_file=None)
    with freeze_time(datetime.now(UTC) - timedelta(days=days_ago)):
        storage = storage_of(settings, MASK)
        storage.prepare()
        departments = Departments(settings.departments)
        ServiceKeys(storage, departments, settings.service_accounts).note()
        storage.close()


@pytest.mark.parametrize(
    ("days", "code", "state", "says"),
    [
        (0, 0, "ok", "was first seen today, and is to be replaced after 90 days."),
        (1, 0, "ok", "at least 1 day old"),
        (74, 0, "ok", "at least 74 days old"),
        (75, 1, "old_soon", "at least 75 days old. Replace it within 15 days."),
        (95, 1, "old", "at least 95 days old, and should have been replaced after 90 days."),
    ],
)
def test_check_says_whose_key_is_set_whom_to_share_with_and_its_age(
    installed: None, days: int, code: int, state: str, says: str
) -> None:
    seen(days + 0.1)
    done = check()
    assert done.exit_code == code
    assert says in " ".join(done.stdout.split())
    assert f"Share spreadsheets with: {ADDRESS}\n" in done.stdout
    assert "anping (安坑): no key is set." in done.stdout
    tanhae, anping = in_json_of(check("--json"))["departments"]
    assert tanhae == {
        "department": "tanhae",
        "name": "淡海",
        "variable": VARIABLE,
        "state": state,
        "address": ADDRESS,
        "key": "c41f",
        "days": days,
    }
    assert (anping["state"], anping["address"], anping["days"]) == ("missing", None, None)


def test_check_makes_nothing_where_nothing_is(installed: None, tmp_path: Path) -> None:
    done = check()
    assert done.exit_code == 0
    assert "no process has noted since when." in " ".join(done.stdout.split())
    assert not (tmp_path / "user_data").exists()


def test_check_looks_at_a_database_that_is_not_made_yet(
    installed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/drivekeeper.db")
    assert check().exit_code == 0
    assert [*tmp_path.iterdir()] == []


def test_without_a_key_to_seal_with_no_age_is_promised(
    installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEY", "")
    done = check()
    assert done.exit_code == 0
    assert "Without TOKEN_ENCRYPTION_KEY nothing is kept" in done.stdout
    assert findings("--offline")["service keys"]["state"] == "skipped"


def test_check_names_every_fault_of_every_department(
    installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANPING_GOOGLE_SERVICE_ACCOUNT_JSON", "canary!")
    monkeypatch.setenv(VARIABLE, encoded(client_email=None))
    done = check()
    assert done.exit_code == 2
    assert (
        f"{VARIABLE}: it has no client_email; its token_uri is not GOOGLE_TOKEN_URI" in done.stderr
    )
    assert "ANPING_GOOGLE_SERVICE_ACCOUNT_JSON: it is neither JSON nor base64 of it" in done.stderr


def test_google_is_asked_by_a_signed_statement_for_reading_sheets_alone(
    installed: None, google: Google
) -> None:
    """Valid for an hour, and to Google's own name wherever it is asked; what Google gives is shown
    to nobody."""
    done = check("--online")
    assert done.exit_code == 0
    assert "Google: gave a token." in done.stdout
    assert "canary" not in done.output
    [claims] = google.seen
    assert (claims["iss"], claims["scope"]) == (ADDRESS, SCOPE)
    assert claims["exp"] - claims["iat"] == 3600
    assert in_json_of(check("--online", "--json"))["departments"][0]["google"] == "ok"


ANSWERS: dict[str, tuple[int, Any, int, str]] = {
    "deleted": (400, {"error": "invalid_grant", "error_description": "canary"}, 1, "was deleted"),
    "refused": (401, {"error": "unauthorized_client"}, 1, "refuses the key (unauthorized_client)"),
    "odd code": (400, {"error": "<canary>"}, 3, "could not be read"),
    "no code": (400, {"canary": 1}, 3, "could not be read"),
    "a page": (403, b"<html>canary</html>", 3, "could not be read"),
    "no token": (200, {"canary": 1}, 3, "could not be read"),
    "a list": (200, ["canary"], 3, "could not be read"),
    "no text": (200, {"access_token": 5, "expires_in": 10}, 3, "could not be read"),
    "no term": (200, {"access_token": "canary"}, 3, "could not be read"),
    "an odd term": (200, {"access_token": "canary", "expires_in": "canary"}, 3, "not be read"),
    "no text at all": (200, b"\xff\xfe\xfd", 3, "could not be read"),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_what_google_answers_is_said_in_words_of_ours(
    installed: None, google: Google, name: str
) -> None:
    google.status, google.answer, code, says = ANSWERS[name]
    done = check("--online")
    assert done.exit_code == code
    assert says in " ".join(done.stdout.split())
    assert "canary" not in done.output


def test_a_key_that_signs_for_another_is_not_accepted(
    installed: None, google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, encoded(1, token_uri=google.address))
    done = check("--online")
    assert done.exit_code == 1
    assert "does not accept the key (invalid_grant)" in " ".join(done.stdout.split())


def test_a_signed_statement_follows_no_redirect(installed: None, google: Google) -> None:
    google.status, google.answer, google.moved = 307, {}, f"{google.address}?elsewhere"
    assert check("--online").exit_code == 3
    assert google.asked == 1


def test_google_away_is_no_fault_of_the_key(
    installed: None, google: Google, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOOGLE_TOKEN_URI", "http://127.0.0.1:9/token")
    monkeypatch.setenv(VARIABLE, encoded(token_uri="http://127.0.0.1:9/token"))
    done = check("--online")
    assert done.exit_code == 3
    assert "Google could not be reached" in done.stdout


# -- the doctor ----------------------------------------------------------------------------------


def findings(*options: str) -> dict[str, dict[str, str]]:
    return {one["check"]: one for one in in_json_of(run("doctor", "--json", *options))["checks"]}


def test_the_doctor_says_how_old_keys_are_and_whether_google_takes_them(
    installed: None, google: Google
) -> None:
    seen(10.5)
    found = findings()
    assert (found["service key tanhae"]["state"], found["service account tanhae"]["state"]) == (
        "ok",
        "ok",
    )
    assert found["service key tanhae"]["says"] == "It is at least 10 days old."
    google.status, google.answer = 400, {"error": "invalid_grant"}
    assert findings()["service account tanhae"]["state"] == "failed"
    assert "service account tanhae" not in findings("--offline")


@pytest.mark.parametrize("days", [75, 90])
def test_the_doctor_warns_of_a_key_that_is_to_be_replaced(installed: None, days: int) -> None:
    seen(days + 0.1)
    found = findings("--offline")["service key tanhae"]
    assert found["state"] == "warning"
    assert "docs/service-accounts.md" in found["do"]


def test_the_doctor_names_every_fault_of_a_key(
    installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, "canary!")
    done = run("doctor", "--offline")
    assert done.exit_code == 1
    assert "is neither JSON nor base64 of it" in " ".join(done.stdout.replace("│", "").split())


def in_json_of(done: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)
    return found
