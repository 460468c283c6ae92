"""What the benchmarks share: generated rows, a process for each measurement, its clock, a table."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import xxhash
from rich import box
from rich.console import Console
from rich.table import Table

from builders.builder import Builder
from builders.cli import Settings, build_all
from builders.console import Reporter

HERE = Path(__file__).resolve().parent
IDLE = 3, 4  # of the times in /proc/stat: idle, and waiting for input or output
USED = ("seconds", "cpu_seconds", "peak_rss_gb", "other_cores")
Found = dict[str, Any]
#: A measurement: of rows, with samples that are made or needed.
Measured = Callable[[Path, Path], Found]


class Clock:
    """Since it was made: seconds on the wall, of CPU time, and cores that others kept busy."""

    def __init__(self) -> None:
        self._wall, self._cpu, self._busy = time.perf_counter(), time.process_time(), _busy()

    def read(self) -> Found:
        """The times, and the peak of memory since the process began."""
        wall, cpu = time.perf_counter() - self._wall, time.process_time() - self._cpu
        others = max(0.0, (_busy() - self._busy - cpu) / wall)
        return dict(zip(USED, (wall, cpu, _peak() / 1e9, others), strict=True))


def _busy() -> float:
    """Seconds of work of all cores since the machine started; 0 where it does not tell."""
    try:
        ticks = Path("/proc/stat").read_text("ascii").split("\n", 1)[0].split()[1:9]
    except FileNotFoundError:
        return 0.0
    return sum(int(n) for i, n in enumerate(ticks) if i not in IDLE) / os.sysconf("SC_CLK_TCK")


def _peak() -> int:
    """The most memory in bytes that the process ever held: VmHWM, or what getrusage says."""
    try:
        status = Path("/proc/self/status").read_text("ascii")
    except FileNotFoundError:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def generated(
    script: str, sizes: Mapping[str, int], scale: float, beside: Sequence[str | Path] = ()
) -> Path:
    """Rows that a script of this folder writes, from the cache where they lie there.

    sizes: its options, multiplied by `scale`. beside: files that decide on the rows as well. The
    rows of other versions of these files are not looked for.
    """
    digest = xxhash.xxh3_64()
    for file in (script, *beside):
        digest.update((HERE / file).read_bytes())
    name = f"{Path(script).stem}-{scale:g}-{digest.hexdigest()[:8]}"
    folder = HERE.parent / "build" / name
    if not folder.exists():
        folder.parent.mkdir(exist_ok=True)
        given = [f"--{option}={round(size * scale)}" for option, size in sizes.items()]
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder.parent) as temp:
            made = Path(temp, "rows")
            subprocess.run([sys.executable, str(HERE / script), str(made), *given], check=True)
            made.replace(folder)
    return folder


def build(builder: Builder, rows: Path, samples: Path) -> Found:
    """All sets of a source that need no LLM, at the paper's sizes, into an empty folder."""
    report, clock = Reporter(), Clock()
    manifests = build_all(builder, Settings(source=str(rows), out=samples), report)
    found, made = clock.read(), sum(manifest["made"] for manifest in manifests)
    wall = found["seconds"]
    stages = {**report.seconds, "other": wall - sum(report.seconds.values())}
    size = sum(file.stat().st_size for file in samples.iterdir())
    counts = {"sets": len(manifests), "samples": made, "bytes_written": size}
    note = f"{made / wall:,.0f} samples/s ({made:,}), {size >> 20} MiB"
    return {**found, "stages": stages, **counts, "note": note}


def per_second(found: Found, rows: int, seconds: float | None = None) -> Found:
    """Adds how many rows a second that were."""
    rate = rows / (seconds or found["seconds"])
    told = filter(None, [f"{rate:,.0f} rows/s ({rows:,})", found.get("note")])
    return {**found, "source_rows": rows, "rows_per_second": rate, "note": "; ".join(told)}


def alone(script: str, name: str, rows: Path, samples: Path) -> Found:
    """A measurement of a script in a process of its own; with the seconds of all the process."""
    print(f"--- {name}", flush=True)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        answer, start = Path(folder, "found.json"), time.perf_counter()
        paths = ["--rows", str(rows), "--samples", str(samples), "--out", str(answer)]
        subprocess.run([sys.executable, script, "--child", name, *paths], check=True)
        whole = time.perf_counter() - start
        return {**json.loads(answer.read_text("utf-8")), "process_seconds": whole}


def arguments(doc: str | None, measured: Mapping[str, Measured]) -> argparse.Namespace | None:
    """The command line of a benchmark; None where it was a child's, whose work is done."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--rows", type=Path, help="the files (default: generated, in build/)")
    parser.add_argument("--scale", type=float, default=1.0, help="of generated rows; 1: published")
    parser.add_argument("--only", default=",".join(measured), help="of %(default)s")
    parser.add_argument("--samples", type=Path, help="keep the samples in, or take them from here")
    parser.add_argument("--out", type=Path, help="JSON file for the results")
    parser.add_argument("--child", choices=measured, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        found = measured[given.child](given.rows, given.samples)
        given.out.write_text(json.dumps(found), "utf-8")
        return None
    asked = given.only.split(",")
    if unknown := set(asked) - set(measured):
        parser.error(f"--only {unknown.pop()}: there are {', '.join(measured)}")
    given.only = [name for name in measured if name in asked]
    return given


def run(
    doc: str | None,
    measured: Mapping[str, Measured],
    rows: Callable[[float], Path],
    packages: Iterable[str],
    compared: Callable[[Found], Iterable[tuple[str, ...]]],
    needs: frozenset[str] = frozenset(),
) -> None:
    """Measure what is asked for, each in a process of its own; print the table, write the JSON.

    compared: adds to the results what compares them, and returns rows of the table.
    needs: what works on the samples of `build`.
    """
    given = arguments(doc, measured)
    if given is None:
        return
    made = given.samples is not None and any(given.samples.glob("*.parquet"))
    if "build" in given.only and made:
        raise SystemExit("build needs an empty --samples folder")
    if "build" not in given.only and not made and needs & set(given.only):
        raise SystemExit(f"{', '.join(needs & set(given.only))}: needs --samples of a build")
    script, folder = sys.argv[0], given.rows or rows(given.scale)
    results: Found = about(folder, packages)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as temp:
        samples = given.samples or Path(temp, "samples")
        results |= {name: alone(script, name, folder, samples) for name in given.only}
    beside = list(compared(results))
    show(_table(results, [name for name in measured if name in results], beside))
    write(results, given.out)


def about(rows: Path | str, packages: Iterable[str]) -> Found:
    """What was measured on."""
    versions = {"python": sys.version.split()[0], **{name: version(name) for name in packages}}
    return {"rows": str(rows), "cores": os.cpu_count(), "versions": versions}


def table(results: Found, *columns: str, last: str = "note") -> Table:
    """An empty table that says what was measured on; all but its first and last columns right."""
    versions = ", ".join(" ".join(one) for one in results["versions"].items())
    title = f"{results['rows']}, {results['cores']} cores, {versions}"
    made = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
    for column in ("", *columns):
        made.add_column(column, justify="left" if column in ("", last) else "right")
    return made


def show(made: Table) -> None:
    """Print a table, of one width everywhere."""
    Console(highlight=False, width=150).print(made)


def write(results: Found, out: Path | None) -> None:
    """Keep the results as JSON, if that is asked for."""
    if out:
        out.write_text(json.dumps(results, indent=2) + "\n", "utf-8")


def ratios(results: Found, mine: str, floor: str) -> dict[str, float]:
    """How many times as much a measurement takes as its floor; empty where one is missing."""
    if mine not in results or floor not in results:
        return {}
    return {key: results[mine][key] / results[floor][key] for key in USED[:3]}


def _table(results: Found, names: Iterable[str], beside: Iterable[tuple[str, ...]]) -> Table:
    made = table(results, "seconds", "share", "CPU s", "peak GB", "others", "note")
    for name, found in ((name, results[name]) for name in names):
        seconds, *used = (f"{found[key]:.2f}" for key in USED)
        made.add_row(name, seconds, "", *used, found.get("note"))
        for stage, spent in found["stages"].items():
            share = [f"{spent / found['seconds']:.0%}"]
            if "prompts" in found:
                share = [*[""] * 4, f"{found['prompts'] / spent:,.0f} prompts/s"]
            made.add_row(f"  {stage}", f"{spent:.2f}", *share)
    for cells in beside:
        made.add_row(*cells)
    return made


def in_row(name: str, found: Mapping[str, float]) -> list[tuple[str, ...]]:
    """The row of the table for `ratios`."""
    wall, *others = (f"{found[key]:.2f}" for key in USED[:3]) if found else ("",)
    return [(name, wall, "", *others)] if found else []
