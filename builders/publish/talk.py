"""What goes wrong between us and the Hub, in words that say what to do."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

from huggingface_hub.errors import (  # type: ignore[attr-defined] # one is its client's own
    HfHubHTTPError,
    HTTPError,
)

from builders.errors import ShopmixError

AGAIN = "run the same command again, it goes on where it stopped"
_MEANING = {
    401: "the Hub does not accept the token: log in anew with `hf auth login`, or set HF_TOKEN",
    403: "the token has no right to write there: take one that has",
    413: "the Hub finds it too large",
    429: f"the Hub's limit is reached: wait an hour, then {AGAIN}",
}

#: An upload's address with its signature, by which anybody could write there.
_SIGNED = re.compile(r"(https?://[^\s?'\"]+)\?[^\s'\"]*")


@contextmanager
def talking(doing: str) -> Iterator[None]:
    """Turn what the Hub's client raises into a `ShopmixError`; `doing` says what could not be."""
    try:
        yield
    except (HTTPError, OSError, ValueError, RuntimeError) as error:
        raise ShopmixError(f"{doing}: {meaning(cause(error))}") from None


def cause(error: BaseException) -> BaseException:
    """What is behind an error of an upload, which the client wraps."""
    while isinstance(error, RuntimeError) and error.__cause__:
        error = error.__cause__
    return error


def unsure(error: BaseException) -> bool:
    """Whether it may have been done all the same: the answer did not come, or the Hub stumbled."""
    if isinstance(error, HfHubHTTPError):
        return error.response.status_code >= 500
    return isinstance(error, HTTPError | ConnectionError | TimeoutError)


def meaning(error: BaseException) -> str:
    """An error in one line, and what to do about it."""
    said = _SIGNED.sub(r"\1", " ".join(str(error).split())) or type(error).__name__
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        told = error.server_message or said
        if status in _MEANING:
            return f"{_MEANING[status]} ({told})"
        return f"the Hub answers {status} ({told}); {AGAIN}" if status >= 500 else told
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return f"the disk is full ({error.filename or said}): make room, then {AGAIN}"
    if unsure(error):
        return f"the connection failed ({said}); {AGAIN}"
    return said
