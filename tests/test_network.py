"""Every client of Telegram and Google goes the one way that the settings say, and no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from bot.delivery.telegram_request import TelegramRequest
from bot.uploads.running.telegram_connections import download_client
from bot.uploads.running.telegram_source import TelegramDownload
from commands.doctor import examine
from config import GoogleClient, load_settings
from drive import AccessToken, Drive, DriveApi
from drive.cache import DriveCache
from drive.connection import authorized
from drive.uploading.session import UploadSession
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox, SandboxConfig
from security.google.connection_faults import connection_fault
from security.google.network import Network
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from tests.fixtures import StartBot
from tests.journeys import connect
from tests.network_kit import NAME, Authority, Gate, proxy_to, tls_before

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
CONTENT = b"what somebody sent"
PASSWORD = "a-canary-password"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Nobody's but this module's."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """It answers to the names that the proxy leads to, too."""
    names = frozenset(f"{name}.{NAME}" for name in ("telegram", "www", "oauth2"))
    async with Sandbox(SandboxConfig(folder=tmp_path / "world", allow_hosts=names)) as running:
        yield running


class World:
    """Telegram and Google in one, at the address that the clients are given; and what counts."""

    def __init__(self, server: Gate, proxy: Gate) -> None:
        self.server, self.proxy = server, proxy
        self.address = ""
        self.network = Network()
        self.env_file = Path()

    def found(self) -> dict[str, bool]:
        """Who was asked, since the last look: through the proxy, or directly."""
        through = len(self.proxy.heads)
        directly = self.server.connections - through
        self.proxy.heads.clear()
        self.server.connections = 0
        return {"proxy": through > 0, "directly": directly > 0}


async def answer(request: web.Request) -> web.StreamResponse:
    """As the clients want it."""
    match request.path.rpartition("/")[2]:
        case "file.bin":
            return web.Response(body=CONTENT)
        case "token":
            if "1%2F%2F0" in await request.text():  # the doctor's, made up
                return web.json_response({"error": "invalid_grant"}, status=400)
            return web.json_response({"access_token": "a", "expires_in": 3600})
        case "code":
            return web.json_response({"device_code": "a"})
        case "about":
            if "Authorization" not in request.headers:
                return web.json_response({"error": {"code": 401}}, status=401)
            user = {"emailAddress": "amy@example.com", "permissionId": "1"}
            return web.json_response({"user": user, "storageQuota": {"usage": "0"}})
        case "session":
            assert await request.read() == CONTENT
            return web.json_response({"id": "f", "name": "a", "size": str(len(CONTENT))})
        case "getMe":
            return web.json_response({"ok": True, "result": {"username": "a_bot"}})
        case "getWebhookInfo":
            return web.json_response({"ok": True, "result": {"url": ""}})
    return web.json_response({"ok": True, "result": True})


async def by_telegram(world: World) -> None:
    """A message."""
    async with TelegramRequest(world.network, world.address) as request:
        assert await request.post(f"{world.address}/bot{TOKEN}/sendMessage") is True


async def by_download(world: World) -> None:
    """What somebody sent."""
    address = SecretStr(f"{world.address}/file/bot{TOKEN}/file.bin")
    with download_client(world.network, world.address) as client:
        download = TelegramDownload(address, len(CONTENT), client, pause_seconds=0)
        assert b"".join(await asyncio.to_thread(lambda: list(download.open()))) == CONTENT


async def by_oauth(world: World) -> None:
    """A refresh."""
    endpoints = OAuthEndpoints(*(f"{world.address}/{name}" for name in ("a", "token", "c", "r")))
    oauth = GoogleOAuth(endpoints, world.network)
    try:
        await oauth.refresh(GoogleClient("id", SecretStr("secret")), SecretStr("a token"))
    finally:
        await oauth.close()


def _token(rejected: SecretStr | None) -> AccessToken:
    return AccessToken(SecretStr("ya29.made-up"), None)


def _drive(world: World) -> Drive:
    api = DriveApi(world.address, world.network, retries=0)
    return Drive(api, authorized(_token, api.connect()), DriveCache())


async def by_drive(world: World) -> None:
    """A question."""

    def ask() -> None:
        drive = _drive(world)
        try:
            drive.about()
        finally:
            drive.http.close()

    await asyncio.to_thread(ask)


async def by_upload(world: World) -> None:
    """A session and its bytes."""

    def send() -> None:
        drive = _drive(world)
        address = SecretStr(f"{world.address}/session")
        try:
            UploadSession(drive, address).send(0, len(CONTENT), len(CONTENT), iter([CONTENT]))
        finally:
            drive.http.close()

    await asyncio.to_thread(send)


async def by_doctor(world: World) -> None:
    """Every host."""
    found = {finding.check: finding for finding in await examine(world.env_file)}
    states = {found[name].state.value for name in ("telegram", "google", "drive")}
    if states != {"ok"}:
        raise Unwell(" ".join(found[name].says for name in ("telegram", "google", "drive")))


class Unwell(Exception):
    """What the doctor says."""


CLIENTS: dict[str, Callable[[World], Awaitable[None]]] = {
    "telegram": by_telegram,
    "download": by_download,
    "oauth": by_oauth,
    "drive": by_drive,
    "upload": by_upload,
    "doctor": by_doctor,
}


async def unacknowledged(world: World) -> list[int | None]:
    """What is known, over TLS, of bytes that are not yet there, in the middle of a body."""

    def send() -> list[int | None]:
        drive = _drive(world)
        found = []

        def pieces() -> Iterator[bytes]:
            yield CONTENT[:9]
            found.append(drive.connections.unacknowledged())
            yield CONTENT[9:]

        try:
            session = UploadSession(drive, SecretStr(f"{world.address}/session"))
            session.send(0, len(CONTENT), len(CONTENT), pieces())
            return [*found, drive.connections.unacknowledged()]
        finally:
            drive.http.close()

    return await asyncio.to_thread(send)


@pytest.fixture
async def world(authority: Authority) -> AsyncIterator[World]:
    """It listens."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with AsyncExitStack() as stack:
        plain = await stack.enter_async_context(TestServer(app))
        server = await stack.enter_async_context(tls_before(int(plain.port or 0), authority))
        proxy = await stack.enter_async_context(proxy_to(server.port))
        yield World(server, proxy)


def settle(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, host: str, **variables: str
) -> None:
    """Settings with these variables, and an environment that says something else afterwards."""
    world.address = f"https://{host}:{world.server.port}"
    google = {f"GOOGLE_{name}_URI": "/" for name in ("AUTH", "REVOKE")}
    google |= {
        "GOOGLE_TOKEN_URI": "/token",
        "GOOGLE_DEVICE_URI": "/code",
        "GOOGLE_API_ENDPOINT": "",
    }
    values = {
        "TELEGRAM_BOT_TOKEN": TOKEN,
        "TELEGRAM_API_BASE_URL": world.address,
        "GOOGLE_CLIENT_ID": "id",
        "GOOGLE_CLIENT_SECRET": "secret",
        **{name: world.address + path for name, path in google.items()},
        "USER_DATA_DIR": str(tmp_path / "user_data"),
        "WEB_PORT": "0",
        **variables,
    }
    world.env_file = tmp_path / "settings.env"
    world.env_file.write_text("".join(f"{name}={value}\n" for name, value in values.items()))
    world.env_file.chmod(0o600)
    monkeypatch.delenv("SSL_CERT_FILE", raising=False)
    world.network = Network.of(load_settings(env_file=world.env_file))


@pytest.mark.parametrize("way", ["a proxy", "no proxy"])
async def test_what_a_proxy_has_acknowledged_says_nothing_of_drive(
    world: World,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    way: str,
) -> None:
    """It holds what it likes; without one the system knows, TLS or not."""
    host, variables, _ = WAYS[way]
    proxy = {"HTTPS_PROXY": f"http://127.0.0.1:{world.proxy.port}"} if variables else {}
    settle(world, monkeypatch, tmp_path, host, SSL_CERT_FILE=str(authority.cert_file), **proxy)
    found = await unacknowledged(world)
    assert len(found) == 2
    if way == "a proxy":
        assert found == [None, None]
    else:
        assert all(count is not None and 0 <= count < 2000 for count in found)


def behind_our_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What libraries would read by themselves."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        for spelt in (name, name.lower()):
            monkeypatch.setenv(spelt, "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "::1,[::1]")
    (tmp_path / "netrc").write_text("default login amy password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("HTTPLIB2_CA_CERTS", str(tmp_path / "nothing"))
    monkeypatch.setenv("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "elsewhere.test")


WAYS: dict[str, tuple[str, dict[str, str], dict[str, bool]]] = {
    "a proxy": (f"api.{NAME}", {"HTTPS_PROXY": "?"}, {"proxy": True, "directly": False}),
    "past the proxy": (
        "localhost",
        {"HTTPS_PROXY": "?", "NO_PROXY": "::1,[::1],localhost,fd07:b51a:cc66:f0::/64"},
        {"proxy": False, "directly": True},
    ),
    "no proxy": ("127.0.0.1", {}, {"proxy": False, "directly": True}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("client", CLIENTS)
async def test_every_client_goes_the_way_the_settings_say(
    world: World,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    client: str,
    way: str,
) -> None:
    """Whatever the environment says besides; and no other way."""
    host, variables, expected = WAYS[way]
    proxy = {"HTTPS_PROXY": f"http://127.0.0.1:{world.proxy.port}"}
    variables = {**variables, **(proxy if "HTTPS_PROXY" in variables else {})}
    settle(world, monkeypatch, tmp_path, host, SSL_CERT_FILE=str(authority.cert_file), **variables)
    if client != "doctor":  # which reads its settings itself, and the environment goes first there
        behind_our_back(monkeypatch, tmp_path)
    await CLIENTS[client](world)
    assert world.found() == expected


def test_googles_library_takes_no_host_from_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It would send the token there."""
    monkeypatch.setenv("GOOGLE_CLOUD_UNIVERSE_DOMAIN", "elsewhere.test")
    uri = DriveApi("https://www.googleapis.com").request("about.get", fields="user").uri
    assert uri.startswith("https://www.googleapis.com/drive/v3/about?")


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("client", CLIENTS)
async def test_no_client_believes_an_authority_that_is_not_set(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, client: str, way: str
) -> None:
    """Nothing is sent, and the log says why."""
    host, variables, expected = WAYS[way]
    proxy = {"HTTPS_PROXY": f"http://127.0.0.1:{world.proxy.port}"}
    settle(
        world,
        monkeypatch,
        tmp_path,
        host,
        **{**variables, **(proxy if "HTTPS_PROXY" in variables else {})},
    )
    with pytest.raises(Exception) as raised:  # noqa: PT011 - each client's own
        await CLIENTS[client](world)
    if client == "doctor":
        assert isinstance(raised.value, Unwell)
        assert str(raised.value).count("has a certificate that is not accepted") == 3
    else:
        assert connection_fault(raised.value) == "certificate"
    assert world.server.connections == 0
    assert bool(world.proxy.heads) == expected["proxy"]


@pytest.mark.parametrize("client", [name for name in CLIENTS if name != "doctor"])
@pytest.mark.parametrize("refusal", [b"407 Proxy Authentication Required", b"403 Forbidden"])
async def test_a_refusal_of_the_proxy_is_told_from_one_of_the_server(
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    client: str,
    refusal: bytes,
) -> None:
    """And neither its password nor its address is in any text."""
    async with proxy_to(0, refusal) as proxy:
        world = World(Gate(443), proxy)
        settle(
            world,
            monkeypatch,
            tmp_path,
            f"api.{NAME}",
            HTTPS_PROXY=f"http://amy:{PASSWORD}@127.0.0.1:{proxy.port}",
            SSL_CERT_FILE=str(authority.cert_file),
        )
        with pytest.raises(Exception) as raised:  # noqa: PT011 - each client's own
            await CLIENTS[client](world)
    assert connection_fault(raised.value) == "proxy_refused"
    assert all(head.startswith(f"CONNECT api.{NAME}:443 HTTP/1.") for head in proxy.heads)
    assert all("\r\nProxy-Authorization: Basic YW15" in head for head in proxy.heads)
    shown = f"{raised.value!s}{raised.value!r}"
    assert PASSWORD not in shown
    assert TOKEN not in shown
    assert PASSWORD not in repr(world.network)


@pytest.mark.parametrize("client", [name for name in CLIENTS if name != "doctor"])
async def test_nobody_at_the_proxys_port_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, client: str
) -> None:
    """The log's word for it."""
    world = World(Gate(443), Gate(9))  # one that was let go of may be another's by now
    settle(world, monkeypatch, tmp_path, f"api.{NAME}", HTTPS_PROXY="http://127.0.0.1:9")
    with pytest.raises(Exception) as raised:  # noqa: PT011 - each client's own
        await CLIENTS[client](world)
    assert connection_fault(raised.value) == "refused"


async def test_a_firms_proxy_and_authority_serve_the_whole_bot(
    sandbox: Sandbox,
    google: GoogleControls,
    start_bot: StartBot,
    people: Any,
    authority: Authority,
) -> None:
    """Connecting, polling, a refresh, an upload: by names that only the proxy knows."""
    port = await sandbox.listen_by_tls(authority.server_side())
    async with proxy_to(port) as proxy:
        api = f"https://www.{NAME}"
        settings = {
            "TELEGRAM_API_BASE_URL": f"https://telegram.{NAME}",
            "GOOGLE_API_ENDPOINT": api,
            "GOOGLE_AUTH_URI": f"{api}/o/oauth2/v2/auth",
            **{
                f"GOOGLE_{name}_URI": f"https://oauth2.{NAME}/{path}"
                for name, path in (
                    ("TOKEN", "token"),
                    ("DEVICE", "device/code"),
                    ("REVOKE", "revoke"),
                )
            },
            "HTTPS_PROXY": f"http://amy:{PASSWORD}@127.0.0.1:{proxy.port}",
            "NO_PROXY": "localhost,127.0.0.1,::1,[::1]",
            "SSL_CERT_FILE": str(authority.cert_file),
        }
        async with start_bot(WEB_PORT=0, **settings) as bot:
            ann = people()
            await ann.open()
            await connect(ann, google, "amy@example.com")
            await google.expire_access_tokens("amy@example.com")
            await ann.send_document(b"x" * 300_000, "a.bin")
            await ann.wait_for("is in your Drive", since=0)
            log = bot.log.getvalue()
        hosts = {head.split(" ")[1] for head in proxy.heads}
        assert hosts == {f"{name}.{NAME}:443" for name in ("telegram", "www", "oauth2")}
    assert PASSWORD not in log
    assert NAME not in log
