"""The base class of builders: from a set's questions to proven samples in a file.

A builder names its source and its sets and reads its tables; a set is a function from these
tables to questions. Here the questions are checked, worded, rendered, proven, counted and written.
"""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import polars as pl
import xxhash

from builders.draw import Draw
from builders.language import speaks
from builders.render import TEMPLATES, Wording, choose, compiled, load
from builders.sample import (
    MAX_PROMPT_CHARS,
    SCHEMA,
    ProofError,
    answer_of,
    ideal_answer,
    marked,
    prove,
    system_prompt,
    truth_of,
)
from builders.source import HERE, Rows, Source, find_rows

#: Tables of one source, whatever it holds.
AnyTables = Any


def _no_questions(tables: AnyTables, draw: Draw) -> pl.DataFrame:
    raise ValueError(f"{draw.set} waits for answers of an LLM")


@dataclass(frozen=True)
class Set:
    """One way to ask. `fields` are the columns that its questions have beside `options`.

    `make(tables, draw)` gives a frame of `draw.limit` questions in draw order, after the first
    `draw.skip` (fewer where the source ends), as `builders.options.compose` returns it. Questions
    without `options` (NER, generation, a rating) have a column `truth` instead. A column `metric`
    overrides the set's.

    number: in the paper. basis: where the truth comes from.
    hints: list columns with a number for each option that a guesser could go by.
    `guessable` says why a shortcut of this set lies in the question itself, where one does.
    `waits` says what the set waits for, where it cannot be made of the source alone.
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
    make: Callable[[AnyTables, Draw], pl.DataFrame] = _no_questions
    options: bool = True
    hints: tuple[str, ...] = ()
    guessable: str | None = None
    waits: str | None = None

    def wordings(self, root: Path = TEMPLATES) -> list[Wording]:
        """The set's templates below `root`, linted against what its questions provide."""
        return load(self.name, self.fields | ({"options"} if self.options else set()), root)


@dataclass(frozen=True)
class Built:
    """The samples of a set, why candidates before the last were rejected, and seconds by stage."""

    samples: pl.DataFrame
    rejects: Mapping[str, int]
    seconds: Mapping[str, float]


#: What a question passes on to its sample.
_ORIGIN = ("language", "rows", "split", "keys", "metric", "template")
#: Faster than json.dumps, which makes an encoder for each call.
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_TRUTH = json.JSONEncoder(ensure_ascii=False).encode


@dataclass
class _Columns:
    """What the rendering adds to the questions it accepts."""

    id: list[str] = field(default_factory=list)
    prompt: list[str] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)
    truth: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)


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

    def build(
        self,
        made: Set,
        tables: AnyTables,
        seed: int,
        size: int,
        progress: Callable[[int, int], None],
    ) -> Built:
        """Draw, render and prove `size` samples of a set, or as many as the source has.

        progress: called with (samples made, candidates rejected) while it goes on.
        """
        wordings = made.wordings(self.templates)
        listed = ("options", "reasons", *made.hints) if made.options else ()
        names = (*sorted(made.fields), *listed)
        render = [compiled(wording) for wording in wordings]
        columns = _Columns()
        rejects: Counter[str] = Counter()
        seconds = {"draw": 0.0, "render": 0.0}
        accepted: list[pl.DataFrame] = []
        skip, limit = 0, size + size // 20 + 64
        while True:
            start = time.perf_counter()
            draw = Draw(seed, made.name, skip, limit)
            questions = made.make(tables, draw)
            drawn = time.perf_counter()
            wording = choose(questions, wordings, draw)
            taken = []
            for i, question in enumerate(_rows(questions, wording, names)):
                if len(columns.id) == size:
                    break
                if reason := _take(made, question, names, render, columns, self.source.name, seed):
                    rejects[reason] += 1
                else:
                    taken.append(i)
                if i % 500 == 0:
                    progress(len(columns.id), rejects.total())
            paths = {number: one.name for number, one in enumerate(wordings)}
            template = wording.replace_strict(paths, return_dtype=pl.String).alias("template")
            if "metric" not in questions.columns:
                questions = questions.with_columns(pl.lit(made.metric, pl.String).alias("metric"))
            accepted.append(questions.with_columns(template).select(*_ORIGIN)[taken])
            seconds["draw"] += drawn - start
            seconds["render"] += time.perf_counter() - drawn
            progress(len(columns.id), rejects.total())
            if len(columns.id) == size or len(questions) < limit:
                break
            # as many as the yield so far asks for
            skip += limit
            missing = size - len(columns.id)
            limit = int(1.1 * missing * skip / max(len(columns.id), skip // 20)) + 64
        samples = self._assemble(made, pl.concat(accepted), columns, tables.revision)
        return Built(samples, rejects + Counter(draw.dropped), seconds)

    def _assemble(
        self, made: Set, chosen: pl.DataFrame, columns: _Columns, revision: str
    ) -> pl.DataFrame:
        new = {
            name: pl.Series(name, getattr(columns, name), dtype=pl.String)
            for name in ("id", "truth", "fields", "prompt", "answer")
        }
        said = [
            (pl.lit("system"), pl.lit(system_prompt(made.task_type))),
            (pl.lit("user"), pl.col("prompt")),
            (pl.lit("assistant"), pl.col("answer")),
        ]
        constants = {
            "set": made.name,
            "task_type": made.task_type,
            "track": made.track,
            "source": self.source.name,
            "source_revision": revision,
            "generator": None,
            "license": self.source.license,
        }
        return (
            chosen.rename({"rows": "source_rows"})
            .with_columns(
                *new.values(),
                *(pl.lit(value, dtype=pl.String).alias(name) for name, value in constants.items()),
                pl.lit([], dtype=pl.List(pl.String)).alias("llm_calls"),
            )
            .with_columns(
                pl.concat_list(
                    pl.struct(role.alias("role"), text.alias("content")) for role, text in said
                ).alias("messages")
            )
            .select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
        )


def _rows(
    questions: pl.DataFrame, wording: pl.Series, names: Sequence[str]
) -> Iterator[dict[str, Any]]:
    """A flat dict for each question: a struct of its fields would take twice the time to read."""
    about = ["key", "rows", "reject", "said", "language"]
    about += [name for name in ("weights", "truth", "metric") if name in questions.columns]
    yield from questions.select(*about, *names, wording.alias("wording")).iter_rows(named=True)


def _take(
    made: Set,
    question: Mapping[str, Any],
    names: Sequence[str],
    render: Sequence[Callable[[Mapping[str, Any]], str]],
    columns: _Columns,
    source: str,
    seed: int,
) -> str | None:
    """Render and prove one question into the columns; or say why it is rejected."""
    if question["reject"]:
        return str(question["reject"])
    if question["said"] is not None and not speaks(question["said"], question["language"]):
        return "text is not in the language of its locale"
    if made.options:
        weights = question["weights"]
        if made.task_type != "ranking" and max(weights) < 1:
            return "no right option that fits"
        answer, truth = ideal_answer(made.task_type, weights), truth_of(made.task_type, weights)
    else:
        truth = question["truth"]
        answer = answer_of(made.task_type, truth)
    fields = {name: question[name] for name in names}
    prompt = render[question["wording"]](fields)
    if len(prompt) > MAX_PROMPT_CHARS:
        return f"prompt longer than {MAX_PROMPT_CHARS} characters"
    if marked(prompt) or marked(answer):
        return "text holds template mark-up"
    try:
        prove(made.task_type, question.get("metric", made.metric), prompt, answer, truth, fields)
    except ProofError as error:
        raise ProofError(f"set {made.name}, key {question['key']}: {error}") from None
    columns.id.append(sample_id(source, made.name, question["rows"], f"{seed}/{question['key']}"))
    columns.prompt.append(prompt)
    columns.answer.append(answer)
    columns.truth.append(_TRUTH(truth))
    columns.fields.append(_JSON(fields))
    return None


def sample_id(source: str, set_name: str, rows: Sequence[str], variant: str) -> str:
    """32 hex: xxh3-128 of source, set, source rows and variant (the seed and the row's key)."""
    return xxhash.xxh3_128_hexdigest("\x1f".join([source, set_name, *rows, variant]).encode())
