"""What an LLM is shown of the British products, and what it has told about them."""

from __future__ import annotations

import re
from typing import Any

import polars as pl

from builders.amazon_m2.tables import Tables
from builders.amazon_m2.texts import spoken
from builders.llm.task import Task, occurs
from builders.llm.writer import Writer
from builders.text import clean, cut

#: A description is cut at a sentence after this many characters.
MAX_CHARS = 300
WRONG_LANGUAGE = "title is not in English"
OF_ONE = "product type has a number or the brand"

_NONE = pl.lit([], pl.List(pl.String))


def british(t: Tables) -> pl.DataFrame:
    """The products of the locale UK, as published, sorted by `ring`."""
    return t.products.filter(pl.col("locale") == "UK")


def shown(products: pl.DataFrame) -> pl.DataFrame:
    """Products as they are shown: `title`, `brand` and `description` clean, without a description
    that is not English. Added: `unfit` (null, or why not to ask), and what `labelled` fills,
    `calls` and `generators`."""
    texts = [text and cut(text, MAX_CHARS) for text in clean(products["desc"])]
    found = products.with_columns(
        clean(products["title"]),
        clean(products["brand"]),
        pl.Series("description", texts, dtype=pl.String),
        _NONE.alias("calls"),
        _NONE.alias("generators"),
    )
    titled, told = (spoken(found, text, "locale") for text in ("title", "description"))
    return found.with_columns(
        pl.when(told).then("description").alias("description"),
        pl.when(~titled).then(pl.lit(WRONG_LANGUAGE)).alias("unfit"),
    )


def labelled(writer: Writer, task: Task[Any], rows: pl.DataFrame, label: str) -> pl.DataFrame:
    """Rows with a task's answer about each that is fit; `unfit` is why there is none."""
    fit = rows.filter(pl.col("unfit").is_null())
    variables = sorted(task.file.variables)
    told = writer.label(task, fit.select("product", *variables), label).drop(variables)
    return (
        rows.join(told, on="product", how="left", maintain_order="left")
        .with_columns(
            pl.coalesce("unfit", "flaw").alias("unfit"),
            pl.concat_list("calls", "call").list.drop_nulls().alias("calls"),
            pl.concat_list("generators", "generator").list.drop_nulls().alias("generators"),
        )
        .drop("call", "flaw", "generator")
    )


def of_one(kind: str, brand: str | None) -> bool:
    """Whether a type has a number or the brand, and so is none, but one product."""
    return bool(re.search(r"\d", kind)) or (brand is not None and occurs(brand, kind))


def generator(generators: str) -> pl.Expr:
    """The names in a column of lists, as a sample has them."""
    names = pl.col(generators).list.unique().list.sort()
    return pl.when(names.list.len() > 0).then(names.list.join(", ")).alias("generator")


def origin() -> list[pl.Expr]:
    """The columns of a question that say which product it is about."""
    return [
        pl.lit("en").alias("language"),
        pl.col("title").alias("said"),
        pl.lit("train").alias("split"),
        pl.concat_list(pl.format("products:{}:{}", "locale", "id")).alias("rows"),
        pl.concat_list(pl.format("product:{}", "id")).alias("keys"),
    ]
