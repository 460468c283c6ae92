"""Compose: an LLM writes the question of a task from fields of the seed.

It sees neither the options nor the truth, so it cannot tell them: the set's own template puts the
options below. What must survive is checked by rule: every field that is to be quoted stands in the
question word for word, and no number does that the fields do not have.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import StringConstraints

from builders.llm.task import Answered, occurs

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")


class Question(Answered):
    """What is asked, in one paragraph."""

    composed: Annotated[
        str, StringConstraints(min_length=10, max_length=700, pattern=r"^[^\n{}]+$")
    ]


def survives(*quoted: str) -> Callable[[Question, Mapping[str, Any]], str | None]:
    """A check of composed questions; quoted: the fields that must stand in them."""

    def check(answer: Question, seed: Mapping[str, Any]) -> str | None:
        said = answer.composed
        for name in quoted:
            if not occurs(seed[name], said):
                return f"composed question lacks the {name}"
        known = set(_NUMBER.findall(" ".join(str(value) for value in seed.values())))
        if set(_NUMBER.findall(said)) - known:
            return "composed question has a number of its own"
        return None

    return check
