"""A tokenizer with its chat template: how many tokens a conversation is to the base model.

The template is rendered as `apply_chat_template` of transformers renders it, without transformers;
a test holds the two equal. Nothing is downloaded: the tokenizer is a folder of the user's, or what
the Hub's client has in its cache.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import huggingface_hub
import jinja2
import numpy as np
import xxhash
from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
from jinja2.ext import Extension
from jinja2.nodes import Node
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment
from numpy.typing import NDArray
from tokenizers import Tokenizer

from builders.errors import ShopmixError

#: A tokenizer and its chat template, as they lie beside a model's weights.
VOCABULARY, CONFIG, TEMPLATE = "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"


class Chat:
    """A tokenizer with its chat template. name: the base model, and 8 hex of the files' content."""

    def __init__(self, folder: Path, base_model: str) -> None:
        """Raises `ShopmixError` where a file is missing or is not what its name says."""
        self.folder = folder
        wanted = f"give a folder with {base_model}'s {VOCABULARY}, {CONFIG} and {TEMPLATE}"
        try:
            self.name = _named(folder, base_model)
            config = _config(folder)
            self._template = _environment().from_string(_chat_template(folder, config))
        except jinja2.TemplateSyntaxError as error:
            raise ShopmixError(
                f"{folder}: line {error.lineno} of the chat template: {error.message}"
            ) from None
        except OSError as error:
            raise ShopmixError(f"{error.filename}: {error.strerror}: {wanted}") from None
        except ValueError as error:
            raise ShopmixError(f"{folder}: {error}: {wanted}") from None
        self._special = dict(_special(config))
        try:
            self._tokenizer = Tokenizer.from_file(str(folder / VOCABULARY))
        except Exception as error:  # tokenizers has no type of its own for this
            raise ShopmixError(f"{folder / VOCABULARY}: {error}: {wanted}") from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()

    def count(self, conversations: Sequence[Any]) -> NDArray[np.int64]:
        """Tokens of each conversation, a list of messages of role and content.

        Raises `ShopmixError` where the template refuses one.
        """
        try:
            texts = [self.render(messages) for messages in conversations]
        except (jinja2.TemplateError, TypeError) as error:
            raise ShopmixError(
                f"{self.folder}: the chat template takes no system, user and assistant: {error}"
            ) from None
        if not all(texts):
            raise ShopmixError(f"{self.folder}: the chat template makes nothing of a conversation")
        encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return np.array([len(one) for one in encoded], dtype=np.int64)

    def render(self, messages: Sequence[Any]) -> str:
        """A conversation as the model reads it."""
        return self._template.render(
            messages=messages,
            tools=None,
            documents=None,
            add_generation_prompt=False,
            **self._special,
        )


def identity(base_model: str, tokenizer: Path | None) -> str | None:
    """What `measure` would name as its tokenizer, without a look at a sample; None: an estimate."""
    folder = tokenizer or cached(base_model)
    return _named(folder, base_model) if folder else None


def cached(base_model: str) -> Path | None:
    """The folder of the Hub's cache that has a base model's tokenizer and chat template, if any.

    Raises `ShopmixError` for a name that no model on the Hub can have.
    """
    try:
        folder = Path(huggingface_hub.snapshot_download(base_model, local_files_only=True))
        _chat_template(folder, _config(folder))
    except HFValidationError as error:
        raise ShopmixError(f"base_model {base_model!r} is no model's name: {error}") from None
    except (LocalEntryNotFoundError, OSError, ValueError):  # never read, or just in part
        return None
    return folder if (folder / VOCABULARY).is_file() else None


def _config(folder: Path) -> dict[str, Any]:
    """What is said of the tokenizer. Raises `OSError` and `ValueError`."""
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{CONFIG} is not JSON ({error})") from None
    if not isinstance(config, dict):
        raise ValueError(f"{CONFIG} holds no JSON object")
    return config


def _special(config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Tokens that templates may name, as `eos_token`."""
    for key, value in config.items():
        content = value.get("content") if isinstance(value, dict) else value
        if key.endswith("_token") and isinstance(content, str):
            yield key, content


def _chat_template(folder: Path, config: Mapping[str, Any]) -> str:
    """A file of its own goes before what the configuration says. Raises `ValueError` for none."""
    if (file := folder / TEMPLATE).is_file():
        return file.read_text("utf-8")
    said = config.get("chat_template")
    if isinstance(said, list):  # several, each with a name
        named = (one for one in said if isinstance(one, dict) and one.get("name") == "default")
        said = next(named, {}).get("template")
    if not isinstance(said, str):
        raise ValueError("no chat template")
    return said


def _named(folder: Path, base_model: str) -> str:
    digest = xxhash.xxh3_64()
    for name in (VOCABULARY, CONFIG, TEMPLATE):
        if (file := folder / name).is_file():
            digest.update(name.encode() + b"\0" + file.read_bytes())
    return f"{base_model}@{digest.hexdigest()[:8]}"


class _Generation(Extension):
    """`{% generation %}` marks the answer for training; what is in it is rendered all the same."""

    tags = {"generation"}  # noqa: RUF012 - declared so by jinja2

    def parse(self, parser: Parser) -> list[Node]:
        next(parser.stream)
        return parser.parse_statements(("name:endgeneration",), drop_needle=True)


def _environment() -> ImmutableSandboxedEnvironment:
    """Jinja as chat templates expect it."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_Generation, "jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _json
    environment.globals["raise_exception"] = _refuse
    # the same on every day, as a manifest is
    environment.globals["strftime_now"] = date(2024, 7, 26).strftime
    return environment


def _json(value: Any, **options: Any) -> str:
    return json.dumps(value, **{"ensure_ascii": False, **options})


def _refuse(reason: str) -> None:
    raise jinja2.TemplateError(reason)
