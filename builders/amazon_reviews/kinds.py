"""What kind of thing products are, as an LLM reads it from their titles."""

from __future__ import annotations

import polars as pl

from builders.llm.product_type import PRODUCT_TYPE
from builders.llm.writer import Writer

#: A type of one word that opens the title is more often a brand.
BRAND = "product type may be a brand: it opens the title"


def kinds(titles: pl.Series, writer: Writer, label: str) -> pl.DataFrame:
    """of (a title), kind (its product type in lower case), department, and `kind_call`, `kind_by`,
    `kind_flaw` as `Writer.label` has them. label: what it is for."""
    asked = titles.drop_nulls().unique().sort().alias("title").to_frame()
    told = writer.label(PRODUCT_TYPE, asked, label)
    kind = pl.col("product_type").str.to_lowercase()
    opens = pl.col("title").str.to_lowercase().str.starts_with(kind) & ~kind.str.contains(" ")
    return told.select(
        pl.col("title").alias("of"),
        kind.alias("kind"),
        pl.col("category").alias("department"),
        pl.col("call").alias("kind_call"),
        pl.col("generator").alias("kind_by"),
        pl.coalesce("flaw", pl.when(opens).then(pl.lit(BRAND))).alias("kind_flaw"),
    )


def credited(questions: pl.DataFrame, *about: str) -> pl.DataFrame:
    """Questions with `calls` and `generator`: all that had a part in them.

    about: for each of these names there are columns NAME_call and NAME_by, and maybe lists of the
    same of the options, as options_NAME_call and options_NAME_by.
    """

    def all_of(what: str) -> pl.Expr:
        ends = tuple(f"{name}_{what}" for name in about)
        every = [name for name in questions.columns if name.removeprefix("options_") in ends]
        found = pl.concat_list(_listed(questions, name) for name in every)
        return found.list.drop_nulls().list.unique(maintain_order=True)

    by = all_of("by").list.sort().list.join(", ")
    return questions.with_columns(
        all_of("call").alias("calls"), pl.when(by != "").then(by).alias("generator")
    )


def _listed(questions: pl.DataFrame, name: str) -> pl.Expr:
    """A column as lists; none where a question has no options."""
    if questions.schema[name] == pl.String:
        return pl.concat_list(name)
    return pl.col(name).fill_null([])
