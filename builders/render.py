"""Wordings: Jinja files under templates/, checked against the fields their set provides.

jinja2 says what a template means: it parses every wording. The part of Jinja that wordings need is
small (text, fields, loops, conditions), so its syntax tree becomes one Python expression, an
f-string, which renders several times faster; a test holds the two byte-equal on every wording.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import jinja2.meta
import polars as pl
import xxhash
from jinja2 import nodes

from builders.draw import Draw
from builders.errors import ShopmixError

TEMPLATES = Path(__file__).resolve().parent.parent / "templates"


#: What a wording begins with that an LLM has written: by whom, and the key of its call.
_WRITTEN = re.compile(r"\{# written by (.+), call ([0-9a-f]{32}) #\}\n")


@dataclass(frozen=True)
class Wording:
    """One way to ask: `path` below templates/, and its Jinja source."""

    path: str
    text: str

    @property
    def generator(self) -> str | None:
        """The LLM that has written it, as provider:model."""
        return found[1] if (found := _WRITTEN.match(self.text)) else None

    @property
    def call(self) -> str | None:
        """The key of the LLM's call in a ledger."""
        return found[2] if (found := _WRITTEN.match(self.text)) else None

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
    wording = Wording(file.relative_to(root).as_posix(), text)
    compiled(wording)  # what is beyond the compiler is told here
    return wording


def choose(rows: pl.DataFrame, wordings: list[Wording], draw: Draw) -> pl.Series:
    """The index of a wording for each row, by its column `key`: the highest hash wins.

    Rendezvous hashing: a wording that joins takes over just the samples that it wins.
    """
    hashes = rows.select(
        draw.hash("wording", pl.lit(wording.path), pl.col("key")).alias(str(i))
        for i, wording in enumerate(wordings)
    )
    return hashes.select(pl.concat_list(pl.all()).list.arg_max()).to_series()


def compiled(wording: Wording) -> Callable[[Mapping[str, Any]], str]:
    """A function from fields to the prompt. It raises `KeyError` for a field that is missing.

    Raises `ShopmixError` for Jinja that wordings do not need.
    """
    try:
        code = _text(jinja().parse(wording.text).body, frozenset())
    except _Beyond as error:
        raise ShopmixError(f"{wording.path}: {error} is more of Jinja than wordings need") from None
    function: Callable[[Mapping[str, Any]], str] = eval(f"lambda fields: {code}")
    return function


class _Beyond(Exception):
    """A piece of Jinja that has no translation here."""


def _text(body: list[nodes.Node], local: frozenset[str]) -> str:
    """Python code of an expression of type str."""
    parts = [part for node in body for part in _parts(node, local)]
    return " + ".join(parts) if parts else "''"


def _parts(node: nodes.Node, local: frozenset[str]) -> list[str]:
    match node:
        case nodes.Output():
            return [_output(part, local) for part in node.nodes]
        case nodes.For(target=nodes.Name(name=name), else_=[], test=None, recursive=False):
            body = _text(node.body, local | {name})
            items = f"enumerate({_value(node.iter, local)})"
            return [f"''.join([{body} for loop, own_{name} in {items}])"]
        case nodes.If(elif_=[]):
            then, other = _text(node.body, local), _text(node.else_, local)
            return [f"({then} if {_value(node.test, local)} else {other})"]
    raise _Beyond(type(node).__name__)


def _output(node: nodes.Node, local: frozenset[str]) -> str:
    if isinstance(node, nodes.TemplateData):
        return repr(node.data)
    return f"str({_value(node, local)})"


def _value(node: nodes.Node, local: frozenset[str]) -> str:
    match node:
        case nodes.Name(name=name):
            return f"own_{name}" if name in local else f"fields[{name!r}]"
        case nodes.Const(value=int(value)):
            return repr(value)
        case nodes.Getattr(node=nodes.Name(name="loop"), attr="index0"):
            return "loop"
        case nodes.Getattr(node=nodes.Name(name="loop"), attr="index"):
            return "(loop + 1)"
        case nodes.Filter(name="length", args=[]) if node.node is not None:
            return f"len({_value(node.node, local)})"
        case nodes.Compare(ops=[nodes.Operand(op="gt", expr=right)]):
            return f"({_value(node.expr, local)} > {_value(right, local)})"
    raise _Beyond(type(node).__name__)
