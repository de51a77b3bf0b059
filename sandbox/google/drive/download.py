"""Bytes of files on their way out: whole, or a Range."""

from __future__ import annotations

from urllib.parse import quote

from aiohttp import web

from sandbox.google.drive.files import FileStore
from sandbox.google.model import DriveFile


def content_response(
    files: FileStore, file: DriveFile, *, attachment: bool = False
) -> web.FileResponse:
    """Answer with a file's bytes, or a Range of them (RFC 9110 §14.2); an impossible one is 416."""
    headers = {"Content-Type": file.mime_type}
    if attachment:
        headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(file.name)}"
        # A file's own type could make it a page of this origin.
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Content-Security-Policy"] = "sandbox"
    return web.FileResponse(files.path(file), headers=headers)
