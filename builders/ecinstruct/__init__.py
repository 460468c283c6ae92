"""ECInstruct: ten e-commerce tasks of published data sets, re-composed into ShopBench's formats.

Published by NingLab (CC-BY-4.0) as instructions, inputs and outputs. Truth is the published output;
instructions are ours, and one input that recurs under several of theirs is asked about once.
"""

from __future__ import annotations

from collections.abc import Mapping

from builders.builder import Builder, Set
from builders.ecinstruct import attributes, choice, lists
from builders.ecinstruct.composers import COMPOSERS, begun
from builders.ecinstruct.inputs import NAMED, SOURCE, read
from builders.shopbench import BEHAVIOR, CHOICE, CONCEPTS, ENTITIES, FIND, RANK, REASONING
from builders.source import Content, Rows

REASONS = {
    "other_answer": "the published output is another of these answers",
    "other_query": "a product of another query: neither that query nor the product shares a word "
    "with this one",
    "not_next": "offered for this history as well, and not what came next",
    "less_positive": "its published sentiment is less positive than the best",
}

_OUTPUT = "ECInstruct's output"
_SKEW = "each answer is right as often as it is published to be"
_LABEL = "ECInstruct's output (a label of ESCI), where the words bear it out"

# name, number in the paper, size, (type, metric), track, what is asked, basis, fields, how, why
SETS = tuple(
    Set(
        f"ecinstruct.{name}", number, size, *kind, track, asks, basis, frozenset(fields),
        begun(name, make), options=kind != ENTITIES, guessable=why, composer=COMPOSERS.get(name),
    )
    for name, number, size, kind, track, asks, basis, fields, make, why in (
        ("attribute_value", 11, 19_622, ENTITIES, CONCEPTS, "the values of a product's attribute",
         "ECInstruct's output, where it stands in the text", ("attribute", "product"),
         attributes.attribute_value, None),
        ("relevance_of_product", 12, 10_000, CHOICE, BEHAVIOR,
         "how relevant a product is to a query", _LABEL, ("query", "title"),
         choice.relevance_of_product,
         "the answer is skewed, as published: two thirds are relevant, before rejects"),
        ("relation_of_products", 13, 10_000, CHOICE, REASONING, "how two products are related",
         "ECInstruct's output, where the words of the titles bear it out", ("first", "second"),
         choice.relation_of_products, "the answer is skewed, as published"),
        ("products_for_query", 14, 10_000, FIND, BEHAVIOR, "the products that answer a query best",
         "ECInstruct's output: the first of its ranking that share a word with the query",
         ("query",), lists.products_for_query,
         "right products share a word with the query, those of other queries do not"),
        ("next_product", 15, 10_000, CHOICE, BEHAVIOR, "what a shopper with this history buys next",
         _OUTPUT, ("history",), lists.next_product,
         "what comes next is often of the kind or brand that came before"),
        ("answerable", 16, 10_000, CHOICE, BEHAVIOR, "whether reviews answer a question",
         _OUTPUT, ("question", "documents"), choice.answerable,
         _SKEW),
        ("same_product", 17, 4_044, CHOICE, REASONING, "whether two records are of one product",
         _OUTPUT, ("first", "second"), choice.same_product, _SKEW),
        ("substitute_for_query", 18, 10_000, CHOICE, BEHAVIOR,
         "whether a product is a substitute for what a query asks for",
         _LABEL, ("query", "product"), choice.substitute_for_query,
         "a product that is all that was asked for has every word of the query"),
        ("sentiment_of_review", 19, 10_000, CHOICE, CONCEPTS, "the sentiment of a review",
         _OUTPUT, ("review",), choice.sentiment_of_review, _SKEW),
        ("rank_reviews_by_sentiment", 28, 5_000, RANK, CONCEPTS,
         "rank reviews from positive to negative", _OUTPUT, (), lists.rank_reviews_by_sentiment,
         "the reviews are the whole question, and happy ones may be longer"),
    )
)  # fmt: skip


class EcInstruct(Builder):
    """Builds the ten sets of ECInstruct."""

    source = SOURCE
    sets = SETS
    reasons = REASONS
    unit = "inputs"
    named = NAMED

    def read(self, rows: Rows, seed: int, limit: int | None, wanted: Mapping[str, int]) -> Content:
        """All inputs, each once."""
        return read(rows, limit)


BUILDER = EcInstruct()
