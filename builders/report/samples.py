"""Samples as the page's browser shows them: what was asked, why options are wrong, and lineage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from builders.registry import builders
from builders.report.shards import NO_GENERATOR

#: Of every set, so many rows of the training split are on the page, the first in the mixture's
#: order, and so many of the validation split.
TRAINING, HELD = 100, 10
#: Characters of the line that stands for a sample in the list.
_LINE = 140


def reasons() -> dict[str, Mapping[str, str]]:
    """In words, the codes of wrong options, by source."""
    return {builder.source.name: builder.reasons for builder in builders()}


def shown(sample: Mapping[str, Any], words: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    """A sample for the page. words: as `reasons()` gives them; a code without words stays.

    Text everywhere: the page makes no mark-up of it.
    """
    content = {message["role"]: message["content"] for message in sample["messages"]}
    fields, truth = json.loads(sample["fields"]), json.loads(sample["truth"])
    options = _options(sample["task_type"], fields, truth, words.get(sample["source"], {}))
    return {
        "id": sample["id"],
        "set": sample["set"],
        "type": sample["task_type"],
        "split": sample["part"],
        "language": sample["language"],
        "source": sample["source"],
        "generator": sample["generator"] or NO_GENERATOR,
        "line": _line(fields, content["user"]),
        "system": content["system"],
        "prompt": content["user"],
        "answer": content["assistant"],
        "options": options,
        "truth": None if options else sample["truth"],
        "lineage": {
            "source": sample["source"],
            "revision": sample["source_revision"],
            "split of the source": sample["split"],
            "source rows": sample["source_rows"],
            "keys": sample["keys"],
            "wording": sample["template"],
            "written by": sample["generator"],
            "LLM calls": sample["llm_calls"],
            "metric": sample["metric"],
            "track": sample["track"],
            "licence": sample["license"],
        },
    }


def _line(fields: Mapping[str, Any], prompt: str) -> str:
    """What tells a sample from others: the first text that it asks about, or its first option."""
    texts = [value for value in fields.values() if isinstance(value, str) and value.strip()]
    line = " ".join([*texts, *fields.get("options", []), prompt][0].split())
    return line if len(line) <= _LINE else line[: _LINE - 1] + "…"


def _options(
    task_type: str, fields: Mapping[str, Any], truth: Any, words: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Options as numbered in the prompt. right: whether it is; of a ranking the weight instead.
    why: in words, where it is not right."""
    texts = fields.get("options") or []
    codes = fields.get("reasons") or [None] * len(texts)
    first = 0 if task_type == "multiple-choice" else 1
    told = []
    for place, (text, code) in enumerate(zip(texts, codes, strict=True)):
        number = place + first
        verdict: dict[str, Any] = (
            {"weight": truth[place]}
            if task_type == "ranking"
            else {"right": number in truth if isinstance(truth, list) else number == truth}
        )
        why = None if code is None else words.get(code, code)
        told.append({"number": number, "text": text, "why": why, **verdict})
    return told
