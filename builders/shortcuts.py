"""What a guesser reaches who does not read the question: the shortcuts of a set.

For every question with options: always the first, the longest, the shortest, the one that shares
most words with the question, and a linear model that sees the options alone, next to chance. A
good question is not answered by any of these; where one is, the set says why.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from builders.draw import hashed
from builders.sample import METRIC_OF, ideal_answer
from builders.shopbench import RETRIEVED, parse, score
from builders.text import words

#: Guessers are measured on the first so many samples, in draw order.
MEASURED = 1_000
#: A guesser this far above chance is worth a reason.
MARGIN = 0.08
GUESSERS = ("first", "longest", "shortest", "overlap", "options_only")

_BUCKETS = 256
_RIDGE = 10.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Asked:
    """Questions in columns, and their options in rows (`start[i]` to `start[i + 1]`)."""

    task_type: str
    metric: str
    truths: list[Any]
    start: Floats
    texts: pl.DataFrame
    hints: dict[str, Floats]


def measure(samples: pl.DataFrame, hints: Sequence[str] = ()) -> dict[str, float]:
    """Mean score of chance, of each guesser, and of going by each of the `hints` (fields with a
    number for each option); empty for sets without options."""
    if samples.is_empty() or "options" not in json.loads(samples["fields"][0]):
        return {}
    asked = _read(samples.head(MEASURED), hints)
    found = {"chance": _chance(asked)}
    for name in GUESSERS:
        found[name] = _scored(asked, _RATES[name](asked))
    for name, rates in asked.hints.items():
        found[name] = _scored(asked, rates)
    return {name: round(value, 4) for name, value in found.items()}


def _read(samples: pl.DataFrame, hints: Sequence[str]) -> _Asked:
    fields = [json.loads(text) for text in samples["fields"]]
    rows, beside = [], {"options", "reasons", *hints}
    for question, content in enumerate(fields):
        told = [value for key, value in content.items() if key not in beside and value]
        asked = " ".join(" ".join(part) if isinstance(part, list) else part for part in told)
        for option in content["options"]:
            # pairs carry their own question: "query: ... | product: ..."
            own, _, rest = option.partition(" | ") if not told else (asked, "", option)
            rows.append((question, own, rest, option))
    texts = pl.DataFrame(rows, schema=["question", "asked", "option", "text"], orient="row")
    counts = [len(content["options"]) for content in fields]
    task_type = samples["task_type"][0]
    return _Asked(
        task_type,
        samples["metric"][0] or METRIC_OF[task_type],
        [json.loads(text) for text in samples["truth"]],
        np.concatenate([[0], np.cumsum(counts)]),
        texts,
        {name: np.concatenate([content[name] for content in fields]) for name in hints},
    )


def _scored(asked: _Asked, rates: Floats) -> float:
    """Mean score of answering by rate, the highest first, ties in the order shown."""
    scores = []
    for i, truth in enumerate(asked.truths):
        guess = rates[int(asked.start[i]) : int(asked.start[i + 1])]
        answer = parse(asked.task_type, ideal_answer(asked.task_type, list(guess)))
        scores.append(score(asked.metric, answer, truth))
    return float(np.mean(scores))


def _chance(asked: _Asked) -> float:
    """The expected score of a random answer, exactly."""
    expected = []
    for i, truth in enumerate(asked.truths):
        count = int(asked.start[i + 1] - asked.start[i])
        if asked.task_type == "multiple-choice":
            expected.append(1 / count)
        elif asked.task_type == "retrieval":
            expected.append(RETRIEVED / count)
        else:
            expected.append(_random_ndcg(truth))
    return float(np.mean(expected))


def _random_ndcg(weights: Sequence[float]) -> float:
    """Every place expects the mean gain: E[DCG] = mean(gain) * sum(discount)."""
    gains = np.sort(2.0 ** np.array(weights) - 1)[::-1]
    discount = 1 / np.log2(np.arange(len(gains)) + 2)
    return float(gains.mean() * discount.sum() / (gains @ discount))


def _in_order(asked: _Asked) -> Floats:
    return np.zeros(len(asked.texts))


def _length(asked: _Asked, sign: float) -> Floats:
    return sign * asked.texts["text"].str.len_chars().to_numpy().astype(float)


def _overlap(asked: _Asked) -> Floats:
    shared = words(pl.col("asked")).list.set_intersection(words(pl.col("option"))).list.len()
    return asked.texts.select(shared.cast(pl.Float64)).to_series().to_numpy()


def _options_only(asked: _Asked) -> Floats:
    """Rates by a ridge regression on the options' looks, fitted on the other half's questions."""
    features, targets = _looks(asked), _targets(asked)
    question = asked.texts["question"].to_numpy()
    rates = np.zeros(len(targets))
    for half in (0, 1):
        train, test = question % 2 != half, question % 2 == half
        x, y = features[train], targets[train]
        weights = np.linalg.solve(x.T @ x + _RIDGE * np.eye(x.shape[1]), x.T @ y)
        rates[test] = features[test] @ weights
    # equal rates must not fall to the first by the noise of the last bit
    return np.round(rates, 9)


def _targets(asked: _Asked) -> Floats:
    """How right each option is, less the mean of its question."""
    right = np.zeros(len(asked.texts))
    for i, truth in enumerate(asked.truths):
        begin, end = int(asked.start[i]), int(asked.start[i + 1])
        if asked.task_type == "ranking":
            right[begin:end] = 2.0 ** np.array(truth) - 1
        else:
            numbers = [truth] if asked.task_type == "multiple-choice" else [n - 1 for n in truth]
            right[[begin + n for n in numbers]] = 1.0
    return _centred(right, asked)


def _looks(asked: _Asked) -> Floats:
    """Length, digits, capitals, words in common with the other options, and hashed words."""
    texts = asked.texts.with_columns(words(pl.col("text")).alias("words")).with_row_index("row")
    long = texts.select("row", "question", "words").explode("words").drop_nulls("words")
    common = long.with_columns((pl.len().over("question", "words") - 1).alias("n"))
    common = common.group_by("row").agg(pl.col("n").mean())
    looks = (
        texts.join(common, on="row", how="left", maintain_order="left")
        .select(
            pl.col("text").str.len_chars().cast(pl.Float64).log1p().alias("chars"),
            pl.col("words").list.len().cast(pl.Float64).alias("count"),
            pl.col("text").str.count_matches(r"\p{N}").cast(pl.Float64).alias("digits"),
            pl.col("text").str.count_matches(r"\p{Lu}").cast(pl.Float64).alias("capitals"),
            pl.col("n").fill_null(0).cast(pl.Float64).alias("common"),
        )
        .to_numpy()
    )
    looks = (looks - looks.mean(axis=0)) / (looks.std(axis=0) + 1e-9)
    buckets = long.with_columns((hashed(pl.col("words")) % _BUCKETS).alias("bucket"))
    hashes = np.zeros((len(texts), _BUCKETS))
    np.add.at(hashes, (buckets["row"].to_numpy(), buckets["bucket"].to_numpy()), 1.0)
    both = np.hstack([looks, hashes])
    return np.column_stack([_centred(column, asked) for column in both.T])


def _centred(values: Floats, asked: _Asked) -> Floats:
    """Values less the mean of their question."""
    counts = np.diff(asked.start).astype(int)
    means = np.add.reduceat(values, asked.start[:-1].astype(int)) / counts
    return np.asarray(values - np.repeat(means, counts), dtype=np.float64)


_RATES: dict[str, Callable[[_Asked], Floats]] = {
    "first": _in_order,
    "longest": partial(_length, sign=1.0),
    "shortest": partial(_length, sign=-1.0),
    "overlap": _overlap,
    "options_only": _options_only,
}
