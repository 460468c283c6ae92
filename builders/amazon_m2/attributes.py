"""Which type of product may have an attribute: set 1.

The LLM labels products with their type, department and attributes. The right type is that of a
product whose text tells the attribute's value. Wrong ones are drawn from a fixed pool of products,
labelled in the same way, and are of departments in which nothing has such an attribute. What fits
any product is not asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import polars as pl
from pydantic import Field

from builders.amazon_m2.measures import fits
from builders.amazon_m2.shown import OF_ONE, british, generator, labelled, of_one, origin, shown
from builders.amazon_m2.tables import Tables
from builders.draw import Draw
from builders.llm.product_type import PRODUCT_TYPE
from builders.llm.request import Sampling
from builders.llm.task import Answered, Phrase, Task, occurs
from builders.llm.writer import Writer
from builders.options import compose
from builders.text import words

REASONS = {
    "no_such_attribute": "a type of a department in which no labelled product has an attribute of "
    "this name, or of another name with a telling word of it",
}
CHOICES = 4
#: Wrong types are those of the first so many products on the ring; each is asked about twice.
POOL = 300
#: A department with a smaller share of the pool says nothing by what it lacks.
LEAST = 0.05
#: An attribute that the pool has in more departments than this may fit any.
WIDESPREAD = 3
#: One to three words.
_NAME = r"^[a-z][a-z'’-]+(?: [a-z'’-]+){0,2}$"

#: Attributes of these words alone fit any product.
GENERIC = frozenset(
    "age|amount|appearance|area|art|attribute|benefit|brand|capability|category|certification|"
    "character|characteristic|class|colour|color|compatibility|component|condition|construction|"
    "content|contents|count|country|craftsmanship|depth|description|design|detail|diameter|"
    "dimension|durability|feature|finish|form|format|function|gender|grade|group|height|included|"
    "item|kind|length|level|look|made|main|maker|manufacturer|material|max|maximum|min|minimum|"
    "mode|model|name|number|occasion|option|origin|pack|package|packaging|part|pattern|person|"
    "piece|place|price|product|property|purpose|quality|quantity|range|rating|recommended|room|"
    "series|set|shape|size|space|special|specification|style|suitability|suitable|surface|target|"
    "theme|thickness|time|title|total|type|unit|usage|use|user|value|variant|version|volume|"
    "warranty|weight|width|year".split("|")
)
_GENERIC = sorted(word.removesuffix("s") for word in GENERIC)  # as `words` has them


class Attribute(Answered):
    """One line of a table of details; a name fits better that comes after its value."""

    value: Phrase
    name: Phrase


class Attributes(Answered):
    """What is told of a product."""

    attributes: Annotated[list[Attribute], Field(min_length=1, max_length=3)]


def _check(answer: Attributes, seed: Mapping[str, Any]) -> str | None:
    texts = (seed["title"], seed["description"])
    if not any(occurs(one.value, *texts) for one in answer.attributes):
        return "no value of an attribute stands in the text"
    return None


#: Asked about columns `title` and `description`.
ATTRIBUTES = Task("attributes", Attributes, Sampling(140), _check)


def category_with_attribute(t: Tables, draw: Draw, writer: Writer) -> pl.DataFrame:
    """1: of four types of products, the one that may have an attribute."""
    products = british(t)
    pool = _labelled(products.head(POOL), draw, writer).filter(pl.col("unfit").is_null())
    found = _labelled(draw.first(products, "product"), draw, writer)
    anchors = _asked(draw, found, _departments(pool))
    wrong = _wrong(anchors.filter(pl.col("unfit").is_null()), pool)
    right = anchors.select(
        "key",
        pl.col("product_type").alias("text"),
        pl.lit(1.0).alias("weight"),
        pl.lit(None, pl.String).alias("reason"),
        pl.lit(0, pl.Int32).alias("priority"),
        "rows",
        "keys",
        pl.col("calls").alias("calls_of"),
        pl.col("generators").alias("by"),
    ).drop_nulls("text")
    chosen = compose(draw, anchors, pl.concat([right, wrong]), CHOICES)
    return chosen.with_columns(
        _flat("calls", "calls_of").alias("calls"),
        _flat("generators", "by").alias("by"),
    ).with_columns(generator("by"))


def _labelled(rows: pl.DataFrame, draw: Draw, writer: Writer) -> pl.DataFrame:
    """Products as shown, with `product_type` (lower case), its words as `kind`, `category`, and
    `attributes`."""
    found = labelled(writer, PRODUCT_TYPE, shown(rows), draw.set)
    named = found.select("product_type", "brand").iter_rows()
    one = [kind is not None and of_one(kind, brand) for kind, brand in named]
    found = found.with_columns(
        pl.coalesce(
            "unfit",
            pl.when(pl.Series(one, dtype=pl.Boolean)).then(pl.lit(OF_ONE)),
            pl.when(pl.col("category") == "Other").then(pl.lit("product is of no department")),
        ).alias("unfit")
    )
    found = labelled(writer, ATTRIBUTES, found, draw.set)
    kind = pl.col("product_type").str.to_lowercase()
    return found.with_columns(kind, words(kind).alias("kind"))


def _named(rows: pl.DataFrame) -> pl.DataFrame:
    """A row for each attribute: the product's columns, `attribute`, `value`, and `telling`, the
    words of its name that do not fit anything."""
    each = rows.explode("attributes").unnest("attributes")
    name = pl.col("name").str.to_lowercase()
    telling = words(name).list.set_difference(_GENERIC)
    return each.with_columns(name.alias("attribute"), telling.alias("telling")).drop("name")


def _departments(pool: pl.DataFrame) -> pl.DataFrame:
    """By `word` of an attribute's name: `having`, the departments that have it, and `kinds`, the
    words of the types that do."""
    each = _named(pool).explode("telling").drop_nulls("telling")
    return each.group_by(pl.col("telling").alias("word")).agg(
        pl.col("category").unique().alias("having"),
        pl.col("kind").explode().unique().alias("kinds"),
    )


def _asked(draw: Draw, found: pl.DataFrame, departments: pl.DataFrame) -> pl.DataFrame:
    """Each product with one of its attributes, of those that can be asked for; `unfit` says why
    there is none. Added: `having` and `kinds` of the words of its name."""
    each = _named(found.filter(pl.col("unfit").is_null()))
    had = (
        each.select("product", "attribute", pl.col("telling").alias("word"))
        .explode("word")
        .join(departments, on="word")
        .group_by("product", "attribute")
        .agg(pl.col("having", "kinds").explode().unique())
    )
    texts = each.select("value", "title", "description").iter_rows()
    quoted = pl.Series([occurs(*one) for one in texts], dtype=pl.Boolean)
    named = each.select("attribute", "value").iter_rows()
    apt = pl.Series([fits(*one) for one in named], dtype=pl.Boolean)
    name, value = words(pl.col("attribute")), words(pl.col("value"))
    plain = pl.col("attribute").str.contains(_NAME)
    none = pl.lit([], pl.List(pl.String))
    each = each.join(had, on=["product", "attribute"], how="left", maintain_order="left")
    each = each.with_columns(
        pl.col("having", "kinds").fill_null(none),
        pl.concat_list(name, value).alias("said_words"),
        draw.hash("attribute", *(pl.col(n) for n in ("product", "attribute", "value"))).alias(
            "_hash"
        ),
    ).with_columns(
        pl.coalesce(
            pl.when(~quoted).then(pl.lit("value does not stand in the text")),
            pl.when(~plain).then(pl.lit("attribute has no plain name")),
            pl.when(pl.col("telling").list.len() == 0).then(pl.lit("attribute fits anything")),
            pl.when(~apt).then(pl.lit("attribute does not fit its value")),
            pl.when(_common(name, value)).then(pl.lit("attribute's name is its value")),
            pl.when(_common(pl.col("said_words"), pl.col("kind"))).then(
                pl.lit("attribute names the type")
            ),
            pl.when(pl.col("having").list.len() > WIDESPREAD).then(
                pl.lit("attribute of many departments")
            ),
        ).alias("lacks")
    )
    one = each.sort(pl.col("lacks").is_not_null(), "_hash").unique(
        "product", keep="first", maintain_order=True
    )
    one = one.select("product", "attribute", "value", "said_words", "having", "kinds", "lacks")
    return (
        found.drop("attributes")
        .join(one, on="product", how="left", maintain_order="left")
        .with_columns(
            pl.col("product").cast(pl.String).alias("key"),
            pl.coalesce("unfit", "lacks").alias("unfit"),
            *origin(),
        )
    )


def _wrong(anchors: pl.DataFrame, pool: pl.DataFrame) -> pl.DataFrame:
    """Types of the pool, as candidates: of departments without such an attribute, and unlike the
    right type, those that have it, and the words of the question."""
    types = pool.filter(
        pl.len().over("category") >= LEAST * pl.len(),
        pl.col("category").n_unique().over("product_type") == 1,
    ).select(
        pl.col("product_type").alias("text"),
        pl.col("category").alias("department"),
        pl.col("kind").alias("words"),
        pl.concat_list(pl.format("products:{}:{}", "locale", "id")).alias("rows"),
        pl.concat_list(pl.format("product:{}", "id")).alias("keys"),
        pl.col("calls").alias("calls_of"),
        pl.col("generators").alias("by"),
    )
    asked = anchors.select(
        "key",
        "category",
        "having",
        pl.concat_list("kind", "kinds", "said_words").alias("taken"),
    )
    found = asked.join(types, how="cross").filter(
        pl.col("department") != pl.col("category"),
        ~pl.col("having").list.contains(pl.col("department")),
        ~_common(pl.col("words"), pl.col("taken")),
    )
    return found.select(
        "key",
        "text",
        pl.lit(0.0).alias("weight"),
        pl.lit("no_such_attribute").alias("reason"),
        pl.lit(1, pl.Int32).alias("priority"),
        "rows",
        "keys",
        "calls_of",
        "by",
    )


def _common(left: pl.Expr, right: pl.Expr) -> pl.Expr:
    return left.list.set_intersection(right).list.len() > 0


def _flat(own: str, options: str) -> pl.Expr:
    """A list of the question's own, then those of its options, each once."""
    of_options = pl.col(options).list.eval(pl.element().explode()).fill_null([])
    return pl.concat_list(own, of_options).list.drop_nulls().list.unique(maintain_order=True)
