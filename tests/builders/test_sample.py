"""What is refused at birth."""

from __future__ import annotations

from typing import Any

import pytest

from builders.sample import MAX_PROMPT_CHARS, ProofError, prove, system_prompt

CHOICE: dict[str, Any] = {
    "task_type": "multiple-choice", "metric": "accuracy", "prompt": "Which?", "answer": "1",
    "truth": 1, "fields": {"options": ["red", "blue"]},
}  # fmt: skip
RANKING = {**CHOICE, "task_type": "ranking", "metric": "ndcg", "answer": "2,1", "truth": [0.1, 1.0]}
RETRIEVAL = {
    **CHOICE,
    "task_type": "retrieval",
    "metric": "hit rate@3",
    "answer": "2,1",
    "truth": [2],
}
ENTITIES = {**CHOICE, "task_type": "named_entity_recognition", "metric": "micro f1",
            "answer": "red", "truth": ["red"], "fields": {"query": "Red shoe"}}  # fmt: skip
TEXT = {**CHOICE, "task_type": "generation", "metric": "bleu", "answer": "a cup", "truth": "a cup"}


@pytest.mark.parametrize("sample", [CHOICE, RANKING, RETRIEVAL, ENTITIES, TEXT])
def test_a_sound_sample_passes(sample: dict[str, Any]) -> None:
    prove(**sample)


@pytest.mark.parametrize(
    ("sample", "change", "why"),
    [
        (CHOICE, {"answer": "0"}, "does not score 1"),
        (CHOICE, {"answer": "blue"}, "does not score 1"),
        (CHOICE, {"truth": 2, "answer": "2"}, "truth 2 of 2 options"),
        (CHOICE, {"fields": {"options": ["red", " "]}}, "an empty option"),
        (CHOICE, {"fields": {"options": ["Red", "red "]}}, "two equal options"),
        (CHOICE, {"fields": {"options": [str(i) for i in range(11)]}}, "at most 10"),
        (CHOICE, {"prompt": "{{ title }}"}, "unrendered markup"),
        (CHOICE, {"prompt": "bell \x07"}, "control character"),
        (CHOICE, {"prompt": "x" * (MAX_PROMPT_CHARS + 1)}, "the cap is"),
        (RANKING, {"answer": "1,2"}, "does not score 1"),
        (RANKING, {"truth": [0.0, 0.0]}, "one must be positive"),
        (RANKING, {"truth": [1.0]}, "weights"),
        (RETRIEVAL, {"truth": [3], "answer": "3"}, "is missing from the 2 candidates"),
        (RETRIEVAL, {"truth": []}, "is missing"),
        (RETRIEVAL, {"answer": "1"}, "does not score 1"),
        (ENTITIES, {"truth": ["blue"], "answer": "blue"}, "is not in the text"),
        (TEXT, {"answer": "a mug"}, "the truth is"),
    ],
)
def test_a_flaw_is_refused(sample: dict[str, Any], change: dict[str, Any], why: str) -> None:
    with pytest.raises(ProofError, match=why):
        prove(**{**sample, **change})


def test_system_prompt() -> None:
    assert system_prompt("named_entity_recognition") == (
        "You are a helpful online shopping assistant. Your task is named entity recognition."
    )
