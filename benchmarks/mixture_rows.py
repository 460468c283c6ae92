"""Synthetic samples of all sets of v8, as builders write them, for measuring speed.

The questions are generated (see `mixture_shapes`); their wordings, proof, ids and manifests are
those of a real build. One question in a hundred repeats the one before it word by word, one but
for the last words of its texts. One in ten is of a split that v8 does not use, where its source has
one. The same arguments give the same samples.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))  # a checkout needs no install

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.mixture_shapes import SEARCH, SHAPES, Asked, Kind, Shape, Text
from benchmarks.mixture_texts import LANGUAGES, Texts, mix, share
from benchmarks.speech import Array, codes, join, pick
from builders import manifest
from builders.build import Building
from builders.builder import Builder, Set
from builders.draw import Draw
from builders.registry import builders

#: Of what the recipe asks for, in percent.
SIZES = {"percent": 130}
SPOKEN = {  # how much of a source is in which language
    "esci": {"en": 0.70, "es": 0.14, "ja": 0.16},
    "amazon_m2": {"en": 0.32, "de": 0.33, "ja": 0.26, "es": 0.03, "fr": 0.03, "it": 0.03},
}
SPLITS = {
    "esci": {"train": 0.9, "test": 0.1},
    "ecinstruct": {"train": 0.9, "test": 0.1},
    "mmlu": {"auxiliary_train": 0.863, "test": 0.121, "validation": 0.013, "dev": 0.003},
}
WEIGHTS = np.array([1.0, 0.1, 0.01, 0.0, 0.0])  # of what is ranked
NEAR = 24  # things in a neighbourhood
GOLDEN = 0.618  # steps of this part of a circle fall everywhere alike
GENERATOR = "openai:gpt-4.1-mini"
BASE32, BASE36 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@cache
def texts() -> Texts:
    """The words, made once in a process."""
    return Texts()


class Questions:
    """Some questions of a set: rows `skip` to `skip + limit`."""

    def __init__(self, source: str, made: Set, shape: Shape, draw: Draw) -> None:
        """Draw the anchors, and their languages and splits."""
        self.source, self.made, self.shape = source, made, shape
        row = np.arange(draw.skip, draw.skip + draw.limit)
        self.key, asked = row.astype(str), row - (row % 50 == 49)  # repeats the one before
        self.cut = np.where(row % 100 == 99, 0.93, 1.0)
        self.seed, size = mix(asked, made.name, draw.seed), shape.anchor.size
        step = next(n for n in range(int(size * GOLDEN), size) if np.gcd(n, size) == 1)
        self.anchor = (asked * step + int(share(made.name)[0] * size)) % size  # each at most once
        english = {"en": 1.0}  # as are all labels of an LLM
        spoken = english if shape.calls else SPOKEN.get(source, english)
        self.ends = np.cumsum([0, *spoken.values()])
        self.spoken = np.array([LANGUAGES.index(one) for one in spoken])
        self.tongue = np.searchsorted(self.ends[1:-1], self.anchor / size, "right")
        self.keys: list[pl.Series] = []
        self.rows: list[pl.Series] = []

    def frame(self) -> pl.DataFrame:
        """As a set's own function gives them."""
        single, count = np.arange(len(self.seed)), np.ones(len(self.seed), np.int64)
        self._origin(self.shape.anchor, single, self.anchor, count)
        columns: dict[str, Any] = {"key": self.key, "language": self._languages(single, False)}
        columns["language"] = pick(LANGUAGES, columns["language"])
        for name, asked in self.shape.fields.items():
            columns[name] = self._field(name, asked)
        if self.shape.options:
            columns |= self._options(self.shape.options)
        else:
            columns["truth"] = self._truth(columns)
        frame = pl.DataFrame({name: pl.Series(name, one) for name, one in columns.items()})
        lists = {"rows": self.rows, "keys": self.keys}
        frame = frame.with_columns(
            *(pl.concat_list(parts).list.unique().list.sort().alias(name)
              for name, parts in lists.items()),
            self._split(), *self._calls(),
            pl.lit(None, pl.String).alias("said"),
        )  # fmt: skip
        distinct = pl.lit(True)
        if self.shape.options:
            lowered = pl.col("options").list.eval(pl.element().str.to_lowercase())
            distinct = lowered.list.n_unique() == pl.col("options").list.len()
        return frame.with_columns(
            pl.when(~distinct).then(pl.lit("too few options")).alias("reject")
        )

    def _languages(self, row: Array, other: bool) -> Array:
        return np.asarray(self.spoken[(self.tongue[row] + other) % len(self.spoken)])

    def _text(self, text: Text, salt: str, row: Array, thing: Array, nth: Array) -> pa.Array:
        """Texts on things, for these rows."""
        part = 1 + nth % text.parts if text.parts else np.zeros_like(nth)
        if text.of:
            thing, salt = thing % text.of, f"{text.style} of {text.of}"
        cut = np.where(thing == self.anchor[row], self.cut[row], 1.0)
        number = thing.astype(np.int64) * 8 + part
        return texts().on(
            self._languages(row, text.other), f"{salt} {text.style}", number, text, cut
        )

    def _origin(self, kind: Kind, row: Array, thing: Array, count: Array) -> None:
        """Add the keys and source rows of things, `count` of them a row."""
        offsets = np.append(0, np.cumsum(count))
        for prefix, size in kind.keys:
            number = (share(thing, prefix) ** 2 * size).astype(np.int64) if size else thing
            said = self._code(kind, prefix, row, number)
            self.keys.append(_listed(join(f"{prefix}:", said), offsets))
        rows = codes(mix(thing, kind.name).astype(np.int64) % 10**15, "0123456789", 15)
        self.rows.append(_listed(join(f"{kind.name}:", rows), offsets))

    def _code(self, kind: Kind, prefix: str, row: Array, number: Array) -> pa.Array:
        """What stands in a key after its prefix."""
        if prefix == "query":
            return self._text(SEARCH, kind.name, row, number, np.zeros_like(number))
        hashed = (mix(number, f"{self.source} {prefix}") >> np.uint64(2)).astype(np.int64)
        if prefix == "user":
            return join(codes(hashed, BASE32, 12, "AE"), codes(hashed >> 3, BASE32, 12))
        if prefix == "product" and self.source != "ecinstruct":
            return codes(hashed % 36**8, BASE36, 8, "B0")
        return codes(hashed, "0123456789", 19)

    def _things(self, name: str, asked: Asked) -> tuple[Array, Array, Array, Array]:
        """For each of what is asked: its row, its place in it, its thing; and how many a row."""
        least, most = asked.least or 1, asked.most or 1
        count = least + (mix(self.seed, name) % np.uint64(most - least + 1)).astype(np.int64)
        row = np.repeat(np.arange(len(count)), count)
        nth = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        anchor, kind = self.anchor[row], asked.kind
        start = (self.seed[row] >> np.uint64(7)).astype(np.int64)
        if kind is None:
            of = asked.text.of if asked.least else None
            return row, nth, (start + 7 * nth) % of if of else anchor, count
        around = anchor * kind.size // self.shape.anchor.size
        near = (around + 1 + (start + 5 * nth) % NEAR) % kind.size
        begin, end = self.ends[self.tongue[row]], self.ends[self.tongue[row] + 1]
        place = share(self.seed[row], name, nth) ** (2 if kind.popular else 1)
        far = ((begin + (end - begin) * place) * kind.size).astype(np.int64)
        is_near = share(self.seed[row], nth, name, "near") < asked.near
        thing = np.where(is_near, near, far)
        if asked.own:
            thing = np.where(nth < self._right()[row], anchor, thing)
        return row, nth, thing, count

    def _right(self) -> Array:
        return 1 + (mix(self.seed, "right") % np.uint64(self.shape.right)).astype(np.int64)

    def _field(self, name: str, asked: Asked) -> pa.Array | pl.Series:
        row, nth, thing, count = self._things(name, asked)
        kind = asked.kind or self.shape.anchor
        said = self._text(asked.text, kind.name, row, thing, nth)
        if asked.kind:
            self._origin(asked.kind, row, thing, count)
        if asked.nullable:
            said = pc.if_else(pa.array(share(self.seed, name) < asked.nullable), None, said)
        return said if asked.least is None else _listed(said, np.append(0, np.cumsum(count)))

    def _options(self, asked: Asked) -> dict[str, pl.Series]:
        """Options in an order of their own, with weights, and reasons for the wrong ones."""
        row, nth, thing, count = self._things("options", asked)
        weight = np.where(nth < self._right()[row], 1.0, 0.0)
        if self.made.task_type == "ranking":
            weight = WEIGHTS[nth]
        order = np.lexsort((mix(self.seed[row], nth, "order"), row))
        nth, thing, weight = nth[order], thing[order], weight[order]
        said = self._text(asked.text, (asked.kind or self.shape.anchor).name, row, thing, nth)
        if asked.kind:
            self._origin(asked.kind, row, thing, count)
        reasons = pick(["other_answer", "judged_S"], np.where(weight == 1, -1, nth % 2))
        offsets = np.append(0, np.cumsum(count))
        return {
            "options": _listed(said, offsets),
            "weights": _listed(pa.array(weight), offsets),
            "reasons": _listed(reasons, offsets),
        }

    def _truth(self, columns: dict[str, Any]) -> Any:
        truth = self.shape.truth
        if truth == "digit":
            return (1 + mix(self.seed, "digit") % np.uint64(5)).astype(np.int64)
        if truth == "entity":
            return [[text.split()[1].strip(",.")] for text in columns["product"].to_pylist()]
        assert isinstance(truth, Text)
        row, none = np.arange(len(self.seed)), np.zeros(len(self.seed), np.int64)
        return self._text(truth, f"{self.shape.anchor.name} answer", row, self.anchor, none)

    def _split(self) -> pl.Series:
        splits = SPLITS.get(self.source, {"train": 1.0})
        at = np.searchsorted(np.cumsum([*splits.values()])[:-1], share(self.seed, "split"), "right")
        return pl.Series("split", pick(list(splits), at))

    def _calls(self) -> list[pl.Series]:
        """Who had a part in them, and the keys of calls."""
        each, many = self.shape.calls, len(self.seed)
        call = mix(np.repeat(self.seed, each), np.tile(np.arange(each), many))
        digits = (call >> np.uint64(1)).astype(np.int64)
        text = join(
            codes(digits, "0123456789abcdef", 16), codes(digits >> 2, "0123456789abcdef", 16)
        )
        by = pl.Series("generator", [GENERATOR if each else None] * many, pl.String)
        return [by, _listed(text, np.arange(many + 1) * each).alias("calls")]


def _listed(flat: pa.Array, offsets: Array) -> pl.Series:
    """A list for each row, of what lies between the offsets."""
    lists = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), flat)
    made: pl.Series = pl.Series(pl.from_arrow(lists))
    return made


def _make(source: str, made: Set, _tables: Any, draw: Draw) -> pl.DataFrame:
    return Questions(source, made, SHAPES[made.name], draw).frame()


def build(name: str, out: Path, percent: int) -> str:
    """One set, as `builders.cli` builds it, into a folder; returns what to say of it."""
    began = time.perf_counter()
    builder, real = _found(name)
    source, size = builder.source.name, real.size * percent // 100
    made = replace(real, make=partial(_make, source, real), labels=(), composer=None)
    tables = SimpleNamespace(revision="generated")
    built = Building(builder, made, size, seed=0).build(tables, lambda *_: None)
    told = manifest.fingerprint(builder, made, tables.revision, 0, None, size)
    told |= manifest.describe(made, built, {})
    manifest.write(out, name, built, told)
    return f"{time.perf_counter() - began:6.1f} s: {name}, {len(built.samples):,} samples"


def _found(name: str) -> tuple[Builder, Set]:
    for builder in builders():
        for made in builder.sets:
            if made.name == name:
                return builder, made
    raise KeyError(name)


def generate(out: Path, percent: int) -> None:
    """Write all sets into a folder; they get their names when all of them are whole."""
    out.mkdir(parents=True, exist_ok=True)
    largest = sorted(SHAPES, key=lambda name: -_found(name)[1].size)
    with tempfile.TemporaryDirectory(prefix=".mixture_rows-", dir=out) as temp:
        with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
            task = partial(build, out=Path(temp), percent=percent)
            for said in pool.map(task, largest):
                print(said, flush=True)
        for file in sorted(Path(temp).iterdir()):
            file.replace(out / file.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    for option, value in SIZES.items():
        parser.add_argument(f"--{option}", type=int, default=value)
    generate(**vars(parser.parse_args()))
