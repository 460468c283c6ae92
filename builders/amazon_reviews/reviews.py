"""Questions on the reviews themselves: sets 7 and 36, and whose review it is."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from builders.amazon_reviews.tables import Tables, once, product_row, touched
from builders.draw import Draw, Exhausted
from builders.options import compose
from builders.shopbench import RANKED
from builders.text import NEAR, clean, jaccard, words

CHOICES = 4
#: So many characters are left of a review when it is clean, or it says too little.
LEAST_CHARS = 30
#: Options are never cut: this is the longest review as published, a little more than cleaned.
MAX_REVIEW_CHARS = 600
#: By so many words of the product's title its own review stands out from others.
CLEARLY = 2
#: Neighbours in a ranking differ by this share of the lower one's votes, and by two at least.
GAP = 0.5
#: Reviews by chance that are looked at for a question.
_FAR = 24
TOO_LITTLE = "too little text"
REPEATED = "review given twice"

_VIDEO = r"\[\[VIDEOID:[^\]]*\]\]"
_NUMBER = r"(?:zero|no|one|two|three|four|five|half|\d+(?:\.\d+)?)"
_STAR = r"(?:stars?|estrellas?|étoiles?|sterne|stelle)(?:[^\w-]|-\W|-rat|$)"
#: What says the stars of a review; something star-shaped does not.
SAYS_STARS = (
    rf"(?i)\b(?:{_NUMBER}|a|all|cinco)(?:\s+(?:full|whole|half|big|solid))?[\s-]*{_STAR}"
    rf"|\b{_NUMBER}\s+\w+\s+stars\b|\b(?:[0-5]|two|three|four|five)\s*starts\b"
    r"|\b(?:few|less|fewer)\s+stars\b|\bstars?\s+(?:off|less|down)\b|[\x{2729}-\x{2730}★☆⭐🌟]"
    rf"|\b{_NUMBER}\s*(?:/|out of)\s*(?:5|10|five|ten)\b"
    r"|\bstars?\b[^.!?]{0,20}\b[0-5]\b|\b[1-5]\s?\*"
    r"|\b(?:minus|negative|lost?|deducted|took off|knocked off)\b[^.!?]{0,20}\bstars?\b"
    rf"|\b(?:giv(?:e|ing)|gave|rat(?:e|ed|ing))\s+(?:\w+\s+)?(?:a|an)\s+(?:solid\s+)?{_NUMBER}\b"
    r"|\brat(?:e|ed|ing)(?:\W+(?:it|this|them|these|is|of|at))?\W+[0-5](?:\.\d)?\b"
)


def plain(rows: pl.DataFrame) -> pl.DataFrame:
    """Reviews with clean `title` and `text`, and why they are `unfit`, or null."""
    texts = rows["text"].str.replace_all(_VIDEO, " ")
    found = rows.with_columns(clean(rows["title"]), clean(texts))
    short = pl.col("text").str.len_chars().fill_null(0) < LEAST_CHARS
    return found.with_columns(
        pl.when("repeated")
        .then(pl.lit(REPEATED))
        .when(short | (pl.col("text").str.count_matches(r"\p{L}") < LEAST_CHARS // 2))
        .then(pl.lit(TOO_LITTLE))
        .alias("unfit")
    )


def _asked(anchors: pl.DataFrame, said: str) -> pl.DataFrame:
    """What every question on a review has."""
    return anchors.with_columns(
        pl.lit("en").alias("language"), pl.col(said).alias("said"), pl.lit("train").alias("split")
    )


def rating_of_review(t: Tables, draw: Draw) -> pl.DataFrame:
    """7: the stars, each of the five in turn; nothing shown says them."""
    # a review may be given again with other stars
    rows = once(pl.concat([sample.rows for sample in t.rated.values()]))
    drawn = draw.first(rows, "review", strata="rating")
    _enough(t, draw, rows)
    found = plain(drawn)
    telling = pl.col("title").str.contains(SAYS_STARS).fill_null(False)
    tells = pl.col("text").str.contains(SAYS_STARS)
    return _asked(found, "text").with_columns(
        pl.col("review").cast(pl.String).alias("key"),
        pl.when(~telling).then("title").alias("title"),
        pl.col("rating").cast(pl.Int64).alias("truth"),
        pl.concat_list("row").alias("rows"),
        touched("parent_asin", "user_id"),
        pl.coalesce("unfit", pl.when(tells).then(pl.lit("text says its stars"))).alias("reject"),
    )


def _enough(t: Tables, draw: Draw, rows: pl.DataFrame) -> None:
    """Raises `Exhausted` where stars have come to an end of which not all reviews were kept."""
    all_drawn = replace(draw, skip=0, limit=draw.skip + draw.limit, dropped={})
    used = all_drawn.first(rows, "review", strata="rating")["rating"].value_counts()
    counts = dict(used.iter_rows())
    for stars, sample in t.rated.items():
        if not sample.whole and counts.get(stars, 0) == len(sample.rows):
            raise Exhausted(draw.set)


def review_of_product(t: Tables, draw: Draw) -> pl.DataFrame:
    """Which review was written for a product: its own names two words more of the title."""
    drawn = plain(t.written.first(draw, "review"))
    product = t.products.select("product", pl.col("title").alias("named"), "words")
    drawn = drawn.join(product, on="product", how="left", maintain_order="left")
    telling = words(pl.col("text")).list.set_intersection("words").list.len()
    anchors = _asked(drawn, "text").with_columns(
        pl.col("review").cast(pl.String).alias("key"),
        telling.fill_null(0).alias("telling"),
        pl.concat_list("row", product_row()).alias("rows"),
        touched("parent_asin", "user_id"),
    )
    anchors = anchors.with_columns(
        pl.when(pl.col("named").is_null())
        .then(pl.lit("product without title"))
        .when(pl.col("telling") < CLEARLY)
        .then(pl.lit("review has fewer than two words of its product's title"))
        .otherwise("unfit")
        .alias("unfit")
    )
    fit = anchors.filter(pl.col("unfit").is_null())
    right = fit.select(
        "key",
        "text",
        "row",
        "parent_asin",
        "user_id",
        pl.lit(1.0).alias("weight"),
        pl.lit(None, pl.String).alias("reason"),
        pl.lit(0).alias("priority"),
    )
    found = pl.concat([right, _others(t, draw, fit).select(right.columns)], how="vertical_relaxed")
    return compose(
        draw,
        anchors.with_columns(pl.col("named").alias("product")),
        options_of(found),
        CHOICES,
        chars=MAX_REVIEW_CHARS,
    )


def _others(t: Tables, draw: Draw, anchors: pl.DataFrame) -> pl.DataFrame:
    """Reviews of unlike products of the category, those of about the same length first."""
    asked = anchors.select(
        "key",
        "telling",
        pl.col("product").alias("own"),
        pl.col("words").alias("asked"),
        pl.col("text").str.len_chars().alias("length"),
    )
    pool = t.pool.select("review", "place", "ring")
    found = draw.partners(anchors.select("key", "place"), pool, _FAR, ["place"], "review")
    found = found.select("key", "review").unique(maintain_order=True)
    shown = t.pool.join(found.select("review").unique(), on="review", how="semi")
    shown = plain(shown).filter(pl.col("unfit").is_null())
    shown = shown.join(t.products.select("product", "words"), on="product")
    shown = shown.with_columns(words(pl.col("text")).alias("said"))
    found = found.join(shown, on="review").join(asked, on="key")
    common = pl.col("said").list.set_intersection("asked").list.len()
    found = found.filter(
        pl.col("product") != pl.col("own"),
        jaccard(pl.col("words"), pl.col("asked")) < NEAR,
        common + CLEARLY <= pl.col("telling"),
    )
    apart = (pl.col("text").str.len_chars().cast(pl.Int64) - pl.col("length")).abs()
    return found.sort("key", "review").with_columns(
        pl.lit(0.0).alias("weight"),
        pl.lit("other_product").alias("reason"),
        (apart // 50 + 1).alias("priority"),
    )


def options_of(found: pl.DataFrame, *more: str) -> pl.DataFrame:
    """Candidate options that are reviews, or quoted from them."""
    return found.select(
        "key",
        "text",
        "weight",
        "reason",
        pl.col("priority").cast(pl.Int32),
        pl.concat_list("row").alias("rows"),
        touched("parent_asin", "user_id").alias("keys"),
        *more,
    )


def rank_reviews_by_helpfulness(t: Tables, draw: Draw) -> pl.DataFrame:
    """36: five reviews of a product, their votes clearly apart."""
    drawn = _voted(t, draw).with_columns(pl.col("product").cast(pl.String).alias("key"))
    known = t.products.select("product", "parent_asin", pl.col("title").alias("named"))
    drawn = drawn.join(known, on="product", how="left", maintain_order="left")
    rows = t.votes.drop("parent_asin", "title").join(drawn, on="product")
    shown = plain(rows.with_columns(pl.lit(None, pl.String).alias("title")))
    shown = shown.filter(pl.col("unfit").is_null()).with_columns(
        draw.hash("vote", pl.col("key"), pl.col("review")).alias("hash")
    )
    shown = shown.sort("key", "helpful_vote", "hash")
    shown = shown.unique(["key", "helpful_vote"], keep="first", maintain_order=True)
    votes = shown.group_by("key", maintain_order=True).agg("helpful_vote")
    chosen = [_apart(of.to_list()) for of in votes["helpful_vote"]]
    votes = votes.with_columns(pl.Series("helpful_vote", chosen, pl.List(pl.Int64)))
    votes = votes.filter(pl.col("helpful_vote").list.len() == RANKED).explode("helpful_vote")
    found = shown.join(votes, on=["key", "helpful_vote"]).sort("key", "helpful_vote")
    place = pl.int_range(pl.len()).over("key")
    top = place == RANKED - 1
    found = found.with_columns(
        place.cast(pl.Float64).alias("weight"),
        pl.when(~top).then(pl.lit("fewer_votes")).alias("reason"),
        pl.lit(0).alias("priority"),
        # an older review had more time to be found helpful
        ((pl.col("timestamp").max() - pl.col("timestamp")).over("key") // _DAY).alias("age"),
    )
    said = found.group_by("key").agg(pl.col("text").sort_by("weight").str.join(" ").alias("said"))
    anchors = _asked(
        drawn.join(said, on="key", how="left", maintain_order="left"), "said"
    ).with_columns(
        pl.col("named").alias("product"),
        pl.concat_list(product_row()).alias("rows"),
        touched("parent_asin"),
        pl.when(pl.col("named").is_null())
        .then(pl.lit("product without title"))
        .when(pl.col("said").is_null())
        .then(pl.lit("fewer than 5 reviews with votes clearly apart"))
        .alias("unfit"),
    )
    return compose(draw, anchors, options_of(found, "age"), RANKED, chars=MAX_REVIEW_CHARS)


def _voted(t: Tables, draw: Draw) -> pl.DataFrame:
    """The next products whose reviews have five different vote counts; the others are counted."""
    return t.voted.first_fit(draw, "product", "product with fewer than 5 different vote counts")


#: Milliseconds.
_DAY = 86_400_000


def _apart(votes: list[int]) -> list[int]:
    """Five of ascending votes, spread over a chain of which each is clearly above the one before;
    fewer where the chain is shorter."""
    chain = votes[:1]
    for vote in votes[1:]:
        if vote >= chain[-1] + max(2, GAP * chain[-1]):
            chain.append(vote)
    if len(chain) < RANKED:
        return []
    return [chain[round(i * (len(chain) - 1) / (RANKED - 1))] for i in range(RANKED)]
