"""Drive's reasons for a refusal, and what each means for whoever asked.

Those of the older form are of
https://developers.google.com/workspace/drive/api/guides/handle-errors and of what Drive is known
to answer besides; those of the newer form, in capitals, of google.api.ErrorReason
(https://github.com/googleapis/googleapis/blob/master/google/api/error_reason.proto).
A reason that is not here is a refusal of which nothing more is known (`drive_refused`).
"""

from __future__ import annotations

from typing import Final

_CODES: Final = {
    "quota_exceeded": ("storageQuotaExceeded", "quotaExceeded"),
    "too_many_items": (
        "numChildrenInNonRootLimitExceeded",
        "teamDriveFileLimitExceeded",
        "activeItemCreationLimitExceeded",
    ),
    "too_deep": ("myDriveHierarchyDepthLimitExceeded", "teamDriveHierarchyTooDeep"),
    "too_large_for_drive": ("uploadTooLarge",),
    # Another folder would do.
    "folder_refused": (
        "cannotAddParent",
        "fileWriterTeamDriveMoveInDisabled",
        "insufficientParentPermissions",
        "parentNotAFolder",
        "teamDriveMembershipRequired",
        "teamDrivesFolderMoveInNotSupported",
        "teamDrivesParentLimit",
    ),
    # The guide has none of these but the first; they are what permissions.create is known to
    # answer where an organisation, or a shared drive, keeps its files to itself.
    "sharing_forbidden": (
        "invalidSharingRequest",
        "cannotShareTeamDriveTopFolderWithAnyoneOrDomains",
        "cannotShareTeamDriveWithNonGoogleAccounts",
        "publishOutNotPermitted",
        "shareInNotPermitted",
        "shareOutNotPermitted",
        "shareOutNotPermittedForContent",
        "shareOutNotPermittedToUser",
        "shareOutWarning",
        "teamDriveDomainUsersOnlyRestriction",
        "teamDriveTeamMembersOnlyRestriction",
        "teamDrivesSharingRestrictionNotAllowed",
    ),
    # What an administrator of the person's organisation has decided, and alone can change.
    "policy_forbidden": (
        "accountDisabled",
        "crossDomainMoveRestriction",
        "domainPolicy",
        "LOCATION_POLICY_VIOLATED",
        "LOCATION_ORG_POLICY_VIOLATED",
        "ORG_RESTRICTION_VIOLATION",
        "SECURITY_POLICY_VIOLATED",
    ),
    # What the person's role for this file does not allow.
    "not_permitted": (
        "cannotModifyInheritedPermission",
        "cannotModifyInheritedTeamDrivePermission",
        "cannotDeleteResourceWithChildren",
        "insufficientFilePermissions",
        "teamDrivesInsufficientPermissions",
        "userAccess",
    ),
    "file_gone": (
        "appNotAuthorizedToFile",
        "fileNotFound",
        "notFound",
        "parentNotFound",
        "teamDriveNotFound",
    ),
    "exists": ("fileIdInUse",),
    "daily_limit": ("downloadQuotaExceeded",),
    "harmful_file": ("abuse", "cannotDownloadAbusiveFile", "malwareDownload"),
    "no_bytes": ("fileNotDownloadable",),
}
REFUSALS: Final = {reason: code for code, known in _CODES.items() for reason in known}
"""Reason → code of the `DriveRefused` it becomes."""

TRANSIENT: Final = frozenset(
    {
        *("rateLimitExceeded", "userRateLimitExceeded", "sharingRateLimitExceeded"),
        *("backendError", "badGateway", "internalError", "serviceNotAvailable", "systemError"),
        *("transientError", "unknownError", "UrlLeaseLimitExceeded"),
        *("RATE_LIMIT_EXCEEDED", "RESOURCE_EXHAUSTED", "RESOURCE_QUOTA_EXCEEDED", "UNAVAILABLE"),
    }
)
"""Passes by itself, whatever the status that comes with it."""

PROJECT_FAULTS: Final = {
    **dict.fromkeys(("accessNotConfigured", "SERVICE_DISABLED"), "api_disabled"),
    **dict.fromkeys(
        (
            *("BILLING_DISABLED", "CONSUMER_INVALID", "CONSUMER_SUSPENDED"),
            *("USER_PROJECT_DENIED", "USER_BLOCKED_BY_ADMIN", "dailyLimitExceededUnreg"),
            *("API_KEY_SERVICE_BLOCKED", "RESOURCE_USAGE_RESTRICTION_VIOLATED"),
        ),
        "operator_fault",
    ),
}
"""Only whoever runs the bot can mend it, in the Cloud console."""

GRANT_FAULTS: Final = {
    **dict.fromkeys(
        ("insufficientPermissions", "insufficientScopes", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
        "scope_missing",
    ),
    **dict.fromkeys(
        (
            *("authError", "ACCESS_TOKEN_EXPIRED", "ACCESS_TOKEN_TYPE_UNSUPPORTED"),
            *("ACCOUNT_STATE_INVALID", "CREDENTIALS_MISSING", "SESSION_COOKIE_INVALID"),
        ),
        "invalid_grant",
    ),
}
"""Connecting again mends it."""

VAGUE: Final = frozenset({"badRequest", "forbidden", "global", "PERMISSION_DENIED"})
"""Says no more than the status: the newer form's reason, where there is one, says it."""

DAILY_UPLOADS: Final = ("userRateLimitExceeded", "User rate limit exceeded.")
"""Reason and message once a person's 750 GB of a day are used up. Google documents the limit, not
the answer; rclone tells it from the limit on requests by these words (drive_stop_on_upload_limit).
"""
