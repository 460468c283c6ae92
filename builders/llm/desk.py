"""The desk: takes requests, serves what the ledger has, and sends the rest, each once."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from builders.errors import FatalError, ShopmixError
from builders.llm.backends import Backend, Outstanding
from builders.llm.ledger import ANSWERED, Answer, Denied, Failure, Ledger
from builders.llm.limiter import Limiter
from builders.llm.money import Cap, Price, dollars
from builders.llm.request import UNREACHED, Call, Fault, Rejected, Reply, Request

#: Says what is wrong with an answer, or None.
Validate = Callable[[str], str | None]
#: A call that meets a passing fault is sent so often.
TRIES = 8
#: Seconds without any answer, all calls meeting faults, after which a server is given up: where it
#: cannot be connected to from the start, and else.
GIVE_UP_AT_FIRST, GIVE_UP = 6.0, 120.0
#: So many requests that a server rejects before its first answer are enough.
MOST_UNTAKEN = 10
#: Seconds before a second try, doubled for each further one up to the most.
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
_ELSEWHERE, _HEARTBEAT = 0.3, 5.0
#: How many requests the ledger is asked for at once.
_LOOK = 2_000


@dataclass
class Counts:
    """How it goes: requests done, of these cached, failed by status, faults by kind, and what was
    spent (picodollars, tokens)."""

    total: int = 0
    cached: int = 0
    answered: int = 0
    repaired: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    money: int = 0
    tokens: int = 0

    @property
    def done(self) -> int:
        """Requests that need no more work."""
        return self.cached + self.answered + self.failed.total()


class CapReached(FatalError):
    """No further request fits under the cap."""


class Desk:
    """Sends requests through one backend, within a cap, and files what comes back."""

    def __init__(
        self,
        ledger: Ledger,
        backend: Backend,
        price: Price,
        cap: Cap,
        *,
        retry_failed: bool = False,
        tell: Callable[[Counts], None] = lambda _: None,
    ) -> None:
        self.ledger, self.backend, self.price, self.cap = ledger, backend, price, cap
        self.retry_failed, self.tell = retry_failed, tell
        self.counts = Counts()
        self._retried: set[str] = set()
        self._limiter = Limiter(backend.most, adaptive=not backend.queues)
        self._moved = asyncio.Event()
        self._on_way = self._untaken = 0
        self._takes = False
        self._last_answer: float | None = None
        self._begun = 0.0

    async def answer(
        self, requests: Sequence[Request], label: str, validate: Validate
    ) -> list[Answer | Failure]:
        """What the ledger has for each request, after sending those that it had nothing for.

        label: what they are for, in the ledger. Raises `CapReached` when no more fits under the
        cap, and `ShopmixError` where the backend cannot answer at all; what came before is kept.
        """
        unique = {request.key: request for request in requests}
        self.counts = Counts(total=len(unique))
        found = look_up(self.ledger, list(unique))
        waiting = deque(
            request
            for request in sorted(unique.values(), key=lambda one: one.prompt.id)
            if is_open(found.get(request.key), self.retries(request.key))
        )
        self.counts.cached = len(unique) - len(waiting)
        self.tell(self.counts)
        if waiting:
            await self._send(waiting, label, validate, found)
        return [found[request.key] for request in requests]

    def retries(self, key: str) -> bool:
        """Whether a request that has failed for good is to be sent all the same: once."""
        return self.retry_failed and key not in self._retried

    async def _send(
        self,
        waiting: deque[Request],
        label: str,
        validate: Validate,
        found: dict[str, Answer | Failure],
    ) -> None:
        self._begun, self._last_answer = time.monotonic(), None

        async def worker() -> None:
            while waiting:
                request = waiting.popleft()
                found[request.key] = await self._one(
                    request, label, validate, found.get(request.key)
                )
                self.tell(self.counts)

        count = min(self.backend.most, len(waiting))
        workers = [asyncio.create_task(worker()) for _ in range(count)]
        alive = asyncio.create_task(self._heartbeat())
        try:
            await asyncio.gather(*workers)
        finally:
            for one in (*workers, alive):
                one.cancel()
            await asyncio.gather(*workers, alive, return_exceptions=True)

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(_HEARTBEAT)
            self.ledger.see()

    async def _one(
        self, request: Request, label: str, validate: Validate, before: Answer | Failure | None
    ) -> Answer | Failure:
        """Send a request until it is answered, or has failed for good."""
        call = Call(request)
        self._retried.add(request.key)
        if isinstance(before, Failure) and not self.retry_failed:
            call = Call(request, (before.text, before.detail))  # its repair was never sent
        known = before.attempt if isinstance(before, Failure) else 0
        tries = 0
        while True:
            await self._limiter.acquire()
            try:
                entry = await self._reserved(call, label, known)
                if isinstance(entry, int):
                    outcome = await self._sent(call, entry, validate)
                elif isinstance(entry, Failure) and entry.repairable:
                    call, known = Call(request, (entry.text, entry.detail)), entry.attempt
                    continue
                else:
                    self.counts.cached += 1
                    return entry
            finally:
                self._limiter.release()
            match outcome:
                case Answer():
                    self.counts.answered += 1
                    self.counts.repaired += call.repairs is not None
                    return outcome
                case Failure(status) if outcome.repairable:
                    self.counts.faults[status] += 1
                    call, tries = Call(request, (outcome.text, outcome.detail)), 0
                    known = outcome.attempt
                case Failure(status):
                    self.counts.failed[status] += 1
                    return outcome
                case Fault():
                    tries += 1
                    self.counts.faults[outcome.kind] += 1
                    self._consider_giving_up(outcome)
                    if tries == TRIES:
                        self.counts.failed["unanswered"] += 1
                        return Failure("unanswered", "", False, str(outcome))
                    longest = min(_LONGEST_PAUSE, _PAUSE * 2 ** (tries - 1))
                    # spread, so that calls that failed together do not come back together; but in
                    # a queue they are to
                    soonest = longest if self.backend.queues else longest / 2
                    await asyncio.sleep(random.uniform(soonest, longest))

    async def _reserved(self, call: Call, label: str, known: int) -> int | Answer | Failure:
        """The ledger's entry for a call; waits while others hold what the cap leaves, or ask the
        same themselves. An answer or a failure, where another process has had it."""
        key, resumes = call.request.key, self.backend.resumes
        read = call.most_tokens_in()
        written = call.request.prompt.sampling.max_tokens
        money, tokens = self.price.of(read, written), read + written
        pause = _ELSEWHERE
        while True:
            entry = self.ledger.reserve(
                call, label, self.backend.provider, money, tokens, self.cap, resumes, known
            )
            match entry:
                case Denied.ANSWERED:
                    return self.ledger.answers([key])[key]
                case Denied.FAILED:
                    return self.ledger.failures([key])[key]
                case Denied.ELSEWHERE:
                    await asyncio.sleep(pause)
                    pause = min(_HEARTBEAT, 2 * pause)
                case Denied.CAP if self._on_way:
                    self._moved.clear()
                    await self._moved.wait()
                case Denied.CAP:
                    raise CapReached(self._cap_message(money, tokens))
                case _:
                    return entry

    def _cap_message(self, money: int, tokens: int) -> str:
        spent, used = self.ledger.spent()
        if self.cap.money is not None and spent + money > self.cap.money:
            rest = (f"{dollars(spent)} of {dollars(self.cap.money)}", dollars(money), "--max-usd")
        else:
            rest = (f"{used:,} of {self.cap.tokens:,} tokens", f"{tokens:,}", "--max-tokens")
        return (
            f"{self.ledger.path} has spent {rest[0]}, and the next request can take up to "
            f"{rest[1]}: what is answered is kept; raise {rest[2]} to go on"
        )

    async def _sent(self, call: Call, entry: int, validate: Validate) -> Answer | Failure | Fault:
        """Send a call and file what comes of it."""
        request, sent = call.request, time.monotonic()
        worst_in, most_out = call.most_tokens_in(), request.prompt.sampling.max_tokens
        self._on_way += 1
        try:
            reply = await self.backend.ask(call, entry)
        except Fault as fault:
            if isinstance(fault, Rejected):
                return self._rejected(entry, request, fault)
            kept = (worst_in, most_out) if fault.billed else (0, 0)
            self._file(entry, request, fault.kind, kept, detail=fault.detail)
            if fault.busy:
                self._limiter.overloaded(sent, fault.retry_after)
            return fault
        except Outstanding:
            raise  # its entry stays as it is
        except ShopmixError as error:
            self._file(entry, request, "not possible", (0, 0), detail=str(error))
            raise
        finally:
            self._on_way -= 1
            self._moved.set()
        self._last_answer, self._takes = time.monotonic(), True
        self._limiter.succeeded()
        used = (reply.tokens_in, reply.tokens_out)
        status, flaw = judged(reply, validate)
        self._file(entry, request, status, used, reply, flaw)
        if status == ANSWERED:
            return Answer(request.key, reply.text, self._generator)
        return Failure(status, reply.text, call.repairs is not None, flaw or "", entry)

    def _rejected(self, entry: int, request: Request, fault: Rejected) -> Failure:
        """File what a server will not answer. Raises `ShopmixError` where it takes nothing at all:
        that may be no fault of the requests, so none of them has failed for good."""
        takes = self.backend.queues or self._takes
        self._file(entry, request, "rejected" if takes else "not taken", (0, 0), None, fault.detail)
        self._untaken += not takes
        if self._untaken == MOST_UNTAKEN:
            raise ShopmixError(
                f"{self._generator} takes none of the first {MOST_UNTAKEN} requests "
                f"({fault.detail})"
            )
        return Failure("rejected", "", False, fault.detail, entry)

    @property
    def _generator(self) -> str:
        return f"{self.backend.provider}:{self.backend.model}"

    def _file(
        self,
        entry: int,
        request: Request,
        status: str,
        used: tuple[int, int],
        reply: Reply | None = None,
        detail: str | None = None,
    ) -> None:
        money, tokens = self.price.of(*used), sum(used)
        self.counts.money += money
        self.counts.tokens += tokens
        self.ledger.settle(entry, request, status, money, tokens, reply, self._generator, detail)

    def _consider_giving_up(self, fault: Fault) -> None:
        """Raises `ShopmixError` where nothing was answered for too long. How long a queue takes
        says nothing."""
        if self.backend.queues:
            return
        since, most = self._last_answer or self._begun, GIVE_UP
        if self._last_answer is None and fault.kind == UNREACHED:
            most = GIVE_UP_AT_FIRST
        if fault.retry_after is None and time.monotonic() - since > most:
            raise ShopmixError(
                f"{self.backend.provider}:{self.backend.model} does not answer ({fault}): what is "
                f"answered is kept, run again to go on"
            )


def is_open(found: Answer | Failure | None, retries: bool) -> bool:
    """Whether a request of which the ledger has this is still to be sent."""
    match found:
        case Answer():
            return False
        case Failure():
            return found.repairable or retries
    return True


def look_up(ledger: Ledger, keys: Sequence[str]) -> dict[str, Answer | Failure]:
    """What the ledger has for keys: answers, else what failed for good."""
    found: dict[str, Answer | Failure] = {}
    for i in range(0, len(keys), _LOOK):
        part = keys[i : i + _LOOK]
        answers = ledger.answers(part)
        missing = [key for key in part if key not in answers]
        found |= {**answers, **ledger.failures(missing)}
    return found


def judged(reply: Reply, validate: Validate) -> tuple[str, str | None]:
    """The status of a reply, and what is wrong with it."""
    if reply.refusal or reply.finish == "content_filter":
        return "refused", reply.text or "the model refused"
    if reply.finish == "length":
        return "cut off", "the answer is longer than the tokens allowed"
    if not reply.text.strip():
        return "empty", "the answer is empty"
    if flaw := validate(reply.text):
        return "not valid", flaw
    return ANSWERED, None
