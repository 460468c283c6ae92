"""Who answers: one small interface, and a module for each kind of server."""

from __future__ import annotations

from typing import Protocol

from builders.errors import ShopmixError
from builders.llm.request import Call, Reply


class Outstanding(ShopmixError):
    """No call can be answered now, but this one has been sent, and may be answered in a later run:
    its entry stays as it is."""


class Backend(Protocol):
    """Answers calls. provider: as samples name it. most: calls at once, at most.

    resumes: whether a call that a killed run has sent can still be answered, as of a batch.
    queues: whether calls wait in a queue of its own: all are let in at once, for however long.
    """

    provider: str
    model: str
    most: int
    resumes: bool
    queues: bool

    async def ask(self, call: Call, entry: int) -> Reply:
        """Answer one call, whose number in the ledger is `entry`.

        Raises `Fault` where it may be tried again, `Rejected` where it may not, and `ShopmixError`
        where no call can be answered: a wrong key, an unknown model, a server that is not there;
        then `Outstanding` where this call may be answered nevertheless, later.
        """

    async def close(self) -> None:
        """Let go of connections and processes."""
