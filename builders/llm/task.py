"""What is asked of an LLM: a prompt file, the type of its answer, and a check against the seed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from builders.errors import ShopmixError
from builders.llm import prompt
from builders.llm.request import Prompt, Sampling


class Answered(BaseModel):
    """The base of answer types: nothing beside what was asked for, blanks at the ends go."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


#: A short text on one line. A schema without bounds lets a weak model write for ever.
Phrase = Annotated[str, StringConstraints(min_length=2, max_length=60, pattern=r"^[^\n{}\[\]]+$")]

T = TypeVar("T", bound=Answered)


@dataclass(frozen=True)
class Task(Generic[T]):
    """One thing that is asked of an LLM about rows of a source.

    name: of its prompt file, `<name>.j2` in `folder`. answer: its type. check(answer, seed): what
    contradicts the seed (the row that was shown), or None.
    """

    name: str
    answer: type[T]
    sampling: Sampling
    check: Callable[[T, Mapping[str, Any]], str | None] = lambda _answer, _seed: None
    folder: Path = prompt.PROMPTS

    @cached_property
    def file(self) -> prompt.PromptFile:
        """Its prompt file, linted."""
        path = self.folder / f"{self.name}.j2"
        if not path.is_file():
            raise ShopmixError(f"{path} is missing: it says what to ask an LLM")
        return prompt.load(path)

    @cached_property
    def schema(self) -> str:
        """The JSON schema of an answer."""
        return json.dumps(_inlined(self.answer.model_json_schema()))

    def prompt(self, model: str) -> Prompt:
        """What all requests to a model share."""
        return self.file.prompt(model, self.sampling, self.schema)

    def read(self, text: str) -> T:
        """An answer of its JSON. Raises pydantic's `ValidationError`."""
        return self.answer.model_validate_json(text)

    def flaw(self, text: str) -> str | None:
        """Why a text is no answer of this type, as a model can understand it; None: it is one."""
        try:
            self.read(text)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            return f"{where}: {first['msg']}" if where else first["msg"]
        return None


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema without references, titles and defaults, which not all servers know."""
    parts = schema.pop("$defs", {})

    def walk(node: Any, named: bool = False) -> Any:
        if isinstance(node, list):
            return [walk(one) for one in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return walk(parts[node["$ref"].rpartition("/")[2]])
        return {
            key: walk(value, key == "properties")
            for key, value in node.items()
            if named or key not in ("title", "default", "description")
        }

    found: dict[str, Any] = walk(schema)
    return found


_BLANKS = re.compile(r"\s+")


def occurs(quote: str, *texts: str | None) -> bool:
    """Whether a quotation stands in one of the texts, as whole words, whatever its case."""
    said = re.escape(_BLANKS.sub(" ", quote.strip()).lower()).replace(r"\ ", " ")
    pattern = re.compile(rf"(?<!\w){said}(?!\w)")
    return any(pattern.search(_BLANKS.sub(" ", text).lower()) for text in texts if text)
