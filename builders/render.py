"""Wordings: Jinja files under templates/, checked against the fields their set provides.

jinja2 says what a template means: it parses and lints every wording. minijinja renders them, for
its speed; a test holds the two byte-equal on every wording.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import minijinja
import polars as pl
import xxhash

from builders.draw import Draw
from builders.errors import ShopmixError

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


@dataclass(frozen=True)
class Wording:
    """One way to ask: `path` below templates/, and its Jinja source."""

    path: str
    text: str

    @property
    def name(self) -> str:
        """Path and 8 hex of the content, as a sample's `template` column has it."""
        return f"{self.path}@{xxhash.xxh3_64_hexdigest(self.text.encode())[:8]}"


def jinja() -> jinja2.Environment:
    """The reference engine: strict, plain text, lines with nothing but a block leave no trace."""
    return jinja2.Environment(
        undefined=jinja2.StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True
    )


def load(set_name: str, provided: frozenset[str], root: Path = TEMPLATES) -> list[Wording]:
    """The wordings of a set (`esci.title_for_query` lies in templates/esci/title_for_query).

    Raises `ShopmixError` where there are none, one does not parse, or one uses a variable that
    the set does not provide.
    """
    folder = root.joinpath(*set_name.split("."))
    files = sorted(folder.glob("*.j2"))
    if not files:
        raise ShopmixError(f"no wordings for set {set_name}: add .j2 files to {folder}")
    return [_lint(file, root, provided) for file in files]


def _lint(file: Path, root: Path, provided: frozenset[str]) -> Wording:
    text = file.read_text(encoding="utf-8")
    try:
        used = jinja2.meta.find_undeclared_variables(jinja().parse(text))
    except jinja2.TemplateSyntaxError as error:
        raise ShopmixError(f"{file}, line {error.lineno}: {error.message}") from None
    if unknown := sorted(used - provided):
        raise ShopmixError(
            f"{file} uses {', '.join(unknown)}; this set provides {', '.join(sorted(provided))}"
        )
    return Wording(file.relative_to(root).as_posix(), text)


def choose(rows: pl.DataFrame, wordings: list[Wording], draw: Draw) -> pl.Series:
    """The index of a wording for each row, by its column `key`: the highest hash wins.

    Rendezvous hashing: a wording that joins takes over just the samples that it wins.
    """
    hashes = rows.select(
        draw.hash("wording", pl.lit(wording.path), pl.col("key")).alias(str(i))
        for i, wording in enumerate(wordings)
    )
    return hashes.select(pl.concat_list(pl.all()).list.arg_max()).to_series()


class Renderer:
    """Renders the wordings of one set."""

    def __init__(self, wordings: list[Wording]) -> None:
        self._engine = minijinja.Environment(
            undefined_behavior="strict",
            auto_escape_callback=lambda _name: False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._names = [wording.path for wording in wordings]
        for wording in wordings:
            self._engine.add_template(wording.path, wording.text)

    def __call__(self, index: int, fields: Mapping[str, Any]) -> str:
        """The prompt that wording number `index` makes of the fields."""
        return str(self._engine.render_template(self._names[index], **fields))
