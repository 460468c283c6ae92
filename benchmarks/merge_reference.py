"""How many weights of merged models are not the float64 result, rounded once to bf16.

    python benchmarks/merge_reference.py FOLDER EVERY FOUND.json NAME=DIR ...

FOLDER: as of `merge_inputs.py`. Of the tensors that adapters change, every so-manieth row is looked
at. Written is, by NAME, the share that differs.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

import numpy as np
from numpy.typing import NDArray

from benchmarks.merge_inputs import ADAPTERS, ALPHA, RANK

Array = NDArray[Any]
#: Numbers that are calculated at once.
BLOCK = 1 << 22


def tensors(folder: Path) -> dict[str, Array]:
    """All tensors of a folder, as they are on the disk; bf16 as its bits."""
    made: dict[str, Array] = {}
    for file in folder.glob("*.safetensors"):
        data = np.memmap(file, np.uint8, "r")
        begin = 8 + int.from_bytes(data[:8].tobytes(), "little")
        header = json.loads(data[8:begin].tobytes())
        header.pop("__metadata__", None)
        for name, entry in header.items():
            start, end = entry["data_offsets"]
            kind = {"BF16": np.uint16, "F32": np.float32}[entry["dtype"]]
            made[name] = data[begin + start : begin + end].view(kind).reshape(entry["shape"])
    return made


def wide(bits: Array) -> Array:
    """bf16 as float64."""
    return (bits.astype(np.uint32) << 16).view(np.float32).astype(float)


def bf16(values: Array) -> Array:
    """The bits of the nearest bf16, of two as near the even: straight from the 52 bits of float64,
    of which 7 stay. Right for normal numbers of bf16, and 0."""
    small = abs(values) < 2.0**-126
    assert not (small & (values != 0)).any()
    bits = values.view(np.uint64)
    bits = bits + np.uint64((1 << 44) - 1) + ((bits >> np.uint64(45)) & np.uint64(1))
    bits &= ~np.uint64((1 << 45) - 1)
    narrow = bits.view(float).astype(np.float32)  # nothing is lost any more
    return (narrow.view(np.uint32) >> 16).astype(np.uint16)


def main() -> None:
    """Compare."""
    folder, every, out = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    split = (one.partition("=") for one in sys.argv[4:])
    results = {name: tensors(Path(where)) for name, _, where in split}
    base, adapters = tensors(folder / "base"), {n: tensors(folder / n) for n in ADAPTERS}
    differ, count = dict.fromkeys(results, 0), 0
    for key in next(iter(adapters.values())):
        if ".lora_A." not in key:
            continue
        name = key.removeprefix("base_model.model.").replace(".lora_A.", ".")
        rows = base[name][::every]
        step = max(BLOCK // rows.shape[1], 1)
        for begin in range(0, len(rows), step):
            some = slice(begin * every, (begin + step) * every, every)
            total = wide(base[name][some])
            for adapter, weight in ADAPTERS.items():
                b = adapters[adapter][key.replace(".lora_A.", ".lora_B.")][some].astype(float)
                total += weight * (ALPHA / RANK) * (b @ adapters[adapter][key].astype(float))
            right = bf16(total)
            count += right.size
            for result, found in results.items():
                differ[result] += int((found[name][some] != right).sum())
    told = {name: {"wrong": wrong / count, "compared": count} for name, wrong in differ.items()}
    out.write_text(json.dumps(told), "utf-8")


if __name__ == "__main__":
    main()
