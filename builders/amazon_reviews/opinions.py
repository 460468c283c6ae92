"""What reviews say of aspects: sets 2 and 3. Both ask an LLM about the same reviews."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from builders.amazon_reviews.aspects import REVIEW_ASPECTS, WORDS, items, named, silent
from builders.amazon_reviews.kinds import credited, kinds
from builders.amazon_reviews.reviews import options_of, plain
from builders.amazon_reviews.tables import Tables, product_row, touched
from builders.draw import Draw, hashed, ring
from builders.llm.writer import Writer
from builders.options import FEWEST, MAX_RIGHT, compose, counts
from builders.text import squeezed

#: Set 3 has so many options.
ASPECTS = 10
#: Snippets for a question come from reviews asked about before it, so that a small draw begins a
#: large one. The first question has so many reviews before it: the first on the ring that are worth
#: asking about. An LLM is asked about each of these, however few questions are wanted.
POOLED = 200
#: Reviews before it that are looked at for a question's wrong snippets.
_EARLIER = 96
#: Wrong snippets on the aspect that is asked about, at most.
_OPPOSITE = 3
#: Wrong aspects are drawn from what so many reviews have words of, so often for a question.
_NEIGHBOURS, _FAR = 4_000, 40
#: Whose answers a question is made of: a type, and what a review says.
_ABOUT = ("kind", "told")
_CREDIT = tuple(f"{name}_{what}" for name in _ABOUT for what in ("call", "by"))
_SHOWN = (
    "review", "place", "product_type", "text", "row", "parent_asin", "user_id", "stars", "aspects",
    "flaw", *_CREDIT,
)  # fmt: skip
_GROUP = ("product_type", "aspect", "sentiment")


def _worth(t: Tables, rows: pl.DataFrame, least: int, judged: bool) -> pl.DataFrame:
    """Clean reviews with their product's title as `of`, the sentiment of their `stars`, and whether
    they are `fit`: worth a question, with words of so many aspects at least and, where they are to
    be `judged`, other than three stars."""
    products = t.products.select("product", pl.col("title").alias("of"))
    found = plain(rows).join(products, on="product", how="left", maintain_order="left")
    worth = (named(pl.col("text")).list.len() >= least) & pl.col("of").is_not_null()
    worth = worth & pl.col("unfit").is_null() & ((pl.col("rating") != 3) | (not judged))
    good = pl.when(pl.col("rating") > 3).then(pl.lit("positive")).otherwise(pl.lit("negative"))
    found = found.with_columns(worth.fill_null(False).alias("fit"), good.alias("stars"))
    return found.drop("unfit")


def _drawn(t: Tables, draw: Draw, writer: Writer, least: int, judged: bool) -> pl.DataFrame:
    """The next reviews, told: an anchor each."""
    sample = replace(t.told, rows=_worth(t, t.told.rows, least, judged))
    stars = ", three stars" if judged else ""
    reason = f"review without product title, too short{stars}, or words of under {least} aspects"
    told = _told(sample.first_fit(draw, "review", reason), writer, draw.set)
    return told.with_columns(
        pl.col("review").cast(pl.String).alias("key"),
        pl.lit("en").alias("language"),
        pl.col("text").alias("said"),
        pl.lit("train").alias("split"),
        pl.concat_list("row", product_row()).alias("rows"),
        touched("parent_asin", "user_id"),
    )


def _told(rows: pl.DataFrame, writer: Writer, label: str) -> pl.DataFrame:
    """Reviews with `product_type`, `aspects` and who told them, or a `flaw`."""
    typed = rows.join(kinds(rows["of"], writer, label), on="of", how="left", maintain_order="left")
    typed = typed.rename({"kind": "product_type"})
    asked = typed.filter(pl.col("kind_flaw").is_null()).select("review", "product_type", "text")
    told = writer.label(REVIEW_ASPECTS, asked, label)
    told = told.rename({"call": "told_call", "generator": "told_by"}).drop("product_type", "text")
    found = typed.join(told, on="review", how="left", maintain_order="left")
    return found.with_columns(pl.coalesce("kind_flaw", "flaw").alias("flaw"))


def snippets_for_aspect(t: Tables, draw: Draw, writer: Writer) -> pl.DataFrame:
    """2: one to three snippets on an aspect, from reviews of products of a type."""
    pool = _worth(t, t.pool, 2, judged=True).filter("fit").head(POOLED)
    pool = _told(pool, writer, draw.set)
    # all from the first on: what was drawn in earlier rounds comes out of the ledger
    whole = replace(draw, skip=0, limit=draw.skip + draw.limit)
    drawn = _drawn(t, whole, writer, 2, judged=True)
    drawn = drawn.with_columns((pl.col("order") + len(pool)).alias("turn"))
    pool = pool.with_columns(pl.int_range(pl.len()).alias("turn"))
    said = _snippets(pl.concat([one.select("turn", *_SHOWN) for one in (pool, drawn)]))
    hash_ = draw.hash("snippet", pl.col("turn"), pl.col("aspect"), pl.col("snippet"))
    own = said.filter("firm").with_columns(hash_.alias("hash")).sort("turn", "hash", "sentiment")
    own = own.unique("turn", keep="first", maintain_order=True)
    own = own.select("turn", "aspect", "sentiment", "snippet")
    drawn = drawn.filter(pl.col("order") >= draw.skip)
    anchors = drawn.join(own, on="turn", how="left", maintain_order="left")
    unborne = pl.lit("no snippet whose words and stars bear out its aspect and sentiment")
    anchors = anchors.with_columns(
        *counts(draw),
        pl.coalesce("flaw", pl.when(pl.col("aspect").is_null()).then(unborne)).alias("unfit"),
    )
    asked = anchors.filter(pl.col("unfit").is_null())
    found = [_right(draw, asked, said), _wrong(draw, asked, said)]
    candidates = options_of(pl.concat(found, how="vertical_relaxed"), *_CREDIT)
    candidates = candidates.rename({name: f"options_{name}" for name in _CREDIT})
    return credited(compose(draw, anchors, candidates, "count", least=FEWEST), *_ABOUT)


def _snippets(told: pl.DataFrame) -> pl.DataFrame:
    """What reviews say, a row a snippet. It may be shown if it is `firm`: its words bear out the
    aspect, and words and stars the sentiment."""
    found = items(told.filter(pl.col("flaw").is_null()))
    agrees = pl.col("leaning").fill_null(pl.col("sentiment")) == pl.col("sentiment")
    return found.with_columns(
        squeezed(pl.col("snippet")).alias("same"),
        silent(pl.col("snippet")).alias("silent"),
        (pl.col("borne") & agrees & (pl.col("stars") == pl.col("sentiment"))).alias("firm"),
    )


_CANDIDATE = ("key", "row", "parent_asin", "user_id", *_CREDIT)


def _right(draw: Draw, asked: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """The review's own snippet, then others on the aspect, of earlier products of the type."""
    before = asked.select("key", "right", pl.col("turn", "review").name.prefix("own_"), *_GROUP)
    others = before.join(said.filter("firm"), on=list(_GROUP)).filter(
        pl.col("turn") < pl.col("own_turn"), pl.col("review") != pl.col("own_review")
    )
    others = others.sort("key", "same", "turn", "snippet")
    others = others.unique(["key", "same"], keep="first", maintain_order=True)
    hash_ = draw.hash("right", pl.col("key"), pl.col("same")).alias("hash")
    others = others.with_columns(hash_).sort("key", "hash")
    others = others.filter(pl.int_range(pl.len()).over("key") < pl.col("right") - 1)
    return pl.concat(
        frame.select(
            *_CANDIDATE,
            pl.col("snippet").alias("text"),
            pl.lit(1.0).alias("weight"),
            pl.lit(None, pl.String).alias("reason"),
            pl.lit(0).alias("priority"),
        )
        for frame in (asked, others)
    )


def _wrong(draw: Draw, asked: pl.DataFrame, said: pl.DataFrame) -> pl.DataFrame:
    """Earlier snippets on other aspects, which have no word of this one, and some that say the
    opposite of it; those of products of the type come first, then those of the category."""
    numbers = pl.DataFrame({"number": range(_EARLIER)})
    own = asked.select("key", pl.col("turn", "review", "place", *_GROUP).name.prefix("own_"))
    found = own.join(numbers, how="cross").with_columns(
        (draw.hash("earlier", pl.col("key"), pl.col("number")) % pl.col("own_turn")).alias("turn")
    )
    found = found.select(*own.columns, pl.col("turn").cast(pl.Int64)).unique()
    found = found.join(said.filter("firm"), on="turn")
    found = found.filter(pl.col("review") != pl.col("own_review")).with_columns(
        pl.when(pl.col("silent").list.contains(pl.col("own_aspect")))
        .then(pl.lit("other_aspect"))
        .when(
            pl.col("aspect") == pl.col("own_aspect"),
            pl.col("sentiment") != pl.col("own_sentiment"),
            pl.col("leaning").is_not_null(),
        )
        .then(pl.lit("other_sentiment"))
        .alias("reason")
    )
    found = found.drop_nulls("reason").sort("key", "same", "turn", "reason", "aspect", "snippet")
    found = found.unique(["key", "same"], keep="first", maintain_order=True)
    labelled = own.join(
        said.select("same", "turn", pl.col("aspect", "sentiment").name.prefix("own_")),
        on=["own_aspect", "own_sentiment"],
    ).filter(pl.col("turn") <= pl.col("own_turn"))
    found = found.join(labelled, on=["key", "same"], how="anti")
    hash_ = draw.hash("wrong", pl.col("key"), pl.col("same")).alias("hash")
    found = found.with_columns(hash_).sort("key", "reason", "hash")
    opposite = pl.col("reason") == "other_sentiment"
    found = found.filter(~opposite | (pl.int_range(pl.len()).over("key", "reason") < _OPPOSITE))
    return found.select(
        *_CANDIDATE,
        pl.col("snippet").alias("text"),
        pl.lit(0.0).alias("weight"),
        "reason",
        pl.when(opposite)
        .then(1)
        .when(pl.col("product_type") == pl.col("own_product_type"))
        .then(2)
        .when(pl.col("place") == pl.col("own_place"))
        .then(3)
        .otherwise(4)
        .alias("priority"),
    )


def aspects_of_review(t: Tables, draw: Draw, writer: Writer) -> pl.DataFrame:
    """3: one to three aspects that a review covers, among others that it has no word of."""
    drawn = _drawn(t, draw, writer, 3, judged=False)
    told = drawn.filter(pl.col("flaw").is_null())
    borne = items(told).filter("borne").select("key", "aspect").unique()
    borne = borne.with_columns(draw.hash("right", pl.col("key"), pl.col("aspect")).alias("hash"))
    borne = borne.sort("key", "hash").filter(pl.int_range(pl.len()).over("key") < MAX_RIGHT)
    right = borne.select(
        "key", "aspect", pl.lit(1.0).alias("weight"), pl.lit(None, pl.String).alias("reason"),
        pl.lit(0).alias("priority"),
    )  # fmt: skip
    unborne = pl.lit("no snippet whose words bear out its aspect")
    anchors = drawn.with_columns(
        pl.coalesce("flaw", pl.when(~pl.col("key").is_in(borne["key"].implode())).then(unborne))
        .alias("unfit")
    )  # fmt: skip
    asked = anchors.filter(pl.col("unfit").is_null())
    wrong = _uncovered(t, draw, asked)
    none = pl.lit([], pl.List(pl.String))
    candidates = pl.concat([right, wrong], how="vertical_relaxed").select(
        "key", pl.col("aspect").alias("text"), "weight", "reason",
        pl.col("priority").cast(pl.Int32), none.alias("rows"), none.alias("keys"),
    )  # fmt: skip
    return credited(compose(draw, anchors, candidates, ASPECTS), *_ABOUT)


def _uncovered(t: Tables, draw: Draw, asked: pl.DataFrame) -> pl.DataFrame:
    """Aspects that neither words nor the LLM find in a review: first those that other reviews of
    the category have words of, as often as these do."""
    pool = t.pool.head(_NEIGHBOURS).select("review", "place", named(pl.col("text")).alias("aspect"))
    pool = pool.explode("aspect").drop_nulls("aspect")
    pool = pool.with_columns(ring(hashed(pl.col("review"), pl.col("aspect"))).alias("ring"))
    near = draw.partners(
        asked.select("key", "place"), pool.drop("review").sort("ring", "aspect"), _FAR, ["place"],
        "aspect",
    )  # fmt: skip
    every = asked.select("key").join(pl.DataFrame({"aspect": list(WORDS)}), how="cross")
    found = pl.concat(
        [near.select("key", "aspect", "turn"), every.with_columns(turn=_FAR)],
        how="vertical_relaxed",
    )
    found = found.group_by("key", "aspect").agg(pl.col("turn").min() + 1)
    told = asked.select("key", silent(pl.col("text")).alias("silent"), "aspects")
    found = found.join(told, on="key").filter(
        pl.col("silent").list.contains(pl.col("aspect")),
        ~pl.col("aspects")
        .list.eval(pl.element().struct.field("aspect"))
        .list.contains(pl.col("aspect")),
    )
    return found.sort("key", "aspect").select(
        "key", "aspect", pl.lit(0.0).alias("weight"), pl.lit("not_covered").alias("reason"),
        pl.col("turn").alias("priority"),
    )  # fmt: skip
