"""What a mixture came to, as tables on a terminal."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from rich.console import Console
from rich.table import Table
from rich.text import Text

from builders.console import Reporter, plain_table
from builders.mixture.manifest import LEAKS, TRAIN, VALIDATION, Manifest, Packs

#: Leaks that are printed; all are in `LEAKS`.
_SHOWN = 3
_CUT = 300


def summary(report: Reporter, told: Manifest, folder: Path) -> None:
    """Sets, leaks, duplicates, lengths, and where it all is."""
    console = report.console
    console.print(_sets(told))
    _leaks(console, told, folder)
    if empty := [part.set for part in told.sets if not part.train]:
        report.note(f"no training row of {', '.join(empty)}")
    repeats = told.duplicates
    what = "dropped" if repeats.mode == "drop" else "left in, as the recipe says"
    report.note(f"duplicates {what}: {repeats.exact:,} exact, {repeats.near:,} near")
    long = told.lengths
    report.note(
        f"lengths in {long.unit}: median {long.median:,}, 95 % up to {long.p95:,}, longest "
        f"{long.longest:,}, {long.total:,} in all; {', '.join(map(_packed, long.packs))}"
    )
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in report.seconds.items())
    report.note(
        f"{folder}: {told.rows(TRAIN):,} training and {told.rows(VALIDATION):,} validation samples "
        f"in {len(told.files)} shards, id {told.id} ({stages})"
    )
    if not told.rows(VALIDATION):
        report.note(
            "no sample is for validation: sets are small, or few of their keys lie in fold 0; a "
            "smaller number of folds holds out more"
        )


def _packed(one: Packs) -> str:
    packs = "pack" if one.packs == 1 else "packs"
    return f"{one.packs:,} {packs} of {one.tokens:,} ({one.efficiency:.1%} full)"


def _sets(told: Manifest) -> Table:
    table = plain_table(f"Mixture {told.mixture}", "set", "No.", "asked for", "train", "validation")
    table.columns[0].no_wrap = True
    table.add_column("passed over", justify="left", overflow="fold", ratio=1)
    for part in told.sets:
        left = "; ".join(f"{reason} {count:,}" for reason, count in part.left_out.items())
        number = "" if part.number is None else str(part.number)
        asked = f"{'at most ' if part.at_most else ''}{part.size:,}"
        table.add_row(part.set, number, asked, f"{part.train:,}", f"{part.validation:,}", left)
    return table


def _leaks(console: Console, told: Manifest, folder: Path) -> None:
    refused = sum(told.leaks.refused.values())
    if not refused:
        return
    rules = ", ".join(f"{rule} {count:,}" for rule, count in told.leaks.refused.items())
    file = folder / LEAKS
    console.print(Text(f"{refused:,} samples refused as benchmark questions ({rules}): {file}"))
    for hit in pl.read_parquet(file).head(_SHOWN).iter_rows(named=True):
        console.print(
            Text(
                f"  {hit['set']} {hit['id']}, {hit['benchmark']} question {hit['question']}, "
                f"{hit['rule']}\n    ours:  {hit['text'][:_CUT]!r}\n"
                f"    theirs: {(hit['question_text'] or '(a digest has no text)')[:_CUT]!r}"
            )
        )
