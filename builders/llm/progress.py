"""How asking goes on: a live bar on a terminal, plain lines in a log, a summary at the end."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from builders.llm.desk import Counts
from builders.llm.money import dollars

#: In a log, a line at most every so many seconds.
_LOG_EVERY = 10.0

Tell = Callable[[Counts], None]


@contextmanager
def asking(console: Console, note: Callable[[str], None], label: str) -> Iterator[Tell]:
    """Yields what to call with the counts; `note` tells a line."""
    start, last = time.perf_counter(), Counts()
    show = _bar(console, label) if console.is_terminal else _log(note, label, start)
    with show as tell:

        def seen(counts: Counts) -> None:
            nonlocal last
            last = counts
            tell(counts)

        yield seen
    if last.total > last.cached:
        note(f"{label}: {summary(last, time.perf_counter() - start)}")


def live_bar(console: Console) -> Progress:
    """A bar that is gone when all is done; its tasks have a `note`."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    return Progress(*columns, console=console, transient=True)


@contextmanager
def _bar(console: Console, label: str) -> Iterator[Tell]:
    with live_bar(console) as bar:
        task = bar.add_task(label, total=None, note="")
        start = time.perf_counter()

        def tell(counts: Counts) -> None:
            told = summary(counts, time.perf_counter() - start)
            bar.update(task, total=counts.total, completed=counts.done, note=told)

        yield tell


@contextmanager
def _log(note: Callable[[str], None], label: str, start: float) -> Iterator[Tell]:
    said = start

    def tell(counts: Counts) -> None:
        nonlocal said
        now = time.perf_counter()
        if now - said >= _LOG_EVERY:
            said = now
            asked = counts.done - counts.cached
            left = (counts.total - counts.done) * (now - start) / max(asked, 1)
            told = summary(counts, now - start)
            note(f"{label}: {counts.done:,} of {counts.total:,}, {told}, about {left:.0f} s left")

    yield tell


def summary(counts: Counts, seconds: float) -> str:
    """The counts in one line: answered, cached, failed by reason, faults by kind, money, rate."""
    parts = [f"{counts.answered:,} answered"]
    if counts.repaired:
        parts.append(f"{counts.repaired:,} of them repaired")
    parts.append(f"{counts.cached:,} cached")
    parts += [f"{count:,} {status}" for status, count in sorted(counts.failed.items())]
    if counts.faults:
        told = ", ".join(f"{kind} {count:,}" for kind, count in sorted(counts.faults.items()))
        parts.append(f"sent again ({told})")
    parts.append(f"{dollars(counts.money)}, {counts.tokens:,} tokens")
    parts.append(f"{counts.answered / max(seconds, 1e-3):,.1f}/s")
    return ", ".join(parts)
