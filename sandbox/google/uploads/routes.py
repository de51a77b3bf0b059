"""Resumable uploads. Whole ones (media, multipart) are not modelled, and refused.

https://developers.google.com/workspace/drive/api/guides/manage-uploads. What the guide leaves
open (offsets that do not fit, chunks too small) follows the answers of Google's upload front end
as its clients' issue trackers quote them; docs/sandbox.md names each.
"""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from sandbox.google.drive.access import (
    Caller,
    authenticate,
    bearer_of,
    for_callers,
)
from sandbox.google.drive.routes import parse_metadata
from sandbox.google.drive.writing import apply_metadata, new_file
from sandbox.google.errors import DriveRefusal, known_refusal, refusing, unauthenticated
from sandbox.google.model import DriveFile
from sandbox.google.uploads.content_range import STATUS, Span, gap_text, read_span, uneven_chunk
from sandbox.google.uploads.sessions import BLOCK, UploadSession
from sandbox.google.world import GoogleWorld
from sandbox.operations import OWNER, drain

CLIENT_CLOSED = 499  # what Google answers to a cancelled session


def upload_routes(world: GoogleWorld) -> list[web.RouteDef]:
    """The /upload half of the API."""
    uploads = Uploads(world)
    routes = []
    for path, start in (
        ("/upload/drive/v3/files", web.post),
        ("/upload/drive/v3/files/{id}", web.patch),
    ):
        routes += [
            start(path, uploads.begin),
            web.put(path, uploads.chunk),
            web.delete(path, uploads.cancel),
        ]
    return routes


class Uploads:
    """Handlers of uploads."""

    def __init__(self, world: GoogleWorld):
        self.world = world

    @for_callers
    async def begin(self, request: web.Request, caller: Caller) -> web.StreamResponse:
        """POST (new file) or PATCH (new content): the start of a session."""
        target = caller.file(request.match_info["id"]) if "id" in request.match_info else None
        kind = request.query.get("uploadType", "")
        if kind != "resumable":
            message = f"Unsupported upload type: {kind}"
            if kind in ("media", "multipart"):
                message = f"The sandbox does not model uploadType={kind}: upload resumably."
            raise DriveRefusal(400, "badContent", message, location="uploadType")
        metadata = parse_metadata(await request.read())
        declared = request.headers.get("X-Upload-Content-Length")
        if declared is not None and not declared.isdecimal():
            raise DriveRefusal(400, "badRequest", "Invalid X-Upload-Content-Length header.")
        total = None if declared is None else int(declared)
        content_type = request.headers.get("X-Upload-Content-Type", "")
        # Refuses now what it would then.
        file = target or new_file(caller, metadata, content_type=content_type)
        self._check_room(caller, file, total or 0)
        session = self.world.sessions.start(
            caller.account.email,
            metadata,
            file_id=target.id if target is not None else None,
            content_type=content_type,
            total=total,
            query=dict(request.query),
        )
        location = f"{request.scheme}://{request.host}{request.path}"
        return web.Response(
            status=200,
            headers={
                "Location": f"{location}?uploadType=resumable&upload_id={session.id}",
                "X-GUploader-UploadID": session.id,
            },
        )

    @refusing
    async def chunk(self, request: web.Request) -> web.StreamResponse:
        """PUT to a session: bytes, or the question how many have arrived."""
        session = self._session(request)
        if session is None or self.world.sessions.expired(session):
            await drain(request)
            # 404: start anew; 410 after its week.
            return web.Response(status=404 if session is None else 410, text="")
        caller = self._caller(request, session)
        if session.connection is not None:  # whoever comes again has given the last request up
            session.connection.abort()
        async with session.lock:
            session.connection = request.transport
            try:
                return await self._continue(request, caller, session)
            finally:
                session.connection = None

    def _session(self, request: web.Request) -> UploadSession | None:
        return self.world.sessions.get(request.query.get("upload_id", ""))

    def _caller(self, request: web.Request, session: UploadSession) -> Caller:
        """Who sends a chunk: the session's URI is enough, but a token that is sent must be good."""
        if bearer_of(request):
            caller = authenticate(self.world, request)
            if caller.account.email != session.account:
                raise unauthenticated()
            return replace(caller, query=session.query)
        if session.account not in self.world.grants.consents:
            raise unauthenticated()
        request[OWNER] = session.account
        account = self.world.accounts[session.account]
        return Caller(self.world, account, False, self.world.origin(request), session.query)

    async def _continue(
        self, request: web.Request, caller: Caller, session: UploadSession
    ) -> web.StreamResponse:
        header = request.headers.get("Content-Range", "").strip()
        status = STATUS.match(header)
        if session.result is not None:
            await drain(request)
            return self._finished(caller, session)
        if status is not None:
            await drain(request)
            if status.group(1) != "*" and int(status.group(1)) == session.received:
                self._agree(session, int(status.group(1)))
                return self._finish(caller, session)
            return _incomplete(session)
        span = read_span(header, request, session)
        self._agree(session, span.total)
        if span.start > session.received:
            await drain(request)
            return web.Response(status=503, text=gap_text(span.start, session.received))
        if not span.last and (span.end - span.start) % BLOCK:
            raise uneven_chunk(span.end - span.start)
        await _receive(request, session, span)
        if session.cancelled:  # while its bytes came
            session.blob.discard()
            return _cancelled()
        if not span.last:
            return _incomplete(session)
        return self._finish(caller, session)

    def _agree(self, session: UploadSession, total: int | None) -> None:
        if total is None:
            return
        if session.total is not None and session.total != total:
            raise DriveRefusal(
                400,
                "badRequest",
                f"Invalid request. The total size {total} differs from the {session.total} "
                "that was announced.",
            )
        session.total = total

    def _finish(self, caller: Caller, session: UploadSession) -> web.Response:
        session.result = self._keep(caller, session).id
        return self._finished(caller, session)

    def _keep(self, caller: Caller, session: UploadSession) -> DriveFile:
        """Make the uploaded bytes a file; its id may have been taken while they came (409)."""
        files = self.world.files
        target = caller.file(session.file_id) if session.file_id is not None else None
        file = target or new_file(caller, session.metadata, content_type=session.content_type)
        self._check_room(caller, file, session.received)
        if target is not None:
            apply_metadata(caller, file, session.metadata)
        files.set_content(file, session.blob)
        if target is None:
            files.add(file)
        self.world.note_change()
        return file

    def _check_room(self, caller: Caller, file: DriveFile, size: int) -> None:
        """Refuse what the account has no room for; a shared drive's space is nobody's own."""
        fits = self.world.fits(caller.account, size, replaced=file.size or 0)
        if not file.drive_id and not fits:
            raise known_refusal("storageQuotaExceeded")

    def _finished(self, caller: Caller, session: UploadSession) -> web.Response:
        """The metadata of the finished file; asked again, it is given again."""
        assert session.result is not None  # noqa: S101 - callers have checked
        return web.json_response(caller.show(caller.file(session.result)))

    @refusing
    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """DELETE: the session is over."""
        session = self._session(request)
        if session is None:
            return web.Response(status=404, text="")
        session.cancelled = True
        self.world.sessions.forget(session)
        return _cancelled()


def _cancelled() -> web.Response:
    return web.Response(status=CLIENT_CLOSED, reason="Client Closed Request", text="")


async def _receive(request: web.Request, session: UploadSession, span: Span) -> None:
    """Take the body in; bytes that are known already are read past."""
    known = session.received - span.start
    position = 0
    try:
        async for piece in request.content.iter_any():
            if position + len(piece) > known:
                session.feed(memoryview(piece)[max(0, known - position) :])
            position += len(piece)
        if position != span.end - span.start:
            raise DriveRefusal(400, "badRequest", "Request body is shorter than announced.")
        if span.last:
            session.flush()
    finally:
        session.drop_tail()


def _incomplete(session: UploadSession) -> web.Response:
    """308: the Range header is the truth; none means nothing has arrived."""
    headers = {"X-GUploader-UploadID": session.id}
    if session.received:
        headers["Range"] = f"bytes=0-{session.received - 1}"
    return web.Response(status=308, reason="Resume Incomplete", headers=headers)
