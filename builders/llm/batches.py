"""Which entries of a ledger are in which batch, kept so that no kill can lose a batch.

A batch has a token of ours, which is put down before the batch is created and goes with it. The
server's id is put down after: a batch whose id is missing is looked for by its token.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable

from builders.llm.ledger import Ledger


class Batches:
    """The batches that a ledger knows of."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def enter(self, entries: Iterable[int]) -> str:
        """Put entries into a batch that is about to be created; gives its token."""
        token = uuid.uuid4().hex
        self._ledger.write("INSERT INTO batches VALUES (?, NULL, ?)", [(token, time.time())])
        self._ledger.write(
            "UPDATE attempts SET batch=? WHERE id=?", ((token, entry) for entry in entries)
        )
        return token

    def name(self, token: str, id_: str) -> None:
        """Put down the id that the server has given to a batch."""
        self._ledger.write("UPDATE batches SET id=? WHERE token=?", [(id_, token)])

    def release(self, token: str) -> None:
        """Forget a batch that does not exist: its entries were not sent."""
        self._ledger.write("UPDATE attempts SET batch=NULL WHERE batch=?", [(token,)])
        self._ledger.write("DELETE FROM batches WHERE token=?", [(token,)])

    def token_of(self, entry: int) -> str | None:
        """The token of the batch that an entry is in."""
        found = self._ledger.rows("SELECT batch FROM attempts WHERE id=?", (entry,))
        return next((token for (token,) in found), None)

    def known(self, token: str) -> tuple[str | None, float]:
        """The id of a batch, if it was put down, and when its token was (seconds since 1970)."""
        found = self._ledger.rows("SELECT id, at FROM batches WHERE token=?", (token,))
        return next(((id_, at) for id_, at in found), (None, 0.0))
