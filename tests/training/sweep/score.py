"""A command that scores: reads weights out of the files it is given, and says how good they are.

The base is all zeros, and each adapter is all ones on one map, so the weights stand in the numbers.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import struct
import sys
from pathlib import Path

#: The map that each of two adapters changes.
MAPS = ("model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.k_proj")


def score(one: float, two: float) -> float:
    """Highest at 0.55 and 0.25."""
    return 0.8 - (one - 0.55) ** 2 - (two - 0.25) ** 2


def _first(folder: Path, name: str) -> list[float]:
    """The first numbers of a tensor, none where there is no such tensor."""
    for file in folder.glob("*.safetensors"):
        data = file.read_bytes()
        end = 8 + int.from_bytes(data[:8], "little")
        if entry := json.loads(data[8:end]).get(name):
            start, stop = (end + at for at in entry["data_offsets"])
            return [number for (number,) in struct.iter_unpack("<f", data[start:stop])]
    return []


def _weight(folder: Path, module: str) -> float:
    if whole := _first(folder, f"{module}.weight"):
        return whole[0]
    a, b = (_first(folder, f"base_model.model.{module}.lora_{half}.weight") for half in "AB")
    return b[0] * a[0] if a else 0.0  # of rank 1


def main() -> None:
    """Count the call, fail or kill the caller as it is told, and print the score."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--calls", type=Path, required=True)
    parser.add_argument("--kill-at", type=int)
    parser.add_argument("--fail-at", type=int)
    given = parser.parse_args()
    weights = [round(_weight(given.folder, module), 6) for module in MAPS]
    with given.calls.open("a") as calls:
        calls.write(json.dumps([str(given.folder), *weights]) + "\n")
    number = len(given.calls.read_text().splitlines())
    print(f"call {number} of {given.folder.name}", flush=True)
    if number == given.kill_at:
        os.kill(os.getppid(), signal.SIGKILL)
        return
    if number == given.fail_at:
        print("out of memory", file=sys.stderr)
        sys.exit(3)
    print(json.dumps({"score": score(*weights), "questions": 96}))


if __name__ == "__main__":
    main()
