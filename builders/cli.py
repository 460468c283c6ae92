"""The command that every builder shares: `python -m builders.<source>`."""

from __future__ import annotations

import argparse
import difflib
import inspect
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from builders import manifest
from builders.builder import Builder, Built, Set
from builders.console import Reporter, show_samples
from builders.draw import Exhausted
from builders.errors import ShopmixError
from builders.source import HERE, open_source

#: A reading keeps so many times the rows that a set will take at least, the next so many more.
FACTOR, GROWTH = 4, 4


class Settings(BaseModel):
    """What a build is asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: str = "hub"
    sets: tuple[str, ...] = ()
    limit: int | None = Field(None, gt=0, lt=2**31)
    size: int | None = Field(None, gt=0, lt=2**31)
    seed: int = Field(0, ge=0)
    out: Path = Path("data/samples")
    show: int = Field(0, ge=0)


def _source_help(builder: Builder | None) -> str:
    if builder is None:
        return "hub (default), demo, or a folder with a folder for each source, of its name"
    source = builder.source
    hub = f"{source.repo} on the Hub (default)" if source.repo else "not possible here"
    divided = "{part}" in "".join(source.repo_files)
    return (
        f"where the rows are: hub{':PART,PART' if divided else ''}: {hub}; demo: the rows that "
        f"ship with the package; or a folder with the files as published"
    )


def command_of(builder: Builder) -> str:
    """What runs a builder: ours are modules of this package, that of another is a file."""
    if builder.source.home == HERE:
        return f"python -m builders.{builder.source.name}"
    return f"python {Path(inspect.getfile(type(builder))).name}"


def arguments(builder: Builder | None, argv: Sequence[str] | None) -> Settings:
    """Settings from the command line, for one builder or (None) for all of them.

    Raises `ShopmixError` on a value out of range.
    """
    name = builder.source.name if builder else "all"
    parser = argparse.ArgumentParser(
        prog=command_of(builder) if builder else "python -m builders all",
        description=f"Build training samples from {name if builder else 'all sources'}.",
    )
    parser.add_argument(
        "--source",
        default="hub",
        metavar="hub|demo|DIR",
        help=_source_help(builder),
    )
    if builder:
        parser.add_argument("--sets", default="", metavar="A,B", help="only these sets")
        what = f"use only N of the source's {builder.unit}"
        parser.add_argument("--limit", type=int, metavar="N", help=what)
    parser.add_argument(
        "--size", type=int, metavar="N", help="samples a set (default: the paper's sizes)"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    parser.add_argument("--out", default="data/samples", metavar="DIR", type=Path)
    parser.add_argument(
        "--show", type=int, default=0, metavar="N", help="print N samples of each set"
    )
    given = vars(parser.parse_args(argv))
    given["sets"] = tuple(filter(None, map(str.strip, given.get("sets", "").split(","))))
    try:
        return Settings(**given)
    except ValidationError as error:
        first = error.errors()[0]
        raise ShopmixError(f"--{first['loc'][0]} {first['input']}: {first['msg']}") from None


def select(builder: Builder, names: Sequence[str]) -> list[Set]:
    """The sets of these names (`esci.` may be left out); all that can be built where none is given.

    Raises `ShopmixError` for a name that is no set, or is one that waits for something.
    """
    known = {made.name: made for made in builder.sets}
    prefix = f"{builder.source.name}."
    chosen = []
    for name in names:
        full = name if name.startswith(prefix) else prefix + name
        if full not in known:
            near = difflib.get_close_matches(full, known, n=1, cutoff=0.0)
            raise ShopmixError(
                f"no set {name!r}: did you mean {near[0]}? (python -m builders lists all)"
            )
        if reason := known[full].waits:
            raise ShopmixError(f"set {full} waits for {reason}")
        chosen.append(known[full])
    return list(dict.fromkeys(chosen)) or [made for made in builder.sets if not made.waits]


def build_all(builder: Builder, settings: Settings, report: Reporter) -> list[dict[str, Any]]:
    """Build the sets that are asked for into `settings.out`; returns their manifests."""
    sets = select(builder, settings.sets)
    _prepare(settings.out)
    rows = replace(open_source(builder.source, settings.source), watch=report.watching)
    sizes = {made.name: settings.size or made.size for made in sets}
    for made in builder.sets:
        if made.waits and not settings.sets:
            report.note(f"{made.name}: waits for {made.waits}")
    wanted = {name: FACTOR * size for name, size in sizes.items()}

    def read() -> Any:
        report.reading(rows.where)
        start = time.perf_counter()
        tables = builder.read(rows, settings.seed, settings.limit, wanted)
        report.spent("read", time.perf_counter() - start)
        return tables

    tables = read()
    manifests = []
    for made in sets:
        size = sizes[made.name]
        decided = manifest.fingerprint(
            builder, made, tables.revision, settings.seed, settings.limit, size
        )
        old = manifest.read(settings.out, made.name)
        if old and all(old.get(key) == value for key, value in decided.items()):
            report.unchanged(old)
            del wanted[made.name]
            manifests.append(old)
            continue
        while True:
            try:
                built = _built(builder, made, tables, settings.seed, size, report)
                break
            except Exhausted:
                wanted[made.name] *= GROWTH
                tables = None  # makes room
                tables = read()
        del wanted[made.name]
        start = time.perf_counter()
        told = {**decided, **manifest.describe(made, built, tables.rejects)}
        report.spent("measure", time.perf_counter() - start)
        start = time.perf_counter()
        manifests.append(manifest.write(settings.out, made.name, built.samples, told))
        report.spent("write", time.perf_counter() - start)
        report.done(manifests[-1])
    return manifests


def _built(
    builder: Builder, made: Set, tables: Any, seed: int, size: int, report: Reporter
) -> Built:
    with report.watching(made.name, size, "samples") as progress:
        built = builder.build(made, tables, seed, size, progress)
    for stage, seconds in built.seconds.items():
        report.spent(stage, seconds)
    return built


def _prepare(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise ShopmixError(f"--out {out} cannot be written: {error.strerror or error}") from None


def run(command: Callable[[], None]) -> NoReturn:
    """Run a command; a `ShopmixError` is told in one line and ends with exit code 2."""
    try:
        command()
    except ShopmixError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted: what was finished is kept", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:  # the reader of our output has seen enough
        sys.stderr.close()
        sys.exit(0)
    sys.exit(0)


def main(builder: Builder, argv: Sequence[str] | None = None) -> NoReturn:
    """The shared command line."""

    def command() -> None:
        settings = arguments(builder, argv)
        report = Reporter()
        manifests = build_all(builder, settings, report)
        report.summary(manifests, settings.out)
        if settings.show:
            show_samples(settings.out, [one["set"] for one in manifests], settings.show)

    run(command)
