"""What a run will take, told before it starts: packs, steps, memory of each GPU, hours."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from rich.text import Text

from builders.console import plain_table
from builders.errors import ShopmixError
from builders.mixture.manifest import Lengths, Packs
from builders.mixture.packing import pack
from training.qlora import hyperparameters
from training.qlora.architecture import Architecture
from training.qlora.engine import Axolotl
from training.qlora.gpus import GPUS, Gpu
from training.qlora.hours import EFFICIENCY, flops
from training.qlora.hyperparameters import Hyperparameters
from training.qlora.options import Option, helps, option
from training.qlora.packs import axolotl_packs, spread
from training.qlora.steps import checkpoints_of, packs_of_step, steps_of

#: The ways to keep the base on the GPUs.
WHOLE, SHARED = "whole (ZeRO-2)", "shared (FSDP)"


@dataclass(frozen=True)
class Plan:
    """What a run will take.

    tokens: of all samples, in `unit`. longer: samples of more than sequence_len, which axolotl
    leaves out. best: packs by best fit decreasing. axolotl: by its own packing; None where it is
    not there. steps: of the optimizer, of `room` tokens each. options: kinds of GPUs, the one that
    was asked for first; empty where the model's sizes are not known. warnings: what may go wrong.
    """

    samples: int
    tokens: int
    unit: str
    longer: int
    best: Packs
    axolotl: Packs | None
    steps: int
    room: int
    checkpoints: int
    options: tuple[Option, ...]
    warnings: tuple[str, ...]


def plan(
    lengths: Lengths,
    base: Architecture | None,
    keys: Mapping[str, Any],
    gpu: Gpu,
    gpus: int,
    axolotl: Axolotl | None,
) -> Plan:
    """What a run on a mixture with samples of these lengths will take.

    base: None where its sizes are not known. keys: axolotl's configuration. axolotl: None where it
    is not there. Raises `ShopmixError` where no sample fits, or axolotl fails.
    """
    hyper = hyperparameters.of(keys)
    each = spread(lengths)
    fitting = each[each <= hyper.sequence_len]
    if not len(fitting):
        raise ShopmixError(
            f"sequence_len {hyper.sequence_len}: all samples are longer, and would be left out"
        )
    best, theirs = pack(fitting, hyper.sequence_len), None
    if axolotl and hyper.sample_packing:
        theirs = axolotl_packs(fitting, hyper.sequence_len, hyper.seed, axolotl)
    packs = (theirs or best).packs if hyper.sample_packing else len(fitting)
    steps = steps_of(packs, hyper, gpus)
    room = packs_of_step(hyper, gpus) * hyper.sequence_len
    options: tuple[Option, ...] = ()
    if base:
        computed = steps * room if hyper.sample_packing else hyper.num_epochs * int(fitting.sum())
        operations = computed * flops(base, hyper, _before(fitting))
        kinds = dict.fromkeys((gpu, *GPUS.values()))
        options = tuple(option(base, hyper, kind, gpus, operations) for kind in kinds)
    longer = len(each) - len(fitting)
    return Plan(
        samples=len(each),
        tokens=lengths.total,
        unit=lengths.unit,
        longer=longer,
        best=best,
        axolotl=theirs,
        steps=steps,
        room=room,
        checkpoints=checkpoints_of(steps, keys, hyper),
        options=options,
        warnings=tuple(_warnings(longer, base, hyper, options)),
    )


def _before(lengths: NDArray[np.int64]) -> float:
    """How many tokens of its own sample go before a token, in the mean."""
    return float(np.square(lengths).sum() / lengths.sum() / 2)


def _warnings(
    longer: int, base: Architecture | None, hyper: Hyperparameters, options: tuple[Option, ...]
) -> Iterator[str]:
    if longer:
        yield (
            f"{longer:,} samples are longer than {hyper.sequence_len:,} tokens: axolotl leaves "
            f"them out, unless sequence_len is larger"
        )
    if base is None:
        yield "the sizes of this model are not known: no memory and no hours can be told"
    elif not options[0].fits:
        first = options[0]
        tried = "; ".join(helps(base, hyper, first.gpu, first.gpus))
        yield (
            f"it cannot fit: {_gb(first.memory.total)} GB are needed on each {first.gpu.name} of "
            f"{_gb(first.gpu.memory)} GB. What would do: {tried or 'a smaller model'}"
        )


def tell(plan: Plan, console: Console) -> None:
    """Print a plan: the run, memory by part, hours, and what may go wrong."""
    console.print(_run(plan))
    if plan.options:
        console.print(_memory(plan.options[0]))
        console.print(_hours(plan.options))
    for warning in plan.warnings:
        console.print(Text(f"warning: {warning}"))


def _run(plan: Plan) -> Table:
    table = plain_table(f"The run, in {plan.unit}", "what", "how many")
    found = [("best fit decreasing", plan.best)]
    if plan.axolotl:
        found.insert(0, ("axolotl", plan.axolotl))
    rows = {
        "samples": f"{plan.samples:,}",
        "tokens": f"{plan.tokens:,}",
        "left out, too long": f"{plan.longer:,}",
        **{
            f"packs of {one.tokens:,} by {name}": f"{one.packs:,} ({one.efficiency:.2%} full)"
            for name, one in found
        },
        "steps": f"{plan.steps:,}",
        "tokens a step": f"{plan.room:,}",
        "checkpoints": f"{plan.checkpoints:,}",
    }
    for name, value in rows.items():
        table.add_row(name, value)
    return table


def _memory(option: Option) -> Table:
    ways = {WHOLE: option.whole} | ({SHARED: option.sharded} if option.sharded else {})
    title = f"Estimated GB on each of {option.gpus} {option.gpu.name}, by where the base is"
    table = plain_table(title, "part", *ways)
    for part in asdict(option.whole):
        table.add_row(part, *(_gb(getattr(memory, part)) for memory in ways.values()))
    table.add_row("total", *(_gb(memory.total) for memory in ways.values()))
    table.add_row("the GPU has", *[_gb(option.gpu.memory)] * len(ways))
    return table


def _hours(options: tuple[Option, ...]) -> Table:
    title = f"Hours of the steps, at {EFFICIENCY:.0%} of what the GPUs do at best"
    table = plain_table(title, "GPUs", "GB needed", "GB", "hours", "base")
    for one in options:
        table.add_row(
            f"{one.gpus} {one.gpu.name}",
            _gb(one.memory.total),
            _gb(one.gpu.memory),
            f"{one.hours:,.1f}" if one.fits else "does not fit",
            SHARED if one.shares else WHOLE,
        )
    return table


def _gb(size: int) -> str:
    return f"{size / 1e9:.1f}"
