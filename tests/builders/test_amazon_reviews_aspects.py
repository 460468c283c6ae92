"""The aspects of reviews: what a model says of them, and what words bear out."""

from __future__ import annotations

import re

import polars as pl
import pytest

from builders.amazon_reviews.aspects import REVIEW_ASPECTS, WORDS, items, leaning, silent


def test_the_prompt_lists_the_aspects_that_the_schema_allows() -> None:
    listed = REVIEW_ASPECTS.file.messages[0][1].partition("The aspects are: ")[2].rstrip(".")
    assert listed.split(", ") == sorted(WORDS)
    assert set(re.findall(r'"([a-z ]+)"', REVIEW_ASPECTS.schema)) >= set(WORDS)


@pytest.mark.parametrize(
    ("snippet", "flaw"),
    [
        ("The lid fits snugly", None),
        ("the LID  fits snugly", None),
        ("snugly", "one word"),
        ("The lid fits badly", "stands"),
        ("snugly. It", "sentence"),
        ("id fits snugly", "whole words"),
        ("cleans up in a minute and I have used it every", "ten words"),
    ],
)
def test_a_snippet_stands_in_its_review(snippet: str, flaw: str | None) -> None:
    text = "The lid fits snugly. It cleans up in a minute and I have used it every single day."
    told = {"aspects": [{"snippet": snippet, "aspect": "fit", "sentiment": "positive"}]}
    answer = REVIEW_ASPECTS.answer.model_validate(told)
    assert (REVIEW_ASPECTS.check(answer, {"text": text}) is None) == (flaw is None)
    both = {"aspects": [*told["aspects"], {**told["aspects"][0], "snippet": "The lid fits"}]}
    answer = REVIEW_ASPECTS.answer.model_validate(both)
    assert REVIEW_ASPECTS.check(answer, {"text": text}) is None
    kept = items(pl.DataFrame({"text": [text], **{k: [v] for k, v in both.items()}}))
    assert kept["snippet"].to_list() == ([snippet] if flaw is None else []) + ["The lid fits"]


@pytest.mark.parametrize(
    ("snippet", "sentiment"),
    [
        ("very comfortable", "positive"), ("I LOVE it", "positive"), ("came on Monday", None),
        ("not comfortable", "negative"), ("isn’t easy", "negative"), ("doesn't fit", "negative"),
        ("Too small", "negative"), ("nice but thin", "negative"), ("a nuthatch", None),
    ],
)  # fmt: skip
def test_words_lean_to_one_side(snippet: str, sentiment: str | None) -> None:
    assert pl.select(leaning(pl.lit(snippet))).item() == sentiment


@pytest.mark.parametrize(
    ("text", "aspects"),
    [
        ("Fits well", {"fit", "size", "comfort"}),
        ("It SMELLS", {"smell", "taste"}),
        ("Café smellé", set()),
        ("a fitting price", {"fit", "size", "value", "quality", "comfort"}),
    ],
)
def test_a_text_is_silent_on_what_it_has_no_word_of(text: str, aspects: set[str]) -> None:
    found = set(pl.select(silent(pl.lit(text))).item())
    assert not found & aspects
    assert len(found) > len(WORDS) / 2
