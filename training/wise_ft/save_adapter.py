"""A combination as one PEFT adapter: the base stays as it is, and is served with it.

A sum of products is a product: with the A_i stacked and the w_i s_i B_i side by side, B A is the
sum of w_i s_i B_i A_i, at the sum of all ranks. Of a smaller rank it is the best approximation.
"""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import xxhash
from numpy.typing import NDArray

from builders.console import Reporter
from builders.errors import FatalError, ShopmixError
from builders.manifest import hash_file
from training.lock import hold
from training.progress import moving
from training.wise_ft.adapter import WEIGHTS
from training.wise_ft.adapter_plan import Plan, plan
from training.wise_ft.change import Changed, blocks
from training.wise_ft.checkpoint import read_json
from training.wise_ft.combination import Combination
from training.wise_ft.digest import identity
from training.wise_ft.merge import NAME
from training.wise_ft.numbers import finite
from training.wise_ft.peft_config import NAME as CONFIG
from training.wise_ft.write import sync


@dataclass(frozen=True)
class Saved:
    """An adapter that is written. rank: its largest. bytes, xxh3_128: of the file of its tensors.

    error: Frobenius norm of what it misses, relative to that of the whole change; 0 where it is
    exact. worst_error: that of the module with the largest one, and its name.
    """

    rank: int
    modules: int
    bytes: int
    xxh3_128: str
    error: float
    worst_error: float
    worst_module: str


def save_adapter(
    made: Combination, out: Path, rank: int | None = None, report: Reporter | None = None
) -> Saved:
    """Write the combination as an adapter; returns what it is.

    rank: no module gets a larger one; None: the sum of ranks, which is exact but for the rounding
    of w_i s_i B_i to float32. With all weights 0 it is an adapter that changes nothing.
    A finished adapter of the same is left as it is. Raises `ShopmixError`.
    """
    if rank is not None and rank < 1:
        raise ShopmixError(f"--rank {rank}: a rank is 1 or more")
    decided = {**identity(made), "rank_at_most": rank}
    if out.exists():
        return _finished(out, decided)
    planned = plan(made, rank)
    try:
        with _half(out) as half:
            _check_room(half, planned)
            saved = _write(half / WEIGHTS, planned, report or Reporter())
            _text(half / CONFIG, planned.config)
            _text(half / NAME, {**decided, **asdict(saved)})
            sync(half)
            half.rename(out)
        sync(out.parent)
    except OSError as error:
        raise FatalError(f"{out} cannot be written: {error.strerror or error}") from None
    return saved


@contextmanager
def _half(out: Path) -> Iterator[Path]:
    """An empty folder of another name that no other process writes to; it goes if it fails."""
    half = out.with_name(f".{out.name}.part")
    half.mkdir(parents=True, exist_ok=True)
    opened = os.open(half, os.O_RDONLY)
    try:
        hold(opened, f"{out}: another process is saving it: wait for its end")
        try:
            for left in half.iterdir():  # of a killed run
                left.unlink()
            yield half
        finally:
            shutil.rmtree(half, ignore_errors=True)
    finally:
        os.close(opened)


def _finished(out: Path, decided: Mapping[str, Any]) -> Saved:
    if not (out / NAME).is_file():
        raise ShopmixError(f"{out} is there already: give a new folder")
    told = read_json(out / NAME)
    if {key: told.get(key) for key in decided} != decided or "rank" not in told:
        raise ShopmixError(f"{out} holds something else (see {out / NAME}): give a new folder")
    if not (out / WEIGHTS).is_file() or hash_file(out / WEIGHTS) != told["xxh3_128"]:
        raise ShopmixError(f"{out / WEIGHTS} is not what {NAME} says: delete {out}, save it anew")
    return Saved(**{field.name: told[field.name] for field in fields(Saved)})


def _check_room(half: Path, planned: Plan) -> None:
    free = shutil.disk_usage(half).free
    if free < planned.size:
        raise FatalError(
            f"{half.parent}: the adapter takes {planned.size / 1e9:,.2f} GB, the disk has "
            f"{free / 1e9:,.2f} GB: make room"
        )


def _write(file: Path, planned: Plan, report: Reporter) -> Saved:
    """Write all tensors, a module at a time."""
    digest, missed, norm, worst = xxhash.xxh3_128(), 0.0, 0.0, (0.0, "")
    with file.open("wb") as out, moving(report, "saving the adapter", planned.size) as progress:

        def put(data: bytes | memoryview) -> None:
            out.write(data)
            digest.update(data)
            progress(len(data))

        put(planned.header)
        for low in planned.low:
            found = low.factors()
            for factor in (found.a, found.b):
                put(_float32(factor, low.module))
            missed, norm = missed + found.missed, norm + found.norm
            if found.missed:
                worst = max(worst, (math.sqrt(found.missed / found.norm), low.module))
        for full in planned.full:
            changed = Changed(full.tensor, full.change)
            for begin, end in blocks(full.tensor):
                put(changed.block(begin, end))
        out.flush()
        os.fsync(out.fileno())
    return Saved(
        rank=planned.config["r"],
        modules=len(planned.low),
        bytes=planned.size,
        xxh3_128=digest.hexdigest(),
        error=math.sqrt(missed / norm) if missed else 0.0,
        worst_error=worst[0],
        worst_module=worst[1],
    )


def _float32(factor: NDArray[np.float64], module: str) -> bytes:
    with np.errstate(over="ignore"):  # told by name, not as a warning
        narrow = factor.astype(np.float32)
    if not finite(narrow):
        raise ShopmixError(f"{module}: the result is beyond float32: the weights are too large")
    return narrow.tobytes()


def _text(file: Path, told: Mapping[str, Any]) -> None:
    file.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
    sync(file)
