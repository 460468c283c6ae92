"""Values of a product's attributes, as its texts have them: set 11."""

from __future__ import annotations

import polars as pl

from builders.draw import Draw
from builders.ecinstruct.inputs import (
    UNREAD,
    anchored,
    cleaned,
    member,
    of_task,
    product_key,
    usable,
)
from builders.source import Content
from builders.text import cut

#: What is shown of a product beside its title, and how much of it.
SHOWN = {"brand": 100, "price": 50, "description": 1_200, "feature": 1_200}
#: Of "golf sandal", readers name either word or both as the type.
VAGUE = ("type", "style", "design", "silhouette")
#: Why an attribute of a product cannot be asked for.
NO_VALUE = "attribute without a value"
DIFFERENT = "fields tell the value in different words"
UNSURE = "an attribute that several phrases fit"
COMMA = "a value holds a comma, which parts values in an answer"
ABSENT = "a value does not stand in the text"
NESTED = "a value is a part of another"

# A list of flat objects, which is all that polars' reader of lists takes.
_FLAT = r"^\[\{[^{}\[\]]*\}(?:,\{[^{}\[\]]*\})*\]$"
_TITLE = "product title"
# What the shop adds to the features says nothing of the product.
_LISTING = (
    r"(?s)(?:,\s*|^)(?:(?:Package|Product) Dimensions|Shipping Weight|ASIN|Item model number"
    r"|(?:Domestic|International) Shipping|Date first listed on Amazon"
    r"|Average Customer Review): .*$"
)
_FINDING = pl.Struct(dict.fromkeys(("attribute", "value", "source"), pl.String()))


def attribute_value(t: Content, draw: Draw) -> pl.DataFrame:
    """11: one question for each product and attribute that has a value.

    Raters marked each field for itself. Where the fields tell a value in different words ("boot"
    and "boots") only the title is shown, if it tells one.
    """
    names = ("title", *SHOWN)
    products = of_task(t, "Attribute_Value_Extraction").with_columns(
        member(f"product {name}").alias(name) for name in names
    )
    products = cleaned(products.with_columns(pl.col("feature").str.replace(_LISTING, "")), *names)
    products = usable(draw, products, pl.col("title").is_not_null(), UNREAD)
    values = _values(products)
    readable = pl.col("key").is_in(values["key"].unique().implode())
    products = usable(draw, products, readable, "output cannot be read")
    rows = (
        _asked(draw, values)
        .join(_texts(products), on="key")
        .with_columns(
            pl.format("{}/{}", "key", "attribute").alias("key"),
            pl.when("agreed").then("whole").otherwise("alone").alias("product"),
        )
    )
    anchors = anchored(draw, rows, "product", product_key(pl.col("title")))
    spelt = [_spelt(text, told) for text, told in anchors.select("product", "values").iter_rows()]
    return anchors.with_columns(
        pl.Series("truth", [truth for truth, _ in spelt], dtype=pl.List(pl.String)),
        pl.Series("reject", [reason for _, reason in spelt], dtype=pl.String),
    )


def _texts(products: pl.DataFrame) -> pl.DataFrame:
    """Adds a product in lines: its title `alone`, and the `whole` of it."""
    title = pl.format("title: {}", "title")
    lines = []
    for name, chars in SHOWN.items():
        short = [text and cut(text, chars) for text in products[name]]
        lines.append(pl.format(f"{name}: {{}}", pl.Series(short, dtype=pl.String)))
    whole = pl.concat_str(title, *lines, separator="\n", ignore_nulls=True)
    return products.with_columns(title.alias("alone"), whole.alias("whole"))


def _values(products: pl.DataFrame) -> pl.DataFrame:
    """What the output says: `key`, `attribute`, `value` (null: it has none), `source`."""
    plain = pl.col("output").str.json_path_match("$")
    flat = pl.when(plain.str.contains(_FLAT)).then(plain)
    found = products.select("key", flat.str.json_decode(pl.List(_FINDING)).alias("found"))
    found = found.explode("found").unnest("found")
    found = cleaned(found, "attribute", "value").drop_nulls("attribute")
    return found.with_columns(pl.col("value").str.to_lowercase())


def _asked(draw: Draw, values: pl.DataFrame) -> pl.DataFrame:
    """Products and attributes (`key`, `attribute`) with their `values`, which are those of each
    field that tells any (`agreed`), or else the title's."""
    pairs = values.group_by("key", "attribute", maintain_order=True)
    told = pl.col("value").is_not_null()
    valued = usable(draw, pairs.agg(told.any()), pl.col("value"), NO_VALUE)
    sets = pl.col("value").unique().sort()
    fields = values.filter(told).group_by("key", "attribute", "source").agg(sets.alias("values"))
    fields = fields.sort("key", "attribute", pl.col("source") != _TITLE, "source")
    found = fields.group_by("key", "attribute", maintain_order=True).agg(
        (pl.col("values").list.join("\n").n_unique() == 1).alias("agreed"),
        pl.col("values", "source").first(),
    )
    found = valued.drop("value").join(found, on=["key", "attribute"], maintain_order="left")
    found = usable(draw, found, ~pl.col("attribute").str.to_lowercase().is_in(VAGUE), UNSURE)
    titled = pl.col("source") == _TITLE
    found = usable(draw, found, pl.col("agreed") | titled, DIFFERENT)
    return found.drop("source")


def _whole(text: str, value: str) -> int:
    """Where a value stands in a text as whole words, or -1."""
    at = text.find(value)
    while at >= 0:
        around = text[max(at - 1, 0) : at] + text[at + len(value) : at + len(value) + 1]
        if not any(one.isalnum() or one == "_" for one in around):
            break
        at = text.find(value, at + 1)
    return at


def _spelt(text: str, values: list[str]) -> tuple[list[str] | None, str | None]:
    """The values as the text spells them, in its order; or why they cannot be asked for."""
    if any("," in value for value in values):
        return None, COMMA
    if any(one != other and one in other for one in values for other in values):
        return None, NESTED
    plain = text.lower()
    if len(plain) != len(text):  # a letter that lower case writes as two
        plain = text
    found = [(_whole(plain, one), one) for one in values]
    places = sorted((at, text[at : at + len(one)]) for at, one in found if at >= 0)
    if len(places) < len(values):
        return None, ABSENT
    return [spelling for _, spelling in places], None
