"""How a long stretch of bytes goes on: a live bar on a terminal, plain lines in a log."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from builders.console import Reporter

#: In a log, a line at most every so many seconds.
_LOG_EVERY = 10.0


@contextmanager
def moving(report: Reporter, label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yields what to call with each number of bytes that is done, of `total`."""
    if report.console.is_terminal:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=report.console, transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda count: bar.advance(task, count)
        return
    start = said = time.perf_counter()
    done = 0

    def log(count: int) -> None:
        nonlocal said, done
        done += count
        now = time.perf_counter()
        if now - said >= _LOG_EVERY:
            said = now
            rate = done / (now - start)
            report.note(
                f"{label}: {done / 1e9:,.2f} of {total / 1e9:,.2f} GB, {rate / 1e6:,.0f} MB/s, "
                f"about {(total - done) / max(rate, 1):,.0f} s left"
            )

    yield log
