"""`drivekeeper clients …`: the computers of departments, and their keys."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from commands.departments.opened import opened
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, Yes, ask, at, on, say, show_json, show_table, stop
from commands.runtime import Custody, open_custody
from commands.waiting import saying
from departments.administrators.who import operator
from departments.clients.alarms import Alarm, Alarms
from departments.clients.clients import Client, ClientRecords, Clients, May, label_of
from departments.clients.use import Use, UseRecord
from departments.names import Department, Departments

_BY: Final = operator("command")
Which = Annotated[str, typer.Argument(metavar="ID", help="A computer, as `clients list` shows it.")]
ForDepartment = Annotated[str, typer.Argument(metavar="DEPARTMENT", help="Its slug or its name.")]


@contextmanager
def _opened(env_file: Path) -> Iterator[tuple[Custody, Clients]]:
    with opened(env_file) as (custody, secret):
        storage = custody.storage
        yield custody, Clients(storage, secret, Alarms(storage))


def _department(custody: Custody, text: str) -> Department:
    departments = Departments(custody.settings.departments)
    if (found := departments.find(text)) is None:
        known = ", ".join(f"{one.slug} ({one.name})" for one in departments)
        stop(f"There is no such department. DEPARTMENTS has: {known}.", Exit.USAGE)
    return found


def _client(clients: Clients, id: str) -> Client:
    if (found := clients.find(id)) is None:
        says = "There is no such computer; `drivekeeper clients list` shows those there are."
        stop(says, Exit.USAGE)
    return found


def add(
    department: ForDepartment,
    label: Annotated[str, typer.Option(help="What people call the computer.")],
    may_get_tokens: Annotated[
        bool, typer.Option("--may-get-tokens", help="Let it have access tokens, not only upload.")
    ] = False,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
) -> None:
    """Give a department's computer a key: on stdout the key and nothing else, once.

    Nobody can look it up later. A pairing code from the settings page does the same without a key
    that somebody copies.
    """
    try:
        label_of(label)
    except ValueError as fault:
        stop(f"--label: {fault}.", Exit.USAGE)
    may: tuple[May, ...] = ("token",) if may_get_tokens else ()
    with _opened(env_file) as (custody, clients):
        its = _department(custody, department)
        namesakes = [
            one for one in clients.all(its.slug) if one.label == label_of(label) and one.is_active
        ]
        client, key = clients.add(its.slug, label, may, _BY)
    secret = key.get_secret_value()
    if namesakes:
        typer.echo(
            f"Another computer of {its.name} is called “{client.label}” as well "
            f"({', '.join(one.id for one in namesakes)}): people cannot tell them apart. If this "
            f"one was to take its place: drivekeeper clients revoke {namesakes[0].id}",
            err=True,
        )
    if as_json:
        show_json({**_document(client), "key": secret})
        return
    typer.echo(secret)
    typer.echo(
        f"The key of “{client.label}” of {its.name}, id {client.id}. It is shown this once: put it "
        "into the program on that computer now, and nowhere else. If it was seen by anybody else: "
        f"drivekeeper clients revoke {client.id}",
        err=True,
    )


def list_clients(
    department: Annotated[
        str | None, typer.Option(metavar="DEPARTMENT", help="Only this one's.")
    ] = None,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
) -> None:
    """The computers of departments: what they may, when they were used, and what looks wrong.

    Exit code 1: a key looks stolen.
    """
    with open_custody(env_file) as custody:
        storage, now = custody.storage, custody.storage.now()
        slug = None if department is None else _department(custody, department).slug
        alarms = Alarms(storage)
        found = ClientRecords(storage, alarms).all(slug)
        use = Use(storage).of(client.name for client in found)
        going_on = [one for one in alarms.open() if slug in (None, one.department)]
    if as_json:
        shown = [
            _document(client) | _use(use[client.name], now) | {"alarms": _of(client, going_on)}
            for client in found
        ]
        others = [_alarm(alarm) for alarm in going_on if not alarm.client]
        show_json({"clients": shown, "alarms": others})
    else:
        show_table(
            f"{len(found)} of departments' computers",
            ("id", "computer", "key", "tokens", "last used", "14 days", "state"),
            [_row(client, use[client.name], now) for client in found],
        )
        for alarm in going_on:
            what = f"{alarm.client} looks stolen" if alarm.client else "Keys are guessed"
            say(f"! {what} ({alarm.code}), since {at(_moment(alarm.since))}")
    raise typer.Exit(Exit.FINDINGS if going_on else Exit.OK)


def revoke(
    which: Which, yes: Yes = False, env_file: EnvFile = DEFAULT_ENV_FILE, as_json: AsJson = False
) -> None:
    """End a computer's key for good: it opens nothing any more, anywhere, within a second."""
    with _opened(env_file) as (custody, clients):
        client = _client(clients, which)
        if client.state == "revoked":
            stop(f"Nothing was changed: the key of {client.id} is revoked already.", Exit.FINDINGS)
        ask(
            f"Revoke the key of “{client.label}”? It cannot upload until it is paired again",
            yes=yes,
        )
        revoked, left = asyncio.run(_revoke(custody, client.id))
    says = "Its key opens nothing any more. A new one is a new computer."
    if left:
        says += (
            f" Google could not be told of {left} of its unfinished uploads: whoever has such an "
            "address can send that one file for a week at most. What serves departments tries "
            "again, while it is asked anything."
        )
    _show_changed(revoked, as_json, says, uploads_left=left)


async def _revoke(custody: Custody, id: str) -> tuple[Client | None, int]:
    """The computer, and how many of its uploads could not be given up."""
    from commands.at_work import at_work, stopping_keys  # the others ask Google nothing
    from departments.uploads.kept import Uploads

    async with at_work(custody) as parts, stopping_keys(custody, parts) as stops:
        async with saying("Waiting for Google, which is told of its unfinished uploads"):
            revoked = await stops.revoke(id, _BY)
            await stops.settled()
        if revoked is None:
            return None, 0
        return revoked, len(await parts.workers.read(Uploads(parts.storage).open, revoked.name))


def unblock(which: Which, env_file: EnvFile = DEFAULT_ENV_FILE, as_json: AsJson = False) -> None:
    """Let a computer in again whose key was blocked. Alarms about it are over with that.

    Exit code 1: it was not blocked, and nothing was changed.
    """
    with _opened(env_file) as (_, clients):
        client = _client(clients, which)
        if client.state != "blocked":
            is_gone = client.state == "revoked"
            instead = "revoked, which is for good: add it anew" if is_gone else "not blocked"
            stop(f"Nothing was changed: the key of {client.id} is {instead}.", Exit.FINDINGS)
        unblocked = clients.unblock(client.id, _BY)
    _show_changed(unblocked, as_json, "Its key opens again what it opened before.")


def _show_changed(client: Client | None, as_json: bool, says: str, **more: object) -> None:
    if client is None:
        stop("The computer has gone meanwhile.", Exit.FINDINGS)
    if as_json:
        show_json({**_document(client), **more})
    else:
        say(f"“{client.label}” ({client.id}) is {client.state}. {says}")


def _row(client: Client, use: UseRecord, now: float) -> tuple[object, ...]:
    last = on(_moment(use.last_used)) if use.last_used else "never"
    state = f"{client.state}: {client.because}" if client.because else client.state
    tokens, times = "yes" if "token" in client.may else "no", sum(use.by_day(now))
    named = (client.id, f"{client.department}: {client.label}", f"…{client.ending}")
    return (*named, tokens, last, times, state)


def _document(client: Client) -> dict[str, Any]:
    changed = client.changed_at
    return {
        "id": client.id,
        "department": client.department,
        "label": client.label,
        "key_ends_in": client.ending,
        "may": sorted(client.may),
        "state": client.state,
        "because": client.because or None,
        "created_at": _moment(client.created_at).isoformat(),
        "changed_at": None if changed is None else _moment(changed).isoformat(),
    }


def _use(use: UseRecord, now: float) -> dict[str, Any]:
    last = _moment(use.last_used).isoformat() if use.last_used else None
    return {"last_used": last, "used_by_day": use.by_day(now)}


def _of(client: Client, going_on: list[Alarm]) -> list[dict[str, Any]]:
    return [_alarm(alarm) for alarm in going_on if alarm.client == client.id]


def _alarm(alarm: Alarm) -> dict[str, Any]:
    return {"code": alarm.code, "since": _moment(alarm.since).isoformat()}


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
