"""Samples that ask the same again: exact and near duplicates over `fields`, wordings aside.

A question has parts: its fields, in their order and without the empty ones, and its options, whose
order does not matter. Two samples of one task type are

    exact duplicates    if their fields have the same words in the same order, and their options
                        are the same as a set; case, punctuation and blanks aside
    near duplicates     if each part has four of five words (or more) in common with that of the
                        other (Jaccard similarity; in a text without blanks between words pairs of
                        neighbouring characters count as words)

Each part by itself: a title is long, and must not make questions alike that ask for another
attribute of it, in another language, or for another query. Options that stand under many questions
are labels, such as yes and no. They say what is asked of the fields, so they have to be the same.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from builders.esci.knowledge import RELATIONS
from builders.mixture.minhash import (
    THREADS,
    Groups,
    Hashes,
    Rows,
    alike,
    candidates,
    distinct,
    mixed,
    offsets,
    spans,
)
from builders.mixture.tokens import tokens

#: Fields that are no part of what is asked: why options are wrong, and an LLM's wording of it.
_BESIDE = ("options", "reasons", "composed")
#: Options under so many questions or more are labels.
LABELS = 20
#: ECInstruct's labels of relevance, which are ESCI's in words.
_IN_WORDS = {
    "The product is relevant to the query, and satisfies all the query specifications.": "E",
    "The product is somewhat relevant. It fails to fulfill some aspects of the query but the "
    "product can be used as a functional substitute.": "S",
    "The product does not fulfill the query, but could be used in combination with a product "
    "exactly matching the query.": "C",
    "The product is irrelevant to the query.": "I",
}
#: Samples that are read at once: bounds the memory of their texts.
_CHUNK = 32_768
#: The number of the part that options are, after any field.
_OPTIONS = 1 << 16
_PAIRED = np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True)
class Repeats:
    """Which of n samples ask the same.

    first: int64 of shape (n,): for each sample the first one that is an exact duplicate of it,
    itself if none is. near: `a`, `b` (UInt32, a < b, both are the `first` of theirs) and
    `similarity` (Float32, of the parts that are least alike), a row a pair, sorted. Of more than
    `builders.mixture.minhash.CROWD` samples that are much alike, only pairs with the first of
    them are sure to be there.
    """

    first: NDArray[np.int64]
    near: pl.DataFrame

    def at(self, rows: Rows, count: int) -> Repeats:
        """The same, told by places among `count` samples, of which these were the `rows`."""
        first = np.arange(count)
        first[rows] = rows[self.first]
        place = pl.Series(rows, dtype=pl.UInt32)
        moved = [place.gather(self.near[name]).alias(name) for name in ("a", "b")]
        return Repeats(first, self.near.with_columns(moved))


@dataclass(frozen=True)
class _Questions:
    """n samples as hashes. asked, options: shape (n,), what decides on exact duplicates.

    cells: the words of each part that has any, in order, options last. rows, parts: the sample and
    part of each cell; options are part `_OPTIONS`.
    """

    asked: Hashes
    options: Hashes
    cells: Groups
    rows: Rows
    parts: Rows


def repeats(samples: pl.DataFrame, sure: int | None = None) -> Repeats:
    """The duplicates among samples (columns `task_type` and `fields`), whose order is that in
    which they may be taken.

    sure: how many of them, the first, are sure to be looked at. What follows may be more or less
    and must have no say, so these alone decide which options are labels.
    """
    types = samples["task_type"].rank("dense").fill_null(0).to_numpy().astype(np.uint64)
    chunks = [samples["fields"].slice(at, _CHUNK) for at in range(0, len(samples) or 1, _CHUNK)]
    with ThreadPoolExecutor(THREADS) as pool:
        read = list(pool.map(_read, chunks))
    questions = _joined(read)
    del read
    wordless = np.ones(len(samples), np.bool_)
    wordless[questions.rows] = False
    first = _first(types, questions, wordless)
    return Repeats(first, _near(types, questions, first, len(samples) if sure is None else sure))


def _first(types: Hashes, questions: _Questions, wordless: NDArray[np.bool_]) -> Rows:
    """The first exact duplicate of each; what has no word (an emoji) tells nothing."""
    keys = {"type": types, "asked": questions.asked, "options": questions.options}
    rows = pl.DataFrame(keys).with_row_index("row")
    first = rows.select(pl.col("row").min().over(*keys)).to_series().to_numpy().astype(np.int64)
    return np.where(wordless, np.arange(len(first)), first)


def _near(types: Hashes, questions: _Questions, first: Rows, sure: int) -> pl.DataFrame:
    labels = _labels(questions, sure)
    is_first = first == np.arange(len(first))
    kept = is_first[questions.rows] & ~(labels[questions.rows] & (questions.parts == _OPTIONS))
    cells = questions.cells.take(np.flatnonzero(kept))
    per_row = np.bincount(questions.rows[kept], minlength=len(first))
    begins = offsets(per_row)
    # a part is compared with the same part alone, and labels have to be the same
    kinds = mixed(types + np.uint64(16) * per_row.astype(np.uint64))
    kinds = mixed(kinds + np.where(labels, questions.options, np.uint64(0)))
    a, b = candidates(Groups(cells.hashes, cells.starts[begins]), kinds)
    parts = per_row[a]
    rows, place = np.unique(np.concatenate([a, b]), return_inverse=True)
    words = distinct(cells.take(spans(begins[rows], per_row[rows])))
    begins = offsets(per_row[rows])
    left, right = (spans(begins[one], parts) for one in np.split(place, 2))
    near, similarity = _compared(words, left, right, offsets(parts)[:-1])
    found = {"a": a[near], "b": b[near], "similarity": similarity[near]}
    return pl.DataFrame(found, {"a": pl.UInt32, "b": pl.UInt32, "similarity": pl.Float32})


def _compared(
    words: Groups, left: Rows, right: Rows, begins: Rows
) -> tuple[NDArray[np.bool_], NDArray[np.float32]]:
    """For pairs, whose parts begin at `begins`: whether all are near, and the least similarity."""
    near = np.ones(len(begins), np.bool_)
    least = np.ones(len(begins), np.float32)
    counts = np.diff(begins, append=len(left))
    # the shortest parts first: they cost little and tell most pairs apart
    order = np.lexsort((np.diff(words.starts)[left], np.repeat(np.arange(len(begins)), counts)))
    for nth in range(counts.max(initial=0)):
        pairs = np.flatnonzero(near & (counts > nth))
        parts = order[begins[pairs] + nth]
        near[pairs], similarity = alike(words, left[parts], right[parts])
        least[pairs] = np.minimum(least[pairs], similarity)
    return near, least


def _labels(questions: _Questions, sure: int) -> NDArray[np.bool_]:
    """Which samples have labels for options, or none; the first so many decide it."""
    told = np.zeros(len(questions.options), np.bool_)
    told[questions.rows[questions.parts == _OPTIONS]] = True
    rows = pl.DataFrame({"asked": questions.asked, "options": questions.options})
    counts = rows.select(
        pl.col("asked").filter(pl.int_range(pl.len()) < sure).n_unique().over("options")
    )
    return np.asarray(~told | (counts.to_series() >= LABELS).to_numpy())


def _joined(read: list[_Questions]) -> _Questions:
    """The questions of all chunks."""
    counts = offsets(np.array([len(one.asked) for one in read]))
    return _Questions(
        np.concatenate([one.asked for one in read]),
        np.concatenate([one.options for one in read]),
        Groups(
            np.concatenate([one.cells.hashes for one in read]),
            offsets(np.concatenate([np.diff(one.cells.starts) for one in read])),
        ),
        np.concatenate([one.rows + at for one, at in zip(read, counts[:-1], strict=True)]),
        np.concatenate([one.parts for one in read]),
    )


def _read(fields: pl.Series) -> _Questions:
    """What samples ask; their texts are forgotten."""
    texts, runs, sizes = _texts(fields)
    found = tokens(pl.Series(texts, dtype=pl.String))
    counts = np.diff(found.starts)
    told = np.flatnonzero(counts)
    rows, parts = np.divmod(np.repeat(np.array(runs, np.int64), sizes)[told], _OPTIONS + 1)
    asked, options = _keys(found.hashes, counts[told], rows, parts, len(fields))
    words = _words(Groups(found.hashes, offsets(counts[told])), found.spaceless[told])
    # a cell is the texts of one part
    begins = np.flatnonzero(np.diff(rows * (_OPTIONS + 1) + parts, prepend=-1))
    cells = Groups(words.hashes, np.append(words.starts[begins], words.starts[-1:]))
    rows, parts = rows[begins], parts[begins]
    # fields count from 0 in each sample, without the empty ones
    place = np.arange(len(rows)) - np.searchsorted(rows, rows)
    parts = np.where(parts == _OPTIONS, _OPTIONS, place)
    salts = mixed(np.repeat(parts, np.diff(cells.starts)).astype(np.uint64))
    return _Questions(
        asked, options, Groups(mixed(cells.hashes ^ salts), cells.starts), rows, parts
    )


def _texts(fields: pl.Series) -> tuple[list[str], list[int], list[int]]:
    """All texts that are asked; and of each part, options last, which it is of which sample
    (`sample * (_OPTIONS + 1) + part`), and how many of the texts it has."""
    texts: list[str] = []
    runs, sizes = [], []
    for number, content in enumerate(map(json.loads, fields)):
        options = content.get("options") or []
        asked = [value for name, value in content.items() if name not in _BESIDE]
        for part, value in (*enumerate(asked), (_OPTIONS, options)):
            told = _told(value)
            texts += told
            runs.append(number * (_OPTIONS + 1) + part)
            sizes.append(len(told))
    return texts, runs, sizes


def _told(value: Any) -> list[str]:
    """The texts of a field; a list of numbers, one for each option, is a hint and not shown."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [one for one in value if isinstance(one, str)]
    return [] if value is None else [str(value)]


def _keys(
    hashes: Hashes, counts: Rows, rows: Rows, parts: Rows, samples: int
) -> tuple[Hashes, Hashes]:
    """Hashes of what is asked, as words in order, and of the options, as a set of such."""
    # a unit is all that is asked, or one option
    options = parts == _OPTIONS
    begins = np.flatnonzero(options | (np.diff(rows, prepend=-1) != 0))
    starts = np.append(offsets(counts)[begins], len(hashes))
    units = _in_order(Groups(hashes, starts))
    rows, options = rows[begins], options[begins]
    asked, chosen = np.zeros(samples, np.uint64), np.zeros(samples, np.uint64)
    asked[rows[~options]] = units[~options]
    rows, units = rows[options], _one_word(units[options])
    order = np.lexsort((units, rows))
    rows, units = rows[order], units[order]
    new = (np.diff(rows, prepend=-1) != 0) | (np.diff(units, prepend=~units[:1]) != 0)
    np.add.at(chosen, rows[new], mixed(units[new]))
    return asked, chosen


def _in_order(units: Groups) -> Hashes:
    """A hash of each unit's words in their order (multilinear: Lemire and Kaser, 2014)."""
    sizes = np.diff(units.starts)
    weights = mixed(np.arange(sizes.max(initial=0), dtype=np.uint64)) | np.uint64(1)
    weighted = units.hashes * weights[spans(np.zeros_like(sizes), sizes)]
    sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(weighted)])
    return mixed(np.diff(sums[units.starts]))


def _one_word(options: Hashes) -> Hashes:
    """Options, ECInstruct's labels of relevance replaced by ESCI's."""
    said = tokens(pl.Series([*_IN_WORDS, *(RELATIONS[one] for one in _IN_WORDS.values())]))
    theirs, ours = np.split(_in_order(Groups(said.hashes, said.starts)), 2)
    for label, mine in zip(theirs, ours, strict=True):
        options = np.where(options == label, mine, options)
    return options


def _words(texts: Groups, spaceless: NDArray[np.bool_]) -> Groups:
    """What texts are compared by: their words, or where these have no blanks between them, pairs
    of neighbouring characters."""
    counts = np.diff(texts.starts)
    paired = np.flatnonzero(spaceless & (counts > 1))
    at = spans(texts.starts[paired], counts[paired] - 1)
    words, kept = texts.hashes.copy(), np.ones(len(texts.hashes), np.bool_)
    words[at] = mixed(words[at] * _PAIRED + words[at + 1])
    kept[texts.starts[paired + 1] - 1] = False  # a last character has no neighbour
    counts[paired] -= 1
    return Groups(words[kept], offsets(counts))
