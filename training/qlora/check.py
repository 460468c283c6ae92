"""The check of a configuration by axolotl itself, and of which tokens carry loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from rich.console import Console
from rich.text import Text

from builders.console import Reporter
from builders.errors import ShopmixError
from training.qlora.dataset import Mixture
from training.qlora.engine import Axolotl
from training.qlora.gpus import GPUS, Gpu
from training.qlora.settings import Settings

#: Samples of each task type that are looked at, and shown.
_LOOKED_AT = 4
#: Of a long text so many characters at each end.
_SHOWN = 300

#: Neighbouring tokens as one text, and whether they carry loss.
Run = tuple[str, bool]


@dataclass(frozen=True)
class Environment:
    """What axolotl runs in. packages: their versions. gpus: how many it finds."""

    packages: Mapping[str, str]
    gpus: int


@dataclass(frozen=True)
class _Sample:
    """A sample of the mixture: its task type, and what it says."""

    id: str
    task_type: str
    messages: tuple[Mapping[str, str], ...]


def check(
    config: Mapping[str, Any], settings: Settings, mixture: Mixture, axolotl: Axolotl,
    report: Reporter,
) -> Environment:  # fmt: skip
    """Let axolotl validate a configuration, and show what of some samples carries loss.

    Returns what it runs in. Raises `ShopmixError` for whatever
    axolotl has against it, and where anything but the answer and the token that ends it is learned.
    """
    report.note("axolotl checks the configuration")
    samples = _samples(mixture)
    gpu = None if settings.tiny else GPUS[settings.gpu]
    asked = {
        "config": config,
        "capabilities": capabilities(gpu, settings.gpus),
        "samples": [one.messages for one in samples],
    }
    answer = axolotl.script("check", asked)
    there = Environment(answer["packages"], answer["gpus"])
    if flaws := answer["flaws"]:
        raise ShopmixError(f"axolotl cannot take this configuration: {'; '.join(flaws)}")
    if answer["samples"] is None:
        report.note(
            f"the configuration is valid. Which tokens carry loss cannot be shown: the tokenizer "
            f"of {config['base_model']} is not at hand ({answer['why']})"
        )
        return there
    seen: set[str] = set()
    for sample, runs in zip(samples, answer["samples"], strict=True):
        if sample.task_type not in seen:
            seen.add(sample.task_type)
            show(sample.task_type, runs, report.console)
        _learned(sample, runs, answer["end"])
    report.note(
        f"the configuration is valid; of {len(samples)} samples of {len(seen)} task types the "
        f"answer and {answer['end']} carry loss, and nothing else"
    )
    return there


def capabilities(gpu: Gpu | None, gpus: int) -> dict[str, Any]:
    """What axolotl's `validate_config` wants to know of the machine; gpu None is a CPU."""
    ampere = gpu is not None and gpu.ampere
    return {
        "bf16": ampere,
        "tf32": ampere,
        "fp8": gpu is not None and gpu.capability >= 90,
        "n_gpu": gpus,
        "compute_capability": f"sm_{gpu.capability}" if gpu else None,
    }


def _samples(mixture: Mixture) -> list[_Sample]:
    """The first few of each task type."""
    rows = (
        mixture.rows(["id", "task_type", "messages"])
        .filter(pl.int_range(pl.len()).over("task_type") < _LOOKED_AT)
        .collect()
        .sort("task_type", maintain_order=True)
    )
    return [_Sample(*row) for row in rows.iter_rows()]


def _learned(sample: _Sample, runs: Sequence[Run], end: str) -> None:
    """Raises `ShopmixError` unless the answer and its end carry loss, and nothing else."""
    wanted = sample.messages[-1]["content"] + end
    learned = [text for text, counts in runs if counts]
    if learned != [wanted]:
        raise ShopmixError(
            f"sample {sample.id} ({sample.task_type}): what carries loss is {learned}, not "
            f"{[wanted]}: the chat template of the base, or a key that was --set, is not for this "
            f"mixture"
        )


def show(title: str, runs: Sequence[Run], console: Console) -> None:
    """Print a sample as the model reads it: what carries loss in colour, in a log in brackets."""
    text = Text(f"{title}\n", style="bold")
    for part, counts in runs:
        if not counts:
            text.append(_cut(part), style="not bold dim")
        elif console.is_terminal:
            text.append(part, style="bold green")
        else:
            text.append(f"[[{part}]]")
    console.print(text, soft_wrap=True)


def _cut(text: str) -> str:
    if len(text) <= 2 * _SHOWN:
        return text
    return f"{text[:_SHOWN]} [...] {text[-_SHOWN:]}"
