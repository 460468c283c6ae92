"""What a user says about LLM work: who answers, where answers are kept, what it may cost."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

#: Who can answer, and what is named behind the colon.
PROVIDERS = {
    "openai": "a model behind an OpenAI-compatible server (OPENAI_BASE_URL, OPENAI_API_KEY)",
    "batch": "a model of OpenAI's Batch API",
    "vllm": "a model that vLLM loads in this process",
    "local": "a small real model on the CPU, or a GGUF file",
    "ledger": "no one: only what this model has answered before",
}


class LlmSettings(BaseModel):
    """The options that all commands with LLM work share.

    llm: PROVIDER:MODEL, or None for what is in the ledger. max_usd, max_tokens: what the ledger
    may spend in all, over all runs. workers: requests at once, at most. timeout: seconds for one.
    vllm: further arguments of `vllm.LLM`. verify: who gives a second opinion; empty for the one of
    `llm`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    llm: str | None = None
    ledger: Path | None = None
    max_usd: Decimal | None = Field(None, ge=0)
    max_tokens: int | None = Field(None, ge=0)
    prices: Path | None = None
    workers: int = Field(64, gt=0, le=4096)
    timeout: float = Field(300.0, gt=0)
    dry_run: bool = False
    retry_failed: bool = False
    vllm: dict[str, Any] = {}
    verify: str | None = None
    disputed: Literal["list", "reject"] = "list"

    @field_validator("vllm", mode="before")
    @classmethod
    def _arguments(cls, given: Any) -> Any:
        """NAME=VALUE, as on a command line; values are JSON, or else texts."""
        if isinstance(given, dict):
            return given
        pairs = [pair.partition("=") for pair in given]
        if wrong := [name for name, equals, _ in pairs if not (name and equals)]:
            raise ValueError(f"{wrong[0]} is not NAME=VALUE")
        return {name: _value(text) for name, _, text in pairs}

    @field_validator("llm", "verify")
    @classmethod
    def _known(cls, spec: str | None) -> str | None:
        if spec:
            provider, _, model = spec.partition(":")
            if provider not in PROVIDERS or (provider not in ("local", "ledger") and not model):
                raise ValueError(f"not PROVIDER:MODEL with one of {', '.join(PROVIDERS)}")
        return spec


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
