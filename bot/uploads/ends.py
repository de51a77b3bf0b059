"""How each file ends, for the log and the metrics: by this one path, and once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import structlog

from bot.monitoring.metrics import Metrics
from bot.uploads.jobs import UploadJob
from security.credential import Owner

CANCELLED: Final = "cancelled"
"""By its owner."""
UNCONFIRMED: Final = "cancel_unconfirmed"
"""By its owner, and Drive could not be asked whether the file had arrived by then."""
ACCOUNT_CHANGED: Final = "account_changed"
"""Its owner has connected another Google account."""
EXPIRED: Final = "expired"
"""Its owner has not come back for it."""
_EVENTS: Final = {
    **dict.fromkeys(("ok", "duplicate"), "upload_finished"),
    **dict.fromkeys((CANCELLED, UNCONFIRMED, ACCOUNT_CHANGED), "upload_cancelled"),
}
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class UploadEnds:
    """Whoever ends a file says so here, once that is written down."""

    metrics: Metrics

    def of_file(
        self, owner: Owner, kind: str, result: str, size: int | None, seconds: float | None = None
    ) -> None:
        """One file has ended.

        Args:
            result: "ok", "duplicate", or the code of what ended it.
            size: in bytes; None: not known.
            seconds: how long it took, where it was on its way.
        """
        took: dict[str, Any] = {} if seconds is None else {"seconds": round(seconds, 3)}
        event = _EVENTS.get(result, "upload_failed")
        _log.info(event, owner=owner, kind=kind, size=size or 0, **took, result=result)
        self.metrics.uploaded(result, (size or 0) if result == "ok" else None)

    def of_job(self, job: UploadJob, result: str) -> None:
        """A job is given up: each of its files that has not ended yet ends with it.

        Those of a job that has failed have ended: what follows is a new try, or none.
        """
        if job.state != "failed" and not job.has_ended:
            for file in job.files:
                if file.state == "waiting":
                    self.of_file(job.owner, file.kind, result, file.size)
