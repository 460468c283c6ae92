"""Sending: shards ahead, then one commit upon the head that it was worked out for."""

from __future__ import annotations

import time
from collections.abc import Callable

from huggingface_hub import CommitOperationAdd, CommitOperationDelete

from builders.errors import ShopmixError
from builders.publish.checks import Note
from builders.publish.hub import Again, Head, Hub
from builders.publish.plan import Plan
from builders.publish.talk import AGAIN
from builders.publish.words import counted

#: A commit is worked out anew at most so often, where others commit at the same time.
TRIES = 6
#: Shards that the client is given at once; a log has a line for as many.
_TOGETHER = 8


def send(hub: Hub, plan: Callable[[Head], Plan], message: str, note: Note) -> str:
    """Bring the data set to what `plan` makes of its head; returns the commit that holds it.

    Raises `ShopmixError`; what was sent until then is not sent again by the next run.
    """
    sent: dict[str, CommitOperationAdd] = {}
    for number in range(TRIES):
        head = hub.head()
        if head is None:
            raise ShopmixError(f"{hub.repo} is gone: {AGAIN}")
        work = plan(head)
        if not work.changed:
            note(f"{hub.repo} holds all of it already, at {head.commit}")
            return head.commit
        _send_shards(hub, work, sent, note)
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            *(sent[path] for path in work.shards),
            *(CommitOperationAdd(path, text) for path, text in work.texts.items()),
            *(CommitOperationDelete(path) for path in work.deleted),
        ]
        try:
            return hub.commit(operations, message, head.commit)
        except Again as why:
            note(f"{why}: looking at {hub.repo} again")
            time.sleep(number)
    raise ShopmixError(f"{hub.repo} changes faster than it can be committed to: {AGAIN}")


def _send_shards(hub: Hub, work: Plan, sent: dict[str, CommitOperationAdd], note: Note) -> None:
    """Send the shards that are not in `sent` yet, and put them there."""
    new = [path for path in work.shards if path not in sent]
    total, done, start = sum(work.shards[path][1].bytes for path in new), 0, time.perf_counter()
    for at in range(0, len(new), _TOGETHER):
        some = new[at : at + _TOGETHER]
        additions = hub.upload({path: work.shards[path][0] for path in some})
        for path, addition in additions.items():
            local, file = work.shards[path]
            if addition.upload_info.sha256.hex() != file.sha256:
                raise ShopmixError(f"{local} was changed while it was sent: build the mixture anew")
            done += file.bytes
        sent |= additions
        left = (total - done) * (time.perf_counter() - start) / done
        note(
            f"{at + len(some):,} of {counted(len(new), 'shard')} there, {done / 1e6:,.1f} of "
            f"{total / 1e6:,.1f} MB, about {left:,.0f} s left"
        )
