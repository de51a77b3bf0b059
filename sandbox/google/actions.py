"""What tests and the control panel may do to Google, by name.

Each action takes the JSON object of its request and answers one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.google.drive.files import new_file_id
from sandbox.google.drive.shared_drives import ROLES
from sandbox.google.model import DEVICE_LIFE, FOLDER_TYPE, DriveFile, OAuthClient
from sandbox.google.world import GoogleWorld
from sandbox.json_api import InvalidRequest

Answer = dict[str, Any]
Action = Callable[[GoogleWorld, dict[str, Any]], Answer]
CLIENT_STATES = ("ok", "deleted", "disabled", "wrong_secret")


def _account(world: GoogleWorld, body: dict[str, Any]) -> str:
    name = body.get("account")
    if not isinstance(name, str) or not name.strip():
        raise InvalidRequest("account: an e-mail address is needed")
    return world.account(name).email


def _some_account(world: GoogleWorld, body: dict[str, Any]) -> str | None:
    return None if body.get("account") is None else _account(world, body)


def _number(body: dict[str, Any], name: str) -> float:
    value = body.get(name)
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise InvalidRequest(f"{name}: a number is needed")
    return value


def _on(body: dict[str, Any]) -> bool:
    value = body.get("on")
    if not isinstance(value, bool):
        raise InvalidRequest("on: true or false")
    return value


def _file(world: GoogleWorld, body: dict[str, Any]) -> DriveFile:
    file = world.files.get(str(body.get("file_id", "")))
    if file is None:
        raise InvalidRequest("file_id: no such file")
    return file


def revoke(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """The user removes the app's access in their Google account: every token dies."""
    return {"revoked": world.grants.revoke_account(_account(world, body))}


def expire_access_tokens(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """Access tokens (of one account, or all) end now; refresh tokens live."""
    return {"expired": world.grants.expire_access(_some_account(world, body))}


def forget_sessions(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """Unfinished upload sessions (of one account, or all) are unknown from now on: 404."""
    return {"forgotten": world.sessions.forget_all(_some_account(world, body))}


def expire_sessions(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """The week of the upload sessions (of one account, or all) is over: 410."""
    return {"expired": world.sessions.expire_all(_some_account(world, body))}


def expire_device_codes(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """The half hour of every device code is over."""
    pending = [d for d in world.grants.devices.values() if d.state == "pending"]
    for device in pending:
        device.created = world.now() - DEVICE_LIFE - 1
    return {"expired": len(pending)}


def set_quota(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """limit: bytes in all; used: bytes taken by other things than Drive files."""
    account = world.account(_account(world, body))
    if body.get("limit") is not None:
        account.limit = int(_number(body, "limit"))
    if body.get("used") is not None:
        account.other_usage = int(_number(body, "used"))
    return {"limit": account.limit, "used": world.usage(account)}


def client(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """Set a client's state; an unknown id with a ``secret`` becomes a new client."""
    client_id, state = str(body.get("client_id", "")), str(body.get("state", "ok"))
    if state not in CLIENT_STATES:
        raise InvalidRequest(f"state: one of {', '.join(CLIENT_STATES)}")
    clients = world.grants.clients
    if not client_id and len(clients) == 1:
        client_id = next(iter(clients))
    known, secret = clients.get(client_id), body.get("secret")
    if known is None:
        if not client_id or not isinstance(secret, str):
            raise InvalidRequest("client_id: unknown; give a secret to make a new client")
        known = clients[client_id] = OAuthClient(client_id, secret)
    known.state = state
    if isinstance(secret, str):
        known.secret = secret
    return {"client_id": client_id, "state": state}


def testing_mode(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """Publishing status "Testing": refresh tokens die after seven days."""
    world.grants.testing = _on(body)
    return {"on": world.grants.testing}


def rotate_refresh_tokens(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """Every refresh gives a new refresh token, and the old one dies. (Google does not, so far.)"""
    world.grants.rotate = _on(body)
    return {"on": world.grants.rotate}


def device_interval(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """Seconds between polls of device codes given out from now on."""
    world.grants.device_interval = max(0, _number(body, "seconds"))
    return {"seconds": world.grants.device_interval}


def link_sharing(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """The account's organisation lets files be shared with anyone, or no longer."""
    account = world.accounts[_account(world, body)]
    account.link_sharing = _on(body)
    return {"account": account.email, "on": account.link_sharing}


def advance_clock(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """Google's clock jumps ahead."""
    world.clock_offset += _number(body, "seconds")
    return {"offset": world.clock_offset}


def trash(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """The user moves a file or folder to the trash."""
    file = _file(world, body)
    file.trashed = True
    return world.files.summary_of(file)


def untrash(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """The user takes a file or folder out of the trash."""
    file = _file(world, body)
    file.trashed = False
    return world.files.summary_of(file)


def move(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """The user moves a file or folder into another folder of theirs, or a shared drive.

    ``parent``: the folder's or shared drive's id, or ``root``.
    """
    file, parent_id = _file(world, body), str(body.get("parent", ""))
    parent = world.files.get(parent_id)
    if parent_id == "root":
        parent_id = world.accounts[file.account].root_id
    elif parent_id not in world.shared_drives and (parent is None or not parent.is_folder):
        raise InvalidRequest("parent: no such folder")
    world.files.place(file, [parent_id], world.drive_of(parent_id))
    return world.files.summary_of(file)


def shared_drive(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """A shared drive, in which the account has this ``role`` from now on; null: none."""
    email, role = _account(world, body), body.get("role", "organizer")
    if role is not None and role not in ROLES:
        raise InvalidRequest(f"role: null, or one of {', '.join(ROLES)}")
    found = world.first_shared_drive(email)
    found.roles.pop(email)
    if role is not None:
        found.roles[email] = str(role)
    return vars(found)


def delete(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """The user deletes a file, or a folder with all that is in it, for good."""
    world.files.remove(_file(world, body))
    return {}


def own_file(world: GoogleWorld, body: dict[str, Any]) -> Answer:
    """The user makes a file (or a ``folder``) without the app, which cannot see it."""
    email = _account(world, body)
    files = world.files
    now = files.timestamp()
    folder = bool(body.get("folder"))
    file = DriveFile(
        new_file_id(),
        email,
        str(body.get("name") or "Mine"),
        FOLDER_TYPE if folder else "text/plain",
        [str(body.get("parent") or world.accounts[email].root_id)],
        now,
        now,
        by_app=False,
    )
    if not folder:
        blob = files.new_blob()
        blob.write(str(body.get("content", "")).encode())
        files.set_content(file, blob)
    files.add(file)
    return files.summary_of(file)


ACTIONS: dict[str, Action] = {
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
    )
}
