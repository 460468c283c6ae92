"""PEFT's part of benchmarks/merge.py, in an environment that has it.

    PYTHON merge_peft.py DTYPE BASE OUT FOUND.json FOLDER=WEIGHT ...

DTYPE: what is calculated in, bfloat16 as the model is stored, or float32. Written are the seconds
without imports, and versions.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM


def main() -> None:
    """Load, add up by concatenated ranks, merge, save."""
    dtype, base, out, found, *parts = sys.argv[1:]
    adapters = {part.rpartition("=")[0]: float(part.rpartition("=")[2]) for part in parts}
    start = time.perf_counter()
    model = AutoModelForCausalLM.from_pretrained(base, dtype=getattr(torch, dtype))
    names = [str(i) for i in range(len(adapters))]
    for name, folder in zip(names, adapters, strict=True):
        if name == "0":
            model = PeftModel.from_pretrained(model, folder, adapter_name=name)
        else:
            model.load_adapter(folder, adapter_name=name)
    weights = list(adapters.values())
    model.add_weighted_adapter(names, weights, "all", combination_type="cat")
    model.set_adapter("all")
    merged = model.merge_and_unload()
    merged.to(torch.bfloat16).save_pretrained(out)
    seconds = time.perf_counter() - start
    versions = ", ".join(f"{name} {version(name)}" for name in ("peft", "torch"))
    Path(found).write_text(json.dumps({"work_seconds": seconds, "versions": versions}), "utf-8")


if __name__ == "__main__":
    main()
