"""ESCI, the Shopping Queries Dataset: judged query-product pairs in us, es and jp.

Published at github.com/amazon-science/esci-data (Apache-2.0). Truth comes only from its
judgements (Exact, Substitute, Complement, Irrelevant) and the products' own fields.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from builders.builder import Builder, Set
from builders.esci import choice, keywords, knowledge, ordering
from builders.esci.candidates import REASONS
from builders.esci.tables import SOURCE, Tables, lookup, read
from builders.shopbench import BEHAVIOR, CHOICE, CONCEPTS, FIND, LINGUAL, RANK
from builders.source import Rows

#: Where the truth comes from.
_JUDGED = "ESCI's judgements, where the words bear them out"
_FIELDS = "the product's own fields"
_WORDS = "words of the product's title and of queries it was judged an exact match for"

#: Why a guesser gets far in a set, where the question itself is the reason.
_QUERY_WORDS = "only sure exact matches are used: those that have every word of their query"
_TITLE_WORDS = "only texts that tell their title from others are used: by two words and more"
_BULLETS = (
    "only bullets that have two words of the title are used, and long ones more often have them"
)
_BRANDS = "most titles name their brand, as titles do"
_KEYWORDS = (
    "true keywords are words of the title and queries for it, false ones are not in its texts"
)


# name, number in the paper, size, (type, metric), track, what is asked, fields, how, why guessable
SETS = tuple(
    Set(
        f"esci.{name}", number, size, *kind, track, asks, basis, frozenset(fields), make,
        guessable=why,
    )
    for name, number, size, kind, track, asks, basis, fields, make, why in (
        ("rank_products_for_query", 5, 16_728, RANK, BEHAVIOR, "rank products for a query",
         _JUDGED, ("query",), ordering.rank_products_for_query, _QUERY_WORDS),
        ("keywords_for_product", 8, 10_000, CHOICE, LINGUAL, "the keyword set that suits a product",
         _WORDS, ("title", "description"), keywords.keywords_for_product,
         _KEYWORDS),
        ("query_for_description", 21, 10_000, CHOICE, BEHAVIOR, "the query that a description answers",
         _JUDGED, ("description",), choice.query_for_description, _QUERY_WORDS),
        ("query_for_bullets", 22, 10_000, CHOICE, BEHAVIOR, "the query that the features answer",
         _JUDGED, ("bullets",), choice.query_for_bullets, _QUERY_WORDS),
        ("query_for_title", 23, 10_000, CHOICE, BEHAVIOR, "the query that a title answers",
         _JUDGED, ("title",), choice.query_for_title, _QUERY_WORDS),
        ("title_for_description", 24, 10_000, CHOICE, CONCEPTS, "the title for a description",
         _FIELDS, ("description",), choice.title_for_description, _TITLE_WORDS),
        ("title_for_bullets", 25, 10_000, CHOICE, CONCEPTS, "the title for product features",
         _FIELDS, ("bullets",), choice.title_for_bullets, _TITLE_WORDS),
        ("title_for_query", 26, 10_000, CHOICE, BEHAVIOR, "the product title for a query",
         _JUDGED, ("query",), choice.title_for_query, _QUERY_WORDS),
        ("bullets_of_product", 27, 10_000, FIND, CONCEPTS, "bullet points that belong to a product",
         _FIELDS, ("title",), ordering.bullets_of_product, _BULLETS),
        ("product_for_query", 29, 5_435, CHOICE, BEHAVIOR, "the product that matches a query",
         _JUDGED, ("query",), choice.product_for_query, _QUERY_WORDS),
        ("rank_queries_for_product", 30, 5_000, RANK, BEHAVIOR, "rank queries for a product",
         _JUDGED, ("title",), ordering.rank_queries_for_product, _QUERY_WORDS),
        ("brand_of_title", 32, 10_000, CHOICE, CONCEPTS, "the brand, given the title",
         _FIELDS, ("title",), knowledge.brand_of_title, _BRANDS),
        ("relation_of_query_and_product", 33, 10_000, CHOICE, BEHAVIOR,
         "the relation of a query and a product: E, S, C or I",
         _JUDGED, ("query", "title"), knowledge.relation_of_query_and_product, None),
        ("rank_query_product_pairs", 34, 10_000, RANK, BEHAVIOR,
         "rank query-product pairs from most to least related",
         _JUDGED, (), ordering.rank_query_product_pairs, _QUERY_WORDS),
        ("exact_products_for_query", 35, 10_000, FIND, BEHAVIOR, "products that match a query exactly",
         _JUDGED, ("query",), ordering.exact_products_for_query, _QUERY_WORDS),
    )
)  # fmt: skip

#: Sets that begin with a product's long text, and how many texts they look at for each sample:
#: keywords are asked in three locales in turn, of which one is a seventh of the products.
_TEXTS = {
    "esci.keywords_for_product": 4, "esci.query_for_description": 1, "esci.query_for_bullets": 1,
    "esci.title_for_description": 1, "esci.title_for_bullets": 1, "esci.bullets_of_product": 1,
}  # fmt: skip


class Esci(Builder):
    """Builds the fifteen sets of ESCI."""

    source = SOURCE
    sets = SETS
    reasons = REASONS
    unit = "queries"

    def read(self, rows: Rows, seed: int, limit: int | None, wanted: Mapping[str, int]) -> Tables:
        """ESCI's tables; texts for the sets that begin with one."""
        texts = {name: share * wanted[name] for name, share in _TEXTS.items() if name in wanted}
        return read(rows, limit, seed, texts)

    def lookup(self, rows: Rows, refs: Sequence[str]) -> dict[str, dict[str, Any]]:
        """Judgements, products and queries as published."""
        return lookup(rows, refs)


BUILDER = Esci()
