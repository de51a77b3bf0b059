"""A network on loopback: an authority, a TLS server behind it, and a proxy, which count."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAME = "firm.test"
"""No resolver knows it: only a proxy leads to it, or below it."""


class Authority:
    """Signs a certificate for this machine, and for `NAME` and what is below it.

    Args:
        host: instead, for this name alone.
        days: until the certificate's end; negative: it has ended.
    """

    def __init__(self, folder: Path, *, host: str | None = None, days: float = 1) -> None:
        self.cert_file, self._server = folder / "authority.crt", folder / "server.pem"
        key, name = _new_key(), _named("A firm's authority")
        usage = x509.KeyUsage(
            *(False,) * 5,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        authority = (
            _certificate(name, name, key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
            .sign(key, hashes.SHA256())
        )
        mine = _new_key()
        known = [host] if host else ["localhost", NAME, f"*.{NAME}"]
        names = [x509.DNSName(name) for name in known]
        addresses = [] if host else [x509.IPAddress(IPv4Address("127.0.0.1"))]
        leaf = (
            _certificate(_named("server"), name, mine.public_key(), days)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([*names, *addresses]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
            )
            .sign(key, hashes.SHA256())
        )
        pem = serialization.Encoding.PEM
        self.cert_file.write_bytes(authority.public_bytes(pem))
        self._server.write_bytes(
            leaf.public_bytes(pem)
            + mine.private_bytes(
                pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )

    def server_side(self) -> ssl.SSLContext:
        """For a server with that certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._server)
        return context


def _new_key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, days: float = 1
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=2))
        .not_valid_after(now + datetime.timedelta(days=days))
    )


@dataclass
class Gate:
    """What listens on one port: a server's TLS side, or a proxy."""

    port: int = 0
    connections: int = 0
    heads: list[str] = field(default_factory=list)
    """Of a proxy: what it was asked."""


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    except (ConnectionError, ssl.SSLError):
        pass
    finally:
        sink.close()


async def _join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int) -> None:
    inward, outward = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(_pump(reader, outward), _pump(inward, writer))


@asynccontextmanager
async def _listening(
    gate: Gate, handler: object, tls: ssl.SSLContext | None
) -> AsyncIterator[Gate]:
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gate.connections += 1
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)  # type: ignore[operator]
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass
        finally:
            tasks.discard(task)
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    gate.port = server.sockets[0].getsockname()[1]
    try:
        yield gate
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def tls_before(port: int, authority: Authority) -> AsyncIterator[Gate]:
    """A port of this machine, by TLS; only connections whose TLS has come about are counted."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _join(reader, writer, port)

    async with _listening(Gate(), handler, authority.server_side()) as gate:
        yield gate


@asynccontextmanager
async def proxy_to(
    port: int, refusal: bytes | None = None, *, hangs: bool = False
) -> AsyncIterator[Gate]:
    """A proxy that leads to one port of this machine, whatever host it is asked for.

    Args:
        refusal: its answer instead, such as b"407 Proxy Authentication Required".
        hangs: it says nothing.
    """
    gate = Gate()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gate.heads.append((await reader.readuntil(b"\r\n\r\n")).decode())
        if hangs:
            await asyncio.sleep(60)
        if refusal is not None:
            writer.write(b"HTTP/1.1 %s\r\nContent-Length: 0\r\n\r\n" % refusal)
            await writer.drain()
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await _join(reader, writer, port)

    async with _listening(gate, handler, None):
        yield gate
