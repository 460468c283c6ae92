"""What a sweep is asked for."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from training.sweep.grid import Axis, axes
from training.sweep.scoring import DEFAULT


class Settings(BaseModel):
    """The options of the command. command: None for the default."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str
    tried: tuple[Axis, ...]
    out: Path
    command: str | None


def arguments(argv: Sequence[str] | None) -> Settings:
    """Settings from the command line. Raises `ShopmixError` on a grid that cannot be."""
    parser = argparse.ArgumentParser(
        prog="python -m training.sweep",
        description="Score the merges of one or two adapters over a grid of weights. Run it again "
        "after a failure: it goes on where it stopped.",
    )
    parser.add_argument(
        "--base", required=True, metavar="DIR|YOU/NAME", help="the model that they were trained on"
    )
    parser.add_argument(
        "--adapter", action="append", default=[], metavar="ADAPTER[=WEIGHT]",
        help="an adapter to try at the weights of an --alphas; with =WEIGHT always at that one",
    )  # fmt: skip
    parser.add_argument(
        "--alphas", action="append", default=[], metavar="LIST",
        help="weights, as 0.4,0.5,0.6:1:0.1; the n-th is of the n-th --adapter without a weight",
    )  # fmt: skip
    parser.add_argument(
        "--out", required=True, type=Path, metavar="DIR",
        help="where scores, table and plot go, and one merged model at a time",
    )  # fmt: skip
    parser.add_argument(
        "--command",
        help="scores a point, the higher the better: {model} is the folder of the merged model, or "
        "{adapter} that of one PEFT adapter for {base}. The score is the last line of its standard "
        'output that is a number, or a JSON object with "score" '
        f"(default: {DEFAULT})",
    )
    given = parser.parse_args(argv)
    return Settings(
        base=given.base,
        tried=axes(given.adapter, given.alphas),
        out=given.out,
        command=given.command,
    )
