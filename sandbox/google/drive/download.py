"""Bytes of files on their way out: whole, or a Range."""

from __future__ import annotations

import re
from urllib.parse import quote

from aiohttp import web

from sandbox.google.drive.files import FileStore
from sandbox.google.model import DriveFile

_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


async def serve_content(
    request: web.Request, files: FileStore, file: DriveFile, *, attachment: bool = False
) -> web.StreamResponse:
    """Answer with the bytes; one Range is honoured (RFC 9110 §14.2), an impossible one is 416."""
    size = file.size or 0
    start, end, status = 0, size, 200
    headers = {"Content-Type": file.mime_type, "Accept-Ranges": "bytes"}
    if match := _RANGE.match(request.headers.get("Range", "").strip()):
        first, last = match.groups()
        if first:
            start, end = int(first), min(size, int(last) + 1) if last else size
        elif last:
            start = max(0, size - int(last))
        if start >= size or end <= start:
            return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
        status = 206
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    if attachment:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file.name)}"
        # A file's own type could make it a page of this origin.
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Content-Security-Policy"] = "sandbox"
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = end - start
    await response.prepare(request)
    for piece in files.pieces(file, start, end):
        await response.write(piece)
    await response.write_eof()
    return response
