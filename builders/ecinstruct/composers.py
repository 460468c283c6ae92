"""What an LLM writes for sets 11 to 19: the question, of the short fields of an input.

What is long (records, reviews, a history) and the options are put below by the templates in a
set's folder `composed`. The LLM sees no more than it is to quote, so it can tell no more.
"""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from builders.draw import Draw
from builders.llm.compose import Question, survives
from builders.llm.request import Sampling
from builders.llm.task import Task
from builders.source import Content

Make = Callable[[Content, Draw], pl.DataFrame]

# What would tell an answer; … stands for a quotation.
_IS = r"^(?:The|Its|This|…).*\b(?:is|are)\b"
_FITS = r"\b(?:exact|relevant|irrelevant|match\w*|suit\w*|fits?|substitut\w*|complement\w*)\b"
_GOES = r"\b(?:together|similar|alike|alternatives?|accessor\w+|rivals?|goes? with|pairs?)\b"
_TOLD = r"\b(?:reviews?|customers?|buyers?)\b.*\b(?:answers?|tells?|says?|mentions?|explains?)\b"
_SAME = r"\b(?:same|identical|differ\w*|duplicates?|match\w*|equal|distinct)\b"
_INSTEAD = r"\b(?:substitut\w*|alternatives?|replac\w*|instead|exact\w*|satisf\w*|match\w*)\b"
#: Kind words may be asked for ("how happy"); unkind ones would lead, and so would one end alone.
_MOOD = (
    r"(?<!how )\b(?:happy|pleased|satisfied|love\w*|enjoy\w*|delighted|thrilled|great|excellent|"
    r"amazing|perfect\w*|prais\w*|glowing|recommend\w*)\b|"
    r"\b(?:unhappy|dissatisf\w*|disappoint\w*|hate\w*|angry|anger|annoy\w*|frustrat\w*|terrible|"
    r"awful|poor|bad|complain\w*|problems?|mixed)\b|"
    r"^(?!.*\bnegative).*\bvery positive|^(?!.*\bpositive).*\bnegative"
)

#: By the name of a set, how an LLM is to begin: each as often as the others.
BEGINNINGS = {
    "attribute_value": ("What is the", "Copy the", "A shopper looks for the", "You mark the"),
    "relevance_of_product": (
        "For the query",
        "Compare the query",
        "A shopper searches for",
        "You judge a search for",
    ),
    "relation_of_products": (
        "What is the relation between",
        "Compare the titles",
        "A shopper has come across",
        "You study products such as",
    ),
    "products_for_query": (
        "Which products answer the query",
        "For the query",
        "A shopper searches for",
        "You answer the query",
    ),
    "next_product": (
        "Which product comes after",
        "The history below ends with",
        "A shopper has just chosen",
        "You recommend products after",
    ),
    "answerable": (
        "Is the question",
        "Read the reviews below and decide whether they answer",
        "A shopper asks",
        "You are asked",
    ),
    "same_product": (
        "Are",
        "Read the records below and decide whether",
        "A shopper finds",
        "You keep a catalog with",
    ),
    "substitute_for_query": (
        "For the query",
        "Compare the query",
        "A shopper searches for",
        "You sort results of the query",
    ),
    "sentiment_of_review": (
        "What is the sentiment of the review that begins with",
        "Read the review that begins with",
        "A shopper has written",
        "You sort the review that begins with",
    ),
}
#: By the name of a set.
COMPOSERS = {
    "attribute_value": Task(
        "compose_attribute_value",
        Question,
        Sampling(180),
        survives("attribute", "title", claims=_IS),
    ),
    "relevance_of_product": Task(
        "compose_relevance_of_product",
        Question,
        Sampling(200),
        survives("query", "title", claims=_FITS),
    ),
    "relation_of_products": Task(
        "compose_relation_of_products",
        Question,
        Sampling(220),
        survives("first", "second", claims=_GOES),
    ),
    "products_for_query": Task(
        "compose_products_for_query", Question, Sampling(120), survives("query")
    ),
    "next_product": Task("compose_next_product", Question, Sampling(160), survives("latest")),
    "answerable": Task(
        "compose_answerable", Question, Sampling(140), survives("question", claims=_TOLD)
    ),
    "same_product": Task(
        "compose_same_product",
        Question,
        Sampling(220),
        survives("first_title", "second_title", claims=_SAME),
    ),
    "substitute_for_query": Task(
        "compose_substitute_for_query",
        Question,
        Sampling(200),
        survives("query", "product", claims=_INSTEAD),
    ),
    "sentiment_of_review": Task(
        "compose_sentiment_of_review", Question, Sampling(120), survives("opening", never=_MOOD)
    ),
}


def begun(name: str, make: Make) -> Make:
    """A set's questions with the words that an LLM is to begin each with, as `begin`."""
    if name not in BEGINNINGS:
        return make
    words = BEGINNINGS[name]

    def questions(t: Content, draw: Draw) -> pl.DataFrame:
        number = draw.hash("begin", pl.col("key")) % len(words)
        begin = number.replace_strict(range(len(words)), words, return_dtype=pl.String)
        return make(t, draw).with_columns(begin.alias("begin"))

    return questions
