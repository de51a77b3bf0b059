"""The bot itself: does one run on this data folder, are its ports free or its own, is it reached?

A second instance on another machine cannot be seen from here without disturbing it: Telegram tells
the bot, which logs `polling_conflict`.
"""

from __future__ import annotations

import errno
import os
import socket
from typing import Final

from commands.checks.finding import Finding, failed, ok, skipped, warning
from commands.checks.http import Answer, Asker, Unreachable
from config import Settings
from security.google.network import DIRECT, Network

_ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - to connect to
_CALLBACK_PATH: Final = "/api/auth/google/callback"


def judge_bot(runs: bool | None) -> Finding:
    """Either is fine: an operator wants to know."""
    name = "bot"
    if runs is None:
        return skipped(name, "Its lock cannot be looked at.")
    return ok(name, "A bot runs on what is kept here." if runs else "No bot runs just now.")


async def check_port(name: str, host: str, port: int, runs: bool | None) -> list[Finding]:
    """Free for the bot, or held by the bot that runs.

    Args:
        name: what the check is called.
        port: 0: this server is turned off.
        runs: what `bot_runs` said; None: nobody knows, or none is to run here.
    """
    if port == 0:
        return [skipped(name, "It is turned off.")]
    return [await _judge_port(name, host, port, runs)]


async def _judge_port(name: str, host: str, port: int, runs: bool | None) -> Finding:
    fault = _bind(host, port)
    if fault is None:
        if runs:
            away = "the bot may be in a container of its own"
            return ok(name, f"Nothing listens on port {port} here: {away}.")
        return ok(name, f"Port {port} is free for the bot.")
    if fault != errno.EADDRINUSE:
        return failed(
            name,
            f"Nothing can listen there ({os.strerror(fault)}).",
            "Correct the address or the port; below 1024 takes a privilege.",
        )
    alive = await _alive(host, port)
    if alive is None:
        return failed(
            name,
            f"Port {port} is taken, and what listens there is not Drivekeeper.",
            "Stop the other program, or choose another port.",
        )
    if runs is False:
        return warning(
            name,
            f"Another Drivekeeper listens on port {port}, with other data.",
            "Stop one of the two; with one bot token, only one may run.",
        )
    if not alive:
        return warning(
            name,
            f"The bot listens on port {port}, but Telegram does not answer its polling.",
            "Look for polling_failed and polling_conflict (a second instance) in its log.",
        )
    who = "The running bot" if runs else "Drivekeeper"
    return ok(name, f"{who} listens on port {port} and is well.")


def _bind(host: str, port: int) -> int | None:
    """What keeps a server from listening there; None: nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except socket.gaierror:
        return errno.EADDRNOTAVAIL
    except OSError as error:
        return error.errno or errno.EINVAL
    return None


async def _alive(host: str, port: int) -> bool | None:
    """What Drivekeeper's own health check says there; None: that is somebody else."""
    host = _ANY.get(host, host)
    shown = f"[{host}]" if ":" in host else host
    async with Asker(DIRECT) as asker:
        try:
            return _health(await asker.ask("GET", f"http://{shown}:{port}/healthz"))
        except Unreachable:
            return None


def _health(answer: Answer) -> bool | None:
    alive = (answer.document or {}).get("alive")
    return alive if isinstance(alive, bool) and answer.status in (200, 503) else None


async def check_public_url(settings: Settings, runs: bool | None) -> list[Finding]:
    """Whether PUBLIC_URL leads here. Only the callback needs it, the bot's and departments'."""
    name = "public url"
    is_needed = settings.google_oauth_flow == "callback" or settings.web_google_client is not None
    if not is_needed or settings.public_url is None:
        return [skipped(name, "Only GOOGLE_OAUTH_FLOW=callback and departments need one.")]
    why = "PUBLIC_URL leads to something else than Drivekeeper."
    try:
        async with Asker(Network.of(settings)) as asker:
            if await _is_ours(asker, settings.public_url):
                return [ok(name, "PUBLIC_URL leads to Drivekeeper.")]
    except Unreachable as nothing:
        why = f"PUBLIC_URL {nothing}."
    if runs is False:
        why += " No bot runs here just now, which may be all."
    do = "Look at the reverse proxy and at DNS; ask from outside, too: some networks lead not back."
    return [warning(name, why, do)]


async def _is_ours(asker: Asker, base: str) -> bool:
    """By the health check; or, where the proxy passes on the callback alone, by that.

    A HEAD spends nothing there, and is not logged: the answer is 405, and that GET is allowed.
    """
    if _health(await asker.ask("GET", f"{base}/healthz")) is not None:
        return True
    answer = await asker.ask("HEAD", f"{base}{_CALLBACK_PATH}")
    return answer.status == 405 and answer.allow == "GET"
