"""Who may open a file: its owner alone, or anyone who has the link.

https://developers.google.com/workspace/drive/api/guides/manage-sharing
"""

from __future__ import annotations

from drive.calls import Calls
from drive.errors import DriveRefused


class Sharing(Calls):
    """The permission `anyone`; permissions of people the owner has named are left alone."""

    def share(self, file_id: str) -> str:
        """Let anyone with the link read it; the link. Shared twice is shared once.

        Raises:
            DriveRefused: file_gone: it is not there; sharing_forbidden: an organisation's policy.
        """
        body = {"type": "anyone", "role": "reader"}
        self._ask(self.resources.permissions.create(fileId=file_id, body=body, fields="id"))
        # Asked for anew: the link of a file that is shared may carry a resource key.
        answer = self._ask(self.resources.files.get(fileId=file_id, fields="webViewLink"))
        return str(answer.get("webViewLink", ""))

    def unshare(self, file_id: str) -> None:
        """Take that back; what is not shared is left as it is.

        Raises:
            DriveRefused: file_gone: it is not there; drive_refused: its folder is shared, and it
                with it.
        """
        for permission_id in self._open_to_anyone(file_id):
            try:
                self._execute(
                    self.resources.permissions.delete(fileId=file_id, permissionId=permission_id)
                )
            except DriveRefused as refusal:
                if refusal.code != "file_gone":  # taken back meanwhile
                    raise

    def is_shared(self, file_id: str) -> bool:
        """Whether anyone with the link may open it, by itself or through its folder."""
        return bool(self._open_to_anyone(file_id))

    def _open_to_anyone(self, file_id: str) -> list[str]:
        answer = self._ask(
            self.resources.permissions.list(fileId=file_id, fields="permissions(id,type)")
        )
        found = answer.get("permissions", ())
        return [str(item["id"]) for item in found if item.get("type") == "anyone"]
