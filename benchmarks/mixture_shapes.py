"""What the samples of v8's sets look like: whom they ask about, and how long their texts are.

Lengths are medians and spreads of samples built from the published rows that were at hand. Of sets
that those few rows do not fill, they are twice those of the demo rows, as they are in the sets of
the same source that can be compared. Nine in ten of MMLU's questions follow a passage of RACE, of
about 1,300 characters. Pools have the published sizes.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Kind:
    """What can be asked about. size: how many there are. keys: the prefix of a key of each, and
    out of how many; popular: whether a few of them have most of the questions."""

    name: str
    size: int
    keys: tuple[tuple[str, int], ...]
    popular: bool = False


@dataclass(frozen=True)
class Text:
    """A text on one thing. chars: the median, of a lognormal distribution with the `spread`.

    of: only so many differ, as do names of types and labels. style: `title`, `body`, or `name`.
    parts: a thing has so many of them, such as bullets. other: it is in another language than its
    question.
    """

    style: str
    chars: int
    spread: float = 0.3
    of: int | None = None
    parts: int = 0
    other: bool = False


@dataclass(frozen=True)
class Asked:
    """Texts in a question. kind: of the things they are on; None: on the anchor alone, or on
    nothing. least, most: how many; None: one, which is no list. near: the share that comes from the
    neighbourhood of the anchor, as what was judged for the same query does. own: what is right is
    on the anchor. nullable: the share that has none."""

    text: Text
    kind: Kind | None = None
    least: int | None = None
    most: int | None = None
    near: float = 0.5
    own: bool = False
    nullable: float = 0.0


@dataclass(frozen=True)
class Shape:
    """A set's questions. right: right options at most. truth: the answer's text, where there are no
    options; `digit`: a number from 1 to 5. calls: of an LLM, for each sample."""

    anchor: Kind
    fields: dict[str, Asked] = field(default_factory=dict)
    options: Asked | None = None
    right: int = 1
    truth: Text | str | None = None
    calls: int = 0


def _asked(chars: int, spread: float = 0.3, style: str = "title", **rest: object) -> Asked:
    """One text on the anchor."""
    return Asked(Text(style, chars, spread, **rest))  # type: ignore[arg-type]


QUERY = Kind("query", 130_000, (("query", 0),))
PRODUCT = Kind("product", 1_800_000, (("product", 0),))
ARTICLE = Kind("article", 1_400_000, (("product", 0),), popular=True)
ITEM = Kind("item", 900_000, (("product", 0),), popular=True)
REVIEW = Kind("review", 10_000_000, (("product", 900_000), ("user", 5_000_000)), popular=True)
VOTED = Kind("voted", 10_000_000, (("user", 5_000_000),), popular=True)
TRADED = Kind("traded", 120_000, (("product", 0),))
WANTED = Kind("wanted", 40_000, (("query", 0),))
OPINION = Kind("opinion", 14_000, (("review", 0),))
QUESTION = Kind("question", 400_000, (("question", 0),))
TASK = Kind("task", 200_000, (("instruction", 0),))

TITLE, NAMED, DESCRIBED = Text("title", 100, 0.42), Text("title", 125, 0.36), Text("body", 850, 0.4)
SEARCH, BULLET = Text("name", 20, 0.36), Text("body", 140, 0.45, parts=5)
TYPE, ASPECT, BRAND = Text("name", 14, of=4000), Text("name", 8, of=300), Text("name", 8, of=60_000)
SAID, HEAD = Text("body", 155, 0.79), Text("title", 18, 0.6)
SHORT, LONG = Text("title", 80, 0.4), Text("body", 310, 0.4)


def _labels(count: int, chars: int) -> Asked:
    """The same few options under every question."""
    return Asked(Text("title", chars, 0.2, of=count), None, count, count)


def _four(text: Text, kind: Kind | None, near: float = 0.5, own: bool = False) -> Asked:
    return Asked(text, kind, 4, 4, near, own)


def _five(text: Text, kind: Kind | None, near: float = 1.0) -> Asked:
    return Asked(text, kind, 5, 5, near)


def _many(text: Text, kind: Kind | None, near: float = 0.3, own: bool = False) -> Asked:
    return Asked(text, kind, 9, 15, near, own)


_ONE, _ABOUT = Asked(SEARCH), {"description": Asked(DESCRIBED)}
_BULLETS = {"bullets": Asked(BULLET, None, 3, 5)}
SHAPES = {
    "esci.rank_products_for_query": Shape(QUERY, {"query": _ONE}, _five(TITLE, PRODUCT)),
    "esci.keywords_for_product": Shape(
        PRODUCT, {**_ABOUT, "title": Asked(NAMED)}, _four(Text("name", 40, 0.2), PRODUCT, 0.0)
    ),
    "esci.query_for_description": Shape(PRODUCT, _ABOUT, _four(SEARCH, QUERY)),
    "esci.query_for_bullets": Shape(PRODUCT, _BULLETS, _four(SEARCH, QUERY)),
    "esci.query_for_title": Shape(PRODUCT, {"title": Asked(TITLE)}, _four(SEARCH, QUERY)),
    "esci.title_for_description": Shape(PRODUCT, _ABOUT, _four(NAMED, PRODUCT, own=True)),
    "esci.title_for_bullets": Shape(PRODUCT, _BULLETS, _four(NAMED, PRODUCT, own=True)),
    "esci.title_for_query": Shape(QUERY, {"query": _ONE}, _four(TITLE, PRODUCT)),
    "esci.bullets_of_product": Shape(
        PRODUCT, {"title": Asked(NAMED)}, _many(BULLET, PRODUCT, own=True), right=3
    ),
    "esci.product_for_query": Shape(QUERY, {"query": _ONE}, _four(TITLE, PRODUCT)),
    "esci.rank_queries_for_product": Shape(PRODUCT, {"title": Asked(NAMED)}, _five(SEARCH, QUERY)),
    "esci.brand_of_title": Shape(PRODUCT, {"title": Asked(NAMED)}, _four(BRAND, PRODUCT, own=True)),
    "amazon_m2.category_with_attribute": Shape(
        ARTICLE,
        {"attribute": Asked(ASPECT), "value": Asked(BRAND)},
        _four(TYPE, ARTICLE, own=True),
        calls=8,
    ),
    "amazon_m2.title_in_locale": Shape(
        ARTICLE,
        {"site": _asked(7, of=6), "title": Asked(NAMED)},
        truth=Text("title", 125, 0.36, other=True),
    ),
    "amazon_m2.description_in_language": Shape(
        ARTICLE,
        {"description": _asked(500, 0.3, "body")},
        _four(Text("body", 200, 0.35, other=True), ARTICLE, own=True),
    ),
    "amazon_m2.explain_product_type": Shape(
        ARTICLE, {"product_type": Asked(SEARCH)}, truth=Text("body", 72, 0.2), calls=1
    ),
    "amazon_m2.previous_clicks": Shape(
        ARTICLE, {"title": Asked(NAMED)}, _many(NAMED, ARTICLE), right=3
    ),
    "amazon_reviews.snippets_for_aspect": Shape(
        ITEM,
        {"aspect": Asked(ASPECT), "product_type": Asked(TYPE), "sentiment": _asked(8, of=2)},
        _many(Text("title", 22, 0.4), REVIEW),
        right=3,
        calls=14,
    ),
    "amazon_reviews.aspects_of_review": Shape(
        REVIEW,
        {"product_type": Asked(TYPE), "text": Asked(SAID)},
        Asked(ASPECT, None, 10, 10),
        right=3,
        calls=2,
    ),
    "amazon_reviews.complement_of_type": Shape(
        ITEM, {"product_type": Asked(TYPE)}, _four(TYPE, ITEM, 0.0), calls=5
    ),
    "amazon_reviews.also_liked": Shape(ITEM, {"title": Asked(TITLE)}, _many(TITLE, ITEM), right=3),
    "amazon_reviews.rating_of_review": Shape(
        REVIEW, {"text": Asked(SAID), "title": Asked(HEAD, nullable=0.05)}, truth="digit"
    ),
    "ecinstruct.attribute_value": Shape(
        TRADED, {"attribute": Asked(ASPECT), "product": _asked(590, 0.6, "body")}, truth="entity"
    ),
    "ecinstruct.relevance_of_product": Shape(
        WANTED, {"query": _ONE, "title": Asked(TITLE, TRADED)}, _labels(4, 98)
    ),
    "ecinstruct.relation_of_products": Shape(
        TRADED, {"first": Asked(SHORT), "second": Asked(SHORT, TRADED)}, _labels(2, 47)
    ),
    "ecinstruct.products_for_query": Shape(WANTED, {"query": _ONE}, _many(TITLE, TRADED), right=3),
    "ecinstruct.next_product": Shape(
        TRADED,
        {"history": Asked(TITLE, TRADED, 4, 6)},
        Asked(TITLE, TRADED, 10, 10),
    ),
    "ecinstruct.answerable": Shape(
        QUESTION,
        {"documents": Asked(SAID, OPINION, 3, 3), "question": _asked(45)},
        _labels(2, 48),
    ),
    "ecinstruct.same_product": Shape(
        TRADED,
        {"first": _asked(341, 0.46, "body"), "second": Asked(Text("body", 341, 0.46), TRADED)},
        _labels(2, 29),
    ),
    "ecinstruct.substitute_for_query": Shape(
        WANTED, {"product": Asked(TITLE, TRADED), "query": _ONE}, _labels(2, 70)
    ),
    "ecinstruct.sentiment_of_review": Shape(OPINION, {"review": Asked(LONG)}, _labels(5, 8)),
    "ecinstruct.rank_reviews_by_sentiment": Shape(OPINION, {}, _five(LONG, OPINION)),
    "mmlu.general_knowledge": Shape(
        QUESTION,
        {"question": _asked(1_100, 0.45, "body")},
        _four(Text("title", 23, 0.9, parts=4), None),
    ),
    "alpaca.instructions": Shape(
        TASK,
        {
            "input": Asked(Text("body", 39, 1.1), nullable=0.6),
            "instruction": _asked(54, 0.38),
        },
        truth=Text("body", 405, 1.0),
    ),
}
