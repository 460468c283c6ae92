"""Merging: a folder with a whole model, written from front to back and never held in memory."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from builders.console import Reporter
from builders.errors import FatalError, ShopmixError
from builders.manifest import replacing
from training.card import merged_card
from training.progress import moving
from training.runs import TRAINING
from training.wise_ft import journal as journals
from training.wise_ft.checkpoint import CONFIG, INDEX, read_json
from training.wise_ft.combination import Combination
from training.wise_ft.digest import identity
from training.wise_ft.journal import Journal
from training.wise_ft.layout import Layout, Planned, layout
from training.wise_ft.write import HALF, Workers, sync, write

#: What a merged model is made of, beside its weights.
NAME = "merge.json"
#: More threads than these wait for the disk, and take memory.
_THREADS = 8
#: Weights in any format; what else lies beside them in a model's folder belongs to the model.
_WEIGHTS = (".safetensors", ".index.json", ".bin", ".pt", ".pth", ".gguf", ".h5", ".msgpack")
#: Of the base alone.
_OWN = ("README.md", NAME, TRAINING)


def merge(made: Combination, out: Path, report: Reporter, link: bool = False) -> dict[str, Any]:
    """Write W = W_base + sum of weight * dW as a model into `out`; returns what `NAME` there says.

    A killed merge goes on where it stopped; a finished one is left as it is. link: files that no
    adapter changes become hard links of the base's, for a model that is soon thrown away.
    Raises `ShopmixError`, before the first byte for all that can be known then.
    """
    planned, decided = layout(made), {**identity(made), "shopmix": version("shopmix")}
    if (out / NAME).is_file() and not (out / journals.NAME).is_file():
        return _finished(out, decided)
    _check_out(out, made)
    try:
        _check_room(planned, out, link)
        out.mkdir(parents=True, exist_ok=True)
        with Journal(out, decided) as journal:
            for left in out.glob(".*.tmp"):  # of a killed run
                left.unlink()
            hashes = _write_all(planned, out, journal, report, link)
            told = {**decided, "files": hashes}
            _write_others(made, planned, out, told)
            journal.path.unlink()
    except OSError as error:
        raise _failed(out, error) from None
    return told


def _finished(out: Path, decided: Mapping[str, Any]) -> dict[str, Any]:
    told = read_json(out / NAME)
    if {key: told.get(key) for key in decided} != dict(decided):
        raise ShopmixError(
            f"{out} holds another merge (see {out / NAME}): delete it, or give another --out"
        )
    for file in told["files"]:
        path = out / file["path"]
        if not path.is_file() or path.stat().st_size != file["bytes"]:
            raise ShopmixError(f"{path} is not what {NAME} says: delete {out} and merge anew")
    return told


def _check_out(out: Path, made: Combination) -> None:
    """Raises `ShopmixError` where the folder holds something else."""
    if out.resolve() == made.base.folder.resolve():
        raise ShopmixError(f"--out {out} is the base itself: give another folder")
    if out.exists() and not out.is_dir():
        raise ShopmixError(f"--out {out} is no folder")
    if out.is_dir() and any(out.iterdir()) and not (out / journals.NAME).is_file():
        raise ShopmixError(f"--out {out} holds other files: give a new folder")


def _check_room(planned: Layout, out: Path, link: bool) -> None:
    """Raises `FatalError` where the disk has no room for what is not written yet."""
    files = [file for file in planned.files if file.changed or not link]
    wanted = sum(file.size for file in files)
    for name in (name for file in files for name in (file.name, file.name + HALF)):
        if (out / name).is_file():
            wanted -= (out / name).stat().st_size
    disk = next(folder for folder in (out, *out.absolute().parents) if folder.is_dir())
    if (free := shutil.disk_usage(disk).free) < wanted:
        raise FatalError(
            f"{out}: the merged model takes {wanted / 1e9:,.2f} GB more, the disk has "
            f"{free / 1e9:,.2f} GB: make room, or give another --out"
        )


def _write_all(
    planned: Layout, out: Path, journal: Journal, report: Reporter, link: bool
) -> list[dict[str, Any]]:
    """Write all files with tensors; returns what `NAME` says of them."""
    threads = min(len(os.sched_getaffinity(0)), _THREADS)
    total = sum(file.size for file in planned.files)
    # numpy's own threads would compete with ours, which have the other work of a block as well
    with (
        threadpool_limits(1, "blas"),
        ThreadPoolExecutor(threads) as pool,
        ThreadPoolExecutor(1) as disk,
        moving(report, "merging", total) as progress,
    ):
        workers, ending = Workers(pool, disk, 16 + 4 * threads), list[Future[None]]()
        for file in planned.files:
            there = _is_there(file, out, journal)
            if there or (link and not file.changed and _linked(file, out / file.name)):
                progress(file.size)
            else:
                ending.append(write(file, out, journal, workers, progress))
        for one in ending:
            one.result()
    return [
        {"path": file.name, "bytes": file.size, "xxh3_128": journal.at(file.name)[1] or None}
        for file in planned.files
    ]


def _is_there(file: Planned, out: Path, journal: Journal) -> bool:
    path = out / file.name
    whole = journal.at(file.name)[2]
    return whole and path.is_file() and path.stat().st_size == file.size


def _linked(file: Planned, path: Path) -> bool:
    """Make a hard link of the base's file; False where the disks are not one."""
    path.unlink(missing_ok=True)
    try:
        path.hardlink_to(file.source.file.resolve())
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP):
            return False
        raise
    return True


def _write_others(made: Combination, planned: Layout, out: Path, told: Mapping[str, Any]) -> None:
    """The base's tokenizer and texts, then `NAME`; what a loader looks for first comes last."""
    for file in _others(made):
        if file.name not in planned.texts:
            with _kept(out / file.name) as half:
                shutil.copyfile(file, half)
    with _kept(out / NAME) as half:
        half.write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", "utf-8")
    if card := merged_card(made, out):
        with _kept(out / "README.md") as half:
            half.write_text(card, "utf-8")
    for name in (CONFIG, *([INDEX] if made.base.index is not None else [])):
        with _kept(out / name) as half:
            if name in planned.texts:
                half.write_text(planned.texts[name], "utf-8")
            else:
                shutil.copyfile(made.base.folder / name, half)
    sync(out)


@contextmanager
def _kept(path: Path) -> Iterator[Path]:
    """As `replacing`, and the content is on the disk before the name: the journal goes after it."""
    with replacing(path) as half:
        yield half
        sync(half)


def _others(made: Combination) -> Iterator[Path]:
    for file in sorted(made.base.folder.iterdir()):
        named = file.name.startswith(".") or file.name in (*_OWN, CONFIG)
        if file.is_file() and not named and not file.name.endswith(_WEIGHTS):
            yield file


def _failed(out: Path, error: OSError) -> FatalError:
    return FatalError(
        f"{out} cannot be written: {error.strerror or error}; what is done is kept: the same "
        f"command goes on from there"
    )
