"""The one error a user is meant to read."""

from __future__ import annotations


class ShopmixError(Exception):
    """Bad input, told in one message: what is wrong, in which file, row or key, and what to do.

    Commands print it without a traceback and end with exit code 2.
    """


class FatalError(ShopmixError):
    """Bad input that would meet every further step as well: a full disk, a cap that is reached."""
