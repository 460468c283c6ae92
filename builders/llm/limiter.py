"""How many requests are on their way at once: more while all goes well, half when it does not.

Additive increase, multiplicative decrease, as in TCP (Jacobson 1988): it doubles while nothing was
ever refused ("slow start"), then grows by one for each round of answers.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque

#: Seconds to wait where not even one request is borne, at first and at most.
_PAUSE, _LONGEST = 0.5, 30.0


class Limiter:
    """Slots for at most `most` requests, of which as many are open as the server bears.

    adaptive: False where all are open, always.
    """

    def __init__(self, most: int, *, adaptive: bool = True) -> None:
        self.most, self.adaptive = most, adaptive
        self.open = 1.0 if adaptive else float(most)
        self.used = 0
        self._slow_start = True
        self._halved = self._until = 0.0
        self._pause = _PAUSE
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def acquire(self) -> None:
        """Wait for a slot, and for the time that the server asked to wait."""
        await self._waited()
        if self.used < int(self.open) and not self._waiting:
            self.used += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
            await self._waited()
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()  # the slot was given, and is not taken
            raise

    async def _waited(self) -> None:
        while (pause := self._until - time.monotonic()) > 0:
            await asyncio.sleep(pause)

    def release(self) -> None:
        """Give a slot back."""
        self.used -= 1
        while self._waiting and self.used < int(self.open):
            turn = self._waiting.popleft()
            if not turn.done():
                self.used += 1
                turn.set_result(None)

    def succeeded(self) -> None:
        """An answer came: try a little more."""
        self._pause = _PAUSE
        grown = self.open + (1.0 if self._slow_start else 1.0 / self.open)
        self.open = min(float(self.most), grown)

    def overloaded(self, sent: float, retry_after: float | None) -> None:
        """Too much. sent: when (`time.monotonic`) the request left; those that left together with
        one that was refused before say nothing new. Where one alone is too much, all wait, twice as
        long each time."""
        now = time.monotonic()
        if retry_after:
            self._until = max(self._until, now + retry_after)
        if self.adaptive and sent >= self._halved:
            if self.open == 1 and not retry_after:
                self._until, self._pause = now + self._pause, min(_LONGEST, self._pause * 2)
            self.open, self._slow_start, self._halved = max(1.0, self.open / 2), False, now
