"""Ledgers that tests fill themselves: no model is asked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from builders.llm.ledger import ANSWERED, Ledger
from builders.llm.money import Cap
from builders.llm.request import Call, Reply
from builders.llm.task import Task


def answered(
    ledger: Ledger,
    task: Task[Any],
    model: str,
    answers: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]],
) -> list[str]:
    """File answers of a model: (the variables of the prompt, the answer); gives their keys."""
    prompt, keys = task.prompt(model), []
    for seed, answer in answers:
        (request,) = task.file.requests(prompt, [seed])
        reply = Reply(json.dumps(answer), "stop", 1, 1, 0.1, "{}")
        entry = ledger.reserve(Call(request), "test", "test", 0, 0, Cap())
        assert isinstance(entry, int)
        ledger.settle(entry, request, ANSWERED, 0, 0, reply, f"test:{model}")
        keys.append(request.key)
    return keys
