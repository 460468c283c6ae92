"""`python -m builders`: what can be built; `python -m builders all`: build it."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich import box
from rich.table import Table

from builders.cli import arguments, build_all, command_of, llm_of, run, where_of
from builders.console import Reporter, plain_console, show_samples
from builders.errors import FatalError, ShopmixError
from builders.registry import builders


def main(argv: Sequence[str] | None = None) -> None:
    """Without arguments print every source with its sets; `all` builds all that can be built."""
    given = list(sys.argv[1:] if argv is None else argv)
    if not given:
        _print_sets()
    elif given[0] == "all":
        _build(given[1:])
    else:
        raise ShopmixError(f"python -m builders {given[0]}: did you mean all, or nothing?")


def _build(argv: Sequence[str]) -> None:
    """Every source in turn. One that is not to be had is told, and does not stop the others."""
    report, manifests, problems = Reporter(), [], []
    settings = arguments(None, argv)
    with llm_of(settings, report) as llm:
        for builder in builders():
            where = where_of(builder, settings.source)
            try:
                one = settings.model_copy(update={"source": where})
                manifests += build_all(builder, one, report, llm)
            except FatalError:
                raise
            except ShopmixError as error:
                problems.append(f"{builder.source.name}: {error}")
                report.note(problems[-1])
    if settings.dry_run:
        return
    if not manifests:
        raise ShopmixError("nothing was built: what each source lacks is told above")
    report.summary(manifests, settings.out)
    for problem in problems:
        report.note(f"not built: {problem}")
    if settings.show:
        show_samples(settings.out, [one["set"] for one in manifests], settings.show)


def _print_sets() -> None:
    console = plain_console()
    for builder in builders():
        source = builder.source
        title = f"{source.name}: {source.repo or 'not'} on the Hub, {source.license}"
        table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
        for column in ("set", "No.", "type", "size", "what is asked", "LLM"):
            table.add_column(column, justify="right" if column in ("No.", "size") else "left")
        for made in builder.sets:
            number = "" if made.number is None else str(made.number)
            cells = (made.name, number, made.task_type, f"{made.size:,}", made.asks)
            table.add_row(*cells, "labels" if made.labels else "composes" if made.composer else "")
        console.print(table)
        console.print(f"{command_of(builder)} --source demo --out DIR\n")


if __name__ == "__main__":
    run(main)
