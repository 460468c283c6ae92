"""mergekit's part of benchmarks/merge.py, in an environment of its own.

    PYTHON merge_mergekit.py BASE OUT SCRATCH FOUND.json FOLDER=WEIGHT ...

Task arithmetic of models that are the base and an adapter each, in the base's bfloat16: mergekit
first merges each adapter into a whole model, in SCRATCH. Written are the seconds without imports,
the bytes in SCRATCH, and versions.
"""

import json
import sys
import time
from importlib.metadata import version
from pathlib import Path

from mergekit.config import MergeConfiguration
from mergekit.merge import run_merge
from mergekit.options import MergeOptions


def main() -> None:
    """Merge."""
    base, out, scratch, found, *parts = sys.argv[1:]
    split = (part.rpartition("=") for part in parts)
    models = [
        {"model": f"{base}+{folder}", "parameters": {"weight": float(weight)}}
        for folder, _, weight in split
    ]
    config = {"merge_method": "task_arithmetic", "base_model": base, "models": models}
    start = time.perf_counter()
    run_merge(
        MergeConfiguration.model_validate({**config, "dtype": "bfloat16"}),
        out,
        MergeOptions(lora_merge_cache=scratch, copy_tokenizer=False, quiet=True),
    )
    seconds = time.perf_counter() - start
    taken = sum(file.stat().st_size for file in Path(scratch).rglob("*") if file.is_file())
    versions = ", ".join(f"{name} {version(name)}" for name in ("mergekit", "torch"))
    told = {"work_seconds": seconds, "scratch_bytes": taken, "versions": versions}
    Path(found).write_text(json.dumps(told), "utf-8")


if __name__ == "__main__":
    main()
