"""One process at a time: a lock that is gone with its process, however that ends."""

from __future__ import annotations

import fcntl
from typing import IO, Any

from builders.errors import ShopmixError


def hold(file: IO[Any] | int, busy: str) -> None:
    """Lock an open file or folder until it is closed.

    Raises `ShopmixError` saying `busy` where another process has it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ShopmixError(busy) from None
