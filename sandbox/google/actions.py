"""What tests and the control panel may do to Google, by name.

Each action takes the fields of the JSON object of its request, and answers one.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from sandbox.google.drive.files import new_file_id
from sandbox.google.drive.shared_drives import ROLES
from sandbox.google.model import DEVICE_LIFE, FOLDER_TYPE, DriveFile, OAuthClient
from sandbox.google.sheets.actions import SHEET_ACTIONS
from sandbox.google.world import GoogleWorld
from sandbox.json_api import InvalidRequest, check_kinds

Answer = dict[str, Any]
CLIENT_STATES = ("ok", "deleted", "disabled", "wrong_secret")


def _email(world: GoogleWorld, account: str | None) -> str | None:
    return None if account is None else world.account_to_show(account).email


def _file(world: GoogleWorld, file_id: str) -> DriveFile:
    file = world.files.get(file_id)
    if file is None:
        raise InvalidRequest("file_id: no such file")
    return file


def _set_trashed(world: GoogleWorld, file_id: str, trashed: bool) -> Answer:
    file = _file(world, file_id)
    file.trashed = trashed
    return world.files.summary_of(file)


def revoke(world: GoogleWorld, account: str) -> Answer:
    """The user removes the app's access in their Google account: every token dies."""
    return {"revoked": world.grants.revoke_account(world.account(account).email)}


def expire_access_tokens(world: GoogleWorld, account: str | None = None) -> Answer:
    """Access tokens (of one account, or all) end now; refresh tokens live."""
    return {"expired": world.grants.expire_access(_email(world, account))}


def forget_sessions(world: GoogleWorld, account: str | None = None) -> Answer:
    """Unfinished upload sessions (of one account, or all) are unknown from now on: 404."""
    return {"forgotten": world.sessions.forget_all(_email(world, account))}


def expire_sessions(world: GoogleWorld, account: str | None = None) -> Answer:
    """The week of the upload sessions (of one account, or all) is over: 410."""
    return {"expired": world.sessions.expire_all(_email(world, account))}


def expire_device_codes(world: GoogleWorld) -> Answer:
    """The half hour of every device code is over."""
    pending = [d for d in world.grants.devices.values() if d.state == "pending"]
    for device in pending:
        device.created = world.now() - DEVICE_LIFE - 1
    return {"expired": len(pending)}


def set_quota(
    world: GoogleWorld, account: str, limit: int | None = None, used: int | None = None
) -> Answer:
    """limit: bytes in all; used: bytes taken by other things than Drive files."""
    found = world.account(account)
    if limit is not None:
        found.limit = limit
    if used is not None:
        found.other_usage = used
    return {"limit": found.limit, "used": world.usage(found)}


def client(
    world: GoogleWorld, client_id: str = "", state: str = "ok", secret: str | None = None
) -> Answer:
    """Set a client's state; an unknown id with a ``secret`` becomes a new client."""
    if state not in CLIENT_STATES:
        raise InvalidRequest(f"state: one of {', '.join(CLIENT_STATES)}")
    clients = world.grants.clients
    if not client_id and len(clients) == 1:
        client_id = next(iter(clients))
    known = clients.get(client_id)
    if known is None:
        if not client_id or secret is None:
            raise InvalidRequest("client_id: unknown; give a secret to make a new client")
        known = clients[client_id] = OAuthClient(client_id, secret)
    known.state = state
    if secret is not None:
        known.secret = secret
    return {"client_id": client_id, "state": state}


def testing_mode(world: GoogleWorld, on: bool) -> Answer:
    """Publishing status "Testing": refresh tokens die after seven days."""
    world.grants.testing = on
    return {"on": on}


def limit_access(world: GoogleWorld, account: str, seconds: int | float | None = None) -> Answer:
    """The user allows access for so long only; null: without a term."""
    email = world.account(account).email
    world.grants.lives.pop(email, None)
    if seconds is not None:
        world.grants.lives[email] = seconds
    return {"seconds": seconds}


def rotate_refresh_tokens(world: GoogleWorld, on: bool) -> Answer:
    """Every refresh gives a new refresh token, and the old one dies. (Google does not, so far.)"""
    world.grants.rotate = on
    return {"on": on}


def device_interval(world: GoogleWorld, seconds: int | float) -> Answer:
    """Seconds between polls of device codes given out from now on."""
    world.grants.device_interval = max(0, seconds)
    return {"seconds": world.grants.device_interval}


def link_sharing(world: GoogleWorld, account: str, on: bool) -> Answer:
    """The account's organisation lets files be shared with anyone, or no longer."""
    found = world.account(account)
    found.link_sharing = on
    return {"account": found.email, "on": on}


def advance_clock(world: GoogleWorld, seconds: int | float) -> Answer:
    """Google's clock jumps ahead."""
    world.clock_offset += seconds
    return {"offset": world.clock_offset}


def trash(world: GoogleWorld, file_id: str) -> Answer:
    """The user moves a file or folder to the trash."""
    return _set_trashed(world, file_id, trashed=True)


def untrash(world: GoogleWorld, file_id: str) -> Answer:
    """The user takes a file or folder out of the trash."""
    return _set_trashed(world, file_id, trashed=False)


def move(world: GoogleWorld, file_id: str, parent: str) -> Answer:
    """The user moves a file or folder into another folder of theirs, or a shared drive.

    ``parent``: the folder's or shared drive's id, or ``root``.
    """
    file, folder = _file(world, file_id), world.files.get(parent)
    if parent == "root":
        parent = world.accounts[file.account].root_id
    elif parent not in world.shared_drives and (folder is None or not folder.is_folder):
        raise InvalidRequest("parent: no such folder")
    world.files.place(file, [parent], world.drive_of(parent))
    return world.files.summary_of(file)


def shared_drive(world: GoogleWorld, account: str, role: str | None = "organizer") -> Answer:
    """A shared drive, in which the account has this ``role`` from now on; null: none."""
    if role not in (None, *ROLES):
        raise InvalidRequest(f"role: null, or one of {', '.join(ROLES)}")
    email = world.account(account).email
    found = world.first_shared_drive(email)
    found.roles.pop(email)
    if role is not None:
        found.roles[email] = role
    return vars(found)


def delete(world: GoogleWorld, file_id: str) -> Answer:
    """The user deletes a file, or a folder with all that is in it, for good."""
    world.files.remove(_file(world, file_id))
    return {}


def own_file(
    world: GoogleWorld,
    account: str,
    name: str = "Mine",
    content: str = "",
    folder: bool = False,
    parent: str | None = None,
) -> Answer:
    """The user makes a file (or a ``folder``) without the app, which cannot see it."""
    owner, files = world.account(account), world.files
    now = files.timestamp()
    file = DriveFile(
        new_file_id(),
        owner.email,
        name,
        FOLDER_TYPE if folder else "text/plain",
        [parent or owner.root_id],
        now,
        now,
        by_app=False,
    )
    if not folder:
        blob = files.new_blob()
        blob.write(content.encode())
        files.set_content(file, blob)
    files.add(file)
    return files.summary_of(file)


ACTIONS: dict[str, Callable[..., Answer]] = {
    action.__name__: action
    for action in (
        revoke,
        expire_access_tokens,
        forget_sessions,
        expire_sessions,
        expire_device_codes,
        set_quota,
        client,
        testing_mode,
        limit_access,
        rotate_refresh_tokens,
        device_interval,
        link_sharing,
        advance_clock,
        trash,
        untrash,
        move,
        shared_drive,
        delete,
        own_file,
        *SHEET_ACTIONS,
    )
}


def act(world: GoogleWorld, name: str, body: dict[str, Any]) -> Answer:
    """Do an action with what its signature says it takes; raises InvalidRequest."""
    action = ACTIONS[name]
    _world, *taken = signature(action, eval_str=True).parameters.values()
    needed = [one.name for one in taken if one.default is one.empty]
    check_kinds(body, {one.name: one.annotation for one in taken}, *needed)
    return action(world, **body)
