"""Prompt files: a chat in Jinja, of which only the last message differs from request to request.

    --- system
    What is to be done.
    --- user
    An example,
    --- assistant
    {"and": "its answer"}
    --- user
    {{ title }}

So servers keep everything up to the last `--- user` in their prefix caches; a variable above it is
an error. Examples also show a model that never learnt to chat how to go on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta

from builders.errors import ShopmixError
from builders.llm.request import Prompt, Request, Sampling

PROMPTS = Path(__file__).resolve().parent / "prompts"
_ROLE = re.compile(r"^--- (system|user|assistant)\n", re.MULTILINE)


@dataclass(frozen=True)
class PromptFile:
    """messages: the static ones. last: the Jinja source of the one that varies."""

    name: str
    messages: tuple[tuple[str, str], ...]
    last: str
    variables: frozenset[str]

    def prompt(self, model: str, sampling: Sampling, schema: str | None) -> Prompt:
        """What all requests of this file to a model share."""
        return Prompt(model, self.messages, sampling, schema)

    @cached_property
    def _template(self) -> jinja2.Template:
        return _jinja().from_string(self.last)

    def requests(
        self, prompt: Prompt, rows: Iterable[Mapping[str, Any]], index: int = 0
    ) -> list[Request]:
        """One request for each row of variables."""
        render = self._template.render
        return [Request(prompt, render(row), index) for row in rows]


def load(file: Path) -> PromptFile:
    """Read and lint a prompt file. Raises `ShopmixError` naming what is wrong with it."""
    parts = _ROLE.split(file.read_text("utf-8"))
    roles, texts = parts[1::2], [text.strip() for text in parts[2::2]]
    if parts[0].strip() or not roles or roles[-1] != "user" or not all(texts):
        raise ShopmixError(
            f"{file}: a prompt is a chat of parts that begin with a line --- system, --- user or "
            f"--- assistant, none of them empty, the last one --- user"
        )
    for role, text in zip(roles[:-1], texts[:-1], strict=True):
        if "{{" in text or "{%" in text:
            raise ShopmixError(
                f"{file}: a {role} message before the last has a variable: what varies goes into "
                f"the last message, or servers could not cache what stays"
            )
    try:
        variables = jinja2.meta.find_undeclared_variables(_jinja().parse(texts[-1]))
    except jinja2.TemplateSyntaxError as error:
        raise ShopmixError(f"{file}: {error.message}") from None
    messages = tuple(zip(roles[:-1], texts[:-1], strict=True))
    return PromptFile(file.stem, messages, texts[-1], frozenset(variables))


def _jinja() -> jinja2.Environment:
    return jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )
