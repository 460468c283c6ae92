"""ShopBench's answer parsers and metrics, once for all.

The proof of a sample at birth and the score of a model later are the same two functions:
`parse` turns a model's text into an answer, `score` compares it with a truth. Rules and formulas
follow the Amazon KDD Cup 2024 evaluator; every metric is between 0 and 1.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Sequence
from functools import cache
from importlib import import_module
from typing import Any, Literal, get_args

TaskType = Literal[
    "multiple-choice", "ranking", "retrieval", "named_entity_recognition", "generation"
]
Metric = Literal[
    "accuracy",
    "ndcg",
    "hit rate@3",
    "micro f1",
    "rougel",
    "bleu",
    "jp-bleu",
    "sent-transformer",
    "multilingual-sent-transformer",
]
Track = Literal[
    "amazon-kdd-cup-24-understanding-shopping-concepts",
    "amazon-kdd-cup-24-shopping-knowledge-reasoning",
    "amazon-kdd-cup-24-user-behavior-alignment",
    "amazon-kdd-cup-24-multi-lingual-abilities",
]
Answer = int | list[int] | list[str] | str
Truth = int | float | str | Sequence[int] | Sequence[float] | Sequence[str]

#: The tracks by their skill.
CONCEPTS, REASONING, BEHAVIOR, LINGUAL = get_args(Track)
#: A kind of question: its type and how most of its tasks are scored.
CHOICE = ("multiple-choice", "accuracy")
RANK = ("ranking", "ndcg")
FIND = ("retrieval", "hit rate@3")
ENTITIES = ("named_entity_recognition", "micro f1")

TASK_TYPES: tuple[str, ...] = get_args(TaskType)
METRICS: tuple[str, ...] = get_args(Metric)

#: What the system prompt calls a task type.
TASK_WORDS: dict[str, str] = {
    "multiple-choice": "multiple-choice question answering",
    "ranking": "ranking",
    "retrieval": "retrieval",
    "named_entity_recognition": "named entity recognition",
    "generation": "generation",
}

#: The evaluator reads no further than this many characters of an answer.
MAX_ANSWER_CHARS = 5_000
#: The evaluator keeps this many numbers of an answer.
RANKED, RETRIEVED = 5, 3

_ENCODERS = {
    "sent-transformer": "sentence-transformers/all-MiniLM-L6-v2",
    "multilingual-sent-transformer": "sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2",
}


def parse(task_type: str, text: str) -> Answer:
    """Read a model's answer the way ShopBench's evaluator does.

    Returns an int for multiple choice (-1: no answer), a list of int for ranking and retrieval,
    a list of str for named entity recognition, a str for generation.
    Raises `ValueError` for a task type that ShopBench does not have.
    """
    text = text[:MAX_ANSWER_CHARS]
    match task_type:
        case "multiple-choice":
            return _digit(text.strip()[:1])
        case "ranking":
            ranked = [number for number in _numbers(text) if number <= RANKED][:RANKED]
            return ranked if len(set(ranked)) == len(ranked) else []
        case "retrieval":
            return _numbers(text)[:RETRIEVED]
        case "named_entity_recognition":
            return _entities(text)
        case "generation":
            return text.strip()
    raise ValueError(f"unknown task type {task_type!r}, expected one of {', '.join(TASK_TYPES)}")


def _digit(character: str) -> int:
    try:
        return int(character)
    except ValueError:
        return -1


def _numbers(text: str) -> list[int]:
    """The comma-separated numbers of a text; a part that is no number is passed over."""
    kept = "".join(c for c in text if c.isdecimal() or c in ", ")
    numbers = []
    for part in kept.split(","):
        try:
            numbers.append(int(part))
        except ValueError:  # "1 2" or "": the evaluator passes it over as well
            continue
    return numbers


def _entities(text: str) -> list[str]:
    try:
        value = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        value = None
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return value
    return [part.strip() for part in text.split(",") if part.strip()]


def score(metric: str, answer: Answer, truth: Truth) -> float:
    """Score one parsed answer against one truth, in [0, 1].

    A task's score is the mean of these, except for `micro f1`: use `task_score` for a whole task.
    Raises `ValueError` for an unknown metric and `ModuleNotFoundError`, naming the extra to
    install, where a text metric's library is missing.
    """
    try:
        function = _METRICS[metric]
    except KeyError:
        raise ValueError(
            f"unknown metric {metric!r}, expected one of {', '.join(METRICS)}"
        ) from None
    return function(answer, truth)


def task_score(metric: str, answers: Sequence[Answer], truths: Sequence[Truth]) -> float:
    """Score a task: the mean over its questions, or the F1 of the summed counts for `micro f1`."""
    if len(answers) != len(truths) or not answers:
        raise ValueError(f"{len(answers)} answers for {len(truths)} truths")
    if metric == "micro f1":
        counts = [_f1_counts(a, t) for a, t in zip(answers, truths, strict=True)]
        return _f1(*(sum(column) for column in zip(*counts, strict=True)))
    return sum(score(metric, a, t) for a, t in zip(answers, truths, strict=True)) / len(answers)


def _accuracy(answer: Any, truth: Any) -> float:
    return float(answer == truth)


def _hit_rate(answer: Any, truth: Any) -> float:
    """Share of the true items among the first three answered."""
    first = answer[:RETRIEVED]
    return sum(item in first for item in truth) / len(truth) if truth else 0.0


def _ndcg(answer: Any, truth: Any) -> float:
    """NDCG with gain 2^w - 1 and discount log2(rank + 1) (Jarvelin & Kekalainen 2002).

    `answer` holds candidate numbers from 1, best first; `truth` holds one weight a candidate.
    """
    ideal = _dcg(sorted(truth, reverse=True))
    weights = [truth[i - 1] if 1 <= i <= len(truth) else 0.0 for i in answer]
    return _dcg(weights) / ideal if ideal else 0.0


def _dcg(weights: Sequence[float]) -> float:
    return math.fsum((2.0**weight - 1.0) / math.log2(i + 2) for i, weight in enumerate(weights))


def _f1_counts(answer: Any, truth: Any) -> tuple[int, int, int]:
    """(true positives, entities answered, entities true): ShopBench counts hits on sets."""
    said = [entity.lower().strip() for entity in answer]
    true = [entity.lower().strip() for entity in truth]
    return len(set(said) & set(true)), len(said), len(true)


def _f1(hits: int, said: int, true: int) -> float:
    return 2 * hits / (said + true) if said + true else 0.0


def _rouge_l(answer: Any, truth: Any) -> float:
    scorer = _library("rouge_score.rouge_scorer").RougeScorer(["rougeL"], use_stemmer=True)
    return float(scorer.score(truth, answer)["rougeL"].fmeasure)


def _bleu(answer: Any, truth: Any, tokenize: str = "13a") -> float:
    first_line = answer.strip("\n").split("\n")[0]
    bleu = _library("sacrebleu").sentence_bleu(
        first_line, [truth], lowercase=True, tokenize=tokenize
    )
    # sacrebleu's geometric mean can end a rounding error above 100
    return min(1.0, float(bleu.score) / 100)


def _jp_bleu(answer: Any, truth: Any) -> float:
    _library("MeCab")  # or sacrebleu would end in an error of its own
    return _bleu(answer, truth, tokenize="ja-mecab")


def _cosine(answer: Any, truth: Any, metric: str) -> float:
    """Mean over the references of the cosine of sentence embeddings, each clipped at 0."""
    references = [truth] if isinstance(truth, str) else list(truth)
    vectors = _encoder(_ENCODERS[metric]).encode([answer, *references], normalize_embeddings=True)
    cosines = [float(vectors[0] @ vector) for vector in vectors[1:]]
    return sum(min(1.0, max(0.0, cosine)) for cosine in cosines) / len(cosines)


@cache
def _encoder(name: str) -> Any:
    return _library("sentence_transformers").SentenceTransformer(name)


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"this metric needs {name.split('.', maxsplit=1)[0]}: pip install 'shopmix[score]'"
        ) from error


_METRICS: dict[str, Callable[[Any, Any], float]] = {
    "accuracy": _accuracy,
    "ndcg": _ndcg,
    "hit rate@3": _hit_rate,
    "micro f1": lambda answer, truth: _f1(*_f1_counts(answer, truth)),
    "rougel": _rouge_l,
    "bleu": _bleu,
    "jp-bleu": _jp_bleu,
    "sent-transformer": lambda answer, truth: _cosine(answer, truth, "sent-transformer"),
    "multilingual-sent-transformer": lambda answer, truth: _cosine(
        answer, truth, "multilingual-sent-transformer"
    ),
}
