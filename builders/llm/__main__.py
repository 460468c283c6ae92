"""`python -m builders.llm`: the ledger in figures and as JSON lines; new wordings by an LLM."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from rich import box
from rich.table import Table

from builders.cli import run
from builders.console import plain_console
from builders.errors import ShopmixError
from builders.llm import exchange, reword
from builders.llm.ledger import Ledger
from builders.llm.money import dollars
from builders.llm.opened import LEDGER
from builders.manifest import replacing


def main(argv: Sequence[str] | None = None) -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m builders.llm", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    ledger = commands.add_parser("ledger", help="what it holds; export, import, verify")
    ledger.add_argument("file", nargs="?", type=Path, default=LEDGER, help=f"default: {LEDGER}")
    what = ledger.add_mutually_exclusive_group()
    what.add_argument("--export", type=Path, metavar="FILE", help="write all as JSON lines")
    what.add_argument(
        "--import", type=Path, metavar="FILE", dest="import_", help="take over another's export"
    )
    what.add_argument("--verify", action="store_true", help="check that it holds together")
    reword.add_arguments(commands.add_parser("reword", help=reword.__doc__))
    given = parser.parse_args(argv)
    if given.command == "reword":
        reword.run(given)
        return
    _ledger(given)


def _ledger(given: argparse.Namespace) -> None:
    if not given.file.exists() and not given.import_:
        raise ShopmixError(f"{given.file}: no such ledger")
    console = plain_console()
    with closing(Ledger(given.file)) as ledger:
        if given.export:
            count = _export(ledger, given.export)
            console.print(f"{count:,} lines in {given.export}")
        elif given.import_:
            new, known = exchange.import_answers(ledger, given.import_)
            console.print(f"{new:,} new in {given.file}, {known:,} known before")
        elif given.verify:
            if flaws := list(exchange.flaws(ledger)):
                raise ShopmixError(f"{given.file}: {'; '.join(flaws[:10])}")
            console.print(f"{given.file} holds together")
        else:
            console.print(_totals(ledger, given.file))


def _export(ledger: Ledger, file: Path) -> int:
    count = 0
    with replacing(file) as half, half.open("w", encoding="utf-8") as lines:
        for line in exchange.export_answers(ledger):
            lines.write(line)
            count += 1
    return count


def _totals(ledger: Ledger, file: Path) -> Table:
    money, tokens = ledger.spent()
    title = f"{file}: {dollars(money)} and {tokens:,} tokens spent in all"
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", show_footer=True)
    rows = exchange.totals(ledger)
    table.add_column("model", footer="all")
    table.add_column("set")
    for name in ("answers", "failed", "lost", "imported", "in", "out"):
        total = sum(int(row[name]) for row in rows)
        table.add_column(name, justify="right", footer=f"{total:,}")
    table.add_column("spent", justify="right", footer=dollars(sum(int(r["money"]) for r in rows)))
    for row in rows:
        counts = (row[name] for name in ("answers", "failed", "lost", "imported", "in", "out"))
        cells = (f"{int(count):,}" for count in counts)
        table.add_row(row["model"], row["label"], *cells, dollars(int(row["money"])))
    return table


if __name__ == "__main__":
    run(lambda: main(sys.argv[1:]))
