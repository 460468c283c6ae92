"""ECInstruct as the sets use it: each input once, and how its strings are read.

The published fields are strings that hold JSON or, in one task, Python literals. What cannot be
read is a reject with a reason, never an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import polars as pl

from builders.draw import Draw, hashed, ringed
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
from builders.text import clean, squeezed

#: The tasks that sets are made of; the tenth, Answer_Generation, is left alone, as in the paper.
TASKS = (
    "Answerability_Prediction",
    "Attribute_Value_Extraction",
    "Multiclass_Product_Classification",
    "Product_Matching",
    "Product_Relation_Prediction",
    "Product_Substitute_Identification",
    "Query_Product_Rank",
    "Sentiment_Analysis",
    "Sequential_Recommendation",
)
#: From the least to the most protected: in this order they are drawn from.
SPLITS = ("train", "val", "test")
#: What a missing text looks like in pandas.
MISSING = ("nan", "none", "null")
UNREAD = "input cannot be read"

_S = pl.String()
_COLUMNS = dict.fromkeys(
    "output input options task setting split few_shot_example instruction".split(), _S
)

SOURCE = Source(
    name="ecinstruct",
    license="CC-BY-4.0",
    tables={"rows": Table("dataset", _COLUMNS, (".json",))},
    repo="NingLab/ECInstruct",
    repo_files=("dataset.json",),
)


def _row() -> pl.Expr:
    """A row has no published name: its task and a hash of what it says."""
    content = row_hash(hashed(pl.lit("ecinstruct")), list(_COLUMNS))
    return pl.format("rows:{}:{}", pl.col("task").fill_null(""), content)


def read(rows: Rows, limit: int | None) -> Content:
    """Each input of the tasks in use once: `task`, `key`, `input`, `choices` (the published
    options), `output`, `split`, `tier` (its place in `SPLITS`), `row`, `ring`, sorted by `ring`.

    limit: only so many inputs.
    """
    unused = ("setting", "few_shot_example", "instruction")
    raw, revision = identified(SOURCE, rows, "rows", _row(), unused)
    rejects: Counter[str] = Counter()
    found = kept(rejects, raw, pl.col("task").is_in(TASKS), "task that no set asks")
    told = [pl.col(name).str.contains(r"\S") for name in ("input", "output")]
    found = kept(rejects, found, pl.all_horizontal(told), "input or output is empty")
    found = kept(rejects, found, pl.col("split").is_in(SPLITS), "split is unknown")
    tier = pl.col("split").replace_strict(dict(zip(SPLITS, range(3), strict=True)))
    found = found.with_columns(
        pl.col("output").str.strip_chars(),
        tier.cast(pl.Int8).alias("tier"),
        hashed(pl.col("task"), pl.col("input"), pl.col("options")).cast(_S).alias("key"),
    )
    agreed = pl.col("output").n_unique().over("key") == 1
    found = kept(rejects, found, agreed, "same input, contradicting outputs")
    found = found.sort("key", "tier", "row", descending=[False, True, False])
    once = found.unique("key", keep="first", maintain_order=True)
    found = kept(rejects, found, once, "input given again, in another setting")
    if found.is_empty():
        raise unusable(rows, "input", rejects)
    found = found.rename({"options": "choices"})
    return Content(ringed(found, "key", limit), revision, rejects)


#: How rows are called in `source_rows`.
NAMED = {"rows": _row()}


def of_task(t: Content, task: str) -> pl.DataFrame:
    """The inputs of a task."""
    return t.rows.filter(pl.col("task") == task)


def usable(draw: Draw, frame: pl.DataFrame, which: pl.Expr, reason: str) -> pl.DataFrame:
    """The rows that fulfil `which`; the others are counted under the reason."""
    remaining = frame.filter(which)
    draw.drop(reason, len(frame) - len(remaining))
    return remaining


def member(name: str, of: str | None = None) -> pl.Expr:
    """A member of the JSON object `input` (or of its member `of`) as text; null where it is none,
    or the input is no JSON."""
    path = "".join(f"['{part}']" for part in (of, name) if part)
    return pl.col("input").str.json_path_match(f"${path}")


def cleaned(frame: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """These columns of str as plain text, null where they say that they are missing."""
    frame = frame.with_columns(clean(frame[name]) for name in columns)
    return frame.with_columns(
        pl.when(~pl.col(name).str.to_lowercase().is_in(MISSING)).then(name).alias(name)
        for name in columns
    )


def entries(
    frame: pl.DataFrame, column: str, read: Callable[[str], Any], mark: str | None = None
) -> pl.DataFrame:
    """A row (`key`, `place`, `mark`, `text`) for each entry of a column that holds a list as text.

    read: its parser. mark: a pattern of what precedes an entry and a colon, taken off it. A column
    that does not hold a list of strings has no entries.
    """
    listed = pl.Series("text", [_strings(text, read) for text in frame[column]], pl.List(_S))
    found = frame.select("key", pl.int_ranges(listed.list.len()).alias("place"), listed)
    found = found.explode("place", "text").drop_nulls("text")
    if mark:
        marked, text = rf"^\s*({mark}):\s", pl.col("text")
        found = found.with_columns(
            text.str.extract(marked).alias("mark"), text.str.replace(marked, "")
        )
    return cleaned(found, "text").drop_nulls("text")


def _strings(text: str | None, read: Callable[[str], Any]) -> list[str]:
    try:
        value = read(text or "")
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    told = isinstance(value, list) and all(isinstance(one, str) for one in value)
    return value if told else []


def anchored(draw: Draw, rows: pl.DataFrame, said: str, *keys: pl.Expr) -> pl.DataFrame:
    """The inputs to ask about, those of split train first, then val, then test.

    said: the column of their main text. keys: what they touch.
    """
    return draw.first(rows, "key", tiers="tier").with_columns(
        pl.lit("en").alias("language"),
        pl.col(said).alias("said"),
        pl.concat_list("row").alias("rows"),
        pl.concat_list(keys).alias("keys"),
    )


def product_key(title: pl.Expr) -> pl.Expr:
    """There are no product ids: a product is known by its title."""
    return pl.format("product:{}", hashed(squeezed(title)))


def query_key(query: str = "query") -> pl.Expr:
    """As for ESCI, whose queries these are."""
    return pl.format("query:{}", pl.col(query).str.to_lowercase())


def review_key(text: pl.Expr) -> pl.Expr:
    """A review is known by its text."""
    return pl.format("review:{}", hashed(squeezed(text)))


def as_options(
    found: pl.DataFrame, reason: str, keys: pl.Expr | None = None, rows: pl.Expr | None = None
) -> pl.DataFrame:
    """Candidates out of `key`, `text`, `priority` and `weight`; `reason` is that of weight 0.

    keys, rows: lists of what they touch beyond the anchor's own.
    """
    none = pl.lit([], dtype=pl.List(_S))
    return found.select(
        "key",
        "text",
        pl.col("weight").cast(pl.Float64),
        pl.when(pl.col("weight") == 0).then(pl.lit(reason)).alias("reason"),
        pl.col("priority").cast(pl.Int32),
        (none if rows is None else rows).alias("rows"),
        (none if keys is None else keys).alias("keys"),
    )
