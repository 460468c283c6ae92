"""What a type of product is: set 20.

The LLM names the type and explains it. The type stands in the title; of the explanation, a rule
can only tell that it is one sentence about the type and nothing but the type: that it is true
is the LLM's word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

import polars as pl
from pydantic import StringConstraints

from builders.amazon_m2.shown import OF_ONE, british, generator, labelled, of_one, origin, shown
from builders.amazon_m2.tables import Tables
from builders.draw import Draw
from builders.llm.product_type import MOST_WORDS
from builders.llm.request import Sampling
from builders.llm.task import Answered, Phrase, Task, occurs
from builders.llm.writer import Writer

#: An explanation has so many words.
FEWEST_WORDS, LONGEST = 6, 40
#: So many words in a row that the shop's text has too are taken from it.
QUOTED = 6

#: One whole sentence; the schema has its end, or a weak model writes on for ever.
_SENTENCE = r"^[A-Z][^.!?\n\"\\]{20,280}\.$"
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
#: What sells, or speaks to somebody, does not explain.
_TALK = re.compile(
    r"\b(?:great|best|perfect|ideal|amazing|must-have|quality|this|these|our|we|your)\b",
    re.IGNORECASE,
)
_ARTICLE = r"(?:(?:an?|the|a pair of|a set of)\s+)?"


class ExplainedType(Answered):
    """A type, and what it is."""

    product_type: Phrase
    explanation: Annotated[str, StringConstraints(pattern=_SENTENCE)]


def _check(answer: ExplainedType, seed: Mapping[str, Any]) -> str | None:
    kind, brand = answer.product_type, seed["brand"]
    if not occurs(kind, seed["title"]):
        return "product type does not stand in the title"
    if len(kind.split()) > MOST_WORDS:
        return "product type is half a title"
    if of_one(kind, brand):
        return OF_ONE
    return _unexplained(kind, answer.explanation) or _told(kind, answer.explanation, seed)


def _unexplained(kind: str, said: str) -> str | None:
    """Why a text is no explanation of a type, by its form alone."""
    if not FEWEST_WORDS <= len(said.split()) <= LONGEST:
        return "explanation is too short or too long"
    named = re.findall(rf"(?<!\w){_any_number(kind)}(?!\w)", said, re.IGNORECASE)
    if not re.match(rf"{_ARTICLE}{_any_number(kind)}(?!\w)", said, re.IGNORECASE):
        return "explanation does not begin with the type"
    if len(named) > 1:
        return "explanation goes round in a circle"
    return "explanation is advertising" if _TALK.search(said) else None


def _told(kind: str, said: str, seed: Mapping[str, Any]) -> str | None:
    """What an explanation has of this one product."""
    if re.search(r"\d", said):
        return "explanation has a number"
    names = {word for word in _WORD.findall(said)[1:] if word[0].isupper()}
    names -= {*_WORD.findall(kind)}
    if names & {*_WORD.findall(seed["title"])} or (seed["brand"] and occurs(seed["brand"], said)):
        return "explanation has a name of the title"
    own, *texts = (
        [word.lower() for word in _WORD.findall(text or "")]
        for text in (said, seed["title"], seed["description"])
    )
    runs = {tuple(text[i : i + QUOTED]) for text in texts for i in range(len(text) - QUOTED + 1)}
    if any(tuple(own[i : i + QUOTED]) in runs for i in range(len(own) - QUOTED + 1)):
        return "explanation is taken from the text"
    return None


def _any_number(kind: str) -> str:
    """A pattern of a type, singular or plural."""
    return rf"{re.escape(singular(kind))}(?:e?s)?".replace(r"\ ", r"\s+")


def singular(kind: str) -> str:
    """A type in lower case; of two in singular and plural, both are the same."""
    kind = " ".join(kind.lower().split())
    return kind[:-1] if kind.endswith("s") and not kind.endswith("ss") else kind


#: Asked about columns `title`, `brand` and `description`.
EXPLAINED = Task("explain_product_type", ExplainedType, Sampling(140), _check)


def explain_product_type(t: Tables, draw: Draw, writer: Writer) -> pl.DataFrame:
    """20: what a product type is. Of products of one type, the first drawn asks."""
    # which types were had before this round: their answers are in the ledger
    whole = replace(draw, skip=0, limit=draw.skip + draw.limit)
    found = shown(whole.first(british(t), "product"))
    found = labelled(writer, EXPLAINED, found, draw.set)
    kinds = [kind and singular(kind) for kind in found["product_type"]]
    found = found.with_columns(pl.Series("kind", kinds, dtype=pl.String))
    again = pl.col("kind").is_not_null() & (pl.int_range(pl.len()).over("kind") > 0)
    found = found.select(
        "order",
        pl.coalesce("kind", pl.col("product").cast(pl.String)).alias("key"),
        pl.col("product_type").str.to_lowercase(),
        pl.col("explanation").alias("truth"),
        "calls",
        generator("generators"),
        *origin(),
        pl.coalesce("unfit", pl.when(again).then(pl.lit("type was asked about"))).alias("reject"),
    )
    return found.slice(draw.skip, draw.limit)
