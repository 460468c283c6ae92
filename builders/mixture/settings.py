"""What `python -m builders.mixture` is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field

from builders.cli import Settings
from builders.errors import ShopmixError
from builders.llm import options
from builders.registry import builders

#: Where mixtures are kept unless another folder is named.
MIXTURES = Path("data/mixtures")


class MixtureSettings(Settings):
    """The settings of a build, of which `out` is the folder of samples, and the mixture's own.

    build: where missing samples are built from: a builder's --source by the name of its source,
    and under "" that of all others. Without any nothing is built.
    benchmark: further files of questions that must not be in it.
    """

    recipe: str
    mixtures: Path = MIXTURES
    build: dict[str, str] = Field(default_factory=dict)
    tokenizer: Path | None = None
    benchmark: tuple[Path, ...] = ()
    format: Literal["parquet", "shopbench"] = "parquet"


def arguments(argv: Sequence[str] | None) -> MixtureSettings:
    """Settings from the command line. Raises `ShopmixError` on a value out of range."""
    parser = argparse.ArgumentParser(
        prog="python -m builders.mixture",
        description="Mix sets of samples by a recipe. python -m builders.mixture diff A B says "
        "what differs between two mixtures.",
    )
    parser.add_argument("recipe", help="v7, v8, v7b, v9b, demo, or a recipe file of your own")
    parser.add_argument(
        "--samples", dest="out", default="data/samples", type=Path, metavar="DIR",
        help="built sets; what is missing there is built into it with --source",
    )  # fmt: skip
    parser.add_argument(
        "--out", dest="mixtures", default=MIXTURES, type=Path, metavar="DIR",
        help=f"where the folder of the mixture goes (default: {MIXTURES})",
    )  # fmt: skip
    parser.add_argument(
        "--source", dest="build", action="append", default=[], metavar="[NAME=]hub|demo|DIR",
        help="build missing, outdated or too small sets from here; a folder has a folder for each "
        "source, of its name. With NAME= of this source alone, as a builder's --source; may be "
        "given several times",
    )  # fmt: skip
    parser.add_argument(
        "--tokenizer", type=Path, metavar="DIR",
        help="the base model's tokenizer, to count tokens by (default: where the Hub's client keeps"
        " it, else lengths are estimated)",
    )  # fmt: skip
    parser.add_argument(
        "--benchmark", type=Path, action="append", default=[], metavar="FILE",
        help="a further file of questions (JSON lines with input_field) that must not be in it",
    )  # fmt: skip
    parser.add_argument(
        "--format", choices=("parquet", "shopbench"), default="parquet",
        help="shopbench: also write the questions as JSON lines that ShopBench's evaluator reads",
    )  # fmt: skip
    options.add(parser)
    given = vars(parser.parse_args(argv))
    given["benchmark"] = tuple(given["benchmark"])
    given["build"] = dict(map(_named, given["build"]))
    return options.read(MixtureSettings, given)


def _named(source: str) -> tuple[str, str]:
    """NAME and WHERE of `NAME=WHERE`; no name without one. Raises `ShopmixError`."""
    name, equals, where = source.partition("=")
    if not equals:
        return "", source
    known = [builder.source.name for builder in builders()]
    if name not in known or not where:
        named = ", ".join(known)
        raise ShopmixError(f"--source {source}: NAME=WHERE with one of {named} is wanted")
    return name, where
