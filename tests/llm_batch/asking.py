"""Questions to the server, asked as a builder's run asks them; also as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from builders.llm.backends.batch import Batch
from builders.llm.backends.batch_api import Pace
from builders.llm.desk import Counts, Desk
from builders.llm.ledger import Answer, Failure, Ledger
from builders.llm.money import Cap, Price
from builders.llm.request import Request
from tests.llm.asking import PRICE
from tests.llm.asking import PROMPT as ONLINE
from tests.llm_batch.server import MODEL

PROMPT = replace(ONLINE, model=MODEL)
FAST = Pace(quiet=0.2, first=0.01, longest=0.05, listed=0.5, at_first=1.0, patience=3.0)


def questions(count: int) -> list[Request]:
    return [Request(PROMPT, f"question {i}") for i in range(count)]


def flaw(text: str) -> str | None:
    return None if text.startswith("{") else "not JSON"


def right(asked: Sequence[Request]) -> list[str]:
    """The texts of the server's answers."""
    return [json.dumps({"label": one.text.upper()}) for one in asked]


@dataclass
class Run:
    """What a run got, noted and counted."""

    found: list[Answer | Failure]
    counts: Counts
    notes: list[str] = field(default_factory=list)

    @property
    def texts(self) -> list[str]:
        return [one.text for one in self.found if isinstance(one, Answer)]


def run(
    ledger: Path | str,
    asked: Sequence[Request],
    *,
    model: str = MODEL,
    price: Price = PRICE,
    cap: Cap | None = None,
    pace: Pace = FAST,
    tell: Callable[[Counts], None] = lambda _: None,
    most_lines: int = 50_000,
    most_bytes: int = 200_000_000,
) -> Run:
    """Ask, as a run of its own."""
    notes: list[str] = []

    async def work() -> Run:
        opened = Ledger(ledger)
        backend = Batch(
            model,
            opened,
            note=notes.append,
            pace=pace,
            most_lines=most_lines,
            most_bytes=most_bytes,
        )
        desk = Desk(opened, backend, price, cap or Cap(), tell=tell)
        try:
            return Run(await desk.answer(asked, "test", flaw), desk.counts, notes)
        finally:
            await backend.close()
            opened.close()

    return asyncio.run(work())


def _killed_at(answers: int) -> Callable[[Counts], None]:
    """Kills this process once so many answers are filed; 0: never."""

    def tell(counts: Counts) -> None:
        if answers and counts.answered == answers:
            os.kill(os.getpid(), signal.SIGKILL)

    return tell


if __name__ == "__main__":
    file, count, answers = sys.argv[1:]
    run(file, questions(int(count)), tell=_killed_at(int(answers)))
