"""A long stretch of bytes is told in lines of a log, and as a bar on a terminal."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from builders.console import Reporter
from training import progress
from training.progress import moving


def moved(terminal: bool) -> str:
    """What is said while 1 and then 2 of 4 GB are done."""
    said = StringIO()
    console = Console(file=said, width=120, force_terminal=terminal)
    with moving(Reporter(console), "merging", 4_000_000_000) as done:
        done(1_000_000_000)
        done(1_000_000_000)
    return said.getvalue()


def test_a_log_has_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    assert moved(terminal=False) == "", "not for a moment's work"
    monkeypatch.setattr(progress, "_LOG_EVERY", 0.0)
    first, second = moved(terminal=False).splitlines()
    assert "merging: 1.00 of 4.00 GB" in first
    assert "merging: 2.00 of 4.00 GB" in second
    assert "s left" in second


def test_a_terminal_has_a_bar() -> None:
    said = moved(terminal=True)
    assert "merging" in said
    assert "2.0/4.0 GB" in said
