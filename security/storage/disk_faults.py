"""The operating system's errors, as faults that say what to mend."""

from __future__ import annotations

import errno
import os
from contextlib import ContextDecorator
from types import TracebackType
from typing import Final

from security.errors import OperatorFault

_WITHOUT_LOCKS: Final = frozenset({errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP})


def reason_of(error: OSError) -> str:
    """The operating system's reason, without what its own text adds: a path."""
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    if error.errno in _WITHOUT_LOCKS:
        return f"its file system knows no locks ({reason}); put it on a local disk"
    return reason


class disk_faults(ContextDecorator):  # noqa: N801 - used like a function; a generator costs four times this
    """Turn the operating system's errors into an operator fault without a path in it."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, OSError):
            raise OperatorFault(
                f"the data folder: {reason_of(error)}", code="store_failed"
            ) from error
