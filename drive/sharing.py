"""Who may open a file: its owner alone, or anyone who has the link.

https://developers.google.com/workspace/drive/api/guides/manage-sharing
"""

from __future__ import annotations

from drive.calls import Calls
from drive.errors import DriveRefused
from drive.resources import link_of
from security.google import answers


class Sharing(Calls):
    """The permission `anyone`; permissions of people the owner has named are left alone."""

    def share(self, file_id: str) -> str:
        """Let anyone with the link read it; the link. Shared twice is shared once.

        Raises:
            DriveRefused: file_gone: it is not there; sharing_forbidden: an organisation's policy.
        """
        body = {"type": "anyone", "role": "reader"}
        self._call("permissions.create", fileId=file_id, body=body, fields="id")
        # Asked for anew: the link of a file that is shared may carry a resource key.
        return link_of(self._call("files.get", fileId=file_id, fields="id,webViewLink"))

    def unshare(self, file_id: str) -> None:
        """Let nobody read it any more by its link; what is not shared is left as it is.

        Raises:
            DriveRefused: file_gone: it is not there; drive_refused: its folder is shared, and it
                with it.
        """
        for permission_id in self._open_to_anyone(file_id):
            try:
                self._request(
                    "permissions.delete", bytes, fileId=file_id, permissionId=permission_id
                )
            except DriveRefused as refused:
                if refused.code != "file_gone":  # taken back meanwhile
                    raise

    def is_shared(self, file_id: str) -> bool:
        """Whether anyone with the link may open it, by itself or through its folder."""
        return bool(self._open_to_anyone(file_id))

    def _open_to_anyone(self, file_id: str) -> list[str]:
        fields = "nextPageToken,permissions(id,type)"
        found = self._pages("permissions.list", "permissions", fileId=file_id, fields=fields)
        return [answers.text(item, "id") for item in found if item.get("type") == "anyone"]
