"""`python -m builders`: what can be built."""

from __future__ import annotations

from rich import box
from rich.table import Table

from builders.console import plain_console
from builders.registry import builders


def main() -> None:
    """Print every source with its sets."""
    console = plain_console()
    for builder in builders():
        source = builder.source
        title = f"{source.name}: {source.repo} on the Hub, {source.license}"
        table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left")
        for column in ("set", "No.", "type", "size", "what is asked"):
            table.add_column(column, justify="right" if column in ("No.", "size") else "left")
        for made in builder.sets:
            table.add_row(made.name, str(made.number), made.task_type, f"{made.size:,}", made.asks)
        console.print(table)
        console.print(f"python -m builders.{source.name} --source demo --out DIR\n")


if __name__ == "__main__":
    main()
