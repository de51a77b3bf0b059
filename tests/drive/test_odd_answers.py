"""Answers of Drive with fields that lack, are null, of another type, empty or absurd.

Each has an end that somebody decided: a value, or an error of this project; never an exception of
Python's own, out of Google's client either.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from drive import Drive, DriveApi, DriveFile, DriveRefused, Drives, error_of_answer
from drive.connection import Http
from security.errors import ConsentRequired, CustodyError, OperatorFault, TransientFault
from security.logs.schema import RESULTS
from tests.drive.conftest import put
from tests.running import in_rest
from tests.security.kit import AMY, ANN, World

LACKS: Any = object()
VALUES: dict[str, Any] = {
    "missing": LACKS,
    "null": None,
    "true": True,
    "object": {"a": {}},
    "list": [[]],
    "empty": "",
    "text": "x",
    "negative": -1,
    "fraction": 1.5,
    "large": "9" * 5000,
    "half a character": "\ud800\u202e\n",
    "path": "../../about?x=1#",
}
ASKED: dict[str, tuple[str, Callable[[Drive, str], Any], tuple[str, ...]]] = {
    "about": (
        "google.drive.about",
        lambda drive, _: drive.about(),
        (
            *("user", "user.emailAddress", "user.permissionId", "user.displayName"),
            *("storageQuota", "storageQuota.limit", "storageQuota.usage"),
        ),
    ),
    "generateIds": (
        "google.drive.files.generateIds",
        lambda drive, _: drive.new_file_id(),
        ("ids", "ids.*", "ids.0"),
    ),
    "find": (
        "google.drive.files.get",
        lambda drive, file_id: drive.find(file_id),
        (
            *("id", "name", "mimeType", "size", "md5Checksum", "webViewLink", "trashed"),
            *("createdTime", "parents", "parents.0", "description", "driveId"),
        ),
    ),
    "list": (
        "google.drive.files.list",
        lambda drive, _: drive.files(),
        ("files", "files.*", "files.0.id", "files.*.name", "files.*.size", "nextPageToken"),
    ),
    "of_size": (
        "google.drive.files.list",
        lambda drive, _: drive.files_of_size(1),
        ("files", "files.*", "files.*.id", "files.*.md5Checksum", "nextPageToken"),
    ),
    "folders": (
        "google.drive.files.list",
        lambda drive, _: drive.all_folders(),
        ("files", "files.*", "files.*.id", "files.*.name", "files.*.parents", "nextPageToken"),
    ),
    "make": (
        "google.drive.files.create",
        lambda drive, _: drive.ensure_subfolder("Photos"),
        ("id", "name", "parents", "webViewLink"),
    ),
    "rename": (
        "google.drive.files.update",
        lambda drive, file_id: drive.rename(file_id, "b"),
        ("id", "name", "trashed"),
    ),
    "permissions": (
        "google.drive.permissions.list",
        lambda drive, file_id: drive.is_shared(file_id),
        ("permissions", "permissions.*", "permissions.*.type", "permissions.*.id"),
    ),
    "share": (
        "google.drive.files.get",
        lambda drive, file_id: drive.share(file_id),
        ("webViewLink", "id"),
    ),
}


async def once(world: World, work: Callable[[Drive], Any]) -> Any:
    """What comes of `work` without a second try: its value, or its error."""
    drives = Drives(DriveApi(world.url, retries=0), world.custodian, threads=1)
    try:
        found = await drives.run(ANN, work)
    except CustodyError as error:
        found = error
    finally:
        await drives.close()
    assert not isinstance(found, CustodyError) or found.code in RESULTS
    return found


@pytest.mark.parametrize(
    "name", ["find", "list", *in_rest(*(x for x in ASKED if x not in ("find", "list")))]
)
@pytest.mark.one_way
async def test_no_field_of_an_answer_raises_an_exception_of_pythons(
    world: World, name: str
) -> None:
    """Whatever takes its place. What comes of it can be written down and shown."""
    target, work, paths = ASKED[name]
    made: DriveFile = await world.drives.run(ANN, put("a.bin"))
    await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram"))
    for path in paths:
        for kind, value in VALUES.items():
            change = {"drop": [path]} if value is LACKS else {"set": {path: value}}
            await world.google.fault(target, "odd", count=0, **change)
            found = await once(world, partial(_of, work, made.id))
            await world.google.clear_faults()
            assert found is None or isinstance(found, CustodyError) or shown(found), (path, kind)


def _of(work: Callable[[Drive, str], Any], file_id: str, drive: Drive) -> Any:
    return work(drive, file_id)


def shown(found: Any) -> bool:
    """Whether every text in it is one that files, messages and requests can hold."""
    seen = [found]
    for value in seen:
        if isinstance(value, str):
            value.encode()
        elif isinstance(value, list | tuple):
            seen += value
        elif hasattr(type(value), "__slots__"):
            seen += [getattr(value, field, None) for field in type(value).__slots__]
    return True


BODIES: dict[str, str] = {
    "nothing": "",
    "empty object": "{}",
    "null": "null",
    "list": "[]",
    "list of an object": '[{"error": {"errors": {"reason": "x"}}}]',
    "text": '"no"',
    "number": "7",
    "not JSON": "<html>",
    "not UTF-8": "\udcff",
    "too deep": "[" * 100_000,
    "deep error": '{"error": ' * 30_000,
    "number of 5000 digits": '{"a": ' + "1" * 5000 + "}",
    "NaN": '{"error": {"code": NaN, "message": NaN}}',
    "error is text": '{"error": "no"}',
    "error is a list": '{"error": ["no"]}',
    "message is an object": '{"error": {"message": {"a": 1}, "errors": [{"reason": {}}]}}',
    "message is null": '{"error": {"message": null, "errors": null}}',
    "errors is an object": '{"error": {"errors": {"reason": "x"}, "message": 5}}',
    "errors is empty": '{"error": {"errors": [], "details": []}}',
    "errors of texts": '{"error": {"errors": ["x"], "details": ["y"], "message": []}}',
    "details is an object": '{"error": {"details": {"reason": 1}, "status": []}}',
}
STATUSES = {
    400: (DriveRefused, "drive_refused"),
    401: (ConsentRequired, "invalid_grant"),
    403: (DriveRefused, "drive_refused"),
    409: (DriveRefused, "exists"),
    410: (DriveRefused, "drive_refused"),
    413: (DriveRefused, "too_large_for_drive"),
    429: (TransientFault, "rate_limited"),
    500: (TransientFault, "unavailable"),
    502: (TransientFault, "unavailable"),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_an_error_is_judged_by_its_status_whatever_its_body(body: str) -> None:
    """Of a body that cannot be read nothing follows."""
    content = body.encode("utf-8", "surrogateescape")
    for status, (kind, code) in STATUSES.items():
        error = error_of_answer(status, {}, content)
        assert (type(error), error.code) == (kind, code)
    assert isinstance(error_of_answer(302, {}, content), TransientFault)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
@pytest.mark.parametrize("status", [200, *in_rest(403, 404)])
async def test_no_body_raises_out_of_googles_client(world: World, body: str, status: int) -> None:
    """Over the wire, in an answer to files.get."""
    made = await world.drives.run(ANN, put("a.bin"))
    text = body.replace("\udcff", "\ufffe")
    await world.google.fault("google.drive.files.get", "status", status=status, body=text, count=0)
    found = await once(world, lambda drive: drive.find(made.id))
    assert isinstance(found, CustodyError) or (found is None and status == 404)
    if status == 404 and "error" not in body:
        assert isinstance(found, TransientFault)  # a proxy's page says nothing about a file


async def test_a_bare_challenge_is_no_malformed_answer() -> None:
    """`WWW-Authenticate: Bearer`, which RFC 9110 (11.6.1) allows: a 401 is one, and says so."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer\r\n"
        writer.write(head + b"Content-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found, _ = await asyncio.to_thread(Http().request, f"http://127.0.0.1:{port}/")
    assert found.status == 401


async def test_a_404_that_is_not_drives_own_word_loses_no_folder(world: World) -> None:
    """A page of a proxy's is no reason to make a second one."""
    folder = await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram"))
    await world.google.fault("google.drive.files.*", "html", status=404, count=2)
    assert await world.drives.run(ANN, lambda drive: drive.ensure_folder("Telegram")) == folder
    assert len(await world.google.files(AMY)) == 1


@pytest.mark.parametrize("path", ["user", "user.emailAddress", "user.permissionId"])
@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.one_way
async def test_an_account_is_never_without_its_address(world: World, path: str, kind: str) -> None:
    """It is what people know their account by: then rather none is shown."""
    value = VALUES[kind]
    change = {"drop": [path]} if value is LACKS else {"set": {path: value}}
    await world.google.fault("google.drive.about", "odd", count=0, **change)
    found = await once(world, Drive.about)
    if path == "user.permissionId" and kind == "text":
        assert found.address.get_secret_value() == AMY
    else:
        assert isinstance(found, TransientFault)


async def test_a_name_that_looks_like_an_address_is_no_account(world: World) -> None:
    """Anybody may call themselves anything."""
    change = {"drop": ["user.emailAddress"], "set": {"user.displayName": AMY}}
    await world.google.fault("google.drive.about", "odd", count=0, **change)
    assert isinstance(await once(world, Drive.about), TransientFault)


async def test_identifiers_are_given_out_once_whatever_drive_answers(world: World) -> None:
    """From a cache on the way: a second file of an identifier would take the first one's place."""
    first = await world.drives.run(ANN, Drive.new_file_id)
    for ids in ([first], [first, first], ["a", "a", "b", "/", "", None, 7]):
        await world.google.fault("google.drive.files.generateIds", "odd", set={"ids": ids})
        found = await once(world, Drive.new_file_id)
        assert found == ("a" if "a" in ids else first)
    known = DriveApi(world.url, retries=0)
    drives = Drives(known, world.custodian, threads=1)
    await world.google.fault("google.drive.files.generateIds", "odd", set={"ids": [first]}, count=2)
    assert await drives.run(ANN, Drive.new_file_id) == first
    with pytest.raises(TransientFault):
        await drives.run(ANN, Drive.new_file_id)
    await drives.close()


@pytest.mark.parametrize(
    "link",
    [
        *(None, 7, "", "javascript:alert(1)", "tg://user?id=1", "https://", "https://[", "//a/b"),
        *(
            "https://x y/",
            "https://a\nb",
            "https://amy@evil.example/",
            "http:/a",
            "https://a\u202e",
        ),
        "https://a/" + "x" * 3000,
    ],
)
async def test_a_link_that_can_be_no_button_is_replaced(world: World, link: Any) -> None:
    """Telegram refuses the whole message for it: the end of an upload would never be told."""
    made = await world.drives.run(ANN, put("a.bin"))
    await world.google.fault("google.drive.files.get", "odd", set={"webViewLink": link}, count=0)
    found = await world.drives.run(ANN, lambda drive: drive.find(made.id))
    assert found is not None
    assert found.link == f"https://drive.google.com/open?id={made.id}"


async def test_only_true_means_in_the_bin(world: World) -> None:
    """What is taken for binned is uploaded again, and deleted."""
    made = await world.drives.run(ANN, put("a.bin"))
    odds: tuple[Any, ...] = ("false", "true", 1, [0], {})
    for odd in odds:
        await world.google.fault("google.drive.files.get", "odd", set={"trashed": odd})
        found = await world.drives.run(ANN, lambda drive: drive.find(made.id))
        assert found is not None
        assert not found.trashed


async def test_a_folder_whose_answer_lacks_its_identifier_is_made_once(world: World) -> None:
    """It was given one beforehand."""
    await world.google.fault("google.drive.files.create", "odd", drop=["id"])
    made = await world.drives.run(ANN, lambda drive: drive.ensure_subfolder("Photos"))
    [file] = await world.google.files(AMY)
    assert file["id"] == made.id


@pytest.mark.parametrize("path", ["files.*.name", "files.*.parents"])
async def test_a_folder_that_is_listed_without_a_name_is_not_made_again(
    world: World, path: str
) -> None:
    """Drive was asked for it by its name: what it does not tell is no other one."""
    first = await world.drives.run(ANN, lambda drive: drive.ensure_subfolder("Photos"))
    await world.google.fault("google.drive.files.list", "odd", drop=[path])
    again = await world.drives.run(ANN, lambda drive: drive.ensure_subfolder("Photos"))
    assert again.id == first.id


async def test_a_list_without_an_end_ends(world: World) -> None:
    """The same mark of a next page, again and again."""
    change = {"set": {"nextPageToken": "x", "files": []}}
    await world.google.fault("google.drive.files.list", "odd", count=0, status=200, **change)
    found = await once(world, Drive.all_folders)
    assert isinstance(found, CustodyError)


async def test_an_identifier_that_is_none_is_never_put_into_an_address(world: World) -> None:
    """ "" would ask for all files, and dots for another resource."""
    await world.google.forget_calls()
    for file_id in ("", ".", "..", "../about", "a/b", "a?alt=media", "x" * 200, "\u0661"):
        assert await once(world, partial(Drive.find, file_id=file_id)) is None
        error = await once(world, partial(Drive.rename, file_id=file_id, name="b"))
        assert isinstance(error, DriveRefused)
        assert await once(world, partial(Drive.delete, file_id=file_id)) is None
    assert "google.drive.files.get" not in (await world.google.calls())["counts"]


@pytest.mark.parametrize("location", ["http://[", "//", "http://a:port/", "\x7f", "ftp://x/"])
async def test_a_redirect_to_no_address_is_a_passing_fault(world: World, location: str) -> None:
    """httplib2 follows it, or says ValueError."""
    await world.google.fault(
        "google.drive.about", "odd", status=302, headers={"Location": location}, count=0
    )
    assert isinstance(await once(world, Drive.about), TransientFault)


async def test_an_address_without_drive_is_the_operators(world: World) -> None:
    """about.get is about nothing that could be missing: GOOGLE_API_ENDPOINT is wrong."""
    drives = Drives(DriveApi(world.url + "/elsewhere", retries=0), world.custodian, threads=1)
    with pytest.raises(OperatorFault, match="GOOGLE_API_ENDPOINT") as caught:
        await drives.run(ANN, Drive.about)
    assert caught.value.code == "api_not_found"
    await drives.close()


def test_the_newer_forms_reason_is_read() -> None:
    """https://cloud.google.com/apis/design/errors#error_info"""

    def of(status: int, reason: str, older: str = "") -> tuple[type, str]:
        info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}
        error: dict[str, Any] = {"details": [{"@type": "x", "reason": "y"}, info]}
        if older:
            error["errors"] = [{"reason": older, "message": "m"}]
        found = error_of_answer(status, {}, json.dumps({"error": error}).encode())
        return type(found), found.code

    assert of(403, "SERVICE_DISABLED") == (OperatorFault, "api_disabled")
    assert of(403, "SERVICE_DISABLED", "forbidden") == (OperatorFault, "api_disabled")
    assert of(403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT") == (ConsentRequired, "scope_missing")
    assert of(403, "ORG_RESTRICTION_VIOLATION") == (DriveRefused, "policy_forbidden")
    assert of(403, "RATE_LIMIT_EXCEEDED") == (TransientFault, "rate_limited")
    assert of(403, "CONSUMER_SUSPENDED") == (OperatorFault, "operator_fault")
    assert of(403, "WHATEVER") == (DriveRefused, "drive_refused")
    assert of(403, "WHATEVER", "storageQuotaExceeded") == (DriveRefused, "quota_exceeded")
