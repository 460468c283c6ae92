"""`python -m training.wise_ft`: merge weighted adapters into their base."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from builders.cli import run
from builders.console import Reporter, plain_table
from builders.errors import ShopmixError
from training.runs import RUNS
from training.wise_ft.combination import Combination, opened
from training.wise_ft.merge import merge
from training.wise_ft.save_adapter import Saved, save_adapter
from training.wise_ft.track import track


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    given = _parser().parse_args(argv)
    if given.rank is not None and not given.save_adapter:
        raise ShopmixError("--rank is of --save-adapter: a merged model has no rank")
    if given.save_adapter is None and given.out is None:
        raise ShopmixError("--out DIR is missing: where the merged model goes")
    report = Reporter()
    made = _combination(given, report)
    report.console.print(_table(made))
    if given.save_adapter:
        saved = save_adapter(made, given.save_adapter, given.rank, report)
        report.note(f"{given.save_adapter}: {_told(saved)}")
    if given.out:
        told = merge(made, given.out, report)
        size = sum(file["bytes"] for file in told["files"])
        report.note(f"{given.out}: {len(told['files'])} files with tensors, {size / 1e9:,.2f} GB")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.wise_ft",
        description="Merge LoRA adapters into their base: W = W_base + sum of weight x dW.",
    )
    parser.add_argument("--base", metavar="DIR|REPO", help="the model that the adapters are of")
    parser.add_argument(
        "--adapter", action="append", default=[], metavar="DIR|REPO=WEIGHT",
        help="an adapter and its weight, as runs/v8=0.56; checkpoints of one run are averaged by "
        "runs/v8/checkpoint-150+checkpoint-192=0.56; may be given several times",
    )  # fmt: skip
    parser.add_argument(
        "--track", type=int, metavar="N",
        help="base, adapters and weights of a track of ShopBench, 1 to 5, as the winners had them",
    )  # fmt: skip
    parser.add_argument(
        "--runs", default=RUNS, type=Path, metavar="DIR",
        help=f"with --track: where the adapters are, by their names (default: {RUNS})",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, metavar="DIR", help="the merged model")
    parser.add_argument(
        "--save-adapter", type=Path, metavar="DIR",
        help="also, or instead, write all of it as one adapter, exact by its rank, the sum of all",
    )  # fmt: skip
    parser.add_argument(
        "--rank", type=int, metavar="N", help="of that adapter; what is lost by it is told"
    )
    return parser


def _combination(given: argparse.Namespace, report: Reporter) -> Combination:
    if given.track is None:
        if given.base is None:
            raise ShopmixError("--base DIR is missing: the model that the adapters are of")
        return opened(given.base, given.adapter, report.note)
    if given.adapter:
        raise ShopmixError("--track has adapters of its own: give --track or --adapter")
    recipe = track(given.track)
    for name in recipe.adapters:
        if not (given.runs / name).is_dir():  # else the Hub would be asked for it
            raise ShopmixError(
                f"{given.runs / name} is no folder: train it by python -m training.qlora {name}, "
                f"or say with --runs DIR where the adapters are"
            )
    adapters = [f"{given.runs / name}={weight}" for name, weight in recipe.adapters.items()]
    return opened(given.base or recipe.base_model, adapters, report.note)


def _table(made: Combination) -> Table:
    columns = ("adapter", "weight", "rank", "scale", "tensors", "trained on")
    table = plain_table(f"{made.base.name} and", *columns)
    for part in made.parts:
        pairs = part.adapter.pairs.values()
        table.add_row(
            part.adapter.name,
            f"{part.weight:g}",
            _span([pair.rank for pair in pairs]),
            _span([pair.scale for pair in pairs]),
            f"{len(part.adapter.tensors):,}",
            str(part.adapter.config.get("base_model_name_or_path") or ""),
        )
    return table


def _told(saved: Saved) -> str:
    size = f"one adapter of rank {saved.rank}, {saved.bytes / 1e9:,.2f} GB"
    if not saved.error:
        return f"{size}, exact"
    return (
        f"{size}; it misses {saved.error:.3%} of the change (Frobenius norm), and at most "
        f"{saved.worst_error:.3%}, of {saved.worst_module}"
    )


def _span(values: Sequence[float]) -> str:
    if not values:
        return ""
    low, high = min(values), max(values)
    return f"{low:g}" if low == high else f"{low:g} to {high:g}"


if __name__ == "__main__":
    run(main)
