"""The base class of builders, and the sets that they name.

A builder names its source and its sets and reads its tables; a set is a function from these
tables to questions. `builders.build` makes samples of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import polars as pl

from builders.llm.compose import Question
from builders.llm.task import Task
from builders.render import TEMPLATES, Wording, load
from builders.source import HERE, Rows, Source, find_rows

#: Tables of one source, whatever it holds.
AnyTables = Any
#: The folder, in that of a set, of the wordings that end a prompt which an LLM has composed.
COMPOSED = "composed"


@dataclass(frozen=True)
class Set:
    """One way to ask. `fields` are the columns that its questions have beside `options`.

    `make(tables, draw)` gives a frame of `draw.limit` questions in draw order, after the first
    `draw.skip` (fewer where the source ends), as `builders.options.compose` returns it. Questions
    without `options` (NER, generation, a rating) have a column `truth` instead. A column `metric`
    overrides the set's.

    `labels`: what an LLM is asked about the rows. `make(tables, draw, writer)` then asks it, and
    gives the columns `generator` and `calls` as well. `composer`: what writes a question of its
    fields, where an LLM is at hand; the set's wordings ask where that fails.

    number: in the paper. basis: where the truth comes from.
    hints: list columns with a number for each option that a guesser could go by.
    `guessable` says why a shortcut of this set lies in the question itself, where one does.
    """

    name: str
    number: int | None
    size: int
    task_type: str
    metric: str | None
    track: str | None
    asks: str
    basis: str
    fields: frozenset[str]
    make: Callable[..., pl.DataFrame]
    options: bool = True
    hints: tuple[str, ...] = ()
    guessable: str | None = None
    labels: tuple[Task[Any], ...] = ()
    composer: Task[Question] | None = None

    def wordings(self, root: Path = TEMPLATES) -> list[Wording]:
        """The set's templates below `root`, linted against what its questions provide."""
        return load(self.name, self._provided, root)

    def endings(self, root: Path = TEMPLATES) -> list[Wording]:
        """The templates that end a composed question; they have it as `composed`."""
        if self.composer is None:
            return []
        return load(f"{self.name}.{COMPOSED}", self._provided | {"composed"}, root)

    @property
    def _provided(self) -> frozenset[str]:
        return self.fields | ({"options"} if self.options else set())


class Builder(ABC):
    """A source and its sets. A subclass says how to read the tables.

    reasons: in words, the codes of wrong options. unit: what `limit` counts. named: by the name of
    a table, how its rows are called in `source_rows`.
    """

    source: ClassVar[Source]
    sets: ClassVar[tuple[Set, ...]]
    reasons: ClassVar[Mapping[str, str]]
    unit: ClassVar[str]
    named: ClassVar[Mapping[str, pl.Expr]]

    @property
    def templates(self) -> Path:
        """The folder of the wordings: ours, or the one beside the code of another source."""
        return TEMPLATES if self.source.home == HERE else self.source.home / "templates"

    @abstractmethod
    def read(
        self, rows: Rows, seed: int, limit: int | None, wanted: Mapping[str, int]
    ) -> AnyTables:
        """The tables, with `revision` and `rejects`.

        wanted: the sets that are to be built of them, and how many samples of each there should be
        rows for in memory, where not all are kept. A set that runs out raises
        `builders.draw.Exhausted`, and the source is read again for more.
        """

    def lookup(self, rows: Rows, refs: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The source's rows that samples name in `source_rows`, as published, by that name."""
        return find_rows(rows.tables, self.named, refs)
