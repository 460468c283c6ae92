"""MMLU: general knowledge, so that a model keeps it while it learns to shop.

Published by Hendrycks et al. (MIT) as headerless CSV files a subject, and on the Hub as
`cais/mmlu`. Truth is the published key. Set 38 of the paper takes all splits, the test split too:
whoever evaluates on MMLU filters by the column `split`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from builders.builder import Builder, Set
from builders.draw import Draw, hashed, ringed
from builders.shopbench import CHOICE
from builders.source import (
    Content,
    Rows,
    Source,
    Table,
    identified,
    kept,
    row_hash,
    unusable,
)
from builders.text import tidy

LETTERS = ("A", "B", "C", "D")
REASONS = {"not_the_key": "the published key is another choice"}
#: From the most to the least protected; the CSV files' folders call validation "val".
SPLITS = ("test", "validation", "dev", "auxiliary_train")

_S = pl.String()
_COLUMNS = {"question": _S, **dict.fromkeys(LETTERS, _S), "answer": _S, "file": _S}


def _adapt(splits: Mapping[str, pl.LazyFrame]) -> dict[str, pl.LazyFrame]:
    """cais/mmlu: choices as a list, the answer as a number, the split in the file's name."""
    frames = [
        frame.select(
            "question",
            *(pl.col("choices").list.get(i, null_on_oob=True).alias(LETTERS[i]) for i in range(4)),
            pl.col("answer").replace_strict(dict(enumerate(LETTERS)), default=None).alias("answer"),
            pl.format("{}/{}", pl.lit(split), pl.col("subject").fill_null("")).alias("file"),
        )
        for split, frame in splits.items()
    ]
    return {"questions": pl.concat(frames)}


SOURCE = Source(
    name="mmlu",
    license="MIT",
    tables={"questions": Table("*/*", _COLUMNS, (".csv",), header=False)},
    repo="cais/mmlu",
    repo_files=("all/*.parquet",),
    repo_columns=("question", "subject", "choices", "answer"),
    adapt=_adapt,
)


def _place() -> tuple[pl.Expr, pl.Expr]:
    """Split and subject, from a file's name."""
    split = pl.col("file").str.extract(r"^([^/]+)/").replace("val", "validation")
    subject = pl.col("file").str.extract(r"/(.*?)(?:_(?:dev|val|test))?(?:\.csv)?$")
    return split.alias("split"), subject.alias("subject")


def _row() -> pl.Expr:
    """A row has no published name: its place and a hash of what it says."""
    split, subject = _place()
    content = row_hash(hashed(pl.col("question")), [*LETTERS, "answer"])
    return pl.format("questions:{}/{}:{}", split, subject, content)


def _plain(text: pl.Expr) -> pl.Expr:
    """Equal for texts that differ in case, blanks or the shape of quotation marks alone."""
    text = text.str.to_lowercase().str.replace_all(r"\s\s+|[\s--\x20]", " ")
    return text.str.replace_many(["‘", "’", "“", "”"], ["'", "'", '"', '"'])


def _same() -> pl.Expr:
    """Equal for the same question with the same choices, in whatever order."""
    choices = pl.concat_list(_plain(pl.col(letter)) for letter in LETTERS).list.sort()
    return hashed(_plain(pl.col("question")), choices.list.join("\n"))


def _right() -> pl.Expr:
    """The choice that the key names."""
    return pl.coalesce(pl.when(pl.col("answer") == letter).then(letter) for letter in LETTERS)


def _general_knowledge(t: Content, draw: Draw) -> pl.DataFrame:
    """38: the question as it was published, its choices in their order."""
    choices = pl.concat_list(*LETTERS)
    right = pl.concat_list(pl.col("answer") == letter for letter in LETTERS)
    return draw.first(t.rows, "key").with_columns(
        pl.col("key").cast(pl.String),
        choices.alias("options"),
        right.list.eval(pl.element().cast(pl.Float64)).alias("weights"),
        right.list.eval(pl.when(~pl.element()).then(pl.lit("not_the_key"))).alias("reasons"),
        pl.lit("en").alias("language"),
        pl.lit(None, _S).alias("said"),  # some questions are on other languages
        pl.concat_list("row").alias("rows"),
        pl.concat_list(pl.format("question:{}", "key")).alias("keys"),
        pl.lit(None, _S).alias("reject"),
    )


class Mmlu(Builder):
    """Builds the set of MMLU."""

    source = SOURCE
    sets = (
        Set(
            "mmlu.general_knowledge", 38, 115_700, CHOICE[0], None, None, "general knowledge",
            "the published key", frozenset({"question"}), _general_knowledge,
            guessable="questions stand as they were published, choices in their order",
        ),
    )  # fmt: skip
    reasons = REASONS
    unit = "questions"
    named = MappingProxyType({"questions": _row()})

    def read(self, rows: Rows, seed: int, limit: int | None, wanted: Mapping[str, int]) -> Content:
        """All questions, each once: under its most protected split, where it stands in several."""
        raw, revision = identified(SOURCE, rows, "questions", _row())
        raw = raw.with_columns(*_place())
        rejects: Counter[str] = Counter()
        found = raw.with_columns(tidy(raw[name]) for name in ("question", *LETTERS))
        complete = pl.all_horizontal(pl.col("question", *LETTERS).is_not_null())
        found = kept(rejects, found, complete, "question or choice is empty")
        found = kept(rejects, found, pl.col("answer").is_in(LETTERS), "key is none of A, B, C, D")
        distinct = pl.concat_list(pl.col(LETTERS).str.to_lowercase()).list.n_unique() == 4
        found = kept(rejects, found, distinct, "two choices are equal but for case")
        named = pl.col("split").is_in(SPLITS)
        found = kept(rejects, found, named, "split is unknown")
        found = found.with_columns(hashed(pl.col("question"), *map(pl.col, LETTERS)).alias("key"))
        found = found.with_columns(_same().alias("same"))
        # a text that is shared with another row takes looking at, others do not
        several = found.filter(pl.len().over("same") > 1).with_columns(
            _plain(_right()).alias("told")
        )
        split = several.filter(pl.col("told").n_unique().over("same") > 1).select("same").unique()
        agreed = found.join(split, on="same", how="anti", maintain_order="left")
        found = kept(rejects, found, agreed, "asked twice with different keys")
        found = found.sort(pl.col("split").cast(pl.Enum(SPLITS)), "row")
        once = found.unique("same", keep="first", maintain_order=True)
        found = kept(rejects, found, once, "asked twice; the most protected split stays")
        if found.is_empty():
            raise unusable(rows, "question", rejects)
        return Content(ringed(found, "key", limit), revision, rejects)


BUILDER = Mmlu()

if __name__ == "__main__":
    from builders.cli import main

    main(BUILDER)
