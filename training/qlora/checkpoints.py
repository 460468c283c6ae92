"""Checkpoints of a run, and which of them a killed process has left half written.

axolotl takes the one of the highest number, whole or not. A checkpoint's last file is
trainer_state.json; but other processes may still write theirs, so each file is looked at.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

STATE, ADAPTER = "trainer_state.json", "adapter_model.safetensors"
#: The optimizer's state in one file: of one process, and of FSDP with whole state dicts.
_OPTIMIZERS = ("optimizer.pt", "optimizer.bin")


def steps(out: Path) -> dict[int, Path]:
    """Checkpoints of a run by their step, the first one first."""
    found = {
        int(number): path
        for path in out.glob("checkpoint-*")
        if path.is_dir() and (number := path.name.partition("-")[2]).isdigit()
    }
    return dict(sorted(found.items()))


def state(checkpoint: Path) -> dict[str, Any] | None:
    """What the trainer says of itself; None where that was cut off."""
    try:
        told = json.loads((checkpoint / STATE).read_text("utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    return told if isinstance(told, dict) else None


def whole(checkpoint: Path, gpus: int) -> bool:
    """Whether a run on so many GPUs can go on from a checkpoint."""
    told = state(checkpoint)
    number = int(checkpoint.name.partition("-")[2])
    if told is None or told.get("global_step") != number or not _adapter(checkpoint / ADAPTER):
        return False
    files = [path for path in checkpoint.rglob("*") if path.suffix in (".pt", ".pth", ".bin")]
    chance = [path for path in files if path.name.startswith("rng_state")]
    parts = [path for path in files if path.name.endswith("optim_states.pt")]  # DeepSpeed's
    sharded = [path.parent for path in checkpoint.rglob("*.distcp")]  # FSDP's, if it was --set
    return (
        all(map(zipfile.is_zipfile, files))  # torch's files are; the directory is at the end
        and len(chance) == gpus
        and len(parts) in (0, gpus)
        and all((folder / ".metadata").is_file() for folder in sharded)
        and (bool(parts or sharded) or any((checkpoint / name).is_file() for name in _OPTIMIZERS))
    )


def set_aside(out: Path, gpus: int) -> list[Path]:
    """Rename checkpoints that are not whole to incomplete-N; returns their new names."""
    moved = []
    for number, path in steps(out).items():
        if not whole(path, gpus):
            moved.append(path.rename(_free(out / f"incomplete-{number}")))
    return moved


def _free(path: Path) -> Path:
    """A name that nothing has: the path, or with a number."""
    return next(
        one
        for one in (path, *(path.with_name(f"{path.name}-{again}") for again in range(2, 1000)))
        if not one.exists()
    )


def _adapter(file: Path) -> bool:
    """Whether a safetensors file is as long as its header says."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header = json.loads(opened.read(length))
        ends = [told["data_offsets"][1] for name, told in header.items() if name != "__metadata__"]
        return bool(file.stat().st_size == 8 + length + max(ends))
    except (OSError, ValueError, KeyError, TypeError):
        return False
