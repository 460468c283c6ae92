"""Parsers and metrics against the evaluator's rules, and against ShopBench's own questions."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.sample import ideal_answer, truth_of
from builders.shopbench import METRICS, TASK_TYPES, parse, score, task_score
from tests.conftest import SHARED


@pytest.mark.parametrize(
    ("task_type", "text", "answer"),
    [
        ("multiple-choice", " 2", 2),
        ("multiple-choice", "12", 1),
        ("multiple-choice", "B", -1),
        ("multiple-choice", "", -1),
        ("multiple-choice", "²", -1),
        ("ranking", "3, 1,2 ,5,4", [3, 1, 2, 5, 4]),
        ("ranking", "[3,1,2,5,4]", [3, 1, 2, 5, 4]),
        ("ranking", "1,2,2,3,4", []),
        ("ranking", "1,7,2", [1, 2]),
        ("ranking", "1,2,3,4,5,1", [1, 2, 3, 4, 5]),
        ("ranking", "1 2,3", [3]),
        ("ranking", "no idea", []),
        ("retrieval", "10,2,15,4", [10, 2, 15]),
        ("retrieval", "2,2,1", [2, 2, 1]),
        ("retrieval", "", []),
        ("named_entity_recognition", "['a', 'b']", ["a", "b"]),
        ("named_entity_recognition", "a, b,, c ", ["a", "b", "c"]),
        ("named_entity_recognition", "[1, 2]", ["[1", "2]"]),
        ("named_entity_recognition", "", []),
        ("generation", "  a kettle \n", "a kettle"),
    ],
)
def test_parse(task_type: str, text: str, answer: Any) -> None:
    assert parse(task_type, text) == answer


def test_only_the_first_5000_characters_count() -> None:
    assert parse("ranking", " " * 4_999 + "1,2") == [1]
    assert parse("generation", "a" * 6_000) == "a" * 5_000


@given(st.sampled_from(TASK_TYPES), st.text(max_size=200))
def test_parse_takes_any_text(task_type: str, text: str) -> None:
    parse(task_type, text)


def test_ndcg_by_hand() -> None:
    weights = [0.0, 1.0, 0.1, 0.01, 0.0]
    ideal = 1 + (2**0.1 - 1) / math.log2(3) + (2**0.01 - 1) / 2
    assert score("ndcg", [2, 3, 4, 1, 5], weights) == pytest.approx(1)
    assert score("ndcg", [1, 2], weights) == pytest.approx(1 / math.log2(3) / ideal)
    assert score("ndcg", [9, 0, 2], weights) == pytest.approx(0.5 / ideal)
    assert score("ndcg", [], weights) == 0
    assert score("ndcg", [1, 2, 3, 4, 5], [0.0] * 5) == 0


def test_the_other_metrics_by_hand() -> None:
    assert [score("accuracy", n, 2) for n in (2, 3, -1)] == [1, 0, 0]
    assert score("hit rate@3", [4, 9, 1], [1, 2, 3]) == pytest.approx(1 / 3)
    assert score("hit rate@3", [4, 9, 1, 2], [1, 2]) == pytest.approx(1 / 2)
    assert score("micro f1", ["Red", "big "], ["red", "small"]) == pytest.approx(0.5)
    assert score("micro f1", [], ["red"]) == 0
    assert score("rougel", "steel kettles", "a steel kettle") == pytest.approx(0.8)
    assert score("bleu", "A RED STEEL KETTLE, 2 L\nand more", "a red steel kettle, 2 l") == 1
    assert score("jp-bleu", "赤いスマホケース 手帳型", "赤いスマホケース 手帳型") == 1
    assert score("jp-bleu", "赤いスマホケース", "猫のトイレ 砂") < 0.1


def test_micro_f1_sums_counts_over_a_task() -> None:
    answers, truths = [["a", "b"], ["c"]], [["a"], ["d"]]
    assert task_score("micro f1", answers, truths) == pytest.approx(2 * 1 / (3 + 2))
    assert task_score("accuracy", [1, 2], [1, 1]) == 0.5
    with pytest.raises(ValueError, match="1 answers for 2 truths"):
        task_score("accuracy", [1], [1, 2])


def test_unknown_names_are_told() -> None:
    with pytest.raises(ValueError, match="multiple-choice"):
        parse("quiz", "1")
    with pytest.raises(ValueError, match="ndcg"):
        score("mrr", [1], [1])


@given(
    st.sampled_from(["multiple-choice", "ranking", "retrieval"]),
    st.permutations([1.0, 0.1, 0.01, 0, 0]),
)
def test_the_ideal_answer_scores_one(task_type: str, weights: list[float]) -> None:
    metric = {"multiple-choice": "accuracy", "ranking": "ndcg", "retrieval": "hit rate@3"}[
        task_type
    ]
    answer = parse(task_type, ideal_answer(task_type, weights))
    assert score(metric, answer, truth_of(task_type, weights)) == pytest.approx(1, abs=1e-12)


def test_ties_go_in_the_order_shown_and_retrieval_names_three() -> None:
    assert ideal_answer("ranking", [0, 1, 0.1, 1, 0]) == "2,4,3,1,5"
    assert ideal_answer("retrieval", [0, 1, 0.01, 0.1, 0]) == "2,4,3"


def test_every_development_question_is_answered_in_full() -> None:
    """ShopBench's own truths, said in its own answer formats, score 1 under its own metrics."""
    path = SHARED / "shopbench" / "development.json"
    if not path.is_file():
        pytest.skip(f"no ShopBench questions at {path}: they are not part of this repository")
    for line in path.read_text("utf-8").splitlines():
        question = json.loads(line)
        task_type, metric, truth = (question[k] for k in ("task_type", "metric", "output_field"))
        assert task_type in TASK_TYPES
        assert metric in METRICS
        if "transformer" in metric:
            continue  # needs a model: tests/engines
        said = (
            ",".join(str(i + 1) for i in sorted(range(len(truth)), key=lambda i: -truth[i]))
            if task_type == "ranking"
            else ", ".join(map(str, truth))
            if isinstance(truth, list)
            else str(truth)
        )
        assert score(metric, parse(task_type, said), truth) == pytest.approx(1), question
