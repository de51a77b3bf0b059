"""Refusals of the Bot API, in its own words.

https://core.telegram.org/bots/api#making-requests: `ok` is false, `description` explains, and
`error_code` repeats the HTTP status. The texts are those of Telegram's public server
(https://github.com/tdlib/telegram-bot-api, `Client.cpp`) and library (https://github.com/tdlib/td).
"""

from __future__ import annotations

from typing import Any


class ApiError(Exception):
    """A call that is refused: HTTP status, description and response parameters."""

    def __init__(self, code: int, description: str, **parameters: Any):
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def as_json(self) -> dict[str, Any]:
        """The body of the answer."""
        body: dict[str, Any] = {
            "ok": False,
            "error_code": self.code,
            "description": self.description,
        }
        if self.parameters:
            body["parameters"] = self.parameters
        return body


def bad_request(message: str) -> ApiError:
    """Build a 400, worded as the real server does: its first letter small, but constants kept."""
    constant = len(message) > 1 and (message[1] == "_" or "A" <= message[1] <= "Z")
    text = message if constant else message[:1].lower() + message[1:]
    return ApiError(400, f"Bad Request: {text}")


def forbidden(message: str) -> ApiError:
    """Build a 403."""
    return ApiError(403, f"Forbidden: {message}")


def too_many_requests(seconds: int) -> ApiError:
    """Build a 429 with `parameters.retry_after` (https://core.telegram.org/bots/api#responseparameters)."""
    return ApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)
OTHER_GET_UPDATES = (
    "Conflict: terminated by other getUpdates request; "
    "make sure that only one bot instance is running"
)
WEBHOOK_ACTIVE = (
    "Conflict: can't use getUpdates method while webhook is active; "
    "use deleteWebhook to delete the webhook first"
)
