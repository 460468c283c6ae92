"""The command that every builder shares: `python -m builders.<source>`."""

from __future__ import annotations

import argparse
import difflib
import inspect
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn

from pydantic import Field

from builders import manifest
from builders.build import Building, Built
from builders.builder import Builder, Set
from builders.console import Reporter, show_samples
from builders.draw import Exhausted
from builders.errors import ShopmixError
from builders.llm import options
from builders.llm.opened import NO_LLM, Llm, opened
from builders.llm.session import Planned
from builders.llm.settings import LlmSettings
from builders.source import HERE, open_source

#: A reading keeps so many times the rows that a set will take at least, the next so many more.
FACTOR, GROWTH = 4, 4


class Settings(LlmSettings):
    """What a build is asked for."""

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
        f"where the rows are: hub{':PART,PART' if divided else ''}: {hub}, of a commit as "
        f"hub@COMMIT; demo: the rows that ship with the package; or a folder with the files as "
        f"published"
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
    options.add(parser)
    given = vars(parser.parse_args(argv))
    given["sets"] = tuple(filter(None, map(str.strip, given.get("sets", "").split(","))))
    return options.read(Settings, given)


def select(builder: Builder, names: Sequence[str]) -> list[Set]:
    """The sets of these names (`esci.` may be left out), or all of them.

    Raises `ShopmixError` for a name that is no set.
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
        chosen.append(known[full])
    return list(dict.fromkeys(chosen)) or list(builder.sets)


@contextmanager
def llm_of(settings: Settings, report: Reporter) -> Iterator[Llm]:
    """What settings say of LLM work, opened."""
    demo = settings.source == "demo"
    with opened(settings, demo, report.note, report.asking) as llm:
        yield llm


def where_of(builder: Builder, source: str) -> str:
    """Where a builder's rows are, if all sources' are at `source`: in the folder of its name."""
    return source if source in ("hub", "demo") else str(Path(source) / builder.source.name)


def build_all(
    builder: Builder,
    settings: Settings,
    report: Reporter,
    llm: Llm = NO_LLM,
    own: Mapping[str, int] = MappingProxyType({}),
) -> list[dict[str, Any]]:
    """Build the sets that are asked for into `settings.out`; returns their manifests.

    own: sizes of sets that are not all to be of one size. A dry run tells what an LLM would be
    asked, and builds nothing.
    """
    sets = _possible(select(builder, settings.sets), settings, report, llm)
    _prepare(settings.out)
    rows = replace(open_source(builder.source, settings.source), watch=report.watching)
    sizes = {made.name: own.get(made.name) or settings.size or made.size for made in sets}
    wanted = {name: FACTOR * size for name, size in sizes.items()}

    def read() -> Any:
        report.reading(rows.where)
        start = time.perf_counter()
        tables = builder.read(rows, settings.seed, settings.limit, wanted)
        report.spent("read", time.perf_counter() - start)
        return tables

    tables: Any = read() if sets else None
    manifests = []
    for made in sets:

        def decided(made: Set = made, revision: str = tables.revision) -> dict[str, Any]:
            size = sizes[made.name]
            return manifest.fingerprint(
                builder, made, revision, settings.seed, settings.limit, size, llm
            )

        old = manifest.read(settings.out, made.name)
        if old and all(old.get(key) == value for key, value in decided().items()):
            report.unchanged(old)
            del wanted[made.name]
            manifests.append(old)
            continue
        built = None
        while built is None:
            try:
                building = Building(builder, made, sizes[made.name], settings.seed, llm)
                built = _built(building, tables, report)
            except Exhausted:
                wanted[made.name] *= GROWTH
                tables = None  # makes room
                tables = read()
            except Planned:
                break
        del wanted[made.name]
        if built is None or settings.dry_run:
            continue
        start = time.perf_counter()
        # decided anew: the ledger has more answers now
        told = {**decided(), **manifest.describe(made, built, tables.rejects)}
        report.spent("measure", time.perf_counter() - start)
        start = time.perf_counter()
        manifests.append(manifest.write(settings.out, made.name, built, told))
        report.spent("write", time.perf_counter() - start)
        report.done(manifests[-1])
    return manifests


def _possible(sets: Sequence[Set], settings: Settings, report: Reporter, llm: Llm) -> list[Set]:
    """The sets that can be built; of the others it is told why not.

    Raises `ShopmixError` where one of these was asked for by name.
    """
    possible = []
    for made in sets:
        if made.labels and llm.writer is None:
            lacks = (
                f"{made.name} is made with an LLM: name one with --llm, or a ledger that has its "
                f"answers with --ledger"
            )
            if settings.sets:
                raise ShopmixError(lacks)
            report.note(lacks)
        elif not settings.dry_run or made.labels or made.composer or llm.opinion:
            possible.append(made)
    return possible


def _built(building: Building, tables: Any, report: Reporter) -> Built:
    with report.watching(building.made.name, building.size, "samples") as progress:
        built = building.build(tables, progress)
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
        print("interrupted: what was finished is kept, the same command goes on", file=sys.stderr)
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
        with llm_of(settings, report) as llm:
            manifests = build_all(builder, settings, report, llm)
        if settings.dry_run:
            return
        report.summary(manifests, settings.out)
        if settings.show:
            show_samples(settings.out, [one["set"] for one in manifests], settings.show)

    run(command)
