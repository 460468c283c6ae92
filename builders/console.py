"""What a build says: live progress on a terminal, plain lines in a log, tables at the end."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import polars as pl
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from builders.llm.desk import Counts
from builders.llm.progress import asking, live_bar
from builders.shortcuts import GUESSERS, MARGIN

#: In a log, a line at most every so many seconds.
_LOG_EVERY = 10.0


def plain_console() -> Console:
    """A log has no width of its own."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=180)


class Reporter:
    """Tells how a build goes on. `seconds` sums the time by stage."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or plain_console()
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._start = time.perf_counter()

    def spent(self, stage: str, seconds: float) -> None:
        """Add to a stage's time."""
        self.seconds[stage] += seconds

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Adds the time it takes to a stage's."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.spent(name, time.perf_counter() - start)

    def reading(self, where: str) -> None:
        """Say that reading begins."""
        self.note(f"reading {where}")

    def unchanged(self, manifest: Mapping[str, Any]) -> None:
        """Say that a set needs no building."""
        self.note(f"{manifest['set']}: unchanged, {manifest['made']:,} samples")

    def done(self, manifest: Mapping[str, Any]) -> None:
        """Say that a set is written."""
        self.note(f"{manifest['set']}: {manifest['made']:,} of {manifest['asked']:,} samples")

    def note(self, text: str) -> None:
        """Say something, with the time since the start."""
        self.console.print(Text(f"[{time.perf_counter() - self._start:6.1f} s] {text}"))

    @contextmanager
    def watching(
        self, name: str, size: int, unit: str = "rows"
    ) -> Iterator[Callable[[int, int], None]]:
        """Yields what to call with (rows read or samples made, rejected) of about `size`."""
        start = time.perf_counter()
        if self.console.is_terminal:
            with live_bar(self.console) as bar:
                task = bar.add_task(name, total=size, note="drawing")

                def live(made: int, rejected: int) -> None:
                    bar.update(task, completed=made, note=_note(made, rejected, start, unit))

                yield live
        else:
            said = start

            def log(made: int, rejected: int) -> None:
                nonlocal said
                now = time.perf_counter()
                if now - said >= _LOG_EVERY:
                    said = now
                    left = (size - made) * (now - start) / max(made, 1)
                    note = _note(made, rejected, start, unit)
                    eta = f", about {left:.0f} s left" if made * 20 >= size else ""
                    self.note(f"{name}: {made:,} of {size:,}, {note}{eta}")

            yield log

    def asking(self, label: str) -> AbstractContextManager[Callable[[Counts], None]]:
        """Yields what to call with the counts of LLM work."""
        return asking(self.console, self.note, label)

    def summary(self, manifests: Sequence[Mapping[str, Any]], out: Path) -> None:
        """The closing tables."""
        sources = dict.fromkeys(one["source"] for one in manifests)
        for source in sources:
            self.console.print(_counts([one for one in manifests if one["source"] == source]))
        if any(one["shortcuts"] for one in manifests):
            self.console.print(_shortcuts(manifests))
            for one in manifests:
                if one["guessable"] and any(_suspicious(one, name) for name in one["shortcuts"]):
                    self.note(f"{one['set']}: {one['guessable']}")
        stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in self.seconds.items())
        total = sum(one["made"] for one in manifests)
        self.note(f"{total:,} samples of {len(manifests)} sets in {out} ({stages})")


def _note(made: int, rejected: int, start: float, unit: str) -> str:
    rate = made / max(time.perf_counter() - start, 1e-9)
    return f"{rate:,.0f} {unit}/s, {rejected:,} rejected"


def plain_table(title: str, *columns: str) -> Table:
    """A table without frames: the first column to the left, the others to the right."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for i, column in enumerate(columns):
        table.add_column(column, justify="left" if i == 0 else "right", overflow="fold")
    return table


def _counts(manifests: Sequence[Mapping[str, Any]]) -> Table:
    table = plain_table(
        "Samples", "set", "type", "made", "asked for", "prompt chars: median", "longest"
    )
    table.add_column("rejected", justify="left", overflow="fold", ratio=1)
    for one in manifests:
        chars = one["prompt_chars"]
        rejected = "; ".join(f"{reason} {count:,}" for reason, count in one["rejects"].items())
        table.add_row(
            one["set"],
            one["task_type"],
            f"{one['made']:,}",
            f"{one['asked']:,}",
            f"{chars['median']:,}",
            f"{chars['longest']:,}",
            rejected,
        )
    for reason, count in (manifests[0]["source_rejects"] if manifests else {}).items():
        table.add_row("rows of the source", "", "", "", "", "", f"{reason} {count:,}")
    return table


def _shortcuts(manifests: Sequence[Mapping[str, Any]]) -> Table:
    title = f"Shortcuts: mean score of guessers (! {MARGIN * 100:.0f} points or more above chance)"
    names = dict.fromkeys(["chance", *GUESSERS])
    for one in manifests:  # some sets have hints of their own
        names |= dict.fromkeys(one["shortcuts"])
    table = plain_table(title, "set", *(name.replace("_", " ") for name in names))
    for one in manifests:
        found = one["shortcuts"]
        if found:
            cells = [
                f"{found[name]:.3f}{'!' if _suspicious(one, name) else ' '}"
                if name in found
                else ""
                for name in names
            ]
            table.add_row(one["set"], *cells)
    return table


def _suspicious(manifest: Mapping[str, Any], guesser: str) -> bool:
    found = manifest["shortcuts"]
    return bool(found) and found[guesser] - found["chance"] >= MARGIN


def show_samples(
    folder: Path, sets: Sequence[str], count: int, console: Console | None = None
) -> None:
    """Print the first samples of each set, the right options marked."""
    console = console or Console(highlight=False, soft_wrap=True)
    for name in sets:
        samples = pl.read_parquet(
            folder / f"{name}.parquet", columns=["id", "messages", "truth", "task_type", "fields"]
        )
        for sample in samples.head(count).iter_rows(named=True):
            console.print(Text(rendered(name, sample)))


def rendered(name: str, sample: Mapping[str, Any]) -> str:
    """A sample as a person reads it: prompt, answer, and what is right."""
    content = {message["role"]: message["content"] for message in sample["messages"]}
    lines = [f"=== {name} {sample['id']}", content["user"], f">>> {content['assistant']}"]
    truth, options = json.loads(sample["truth"]), json.loads(sample["fields"]).get("options")
    if options is None:
        lines.append(f"right: {truth}")
    elif sample["task_type"] == "multiple-choice":
        lines.append(f"right: {options[truth]}")
    elif sample["task_type"] == "retrieval":
        lines += [f"right: {options[number - 1]}" for number in truth]
    elif sample["task_type"] == "ranking":
        lines.append(f"weights: {', '.join(str(weight) for weight in truth)}")
    return "\n".join(lines) + "\n"
