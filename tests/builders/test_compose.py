"""Composed questions: what must survive in them, and what gives them away."""

from __future__ import annotations

import json

import pytest

from builders.llm.compose import Question, survives
from builders.llm.request import Sampling
from builders.llm.task import Task

SEED = {"query": "red mug 12 oz", "title": "Brook's Mug, Blue, 12 Ounces", "begin": "Read"}
GOOD = "How relevant to 'red mug 12 oz' is the product 'Brook's Mug, Blue, 12 Ounces'?"


@pytest.mark.parametrize(
    ("said", "flaw"),
    [
        (GOOD, None),
        (GOOD.replace("'red mug 12 oz'", "“Red mug 12 oz”"), None),
        (f"A shopper wants a mug of 12 ounces. {GOOD}", None),
        ("Compare 'red mug 12 oz' with 'Brook's Mug, Blue, 12 Ounces' and judge the fit.", None),
        ("Is 'Brook's Mug, Blue, 12 Ounces' what was searched for?", "does not quote the query"),
        (GOOD.replace("'red mug 12 oz'", "red mug 12 oz"), "does not quote the query"),
        (GOOD.replace("'red", "'big red"), "does not quote the query"),
        (GOOD.replace(", Blue", ""), "does not quote the title"),
        (f"Of 'Brook', too: {GOOD}", "quotes more than it was given to quote"),
        (GOOD.replace("oz'", "oz''"), "quotes more than it was given to quote"),
        (f"{GOOD} {GOOD}", "quotes more than it was given to quote"),
        ("'red mug 12 oz', 'Brook's Mug, Blue, 12 Ounces'?", "says nothing of its own"),
        (GOOD.replace("How relevant", "So relevant")[:-1] + ".", "does not ask"),
        ("Here is 'Brook's Mug, Blue, 12 Ounces' shown as a result of 'red mug 12 oz'?",
         "does not ask"),
        (f"Brook's Mug, Blue, 12 Ounces, it is. {GOOD}", "quotes more than it was given to quote"),
        (f"{GOOD} Option B.", "names options"),
        (f"{GOOD} Choose between A) and B).", "names options"),
        (f"{GOOD} And then you", "breaks off"),
        (f"{GOOD} Do tell. Do tell.", "repeats itself"),
        (f"{GOOD} It costs 13 dollars.", "has a number of its own"),
        (f"{GOOD} It is by Halewood.", "has a name of its own"),
        ("¿Qué tan bien responde a 'red mug 12 oz' el producto de esta tienda que se llama "
         "'Brook's Mug, Blue, 12 Ounces'?", "is not in English"),
        (f"It is an exact match. {GOOD}", "claims an answer"),
        (f"Decide whether it is an exact match. {GOOD}", None),
    ],
)  # fmt: skip
def test_what_survives(said: str, flaw: str | None) -> None:
    check = survives("query", "title", claims=r"\bexact\b")
    assert check(Question(composed=said), SEED) == (flaw and f"composed question {flaw}")


def test_two_fields_of_one_text_are_quoted_each() -> None:
    check, seed = survives("first", "second"), {"first": "obscure", "second": "obscure"}
    both = Question(composed="Are 'obscure' and 'Obscure' the same product or not?")
    assert check(both, seed) is None
    one = Question(composed="Is 'obscure' the same product as another one or not?")
    assert check(one, seed) == "composed question does not quote the second"


@pytest.mark.parametrize("mark", ["\u0007", "\n", "{{ it }}"])
def test_a_question_is_one_line_of_plain_text(mark: str) -> None:
    task = Task("compose", Question, Sampling(100))
    assert task.flaw(json.dumps({"composed": f"Is this {mark} a question?"}))
    assert task.flaw(json.dumps({"composed": "Is this a question?"})) is None
