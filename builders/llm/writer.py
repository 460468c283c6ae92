"""The face of LLM work to builders: tasks asked about the rows of a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args, get_origin

import polars as pl
from pydantic import BaseModel, ValidationError

from builders.llm.ledger import Answer, Failure
from builders.llm.session import Session
from builders.llm.task import T, Task

#: Why a row has no label.
NOT_ASKED = "no answer in the ledger"


class Writer:
    """Asks tasks about rows. What the ledger has is served; the rest is asked, or is missing."""

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def model(self) -> str:
        """Whose answers these are."""
        return self.session.model

    def state(self, tasks: Sequence[Task[Any]]) -> dict[str, Any]:
        """What decides the labels of tasks: the model, the prompts, and what came of them."""
        prompts = {task.name: task.prompt(self.model).id for task in tasks}
        answers = {name: self.session.ledger.digest(id_) for name, id_ in prompts.items()}
        return {"model": self.model, "prompts": prompts, "answers": answers}

    def label(self, task: Task[T], rows: pl.DataFrame, label: str) -> pl.DataFrame:
        """Rows with the columns of a task's answer about each, in the same order.

        rows: has the variables of the task's prompt as columns. label: what it is for, in the
        ledger. Added beside the answer's columns: `call` (the key in the ledger), `generator`
        (provider:model), and `flaw`: null, or why there is no answer (the others are then null).
        """
        seeds = rows.select(sorted(task.file.variables)).to_dicts()
        prompt = task.prompt(self.model)
        requests = task.file.requests(prompt, seeds)
        found = self.session.answer(requests, label, task.flaw)
        told = [_told(task, outcome, seed) for outcome, seed in zip(found, seeds, strict=True)]
        schema = columns_of(task.answer) | dict.fromkeys(("call", "generator", "flaw"), pl.String())
        answers = pl.DataFrame(told, schema=schema, orient="row")
        return rows.hstack(answers)


def _told(
    task: Task[T], outcome: Answer | Failure | None, seed: Mapping[str, Any]
) -> dict[str, Any]:
    if outcome is None:
        return {"flaw": NOT_ASKED}
    if isinstance(outcome, Failure):
        return {"flaw": f"LLM's answer is {outcome.status}"}
    try:
        answer = task.read(outcome.text)
    except ValidationError:  # what is asked for has become stricter since
        return {"flaw": "LLM's answer is not valid any more"}
    if flaw := task.check(answer, seed):
        return {"flaw": flaw}
    return {
        **answer.model_dump(),
        "call": outcome.key,
        "generator": outcome.generator,
    }


def columns_of(answer: type[BaseModel]) -> dict[str, pl.DataType]:
    """The polars types of an answer's fields: texts, numbers, truth values, lists and objects."""
    return {name: _type_of(field.annotation) for name, field in answer.model_fields.items()}


def _type_of(annotation: Any) -> pl.DataType:
    if get_origin(annotation) in (list, tuple):
        return pl.List(_type_of(get_args(annotation)[0]))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return pl.Struct(columns_of(annotation))
    if annotation in (int, float, bool):
        return {int: pl.Int64(), float: pl.Float64(), bool: pl.Boolean()}[annotation]
    return pl.String()
