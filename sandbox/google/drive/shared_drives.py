"""Shared drives: who is a member of each, and what a member's role allows.

https://developers.google.com/workspace/drive/api/guides/about-shareddrives; the roles' names for
people, and what each may do: https://support.google.com/a/users/answer/9310249
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.google.errors import DriveRefusal, known_refusal

ROLES = ("reader", "commenter", "writer", "fileOrganizer", "organizer")
"""From the least to the greatest: viewer, commenter, contributor, content manager, manager."""
_NEEDED = {"write": "writer", "bin": "fileOrganizer", "delete": "organizer", "move": "organizer"}


@dataclass
class SharedDrive:
    """A drive that belongs to its members together; its space is nobody's own."""

    id: str
    name: str
    roles: dict[str, str] = field(default_factory=dict)  # account → role

    def check_role(self, account: str, action: str) -> None:
        """Refuse what the account's role here does not allow.

        Args:
            action: "write", "bin", "delete", or "move" (out of it).
        """
        role = self.roles.get(account)
        if role is None:
            raise DriveRefusal(
                403,
                "teamDriveMembershipRequired",
                "The attempted action requires shared drive membership.",
            )
        if ROLES.index(role) < ROLES.index(_NEEDED[action]):
            raise known_refusal("insufficientFilePermissions")
