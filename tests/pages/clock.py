"""When the demonstration is: half past two on a Sunday in Taiwan; and who reads its sheets."""

from datetime import UTC, datetime
from typing import Final

NOW: Final = datetime(2026, 11, 29, 6, 32, tzinfo=UTC).timestamp()
READER: Final = "reader@example-project.iam.gserviceaccount.com"
