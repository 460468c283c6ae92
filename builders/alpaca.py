"""Alpaca-Cleaned: general instructions, so that a model goes on following them.

Published as `yahma/alpaca-cleaned`; its card says CC-BY-4.0, the data below it (Stanford Alpaca)
are CC BY-NC 4.0, and the stricter one is named here. Truth is the published output.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from builders.builder import Builder, Set
from builders.draw import Draw, hashed, ringed
from builders.shopbench import MAX_ANSWER_CHARS
from builders.source import (
    Content,
    Rows,
    Source,
    Table,
    identified,
    kept,
    named_by_content,
    unusable,
)
from builders.text import tidy

#: What stands for "no input".
NO_INPUT = ("", "noinput", "<noinput>", "no input")

_S = pl.String()
_COLUMNS = {"instruction": _S, "input": _S, "output": _S}

#: A row has no published name.
ROW = named_by_content("instructions", _COLUMNS)

SOURCE = Source(
    name="alpaca",
    license="CC-BY-NC-4.0",
    tables={"instructions": Table("alpaca_data_cleaned", _COLUMNS, (".json",))},
    repo="yahma/alpaca-cleaned",
    repo_files=("alpaca_data_cleaned.json",),
)


def _instructions(t: Content, draw: Draw) -> pl.DataFrame:
    """37: the instruction, its input where it has one, and the published output."""
    return draw.first(t.rows, "key").with_columns(
        pl.col("key").cast(pl.String),
        pl.col("output").alias("truth"),
        pl.lit("en").alias("language"),
        pl.lit(None, _S).alias("said"),  # inputs and outputs of translations are in any language
        pl.lit("train").alias("split"),
        pl.concat_list("row").alias("rows"),
        pl.concat_list(pl.format("instruction:{}", "key")).alias("keys"),
        pl.lit(None, _S).alias("reject"),
    )


class Alpaca(Builder):
    """Builds the set of Alpaca-Cleaned."""

    source = SOURCE
    sets = (
        Set(
            "alpaca.instructions", 37, 51_760, "generation", None, None, "general instructions",
            "the published output", frozenset({"instruction", "input"}), _instructions,
            options=False,
        ),
    )  # fmt: skip
    reasons = MappingProxyType({})
    unit = "instructions"
    named = MappingProxyType({"instructions": ROW})

    def read(self, rows: Rows, seed: int, limit: int | None, wanted: Mapping[str, int]) -> Content:
        """All instructions, each with its input once."""
        raw, revision = identified(SOURCE, rows, "instructions", ROW)
        rejects: Counter[str] = Counter()
        found = raw.with_columns(tidy(raw[name]) for name in _COLUMNS)
        missing = pl.col("input").str.to_lowercase().is_in(NO_INPUT)
        found = found.with_columns(pl.when(~missing).then("input").alias("input"))
        told = pl.all_horizontal(pl.col("instruction", "output").is_not_null())
        found = kept(rejects, found, told, "instruction or output is empty")
        short = pl.col("output").str.len_chars() <= MAX_ANSWER_CHARS
        found = kept(rejects, found, short, f"output longer than {MAX_ANSWER_CHARS} characters")
        found = found.with_columns(hashed(pl.col("instruction"), pl.col("input")).alias("key"))
        found = found.sort("key", "row")
        once = found.unique("key", keep="first", maintain_order=True)
        found = kept(rejects, found, once, "instruction given twice")
        if found.is_empty():
            raise unusable(rows, "instruction", rejects)
        return Content(ringed(found, "key", limit), revision, rejects)


BUILDER = Alpaca()

if __name__ == "__main__":
    from builders.cli import main

    main(BUILDER)
