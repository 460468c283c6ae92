"""A second opinion: a model answers finished questions blind, and is compared with their truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from builders.llm.ledger import Answer
from builders.llm.request import Prompt, Request, Sampling
from builders.llm.session import Session
from builders.sample import METRIC_OF, TOLERANCE, system_prompt
from builders.shopbench import parse, score

#: Tokens of an answer, by the task types that have one right answer.
MOST_TOKENS = {
    "multiple-choice": 8,
    "ranking": 32,
    "retrieval": 32,
    "named_entity_recognition": 64,
}
#: Entities that are mostly found are not disputed: how a value is cut out is a matter of taste.
_ENOUGH = {"named_entity_recognition": 0.5}


@dataclass(frozen=True)
class Verdict:
    """kind: what the model makes of a question. answer: in its own words."""

    kind: Literal["agreed", "disputed", "unanswered"]
    answer: str


class Opinion:
    """Asks a model for its answers. rejects: whether disputed questions are dropped, not listed."""

    def __init__(self, session: Session, rejects: bool) -> None:
        self.session, self.rejects = session, rejects

    def of(
        self, task_type: str, metrics: Sequence[str | None], prompts: Sequence[str],
        truths: Sequence[Any], label: str,
    ) -> list[Verdict]:  # fmt: skip
        """A verdict on each question of one type; none on free text, which has no one answer."""
        if task_type not in MOST_TOKENS:
            return []
        prompt = self._prompt(task_type)
        requests = [Request(prompt, text) for text in prompts]
        found = self.session.answer(requests, label, lambda _: None)
        verdicts = []
        for answer, metric, truth in zip(found, metrics, truths, strict=True):
            if not isinstance(answer, Answer):
                verdicts.append(Verdict("unanswered", ""))
                continue
            said = parse(task_type, answer.text)
            reached = score(metric or METRIC_OF[task_type], said, truth)
            agreed = reached >= _ENOUGH.get(task_type, 1 - TOLERANCE)
            verdicts.append(Verdict("agreed" if agreed else "disputed", answer.text))
        return verdicts

    def state(self, task_type: str) -> dict[str, Any] | None:
        """What decides its verdicts: the model, and what it has answered."""
        if task_type not in MOST_TOKENS:
            return None
        answers = self.session.ledger.digest(self._prompt(task_type).id)
        return {"model": self.session.model, "rejects": self.rejects, "answers": answers}

    def _prompt(self, task_type: str) -> Prompt:
        sampling = Sampling(MOST_TOKENS[task_type])
        return Prompt(self.session.model, (("system", system_prompt(task_type)),), sampling)
