"""The command-line options that all commands with LLM work share."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from builders.errors import ShopmixError
from builders.llm.settings import PROVIDERS, LlmSettings

S = TypeVar("S", bound=LlmSettings)


def add(parser: argparse.ArgumentParser) -> None:
    """Add them; their names are those of `LlmSettings`."""
    who = "; ".join(f"{name}: {what}" for name, what in PROVIDERS.items())
    group = parser.add_argument_group(
        "LLM work", "Answers are kept in a ledger, so that none is paid for twice."
    )
    group.add_argument("--llm", metavar="PROVIDER:MODEL", help=f"who answers. {who}")
    group.add_argument("--ledger", type=Path, metavar="FILE", help="default: data/ledger.sqlite")
    group.add_argument("--max-usd", metavar="N", help="what the ledger may spend in all, ever")
    group.add_argument(
        "--max-tokens", type=int, metavar="N", help="tokens that the ledger may take in all"
    )
    group.add_argument(
        "--prices", type=Path, metavar="FILE",
        help='JSON that goes before our prices: {"model": [$ for 1M tokens in, out]}',
    )  # fmt: skip
    group.add_argument("--workers", type=int, default=64, metavar="N", help="requests at once")
    group.add_argument("--timeout", type=float, default=300.0, metavar="SECONDS")
    group.add_argument(
        "--vllm", action="append", default=[], metavar="NAME=VALUE",
        help="an argument of vLLM's engine, as tensor_parallel_size=4; may be given several times",
    )  # fmt: skip
    group.add_argument(
        "--dry-run", action="store_true", help="only say what would be asked and what it costs"
    )
    group.add_argument(
        "--retry-failed", action="store_true",
        help="ask again what was refused, cut off or not valid",
    )  # fmt: skip
    group.add_argument(
        "--verify", nargs="?", const="", metavar="PROVIDER:MODEL",
        help="let a model (the one of --llm unless named) answer every finished question blind",
    )  # fmt: skip
    group.add_argument(
        "--disputed", choices=("list", "reject"), default="list",
        help="what becomes of questions that it answers otherwise: <set>.disputed.jsonl, or none",
    )  # fmt: skip


def read(kind: type[S], given: Mapping[str, Any]) -> S:
    """Settings of what was given on a command line. Raises `ShopmixError` naming the option."""
    try:
        return kind(**given)
    except ValidationError as error:
        first = error.errors()[0]
        option = str(first["loc"][0]).replace("_", "-")
        said = first["msg"].removeprefix("Value error, ")
        raise ShopmixError(f"--{option} {first['input']}: {said}") from None
