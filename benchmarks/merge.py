"""How long a merge of two adapters takes, and how many of its weights are wrong; beside others.

    python benchmarks/merge.py [--gigabytes 3] [--repeats 3] [--mergekit PYTHON] [--out FILE.json]
    python benchmarks/merge.py --largest

A random bf16 model of Qwen2-1.5B's shape in 5 shards, and two adapters of rank 64 on all of its
linear maps, at 0.56 and 0.25. Each takes its turn, in a process of its own, and all turns are
repeated; told are medians.

wise_ft: `python -m training.wise_ft`, whole; all is on the disk at the end, and was read back.
copy: the floor: the same files in blocks of 16 MiB, through as many fsyncs as wise_ft makes.
PEFT: adapters added up by concatenated ranks (`cat`), merged, saved: in bfloat16 as it is used, and
    in float32 as one does who wants it exact. --peft: an environment that has it; the engines' one
    otherwise.
mergekit: task arithmetic of two models, each the base and an adapter. --mergekit: its environment:
    python -m venv .venv-mergekit && .venv-mergekit/bin/pip install mergekit==0.1.5

Seconds are those of the whole process. PEFT and mergekit leave their files to the system: "on disk"
adds until they are there. "work" is without imports.
"wrong" is the share of weights that are not the result in float64, rounded once to bf16.

--largest: instead, a model of one tensor, the largest of Qwen2-72B (2.5 GB), for its memory.

The aims: 1.3 times the copy, under 0.5 GB, 2.5 times as fast as PEFT, 1e-5 wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

from benchmarks.measure import HERE, Found, about, show, table, write
from benchmarks.merge_inputs import ADAPTERS
from tools.engine_env import home

OURS, COPY, BF16, FP32, MERGEKIT = "wise_ft", "copy", "PEFT, bf16", "PEFT, fp32", "mergekit"
#: Bytes of Qwen2-72B in bf16.
LARGE = 2 * 72_706_203_648
#: Of every so-manieth row the weights are compared.
EVERY = 4
#: The most that lies on the disk at once, in sizes of the model: results, and mergekit's scratch.
ROOM = 9


def command(name: str, given: argparse.Namespace, folder: Path, fsyncs: int) -> list[Any]:
    """What makes `folder/name`; it may write to `folder/found.json` what it knows itself."""
    base, out, found = folder / "base", folder / name, folder / "found.json"
    parts = [f"{folder / adapter}={weight}" for adapter, weight in ADAPTERS.items()]
    if name == OURS:
        asked = [f"--base={base}", *(f"--adapter={part}" for part in parts), f"--out={out}"]
        return [sys.executable, HERE / "merge_ours.py", found, *asked]
    if name == COPY:
        return [sys.executable, HERE / "merge_copy.py", base, out, fsyncs]
    if name == MERGEKIT:
        script = HERE / "merge_mergekit.py"
        return [given.mergekit, script, base, out, folder / "scratch", found, *parts]
    dtype = "bfloat16" if name == BF16 else "float32"
    return [given.peft, HERE / "merge_peft.py", dtype, base, out, found, *parts]


def run(name: str, given: argparse.Namespace, folder: Path, fsyncs: int) -> Found:
    """One turn."""
    for made in (name, "scratch"):
        shutil.rmtree(folder / made, ignore_errors=True)
    own, used = folder / "found.json", folder / "used.json"
    own.write_text("{}", "utf-8")
    line = [sys.executable, HERE / "merge_process.py", used]
    asked = [*map(str, [*line, *command(name, given, folder, fsyncs)])]
    subprocess.run(asked, env=os.environ | {"HF_HUB_OFFLINE": "1"}, check=True)
    shutil.rmtree(folder / "scratch", ignore_errors=True)
    found = json.loads(used.read_text("utf-8")) | json.loads(own.read_text("utf-8"))
    print(f"--- {name}: {found['seconds']:.1f} s, {found['peak_rss_gb']:.2f} GB", flush=True)
    return {**found, "disk_seconds": found["seconds"] + found["sync_seconds"]}


def measured(names: Iterable[str], given: argparse.Namespace, folder: Path) -> dict[str, Found]:
    """The medians of all turns; of other things the last."""
    turns: dict[str, list[Found]] = {name: [] for name in names}
    for _ in range(given.repeats):
        for name, found in turns.items():
            fsyncs = turns[OURS][-1]["fsyncs"] if name == COPY else 0
            found.append(run(name, given, folder, fsyncs))
    return {
        name: {
            key: median(one[key] for one in found) if isinstance(value, float) else value
            for key, value in found[-1].items()
        }
        | {"turns": [one["seconds"] for one in found]}
        for name, found in turns.items()
    }


def compared(names: Iterable[str], folder: Path) -> dict[str, Found]:
    """Which weights are wrong."""
    out = folder / "compared.json"
    results = [f"{name}={folder / name}" for name in names if name != COPY]
    script = HERE / "merge_reference.py"
    subprocess.run([sys.executable, script, folder, str(EVERY), out, *results], check=True)
    found: dict[str, Found] = json.loads(out.read_text("utf-8"))
    return found


def rows(results: Found, names: Iterable[str]) -> Iterable[tuple[str, ...]]:
    """The table: a row for each, then what compares them."""
    for name in names:
        found = results[name]
        keys = ("seconds", "work_seconds", "disk_seconds", "cpu_seconds", "peak_rss_gb")
        cells = [f"{found[key]:.2f}" if key in found else "" for key in keys]
        wrong = f"{found['wrong']:.2g}" if "wrong" in found else ""
        yield name, *cells, f"{results['bytes'] / found['seconds'] / 1e9:.2f}", wrong, _note(found)
    for label, value in results["ratios"].items():
        yield label, f"{value:.2f}"


def _note(found: Mapping[str, Any]) -> str:
    said = [f"{found['fsyncs']} fsyncs"] if "fsyncs" in found else []
    if "scratch_bytes" in found:
        said.append(f"{found['scratch_bytes'] / 1e9:.1f} GB of scratch")
    return ", ".join([*said, *([found["versions"]] if "versions" in found else [])])


def ratios(results: Found) -> dict[str, float]:
    """Of ours and the floor, and of the others and ours."""
    seconds = results[OURS]["seconds"]
    made = {f"{OURS} / {COPY}": seconds / results[COPY]["seconds"]}
    others = [name for name in (BF16, FP32, MERGEKIT) if name in results]
    made |= {f"{name} / {OURS}": results[name]["seconds"] / seconds for name in others}
    work = results[OURS]["work_seconds"]
    made |= {f"{name} / {OURS}, work": results[name]["work_seconds"] / work for name in others}
    return made | {"72B, minutes": LARGE / results["bytes"] * seconds / 60}


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--gigabytes", type=float, default=3.0, help="of the model")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--peft", type=Path, help="an interpreter that has PEFT")
    parser.add_argument("--mergekit", type=Path, help="one that has mergekit")
    parser.add_argument("--largest", action="store_true", help="one tensor of 2.5 GB")
    parser.add_argument("--folder", type=Path, help="for all files (default: a temporary one)")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    given = parser.parse_args()
    given.peft = given.peft or home("axolotl") / "bin" / "python"
    given.mergekit = given.mergekit or HERE.parent / ".venv-mergekit" / "bin" / "python"
    return given


def main() -> None:
    """Make the inputs, measure, compare, print the table, write the JSON."""
    given = arguments()
    environments = {BF16: given.peft, FP32: given.peft, MERGEKIT: given.mergekit}
    lacking = [name for name, python in environments.items() if not python.exists()]
    for name in lacking:
        print(f"--- {name}: left out, there is no {environments[name]}", flush=True)
    others = [] if given.largest else [name for name in environments if name not in lacking]
    names = [OURS, COPY, *others]
    with tempfile.TemporaryDirectory(prefix="merge-", dir=given.folder) as temp:
        folder = Path(temp)
        size = 2.5 if given.largest else given.gigabytes
        if shutil.disk_usage(folder).free < ROOM * size * 1e9:
            raise SystemExit(f"{folder}: needs {ROOM * size:.0f} GB of disk, see --folder")
        kind = ["--largest"] if given.largest else [f"--gigabytes={size}"]
        subprocess.run([sys.executable, HERE / "merge_inputs.py", folder, *kind], check=True)
        total = sum(file.stat().st_size for file in (folder / "base").iterdir())
        label = f"{total / 1e9:.2f} GB of bf16"
        results: Found = about(label, ["numpy"]) | {"bytes": total}
        results |= measured(names, given, folder)
        for name, found in compared(names, folder).items():
            results[name] |= found
    results["ratios"] = ratios(results)
    columns = ("seconds", "work", "on disk", "CPU s", "peak GB", "GB/s", "wrong", "note")
    made = table(results, *columns)
    for cells in rows(results, names):
        made.add_row(*cells)
    show(made)
    write(results, given.out)


if __name__ == "__main__":
    main()
