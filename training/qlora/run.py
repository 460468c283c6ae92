"""A run from its settings to its adapter: it goes on where it stopped."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from builders.console import Reporter
from builders.errors import FatalError, ShopmixError
from builders.manifest import replacing
from builders.mixture.manifest import TRAIN
from training import tiny
from training.lock import hold
from training.qlora import base, checkpoints, config, dataset, engine, prepared, record
from training.qlora.architecture import Architecture, architecture
from training.qlora.base import Base
from training.qlora.check import Environment, check
from training.qlora.config import CONFIG, DEEPSPEED, PREPARED, ZERO_2, Layer
from training.qlora.dataset import Mixture
from training.qlora.engine import Axolotl
from training.qlora.gpus import GPUS
from training.qlora.options import option
from training.qlora.plan import plan, tell
from training.qlora.settings import Settings

#: What axolotl says; and what a run's folder is known by, which one process has at a time.
LOG, LOCK = "train.log", ".lock"
#: The tiny model's folder in a run's.
_TINY = "base"
#: Rows whose texts a tiny model's tokenizer is trained on.
_ROWS = 2_000


def run(settings: Settings, command: Sequence[str], report: Reporter) -> None:
    """Configure, plan, check and train, as far as settings ask for.

    command: as it was given, for the configuration's head. Raises `ShopmixError`; what was done up
    to then is kept, and the same command goes on from there.
    """
    mixture = dataset.find(settings.mixture, settings.dataset)
    _refuse_foreign(settings.out)
    told = mixture.manifest
    report.note(f"{told.mixture} {told.id}: {told.rows(TRAIN):,} training samples")
    trained = _base(settings, mixture)
    sizes = None if settings.tiny else architecture(trained.config, trained.name)
    layers = _configured(settings, mixture, trained, sizes)
    keys = config.merged(layers)
    with _alone(settings.out) as lock:
        decided = record.decided(keys, mixture, trained, settings.gpus)
        record.refuse_others(settings.out, decided)
        ended = record.finished(settings.out)
        if ended and not (settings.check or settings.config_only):
            report.note(f"{settings.out}: finished already, {ended['steps']:,} steps")
            return
        _write(settings, config.text(layers, command, mixture), keys)
        record.write_run(settings.out, decided)
        if settings.tiny and not settings.merged:
            tiny.make(Path(trained.name), _texts(mixture))
        report.note(f"{settings.out / CONFIG} is written")
        axolotl = _axolotl(settings)
        if not settings.tiny:
            gpu = GPUS[settings.gpu]
            tell(plan(told.lengths, sizes, keys, gpu, settings.gpus, axolotl), report.console)
        if settings.config_only or axolotl is None:
            return
        there = check(keys, settings, mixture, axolotl, report)
        if not settings.check:
            _check_there(settings, keys, there, axolotl)
            _train(settings, decided, axolotl, there.packages, lock, report)


def _configured(
    settings: Settings, mixture: Mixture, trained: Base, sizes: Architecture | None
) -> list[Layer]:
    """The configuration, with the base shared among the GPUs where it has to be."""
    layers = config.layers(settings, mixture, trained, shared=False)
    if sizes and option(sizes, config.hyper(layers), GPUS[settings.gpu], settings.gpus).shares:
        layers = config.layers(settings, mixture, trained, shared=True)
    return layers


def _base(settings: Settings, mixture: Mixture) -> Base:
    if settings.merged:
        return base.merged(settings.merged)
    if settings.tiny:
        folder = settings.out / _TINY
        _made(folder)
        return Base(str(folder), license="Apache-2.0")
    named = settings.base or mixture.manifest.recipe.get("base_model")
    if not named:
        raise ShopmixError(f"{mixture.where}: its recipe names no base_model: name one with --base")
    return base.find(named)


def _texts(mixture: Mixture) -> Iterator[str]:
    for (messages,) in mixture.rows(["messages"]).head(_ROWS).collect().iter_rows():
        yield from (message["content"] for message in messages)


def _axolotl(settings: Settings) -> Axolotl | None:
    """axolotl; without one a configuration can be written all the same."""
    try:
        return engine.find()
    except ShopmixError:
        if settings.config_only:
            return None
        raise


def _check_there(
    settings: Settings, keys: Mapping[str, Any], there: Environment, axolotl: Axolotl
) -> None:
    """Raises `ShopmixError` for what is asked for and missing: axolotl would stumble late."""
    if not settings.tiny and there.gpus < settings.gpus:
        raise ShopmixError(
            f"--gpus {settings.gpus}: axolotl finds {there.gpus} here. --check and --config-only "
            f"need none, --profile cpu-tiny trains without one"
        )
    if "deepspeed" in keys and "deepspeed" not in there.packages:
        raise ShopmixError(
            f"axolotl's environment lacks DeepSpeed, which several GPUs need: {axolotl.bin}/python "
            f"-m pip install 'axolotl[deepspeed]'"
        )


def _write(settings: Settings, text: str, keys: Mapping[str, Any]) -> None:
    files = {CONFIG: text}
    if "deepspeed" in keys:
        files[DEEPSPEED] = json.dumps(ZERO_2, indent=2) + "\n"
    else:
        (settings.out / DEEPSPEED).unlink(missing_ok=True)  # of another configuration
    for name, content in files.items():
        with replacing(settings.out / name) as half:
            half.write_text(content, "utf-8")


def _refuse_foreign(out: Path) -> None:
    """Raises `ShopmixError` for a folder with files that no run of ours has left."""
    there = {path.name for path in out.iterdir()} if out.is_dir() else set()
    if there - {_TINY} and LOCK not in there:
        raise ShopmixError(f"--out {out} holds other files: give a new folder")


def _made(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ShopmixError(f"--out {folder} cannot be made: {error.strerror or error}") from None


@contextmanager
def _alone(out: Path) -> Iterator[int]:
    """Hold a run's folder; yields the open lock. Raises `ShopmixError` where another run has it."""
    _made(out)
    try:
        lock = (out / LOCK).open("a")
    except OSError as error:
        raise ShopmixError(f"--out {out} cannot be written: {error.strerror or error}") from None
    with lock:
        hold(lock, f"{out}: another run is at work there: wait for its end")
        yield lock.fileno()


def _train(
    settings: Settings, decided: Mapping[str, Any], axolotl: Axolotl,
    packages: Mapping[str, str], lock: int, report: Reporter,
) -> None:  # fmt: skip
    out, start = settings.out, time.perf_counter()
    for path in checkpoints.set_aside(out, settings.gpus):
        report.note(f"{path}: set aside, it was cut off while it was written")
    resumed = max(checkpoints.steps(out), default=0)
    wanted = 1 + ("test_datasets" in decided["config"])
    try:
        # one process can as well do it itself; of several the others would wait too long
        if prepared.clean(out / PREPARED) < wanted and settings.gpus > 1:
            report.note("axolotl makes tokens of the samples")
            axolotl.run(["preprocess", str(out / CONFIG)], out / LOG, lock)
        report.note(f"axolotl trains{f', from step {resumed:,} on' if resumed else ''}")
        axolotl.run(_arguments(settings), out / LOG, lock)
    except OSError as error:
        raise FatalError(
            f"cannot write {error.filename or out}: {error.strerror or error}"
        ) from None
    seconds = time.perf_counter() - start
    ended = record.write_end(out, decided, packages, resumed, seconds)
    first, last = ended["loss"][0][1], ended["loss"][-1][1]
    report.note(f"{out}: {ended['steps']:,} steps, loss {first:.3f} at first, {last:.3f} at last")


def _arguments(settings: Settings) -> list[str]:
    """What axolotl is started with: one process for each GPU."""
    train = ["train", str(settings.out / CONFIG), "--launcher"]
    if settings.gpus == 1:
        return [*train, "python"]
    return [*train, "torchrun", "--", "--standalone", f"--nproc_per_node={settings.gpus}"]
