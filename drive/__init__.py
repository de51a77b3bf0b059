"""One owner's Google Drive: account and space, files, folders, links, bytes.

Everything here blocks, and runs in a thread by `Drives.run`. Google's client gets an access token
and a handler that asks the custodian, never a refresh token: otherwise it would refresh by itself
on a 401, past lock, generation and store. Under the scope drive.file only what the bot made is to
be seen. https://developers.google.com/workspace/drive/api/reference/rest/v3
"""

from drive.api import DriveApi
from drive.connection import AccessToken
from drive.content import DriveContent
from drive.drives import Drive, Drives
from drive.errors import DriveRefused, error_of_answer, unreadable_answer
from drive.folders import folders_in
from drive.resources import FOLDER_TYPE, About, DriveFile, DriveFolder, FilePage
from drive.response_head import Body, NotTheFile, check_head

__all__ = [
    "FOLDER_TYPE",
    "About",
    "AccessToken",
    "Body",
    "Drive",
    "DriveApi",
    "DriveContent",
    "DriveFile",
    "DriveFolder",
    "DriveRefused",
    "Drives",
    "FilePage",
    "NotTheFile",
    "check_head",
    "error_of_answer",
    "folders_in",
    "unreadable_answer",
]
