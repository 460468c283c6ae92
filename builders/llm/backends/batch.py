"""OpenAI's Batch API: files of requests, each answered within a day, at half the price.

Calls gather until no more come, and go out as one file, or as many as the limits ask for. What is
on its way is in the ledger (`Batches`), so a later run waits for the same batch instead of paying
for a second one. A batch that ends early leaves what it has answered; the rest is a fault, which
the desk asks again, in a next batch.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import openai
from openai.types import Batch as Told

from builders.errors import ShopmixError
from builders.llm.backends import Outstanding
from builders.llm.backends.batch_api import (
    ERRORS,
    BatchApi,
    Outcome,
    Pace,
    line_of,
    name_of,
    said_of,
)
from builders.llm.backends.online import Dialect
from builders.llm.batches import Batches
from builders.llm.ledger import Ledger
from builders.llm.request import Call, Fault, Rejected, Reply

#: OpenAI's limits of one file: requests, and bytes.
MOST_LINES, MOST_BYTES = 50_000, 200_000_000
#: Calls that wait at once, at most, in several batches; each takes about 5 KB of memory.
_AT_ONCE = 4 * MOST_LINES
#: Until a batch is accepted, and until it has ended.
_CHECKED = ("validating",)
_WORKED_ON = ("validating", "in_progress", "finalizing", "cancelling")
#: OpenAI limits the tokens that wait in all batches together.
_CROWDED = "token_limit_exceeded"


@dataclass(frozen=True, slots=True)
class _Waiting:
    call: Call
    entry: int
    reply: asyncio.Future[Reply]


@dataclass(eq=False)
class _Group:
    """Calls in one batch, by name. spoken: how the server is spoken to in it. token: once the batch
    may exist. id: once it is known to."""

    calls: dict[str, _Waiting]
    spoken: Dialect
    token: str | None = None
    id: str | None = None


class Batch(BatchApi):
    """OpenAI's Batch API, or another server that speaks it."""

    resumes = True
    queues = True

    def __init__(
        self,
        model: str,
        ledger: Ledger,
        *,
        note: Callable[[str], None] = lambda _: None,
        most_lines: int = MOST_LINES,
        most_bytes: int = MOST_BYTES,
        pace: Pace | None = None,
    ) -> None:
        """ledger: keeps what is on its way. note: tells a line. most_lines, most_bytes: of a file.

        Raises `ShopmixError` where the key is missing.
        """
        super().__init__(model, _AT_ONCE, pace or Pace())
        self._book, self._note = Batches(ledger), note
        self._most_lines, self._most_bytes = most_lines, most_bytes
        self._gathered: dict[str, _Waiting] = {}
        self._bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._groups: dict[str, _Group] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        # one file at a time goes in, so that no two find out that there is no room
        self._door = asyncio.Lock()
        self._running = 0
        self._one_ended = asyncio.Event()

    async def ask(self, call: Call, entry: int) -> Reply:
        """See `Backend.ask`."""
        waiting = _Waiting(call, entry, asyncio.get_running_loop().create_future())
        token = self._book.token_of(entry)
        if token is None:
            self._gather(waiting)
        elif token in self._groups:
            self._groups[token].calls[name_of(call)] = waiting
        else:
            group = _Group({name_of(call): waiting}, self.dialect, token)
            self._groups[token] = group
            self._start(self._rejoin(group), group)
        return await waiting.reply

    async def close(self) -> None:
        """See `Backend.close`. What is on its way stays so."""
        if self._timer:
            self._timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await super().close()

    # gathering

    def _gather(self, waiting: _Waiting) -> None:
        size = len(line_of(waiting.call, self.dialect))
        if len(self._gathered) == self._most_lines or self._bytes + size > self._most_bytes:
            self._hand_in()
        self._gathered[name_of(waiting.call)] = waiting
        self._bytes += size
        if self._timer:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._pace.quiet, self._hand_in)

    def _hand_in(self) -> None:
        """Send off what has gathered, as far as anyone still waits for it."""
        calls = {name: one for name, one in self._gathered.items() if not one.reply.done()}
        self._gathered, self._bytes = {}, 0
        if calls:
            group = _Group(calls, self.dialect)
            self._start(self._submit(group), group)

    def _again(self, calls: Iterable[_Waiting]) -> None:
        for waiting in calls:
            if not waiting.reply.done():
                self._gather(waiting)

    def _start(self, work: Coroutine[Any, Any, None], group: _Group) -> None:
        async def guarded() -> None:
            told: Exception
            try:
                await work
                return
            except ShopmixError as error:  # as a new one, which does not show what led to it
                told = Outstanding(str(error)) if group.token else ShopmixError(str(error))
            except Exception as error:  # whatever it was, those who wait must know
                told = error
            self._groups.pop(group.token or "", None)
            for waiting in group.calls.values():
                if not waiting.reply.done():
                    waiting.reply.set_exception(told)

        task = asyncio.create_task(guarded())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # handing in

    async def _submit(self, group: _Group) -> None:
        """Bring a group into a batch that the server accepts, and follow it."""
        async with self._door:
            file, pause = await self._upload(group), self._pace.first
            while _CROWDED in said_of(await self._created(group, file)):
                self._forget(group)
                if self._running:
                    self._note("no room for a further batch: waiting until one has ended")
                    self._one_ended.clear()
                    await self._one_ended.wait()
                    continue
                self._note("no room for this batch's tokens: trying again with half of them")
                await asyncio.sleep(pause)
                pause = self._pace.after(pause)
                if len(group.calls) > 1:
                    self._halve(group)
                    file = await self._upload(group)
        await self._follow(group)

    async def _upload(self, group: _Group) -> str:
        return await self.upload((one.call for one in group.calls.values()), group.spoken)

    def _halve(self, group: _Group) -> None:
        calls = list(group.calls.items())
        half = len(calls) // 2
        group.calls, rest = dict(calls[:half]), _Group(dict(calls[half:]), group.spoken)
        self._start(self._submit(rest), rest)

    async def _created(self, group: _Group, file: str) -> Told:
        """Create a group's batch, and see it through the server's checks.

        It is in the ledger before, by its token, and after, by its id. After an error that leaves
        open whether it was created, it is looked for.
        """
        begun, pause = time.monotonic(), self._pace.first
        while group.id is None:
            if group.token is None:
                group.token = self._book.enter(one.entry for one in group.calls.values())
                self._groups[group.token] = group
            try:
                group.id = await self.create(file, group.token)
            except ERRORS as error:
                if isinstance(error, openai.APIStatusError) and error.status_code < 500:
                    self._forget(group)
                self.bear(error, begun)
                await asyncio.sleep(pause)
                pause = self._pace.after(pause)
                if group.token:
                    await self._find(group)
            else:
                self._book.name(group.token, group.id)
        self._note(f"batch {group.id}: {len(group.calls):,} requests handed in")
        return await self._looked(group.id, _CHECKED)

    def _forget(self, group: _Group) -> None:
        """A group's batch does not exist, or was not taken."""
        assert group.token is not None
        self._book.release(group.token)
        self._groups.pop(group.token, None)
        group.token = group.id = None

    async def _find(self, group: _Group) -> None:
        """Find a group's batch by its token, or forget it where there surely is none."""
        assert group.token is not None
        _, since = self._book.known(group.token)
        while True:
            sure = time.time() - since > self._pace.listed
            group.id = await self.find(group.token)
            if group.id:
                self._book.name(group.token, group.id)
                return
            if sure:
                self._forget(group)
                return
            await asyncio.sleep(self._pace.first)

    # waiting

    async def _rejoin(self, group: _Group) -> None:
        """Follow a batch that an earlier run has left."""
        assert group.token is not None
        group.id, _ = self._book.known(group.token)
        if group.id is None:
            await self._find(group)
        if group.id is None:
            self._again(group.calls.values())
            return
        self._note(f"batch {group.id}: handed in by an earlier run")
        await self._follow(group)

    async def _follow(self, group: _Group) -> None:
        """Wait for a group's batch to end, and hand out what has come of it."""
        assert group.id is not None
        outcomes: dict[str, Outcome] = {}
        self._running += 1
        try:
            batch = await self._looked(group.id, _WORKED_ON)
            if batch.status == "failed" and (said := said_of(batch)):
                self._forget(group)
                if _CROWDED not in said:
                    raise ShopmixError(
                        f"{self.url} does not take the batch ({self.redacted(said)})"
                    )
                self._again(group.calls.values())
                return
            outcomes = await self.outcomes(batch)
            kind = "missing in batch" if batch.status == "completed" else f"batch {batch.status}"
            missing = partial(Fault, kind, f"batch {batch.id}", billed=batch.status != "failed")
        except openai.NotFoundError:
            missing = partial(Fault, "batch gone", f"batch {group.id}", billed=True)
        finally:
            self._running -= 1
            self._one_ended.set()
        self._hand_out(group, outcomes, missing)

    async def _looked(self, id_: str, while_: Collection[str]) -> Told:
        """Look at a batch until it is past some states, telling of each tenth."""
        pause, before = self._pace.first, ""
        while True:
            batch = await self.look(id_)
            counts = batch.request_counts
            percent = counts.completed * 10 // (counts.total or 1) * 10 if counts else 0
            now = f"batch {id_} is {batch.status}, {percent} % done"
            if now != before:
                self._note(now)
                before = now
            if batch.status not in while_:
                return batch
            await asyncio.sleep(pause)
            pause = self._pace.after(pause)

    def _hand_out(
        self, group: _Group, outcomes: Mapping[str, Outcome], missing: Callable[[], Fault]
    ) -> None:
        """Tell those who wait. missing: makes what calls have met that the batch is silent on."""
        self._groups.pop(group.token or "", None)
        for name, waiting in group.calls.items():
            outcome = outcomes.get(name) or missing()
            if waiting.reply.done():
                continue
            if isinstance(outcome, Reply):
                waiting.reply.set_result(outcome)
            elif isinstance(outcome, Rejected) and self.adapt(group.spoken, outcome.detail):
                self._gather(waiting)
            else:
                waiting.reply.set_exception(outcome)
