"""Keys of service accounts among the settings: each fault is named, and nothing of a key shown."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    PublicFormat,
)
from typer.testing import CliRunner

from cli import app
from config.service_accounts import ServiceAccountKey
from tests.service_accounts import (
    ADDRESS,
    KEY_ID,
    TOKEN_URI,
    VARIABLE,
    encoded,
    in_json,
    pem_of,
    rsa_key,
)
from tests.test_config import NEEDED, faults, google_at, load

OTHER = "ANPING_GOOGLE_SERVICE_ACCOUNT_JSON"
TEXT = in_json()


def as_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


@pytest.mark.parametrize(
    "text",
    [
        encoded(),
        base64.encodebytes(TEXT.encode()).decode("ascii").strip(),
        as_base64(b"\xef\xbb\xbf" + TEXT.encode()),
        as_base64(TEXT.encode("utf-16")),
        TEXT,
        json.dumps(json.loads(TEXT)),
    ],
    ids=["base64", "wrapped", "byte order mark", "UTF-16", "JSON", "JSON in one line"],
)
def test_a_key_file_is_read_however_it_was_put_there(text: str) -> None:
    key = ServiceAccountKey.parse(text)
    assert (key.address, key.id) == (ADDRESS, KEY_ID)
    assert key.private_key.get_secret_value() == pem_of(rsa_key())


def test_a_key_comes_from_a_variable_or_from_the_file_that_google_gave(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "anping-sa.json").write_text(in_json(1), "utf-8")
    settings = load(
        monkeypatch,
        **NEEDED,
        **{VARIABLE: encoded(), f"{OTHER}_FILE": str(tmp_path / "anping-sa.json")},
    )
    assert sorted(settings.service_accounts) == ["anping", "tanhae"]
    prints = {key.fingerprint for key in settings.service_accounts.values()}
    assert len(prints) == 2


def test_a_key_is_the_same_however_its_file_is_written() -> None:
    pem = pem_of(rsa_key())
    spelt = (pem, pem.replace("\n", "\r\n"))
    one, other = (ServiceAccountKey.parse(in_json(private_key=text)) for text in spelt)
    assert one.fingerprint == other.fingerprint


FAULTS: dict[str, tuple[str, str]] = {
    "neither": ("canary-canary", "is neither JSON nor base64 of it"),
    "emoji": ("🎉" * 4, "is neither JSON nor base64 of it"),
    "base64 of anything": (as_base64(b"canary-canary"), "holds no JSON object"),
    "a list": (as_base64(b'["canary-canary"]'), "holds no JSON object"),
    "cut off": (as_base64(TEXT[:500].encode()), "holds no JSON object"),
    "deep": (as_base64(b"[" * 100_000), "holds no JSON object"),
    "no type": (encoded(type=None), "its type is not service_account"),
    "an OAuth client": (
        as_base64(b'{"installed": {"client_secret": "canary-canary"}}'),
        "its type is not service_account",
    ),
    "no address": (encoded(client_email=None), "has no client_email"),
    "empty address": (encoded(client_email=" "), "has no client_email"),
    "a number": (encoded(client_email=5), "has no client_email"),
    "a person's address": (encoded(client_email="canary.ann@gmail.com"), "its client_email is not"),
    "a look-alike": (
        encoded(client_email="reader@canary.iam.gserviceaccount.com.example.com"),
        "its client_email is not",
    ),
    "no key id": (encoded(private_key_id=""), "has no private_key_id"),
    "an odd key id": (encoded(private_key_id="canary canary"), "its private_key_id is not"),
    "no key": (encoded(private_key=None), "has no private_key"),
    "no PEM": (encoded(private_key="canary-canary-canary"), "its private_key is damaged"),
    "half a key": (encoded(private_key=pem_of(rsa_key())[:900]), "its private_key is damaged"),
    "surrogates": (encoded(private_key="canary-\ud800"), "its private_key is damaged"),
    "a short key": (encoded(private_key=pem_of(rsa_key(bits=1024))), "fewer than 2048 bits"),
    "another kind of key": (
        encoded(private_key=pem_of(ec.generate_private_key(ec.SECP256R1()))),
        "its private_key is no RSA key",
    ),
    "a public key": (
        encoded(
            private_key=rsa_key()
            .public_key()
            .public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
            .decode()
        ),
        "its private_key is damaged",
    ),
    "a locked key": (
        encoded(
            private_key=rsa_key()
            .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"canary"))
            .decode()
        ),
        "its private_key is encrypted by a password",
    ),
    "no token address": (encoded(token_uri=None), "has no token_uri"),
    "another's token address": (
        encoded(token_uri="https://canary.example.com/token"),
        "its token_uri is not one of Google",
    ),
    "a token address on this machine": (
        encoded(token_uri="http://127.0.0.1:8765/token"),
        "its token_uri is not one of Google",
    ),
    "another universe": (
        encoded(universe_domain="canary.example.com"),
        "its universe_domain is not googleapis.com",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named_and_nothing_of_the_key_is_shown(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    value, says = FAULTS[name]
    found = faults(monkeypatch, **NEEDED, **{VARIABLE: value})
    assert {*found} == {VARIABLE}
    assert says in found[VARIABLE]
    assert "canary" not in found[VARIABLE]
    assert "BEGIN" not in found[VARIABLE]


def test_all_faults_of_all_departments_are_told_together(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Also those that only show beside other settings, and beside faults of other variables."""
    wrong = encoded(token_uri="https://canary.example.com/token", client_email=None)
    found = faults(
        monkeypatch,
        **NEEDED,
        **{"WEB_PORT": "canary", VARIABLE: wrong, f"{OTHER}_FILE": str(tmp_path / "nowhere")},
    )
    assert {*found} == {"WEB_PORT", VARIABLE, OTHER}
    assert found[VARIABLE] == (
        "it has no client_email; its token_uri is not one of Google's (make a new key in Google's "
        "console, as docs/service-accounts.md says)"
    )


def test_files_of_earlier_years_serve_still() -> None:
    """They named another address of Google, and no universe."""
    older = "https://accounts.google.com/o/oauth2/token"
    ServiceAccountKey.parse(in_json(token_uri=older, universe_domain=None), TOKEN_URI)


def test_where_google_is_moved_the_key_has_to_be_of_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A real key is nothing for a sandbox, nor a sandbox's for Google."""
    there = google_at("http://127.0.0.1:8765")
    own = encoded(token_uri=there["GOOGLE_TOKEN_URI"])
    found = faults(monkeypatch, **NEEDED, **there, **{VARIABLE: encoded(), OTHER: own})
    assert found == {
        VARIABLE: "its token_uri is not GOOGLE_TOKEN_URI (Google's addresses are changed here, and "
        "the key has to be of there)"
    }
    monkeypatch.delenv(VARIABLE)
    assert [*load(monkeypatch).service_accounts] == ["anping"]


def test_a_faulty_address_of_google_is_not_blamed_on_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    there = google_at("http://127.0.0.1:8765")
    own = encoded(token_uri=there["GOOGLE_TOKEN_URI"])
    there["GOOGLE_TOKEN_URI"] = "http://canary.example.com/token"
    assert {*faults(monkeypatch, **NEEDED, **there, **{VARIABLE: own})} == {"GOOGLE_TOKEN_URI"}


def test_nothing_shows_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = load(monkeypatch, **NEEDED, **{VARIABLE: encoded()})
    (key,) = settings.service_accounts.values()
    shown = f"{settings!r} {settings} {key!r} {key}"
    assert not any(part in shown for part in ("BEGIN", ADDRESS, KEY_ID, key.fingerprint))


@pytest.mark.parametrize("process", ["bot", "web"])
def test_neither_process_starts_with_a_faulty_key(
    monkeypatch: pytest.MonkeyPatch, restored_logging: None, process: str
) -> None:
    """Each says in one list what is wrong with any."""
    values = {VARIABLE: encoded(client_email=None), OTHER: encoded(private_key=None)}
    for name, value in {**NEEDED, **values, "PUBLIC_URL": "https://drive.example.org"}.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, [process, "--env-file", os.devnull])
    assert done.exit_code == 2
    assert f"{VARIABLE}: it has no client_email (" in done.stderr
    assert f"{OTHER}: it has no private_key (" in done.stderr
