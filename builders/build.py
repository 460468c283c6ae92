"""From a set's questions to proven samples: worded, rendered, proven and counted."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl
import xxhash

from builders.builder import AnyTables, Builder, Set
from builders.draw import Draw
from builders.language import speaks
from builders.llm.opened import NO_LLM, Llm
from builders.llm.opinion import Opinion
from builders.render import Wording, choose, compiled
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

#: What a question passes on to its sample.
_ORIGIN = ("language", "rows", "split", "keys", "metric", "template", "generator", "calls")
#: Faster than json.dumps, which makes an encoder for each call.
_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_TRUTH = json.JSONEncoder(ensure_ascii=False).encode
_TOO_LONG = f"prompt longer than {MAX_PROMPT_CHARS} characters"
DISPUTED = "second opinion: another answer"


@dataclass(frozen=True)
class Built:
    """The samples of a set, why candidates before the last were rejected, and seconds by stage.

    composed: how the questions were composed, or why not. opinions: what a second opinion came to.
    disputed: the questions that it answers otherwise.
    """

    samples: pl.DataFrame
    rejects: Mapping[str, int]
    seconds: Mapping[str, float]
    composed: Mapping[str, int]
    opinions: Mapping[str, int]
    disputed: Sequence[Mapping[str, Any]]


@dataclass
class _Columns:
    """What the rendering adds to the questions it accepts."""

    id: list[str] = field(default_factory=list)
    prompt: list[str] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)
    truth: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)


class Building:
    """One set on its way: `samples()` draws round after round until there are enough."""

    def __init__(
        self,
        builder: Builder,
        made: Set,
        size: int,
        seed: int,
        llm: Llm = NO_LLM,
    ) -> None:
        """size: samples wanted. llm: who labels and composes, and who answers blind."""
        self.builder, self.made, self.size, self.seed = builder, made, size, seed
        self.writer, self.opinion = llm
        self.wordings = made.wordings(builder.templates)
        self.endings = made.endings(builder.templates) if self.writer else []
        self.render = [compiled(one) for one in (*self.wordings, *self.endings)]
        self.rejects: Counter[str] = Counter()
        self.composed: Counter[str] = Counter()
        self.opinions: Counter[str] = Counter()
        self.disputed: list[dict[str, Any]] = []
        self.seconds = {"draw": 0.0, "render": 0.0}
        listed = ("options", "reasons", *made.hints) if made.options else ()
        self._names = (*sorted(made.fields), *listed)
        self._columns = _Columns()
        self._accepted: list[pl.DataFrame] = []

    def build(self, tables: AnyTables, progress: Callable[[int, int], None]) -> Built:
        """Draw, render and prove samples, or as many as the source has.

        progress: called with (samples made, candidates rejected) while it goes on.
        """
        # what an LLM is asked about costs money: no more than is wanted
        asks = self.writer and (self.made.labels or self.made.composer)
        spare = 0 if asks or self.opinion else self.size // 20 + 64
        skip, limit = 0, self.size + spare
        while True:
            draw = Draw(self.seed, self.made.name, skip, limit)
            start = time.perf_counter()
            questions = self._questions(tables, draw)
            self.seconds["draw"] += time.perf_counter() - start
            start = time.perf_counter()
            self._round(questions, draw, progress)
            self.seconds["render"] += time.perf_counter() - start
            have = len(self._columns.id)
            if have == self.size or len(questions) < limit:
                break
            # as many as the yield so far asks for
            skip += limit
            missing = self.size - have
            limit = int(1.1 * missing * skip / max(have, skip // 20, 1)) + (64 if spare else 4)
        samples = self._assemble(pl.concat(self._accepted), tables.revision)
        rejects = self.rejects + Counter(draw.dropped)
        return Built(samples, rejects, self.seconds, self.composed, self.opinions, self.disputed)

    def _questions(self, tables: AnyTables, draw: Draw) -> pl.DataFrame:
        """The next questions, each with its wording's number, and who had a part in it."""
        writer = (self.writer,) if self.made.labels else ()
        questions = self.made.make(tables, draw, *writer)
        if "metric" not in questions.columns:
            metric = pl.lit(self.made.metric, pl.String)
            questions = questions.with_columns(metric.alias("metric"))
        if "generator" not in questions.columns:
            none = pl.lit([], pl.List(pl.String))
            by = pl.lit(None, pl.String)
            questions = questions.with_columns(by.alias("generator"), none.alias("calls"))
        number = choose(questions, self.wordings, draw).alias("wording")
        questions = questions.with_columns(number)
        return self._composed(questions, draw) if self.endings else questions

    def _composed(self, questions: pl.DataFrame, draw: Draw) -> pl.DataFrame:
        """Questions with what an LLM has composed of their fields as `composed`, where it can."""
        task = self.made.composer
        assert self.writer and task
        fit = questions.filter(pl.col("reject").is_null())
        shown = fit.select("key", *sorted(task.file.variables))
        told = self.writer.label(task, shown, self.made.name)
        ending = (choose(told, self.endings, draw) + len(self.wordings)).alias("ending")
        told = told.select("key", "composed", "call", "flaw", ending, by="generator")
        told = told.with_columns(self._flaw(fit, told))
        self.composed.update(told["flaw"].fill_null("composed").to_list())
        told = told.filter(pl.col("flaw").is_null()).drop("flaw")
        joined = questions.join(told, on="key", how="left", maintain_order="left")
        return joined.with_columns(
            pl.coalesce("ending", "wording").alias("wording"),
            pl.coalesce("by", "generator").alias("generator"),
            pl.concat_list("calls", "call").list.drop_nulls().alias("calls"),
        ).drop("ending", "call", "by")

    def _flaw(self, questions: pl.DataFrame, told: pl.DataFrame) -> pl.Series:
        """Why questions stay with their wordings; one is that the composed prompt is too long."""
        flaws = []
        for question in questions.join(told, on="key", maintain_order="left").to_dicts():
            flaw, prompt = question["flaw"], self.render[question["ending"]](question)
            flaws.append(flaw or (_TOO_LONG if len(prompt) > MAX_PROMPT_CHARS else None))
        return pl.Series("flaw", flaws, dtype=pl.String)

    def _round(
        self, questions: pl.DataFrame, draw: Draw, progress: Callable[[int, int], None]
    ) -> None:
        """Render and prove a round of questions, until there are enough samples."""
        fresh, taken = _Columns(), []
        missing = self.size - len(self._columns.id)
        for i, question in enumerate(self._rows(questions)):
            if len(fresh.id) == missing:
                break
            if reason := self._take(question, fresh):
                self.rejects[reason] += 1
            else:
                taken.append(i)
            if i % 500 == 0:
                progress(len(self._columns.id) + len(fresh.id), self.rejects.total())
        wordings = (*self.wordings, *self.endings)
        paths = {number: one.name for number, one in enumerate(wordings)}
        template = pl.col("wording").replace_strict(paths, return_dtype=pl.String)
        rows = questions[taken].with_columns(template.alias("template"), *_reworded(wordings))
        if self.opinion:
            kept = self._opinions(self.opinion, rows, fresh)
            rows = rows[kept]
        else:
            kept = list(range(len(fresh.id)))
        for name, column in vars(self._columns).items():
            column += [getattr(fresh, name)[i] for i in kept]
        self._accepted.append(rows.select(_ORIGIN))
        progress(len(self._columns.id), self.rejects.total())

    def _opinions(self, opinion: Opinion, rows: pl.DataFrame, fresh: _Columns) -> list[int]:
        """Which questions stay after a second opinion on them."""
        truths = [json.loads(truth) for truth in fresh.truth]
        verdicts = opinion.of(
            self.made.task_type, rows["metric"].to_list(), fresh.prompt, truths, self.made.name
        )
        self.opinions.update(verdict.kind for verdict in verdicts)
        disputed = {i for i, verdict in enumerate(verdicts) if verdict.kind == "disputed"}
        for i in sorted(disputed):
            said = {"answer": verdicts[i].answer, "truth": truths[i]}
            self.disputed.append({"id": fresh.id[i], **said, "prompt": fresh.prompt[i]})
        if not opinion.rejects:
            return list(range(len(fresh.id)))
        self.rejects[DISPUTED] += len(disputed)
        return [i for i in range(len(fresh.id)) if i not in disputed]

    def _rows(self, questions: pl.DataFrame) -> Iterator[dict[str, Any]]:
        """A flat dict for each question: a struct of its fields would take twice the time."""
        about = ["key", "rows", "reject", "said", "language", "metric", "wording"]
        own = ("weights", "truth", "composed")
        about += [name for name in own if name in questions.columns]
        yield from questions.select(*about, *self._names).iter_rows(named=True)

    def _take(self, question: Mapping[str, Any], columns: _Columns) -> str | None:
        """Render and prove one question into the columns; or say why it is rejected."""
        made = self.made
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
        fields = {name: question[name] for name in self._names}
        if question.get("composed") is not None:
            fields["composed"] = question["composed"]
        prompt = self.render[question["wording"]](fields)
        if len(prompt) > MAX_PROMPT_CHARS:
            return _TOO_LONG
        if marked(prompt) or marked(answer):
            return "text holds template mark-up"
        try:
            prove(made.task_type, question["metric"], prompt, answer, truth, fields)
        except ProofError as error:
            raise ProofError(f"set {made.name}, key {question['key']}: {error}") from None
        variant = f"{self.seed}/{question['key']}"
        source = self.builder.source.name
        columns.id.append(sample_id(source, made.name, question["rows"], variant))
        columns.prompt.append(prompt)
        columns.answer.append(answer)
        columns.truth.append(_TRUTH(truth))
        columns.fields.append(_JSON(fields))
        return None

    def _assemble(self, chosen: pl.DataFrame, revision: str) -> pl.DataFrame:
        made, source = self.made, self.builder.source
        new = {
            name: pl.Series(name, getattr(self._columns, name), dtype=pl.String)
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
            "source": source.name,
            "source_revision": revision,
            "license": source.license,
        }
        return (
            chosen.rename({"rows": "source_rows", "calls": "llm_calls"})
            .with_columns(
                *new.values(),
                *(pl.lit(value, dtype=pl.String).alias(name) for name, value in constants.items()),
            )
            .with_columns(
                pl.concat_list(
                    pl.struct(role.alias("role"), text.alias("content")) for role, text in said
                ).alias("messages")
            )
            .select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
        )


def _reworded(wordings: Sequence[Wording]) -> list[pl.Expr]:
    """`generator` and `calls`, with those of the wordings that an LLM has written."""
    by = {number: one.generator for number, one in enumerate(wordings)}
    calls = {number: one.call for number, one in enumerate(wordings)}
    of_wording, call = (
        pl.col("wording").replace_strict(known, return_dtype=pl.String) for known in (by, calls)
    )
    both = pl.concat_list("generator", of_wording).list.drop_nulls().list.unique().list.sort()
    return [
        pl.when(both.list.len() > 0).then(both.list.join(", ")).alias("generator"),
        pl.concat_list("calls", call).list.drop_nulls().alias("calls"),
    ]


def sample_id(source: str, set_name: str, rows: Sequence[str], variant: str) -> str:
    """32 hex: xxh3-128 of source, set, source rows and variant (the seed and the row's key)."""
    return xxhash.xxh3_128_hexdigest("\x1f".join([source, set_name, *rows, variant]).encode())
