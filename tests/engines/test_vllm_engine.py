"""vLLM itself answers the samples' prompts, and every answer is one ShopBench's parser accepts."""

import pytest

from builders import shopbench
from tests.engines.conftest import Row, numbers

pytestmark = pytest.mark.engines


def test_constrained_answers_parse(answered: Row, rows: list[Row]) -> None:
    """An untrained model, held to the constraints, gives a valid answer to every question."""
    assert answered["quantisation"] is None
    for row, answer in zip(rows, answered["answers"], strict=True):
        parsed = shopbench.parse(row["task_type"], answer)
        if row["task_type"] in ("generation", "named_entity_recognition"):
            assert parsed, (row["id"], answer)
            continue
        options = numbers(row)
        if row["task_type"] == "multiple-choice":
            assert parsed in options, (row["id"], answer)
            continue
        assert isinstance(parsed, list)
        assert len(parsed) == len(set(parsed)) and set(parsed) <= set(options), (row["id"], answer)
        assert len(parsed) == (5 if row["task_type"] == "ranking" else 3), (row["id"], answer)


def test_answers_differ(answered: Row, rows: list[Row]) -> None:
    """It is the prompts that are answered: no task type gets one answer for all its questions."""
    for task_type in {row["task_type"] for row in rows}:
        pairs = zip(rows, answered["answers"], strict=True)
        assert len({answer for row, answer in pairs if row["task_type"] == task_type}) > 1
