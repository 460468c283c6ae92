"""The sample: the one type that flows everywhere, its schema and the proof it gives at birth."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from builders.shopbench import (
    CHOICE,
    ENTITIES,
    FIND,
    RANK,
    RETRIEVED,
    TASK_WORDS,
    parse,
    score,
)

#: Columns of a sample, in order. `truth` and `fields` hold JSON.
SCHEMA: dict[str, pl.DataType] = {
    "id": pl.String(),
    "messages": pl.List(pl.Struct({"role": pl.String(), "content": pl.String()})),
    "set": pl.String(),
    "task_type": pl.String(),
    "metric": pl.String(),
    "track": pl.String(),
    "truth": pl.String(),
    "fields": pl.String(),
    "language": pl.String(),
    "source": pl.String(),
    "source_revision": pl.String(),
    "source_rows": pl.List(pl.String()),
    "split": pl.String(),
    "keys": pl.List(pl.String()),
    "template": pl.String(),
    "generator": pl.String(),
    "llm_calls": pl.List(pl.String()),
    "license": pl.String(),
}

#: No prompt is longer than this many characters; the longest of ShopBench's is 3,750.
MAX_PROMPT_CHARS = 4_000
#: The multiple-choice parser reads one digit.
MAX_CHOICES = 10
#: A perfect score may miss 1 by this much in floating point.
TOLERANCE = 1e-9

#: How a type is scored whose answer is proven by a metric.
METRIC_OF = dict([CHOICE, RANK, FIND, ENTITIES])
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class ProofError(Exception):
    """A sample that contradicts itself. It is a bug of the set that made it, not a bad row."""


def system_prompt(task_type: str) -> str:
    """What every sample's conversation begins with."""
    return f"You are a helpful online shopping assistant. Your task is {TASK_WORDS[task_type]}."


def ideal_answer(task_type: str, weights: Sequence[float]) -> str:
    """The best answer to a question whose options, as shown, have these weights (1: right).

    Multiple choice counts from 0, the others from 1. Ranking and retrieval go by weight, ties in
    the order shown. Retrieval always names three: with fewer right ones, near misses fill up, as
    the question demands three numbers all the same.
    """
    if task_type == "multiple-choice":
        return str(max(range(len(weights)), key=weights.__getitem__))
    order = sorted(range(len(weights)), key=lambda i: -weights[i])
    count = RETRIEVED if task_type == "retrieval" else len(order)
    return ",".join(str(i + 1) for i in order[:count])


def truth_of(task_type: str, weights: Sequence[float]) -> int | list[int] | list[float]:
    """ShopBench's `output_field` for a question whose options, as shown, have these weights."""
    if task_type == "multiple-choice":
        return max(range(len(weights)), key=weights.__getitem__)
    if task_type == "retrieval":
        return [i + 1 for i, weight in enumerate(weights) if weight >= 1]
    return list(weights)


def answer_of(task_type: str, truth: Any) -> str:
    """The best answer to a question without options: entities with commas, a text, or a digit."""
    return ", ".join(truth) if task_type == "named_entity_recognition" else str(truth)


def marked(text: str) -> bool:
    """Whether a text holds a template's mark-up."""
    # four searches for a constant are quicker than one for a pattern
    return "{{" in text or "}}" in text or "{%" in text or "%}" in text


def prove(
    task_type: str,
    metric: str | None,
    prompt: str,
    answer: str,
    truth: Any,
    fields: Mapping[str, Any],
) -> None:
    """Send a sample's answer through ShopBench's parser and metric; raise `ProofError` on a flaw.

    Generation must come back equal to its truth, everything else must score 1 by the metric, or
    where there is none (general knowledge has no place in ShopBench) by its task type's usual one.
    """
    if marked(prompt) or marked(answer):
        raise ProofError("unrendered markup")
    if match := _CONTROL.search(prompt) or _CONTROL.search(answer):
        raise ProofError(f"control character {match.group()!r}")
    if len(prompt) > MAX_PROMPT_CHARS:
        raise ProofError(f"prompt of {len(prompt)} characters, the cap is {MAX_PROMPT_CHARS}")
    _check_options(task_type, truth, fields)
    parsed = parse(task_type, answer)
    if task_type == "generation":
        if parsed != truth:
            raise ProofError(f"the answer reads {parsed!r}, the truth is {truth!r}")
    elif score(metric or METRIC_OF[task_type], parsed, truth) < 1 - TOLERANCE:
        raise ProofError(f"the answer {answer!r} does not score 1 by {metric} against {truth!r}")


def _check_options(task_type: str, truth: Any, fields: Mapping[str, Any]) -> None:
    if task_type == "named_entity_recognition":
        material = " ".join(value for value in fields.values() if isinstance(value, str)).lower()
        if not truth or not all(entity.strip() for entity in truth):
            raise ProofError(f"no entity, or an empty one, in {truth}")
        if missing := [entity for entity in truth if entity.lower() not in material]:
            raise ProofError(f"entity {missing[0]!r} is not in the text")
        return
    if task_type == "generation":
        return
    if task_type == "multiple-choice" and "options" not in fields:
        if truth not in range(MAX_CHOICES):
            raise ProofError(f"truth {truth} is not a digit")
        return
    options = fields["options"]
    if not all(option and option.strip() for option in options):
        raise ProofError("an empty option")
    if len({option.lower().strip() for option in options}) < len(options):
        raise ProofError(f"two equal options in {json.dumps(options, ensure_ascii=False)}")
    if task_type == "multiple-choice" and not (
        len(options) <= MAX_CHOICES and 0 <= truth < len(options)
    ):
        raise ProofError(f"truth {truth} of {len(options)} options, at most {MAX_CHOICES}")
    if task_type == "retrieval" and not (truth and set(truth) <= set(range(1, len(options) + 1))):
        raise ProofError(f"truth {truth} is missing from the {len(options)} candidates")
    if task_type == "ranking" and not (len(truth) == len(options) and max(truth) > 0):
        raise ProofError(f"weights {truth} for {len(options)} candidates, one must be positive")
